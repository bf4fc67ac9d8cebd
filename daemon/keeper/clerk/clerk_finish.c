/* clerk_finish.c - an answer to an offer of ours: method.finish on the waiting
 * exchange. Keys that the offer fixed keep their ids, whichever branch
 * answered, since one key must have one transmitting context; where the answer
 * fixes the keys (DH) each branch has its own, on the same streams, and the
 * engine binds those of the branch whose media passes. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/memory/best.h"
#include "daemon/keeper/memory/recall.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORKS_US (64 * SECOND_US)    /* late answers of other branches */
#define ANSWERS_KEYED 6 /* of one offer: the relay holds 8 pairs a stream */

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
	r = shipping_add(&c->keys, &(struct shipping_for){
			 x->call, x->peer, x->line }, res, fresh->key);
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

/* All branches answer one SPI of ours, and the kernel knows an SA that comes in
 * by its SPI alone: one branch can have it, the first that was authentic. Were
 * it left to a later one, anybody could take a tunnel that is up away. */
static int only_branch(const struct exchange *x,
		       struct msg_key_finished *reply)
{
	if (!x->keyed.tunnels || !x->answers)
		return 0;
	strcpy(reply->reason, "another branch of this call has answered, and "
	       "one tunnel takes one far end: forked calls cannot have media "
	       "= \"esp\" on both branches");
	return E_EXISTS;
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
	if (!old && (r = only_branch(x, reply)))
		return r;
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
	struct buf plain = buf_of(KEYING_MAX);
	int r = exchange_show(c, x, msg, &plain);

	if (r)
		strcpy(why.text, "the answer's key came in no body that was "
				 "opened for this call");
	else
		r = x->alt[i].method->finish(x->alt[i].pending, plain.data,
					     plain.len, now, res, &why);
	buf_free(&plain);
	if (!r && x->veiled)
		veil_facts(&x->veil, &res->facts);
	if (!r && i && !res->ranked) {
		r = E_AUTH;
		strcpy(why.text, "the answer chose an alternative without "
				 "saying why");
	}
	if (!r && (r = tunnel_result(x->keyed, res)))
		strcpy(why.text, "the answer keys other lines than the offer");
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
	bool theirs = !docket_strays(c->dockets, x->call);

	if (!r)
		r = docket_keyed(c->dockets, &(struct keyed){
			.call = x->call, .stream = x->line[0].stream,
			.method = x->alt[reply->chosen].method,
			.suite = res.facts.suite,
			.esp = res.facts.esp }, &res.bundle);
	if (!r && x->ranked && theirs)
		recall_put(&c->s, x->peer, &res);
	tunnel_far(&res, reply->far, reply->behind);
	reply->facts = res.facts;
	reply->facts.choice = request_choice(
		x->choice, res.ranked,
		x->by_rank && res.ranks.lists.by_rank);
	wipe(&res, sizeof res);
	if (r)
		return r;
	x->finished = true;
	if (theirs && (x->outward || reply->facts.verified ||
		       reply->facts.pinned == PIN_KNOWN))
		best_raise(&c->s, x->best);
	if (x->alt[0].method->bare)
		exchange_keep(c->dockets, x);
	else
		exchange_wait(c->dockets, x,
			      clock_mono_us(c->s.clock) + FORKS_US);
	reply->n = x->n;
	return 0;
}

int clerk_finish(struct clerk *c, struct ipc_msg *msg)
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
		memset(reply.far, 0, sizeof reply.far);
		memset(reply.behind, 0, sizeof reply.behind);
		log_line(LOG_CLASS_REMOTE, "keeper", x ? x->call : 0, "%s",
			 reply.reason);
	}
	clerk_tell(c, MSG_KEY_FINISHED, msg->id, &reply, sizeof reply, NULL);
	return 0;
}
