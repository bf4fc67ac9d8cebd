/* test_clerk.c - the keeper's requests with a played engine and relay and a
 * made clock; keys by real MIKEY. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/clerk/clerk.h"
#include "daemon/keeper/docket.h"
#include "daemon/keeper/memory/memory.h"
#include "daemon/keeper/rate.h"
#include "daemon/keeper/replay.h"
#include "modules/mikey/psk.h"
#include "tests/unit/clerk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* -- whole exchanges ------------------------------------------------------ */

static void a_call_gets_its_keys(void **state)
{
	static struct house a, b;
	const struct sent *o, *r, *f;
	const struct msg_key *k;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	o = offer(&a, 1);
	assert_int_equal(o->u.offered.err, 0);
	assert_int_equal(o->u.offered.n, 1);
	/* keys first, then the word to the engine */
	assert_int_equal(a.sent[0].to, PROC_RELAY);
	assert_int_equal(a.sent[1].to, PROC_RELAY);
	k = key_of(&a, o->u.offered.key[0].send);
	assert_int_equal(k->call, 1);
	assert_int_equal(k->stream, 11);
	assert_int_equal(k->direction, KEY_SEND);
	assert_int_equal(k->ssrc, 0x11111111);
	assert_int_equal(k->key_id >> 32, EPOCH);
	k = key_of(&a, o->u.offered.key[0].recv);
	assert_int_equal(k->direction, KEY_RECV);
	assert_int_equal(k->ssrc, 0);
	r = answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, 0);
	assert_int_equal(r->u.answered.repeat, 0);
	assert_int_equal(r->u.answered.len, r->tail_len);
	k = key_of(&b, r->u.answered.key[0].recv);
	assert_int_equal(k->ssrc, 0x11111111);
	assert_memory_equal(&k->key,
			    &key_of(&a, o->u.offered.key[0].send)->key,
			    sizeof k->key);
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	assert_int_equal(f->u.finished.facts.confirmed, 1);
	assert_string_equal(f->u.finished.facts.method, "mikey-psk");
	/* another branch with the same answer: the same ids, one context */
	f = finish(&a, o->u.offered.exchange, 1, r);
	assert_memory_equal(f->u.finished.key, o->u.offered.key,
			    sizeof f->u.finished.key);
	assert_int_equal(count(&a, MSG_KEY), 2);
	release(&a, 1);
	assert_int_equal(count(&a, MSG_KEY_GONE), 2);
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, E_NOTFOUND);
	assert_int_equal(f->u.finished.facts.verified, 0);
	house_close(&a);
	house_close(&b);
}

static void a_failed_finish_leaves_the_exchange(void **state)
{
	static struct house a, b;
	struct sent wrong;
	const struct sent *o, *r, *f;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	o = offer(&a, 1);
	r = answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	wrong = *r;
	wrong.tail[wrong.tail_len - 1] ^= 1;
	f = finish(&a, o->u.offered.exchange, 0, &wrong);
	assert_int_equal(f->u.finished.err, E_AUTH);
	assert_int_equal(f->u.finished.n, 0);
	assert_true(f->u.finished.reason[0]);
	f = finish(&a, o->u.offered.exchange, 1, r);
	assert_int_equal(f->u.finished.err, 0);
	house_close(&a);
	house_close(&b);
}

static void a_dropped_offer_takes_its_keys_along(void **state)
{
	static struct house a;
	const struct sent *o;

	(void)state;
	house_open(&a, "b.example");
	o = offer(&a, 1);
	drop(&a, o->u.offered.exchange);
	assert_int_equal(count(&a, MSG_KEY_GONE), 2);
	drop(&a, o->u.offered.exchange); /* unknown by now: nothing */
	release(&a, 1);
	assert_int_equal(count(&a, MSG_KEY_GONE), 2);
	house_close(&a);
}

static void an_offer_never_answered_expires(void **state)
{
	static struct house a, b;
	const struct sent *o, *r;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	o = offer(&a, 1);
	r = answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	a.mono_us += 599 * SECOND;
	clerk_tick(a.clerk);
	assert_int_equal(count(&a, MSG_KEY_GONE), 0);
	a.mono_us += 2 * SECOND;
	clerk_tick(a.clerk);
	assert_int_equal(count(&a, MSG_KEY_GONE), 2);
	assert_int_equal(finish(&a, o->u.offered.exchange, 0, r)
				 ->u.finished.err, E_NOTFOUND);
	house_close(&a);
	house_close(&b);
}

