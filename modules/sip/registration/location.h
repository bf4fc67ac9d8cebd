/* location.h - the role "location" over the table of bindings. */
#ifndef CALLSEAL_SIP_LOCATION_H
#define CALLSEAL_SIP_LOCATION_H

#include "daemon/engine/way/location.h"
#include "modules/sip/registration/binding.h"

/* A record whose functions ask b. */
struct location location_of(struct bindings *b);

#endif
