/* clerk_offer.c - an offer of ours: permit -> method.offer -> key ids ->
 * MSG_KEY to the relay -> the message to the engine. The exchange waits for
 * its answers. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"
#include "daemon/keeper/memory/best.h"
#include "daemon/keeper/memory/recall.h"

#include <string.h>

#define PENDING_US (600 * SECOND_US) /* an INVITE may ring that long */

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
	x->choice = request_choice_without(q, made->recalled
						  ? KEY_CHOICE_REMEMBERED
						  : KEY_CHOICE_FIRST);
	x->by_rank = q->permit.peer->profile->negotiate == NEGOTIATE_PRIORITY;
	best_name(q->permit.peer, q->party->remote_id, x->best);
	x->updates = q->terms.bundle && q->terms.bundle->rand_len;
	x->ranked = made->alt[0].bundle;
	x->recalled = made->recalled;
	strcpy(x->peer, q->permit.peer->name);
	x->keyed = request_keyed(q);
	x->veiled = q->veiled;
	x->veil = q->veil;
	if (made->early.n)
		r = shipping_add(&c->keys, &(struct shipping_for){
				 x->call, x->peer, x->line }, &made->early,
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
	if (q->esp.wanted && made->early.n) { /* by no method */
		a->method = q->permit.method;
		alternatives_drop(a, 1);
		return request_fault(q, E_INTERNAL, "tunnels");
	}
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

	if (q->update || q->esp.wanted || !c->limits.verify ||
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
	int r = request_admit(c, q);

	if (!r)
		r = make_offer(c, q, tail, &made);
	if (r)
		return r;
	r = request_hide(c, q, tail);
	if (r) {
		alternatives_drop(made.alt, made.n);
		wipe(&made, sizeof made);
		return r;
	}
	r = open_exchange(c, q, &made, x);
	wipe(&made, sizeof made);
	return r ? request_fault(q, r, "the keys cannot be kept") : 0;
}

int clerk_offer(struct clerk *c, struct ipc_msg *msg)
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
		clerk_refused(&m->party, reply.err, q.fault.text);
		memcpy(reply.reason, q.fault.text, sizeof reply.reason);
		buf_clear(&tail);
	} else {
		reply.exchange = x->id;
		reply.recalled = x->recalled;
		reply.n = x->early ? x->n : 0;
		memcpy(reply.key, x->key, sizeof reply.key);
	}
	reply.len = (uint32_t)tail.len;
	if (clerk_tell(c, MSG_KEY_OFFERED, msg->id, &reply, sizeof reply,
			&tail) && x) {
		shipping_drop(&c->keys, x->call, x->key, x->n);
		exchange_drop(c->dockets, x);
	}
	buf_free(&tail);
	return 0;
}