static void a_finished_exchange_expires_without_its_keys(void **state)
{
	static struct house a, b;
	const struct sent *o, *r;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	o = offer(&a, 1);
	r = answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	finish(&a, o->u.offered.exchange, 0, r);
	a.mono_us += 65 * SECOND;
	clerk_tick(a.clerk);
	assert_int_equal(finish(&a, o->u.offered.exchange, 0, r)
				 ->u.finished.err, E_NOTFOUND);
	assert_int_equal(count(&a, MSG_KEY_GONE), 0);
	release(&a, 1);
	assert_int_equal(count(&a, MSG_KEY_GONE), 2);
	house_close(&a);
	house_close(&b);
}

/* -- updates -------------------------------------------------------------- */

static void keyed(struct house *a, struct house *b, struct where w,
		  struct sent *message)
{
	const struct sent *o = offer(a, 1), *r, *f;

	assert_int_equal(o->u.offered.err, 0);
	*message = *o;
	r = answer(b, o, w);
	assert_int_equal(r->u.answered.err, 0);
	f = finish(a, message->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	assert_memory_equal(
		&key_of(b, r->u.answered.key[0].recv)->key,
		&key_of(a, message->u.offered.key[0].send)->key,
		sizeof(struct srtp_key));
	won(a, 1);
	won(b, w.call);
}

/* Bytes 4 to 7 of the header. */
static uint32_t csb_of(const struct sent *s)
{
	uint32_t id;

	memcpy(&id, s->tail + 4, sizeof id);
	return id;
}

static void a_later_offer_updates_the_bundle(void **state)
{
	static struct house a, b;
	struct sent first, next;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	keyed(&a, &b, (struct where){ 2, 1, 1, 1, 0 }, &first);
	for (uint8_t i = 2; i < 12; i++) {
		a.mono_us += SECOND;
		a.wall_us += SECOND;
		b.mono_us += SECOND;
		b.wall_us += SECOND;
		keyed(&a, &b, (struct where){ 2, 1, i, i, 0 }, &next);
		assert_int_equal(csb_of(&next), csb_of(&first));
		assert_true(next.tail_len < first.tail_len + 2);
		assert_int_equal(key_of(&a, next.u.offered.key[0].send)
					 ->key.mki[1], i);
	}
	/* the first offer comes again: its keys are long replaced */
	assert_int_equal(answer(&b, &first, (struct where){ 2, 1, 1, 1, 0 })
				 ->u.answered.err, E_REPLAY);
	assert_int_equal(answer(&b, &next, (struct where){ 2, 1, 30, 30, 0 })
				 ->u.answered.repeat, 1);
	/* in another call there is no such bundle */
	a.wall_us += SECOND;
	next = *offer(&a, 1);
	assert_int_equal(answer(&b, &next, (struct where){ 3, 3, 1, 1, 41 })
				 ->u.answered.err, E_STATE);
	house_close(&a);
	house_close(&b);
}

static void a_far_end_that_lost_the_bundle_gets_a_new_one(void **state)
{
	static struct house a, b;
	struct sent first, next;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	keyed(&a, &b, (struct where){ 2, 1, 1, 1, 0 }, &first);
	house_close(&b);
	house_open(&b, "a.example");
	for (uint8_t i = 2; i < 4; i++) {
		a.wall_us += SECOND;
		b.wall_us = a.wall_us;
		next = *offer(&a, 1);
		assert_int_equal(csb_of(&next), csb_of(&first));
		assert_int_equal(answer(&b, &next, (struct where){ 2, 1, i, i,
								   0 })
					 ->u.answered.err, E_STATE);
		drop(&a, next.u.offered.exchange);
	}
	a.wall_us += SECOND;
	b.wall_us = a.wall_us;
	keyed(&a, &b, (struct where){ 2, 1, 4, 4, 0 }, &next);
	assert_int_not_equal(csb_of(&next), csb_of(&first));
	house_close(&a);
	house_close(&b);
}

/* A method whose keys are fixed by the answer alone, as Diffie-Hellman's. */
static int late_offer(const struct keying_terms *t, struct buf *out,
		      struct keying_pending **pending,
		      struct keying_result *early, struct keying_fault *fault)
{
	(void)t;
	(void)fault;
	buf_text(out, "offer");
	*pending = NULL;
	early->n = 0;
	return 0;
}

static int late_finish(struct keying_pending *pending, const uint8_t *answer,
		       size_t len, uint64_t wall_us,
		       struct keying_result *result,
		       struct keying_fault *fault)
{
	(void)pending;
	(void)answer;
	(void)len;
	(void)wall_us;
	(void)fault;
	*result = (struct keying_result){ .n = 1, .recv_ssrc = { 99 } };
	result->facts.suite = SUITE_AEAD_AES_128_GCM;
	return 0;
}

static void late_drop(struct keying_pending *pending)
{
	(void)pending;
}

static const struct keying late = {
	.name = "late", .protocol = "mikey", .offer = late_offer,
	.finish = late_finish, .drop = late_drop,
};

static void an_answer_may_fix_the_keys(void **state)
{
	struct msg_key_ids first;
	static struct house a;
	const struct sent *o, *f;

	(void)state;
	house_open(&a, "b.example");
	a.method = &late;
	o = offer(&a, 1);
	assert_int_equal(o->u.offered.err, 0);
	assert_int_equal(o->u.offered.n, 0);
	assert_int_equal(count(&a, MSG_KEY), 0);
	a.relay_err = E_FULL;
	f = finish(&a, o->u.offered.exchange, 0, o);
	assert_int_equal(f->u.finished.err, E_FULL);
	a.relay_err = 0;
	f = finish(&a, o->u.offered.exchange, 0, o);
	assert_int_equal(f->u.finished.err, 0);
	assert_int_equal(count(&a, MSG_KEY), 2);
	assert_int_equal(key_of(&a, f->u.finished.key[0].recv)->ssrc, 99);
	first = f->u.finished.key[0];
	/* the same answer again: one key, one id */
	f = finish(&a, o->u.offered.exchange, 0, o);
	assert_int_equal(f->u.finished.err, 0);
	assert_memory_equal(&f->u.finished.key[0], &first, sizeof first);
	assert_int_equal(count(&a, MSG_KEY), 2);
	house_close(&a);
}

/* Each branch has keys of its own on the same stream; they live until the
 * call is released. */
static void each_branch_may_fix_its_own_keys(void **state)
{
	static struct house a;
	const struct sent *o, *f;
	struct msg_key_ids key[6];

	(void)state;
	house_open(&a, "b.example");
	a.method = &late;
	o = offer(&a, 1);
	for (uint32_t i = 0; i < 6; i++) {
		f = finish(&a, o->u.offered.exchange, i, o);
		assert_int_equal(f->u.finished.err, 0);
		assert_int_equal(f->u.finished.n, 1);
		key[i] = f->u.finished.key[0];
		assert_int_equal(count(&a, MSG_KEY), 2 * i + 2);
		for (uint32_t k = 0; k < i; k++)
			assert_true(key[i].send != key[k].send &&
				    key[i].recv != key[k].recv);
		assert_int_equal(key_of(&a, key[i].send)->stream,
				 key_of(&a, key[0].send)->stream);
	}
	f = finish(&a, o->u.offered.exchange, 6, o);
	assert_int_equal(f->u.finished.err, E_FULL);
	f = finish(&a, o->u.offered.exchange, 3, o);
	assert_memory_equal(&f->u.finished.key[0], &key[3], sizeof key[3]);
	release(&a, 1);
	assert_int_equal(count(&a, MSG_KEY_GONE), 12);
	house_close(&a);
}

/* Another answer of one branch is another key. */
static void a_changed_answer_has_new_keys(void **state)
{
	static struct house a;
	static struct sent other;
	const struct sent *o, *f;
	struct msg_key_ids first;

	(void)state;
	house_open(&a, "b.example");
	a.method = &late;
	o = offer(&a, 1);
	other = *o;
	other.tail[0] ^= 1;
	f = finish(&a, o->u.offered.exchange, 0, o);
	first = f->u.finished.key[0];
	f = finish(&a, o->u.offered.exchange, 0, &other);
	assert_int_equal(f->u.finished.err, 0);
	assert_true(f->u.finished.key[0].send != first.send);
	house_close(&a);
}

/* -- policy --------------------------------------------------------------- */

static void refuse_all(struct house *h, const char *word)
{
	const struct sent *o = offer(h, 1);

	assert_int_equal(o->u.offered.err, E_POLICY);
	assert_non_null(strstr(o->u.offered.reason, word));
	assert_int_equal(o->tail_len, 0);
	assert_int_equal(count(h, MSG_KEY), 0);
}

static void policy_is_the_keepers_own(void **state)
{
	static struct house h;
	struct msg_key_party p;

	(void)state;
	house_open(&h, "b.example");
	h.no_psk = true;
	refuse_all(&h, "psk = ");
	h.no_psk = false;
	h.psk.len = 15;
	refuse_all(&h, "15 bytes");
	h.psk.len = 16;
	h.profile.need = NEED_FORBID;
	refuse_all(&h, "forbid");
	h.profile.need = NEED_REQUIRE;
	h.no_method = true;
	refuse_all(&h, "keying");
	h.no_method = false;
	h.peer.match = "c.example";
	refuse_all(&h, "no peer matches sip:bob@b.example");
	h.peer.match = "b.example";
	strcpy(h.peer.name, "others");
	refuse_all(&h, "belongs to peer others");
	strcpy(h.peer.name, "them");
	h.profile.n_suites = 0;
	refuse_all(&h, "suite");
	h.profile.n_suites = 1;
	p = party(1, "sip:alice@a.example", "sip:bob@b.example");
	assert_int_equal(offer_as(&h, &p)->u.offered.err, 0);
	house_close(&h);
}

static int may_be_plain(struct house *h, const char *remote)
{
	struct msg_key_plain m = { .peer = "them" };

	strcpy(m.remote_id, remote);
	assert_int_equal(tell(h, MSG_KEY_PLAIN, 9, &m, sizeof m, NULL), 0);
	assert_int_equal(last(h, MSG_KEY_PLAINED)->id, 9);
	return last(h, MSG_KEY_PLAINED)->u.plained.err;
}

/* One forged refusal must not make later calls plain. */
static void who_was_sealed_may_not_be_plain(void **state)
{
	static struct house a, b;
	struct memory *memory;
	const struct sent *message, *reply;
	uint64_t exchange;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	assert_int_equal(memory_new(-1, 10, &memory), 0);
	clerk_free(a.clerk);
	a.memory = memory;
	house_open_on(&a, "b.example", 10, NULL);
	assert_int_equal(may_be_plain(&a, "sip:bob@b.example"), E_POLICY);
	a.profile.need = NEED_ALLOW;
	assert_int_equal(may_be_plain(&a, "sip:bob@b.example"), 0);
	a.profile.need = NEED_PREFER;
	assert_int_equal(may_be_plain(&a, "sip:bob@b.example"), 0);
	assert_int_equal(may_be_plain(&a, "sip:bob@c.example"), E_POLICY);

	message = offer(&a, 1);
	exchange = message->u.offered.exchange;
	assert_int_equal(may_be_plain(&a, "sip:bob@b.example"), 0);
	reply = answer(&b, message, (struct where){ 2, 1, 1, 1, 21 });
	assert_int_equal(reply->u.answered.err, 0);
	assert_int_equal(finish(&a, exchange, 0, reply)->u.finished.err, 0);
	assert_int_equal(may_be_plain(&a, "sip:bob@b.example"), E_POLICY);
	assert_int_equal(may_be_plain(&a, "sip:eve@b.example"), E_POLICY);
	assert_non_null(strstr(last(&a, MSG_KEY_PLAINED)->u.plained.reason,
			       "trust --forget"));
	/* the operator's word alone lowers it */
	assert_int_equal(memory_forget(memory, MEMORY_BEST,
				       "them b.example"), 0);
	assert_int_equal(may_be_plain(&a, "sip:bob@b.example"), 0);
	house_close(&a);
	house_close(&b);
	memory_free(memory);
}

static void a_broken_request_closes_the_pair(void **state)
{
	static struct house h;
	struct msg_key_offer m = { .party = party(1, "sip:a@a", "sip:b@b") };
	struct ipc_msg relay = { .type = MSG_KEY_OFFER, .body = &m };

	(void)state;
	house_open(&h, "b");
	m.party.n = 0;
	assert_int_equal(tell(&h, MSG_KEY_OFFER, 1, &m, sizeof m, NULL),
			 E_FORMAT);
	m.party.n = STREAM_MAX + 1;
	assert_int_equal(tell(&h, MSG_KEY_OFFER, 1, &m, sizeof m, NULL),
			 E_FORMAT);
	m.party.n = 1;
	memset(m.party.local_id, 'x', sizeof m.party.local_id);
	assert_int_equal(tell(&h, MSG_KEY_OFFER, 1, &m, sizeof m, NULL),
			 E_FORMAT);
	assert_int_equal(tell(&h, MSG_KEY_OFFERED, 1, &m, sizeof m, NULL),
			 E_STATE);
	assert_int_equal(clerk_handle(h.clerk, PROC_RELAY, &relay), E_STATE);
	assert_int_equal(h.n, 0);
	house_close(&h);
}

/* -- repeats and replays -------------------------------------------------- */

static void repeats_are_legal_and_replays_are_not(void **state)
{
	static struct house a, b;
	const struct sent *o, *r, *again;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	o = offer(&a, 1);
	r = answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	/* in force, even long after the window: a session refresh */
	b.wall_us += 3600 * SECOND;
	again = answer(&b, o, (struct where){ 2, 1, 9, 2, 0 });
	assert_int_equal(again->u.answered.err, 0);
	assert_int_equal(again->u.answered.repeat, 1);
	assert_memory_equal(again->u.answered.key, r->u.answered.key,
			    sizeof r->u.answered.key);
	assert_memory_equal(again->tail, r->tail, r->tail_len);
	assert_int_equal(count(&b, MSG_KEY), 2);
	b.wall_us -= 3600 * SECOND;
	/* the same INVITE on another branch: a second phone, its own ids */
	again = answer(&b, o, (struct where){ 3, 1, 2, 1, 22 });
	assert_int_equal(again->u.answered.err, 0);
	assert_int_equal(again->u.answered.repeat, 0);
	assert_int_not_equal(again->u.answered.key[0].send,
			     r->u.answered.key[0].send);
	assert_int_equal(key_of(&b, again->u.answered.key[0].send)->stream,
			 22);
	/* another dialog, another request, the same branch again, too late */
	again = answer(&b, o, (struct where){ 4, 7, 3, 1, 0 });
	assert_int_equal(again->u.answered.err, E_REPLAY);
	assert_int_equal(again->tail_len, 0);
	again = answer(&b, o, (struct where){ 4, 1, 3, 2, 0 });
	assert_int_equal(again->u.answered.err, E_REPLAY);
	again = answer(&b, o, (struct where){ 4, 1, 1, 1, 0 });
	assert_int_equal(again->u.answered.err, E_REPLAY);
	b.wall_us += 181 * SECOND;
	again = answer(&b, o, (struct where){ 4, 1, 4, 1, 0 });
	assert_int_equal(again->u.answered.err, E_REPLAY);
	/* after the window the timestamp alone refuses */
	b.wall_us += 300 * SECOND;
	again = answer(&b, o, (struct where){ 4, 1, 4, 1, 0 });
	assert_int_equal(again->u.answered.err, E_EXPIRED);
	assert_true(again->tail_len > 0);
	house_close(&a);
	house_close(&b);
}

static void a_replay_after_the_call_is_refused(void **state)
{
	static struct house a, b;
	const struct sent *o;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	o = offer(&a, 1);
	answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	release(&b, 2);
	assert_int_equal(count(&b, MSG_KEY_GONE), 2);
	assert_int_equal(answer(&b, o, (struct where){ 3, 1, 1, 1, 0 })
				 ->u.answered.err, E_REPLAY);
	/* nor does another branch help when no branch is left */
	assert_int_equal(answer(&b, o, (struct where){ 3, 1, 2, 1, 0 })
				 ->u.answered.err, E_REPLAY);
	house_close(&a);
	house_close(&b);
}

static void an_answered_invite_forks_no_more(void **state)
{
	static struct house a, b;
	const struct sent *o;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	o = offer(&a, 1);
	answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(answer(&b, o, (struct where){ 3, 1, 2, 1, 0 })
				 ->u.answered.err, 0);
	won(&b, 99); /* unknown: nothing happens */
	won(&b, 2);
	assert_int_equal(answer(&b, o, (struct where){ 4, 1, 3, 1, 0 })
				 ->u.answered.err, E_REPLAY);
	/* its own refresh is still a repeat */
	assert_int_equal(answer(&b, o, (struct where){ 2, 1, 9, 2, 0 })
				 ->u.answered.repeat, 1);
	house_close(&a);
	house_close(&b);
}

static void each_line_of_a_call_has_its_own_answer_in_force(void **state)
{
	static struct house a, b;
	const struct sent *first, *second;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	first = offer(&a, 1);
	second = offer(&a, 1);
	answer(&b, first, (struct where){ 2, 1, 1, 1, 21 });
	answer(&b, second, (struct where){ 2, 1, 1, 1, 22 });
	assert_int_equal(answer(&b, first, (struct where){ 2, 1, 5, 2, 21 })
				 ->u.answered.repeat, 1);
	assert_int_equal(answer(&b, second, (struct where){ 2, 1, 5, 2, 22 })
				 ->u.answered.repeat, 1);
	/* on another stream it is no repeat, and no fork */
	assert_int_equal(answer(&b, first, (struct where){ 2, 1, 5, 2, 23 })
				 ->u.answered.err, E_REPLAY);
	house_close(&a);
	house_close(&b);
}

static void a_wrong_key_is_no_entry_in_the_cache(void **state)
{
	static struct house a, b;
	const struct sent *o, *r;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	secret_set(&b.psk, "another key, too", 16);
	o = offer(&a, 1);
	r = answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_AUTH);
	assert_int_equal(r->u.answered.len, r->tail_len);
	assert_true(r->tail_len > 0); /* the error message */
	assert_int_equal(count(&b, MSG_KEY), 0);
	secret_set(&b.psk, a.psk.bytes, 16);
	assert_int_equal(answer(&b, o, (struct where){ 3, 2, 2, 2, 0 })
				 ->u.answered.err, 0);
	house_close(&a);
	house_close(&b);
}

