/* dhsign.h - signed Diffie-Hellman (RFC 3830 3.3), in a group or on a curve
 * (doc/MIKEY-ECC.md). */
#ifndef CALLSEAL_MIKEY_DHSIGN_H
#define CALLSEAL_MIKEY_DHSIGN_H

#include "daemon/keeper/keying.h"

extern const struct keying mikey_dhsign, mikey_ecdh;

#endif
