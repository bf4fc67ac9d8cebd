/* clerk.c - the keeper's work: offers, answers, ends of exchanges.
 *
 * offer:   permit -> method.offer -> key ids -> MSG_KEY to the relay -> the
 *          message to the engine; the exchange waits for its answers.
 * answer:  permit -> repeat of the answer in force? -> replay cache ->
 *          method.answer -> cache -> key ids -> MSG_KEY -> the response.
 *          Before the phone is picked up a dear method may only check the
 *          offer; the same request then comes again, and is no replay.
 * finish:  method.finish on the waiting exchange; keys that the offer fixed
 *          keep their ids, whichever branch answered, since one key must have
 *          one transmitting context; where the answer fixes the keys (DH)
 *          each branch has its own, on the same streams, and the engine
 *          binds those of the branch whose media passes.
 *
 * Keys are shipped before the engine hears of them. They live until the
 * engine releases the call, so that a new relay can have them again; a new
 * engine knows of no call, so everything is dropped then. Nothing here
 * touches a socket or the disk but through the services and the replay
 * cache. */
#include "daemon/keeper/clerk.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/alternatives.h"
#include "daemon/keeper/best.h"
#include "daemon/keeper/count.h"
#include "daemon/keeper/docket.h"
#include "daemon/keeper/permit.h"
#include "daemon/keeper/rate.h"
#include "daemon/keeper/recall.h"
#include "daemon/keeper/replay.h"
#include "daemon/keeper/shipping.h"
#include "daemon/protocol.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000ull
#define PENDING_US (600 * SECOND_US) /* an INVITE may ring that long */
#define FORKS_US (64 * SECOND_US)    /* late answers of other branches */
#define ANSWERS_KEYED 6 /* of one offer: the relay holds 8 pairs a stream */
#define UPDATES_FAILED 2 /* after so many a new bundle is tried */
#define COST 1

struct clerk {
	struct clerk_services s;
	struct clerk_limits limits;
	uint32_t engine, relay; /* epochs of the siblings, 0: not there */
	struct dockets *dockets;
	struct shipping keys;
	struct replay *replay;
	struct rate offers, answers; /* ours; theirs, or in their name */
};

int clerk_new(const struct clerk_services *services, uint32_t epoch,
	      size_t calls, struct replay *replay, struct clerk **out)
{
	struct clerk *c = calloc(1, sizeof *c);
	int r = c ? dockets_new(calls, &c->dockets) : E_NOMEM;

	if (r) {
		free(c);
		replay_free(replay);
		return r;
	}
	c->s = *services;
	c->keys = (struct shipping){ &c->s, c->dockets, epoch, 0 };
	c->replay = replay;
	c->limits = (struct clerk_limits){ .window_us = 300 * SECOND_US,
					   .verify = true, .ahead = 100 };
	*out = c;
	return 0;
}

void clerk_free(struct clerk *c)
{
	if (!c)
		return;
	dockets_free(c->dockets);
	replay_free(c->replay);
	free(c);
}

void clerk_limits(struct clerk *c, const struct clerk_limits *limits)
{
	c->limits = *limits;
	replay_window(c->replay, limits->window_us,
		      clock_wall_us(c->s.clock));
}

static void refused(const struct msg_key_party *p, int err, const char *why)
{
	log_line(err == E_POLICY || err == E_AUTH || err == E_REPLAY
			 ? LOG_CLASS_REFUSED : LOG_CLASS_REMOTE,
		 "keeper", p->call, "peer %s: %s", p->peer, why);
}

static int send_engine(struct clerk *c, enum message type, uint64_t id,
		       const void *body, size_t len, const struct buf *tail)
{
	return c->s.send(c->s.user, PROC_ENGINE, type, id, body, len,
			 tail ? tail->data : NULL, tail ? tail->len : 0);
}

/* -- what a request brings ------------------------------------------------ */

/* A request on its way; the fault is what the engine will read. */
struct request {
	const struct msg_key_party *party;
	struct permit permit;
	const struct bundle *offer;    /* of the far end; NULL: ours */
	struct alternatives_pick pick; /* what of it counts */
	bool update;                   /* ours goes on with a bundle */
	struct keying_terms terms;
	enum suite suites[SUITE_COUNT];
	size_t n_suites;
	uint32_t ssrc[STREAM_MAX];
	struct keying_fault fault;
	bool fork; /* the message was taken, on another branch */
	struct keying_counter last; /* of the far end */
};

