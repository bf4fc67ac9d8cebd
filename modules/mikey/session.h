/* session.h - from a TGK to the SRTP master keys of all crypto sessions. */
#ifndef CALLSEAL_MIKEY_SESSION_H
#define CALLSEAL_MIKEY_SESSION_H

#include "daemon/keeper/keying.h"
#include "modules/mikey/kdf.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/sp.h"

/* Fills n, send and recv of *out for n lines (RFC 3830 4.1.3). root->key is
 * the TGK; key tells the salt, if one was sent, and the MKI. */
int mikey_session_keys(const struct mikey_root *root,
		       const struct mikey_key *key, const struct mikey_sp *sp,
		       bool initiator, struct keying_result *out);

#endif
