/* keystream.h - the two modes of AES that make a key stream (RFC 3711 4.1). */
#ifndef CALLSEAL_SRTP_KEYSTREAM_H
#define CALLSEAL_SRTP_KEYSTREAM_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

void xor_bytes(uint8_t *to, const uint8_t *from, size_t len);

/* Counter mode (4.1.1), in place, both ways. ecb is keyed AES in ECB without
 * padding; at most 2^16 blocks. E_INTERNAL. */
int keystream_cm(EVP_CIPHER_CTX *ecb, const uint8_t iv[static 14], uint8_t *p,
		 size_t len);

/* f8 mode (4.1.2), in place, both ways. cbc is keyed AES encrypting in CBC
 * without padding, started with an IV of zeroes; mask is AES in ECB under the
 * key that keystream_f8_mask() makes. E_INTERNAL. */
int keystream_f8(EVP_CIPHER_CTX *cbc, EVP_CIPHER_CTX *mask,
		 const uint8_t iv[static 16], uint8_t *p, size_t len);
/* k_e XOR m. salt_len is at most key_len. */
void keystream_f8_mask(const uint8_t *key, size_t key_len,
		       const uint8_t *salt, size_t salt_len, uint8_t *out);

#endif
