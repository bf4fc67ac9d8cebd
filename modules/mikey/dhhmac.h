/* dhhmac.h - Diffie-Hellman under a pre-shared key (RFC 4650). */
#ifndef CALLSEAL_MIKEY_DHHMAC_H
#define CALLSEAL_MIKEY_DHHMAC_H

#include "daemon/keeper/keying.h"

extern const struct keying mikey_dhhmac;

#endif
