/* psk.h - the pre-shared key method (RFC 3830 3.1): what both sides share. */
#ifndef CALLSEAL_MIKEY_PSK_H
#define CALLSEAL_MIKEY_PSK_H

#include "daemon/base/secret.h"
#include "daemon/keeper/keying.h"
#include "modules/mikey/kdf.h"
#include "modules/mikey/message.h"
#include "modules/mikey/outgoing.h"

#define MIKEY_PSK_MIN 16  /* bytes: a MAC can be tried offline */
#define MIKEY_TGK_MIN 16  /* bytes */

extern const struct keying mikey_psk;

/* The keys that protect the messages of one exchange. Secret: wipe it. */
struct mikey_psk_keys {
	uint8_t mac_alg, encr_alg;
	uint8_t encr_len, auth_len; /* bytes used */
	uint16_t bits;              /* of strength: key_bits of the facts */
	uint8_t encr[32], auth[32], salt[14];
};

/* Derives them from the pre-shared key (4.1.4); E_UNSUPPORTED for algorithms
 * that are not done. */
int mikey_psk_derive(const struct secret *psk, const struct mikey_root *of,
		     unsigned encr_alg, unsigned mac_alg,
		     struct mikey_psk_keys *out);

/* Decrypts the KEMAC of m, which has a T; its algorithm is k's. out has room
 * for the KEMAC's data, *len are used. E_FORMAT when a key wrap is not k's. */
int mikey_psk_open(const struct mikey_psk_keys *k,
		   const struct mikey_message *m, uint8_t *out, size_t *len);

/* What a verification message (V) covers behind its own bytes (5.2). */
struct mikey_covered {
	struct mikey_bytes id_i, id_r, stamp;
};

/* The MAC of a verification payload: over the message up to its MAC field,
 * both identities and the timestamp. out has MIKEY_HASH_MAX bytes. */
int mikey_verification(const struct mikey_psk_keys *k,
		       struct mikey_bytes message,
		       const struct mikey_covered *also, uint8_t *out);
/* Whether v, the last payload of the message in bytes, verifies. */
int mikey_verified(const struct mikey_psk_keys *k, struct mikey_bytes bytes,
		   const struct mikey_payload *v,
		   const struct mikey_covered *also);
/* Encodes m, whose last payload is a V of k's algorithm with MAC bytes of
 * any value, and fills the MAC in. */
int mikey_encode_verified(struct mikey_message *m,
			  const struct mikey_psk_keys *k,
			  const struct mikey_covered *also, struct buf *out);

/* Encodes m, whose last payload is a KEMAC with k's MAC algorithm, and fills
 * the MAC in: it is the message's last field and covers all before (6.2). */
int mikey_encode_maced(struct mikey_message *m,
		       const struct mikey_psk_keys *k, struct buf *out);

/* The responder's half, in psk_answer.c. As struct keying says. */
int mikey_psk_answer(const struct keying_terms *t, const uint8_t *offer,
		     size_t len, struct buf *out, struct keying_result *result,
		     struct keying_fault *fault);

/* Both sides' terms must hold a usable key, identities and lines. */
int mikey_psk_terms(const struct keying_terms *t, struct keying_fault *fault);
#endif
