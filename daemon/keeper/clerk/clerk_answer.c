/* clerk_answer.c - an offer of the far end: permit -> repeat of the answer in
 * force? -> replay cache -> method.answer -> cache -> key ids -> MSG_KEY -> the
 * response. Before the phone is picked up a dear method may only check the
 * offer; the same request then comes again, and is no replay. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"
#include "daemon/keeper/memory/best.h"
#include "daemon/keeper/memory/count.h"
#include "daemon/keeper/replay.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

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
	return r ? request_fault(q, r, "the replay cache cannot hold it") : 0;
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
		.suite = res->facts.suite, .esp = res->facts.esp },
		&res->bundle);
	if (r)
		return request_fault(q, r, "the bundle cannot be kept");
	a->n = (uint32_t)keying_keyed(res);
	tunnel_far(res, a->far, a->behind);
	a->facts = res->facts;
	a->facts.choice = request_choice(
		request_choice_without(q, KEY_CHOICE_OFFERED),
		q->pick.ranked, q->pick.by_rank);
	r = shipping_add(&c->keys, &(struct shipping_for){
			 q->party->call, q->permit.peer->name,
			 q->party->line }, res, a->key);
	if (!r && (r = docket_accept(c->dockets, q->party->call, a)))
		shipping_drop(&c->keys, q->party->call, a->key, a->n);
	if (!r && q->permit.method->dear)
		docket_ahead(c->dockets, q->party->call, q->permit.peer->name);
	return r ? request_fault(q, r, "the keys cannot be kept") : 0;
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
		return request_fault(q, r, "the offer cannot be kept");
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
	if (r && r != E_LOST)
		return request_fault(q, r, "the last counter");
	return 0;
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
	return r ? request_fault(q, r, "the far end's counter cannot be "
				 "remembered (is there a state directory?)")
		 : 0;
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
		return request_fault(q, E_INTERNAL, "SHA-256");
	if (q->pick.ranked)
		memcpy(a->hash, q->pick.id, sizeof a->hash);
	a->chosen = (uint32_t)q->pick.i;
	return 0;
}

/* On failure tail may have an error message. */
static int run_method(struct clerk *c, struct request *q, struct buf *tail,
		      struct keying_result *res)
{
	const struct bundle_item *offer = &q->offer->item[q->pick.i];
	int r = q->permit.method->answer(&q->terms, offer->data, offer->len,
					 tail, res, &q->fault);

	if (r || q->terms.check)
		return r;
	r = tunnel_result(request_keyed(q), res);
	if (!r && q->veiled)
		veil_facts(&q->veil, &res->facts);
	if (!r)
		return request_hide(c, q, tail);
	wipe(res, sizeof *res);
	buf_clear(tail);
	return request_fault(q, r, "the offer keys other lines than the "
			     "call's");
}

static int answer(struct clerk *c, struct request *q,
		  const struct msg_key_answer *m, struct buf *tail,
		  struct accepted *a)
{
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
		r = run_method(c, q, tail, &res);
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
	if (!r && res.facts.verified &&
	    !docket_strays(c->dockets, q->party->call))
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
	memcpy(reply.far, a->far, sizeof reply.far);
	memcpy(reply.behind, a->behind, sizeof reply.behind);
	c->s.send(c->s.user, PROC_ENGINE, MSG_KEY_ANSWERED, id, &reply,
		  sizeof reply, a->response, a->len);
}

static void reply_refused(struct clerk *c, uint64_t id, int err,
			  const struct request *q, const struct buf *tail)
{
	struct msg_key_answered reply = { .err = err,
					  .len = (uint32_t)tail->len };

	clerk_refused(q->party, err, q->fault.text);
	memcpy(reply.reason, q->fault.text, sizeof reply.reason);
	clerk_tell(c, MSG_KEY_ANSWERED, id, &reply, sizeof reply, tail);
}

int clerk_answer(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_answer *m = msg->body;
	struct bundle bundle = { 1, { { msg->tail, 0 } } };
	struct request q = { .party = &m->party, .offer = &bundle };
	struct buf tail = buf_of(KEYING_MAX), plain = buf_of(KEYING_MAX);
	struct accepted a = { .n = 0 };
	const struct accepted *old;
	int r;

	if (permit_form(&m->party) || m->when > KEY_CHECK ||
	    (msg->tail_len && bundle_unpack(msg->tail, msg->tail_len, &bundle)))
		return E_FORMAT;
	r = request_show(c, &q, &bundle, &plain);
	if (!r)
		r = request_admit(c, &q);
	if (!r)
		r = name_offer(&q, msg, &a);
	old = r ? NULL : in_force(c, m, a.tail);
	a.checked = old && old->checked;
	if (old && (!old->checked || m->when != KEY_NOW)) {
		reply_answered(c, msg->id, old, true);
		buf_free(&tail);
		buf_free(&plain);
		return 0;
	}
	if (!r)
		r = answer(c, &q, m, &tail, &a);
	if (r)
		reply_refused(c, msg->id, r, &q, &tail);
	else
		reply_answered(c, msg->id, &a, false);
	buf_free(&tail);
	buf_free(&plain);
	return 0;
}