static int fault(struct request *q, int err, const char *why)
{
	snprintf(q->fault.text, sizeof q->fault.text, "%s: %s", why,
		 err_text(err));
	return err;
}

static void request_suites(struct request *q, const struct profile *f)
{
	q->n_suites = f->negotiate == NEGOTIATE_STATIC && f->n_suites
		      ? 1 : f->n_suites;
	memcpy(q->suites, f->suites, sizeof q->suites);
}

/* Puts a suite before all others; false if the profile has it not. */
static bool request_first(struct request *q, const struct profile *f,
			  unsigned suite)
{
	size_t i = 0;

	request_suites(q, f);
	while (i < q->n_suites && q->suites[i] != suite)
		i++;
	if (i == q->n_suites)
		return false;
	memmove(&q->suites[1], &q->suites[0], i * sizeof *q->suites);
	q->suites[0] = (enum suite)suite;
	return true;
}

/* What the streams have already: an update goes on with it, and the MKI tells
 * the new key from the old. A bundle of another method, or one that the far
 * end does not seem to know, is left alone. */
static void add_bundle(struct clerk *c, struct request *q, bool ours)
{
	const struct csb *b = docket_csb(c->dockets, q->party->call,
					       q->party->line[0].stream);

	if (!b)
		return;
	q->terms.keyings = b->keyings;
	if (b->method == q->permit.method &&
	    !(ours && b->failed >= UPDATES_FAILED))
		q->terms.bundle = &b->at;
}

/* New keys for streams that have some stay with method and suite that were
 * agreed (RFC 4567 4.1.2): there is nothing to negotiate, whether the method
 * updates its bundle or makes a new one. False: the streams have no keys, or
 * the method may not be used now. */
static bool permit_update(struct clerk *c, struct request *q,
			  const struct peer *peer)
{
	const struct csb *b = docket_csb(c->dockets, q->party->call,
					 q->party->line[0].stream);
	struct permits own;

	if (!b || b->failed >= UPDATES_FAILED ||
	    !request_first(q, peer->profile, b->suite))
		return false;
	permit_all(&c->s, peer, &own);
	for (size_t i = 0; i < own.n && !q->update; i++)
		if (own.item[i].method == b->method &&
		    protocol_permits(peer->profile, b->method->name,
				     q->party->secured == 1)) {
			q->permit = own.item[i];
			q->update = true;
		}
	return q->update;
}

/* Which method, with its key. */
static int permit_way(struct clerk *c, struct request *q,
		      const struct peer *peer)
{
	const struct bundle *b = q->offer;
	struct keying_bytes first = { NULL, 0 };
	int r;

	request_suites(q, peer->profile);
	if (!b && permit_update(c, q, peer))
		return 0;
	r = b ? alternatives_choose(&c->s, peer, b, &q->pick, &q->fault) : 0;
	if (r)
		return r;
	if (q->pick.ranked) {
		q->permit = q->pick.permit;
		return 0;
	}
	if (b)
		first = (struct keying_bytes){ b->item[0].data,
					       b->item[0].len };
	return permit_method(&c->s, &(struct permit_ask){
			     peer, b ? &first : NULL, q->party->secured == 1 },
			     &q->permit, &q->fault);
}

static int admit(struct clerk *c, struct request *q)
{
	uint64_t now = clock_mono_us(c->s.clock);
	const struct peer *peer;
	int r = permit_peer(&c->s, q->party, &peer, &q->fault);

	if (r)
		return r;
	r = permit_way(c, q, peer);
	if (r)
		return r;
	if (!rate_take(q->offer ? &c->answers : &c->offers, peer->name, COST,
		       now))
		return fault(q, E_FULL, "too many requests of this peer");
	for (size_t i = 0; i < q->party->n; i++)
		q->ssrc[i] = q->party->line[i].ssrc;
	q->terms = (struct keying_terms){
		.local_id = q->party->local_id,
		.remote_id = q->party->remote_id,
		.psk = q->permit.psk,
		.credential = q->permit.credential,
		.trust = { q->permit.peer->profile->tofu, c->s.memory },
		.peer = q->permit.peer->name,
		.suites = q->suites,
		.n_suites = q->n_suites,
		.suite = q->pick.suite,
		.ranks = q->pick.ext_len ? q->pick.ext : NULL,
		.ranks_len = q->pick.ext_len,
		.n = q->party->n,
		.ssrc = q->ssrc,
		.wall_us = clock_wall_us(c->s.clock),
		.window_us = c->limits.window_us,
		.verify = c->limits.verify,
		.kdr = c->limits.kdr,
		.kemac_128 = c->limits.kemac_128,
		.sha256 = c->limits.sha256,
		.no_rate = c->limits.no_rate,
		.legacy = c->limits.legacy,
		.retarget = q->permit.peer->profile->retarget,
		.counters = c->limits.counters,
		.mki = c->limits.mki,
	};
	add_bundle(c, q, !q->offer);
	return 0;
}

