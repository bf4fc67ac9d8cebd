/* docket.c - the keeper's memory, one docket a call. See docket.h.
 *
 * Two hash tables: dockets by call, exchanges by id; and two queues of
 * exchanges by expiry, of those that wait for an answer and those that had
 * one. A docket exists as long as it has something in it. Counts are bounded
 * by the number of calls that the configuration allows: past them a request
 * is refused, not an old call harmed. */
#include "daemon/keeper/docket.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "daemon/keeper/rate.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64
#define EXCHANGES_PER_CALL 2
#define KEYS_PER_STREAM 16 /* as many as the relay holds of one */
#define KEYS_LATER 6       /* of an answered call: those before, those in
                              force, those of an offer on its way */
#define KEYS_PER_CALL 32   /* two lines that were re-keyed for long */
#define SPARE 64

struct queue {
	struct exchange *first, *last;
};

struct dockets {
	struct docket **slot;
	struct exchange **by_id;
	size_t slots; /* of each, a power of 2 */
	struct queue waiting, answered;
	size_t exchanges, exchanges_max;
	size_t keys, keys_max;
	size_t dockets, dockets_max;
	unsigned ahead[RATE_SLOTS]; /* calls, by peer */
};

static size_t slot_of(const struct dockets *d, uint64_t id)
{
	return (size_t)((id * 0x9e3779b97f4a7c15u) >> 32) & (d->slots - 1);
}

int dockets_new(size_t calls, struct dockets **out)
{
	struct dockets *d = calloc(1, sizeof *d);

	if (!d)
		return E_NOMEM;
	for (d->slots = SLOTS_MIN; d->slots < calls; d->slots *= 2)
		;
	d->slot = calloc(d->slots, sizeof *d->slot);
	d->by_id = calloc(d->slots, sizeof *d->by_id);
	if (!d->slot || !d->by_id) {
		dockets_free(d);
		return E_NOMEM;
	}
	d->dockets_max = 2 * calls + SPARE;
	d->exchanges_max = EXCHANGES_PER_CALL * calls + SPARE;
	d->keys_max = KEYS_PER_CALL * calls + SPARE;
	*out = d;
	return 0;
}

void dockets_free(struct dockets *d)
{
	if (!d)
		return;
	if (d->slot && d->by_id)
		dockets_release_all(d, NULL, NULL);
	free(d->slot);
	free(d->by_id);
	free(d);
}

struct docket *docket_find(struct dockets *d, uint64_t call)
{
	struct docket *k = d->slot[slot_of(d, call)];

	while (k && k->call != call)
		k = k->same_slot;
	return k;
}

static int docket_get(struct dockets *d, uint64_t call, struct docket **out)
{
	struct docket **slot = &d->slot[slot_of(d, call)];
	struct docket *k = docket_find(d, call);

	if (!k) {
		if (d->dockets >= d->dockets_max)
			return E_FULL;
		k = calloc(1, sizeof *k);
		if (!k)
			return E_NOMEM;
		k->call = call;
		k->same_slot = *slot;
		*slot = k;
		d->dockets++;
	}
	*out = k;
	return 0;
}

static void end_ahead(struct dockets *d, struct docket *k)
{
	if (k->ahead)
		d->ahead[k->ahead_slot]--;
	k->ahead = false;
}

static void free_if_empty(struct dockets *d, struct docket *k)
{
	struct docket **at = &d->slot[slot_of(d, k->call)];

	if (k->exchanges || k->accepted || k->keys || k->csbs || k->sessions ||
	    k->connected || k->body.is)
		return;
	while (*at != k)
		at = &(*at)->same_slot;
	*at = k->same_slot;
	end_ahead(d, k);
	free(k);
	d->dockets--;
}

static void free_accepted(struct accepted *a)
{
	struct accepted *next;

	for (; a; a = next) {
		next = a->next;
		free(a->response);
		free(a);
	}
}

/* Cuts the one at *at out of its list and frees it. */
static void drop_accepted(struct accepted **at)
{
	struct accepted *a = *at;

	*at = a->next;
	a->next = NULL;
	free_accepted(a);
}

static void free_key(struct dockets *d, struct live_key *key)
{
	wipe(key, sizeof *key);
	free(key);
	d->keys--;
}

int docket_exchange(struct dockets *d, uint64_t call, uint64_t id,
		    const struct alternative *alt, size_t n,
		    struct exchange **out)
{
	struct exchange *x = NULL;
	struct docket *k = NULL;
	int r = d->exchanges >= d->exchanges_max ? E_FULL
						 : docket_get(d, call, &k);

