/* test_rekey.c - new keys in a call that is up: offers of the engine's own,
 * the far end's answered here, what fails, and when they are due. Relay and
 * keeper are scripted, the signalling module is the rig's. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD(v) "v=0\r\no=- 1 " v " IN IP4 127.0.0.9\r\ns=-\r\n" \
		"c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define AUDIO(proto) "m=audio 4000 " proto " 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define MGMT "a=key-mgmt:mikey " RIG_MIKEY "\r\n"
#define MGMT2 "a=key-mgmt:mikey AQAFgM0XflABBBBB\r\n"

#define PLAIN HEAD("1") AUDIO("RTP/AVP")
#define PLAIN_SENDONLY PLAIN "a=sendonly\r\n"
#define SEALED HEAD("1") MGMT AUDIO("RTP/SAVP")
#define SEALED_NEXT HEAD("2") MGMT2 AUDIO("RTP/SAVP")
#define SEALED_HELD HEAD("2") MGMT2 AUDIO("RTP/SAVP") "a=sendonly\r\n"

static struct outcome o;
static struct call *c;

static void passes(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
	assert_int_equal(o.n, 1);
}

static void offer(struct rig *r, enum face from, const char *body)
{
	rig_filter(r, from, BODY_OFFER, 0, body, &o);
}

static void answer(struct rig *r, enum face from, const char *body)
{
	rig_filter(r, from, BODY_ANSWER, 0, body, &o);
}

/* The answer to an offer of our own. */
static void answer_own(struct rig *r, const char *body)
{
	rig_answer_own(r, body, &o);
}

static const struct msg_stream_set *last_set(const struct rig *r)
{
	return &r->set[(r->n_set - 1) % 64];
}

/* A sealed call that is up, begun by either face. */
static struct rig *up(enum face from, const char *conf)
{
	struct rig *r = rig_new(conf);

	c = rig_call(r, from, "b");
	offer(r, from, from == INSIDE ? PLAIN : SEALED);
	passes();
	answer(r, from == INSIDE ? OUTSIDE : INSIDE,
	       from == INSIDE ? SEALED : PLAIN);
	passes();
	call_won(c, 0);
	call_up(c);
	rig_pump(r);
	return r;
}

static int asked;
static int asked_err;
static char asked_why[128];

static void on_rekey(void *user, uint64_t token, int err, const char *why)
{
	assert_ptr_equal(user, &asked);
	assert_int_equal(token, 77);
	asked++;
	asked_err = err;
	snprintf(asked_why, sizeof asked_why, "%s", why);
}

static void ask(struct rig *r)
{
	asked = 0;
	assert_int_equal(engine_rekey(r->e, call_id(c), on_rekey, &asked, 77),
			 0);
	rig_pass_time(r, 20);
	rig_pump(r);
}

/* -- our own offers ------------------------------------------------------- */

static void an_offer_of_our_own(void **state)
{
	char first[BODY_MAX];
	struct rig *r;

	(void)state;
	for (int from = INSIDE; from <= OUTSIDE; from++) {
		unsigned sets, offers;

		r = up((enum face)from, "");
		sets = r->n_set;
		offers = r->offers;
		ask(r);
		assert_int_equal(r->reoffers, 1);
		assert_int_equal(r->own.n, 1);
		assert_true(r->own.passed);
		assert_non_null(strstr(r->own.body,
				       "a=key-mgmt:mikey b2ZmZXIh\r\nm=audio"));
		assert_non_null(strstr(r->own.body, "RTP/SAVP 0"));
		assert_null(strstr(r->own.body, "127.0.0.9"));
		/* o= grows with the keys (the script's offers are alike) */
		assert_non_null(strstr(r->own.body, from == INSIDE
				       ? " 1 IN IP4 127.0.0.2"
				       : " 2 IN IP4 127.0.0.2"));
		assert_int_equal(r->offers, offers + 1);
		/* armed, not sending; no address is touched */
		assert_int_equal(r->n_set, sets + 1);
		assert_true(last_set(r)->set_keys);
		assert_int_equal(last_set(r)->may_send, STREAM_SEND_NO);
		strcpy(first, r->own.body);
		assert_int_equal(asked, 0);
		answer_own(r, SEALED_NEXT);
		passes();
		assert_int_equal(strlen(o.body), 0); /* for the phone */
		assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
		assert_false(last_set(r)->set_remote[INSIDE]);
		assert_false(last_set(r)->set_remote[OUTSIDE]);
		assert_int_equal(asked, 0);
		call_reoffered(c, REOFFER_DONE, 0, "");
		assert_int_equal(asked, 1);
		assert_int_equal(asked_err, 0);
		assert_int_equal(c->rekey.count, 1);
		assert_non_null(strstr(rig_log, "new keys"));
		rig_free(r);
	}
}