/* Why the method is what it is, for the operator: dflt without lists. */
static uint8_t choice_of(uint8_t dflt, bool ranked, bool by_rank)
{
	if (dflt == KEY_CHOICE_ONLY || dflt == KEY_CHOICE_REMEMBERED ||
	    !ranked)
		return dflt;
	return by_rank ? KEY_CHOICE_RULE : KEY_CHOICE_AUTOMATIC;
}

static uint8_t choice_without(const struct request *q, uint8_t otherwise)
{
	return q->permit.peer->profile->n_keying == 1 ? KEY_CHOICE_ONLY
						      : otherwise;
}

/* -- offer ---------------------------------------------------------------- */

/* The exchange, with keys if the offer fixed them. Takes what is pending. */
static int open_exchange(struct clerk *c, struct request *q,
			 const struct alternatives_made *made,
			 struct exchange **out)
{
	struct exchange *x;
	uint64_t id;
	int r = shipping_id(&c->keys, &id);

	docket_tidy(c->dockets, q->party->call, q->party->line[0].stream);
	if (r) {
		alternatives_drop(made->alt, made->n);
		return r;
	}
	r = docket_exchange(c->dockets, q->party->call, id, made->alt,
			    made->n, &x);
	if (r)
		return r;
	x->n = q->party->n;
	x->outward = q->party->outward;
	exchange_wait(c->dockets, x, clock_mono_us(c->s.clock) + PENDING_US);
	memcpy(x->line, q->party->line, sizeof x->line);
	x->choice = choice_without(q, KEY_CHOICE_FIRST);
	x->by_rank = q->permit.peer->profile->negotiate == NEGOTIATE_PRIORITY;
	best_name(q->permit.peer, q->party->remote_id, x->best);
	x->updates = q->terms.bundle && q->terms.bundle->rand_len;
	x->ranked = made->alt[0].bundle;
	x->recalled = made->recalled;
	strcpy(x->peer, q->permit.peer->name);
	if (made->early.n)
		r = shipping_add(&c->keys, x->call, x->line, &made->early,
				 x->key);
	if (r) {
		exchange_drop(c->dockets, x);
		return r;
	}
	x->early = made->early.n > 0;
	x->suite = made->early.facts.suite;
	*out = x;
	return 0;
}

/* One message, which can be answered or not. */
static int offer_one(struct request *q, struct buf *tail,
		     struct alternatives_made *made)
{
	struct alternative *a = &made->alt[0];
	int r = q->permit.method->offer(&q->terms, tail, &a->pending,
					&made->early, &q->fault);

	if (r)
		return r;
	made->n = 1;
	a->method = q->permit.method;
	a->early = made->early.n > 0;
	return 0;
}

/* Without an answer that is authenticated nothing can be negotiated. */
static int make_offer(struct clerk *c, struct request *q, struct buf *tail,
		      struct alternatives_made *made)
{
	struct alternatives_ask ask = {
		.services = &c->s, .peer = q->permit.peer, .terms = &q->terms,
	};
	struct rank_lists theirs;

	if (q->update || !c->limits.verify ||
	    !alternatives_apply(q->permit.method))
		return offer_one(q, tail, made);
	if (recall_get(&c->s, q->permit.peer->name, &theirs))
		ask.theirs = &theirs;
	return alternatives_offer(&ask, tail, made, &q->fault);
}

static int offer(struct clerk *c, struct request *q, struct buf *tail,
		 struct exchange **x)
{
	struct alternatives_made made = { .n = 0 };
	int r = admit(c, q);

	if (!r)
		r = make_offer(c, q, tail, &made);
	if (r)
		return r;
	r = open_exchange(c, q, &made, x);
	wipe(&made, sizeof made);
	return r ? fault(q, r, "the keys cannot be kept") : 0;
}

