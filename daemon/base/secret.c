/* secret.c - bytes that must not be seen. See secret.h. */
#include "daemon/base/secret.h"

#include "daemon/base/err.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

void wipe(void *p, size_t len)
{
	OPENSSL_cleanse(p, len);
}

bool equal_ct(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

int secret_set(struct secret *s, const void *bytes, size_t len)
{
	if (len > SECRET_MAX)
		return E_SPACE;
	secret_wipe(s);
	if (len)
		memcpy(s->bytes, bytes, len);
	s->len = len;
	return 0;
}

int secret_random(struct secret *s, size_t len)
{
	if (len > SECRET_MAX)
		return E_SPACE;
	secret_wipe(s);
	if (RAND_bytes(s->bytes, (int)len) != 1)
		return E_INTERNAL;
	s->len = len;
	return 0;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && equal_ct(a->bytes, b->bytes, a->len);
}

void secret_wipe(struct secret *s)
{
	wipe(s, sizeof *s);
}