static int guess(struct house *b, const struct sent *o)
{
	b->n = 0;
	return answer(b, o, (struct where){ 2, 1, 1, 1, 0 })->u.answered.err;
}

static void guessing_is_slowed(void **state)
{
	static struct house a, b;
	const struct sent *o;
	int err = E_AUTH;
	size_t n = 0;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	secret_set(&b.psk, "another key, too", 16);
	o = offer(&a, 1);
	for (; err == E_AUTH && n < 10000; n++)
		err = guess(&b, o);
	assert_int_equal(err, E_FULL);
	assert_in_range(n, 2000, 5000);
	b.mono_us += 10 * SECOND;
	assert_int_equal(guess(&b, o), E_AUTH);
	house_close(&a);
	house_close(&b);
}

/* Anybody can claim to be the peer: his offers must not use up the peer's. */
static void a_forger_does_not_block_the_peer(void **state)
{
	static struct house a, b, forger;
	const struct sent *good, *bad;
	int err = E_AUTH;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	house_open(&forger, "b.example");
	secret_set(&forger.psk, "another key, too", 16);
	good = offer(&a, 1);
	bad = offer(&forger, 1);
	for (size_t i = 0; i < 5000; i++, b.mono_us += SECOND / 500)
		assert_int_equal(guess(&b, bad), E_AUTH);
	assert_int_equal(guess(&b, good), 0);
	/* and no flood of them keeps us from calling the peer */
	while (err == E_AUTH)
		err = guess(&b, bad);
	assert_int_equal(err, E_FULL);
	b.n = 0;
	strcpy(b.peer.name, "them");
	assert_int_equal(offer_as(&b, &(struct msg_key_party){
		.call = 9, .peer = "them", .local_id = "sip:bob@b.example",
		.remote_id = "sip:alice@a.example", .n = 1,
		.line = { { .stream = 41, .ssrc = 0x44444444 } }
		})->u.offered.err, 0);
	house_close(&a);
	house_close(&b);
	house_close(&forger);
}