static int handle_offer(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_offer *m = msg->body;
	struct request q = { .party = &m->party };
	struct msg_key_offered reply = { .err = 0 };
	struct buf tail = buf_of(KEYING_TAIL_MAX);
	struct exchange *x = NULL;

	if (permit_form(&m->party))
		return E_FORMAT;
	reply.err = offer(c, &q, &tail, &x);
	if (reply.err) {
		refused(&m->party, reply.err, q.fault.text);
		memcpy(reply.reason, q.fault.text, sizeof reply.reason);
		buf_clear(&tail);
	} else {
		reply.exchange = x->id;
		reply.recalled = x->recalled;
		reply.n = x->early ? x->n : 0;
		memcpy(reply.key, x->key, sizeof reply.key);
	}
	reply.len = (uint32_t)tail.len;
	if (send_engine(c, MSG_KEY_OFFERED, msg->id, &reply, sizeof reply,
			&tail) && x) {
		shipping_drop(&c->keys, x->call, x->key, x->n);
		exchange_drop(c->dockets, x);
	}
	buf_free(&tail);
	return 0;
}

/* -- answer --------------------------------------------------------------- */

static bool same_lines(const struct msg_key_line *a,
		       const struct msg_key_line *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].stream != b[i].stream || a[i].ssrc != b[i].ssrc)
			return false;
	return true;
}

/* An offer in force, byte for byte, in its own dialog and on its own streams:
 * answered as before. */
static const struct accepted *in_force(struct clerk *c,
				       const struct msg_key_answer *m,
				       const uint8_t *tail)
{
	const struct docket *k = docket_find(c->dockets, m->party.call);
	const struct accepted *a = k ? k->accepted : NULL;

	for (; a; a = a->next)
		if (!memcmp(a->tail, tail, sizeof a->tail) &&
		    !memcmp(a->dialog, m->origin.dialog, sizeof a->dialog) &&
		    a->n == m->party.n &&
		    same_lines(a->line, m->party.line, a->n))
			return a;
	return NULL;
}

/* A further branch is legal as long as a call of the first waits for its
 * answer: the same INVITE that comes later is somebody's copy. */
static int check_replay(struct clerk *c, struct request *q,
			const struct replay_case *rc)
{
	enum replay_verdict v = replay_check(c->replay, rc);

	q->fork = v == REPLAY_BRANCH;
	if (v == REPLAY_NEW ||
	    (v == REPLAY_BRANCH &&
	     dockets_may_fork(c->dockets, rc->hash, rc->origin->dialog)))
		return 0;
	snprintf(q->fault.text, sizeof q->fault.text, "this MIKEY offer was "
		 "seen before in another request");
	return E_REPLAY;
}

/* E_EXPIRED here means that the cache, not the clock, is too young. */
static int remember(struct clerk *c, struct request *q,
		    const struct replay_case *rc, uint64_t stamp_us)
{
	int r = replay_add(c->replay, rc, stamp_us);

	if (r == E_EXPIRED) {
		snprintf(q->fault.text, sizeof q->fault.text, "the offer may "
			 "have been seen before the replay cache was lost or "
			 "the window grew: call again a little later");
		return E_REPLAY;
	}
	return r ? fault(q, r, "the replay cache cannot hold it") : 0;
}

static int keep_answer(struct clerk *c, struct request *q,
		       const struct replay_case *rc,
		       const struct keying_result *res, struct accepted *a)
{
	int r = trust_keep(c->s.memory, &res->pin, q->party->outward,
			   rc->now_us, q->fault.text);

	if (!r && !a->checked && !q->permit.method->bare)
		r = remember(c, q, rc, res->stamp_us);
	if (r)
		return r;
	a->checked = false;
	r = docket_keyed(c->dockets, &(struct keyed){
		.call = q->party->call, .stream = q->party->line[0].stream,
		.method = q->permit.method, .accepted = true,
		.suite = res->facts.suite }, &res->bundle);
	if (r)
		return fault(q, r, "the bundle cannot be kept");
	a->n = (uint32_t)res->n;
	a->facts = res->facts;
	a->facts.choice = choice_of(choice_without(q, KEY_CHOICE_OFFERED),
				    q->pick.ranked, q->pick.by_rank);
	r = shipping_add(&c->keys, q->party->call, q->party->line, res, a->key);
	if (!r && (r = docket_accept(c->dockets, q->party->call, a)))
		shipping_drop(&c->keys, q->party->call, a->key, a->n);
	if (!r && q->permit.method->dear)
		docket_ahead(c->dockets, q->party->call, q->permit.peer->name);
	return r ? fault(q, r, "the keys cannot be kept") : 0;
}

