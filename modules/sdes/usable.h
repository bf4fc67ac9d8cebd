/* usable.h - whether an a=crypto that was read can be used here, and the key
 * that it gives. Pure; any thread. */
#ifndef CALLSEAL_SDES_USABLE_H
#define CALLSEAL_SDES_USABLE_H

#include "modules/sdes/crypto.h"

/* The sender's key. no_rate: the relay takes no key derivation rate. On
 * failure *why is static text; E_FORMAT for what RFC 4568 calls invalid,
 * E_UNSUPPORTED for what we do not do or do not want. */
int usable(const struct crypto *c, bool no_rate, struct srtp_key *out,
	   const char **why);

#endif