/* A session refresh: what we offered goes out again, byte for byte, and its
 * answer stays here. */
static void a_refresh_changes_no_key(void **state)
{
	struct rig *r = rig_new("");
	char first[BODY_MAX];
	unsigned offers, sets;

	(void)state;
	c = rig_call(r, INSIDE, "b");
	offer(r, INSIDE, PLAIN);
	passes();
	strcpy(first, o.body);
	answer(r, OUTSIDE, SEALED);
	passes();
	call_won(c, 0);
	call_up(c);
	rig_pump(r);
	offers = r->offers;
	sets = r->n_set;
	for (int i = 0; i < 2; i++) {
		rig_refresh(r, &o);
		passes();
		assert_string_equal(o.body, first);
		answer_own(r, SEALED);
		passes();
		assert_int_equal(strlen(o.body), 0);
	}
	assert_int_equal(r->offers, offers);
	assert_int_equal(r->n_set, sets);
	rig_free(r);
}

/* Keys that were the far end's to offer cannot be offered by us: then new ones
 * come along. */
static void a_refresh_by_the_former_answerer(void **state)
{
	struct rig *r = up(OUTSIDE, "");
	unsigned offers = r->offers;

	(void)state;
	rig_refresh(r, &o);
	passes();
	assert_int_equal(r->offers, offers + 1);
	answer_own(r, SEALED_NEXT);
	passes();
	assert_int_equal(strlen(o.body), 0);
	rig_free(r);
}

static void several_in_a_row(void **state)
{
	struct rig *r = up(INSIDE, "");

	(void)state;
	for (unsigned i = 1; i < 20; i++) {
		ask(r);
		assert_true(r->own.passed);
		answer_own(r, i % 2 ? SEALED_NEXT : SEALED);
		passes();
		call_reoffered(c, REOFFER_DONE, 0, "");
		assert_int_equal(asked, 1);
		assert_int_equal(c->rekey.count, i);
	}
	assert_int_equal(r->drops, 0);
	rig_free(r);
}

/* The phone is asked nothing, and what it says later goes on as before. */
static void the_phone_goes_on(void **state)
{
	struct rig *r = up(INSIDE, "");
	unsigned offers;

	(void)state;
	ask(r);
	answer_own(r, SEALED_NEXT);
	call_reoffered(c, REOFFER_DONE, 0, "");
	offers = r->offers;
	/* the same again: nothing new is needed */
	offer(r, INSIDE, PLAIN);
	passes();
	assert_int_equal(r->offers, offers);
	/* put on hold: the keys stay */
	offer(r, INSIDE, PLAIN_SENDONLY);
	passes();
	assert_int_equal(r->offers, offers);
	assert_non_null(strstr(o.body, "a=key-mgmt"));
	answer(r, OUTSIDE, HEAD("3") MGMT2 AUDIO("RTP/SAVP") "a=recvonly\r\n");
	passes();
	/* and new keys repeat the hold */
	ask(r);
	assert_true(r->own.passed);
	assert_non_null(strstr(r->own.body, "a=sendonly"));
	rig_free(r);
}

/* -- offers of the far end that change only keys -------------------------- */

static void the_far_ends_new_keys_stay_here(void **state)
{
	struct outcome ours;
	struct rig *r;

	(void)state;
	for (int from = INSIDE; from <= OUTSIDE; from++) {
		unsigned sets;

		r = up((enum face)from, "");
		sets = r->n_set;
		offer(r, OUTSIDE, SEALED_NEXT);
		passes();
		assert_int_equal(strlen(o.body), 0);
		assert_true(last_set(r)->set_keys);
		assert_int_equal(last_set(r)->may_send, STREAM_SEND_NO);
		rig_repeat(r, BODY_ANSWER, &ours);
		assert_true(ours.passed);
		assert_non_null(strstr(ours.body,
				       "a=key-mgmt:mikey YW5zd2Vy\r\n"));
		assert_non_null(strstr(ours.body, "RTP/SAVP 0"));
		assert_int_equal(r->n_set, sets + 2);
		/* the far end has no key before the answer is there */
		assert_int_equal(last_set(r)->may_send, STREAM_SEND_PROVEN);
		assert_false(last_set(r)->set_remote[INSIDE]);
		assert_false(last_set(r)->set_remote[OUTSIDE]);
		assert_int_equal(c->rekey.count, 1);
		/* the same once more is a repetition, for the phone to see */
		offer(r, OUTSIDE, SEALED_NEXT);
		passes();
		assert_true(strlen(o.body) > 0);
		rig_free(r);
	}
}