/* The offer is authentic: from now on its bytes are a replay elsewhere. */
static int keep_check(struct clerk *c, struct request *q,
		      const struct replay_case *rc,
		      const struct keying_result *res, struct accepted *a)
{
	int r = remember(c, q, rc, res->stamp_us);

	a->n = q->party->n;
	a->checked = true;
	if (!r && (r = docket_accept(c->dockets, q->party->call, a)))
		return fault(q, r, "the offer cannot be kept");
	return r;
}

/* Whether the answer waits until the phone is picked up. */
static bool only_check(const struct clerk *c, const struct request *q,
		       uint32_t when)
{
	if (when == KEY_NOW || !q->permit.method->dear)
		return false;
	return when == KEY_CHECK ||
	       !dockets_ahead(c->dockets, q->permit.peer->name,
			      c->limits.ahead);
}

/* -- counters ------------------------------------------------------------- */

static struct count_owner owner_of(const struct request *q)
{
	return (struct count_owner){
		.peer = q->permit.peer->name,
		.id = q->permit.method->certified ? q->party->remote_id : NULL,
	};
}

static int recall_counter(struct clerk *c, struct request *q)
{
	const struct count_owner o = owner_of(q);
	int r;

	if (!c->limits.counters || q->fork)
		return 0;
	r = count_last(c->s.memory, &o, &q->last);
	q->terms.last_counter = &q->last;
	if (r == E_LOST) /* only a counter needs it */
		q->terms.counters = false;
	return r == E_LOST ? 0 : r ? fault(q, r, "the last counter") : 0;
}

static int keep_counter(struct clerk *c, struct request *q,
			const struct keying_result *res)
{
	const struct count_owner o = owner_of(q);
	int r;

	if (!res->counter.set || q->fork)
		return 0;
	r = count_keep(c->s.memory, &o, res->counter,
		       clock_wall_us(c->s.clock));
	return r ? fault(q, r, "the far end's counter cannot be remembered "
			 "(is there a state directory?)") : 0;
}

static void raise_best(struct clerk *c, const struct request *q)
{
	char name[MEMORY_NAME_TEXT];

	best_name(q->permit.peer, q->party->remote_id, name);
	best_raise(&c->s, name);
}

/* What the offer is known by. A message that is not the chosen one could be
 * altered without harm to it: so the hash that the chosen one proves counts,
 * and where there are no lists the message. */
static int name_offer(struct request *q, const struct ipc_msg *msg,
		      struct accepted *a)
{
	const struct bundle_item *first = &q->offer->item[0];

	if (!EVP_Digest(msg->tail, msg->tail_len, a->tail, NULL, EVP_sha256(),
			NULL) ||
	    !EVP_Digest(first->data, first->len, a->hash, NULL, EVP_sha256(),
			NULL))
		return fault(q, E_INTERNAL, "SHA-256");
	if (q->pick.ranked)
		memcpy(a->hash, q->pick.id, sizeof a->hash);
	a->chosen = (uint32_t)q->pick.i;
	return 0;
}

static int answer(struct clerk *c, struct request *q,
		  const struct msg_key_answer *m, struct buf *tail,
		  struct accepted *a)
{
	const struct bundle_item *offer = &q->offer->item[q->pick.i];
	struct replay_case rc = { .hash = a->hash, .origin = &m->origin,
				  .peer = m->party.peer,
				  .now_us = clock_wall_us(c->s.clock) };
	struct keying_result res = { .n = 0 };
	int r = a->checked || q->permit.method->bare
		? 0 : check_replay(c, q, &rc);

	q->fork |= a->checked; /* taken when it was checked */
	q->terms.check = only_check(c, q, m->when);
	if (!r)
		r = recall_counter(c, q);
	if (!r)
		r = q->permit.method->answer(&q->terms, offer->data,
					     offer->len, tail, &res,
					     &q->fault);
	if (r)
		return r;
	memcpy(a->dialog, m->origin.dialog, sizeof a->dialog);
	memcpy(a->line, m->party.line, sizeof a->line);
	a->response = tail->data;
	a->len = (uint32_t)tail->len;
	r = keep_counter(c, q, &res);
	if (!r)
		r = q->terms.check ? keep_check(c, q, &rc, &res, a)
				   : keep_answer(c, q, &rc, &res, a);
	if (!r && res.facts.verified)
		raise_best(c, q);
	wipe(&res, sizeof res);
	if (r)
		buf_clear(tail);
	return r;
}

