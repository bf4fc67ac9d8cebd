/* envelope.h - a TGK on its way under an envelope key, which is sealed with
 * the public key of its receiver (RFC 3830 3.2, RFC 4738 3.6):
 *
 *   KEMAC = E(encr_key, ID || TGK) || MAC,  PKE = E(PK, env_key)  */
#ifndef CALLSEAL_MIKEY_ENVELOPE_H
#define CALLSEAL_MIKEY_ENVELOPE_H

#include "daemon/keeper/certs/credential.h"
#include "daemon/keeper/keying.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/psk.h"

#define ENVELOPE_PLAIN 512 /* bytes: an identity and a TGK */

/* Secret: wipe it. */
struct mikey_envelope {
	struct mikey_psk_keys keys; /* from the envelope key */
	uint8_t tgk[SRTP_KEY_MAX];  /* when we make it */
	size_t tgk_len;
	uint8_t plain[ENVELOPE_PLAIN]; /* when we open it; key points in */
	struct mikey_keys key;
	uint8_t sealed[ENVELOPE_PLAIN], mac[MIKEY_HASH_MAX];
	size_t sealed_len;
	uint8_t pke[SIGNATURE_MAX];
	size_t pke_len;
};

/* What an envelope that we make is for. Borrowed. */
struct mikey_envelope_order {
	const struct mikey_root *root; /* bundle, RAND, PRF */
	uint64_t stamp;
	struct mikey_bytes id; /* the sender's */
	const struct certificate *receiver;
	size_t tgk_len;
	struct mikey_kv kv;    /* the key's validity */
};

/* Draws a TGK and an envelope key, and seals both. */
int mikey_envelope_make(struct mikey_envelope *e,
			const struct mikey_envelope_order *o);
/* Adds KEMAC and PKE, which point into e. */
void mikey_envelope_add(const struct mikey_envelope *e,
			struct mikey_message *m);

/* Opens what a signed message m holds, which has KEMAC, PKE and T: the
 * identity in it must be id. E_AUTH for a wrong key, MAC or identity; which,
 * only the operator learns: the far end hears the same. */
int mikey_envelope_open(struct mikey_envelope *e, const struct credential *own,
			const struct mikey_message *m,
			const struct mikey_root *root, const char *id,
			struct keying_fault *fault);

#endif