/* -- siblings ------------------------------------------------------------- */

static void a_new_relay_gets_the_live_keys(void **state)
{
	static struct house a;
	const struct sent *o;
	struct msg_key first;

	(void)state;
	house_open(&a, "b.example");
	o = offer(&a, 1);
	first = *key_of(&a, o->u.offered.key[0].send);
	offer(&a, 2);
	release(&a, 2);
	a.n = 0;
	clerk_sibling(a.clerk, PROC_RELAY, 0);
	assert_int_equal(a.n, 0);
	clerk_sibling(a.clerk, PROC_RELAY, 2);
	assert_int_equal(a.n, 2);
	assert_memory_equal(key_of(&a, first.key_id), &first, sizeof first);
	clerk_sibling(a.clerk, PROC_RELAY, 2); /* the same one: nothing */
	assert_int_equal(a.n, 2);
	house_close(&a);
}

static void without_a_relay_keys_wait(void **state)
{
	static struct house a;

	(void)state;
	house_open(&a, "b.example");
	a.relay_err = E_CLOSED;
	assert_int_equal(offer(&a, 1)->u.offered.err, 0);
	a.relay_err = 0;
	clerk_sibling(a.clerk, PROC_RELAY, 3);
	assert_int_equal(count(&a, MSG_KEY), 2);
	house_close(&a);
}