#define ELSEWHERE(v, c) "v=0\r\no=- 1 " v " IN IP4 " c "\r\ns=-\r\n" \
		"c=IN IP4 " c "\r\nt=0 0\r\n" MGMT2 AUDIO("RTP/SAVP")

/* Where the far gateway is, the phone never knew. */
static void the_far_end_moves(void **state)
{
	struct outcome ours;
	struct rig *r;

	(void)state;
	for (int from = INSIDE; from <= OUTSIDE; from++) {
		r = up((enum face)from, "");
		offer(r, OUTSIDE, ELSEWHERE("2", "127.0.0.19"));
		passes();
		assert_int_equal(strlen(o.body), 0);
		assert_false(last_set(r)->set_remote[OUTSIDE]);
		rig_repeat(r, BODY_ANSWER, &ours);
		assert_true(ours.passed);
		assert_true(last_set(r)->set_remote[OUTSIDE]);
		assert_int_equal(last_set(r)->remote[OUTSIDE].ip[3], 19);
		assert_int_equal(last_set(r)->remote[OUTSIDE].port, 4000);
		assert_false(last_set(r)->set_remote[INSIDE]);
		assert_int_equal(c->rekey.count, 1);
		rig_free(r);
	}
}

/* The old way to put on hold. */
static void an_address_that_is_none_goes_to_the_phone(void **state)
{
	struct rig *r = up(OUTSIDE, "");

	(void)state;
	offer(r, OUTSIDE, ELSEWHERE("2", "0.0.0.0"));
	passes();
	assert_true(strlen(o.body) > 0);
	rig_free(r);
}

static void what_else_changes_goes_to_the_phone(void **state)
{
	struct rig *r = up(OUTSIDE, "");

	(void)state;
	offer(r, OUTSIDE, SEALED_HELD);
	passes();
	assert_non_null(strstr(o.body, "a=sendonly"));
	assert_null(strstr(o.body, "key-mgmt"));
	answer(r, INSIDE, PLAIN "a=recvonly\r\n");
	passes();
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_PROVEN);
	assert_true(last_set(r)->set_remote[OUTSIDE]);
	assert_int_equal(c->rekey.count, 1);
	rig_free(r);
}

static void bad_new_keys_are_refused(void **state)
{
	struct rig *r = up(OUTSIDE, "");

	(void)state;
	r->answered_err = E_AUTH;
	offer(r, OUTSIDE, SEALED_NEXT);
	assert_false(o.passed);
	assert_int_equal(o.no.status, 488);
	assert_int_equal(o.no.warn_code, 306);
	assert_int_equal(c->rekey.count, 0);
	/* the call goes on with what it has */
	r->answered_err = 0;
	offer(r, OUTSIDE, SEALED_NEXT);
	passes();
	rig_free(r);
}

/* -- failures ------------------------------------------------------------- */

static void a_failed_offer_leaves_the_old_keys(void **state)
{
	struct rig *r = up(INSIDE, "");
	unsigned sets;

	(void)state;
	ask(r);
	sets = r->n_set;
	call_reoffered(c, REOFFER_FAILED, 0, "503 Service Unavailable");
	rig_pump(r);
	assert_int_equal(r->drops, 1);
	assert_int_equal(r->n_set, sets);
	assert_int_equal(asked, 1);
	assert_int_not_equal(asked_err, 0);
	assert_string_equal(asked_why, "503 Service Unavailable");
	/* again after a pause, then a longer one */
	rig_pass_time(r, 14000);
	assert_int_equal(r->reoffers, 1);
	rig_pass_time(r, 1100);
	assert_int_equal(r->reoffers, 2);
	rig_pump(r);
	call_reoffered(c, REOFFER_FAILED, 0, "503");
	rig_pass_time(r, 16000);
	assert_int_equal(r->reoffers, 2);
	rig_pass_time(r, 14100);
	assert_int_equal(r->reoffers, 3);
	rig_free(r);
}