	if (!r && !(x = calloc(1, sizeof *x))) {
		free_if_empty(d, k);
		r = E_NOMEM;
	}
	if (r) {
		alternatives_drop(alt, n);
		return r;
	}
	*x = (struct exchange){ .id = id, .call = call, .n_alt = n,
				.same_call = k->exchanges,
				.same_slot = d->by_id[slot_of(d, id)],
				.expires_us = UINT64_MAX }; /* not queued */
	memcpy(x->alt, alt, n * sizeof *alt);
	k->exchanges = x;
	d->by_id[slot_of(d, id)] = x;
	d->exchanges++;
	*out = x;
	return 0;
}

static struct queue *queue_of(struct dockets *d, const struct exchange *x)
{
	return x->finished ? &d->answered : &d->waiting;
}

/* Takes x out of whichever queue it is in. */
static void unqueue(struct dockets *d, struct exchange *x)
{
	struct queue *both[2] = { &d->waiting, &d->answered };

	for (size_t i = 0; i < 2; i++) {
		if (both[i]->first == x)
			both[i]->first = x->later;
		if (both[i]->last == x)
			both[i]->last = x->sooner;
	}
	if (x->sooner)
		x->sooner->later = x->later;
	if (x->later)
		x->later->sooner = x->sooner;
	x->sooner = x->later = NULL;
}

void exchange_wait(struct dockets *d, struct exchange *x, uint64_t until_us)
{
	struct queue *q = queue_of(d, x);

	unqueue(d, x);
	x->expires_us = until_us;
	x->sooner = q->last;
	if (q->last)
		q->last->later = x;
	else
		q->first = x;
	q->last = x;
}

static bool is_older(const struct exchange *a, const struct exchange *b)
{
	return a->id < b->id && a->finished &&
	       a->line[0].stream == b->line[0].stream;
}

void exchange_keep(struct dockets *d, struct exchange *x)
{
	struct docket *k = docket_find(d, x->call);
	struct exchange *old = k->exchanges, *next;

	unqueue(d, x);
	x->expires_us = UINT64_MAX;
	for (; old; old = next) {
		next = old->same_call;
		if (is_older(old, x))
			exchange_drop(d, old);
	}
}

struct exchange *exchange_find(struct dockets *d, uint64_t id)
{
	struct exchange *x = d->by_id[slot_of(d, id)];

	while (x && x->id != id)
		x = x->same_slot;
	return x;
}

size_t exchange_answers(const struct exchange *x)
{
	size_t n = 0;

	for (const struct answer_keys *a = x->answers; a; a = a->next)
		n++;
	return n;
}

static void free_answers(struct exchange *x)
{
	struct answer_keys *a;

	while ((a = x->answers)) {
		x->answers = a->next;
		free(a);
	}
}

void exchange_drop(struct dockets *d, struct exchange *x)
{
	struct docket *k = docket_find(d, x->call);
	struct exchange **at = &d->by_id[slot_of(d, x->id)];

	while (*at != x)
		at = &(*at)->same_slot;
	*at = x->same_slot;
	at = &k->exchanges;
	while (*at != x)
		at = &(*at)->same_call;
	*at = x->same_call;
	unqueue(d, x);
	alternatives_drop(x->alt, x->n_alt);
	free_answers(x);
	free(x);
	d->exchanges--;
	free_if_empty(d, k);
}

struct exchange *exchange_expired(struct dockets *d, uint64_t now_us)
{
	struct exchange *x = d->waiting.first;

	if (x && x->expires_us <= now_us)
		return x;
	x = d->answered.first;
	return x && x->expires_us <= now_us ? x : NULL;
}

/* A call may change its keys for as long as it lives. Of a stream's keys the
 * oldest is long replaced when there are so many; the relay, which has its own
 * bound, need not be told. */
static void forget_oldest(struct dockets *d, struct docket *k, uint32_t stream)
{
	struct live_key **oldest = NULL, *key;
	size_t n = 0;

	for (struct live_key **at = &k->keys; *at; at = &(*at)->next)
		if ((*at)->msg.stream == stream) {
			oldest = at;
			n++;
		}
	if (n < (k->won ? KEYS_LATER : KEYS_PER_STREAM))
		return;
	key = *oldest;
	*oldest = key->next;
	free_key(d, key);
}

int docket_key(struct dockets *d, enum process holder,
	       const struct msg_key *msg)
{
	struct live_key *key;
	struct docket *k;
	int r;

	if (d->keys >= d->keys_max)
		return E_FULL;
	r = docket_get(d, msg->call, &k);
	if (r)
		return r;
	key = calloc(1, sizeof *key);
	if (!key) {
		free_if_empty(d, k);
		return E_NOMEM;
	}
	forget_oldest(d, k, msg->stream);
	key->holder = holder;
	key->msg = *msg;
	key->next = k->keys;
	k->keys = key;
	d->keys++;
	return 0;
}

