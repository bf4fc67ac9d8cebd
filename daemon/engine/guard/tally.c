/* tally.c - see tally.h. Sets of a few entries, as in a cache; a rate is a
 * bucket of tokens that fills by itself. */
#include "daemon/engine/guard/tally.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 8

struct entry {
	uint64_t key; /* 0: free */
	uint64_t seen_us;
	uint64_t filled_us; /* 0: the bucket is full */
	double tokens;
	unsigned held;
};

struct tally {
	uint64_t seed;
	size_t sets;
	struct entry entry[];
};

int tally_new(size_t entries, struct tally **out)
{
	size_t sets = (entries + WAYS - 1) / WAYS;
	struct tally *t = calloc(1, sizeof *t + sets * WAYS * sizeof *t->entry);
	struct secret random;
	int r;

	if (!t)
		return E_NOMEM;
	r = secret_random(&random, sizeof t->seed);
	if (r) {
		free(t);
		return r;
	}
	memcpy(&t->seed, random.bytes, sizeof t->seed);
	wipe(&random, sizeof random);
	t->sets = sets;
	*out = t;
	return 0;
}

void tally_free(struct tally *t)
{
	free(t);
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 29;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 32;
}

/* The seed goes in at every step: without it no two keys can be made to fall
 * together. */
uint64_t tally_key(const struct tally *t, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = mix(t->seed ^ len), word;

	for (size_t n; len; p += n, len -= n) {
		n = len < sizeof word ? len : sizeof word;
		word = 0;
		memcpy(&word, p, n);
		h = mix((h ^ word) + t->seed);
	}
	return h ? h : 1;
}

static struct entry *find(const struct tally *t, uint64_t key)
{
	struct entry *e = (struct entry *)&t->entry[key % t->sets * WAYS];

	for (int i = 0; i < WAYS; i++)
		if (e[i].key == key)
			return &e[i];
	return NULL;
}

/* The entry of the key, made if need be; NULL: all places hold something. */
static struct entry *enter(struct tally *t, uint64_t key, uint64_t now_us)
{
	struct entry *set = &t->entry[key % t->sets * WAYS], *e = find(t, key);

	for (int i = 0; i < WAYS && (!e || e->key != key); i++)
		if (!set[i].held && (!e || set[i].seen_us < e->seen_us))
			e = &set[i];
	if (!e)
		return NULL;
	if (e->key != key)
		*e = (struct entry){ .key = key };
	e->seen_us = now_us;
	return e;
}

static double tokens(const struct entry *e, const struct tally_rate *r,
		     uint64_t now_us)
{
	double full = r->burst > r->n ? r->burst : r->n, have;

	if (!e->filled_us)
		return full;
	have = e->tokens + (double)(now_us - e->filled_us) * r->n /
			   (double)r->period_us;
	return have < full ? have : full;
}

bool tally_may(struct tally *t, uint64_t key, const struct tally_rate *r,
	       uint64_t now_us)
{
	const struct entry *e = find(t, key);

	return !e || tokens(e, r, now_us) >= 1;
}

bool tally_take(struct tally *t, uint64_t key, const struct tally_rate *r,
		uint64_t now_us)
{
	struct entry *e = enter(t, key, now_us);
	double have;

	if (!e)
		return false;
	have = tokens(e, r, now_us);
	e->filled_us = now_us;
	e->tokens = have >= 1 ? have - 1 : have;
	return have >= 1;
}

bool tally_hold(struct tally *t, uint64_t key, unsigned max, uint64_t now_us)
{
	struct entry *e = enter(t, key, now_us);

	if (!e || e->held >= max)
		return false;
	e->held++;
	return true;
}

void tally_release(struct tally *t, uint64_t key)
{
	struct entry *e = find(t, key);

	if (e && e->held)
		e->held--;
}

unsigned tally_held(const struct tally *t, uint64_t key)
{
	const struct entry *e = find(t, key);

	return e ? e->held : 0;
}