static void reply_answered(struct clerk *c, uint64_t id,
			   const struct accepted *a, bool repeat)
{
	struct msg_key_answered reply = { .n = a->checked ? 0 : a->n,
					  .len = a->len,
					  .repeat = repeat,
					  .chosen = a->chosen,
					  .facts = a->facts };

	memcpy(reply.key, a->key, sizeof reply.key);
	c->s.send(c->s.user, PROC_ENGINE, MSG_KEY_ANSWERED, id, &reply,
		  sizeof reply, a->response, a->len);
}

static void reply_refused(struct clerk *c, uint64_t id, int err,
			  const struct request *q, const struct buf *tail)
{
	struct msg_key_answered reply = { .err = err,
					  .len = (uint32_t)tail->len };

	refused(q->party, err, q->fault.text);
	memcpy(reply.reason, q->fault.text, sizeof reply.reason);
	send_engine(c, MSG_KEY_ANSWERED, id, &reply, sizeof reply, tail);
}

static int handle_answer(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_answer *m = msg->body;
	struct bundle bundle = { 1, { { msg->tail, 0 } } };
	struct request q = { .party = &m->party, .offer = &bundle };
	struct buf tail = buf_of(KEYING_MAX);
	struct accepted a = { .n = 0 };
	const struct accepted *old;
	int r;

	if (permit_form(&m->party) || m->when > KEY_CHECK ||
	    (msg->tail_len && bundle_unpack(msg->tail, msg->tail_len, &bundle)))
		return E_FORMAT;
	r = admit(c, &q);
	if (!r)
		r = name_offer(&q, msg, &a);
	old = r ? NULL : in_force(c, m, a.tail);
	a.checked = old && old->checked;
	if (old && (!old->checked || m->when != KEY_NOW)) {
		reply_answered(c, msg->id, old, true);
		buf_free(&tail);
		return 0;
	}
	if (!r)
		r = answer(c, &q, m, &tail, &a);
	if (r)
		reply_refused(c, msg->id, r, &q, &tail);
	else
		reply_answered(c, msg->id, &a, false);
	buf_free(&tail);
	return 0;
}

/* -- finish --------------------------------------------------------------- */

static int why_not(struct msg_key_finished *reply, int r, const char *what)
{
	snprintf(reply->reason, sizeof reply->reason, "%s: %s", what,
		 err_text(r));
	return r;
}

static const struct answer_keys *keys_of(const struct exchange *x,
					 uint32_t branch, const uint8_t *hash)
{
	const struct answer_keys *a = x->answers;

	while (a && (a->branch != branch ||
		     memcmp(a->answer, hash, sizeof a->answer)))
		a = a->next;
	return a;
}

/* In a running call only the newest answers count. */
static void drop_oldest(struct clerk *c, struct exchange *x)
{
	struct answer_keys **at = &x->answers, *a;

	while ((*at)->next)
		at = &(*at)->next;
	a = *at;
	*at = NULL;
	shipping_drop(&c->keys, x->call, a->key, x->n);
	free(a);
}

/* Keys of an answer belong to its branch; they are bound to the same streams
 * as the other branches', and the engine names those that count. */
static int add_answer(struct clerk *c, struct exchange *x,
		      struct answer_keys *fresh,
		      const struct keying_result *res)
{
	struct answer_keys *a;
	int r;

	if (exchange_answers(x) == ANSWERS_KEYED &&
	    docket_is_won(c->dockets, x->call))
		drop_oldest(c, x);
	if (exchange_answers(x) == ANSWERS_KEYED)
		return E_FULL;
	a = malloc(sizeof *a);
	if (!a)
		return E_NOMEM;
	r = shipping_add(&c->keys, x->call, x->line, res, fresh->key);
	if (r) {
		free(a);
		return r;
	}
	fresh->next = x->answers;
	*a = *fresh;
	x->answers = a;
	return 0;
}