bool docket_key_gone(struct dockets *d, uint64_t call, uint64_t key_id,
		     enum process *holder)
{
	struct docket *k = docket_find(d, call);
	struct live_key **at = k ? &k->keys : NULL, *key;

	while (at && *at && (*at)->msg.key_id != key_id)
		at = &(*at)->next;
	if (!at || !*at)
		return false;
	key = *at;
	*at = key->next;
	*holder = key->holder;
	free_key(d, key);
	free_if_empty(d, k);
	return true;
}

int docket_accept(struct dockets *d, uint64_t call, const struct accepted *a)
{
	struct accepted *copy = malloc(sizeof *copy);
	uint8_t *response = malloc(a->len + 1);
	struct docket *k = NULL;
	size_t n = 1;
	int r = copy && response ? docket_get(d, call, &k) : E_NOMEM;

	if (r) {
		free(copy);
		free(response);
		return r;
	}
	*copy = *a;
	if (a->len)
		memcpy(response, a->response, a->len);
	copy->response = response;
	copy->next = k->accepted;
	k->accepted = copy;
	for (struct accepted **at = &copy->next; *at;)
		if (n++ == STREAM_MAX ||
		    (*at)->line[0].stream == a->line[0].stream)
			drop_accepted(at);
		else
			at = &(*at)->next;
	return 0;
}

/* -- bundles -------------------------------------------------------------- */

static struct csb *csb_of(const struct docket *k, uint32_t stream)
{
	struct csb *b = k ? k->csbs : NULL;

	while (b && b->stream != stream)
		b = b->next;
	return b;
}

struct csb *docket_csb(struct dockets *d, uint64_t call, uint32_t stream)
{
	return csb_of(docket_find(d, call), stream);
}

static size_t count_csbs(const struct docket *k)
{
	size_t n = 0;

	for (const struct csb *b = k->csbs; b; b = b->next)
		n++;
	return n;
}

static int csb_get(struct dockets *d, const struct keyed *how,
		      struct csb **out)
{
	struct docket *k;
	struct csb *b;
	int r = docket_get(d, how->call, &k);

	if (r)
		return r;
	*out = csb_of(k, how->stream);
	if (*out)
		return 0;
	if (count_csbs(k) == STREAM_MAX)
		return E_FULL;
	b = calloc(1, sizeof *b);
	if (!b) {
		free_if_empty(d, k);
		return E_NOMEM;
	}
	b->stream = how->stream;
	b->next = k->csbs;
	k->csbs = *out = b;
	return 0;
}

/* Whatever they offered before is not in force any more. */
static void supersede(struct docket *k, uint32_t stream)
{
	for (struct accepted **at = &k->accepted; *at;)
		if ((*at)->line[0].stream == stream)
			drop_accepted(at);
		else
			at = &(*at)->next;
}

int docket_keyed(struct dockets *d, const struct keyed *how,
		 const struct keying_bundle *at)
{
	struct csb *b;
	uint64_t theirs;
	int r = csb_get(d, how, &b);

	if (r)
		return r;
	theirs = b->at.csb_id == at->csb_id ? b->at.their_stamp_us : 0;
	b->method = how->method;
	b->suite = how->suite;
	b->esp = how->esp;
	b->at = *at;
	if (!how->accepted) {
		b->at.their_stamp_us = theirs;
		supersede(docket_find(d, how->call), how->stream);
	}
	if (b->keyings < UINT16_MAX)
		b->keyings++;
	b->failed = 0;
	return 0;
}

void docket_tidy(struct dockets *d, uint64_t call, uint32_t stream)
{
	struct docket *k = docket_find(d, call);
	struct exchange *x, *next;

	if (!k || !k->won)
		return;
	/* the docket stays: it has the bundle at least */
	for (x = k->csbs ? k->exchanges : NULL; x; x = next) {
		next = x->same_call;
		if (x->finished && !x->alt[0].method->bare &&
		    x->line[0].stream == stream)
			exchange_drop(d, x);
	}
}

static void free_csbs(struct docket *k)
{
	struct csb *b;

	while ((b = k->csbs)) {
		k->csbs = b->next;
		free(b);
	}
}

/* -- session keys of messages --------------------------------------------- */

int docket_sessions(struct dockets *d, uint64_t call, struct sessions **out)
{
	struct docket *k;
	int r = docket_get(d, call, &k);

	if (r)
		return r;
	if (!k->sessions)
		k->sessions = calloc(1, sizeof *k->sessions);
	if (!k->sessions) {
		free_if_empty(d, k);
		return E_NOMEM;
	}
	*out = k->sessions;
	return 0;
}

