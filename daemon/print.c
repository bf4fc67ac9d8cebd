/* print.c - fingerprints (RFC 4572 section 5). See print.h. */
#include "daemon/print.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <openssl/evp.h>

static const struct {
	const char *name;
	size_t len;
	const EVP_MD *(*md)(void);
} hashes[PRINT_HASHES] = {
	[PRINT_SHA1] = { "SHA-1", 20, EVP_sha1 },
	[PRINT_SHA224] = { "SHA-224", 28, EVP_sha224 },
	[PRINT_SHA256] = { "SHA-256", 32, EVP_sha256 },
	[PRINT_SHA384] = { "SHA-384", 48, EVP_sha384 },
	[PRINT_SHA512] = { "SHA-512", 64, EVP_sha512 },
};

static bool is_hash(enum print_hash hash)
{
	return hash > PRINT_NONE && hash < PRINT_HASHES;
}

const char *print_hash_name(enum print_hash hash)
{
	return is_hash(hash) ? hashes[hash].name : NULL;
}

size_t print_hash_len(enum print_hash hash)
{
	return is_hash(hash) ? hashes[hash].len : 0;
}

int print_of(enum print_hash hash, const void *data, size_t len,
	     struct print *out)
{
	struct print p = { .hash = hash };
	unsigned n = 0;

	if (!is_hash(hash))
		return E_ARG;
	if (!EVP_Digest(data, len, p.bytes, &n, hashes[hash].md(), NULL))
		return E_NOMEM;
	p.len = n;
	*out = p;
	return 0;
}

bool print_equal(const struct print *a, const struct print *b)
{
	return a->hash == b->hash && a->len == b->len && a->len &&
	       equal_ct(a->bytes, b->bytes, a->len);
}

bool prints_sound(const struct prints *p)
{
	bool sound = p->n <= PRINTS_MAX;

	for (unsigned i = 0; sound && i < p->n; i++)
		sound = is_hash(p->list[i].hash) &&
			p->list[i].len == hashes[p->list[i].hash].len;
	return sound;
}

bool prints_match(const struct prints *p, const void *data, size_t len,
		  bool sha1)
{
	enum print_hash best = PRINT_NONE;
	struct print ours;

	for (unsigned i = 0; i < p->n; i++)
		if (p->list[i].hash > best)
			best = p->list[i].hash;
	if (best == PRINT_NONE || (best == PRINT_SHA1 && !sha1) ||
	    print_of(best, data, len, &ours))
		return false;
	for (unsigned i = 0; i < p->n; i++)
		if (print_equal(&p->list[i], &ours))
			return true;
	return false;
}