static void crossing_offers_are_tried_again(void **state)
{
	struct rig *r = up(INSIDE, "");

	(void)state;
	ask(r);
	call_reoffered(c, REOFFER_BUSY, 2500, "491");
	rig_pass_time(r, 2400);
	assert_int_equal(r->reoffers, 1);
	assert_int_equal(asked, 0);
	rig_pass_time(r, 200);
	assert_int_equal(r->reoffers, 2);
	rig_pump(r);
	answer_own(r, SEALED_NEXT);
	passes();
	call_reoffered(c, REOFFER_DONE, 0, "");
	assert_int_equal(asked, 1);
	assert_int_equal(asked_err, 0);
	rig_free(r);
}

/* Another offer is open in the call: a little later. */
static void it_waits_for_an_open_offer(void **state)
{
	struct rig *r = up(INSIDE, "");

	(void)state;
	r->reoffer_err = E_AGAIN;
	ask(r);
	rig_pass_time(r, 510);
	rig_pass_time(r, 510);
	assert_int_equal(r->reoffers, 3);
	r->reoffer_err = 0;
	rig_pass_time(r, 510);
	rig_pump(r);
	assert_true(r->own.passed);
	rig_free(r);
}

/* Without a password the phone's next offer is the only way. */
static void it_rides_on_the_phones_offer(void **state)
{
	struct rig *r = up(INSIDE, "");
	unsigned offers;

	(void)state;
	ask(r);
	call_reoffered(c, REOFFER_CHALLENGED, 0, "407");
	assert_int_equal(asked, 1);
	assert_int_not_equal(asked_err, 0);
	rig_pass_time(r, 400000);
	assert_int_equal(r->reoffers, 1);
	offers = r->offers;
	offer(r, INSIDE, PLAIN); /* unchanged, as a session timer's */
	passes();
	assert_int_equal(r->offers, offers + 1);
	answer(r, OUTSIDE, SEALED_NEXT);
	passes();
	assert_int_equal(c->rekey.count, 1);
	offer(r, INSIDE, PLAIN);
	passes();
	assert_int_equal(r->offers, offers + 1);
	rig_free(r);
}

static void a_keeper_that_says_no(void **state)
{
	struct rig *r = up(INSIDE, "");

	(void)state;
	r->offered_err = E_FULL;
	ask(r);
	assert_false(r->own.passed);
	call_reoffered(c, REOFFER_FAILED, 0, r->own.no.warn);
	assert_int_equal(asked, 1);
	assert_int_equal(c->rekey.count, 0);
	rig_free(r);
}

/* An operator is not left alone with a far end that says nothing. */
static void who_asks_is_told_in_time(void **state)
{
	struct rig *r = up(INSIDE, "");

	(void)state;
	ask(r);
	rig_pass_time(r, 7900);
	assert_int_equal(asked, 0);
	rig_pass_time(r, 200);
	assert_int_equal(asked, 1);
	assert_int_equal(asked_err, E_AGAIN);
	/* it goes on */
	answer_own(r, SEALED_NEXT);
	passes();
	call_reoffered(c, REOFFER_DONE, 0, "");
	assert_int_equal(asked, 1);
	assert_int_equal(c->rekey.count, 1);
	rig_free(r);
}

static void the_call_ends_meanwhile(void **state)
{
	struct rig *r = up(INSIDE, "");

	(void)state;
	ask(r);
	call_end(c, 200, "bye");
	r->call = NULL;
	assert_int_equal(asked, 1);
	assert_int_equal(asked_err, E_CLOSED);
	rig_free(r);
}

static void who_forgets_is_not_told(void **state)
{
	struct rig *r = up(INSIDE, "");

	(void)state;
	ask(r);
	engine_forget(r->e, &asked);
	call_reoffered(c, REOFFER_DONE, 0, "");
	assert_int_equal(asked, 0);
	rig_free(r);
}

static void calls_that_have_no_keys(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	c = rig_call(r, INSIDE, "b");
	assert_int_equal(engine_rekey(r->e, call_id(c), on_rekey, &asked, 77),
			 E_STATE);
	assert_int_equal(engine_rekey(r->e, 99, on_rekey, &asked, 77),
			 E_NOTFOUND);
	rig_free(r);
	r = rig_new("");
	c = rig_call(r, INSIDE, "p");
	offer(r, INSIDE, PLAIN);
	answer(r, OUTSIDE, PLAIN);
	call_won(c, 0);
	call_up(c);
	assert_int_equal(engine_rekey(r->e, call_id(c), on_rekey, &asked, 77),
			 E_UNSUPPORTED);
	rig_free(r);
}