static void free_sessions(struct docket *k)
{
	if (k->sessions)
		wipe(k->sessions, sizeof *k->sessions);
	free(k->sessions);
	k->sessions = NULL;
}

bool docket_strays(struct dockets *d, uint64_t call)
{
	const struct docket *k = docket_find(d, call);

	return k && connected_strays(k->connected);
}

int docket_connected(struct dockets *d, uint64_t call,
		     const struct connected *c)
{
	struct docket *k;
	int r = docket_get(d, call, &k);

	if (r)
		return r;
	r = connected_put(&k->connected, c);
	free_if_empty(d, k);
	return r;
}

/* -- ends ----------------------------------------------------------------- */

void docket_release(struct dockets *d, uint64_t call, key_gone_fn gone,
		    void *user)
{
	struct docket *k = docket_find(d, call);

	if (!k)
		return;
	while (k->keys) {
		struct live_key *key = k->keys;

		k->keys = key->next;
		if (gone)
			gone(user, key->holder, key->msg.key_id);
		free_key(d, key);
	}
	free_accepted(k->accepted);
	k->accepted = NULL;
	end_ahead(d, k);
	free_csbs(k);
	free_sessions(k);
	connected_free(&k->connected);
	k->body.is = false;
	if (!k->exchanges) {
		free_if_empty(d, k);
		return;
	}
	while (k->exchanges->same_call)
		exchange_drop(d, k->exchanges);
	exchange_drop(d, k->exchanges); /* frees the docket with the last */
}

void dockets_release_all(struct dockets *d, key_gone_fn gone, void *user)
{
	for (size_t i = 0; i < d->slots; i++)
		while (d->slot[i])
			docket_release(d, d->slot[i]->call, gone, user);
}

int docket_body(struct dockets *d, uint64_t call, const uint8_t mark[32],
		const uint8_t dialog[32])
{
	struct docket *k;
	int r = docket_get(d, call, &k);

	if (r || k->body.is)
		return r;
	k->body.is = true;
	memcpy(k->body.mark, mark, sizeof k->body.mark);
	memcpy(k->body.dialog, dialog, sizeof k->body.dialog);
	return 0;
}

static bool accepted_here(const struct docket *k, const uint8_t hash[32],
			  const uint8_t dialog[32])
{
	if (k->body.is && !memcmp(k->body.mark, hash, sizeof k->body.mark) &&
	    !memcmp(k->body.dialog, dialog, sizeof k->body.dialog))
		return true;
	for (const struct accepted *a = k->accepted; a; a = a->next)
		if (!memcmp(a->hash, hash, sizeof a->hash) &&
		    !memcmp(a->dialog, dialog, sizeof a->dialog))
			return true;
	return false;
}

bool dockets_may_fork(const struct dockets *d, const uint8_t hash[32],
		      const uint8_t dialog[32])
{
	bool pending = false;

	for (size_t i = 0; i < d->slots; i++)
		for (const struct docket *k = d->slot[i]; k; k = k->same_slot) {
			if (!accepted_here(k, hash, dialog))
				continue;
			if (k->won)
				return false;
			pending = true;
		}
	return pending;
}

bool dockets_ahead(const struct dockets *d, const char *peer, unsigned max)
{
	return d->ahead[rate_slot(peer)] < max;
}

void docket_ahead(struct dockets *d, uint64_t call, const char *peer)
{
	struct docket *k = docket_find(d, call);

	if (!k || k->ahead || k->won)
		return;
	k->ahead = true;
	k->ahead_slot = (uint8_t)rate_slot(peer);
	d->ahead[k->ahead_slot]++;
}

void docket_won(struct dockets *d, uint64_t call)
{
	struct docket *k = docket_find(d, call);

	if (!k)
		return;
	k->won = true;
	end_ahead(d, k);
}

bool docket_is_won(struct dockets *d, uint64_t call)
{
	const struct docket *k = docket_find(d, call);

	return k && k->won;
}

int dockets_each_key(const struct dockets *d,
		     int (*fn)(void *user, const struct msg_key *key),
		     void *user)
{
	int r = 0;

	for (size_t i = 0; i < d->slots; i++)
		for (struct docket *k = d->slot[i]; k; k = k->same_slot)
			for (struct live_key *key = k->keys; key && !r;
			     key = key->next)
				if (key->holder == PROC_RELAY)
					r = fn(user, &key->msg);
	return r;
}

size_t dockets_keys(const struct dockets *d)
{
	return d->keys;
}

size_t dockets_exchanges(const struct dockets *d)
{
	return d->exchanges;
}
