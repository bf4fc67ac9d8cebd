/* keyset.c - open tables of 64-bit keyed hashes. See keyset.h.
 *
 * Two: when one is full it becomes the earlier one, and what was that is
 * forgotten. The key of the hash is random and dies with the process. That two
 * of n keys have one hash by chance happens with n^2 / 2^65: then a call
 * fails. */
#include "modules/xfrm/keyset.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64 /* a power of two */

struct table {
	uint64_t *slot; /* 0: free */
	size_t n, room;
};

struct keyset {
	struct secret random;
	struct table now, earlier; /* most in each */
	size_t most;
};

static int table_new(struct table *t)
{
	*t = (struct table){ .room = FIRST_ROOM };
	t->slot = calloc(t->room, sizeof *t->slot);
	return t->slot ? 0 : E_NOMEM;
}

int keyset_new(size_t most, struct keyset **out)
{
	struct keyset *s = calloc(1, sizeof *s);
	int r = E_NOMEM;

	if (!s)
		return r;
	s->most = most;
	r = table_new(&s->now);
	if (!r)
		r = table_new(&s->earlier);
	if (!r)
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
	free(s->now.slot);
	free(s->earlier.slot);
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
static uint64_t *place(const struct table *t, uint64_t h)
{
	size_t i = (size_t)(h >> 1) & (t->room - 1);

	while (t->slot[i] && t->slot[i] != h)
		i = (i + 1) & (t->room - 1);
	return &t->slot[i];
}

static int grow(struct table *t)
{
	struct table more = { .n = t->n, .room = 2 * t->room };

	more.slot = calloc(more.room, sizeof *more.slot);
	if (!more.slot)
		return E_NOMEM;
	for (size_t i = 0; i < t->room; i++)
		if (t->slot[i])
			*place(&more, t->slot[i]) = t->slot[i];
	free(t->slot);
	*t = more;
	return 0;
}

static int turn_over(struct keyset *s)
{
	struct table fresh;
	int r = table_new(&fresh);

	if (r)
		return r;
	free(s->earlier.slot);
	s->earlier = s->now;
	s->now = fresh;
	return 0;
}

static int make_room(struct keyset *s, size_t n)
{
	int r = s->now.n + n > s->most ? turn_over(s) : 0;

	if (!r && 4 * (s->now.n + n) > 3 * s->now.room)
		r = grow(&s->now);
	return r;
}

static bool knows(const struct keyset *s, uint64_t h)
{
	return *place(&s->now, h) || *place(&s->earlier, h);
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
	for (size_t i = 0; !r && i < n; i++)
		if (knows(s, h[i]))
			r = E_REPLAY;
	if (!r && n == 2 && h[0] == h[1]) /* one key for two purposes */
		r = E_REPLAY;
	if (!r)
		r = make_room(s, n);
	for (size_t i = 0; !r && i < n; i++)
		*place(&s->now, h[i]) = h[i], s->now.n++;
	return r;
}

size_t keyset_count(const struct keyset *s)
{
	return s->now.n + s->earlier.n;
}
