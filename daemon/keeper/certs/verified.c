/* verified.c - see verified.h.
 *
 * Only what passed every check is here, under a hash of all that was checked:
 * the bytes of the chain, what for, and for whom. It holds no longer than the
 * first of its certificates, and of the revocation lists that were asked, and
 * not before the last of them began. Trust on first use is not kept: pins
 * change. */
#include "daemon/keeper/certs/verified.h"

#include "daemon/base/err.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES 64

struct entry {
	uint8_t key[32];
	struct span span;
	EVP_PKEY *leaf; /* NULL: free */
};

struct verified {
	struct entry entry[ENTRIES];
	size_t next; /* the oldest */
};

struct verified *verified_new(void)
{
	return calloc(1, sizeof(struct verified));
}

void verified_clear(struct verified *v)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		EVP_PKEY_free(v->entry[i].leaf);
		v->entry[i] = (struct entry){ .leaf = NULL };
	}
}

void verified_free(struct verified *v)
{
	if (v)
		verified_clear(v);
	free(v);
}

/* Each length goes before its bytes, so that no two inputs run together. */
static int add(EVP_MD_CTX *ctx, const void *p, size_t len)
{
	uint64_t n = len;

	return EVP_DigestUpdate(ctx, &n, sizeof n) == 1 &&
	       EVP_DigestUpdate(ctx, p, len) == 1 ? 0 : E_NOMEM;
}

int verified_key(const struct verified_case *of, uint8_t key[static 32])
{
	const struct credential_ask *ask = of->ask;
	uint8_t head[2] = { of->configured, (uint8_t)ask->use };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1
			? add(ctx, head, sizeof head) : E_NOMEM;

	if (!r)
		r = add(ctx, ask->id, strlen(ask->id));
	for (size_t i = 0; i < of->n && !r; i++)
		r = add(ctx, of->part[i].p, of->part[i].len);
	if (!r && EVP_DigestFinal_ex(ctx, key, NULL) != 1)
		r = E_NOMEM;
	EVP_MD_CTX_free(ctx);
	return r;
}

EVP_PKEY *verified_find(const struct verified *v, const uint8_t *key,
			uint64_t wall_us)
{
	long long now = (long long)(wall_us / 1000000);
	const struct entry *e = v->entry;

	for (; e < v->entry + ENTRIES; e++)
		if (e->leaf && !memcmp(e->key, key, sizeof e->key) &&
		    now >= e->span.from_s && now < e->span.until_s &&
		    EVP_PKEY_up_ref(e->leaf))
			return e->leaf;
	return NULL;
}

void verified_add(struct verified *v, const uint8_t *key, struct span span,
		  EVP_PKEY *leaf)
{
	struct entry *e = &v->entry[v->next];

	if (span.from_s >= span.until_s || !EVP_PKEY_up_ref(leaf))
		return;
	EVP_PKEY_free(e->leaf);
	memcpy(e->key, key, sizeof e->key);
	e->span = span;
	e->leaf = leaf;
	v->next = (v->next + 1) % ENTRIES;
}