/* -- when ----------------------------------------------------------------- */

static void by_interval(void **state)
{
	struct rig *r = up(INSIDE, "mikey = { rekey = 60; };");

	(void)state;
	rig_pass_time(r, 59900);
	assert_int_equal(r->reoffers, 0);
	rig_pass_time(r, 200);
	assert_int_equal(r->reoffers, 1);
	rig_pump(r);
	answer_own(r, SEALED_NEXT);
	call_reoffered(c, REOFFER_DONE, 0, "");
	rig_pass_time(r, 59900);
	assert_int_equal(r->reoffers, 1);
	rig_pass_time(r, 200);
	assert_int_equal(r->reoffers, 2);
	rig_free(r);
	/* who answered waits a quarter longer */
	r = up(OUTSIDE, "mikey = { rekey = 60; };");
	rig_pass_time(r, 74900);
	assert_int_equal(r->reoffers, 0);
	rig_pass_time(r, 200);
	assert_int_equal(r->reoffers, 1);
	rig_free(r);
}

static void before_a_key_ends(void **state)
{
	struct rig *r = up(INSIDE, "");
	struct msg_stream_event e = { .stream = c->line[0].stream,
				      .event = STREAM_EVENT_SOFT };

	(void)state;
	assert_int_equal(rig_relay_says(r, MSG_STREAM_EVENT, 0, &e, sizeof e),
			 0);
	rig_pass_time(r, 20);
	assert_int_equal(r->reoffers, 1);
	rig_pump(r);
	/* told twice, by two streams or directions: one offer */
	assert_int_equal(rig_relay_says(r, MSG_STREAM_EVENT, 0, &e, sizeof e),
			 0);
	rig_pass_time(r, 20);
	assert_int_equal(r->reoffers, 1);
	answer_own(r, SEALED_NEXT);
	call_reoffered(c, REOFFER_DONE, 0, "");
	rig_pass_time(r, 100000);
	assert_int_equal(r->reoffers, 1);
	/* the end itself ends the call */
	e.event = STREAM_EVENT_SPENT;
	assert_int_equal(rig_relay_says(r, MSG_STREAM_EVENT, 0, &e, sizeof e),
			 0);
	assert_int_equal(r->hangups, 1);
	rig_free(r);
}

/* -- our own address ------------------------------------------------------ */

#define OURS "outside = { "
#define MOVED(to) OURS "public = ( \"" to "\" ); "

static void our_address_is_another_one(void **state)
{
	struct rig *r;

	(void)state;
	for (int from = INSIDE; from <= OUTSIDE; from++) {
		r = up((enum face)from, "");
		rig_reload(r, OURS, MOVED("192.0.2.9"));
		rig_pass_time(r, 990);
		assert_int_equal(r->reoffers, 0); /* others must know it, too */
		rig_pass_time(r, 20);
		assert_int_equal(r->reoffers, 1);
		rig_pump(r);
		assert_true(r->own.passed);
		assert_non_null(strstr(r->own.body, "c=IN IP4 192.0.2.9"));
		assert_null(strstr(r->own.body, "127.0.0.2"));
		answer_own(r, SEALED_NEXT);
		passes();
		call_reoffered(c, REOFFER_DONE, 0, "");
		/* the same again is none, and back is one */
		rig_reload(r, OURS, MOVED("192.0.2.9"));
		rig_pass_time(r, 1000);
		assert_int_equal(r->reoffers, 1);
		rig_reload(r, OURS, OURS);
		rig_pass_time(r, 1010);
		assert_int_equal(r->reoffers, 2);
		rig_pump(r);
		assert_non_null(strstr(r->own.body, "c=IN IP4 127.0.0.2"));
		rig_free(r);
	}
}

/* What is open says the old one: once more after it, however it ends. */
static void it_moves_while_an_offer_is_open(void **state)
{
	struct rig *r;

	(void)state;
	for (int fails = 0; fails < 2; fails++) {
		r = up(INSIDE, "");
		ask(r);
		rig_reload(r, OURS, MOVED("192.0.2.9"));
		rig_pass_time(r, 1000);
		assert_int_equal(r->reoffers, 1);
		if (!fails)
			answer_own(r, SEALED_NEXT);
		call_reoffered(c, fails ? REOFFER_FAILED : REOFFER_DONE, 0,
			       "488");
		rig_pass_time(r, fails ? 16000 : 20);
		assert_int_equal(r->reoffers, 2);
		rig_pump(r);
		assert_non_null(strstr(r->own.body, "c=IN IP4 192.0.2.9"));
		answer_own(r, SEALED_HELD);
		call_reoffered(c, REOFFER_DONE, 0, "");
		rig_pass_time(r, 20000);
		assert_int_equal(r->reoffers, 2);
		rig_free(r);
	}
}