static void a_relay_that_takes_nothing_ends_the_offer(void **state)
{
	static struct house a;

	(void)state;
	house_open(&a, "b.example");
	a.relay_err = E_FULL;
	assert_int_equal(offer(&a, 1)->u.offered.err, E_FULL);
	a.relay_err = 0;
	clerk_sibling(a.clerk, PROC_RELAY, 3);
	assert_int_equal(count(&a, MSG_KEY), 0);
	house_close(&a);
}

static void a_new_engine_starts_with_nothing(void **state)
{
	static struct house a, b;
	const struct sent *o, *r;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	o = offer(&a, 1);
	r = answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	clerk_sibling(a.clerk, PROC_ENGINE, 0);
	assert_int_equal(count(&a, MSG_KEY_GONE), 0);
	clerk_sibling(a.clerk, PROC_ENGINE, 2);
	assert_int_equal(count(&a, MSG_KEY_GONE), 2);
	assert_int_equal(finish(&a, o->u.offered.exchange, 0, r)
				 ->u.finished.err, E_NOTFOUND);
	house_close(&a);
	house_close(&b);
}

static void an_engine_that_cannot_hear_gets_no_keys(void **state)
{
	static struct house a;
	struct msg_key_offer m = {
		.party = party(1, "sip:alice@a.example", "sip:bob@b.example")
	};

	(void)state;
	house_open(&a, "b.example");
	a.engine_err = E_CLOSED;
	assert_int_equal(tell(&a, MSG_KEY_OFFER, 5, &m, sizeof m, NULL), 0);
	assert_int_equal(count(&a, MSG_KEY), 2);
	assert_int_equal(count(&a, MSG_KEY_GONE), 2);
	house_close(&a);
}