/* Which of our messages it answers. */
static size_t answered_one(const struct exchange *x, const struct ipc_msg *msg)
{
	struct keying_outline line;
	size_t i = 0;

	if (x->n_alt < 2 ||
	    x->alt[0].method->outline(msg->tail, msg->tail_len, &line))
		return 0;
	while (i < x->n_alt && x->alt[i].bundle != line.name.bundle)
		i++;
	return i < x->n_alt ? i : 0; /* it says why not */
}

/* Where the offer fixed the keys of a suite they are the same for every branch
 * that chose it, and must not have two transmitting contexts; else an answer's
 * keys are its own. */
static int name_keys(const struct exchange *x, size_t i,
		     const struct ipc_msg *msg, struct keying_result *res,
		     struct answer_keys *out)
{
	const struct msg_key_finish *m = msg->body;
	const uint8_t choice[2] = { (uint8_t)i, (uint8_t)res->facts.suite };
	bool early = x->alt[i].early;

	out->branch = early ? BRANCH_ANY : m->branch;
	if (early) /* of one branch only */
		memset(res->recv_ssrc, 0, sizeof res->recv_ssrc);
	return EVP_Digest(early ? choice : msg->tail,
			  early ? sizeof choice : msg->tail_len, out->answer,
			  NULL, EVP_sha256(), NULL) ? 0 : E_INTERNAL;
}

/* Another choice than the offer's own keys: they are for nobody, unless a
 * branch has them already. */
static void drop_early(struct clerk *c, struct exchange *x)
{
	if (!x->early || x->early_used)
		return;
	shipping_drop(&c->keys, x->call, x->key, x->n);
	memset(x->key, 0, sizeof x->key);
	x->early = false;
}

/* The ids for an accepted answer. Keys of the offer are the same for every
 * branch; the same answer again has its keys already. */
static int key_branch(struct clerk *c, struct exchange *x,
		      const struct ipc_msg *msg, struct keying_result *res,
		      struct msg_key_finished *reply)
{
	struct answer_keys fresh = { .branch = 0 };
	const struct answer_keys *old;
	int r;

	if (x->early && !reply->chosen && res->facts.suite == x->suite) {
		x->early_used = true;
		memcpy(reply->key, x->key, sizeof reply->key);
		return 0;
	}
	r = name_keys(x, reply->chosen, msg, res, &fresh);
	if (r)
		return why_not(reply, r, "SHA-256");
	old = keys_of(x, fresh.branch, fresh.answer);
	if (old != x->answers && docket_is_won(c->dockets, x->call))
		old = NULL; /* replaced since: the relay has let go of it */
	if (!old)
		r = add_answer(c, x, &fresh, res);
	if (r)
		return why_not(reply, r, "the keys cannot be kept");
	drop_early(c, x);
	memcpy(reply->key, old ? old->key : fresh.key, sizeof reply->key);
	return 0;
}

/* Only who knows the lists can have chosen an alternative. */
static int finish_one(struct clerk *c, const struct ipc_msg *msg,
		      struct exchange *x, struct keying_result *res,
		      struct msg_key_finished *reply)
{
	size_t i = answered_one(x, msg);
	uint64_t now = clock_wall_us(c->s.clock);
	struct keying_fault why = { "" };
	int r = x->alt[i].method->finish(x->alt[i].pending, msg->tail,
					 msg->tail_len, now, res, &why);

	if (!r && i && !res->ranked) {
		r = E_AUTH;
		strcpy(why.text, "the answer chose an alternative without "
				 "saying why");
	}
	if (!r)
		r = trust_keep(c->s.memory, &res->pin, x->outward, now,
			       why.text);
	reply->chosen = (uint32_t)i;
	if (r)
		memcpy(reply->reason, why.text, sizeof reply->reason);
	return r ? r : key_branch(c, x, msg, res, reply);
}

static int finish(struct clerk *c, const struct ipc_msg *msg,
		  struct exchange *x, struct msg_key_finished *reply)
{
	struct keying_result res = { .n = 0 };
	int r = finish_one(c, msg, x, &res, reply);

	if (!r)
		r = docket_keyed(c->dockets, &(struct keyed){
			.call = x->call, .stream = x->line[0].stream,
			.method = x->alt[reply->chosen].method,
			.suite = res.facts.suite }, &res.bundle);
	if (!r && x->ranked)
		recall_put(&c->s, x->peer, &res);
	reply->facts = res.facts;
	reply->facts.choice = choice_of(x->choice, res.ranked, x->by_rank &&
					res.ranks.lists.by_rank);
	wipe(&res, sizeof res);
	if (r)
		return r;
	x->finished = true;
	if (reply->facts.verified)
		best_raise(&c->s, x->best);
	if (x->alt[0].method->bare)
		exchange_keep(c->dockets, x);
	else
		exchange_wait(c->dockets, x,
			      clock_mono_us(c->s.clock) + FORKS_US);
	reply->n = x->n;
	return 0;
}

