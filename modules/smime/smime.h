/* smime.h - the keeper's "bodies" by S/MIME. */
#ifndef CALLSEAL_SMIME_SMIME_H
#define CALLSEAL_SMIME_SMIME_H

#include "daemon/keeper/bodies.h"

extern const struct bodies smime_bodies;

#endif