/* -- bounds --------------------------------------------------------------- */

static void full_tables_refuse_and_recover(void **state)
{
	static struct house a;
	uint64_t call = 0;
	int err = 0;

	(void)state;
	house_open(&a, "b.example"); /* 10 calls: 84 exchanges */
	while (!err && call < 1000) {
		a.n = 0;
		err = offer(&a, ++call)->u.offered.err;
	}
	assert_int_equal(err, E_FULL);
	assert_in_range(call, 50, 200);
	release(&a, 1);
	a.n = 0;
	assert_int_equal(offer(&a, 5000)->u.offered.err, 0);
	house_close(&a);
}

/* The window grew: what the cache let go under the old one stays out. */
static void a_longer_window_takes_no_old_offer(void **state)
{
	static struct house a, b;
	const struct sent *o, *r;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	o = offer(&a, 1);
	b.wall_us += 400 * SECOND;
	clerk_limits(b.clerk, &(struct clerk_limits){
		.window_us = 900 * SECOND, .verify = true });
	r = answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_REPLAY);
	assert_int_equal(r->tail_len, 0);
	assert_int_equal(count(&b, MSG_KEY), 0);
	house_close(&a);
	house_close(&b);
}

static void a_full_replay_cache_refuses(void **state)
{
	static struct house a, b;
	struct replay *r;
	int err = 0;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	clerk_free(b.clerk);
	assert_int_equal(replay_new(-1, 3, 300 * SECOND, b.wall_us, &r), 0);
	house_open_on(&b, "a.example", 100, r);
	for (uint64_t i = 1; i <= 4; i++) {
		a.n = b.n = 0;
		err = answer(&b, offer(&a, i), (struct where){ i, 1, 1, 1, 0 })
			      ->u.answered.err;
		assert_int_equal(err, i == 4 ? E_FULL : 0);
	}
	assert_int_equal(count(&b, MSG_KEY), 0);
	/* nothing is lost for ever */
	a.n = b.n = 0;
	a.wall_us += 400 * SECOND;
	b.wall_us += 400 * SECOND;
	assert_int_equal(answer(&b, offer(&a, 9), (struct where){ 9, 1, 1, 1,
			 0 })->u.answered.err, 0);
	house_close(&a);
	house_close(&b);
}

