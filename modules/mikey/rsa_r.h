/* rsa_r.h - public-key encryption in reverse mode, RSA-R (RFC 4738). */
#ifndef CALLSEAL_MIKEY_RSA_R_H
#define CALLSEAL_MIKEY_RSA_R_H

#include "daemon/keeper/keying.h"

extern const struct keying mikey_rsa_r;

#endif
