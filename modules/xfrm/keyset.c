/* keyset.c - an open table of 64-bit keyed hashes. See keyset.h.
 *
 * The key of the hash is random and dies with the process. That two of n keys
 * have one hash by chance happens with n^2 / 2^65: then a call fails. */
#include "modules/xfrm/keyset.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64 /* a power of two */

struct keyset {
	struct secret random;
	uint64_t *slot; /* 0: free */
	size_t n, room, most;
};

int keyset_new(size_t most, struct keyset **out)
{
	struct keyset *s = calloc(1, sizeof *s);
	int r = E_NOMEM;

	if (!s)
		return r;
	s->most = most;
	s->room = FIRST_ROOM;
	s->slot = calloc(s->room, sizeof *s->slot);
	if (s->slot)
		r = secret_random(&s->random, 32);
	if (r)
		keyset_free(s);
	else
		*out = s;
	return r;
}

void keyset_free(struct keyset *s)
{
	if (!s)
		return;
	free(s->slot);
	secret_wipe(&s->random);
	free(s);
}

static int hash(const struct keyset *s, const uint8_t *key, size_t len,
		uint64_t *out)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n;

	if (!HMAC(EVP_sha256(), s->random.bytes, (int)s->random.len, key, len,
		  mac, &n))
		return E_NOMEM;
	memcpy(out, mac, sizeof *out);
	*out |= 1; /* 0 is a free slot */
	return 0;
}

/* Where h is, or would be. */
static uint64_t *place(uint64_t *slot, size_t room, uint64_t h)
{
	size_t i = (size_t)(h >> 1) & (room - 1);

	while (slot[i] && slot[i] != h)
		i = (i + 1) & (room - 1);
	return &slot[i];
}

static int grow(struct keyset *s)
{
	size_t room = 2 * s->room;
	uint64_t *more = calloc(room, sizeof *more);

	if (!more)
		return E_NOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->slot[i])
			*place(more, room, s->slot[i]) = s->slot[i];
	free(s->slot);
	s->slot = more;
	s->room = room;
	return 0;
}

int keyset_add(struct keyset *s, const struct esp_key *key)
{
	uint64_t h[2];
	size_t n = 1;
	int r;

	if (!key->key_len || key->key_len > ESP_KEY_MAX ||
	    key->auth_len > ESP_AUTH_MAX)
		return E_ARG;
	r = hash(s, key->key, key->key_len, &h[0]);
	if (!r && key->auth_len)
		r = hash(s, key->auth, key->auth_len, &h[n++]);
	if (!r && s->n + n > s->most)
		r = E_FULL;
	if (!r && 4 * (s->n + n) > 3 * s->room)
		r = grow(s);
	for (size_t i = 0; !r && i < n; i++)
		if (*place(s->slot, s->room, h[i]))
			r = E_REPLAY;
	if (!r && n == 2 && h[0] == h[1]) /* one key for two purposes */
		r = E_REPLAY;
	for (size_t i = 0; !r && i < n; i++)
		*place(s->slot, s->room, h[i]) = h[i], s->n++;
	return r;
}

size_t keyset_count(const struct keyset *s)
{
	return s->n;
}