/* Each of them is in force until the next; only the call's end takes them
 * all, and it may be far. */
static void a_call_may_change_its_keys_for_ever(void **state)
{
	static struct house a, b;
	const struct sent *o;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	for (uint32_t i = 0; i < 300; i++) {
		a.n = b.n = 0;
		o = offer(&a, 1);
		assert_int_equal(o->u.offered.err, 0);
		assert_int_equal(answer(&b, o, (struct where){
			2, 1, (uint8_t)i, i, 0 })->u.answered.err, 0);
		a.wall_us += 90 * SECOND;
		a.mono_us += 601 * SECOND;
		b.wall_us += 90 * SECOND;
		b.mono_us += 601 * SECOND;
		clerk_tick(a.clerk);
	}
	/* a new relay gets the last of them */
	b.n = 0;
	clerk_sibling(b.clerk, PROC_RELAY, 2);
	assert_in_range(count(&b, MSG_KEY), 2, 16);
	house_close(&a);
	house_close(&b);
}

static void tokens_come_back(void **state)
{
	static struct rate r;
	unsigned n = 0;

	(void)state;
	while (rate_take(&r, "x", 1, 1) && n < 100000)
		n++;
	assert_in_range(n, 3999, 4001);
	assert_true(rate_take(&r, "y", 1, 1));
	assert_false(rate_take(&r, "x", 1, 2));
	assert_true(rate_take(&r, "x", 1, SECOND));
}