static int handle_finish(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_finish *m = msg->body;
	struct exchange *x = exchange_find(c->dockets, m->exchange);
	struct msg_key_finished reply = { .err = E_NOTFOUND };

	if (x)
		reply.err = finish(c, msg, x, &reply);
	else
		snprintf(reply.reason, sizeof reply.reason, "the keeper does "
			 "not know this exchange (it ended, or the keeper was "
			 "restarted)");
	if (reply.err) {
		reply.chosen = 0;
		memset(&reply.facts, 0, sizeof reply.facts);
		log_line(LOG_CLASS_REMOTE, "keeper", x ? x->call : 0, "%s",
			 reply.reason);
	}
	send_engine(c, MSG_KEY_FINISHED, msg->id, &reply, sizeof reply, NULL);
	return 0;
}

/* -- ends ----------------------------------------------------------------- */

/* Without an accepted answer its keys are for nobody. */
static void end_exchange(struct clerk *c, struct exchange *x)
{
	struct csb *b = docket_csb(c->dockets, x->call,
					 x->line[0].stream);

	if (!x->finished)
		shipping_drop(&c->keys, x->call, x->key, x->n);
	if (!x->finished && x->recalled)
		recall_forget(&c->s, x->peer);
	if (!x->finished && x->updates && b && b->failed < UINT8_MAX)
		b->failed++;
	exchange_drop(c->dockets, x);
}

static int handle_drop(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_drop *m = msg->body;
	struct exchange *x = exchange_find(c->dockets, m->exchange);

	if (x)
		end_exchange(c, x);
	return 0;
}

static int handle_won(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_won *m = msg->body;

	docket_won(c->dockets, m->call);
	return 0;
}

static int handle_release(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_release *m = msg->body;

	docket_release(c->dockets, m->call, shipping_gone, &c->keys);
	return 0;
}

static int handle_plain(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_plain *m = msg->body;
	struct msg_key_plained reply = { .err = 0 };
	struct keying_fault why = { "" };

	reply.err = best_plain(&c->s, m, &why);
	memcpy(reply.reason, why.text, sizeof reply.reason);
	if (reply.err)
		log_line(LOG_CLASS_REFUSED, "keeper", 0, "peer %s: a call may "
			 "not be plain: %s", m->peer, why.text);
	send_engine(c, MSG_KEY_PLAINED, msg->id, &reply, sizeof reply, NULL);
	return 0;
}

static const struct {
	enum message type;
	int (*handle)(struct clerk *c, struct ipc_msg *msg);
} requests[] = {
	{ MSG_KEY_OFFER, handle_offer },   { MSG_KEY_ANSWER, handle_answer },
	{ MSG_KEY_FINISH, handle_finish }, { MSG_KEY_DROP, handle_drop },
	{ MSG_KEY_WON, handle_won },       { MSG_KEY_RELEASE, handle_release },
	{ MSG_KEY_PLAIN, handle_plain },
};

int clerk_handle(struct clerk *c, enum process from, struct ipc_msg *msg)
{
	if (from != PROC_ENGINE)
		return E_STATE;
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (requests[i].type == msg->type)
			return requests[i].handle(c, msg);
	return E_STATE;
}

void clerk_sibling(struct clerk *c, enum process p, uint32_t epoch)
{
	if (p == PROC_ENGINE && epoch && epoch != c->engine) {
		if (c->engine)
			dockets_release_all(c->dockets, shipping_gone,
					    &c->keys);
		c->engine = epoch;
	}
	if (p == PROC_RELAY && epoch && epoch != c->relay) {
		if (shipping_again(&c->keys))
			log_error("keeper", "not all keys reached the new "
				  "relay: calls without will end");
		c->relay = epoch;
	}
}

void clerk_tick(struct clerk *c)
{
	uint64_t now = clock_mono_us(c->s.clock);
	struct exchange *x;

	while ((x = exchange_expired(c->dockets, now)))
		end_exchange(c, x);
}
