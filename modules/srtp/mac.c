/* mac.c - HMAC-SHA1 (RFC 2104) with a key that is kept. See mac.h.
 *
 * HMAC is two digests that start with the key, padded. Both states are made
 * once and copied for each packet: of what EVP offers this is the cheapest
 * (bench/RESULTS.md). A copy allocates a little, in libcrypto. */
#include "modules/srtp/mac.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <string.h>

#define BLOCK_LEN 64
#define INNER 0x36
#define OUTER 0x5c

/* Starts a digest with the key in it. */
static int hash_key(EVP_MD_CTX *md, const uint8_t *key, uint8_t pad)
{
	uint8_t block[BLOCK_LEN];
	int r = E_INTERNAL;

	memset(block, pad, sizeof block);
	for (int i = 0; i < MAC_LEN; i++)
		block[i] ^= key[i];
	if (EVP_DigestInit_ex2(md, NULL, NULL) &&
	    EVP_DigestUpdate(md, block, sizeof block))
		r = 0;
	wipe(block, sizeof block);
	return r;
}

int mac_key(struct mac *m, const uint8_t key[static MAC_LEN])
{
	int r = hash_key(m->inner, key, INNER);

	return r ? r : hash_key(m->outer, key, OUTER);
}

int mac_open(struct mac *m, const uint8_t key[static MAC_LEN])
{
	EVP_MD_CTX **all[] = { &m->inner, &m->outer, &m->work };
	const EVP_MD *sha1 = EVP_sha1();

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		*all[i] = EVP_MD_CTX_new();
		if (!*all[i])
			return E_NOMEM;
		if (!EVP_DigestInit_ex2(*all[i], sha1, NULL))
			return E_INTERNAL;
	}
	return mac_key(m, key);
}

void mac_close(struct mac *m)
{
	EVP_MD_CTX_free(m->inner); /* these wipe what they hold */
	EVP_MD_CTX_free(m->outer);
	EVP_MD_CTX_free(m->work);
	*m = (struct mac){ NULL, NULL, NULL };
}

static int finish(struct mac *m, const uint8_t *p, size_t len, uint8_t *out)
{
	if (!EVP_DigestUpdate(m->work, p, len) ||
	    !EVP_DigestFinal_ex(m->work, out, NULL))
		return E_INTERNAL;
	return 0;
}

int mac_make(struct mac *m, const uint8_t *p, size_t len,
	     uint8_t out[static MAC_LEN])
{
	int r;

	if (!EVP_MD_CTX_copy_ex(m->work, m->inner))
		return E_INTERNAL;
	r = finish(m, p, len, out);
	if (r)
		return r;
	if (!EVP_MD_CTX_copy_ex(m->work, m->outer))
		return E_INTERNAL;
	return finish(m, out, MAC_LEN, out);
}

/* A failed copy leaves work without a digest: it is set up anew. */
int mac_make_with(struct mac *m, const uint8_t key[static MAC_LEN],
		  const uint8_t *p, size_t len, uint8_t out[static MAC_LEN])
{
	int r;

	if (!EVP_MD_CTX_copy_ex(m->work, m->inner))
		return E_INTERNAL;
	r = hash_key(m->work, key, INNER);
	if (!r)
		r = finish(m, p, len, out);
	if (!r)
		r = hash_key(m->work, key, OUTER);
	return r ? r : finish(m, out, MAC_LEN, out);
}
