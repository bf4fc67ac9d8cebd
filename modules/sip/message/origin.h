/* origin.h - where a call comes from, as it said itself: for the operator who
 * has to follow up on it. */
#ifndef CALLSEAL_SIP_ORIGIN_H
#define CALLSEAL_SIP_ORIGIN_H

#include "modules/sip/sip.h"

/* The first line and headers of a received request as they came, a line each;
 * without those that answer a challenge, and without the body, which may hold
 * keys. From home; NULL: no memory. */
char *origin_head(su_home_t *home, const sip_t *sip);

#endif