/* It is told when the call is up. */
static void it_moves_while_a_phone_rings(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	c = rig_call(r, INSIDE, "b");
	offer(r, INSIDE, PLAIN);
	rig_reload(r, OURS, MOVED("192.0.2.9"));
	rig_pass_time(r, 2000);
	assert_int_equal(r->reoffers, 0);
	answer(r, OUTSIDE, SEALED);
	passes();
	call_won(c, 0);
	call_up(c);
	rig_pump(r);
	rig_pass_time(r, 20);
	assert_int_equal(r->reoffers, 1);
	rig_pump(r);
	assert_non_null(strstr(r->own.body, "c=IN IP4 192.0.2.9"));
	answer_own(r, SEALED_NEXT);
	call_reoffered(c, REOFFER_DONE, 0, "");
	rig_pass_time(r, 20000);
	assert_int_equal(r->reoffers, 1);
	rig_free(r);
}

/* The phone's offer said the old one, and its answer is still to come. */
static void it_moves_while_the_phones_offer_is_open(void **state)
{
	struct rig *r = up(INSIDE, "");

	(void)state;
	offer(r, INSIDE, PLAIN_SENDONLY);
	passes();
	rig_reload(r, OURS, MOVED("192.0.2.9"));
	rig_pass_time(r, 500);
	answer(r, OUTSIDE, SEALED_NEXT);
	passes();
	rig_pass_time(r, 1020);
	assert_int_equal(r->reoffers, 1);
	rig_pump(r);
	assert_non_null(strstr(r->own.body, "c=IN IP4 192.0.2.9"));
	rig_free(r);
}

/* A pre-shared key gives all branches the same keys: those who lost too. */
static void after_a_fork(void **state)
{
	struct rig *r;

	(void)state;
	for (int late = 0; late < 2; late++) {
		r = rig_new("");
		r->late_keys = late; /* Diffie-Hellman: each has its own */
		c = rig_call(r, INSIDE, "b");
		offer(r, INSIDE, PLAIN);
		rig_filter(r, OUTSIDE, BODY_ANSWER, 0, SEALED, &o);
		rig_filter(r, OUTSIDE, BODY_ANSWER, 1, SEALED_NEXT, &o);
		passes();
		call_won(c, 1);
		call_up(c);
		rig_pump(r);
		rig_pass_time(r, 20);
		assert_int_equal(r->reoffers, late ? 0 : 1);
		rig_pump(r);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_offer_of_our_own),
		cmocka_unit_test(a_refresh_changes_no_key),
		cmocka_unit_test(a_refresh_by_the_former_answerer),
		cmocka_unit_test(several_in_a_row),
		cmocka_unit_test(the_phone_goes_on),
		cmocka_unit_test(the_far_ends_new_keys_stay_here),
		cmocka_unit_test(the_far_end_moves),
		cmocka_unit_test(an_address_that_is_none_goes_to_the_phone),
		cmocka_unit_test(what_else_changes_goes_to_the_phone),
		cmocka_unit_test(bad_new_keys_are_refused),
		cmocka_unit_test(a_failed_offer_leaves_the_old_keys),
		cmocka_unit_test(crossing_offers_are_tried_again),
		cmocka_unit_test(it_waits_for_an_open_offer),
		cmocka_unit_test(it_rides_on_the_phones_offer),
		cmocka_unit_test(a_keeper_that_says_no),
		cmocka_unit_test(who_asks_is_told_in_time),
		cmocka_unit_test(the_call_ends_meanwhile),
		cmocka_unit_test(who_forgets_is_not_told),
		cmocka_unit_test(calls_that_have_no_keys),
		cmocka_unit_test(by_interval),
		cmocka_unit_test(before_a_key_ends),
		cmocka_unit_test(our_address_is_another_one),
		cmocka_unit_test(it_moves_while_an_offer_is_open),
		cmocka_unit_test(it_moves_while_a_phone_rings),
		cmocka_unit_test(it_moves_while_the_phones_offer_is_open),
		cmocka_unit_test(after_a_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
