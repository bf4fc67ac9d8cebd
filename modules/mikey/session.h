/* session.h - from a TGK to the SRTP master keys of all crypto sessions, and to
 * ESP's keys for the tunnels that *out has (esp/keys.h), whose sessions are the
 * first. */
#ifndef CALLSEAL_MIKEY_SESSION_H
#define CALLSEAL_MIKEY_SESSION_H

#include "daemon/keeper/keying.h"
#include "modules/mikey/kdf.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/sp.h"

/* Fills send and recv of *out for its n lines, and the keys of its tunnels (RFC
 * 3830 4.1.3). root->key is the TGK; key tells the salt, if one was sent, and
 * the validity. */
int mikey_session_keys(const struct mikey_root *root,
		       const struct mikey_key *key, const struct mikey_sp *sp,
		       bool initiator, struct keying_result *out);

/* What keys that the far end sent are for. Borrowed. */
struct mikey_session {
	const struct mikey_root *root; /* without a key */
	const struct mikey_sp *sp;
	const struct mikey_message *map; /* its crypto sessions */
	const uint32_t *ours; /* the SSRCs that we send with, one a line */
	bool initiator;       /* we are */
};

/* The same from keys that came in a KEMAC: with tunnels one TGK, else one for
 * all sessions or one for each, TGKs or TEKs, that fit the suite.
 * E_UNSUPPORTED. */
int mikey_session_make(const struct mikey_session *s,
		       const struct mikey_keys *keys, struct keying_result *out,
		       struct keying_fault *fault);
/* Whether a key's validity is one that we do: none, an MKI, or an interval
 * from the first packet on. E_UNSUPPORTED. */
int mikey_session_validity(const struct mikey_kv *kv,
			   struct keying_fault *fault);

#endif
