/* keyring.c - the keys that the keeper shipped, by id. See keyring.h.
 *
 *   (KEY) -> parked -> (STREAM_SET names it) -> installed -> gone
 *        \-> wrong: bound to another call, or to what is no use of it
 *
 * A parked key has no deadline of its own: it goes with its stream or with
 * KEY_GONE, and a stream holds KEYRING_OF_STREAM at most. (A phone may ring for
 * minutes before its stream is told to use the key.) */
#include "daemon/relay/keyring.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "daemon/spent.h"

#include <stdlib.h>

#define BUCKETS 4096

struct keyring {
	struct held_key *buckets[BUCKETS];
	struct spent spent;
};

int keyring_new(struct keyring **out)
{
	struct keyring *k = calloc(1, sizeof *k);

	if (!k)
		return E_NOMEM;
	*out = k;
	return 0;
}

void keyring_free(struct keyring *k)
{
	free(k);
}

bool keyring_seen(const struct keyring *k, uint64_t id)
{
	return spent_seen(&k->spent, id);
}

int keyring_mark(struct keyring *k, uint64_t id)
{
	return spent_mark(&k->spent, id);
}

/* -- the table ------------------------------------------------------------ */

static size_t bucket(uint64_t id)
{
	return (size_t)(id ^ id >> 32) % BUCKETS;
}

int keyring_hold(struct keyring *k, struct key_list *list,
		 const struct msg_key *key, enum key_state state)
{
	struct held_key *h;

	if (list->n == KEYRING_OF_STREAM)
		return E_FULL;
	h = calloc(1, sizeof *h);
	if (!h)
		return E_NOMEM;
	h->key = *key;
	h->state = state;
	if (state != KEY_PARKED)
		wipe(&h->key.key, sizeof h->key.key);
	h->next_hash = k->buckets[bucket(key->key_id)];
	k->buckets[bucket(key->key_id)] = h;
	h->next = list->first;
	list->first = h;
	list->n++;
	return 0;
}

struct held_key *keyring_find(const struct keyring *k, uint64_t id)
{
	struct held_key *h = k->buckets[bucket(id)];

	while (h && h->key.key_id != id)
		h = h->next_hash;
	return h;
}

void keyring_installed(struct held_key *h)
{
	h->state = KEY_INSTALLED;
	wipe(&h->key.key, sizeof h->key.key);
}

/* Takes *at out of its stream's list. */
static void drop_at(struct keyring *k, struct key_list *list,
		    struct held_key **at)
{
	struct held_key *h = *at;
	struct held_key **p = &k->buckets[bucket(h->key.key_id)];

	*at = h->next;
	list->n--;
	while (*p != h)
		p = &(*p)->next_hash;
	*p = h->next_hash;
	wipe(h, sizeof *h);
	free(h);
}

void keyring_drop(struct keyring *k, struct key_list *list, uint64_t id)
{
	for (struct held_key **p = &list->first; *p; p = &(*p)->next) {
		if ((*p)->key.key_id == id) {
			drop_at(k, list, p);
			return;
		}
	}
}

void keyring_drop_all(struct keyring *k, struct key_list *list)
{
	while (list->first)
		drop_at(k, list, &list->first);
}

int keyring_check(const struct held_key *h, uint64_t call, uint32_t stream,
		  enum key_direction d)
{
	if (h->state == KEY_WRONG || h->key.call != call ||
	    h->key.stream != stream || h->key.direction != (uint32_t)d)
		return E_AUTH;
	return 0;
}