static void ignore_line(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_gets_its_keys),
		cmocka_unit_test(a_failed_finish_leaves_the_exchange),
		cmocka_unit_test(a_dropped_offer_takes_its_keys_along),
		cmocka_unit_test(an_offer_never_answered_expires),
		cmocka_unit_test(a_finished_exchange_expires_without_its_keys),
		cmocka_unit_test(a_later_offer_updates_the_bundle),
		cmocka_unit_test(
			a_far_end_that_lost_the_bundle_gets_a_new_one),
		cmocka_unit_test(an_answer_may_fix_the_keys),
		cmocka_unit_test(each_branch_may_fix_its_own_keys),
		cmocka_unit_test(a_changed_answer_has_new_keys),
		cmocka_unit_test(policy_is_the_keepers_own),
		cmocka_unit_test(who_was_sealed_may_not_be_plain),
		cmocka_unit_test(a_broken_request_closes_the_pair),
		cmocka_unit_test(repeats_are_legal_and_replays_are_not),
		cmocka_unit_test(a_replay_after_the_call_is_refused),
		cmocka_unit_test(an_answered_invite_forks_no_more),
		cmocka_unit_test(
			each_line_of_a_call_has_its_own_answer_in_force),
		cmocka_unit_test(a_wrong_key_is_no_entry_in_the_cache),
		cmocka_unit_test(guessing_is_slowed),
		cmocka_unit_test(a_forger_does_not_block_the_peer),
		cmocka_unit_test(a_new_relay_gets_the_live_keys),
		cmocka_unit_test(without_a_relay_keys_wait),
		cmocka_unit_test(a_relay_that_takes_nothing_ends_the_offer),
		cmocka_unit_test(a_new_engine_starts_with_nothing),
		cmocka_unit_test(an_engine_that_cannot_hear_gets_no_keys),
		cmocka_unit_test(full_tables_refuse_and_recover),
		cmocka_unit_test(a_longer_window_takes_no_old_offer),
		cmocka_unit_test(a_full_replay_cache_refuses),
		cmocka_unit_test(a_call_may_change_its_keys_for_ever),
		cmocka_unit_test(tokens_come_back),
	};

	log_to(ignore_line);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
