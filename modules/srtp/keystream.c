/* keystream.c - AES in counter mode and in f8 mode. See keystream.h.
 *
 * RFC 3711 4.1.1: block n of the key stream is the cipher over the IV with n
 * in its last 16 bits. The blocks go through ECB in one call: EVP's own
 * counter mode would have to be started anew for each packet, which takes
 * longer than the packet.
 *
 * 4.1.2: S(j) = E(k_e, IV' XOR j XOR S(j-1)) with S(-1) = 0, which is just CBC
 * over the blocks IV' XOR j with an IV of zeroes: one call again. */
#include "modules/srtp/keystream.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <string.h>

#define BLOCK 16
#define BLOCKS 32 /* of key stream made at once */

void xor_bytes(uint8_t *to, const uint8_t *from, size_t len)
{
	uint64_t a, b;

	for (; len >= 8; len -= 8, to += 8, from += 8) {
		memcpy(&a, to, 8);
		memcpy(&b, from, 8);
		a ^= b;
		memcpy(to, &a, 8);
	}
	while (len--)
		*to++ ^= *from++;
}

/* Takes n bytes of what the cipher makes of the blocks in stream. */
static int take(EVP_CIPHER_CTX *cipher, uint8_t *stream, size_t n, uint8_t *p)
{
	int len = (int)((n + BLOCK - 1) / BLOCK * BLOCK), out;

	if (!EVP_CipherUpdate(cipher, stream, &out, stream, len) || out != len)
		return E_INTERNAL;
	xor_bytes(p, stream, n);
	return 0;
}

int keystream_cm(EVP_CIPHER_CTX *ecb, const uint8_t iv[static 14], uint8_t *p,
		 size_t len)
{
	uint8_t stream[BLOCKS * BLOCK];
	unsigned counter = 0;
	int r = 0;

	for (size_t n; len && !r; p += n, len -= n) {
		n = len < sizeof stream ? len : sizeof stream;
		for (size_t i = 0; i < n; i += BLOCK, counter++) {
			memcpy(stream + i, iv, 14);
			stream[i + 14] = (uint8_t)(counter >> 8);
			stream[i + 15] = (uint8_t)counter;
		}
		r = take(ecb, stream, n, p);
	}
	return r;
}

void keystream_f8_mask(const uint8_t *key, size_t key_len,
		       const uint8_t *salt, size_t salt_len, uint8_t *out)
{
	memset(out, 0x55, key_len);
	memcpy(out, salt, salt_len);
	xor_bytes(out, key, key_len);
}

int keystream_f8(EVP_CIPHER_CTX *cbc, EVP_CIPHER_CTX *mask,
		 const uint8_t iv[static 16], uint8_t *p, size_t len)
{
	uint8_t stream[BLOCKS * BLOCK], first[BLOCK];
	uint32_t j = 0;
	int r = 0, out;

	if (!EVP_CipherUpdate(mask, first, &out, iv, BLOCK) || out != BLOCK)
		return E_INTERNAL;
	for (size_t n; len && !r; p += n, len -= n) {
		n = len < sizeof stream ? len : sizeof stream;
		for (size_t i = 0; i < n; i += BLOCK, j++) {
			memcpy(stream + i, first, BLOCK);
			for (int k = 0; k < 4; k++)
				stream[i + 12 + k] ^= (uint8_t)(j >>
								(24 - 8 * k));
		}
		r = take(cbc, stream, n, p);
	}
	wipe(first, sizeof first);
	return r;
}
