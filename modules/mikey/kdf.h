/* kdf.h - MIKEY's keyed hash functions: HMAC and the PRF built on it (RFC
 * 3830 4.1; RFC 6043 6.1 for SHA-256). */
#ifndef CALLSEAL_MIKEY_KDF_H
#define CALLSEAL_MIKEY_KDF_H

#include "modules/mikey/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIKEY_PRF_SHA1 0   /* MIKEY-1 */
#define MIKEY_PRF_SHA256 1 /* PRF-HMAC-SHA-256 */
#define MIKEY_HASH_MAX 32
#define MIKEY_RAND_MAX 255

/* Labels' constants: from a TGK (4.1.3), from a pre-shared or envelope key
 * (4.1.4; there the CS ID is 0xff). */
#define MIKEY_TEK 0x2AD01C64u
#define MIKEY_TGK_SALT 0x39A2C14Bu
#define MIKEY_ENCR_KEY 0x150533E1u
#define MIKEY_AUTH_KEY 0x2D22AC75u
#define MIKEY_SALT_KEY 0x29B88916u

/* What all keys of one exchange are derived from; borrowed. */
struct mikey_root {
	unsigned prf;
	const uint8_t *key; /* TGK, pre-shared or envelope key */
	size_t key_len;
	uint32_t csb_id;
	struct mikey_bytes rand;
	bool named; /* session keys: the response names the suite (session.c) */
};

/* HMAC over n runs of bytes; alg is MIKEY_MAC_SHA1 or _SHA256, out has
 * mikey_mac_len() bytes. E_UNSUPPORTED for other algorithms, NULL too. */
int mikey_hmac(unsigned alg, const uint8_t *key, size_t key_len,
	       const struct mikey_bytes *run, size_t n, uint8_t *out);
/* The MAC that goes with a PRF in what we make: of the same hash. */
unsigned mikey_mac_of(unsigned prf);
/* PRF(key, label) of RFC 3830 4.1.2, out_len bytes of it. */
int mikey_prf(unsigned prf, struct mikey_bytes key, struct mikey_bytes label,
	      uint8_t *out, size_t out_len);
/* A key: PRF with label constant || cs_id || csb_id || RAND. */
int mikey_derive(const struct mikey_root *root, uint32_t constant,
		 uint8_t cs_id, uint8_t *out, size_t out_len);

#endif
