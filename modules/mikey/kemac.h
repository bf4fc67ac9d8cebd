/* kemac.h - what a KEMAC payload protects: encryption of its data (RFC 3830
 * 4.2.3) and the key data sub-payloads in it (6.13, 6.14). */
#ifndef CALLSEAL_MIKEY_KEMAC_H
#define CALLSEAL_MIKEY_KEMAC_H

#include "modules/mikey/message.h"

#define MIKEY_KEYS_MAX 8 /* key data sub-payloads in one KEMAC */

enum mikey_key_type { MIKEY_KEY_TGK, MIKEY_KEY_TGK_SALT, MIKEY_KEY_TEK,
		      MIKEY_KEY_TEK_SALT };

/* Points into decrypted bytes: secret. */
struct mikey_key {
	uint8_t type; /* enum mikey_key_type */
	struct mikey_bytes key, salt;
	struct mikey_kv kv;
};

struct mikey_keys {
	struct mikey_payload id; /* public-key method: the encrypted IDi */
	size_t n;
	struct mikey_key key[MIKEY_KEYS_MAX];
};

/* Reads the decrypted data. with_id: an ID payload comes first (public-key
 * method, RFC 3830 6.2). E_FORMAT, E_UNSUPPORTED. */
int mikey_keys_decode(struct mikey_bytes plain, bool with_id,
		      struct mikey_keys *out);
int mikey_keys_encode(const struct mikey_keys *k, struct buf *out);

/* AES in counter mode, both ways; key_len 16 or 32; in may equal out. */
int mikey_aes_cm(const uint8_t *key, size_t key_len, const uint8_t iv[16],
		 struct mikey_bytes in, uint8_t *out);
/* AES key wrap (RFC 3394) undone: in.len - 8 bytes come out, for which out must
 * have room for in.len. E_FORMAT: not that key's, or no whole blocks. */
int mikey_key_unwrap(const uint8_t key[16], const uint8_t iv[8],
		     struct mikey_bytes in, uint8_t *out);
/* IV = (S XOR (0x0000 || CSB ID || T)) || 0x0000 (4.2.3), salt of 14 bytes. */
void mikey_iv(const uint8_t salt[14], uint32_t csb_id, uint64_t stamp,
	      uint8_t iv[16]);

#endif
