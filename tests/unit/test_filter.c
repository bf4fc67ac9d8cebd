/* The way of a body through the engine, with a scripted relay and keeper. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	     "c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define AUDIO(proto) "m=audio 4000 " proto " 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define VIDEO(proto) "m=video 4010 " proto " 96\r\na=rtpmap:96 VP8/90000\r\n"
#define NO_VIDEO(proto) "m=video 0 " proto " 96\r\n"
#define MGMT "a=key-mgmt:mikey " RIG_MIKEY "\r\n"

#define PLAIN HEAD AUDIO("RTP/AVP")
#define PLAIN2 HEAD AUDIO("RTP/AVP") VIDEO("RTP/AVP")
#define SEALED HEAD MGMT AUDIO("RTP/SAVP")
#define SEALED2 HEAD MGMT AUDIO("RTP/SAVP") VIDEO("RTP/SAVP")

static struct outcome o;

static void offer(struct rig *r, enum face from, const char *body)
{
	rig_filter(r, from, BODY_OFFER, 0, body, &o);
}

static void answer(struct rig *r, enum face from, unsigned branch,
		   const char *body)
{
	rig_filter(r, from, BODY_ANSWER, branch, body, &o);
}

static void passes(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
	assert_int_equal(o.n, 1);
}

static void refused(int status, unsigned warn)
{
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, status);
	assert_int_equal(o.no.warn_code, warn);
	assert_non_null(o.no.phrase);
}

static const struct msg_stream_set *last_set(const struct rig *r)
{
	return &r->set[(r->n_set - 1) % 64];
}

/* -- sealed calls --------------------------------------------------------- */

static void sealed_out(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "b");
	const struct msg_stream_set *s;
	char copy[BODY_MAX];

	(void)state;
	assert_string_equal(call_route(c)->target, "sip:bob@b.example");
	assert_string_equal(call_route(c)->next_hop, "sip:127.0.0.3:5070");
	offer(r, INSIDE, PLAIN);
	passes();
	assert_non_null(strstr(o.body, "a=key-mgmt:mikey b2ZmZXIh\r\nm=audio "
				       "20006 RTP/SAVP 0\r\n"));
	assert_non_null(strstr(o.body, "c=IN IP4 127.0.0.2\r\n"));
	assert_null(strstr(o.body, "127.0.0.9"));
	assert_string_equal(r->offer.party.local_id, "sip:alice@a.example");
	assert_string_equal(r->offer.party.remote_id, "sip:bob@b.example");
	assert_string_equal(r->offer.party.peer, "b");
	assert_int_equal(r->offer.party.line[0].ssrc, 0xabc0);
	s = last_set(r);
	assert_true(s->set_keys && !s->may_send && s->set_remote[INSIDE]);
	assert_false(s->set_remote[OUTSIDE]);

	answer(r, OUTSIDE, 0, SEALED);
	passes();
	assert_non_null(strstr(o.body, "m=audio 20004 RTP/AVP 0\r\n"));
	assert_null(strstr(o.body, "key-mgmt"));
	s = last_set(r);
	assert_true(s->set_keys && s->may_send);
	assert_true(s->set_remote[INSIDE] && s->set_remote[OUTSIDE]);
	assert_int_equal(r->finish.exchange, 101);
	strcpy(copy, o.body);

	/* the 200 repeats the 183's answer: no work, same bytes */
	answer(r, OUTSIDE, 0, SEALED);
	passes();
	assert_string_equal(o.body, copy);
	assert_int_equal(r->finishes, 1);
	assert_int_equal(r->n_set, 2);
	call_won(c, 0);
	rig_pump(r);
	assert_int_equal(r->wins, 1); /* the keeper is told */
	call_up(c);
	assert_non_null(strstr(rig_log, "verdict sealed"));
	assert_non_null(strstr(rig_log, "AEAD_AES_128_GCM"));
	rig_free(r);
}

static void sealed_in(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, OUTSIDE, "b");

	(void)state;
	assert_string_equal(call_route(c)->target, "sip:alice@127.0.0.1:5080");
	offer(r, OUTSIDE, SEALED);
	passes();
	assert_null(strstr(o.body, "key-mgmt"));
	assert_non_null(strstr(o.body, "RTP/AVP 0"));
	assert_string_equal(r->answer.party.local_id, "sip:alice@a.example");
	assert_string_equal(r->answer.party.remote_id, "sip:bob@b.example");
	assert_int_equal(r->answer.len, 12);
	assert_true(last_set(r)->set_keys && !last_set(r)->may_send);

	answer(r, INSIDE, 0, PLAIN);
	passes();
	assert_non_null(strstr(o.body, "a=key-mgmt:mikey YW5zd2Vy\r\nm=audio"));
	assert_non_null(strstr(o.body, "RTP/SAVP 0"));
	assert_true(last_set(r)->may_send);
	call_won(c, 0);
	call_up(c);
	assert_non_null(strstr(rig_log, "verdict sealed"));
	rig_free(r);
}

/* The offer comes in the far end's 200, the answer in the ACK. */
static void late_offer(void **state)
{
	struct rig *r = rig_new("");
	struct outcome none = { 0 };

	(void)state;
	rig_call(r, INSIDE, "b");
	rig_filter(r, INSIDE, BODY_OFFER, 0, "", &none);
	assert_true(none.passed && none.n == 1);
	offer(r, OUTSIDE, SEALED);
	passes();
	assert_int_equal(r->answers, 1);
	assert_string_equal(r->answer.party.local_id, "sip:alice@a.example");
	answer(r, INSIDE, 0, PLAIN);
	passes();
	assert_non_null(strstr(o.body, "a=key-mgmt:mikey YW5zd2Vy"));
	rig_free(r);
}

static void media_level(void **state)
{
	struct rig *r = rig_new("mikey = { level = \"media\"; };");

	(void)state;
	rig_call(r, INSIDE, "b");
	offer(r, INSIDE, PLAIN2);
	passes();
	assert_int_equal(r->offers, 2);
	assert_int_equal(r->offer.party.n, 1);
	assert_null(strstr(o.body, "key-mgmt:mikey b2ZmZXIh\r\nm=audio"));
	answer(r, OUTSIDE, 0,
	       HEAD AUDIO("RTP/SAVP") MGMT VIDEO("RTP/SAVP") MGMT);
	passes();
	assert_int_equal(r->finishes, 2);
	rig_free(r);
}

static void media_level_in(void **state)
{
	struct rig *r = rig_new("");
	const char *p;

	(void)state;
	rig_call(r, OUTSIDE, "b");
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") MGMT VIDEO("RTP/SAVP") MGMT);
	passes();
	assert_int_equal(r->answers, 2);
	answer(r, INSIDE, 0, HEAD AUDIO("RTP/AVP") NO_VIDEO("RTP/AVP"));
	passes();
	p = strstr(o.body, "key-mgmt");
	assert_non_null(p);
	assert_true(p > strstr(o.body, "m=audio"));
	assert_null(strstr(p + 1, "key-mgmt"));
	assert_non_null(strstr(o.body, "m=video 0 RTP/SAVP"));
	rig_free(r);
}

/* -- plain calls ---------------------------------------------------------- */

static void plain_call(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "p");

	(void)state;
	offer(r, INSIDE, PLAIN2);
	passes();
	answer(r, OUTSIDE, 0, HEAD AUDIO("RTP/AVP") NO_VIDEO("RTP/AVP"));
	passes();
	assert_non_null(strstr(o.body, "m=video 0 RTP/AVP"));
	assert_int_equal(r->offers + r->answers + r->finishes, 0);
	assert_false(last_set(r)->set_keys);
	assert_true(last_set(r)->may_send);
	call_won(c, 0);
	call_up(c);
	assert_non_null(strstr(rig_log, "verdict plain"));
	call_end(c, 200, "done");
	r->call = NULL;
	rig_pump(r);
	assert_int_equal(r->dels, 2);
	assert_int_equal(r->releases, 0);
	rig_free(r);
}

static void ipv6_phone(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "p");
	offer(r, INSIDE, "v=0\r\no=- 1 1 IN IP6 ::2\r\ns=-\r\nc=IN IP6 ::2\r\n"
	      AUDIO("RTP/AVP"));
	passes();
	assert_non_null(strstr(o.body, "c=IN IP4 127.0.0.2"));
	answer(r, OUTSIDE, 0, PLAIN);
	passes();
	assert_non_null(strstr(o.body, "c=IN IP6 ::1"));
	rig_free(r);
}

/* -- refusals ------------------------------------------------------------- */

static void try_offer(enum face from, const char *peer, const char *body,
		      int status, unsigned warn)
{
	struct rig *r = rig_new("");

	rig_call(r, from, peer);
	offer(r, from, body);
	refused(status, warn);
	assert_true(strlen(r->call->reason) > 0);
	assert_non_null(strstr(rig_log, peer));
	rig_free(r);
}

static void refused_offers(void **state)
{
	(void)state;
	try_offer(OUTSIDE, "b", PLAIN, 488, 306);
	try_offer(OUTSIDE, "b", HEAD AUDIO("RTP/SAVP"), 488, 306);
	try_offer(OUTSIDE, "b", HEAD MGMT MGMT AUDIO("RTP/SAVP"), 400, 399);
	try_offer(OUTSIDE, "b", HEAD AUDIO("RTP/SAVP") MGMT VIDEO("RTP/SAVP"),
		  488, 306);
	try_offer(OUTSIDE, "b", HEAD "a=key-mgmt:mikey !!!!\r\n"
		  AUDIO("RTP/SAVP"), 400, 399);
	try_offer(OUTSIDE, "b", "v=0\r\nrubbish\r\n", 400, 399);
	try_offer(OUTSIDE, "p", SEALED, 488, 306);
	try_offer(OUTSIDE, "p", HEAD AUDIO("RTP/SAVP"), 488, 306);
	try_offer(INSIDE, "b", HEAD AUDIO("RTP/SAVP"), 488, 305);
	try_offer(INSIDE, "b", HEAD "m=image 4000 udptl t38\r\n", 488, 305);
	try_offer(OUTSIDE, "p", "v=0\r\no=- 1 1 IN IP6 ::2\r\ns=-\r\n"
		  "c=IN IP6 ::2\r\n" AUDIO("RTP/AVP"), 488, 301);
	try_offer(INSIDE, "b", "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\n"
		  "c=IN IP4 host.example\r\n" AUDIO("RTP/AVP"), 488, 305);
}

/* Whatever the signalling does: nothing that it did not open is read, and what
 * goes out says that it must be sealed. */
static void descriptions_that_are_sealed(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "p");
	r->call->body = BODY_MODE_SIGN;
	assert_true(call_opens(r->call));
	offer(r, INSIDE, PLAIN);
	passes();
	assert_true(o.seal);
	answer(r, OUTSIDE, 0, PLAIN);
	refused(488, 0);
	r->opened = true;
	answer(r, OUTSIDE, 0, PLAIN);
	passes();
	assert_false(o.seal);
	rig_free(r);
}

static void refused_answers(void **state)
{
	static const struct {
		const char *body;
		unsigned warn;
	} bad[] = {
		{ PLAIN, 306 },
		{ HEAD AUDIO("RTP/SAVP"), 306 },
		{ HEAD MGMT MGMT AUDIO("RTP/SAVP"), 399 },
		{ SEALED2, 399 },
		{ "v=0\r\nrubbish\r\n", 399 },
		{ "v=0\r\no=- 1 1 IN IP6 ::2\r\ns=-\r\nc=IN IP6 ::2\r\n" MGMT
		  AUDIO("RTP/SAVP"), 399 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct rig *r = rig_new("");

		rig_call(r, INSIDE, "b");
		offer(r, INSIDE, PLAIN);
		passes();
		answer(r, OUTSIDE, 0, bad[i].body);
		refused(488, bad[i].warn);
		assert_false(last_set(r)->may_send);
		rig_free(r);
	}
}

static void answer_without_offer(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "b");
	answer(r, OUTSIDE, 0, SEALED);
	refused(500, 399);
	offer(r, INSIDE, PLAIN);
	passes();
	answer(r, INSIDE, 0, PLAIN);
	refused(500, 399);
	rig_free(r);
}

static void wrong_type(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "b");
	r->type = "multipart/mixed";
	offer(r, INSIDE, PLAIN);
	refused(415, 0);
	r->type = "Application/SDP";
	offer(r, INSIDE, PLAIN);
	passes();
	rig_free(r);
}

/* What relay and keeper say ends as the table says. */
static void sibling_errors(void **state)
{
	static const struct {
		int added, offered, finished, done;
		int offer_status, answer_status;
	} row[] = {
		{ E_FULL, 0, 0, 0, 503, 0 },
		{ E_INTERNAL, 0, 0, 0, 500, 0 },
		{ 0, E_NOTFOUND, 0, 0, 500, 0 },
		{ 0, E_POLICY, 0, 0, 403, 0 },
		{ 0, E_FULL, 0, 0, 503, 0 },
		{ 0, 0, E_AUTH, 0, 0, 488 },
		{ 0, 0, E_FORMAT, 0, 0, 488 },
		{ 0, 0, E_UNSUPPORTED, 0, 0, 488 },
		{ 0, 0, 0, E_TIMEOUT, 503, 0 },
		{ 0, 0, 0, E_AUTH, 500, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct rig *r = rig_new("");

		r->added_err = row[i].added;
		r->offered_err = row[i].offered;
		r->finished_err = row[i].finished;
		r->done_err = row[i].done;
		rig_call(r, INSIDE, "b");
		offer(r, INSIDE, PLAIN);
		if (row[i].offer_status) {
			assert_false(o.passed);
			assert_int_equal(o.no.status, row[i].offer_status);
			assert_int_equal(o.no.retry_after_s != 0,
					 row[i].offer_status == 503);
		} else {
			passes();
			answer(r, OUTSIDE, 0, SEALED);
			assert_false(o.passed);
			assert_int_equal(o.no.status, row[i].answer_status);
			assert_non_null(strstr(r->call->reason, "keeper said"));
		}
		rig_free(r);
	}
}

static void their_offer_fails(void **state)
{
	static const struct {
		int err, status;
		unsigned warn;
	} row[] = {
		{ E_AUTH, 488, 306 }, { E_REPLAY, 488, 306 },
		{ E_EXPIRED, 488, 306 }, { E_UNSUPPORTED, 488, 306 },
		{ E_FORMAT, 400, 399 }, { E_POLICY, 403, 399 },
		{ E_FULL, 503, 399 }, { E_NOTFOUND, 500, 399 },
		{ E_INTERNAL, 500, 399 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct rig *r = rig_new("");

		r->answered_err = row[i].err;
		rig_call(r, OUTSIDE, "b");
		offer(r, OUTSIDE, SEALED);
		refused(row[i].status, row[i].warn);
		assert_null(strstr(o.no.warn, "keeper said"));
		rig_free(r);
	}
}

/* -- time and order ------------------------------------------------------- */

static void relay_silent(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "b");
	r->hold_relay = true;
	offer(r, INSIDE, PLAIN);
	assert_int_equal(o.n, 0);
	rig_pass_time(r, RELAY_DEADLINE_MS - 1);
	assert_int_equal(o.n, 0);
	rig_pass_time(r, 2);
	refused(503, 399);
	assert_int_equal(o.no.retry_after_s, 5);
	assert_non_null(strstr(rig_log, "relay did not answer"));
	/* its late answer gives the ports back, and hurts nobody */
	r->hold_relay = false;
	rig_pump(r);
	assert_int_equal(r->e->count.late, 1);
	assert_int_equal(r->dels, 1);
	rig_free(r);
}

static void keeper_silent(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "b");
	r->hold_keeper = true;
	offer(r, INSIDE, PLAIN);
	{
		const struct mock_sent *s =
			mock_child_take(r->child, MSG_STREAM_ADD);
		struct msg_stream_added a = { .n = 1 };

		assert_non_null(s);
		a.port[0].stream = 9;
		a.port[0].local[0].port = a.port[0].local[1].port = 30000;
		a.port[0].local[0].family = a.port[0].local[1].family = 4;
		rig_relay_says(r, MSG_STREAM_ADDED, s->id, &a, sizeof a);
	}
	rig_pass_time(r, KEEPER_DEADLINE_MS + 1);
	refused(503, 399);
	assert_non_null(strstr(rig_log, "keeper did not answer"));
	r->hold_keeper = false;
	rig_pump(r); /* the late exchange is dropped */
	assert_int_equal(r->drops, 1);
	rig_free(r);
}

static void siblings_absent(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	mock_child_refuse(r->child, PROC_RELAY, E_CLOSED);
	rig_call(r, INSIDE, "b");
	offer(r, INSIDE, PLAIN);
	refused(503, 399);
	assert_non_null(strstr(rig_log, "the relay is not there"));
	mock_child_refuse(r->child, PROC_RELAY, 0);
	mock_child_refuse(r->child, PROC_KEEPER, E_CLOSED);
	offer(r, INSIDE, PLAIN);
	refused(503, 399);
	assert_int_equal(o.no.retry_after_s, 5);
	assert_non_null(strstr(rig_log, "the keeper is not there"));
	rig_free(r);
}

/* Bodies of one call pass one after the other, in order. */
static void queueing(void **state)
{
	struct rig *r = rig_new("");
	struct outcome second = { 0 }, third = { 0 };

	(void)state;
	rig_call(r, INSIDE, "b");
	r->hold_relay = true;
	offer(r, INSIDE, PLAIN);
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, SEALED, &second);
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, SEALED, &third);
	assert_int_equal(o.n + second.n + third.n, 0);
	r->hold_relay = false;
	rig_pump(r);
	passes();
	assert_true(second.passed && third.passed);
	assert_int_equal(r->finishes, 1);
	rig_free(r);
}

static void ended_while_waiting(void **state)
{
	struct rig *r = rig_new("");
	struct outcome second = { 0 };

	(void)state;
	rig_call(r, INSIDE, "b");
	r->hold_relay = true;
	offer(r, INSIDE, PLAIN);
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, SEALED, &second);
	call_end(r->call, 487, "cancelled");
	r->call = NULL;
	r->hold_relay = false;
	rig_pump(r);
	assert_int_equal(o.n + second.n, 0);
	assert_int_equal(r->dels, 1);
	rig_free(r);
}

static void ended_in_callback(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, OUTSIDE, "b");
	o.end_call = true;
	offer(r, OUTSIDE, PLAIN);
	refused(488, 306);
	r->call = NULL;
	rig_call(r, OUTSIDE, "b");
	r->answered_err = E_AUTH;
	offer(r, OUTSIDE, SEALED);
	refused(488, 306);
	r->call = NULL;
	o.end_call = false;
	rig_free(r);
}

/* -- forks, new offers ---------------------------------------------------- */

static void forks(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "b");
	uint64_t first;

	(void)state;
	offer(r, INSIDE, PLAIN);
	answer(r, OUTSIDE, 0, SEALED);
	passes();
	first = last_set(r)->key.send;
	assert_int_equal(r->n_set, 2);
	answer(r, OUTSIDE, 1, HEAD MGMT "a=x\r\n" AUDIO("RTP/SAVP"));
	passes();
	assert_int_equal(r->finishes, 2);
	assert_int_equal(r->finish.branch, 1);
	assert_int_equal(r->n_set, 2); /* media stays with the first */
	call_won(c, 1);
	rig_pump(r);
	assert_int_equal(r->n_set, 3);
	assert_true(last_set(r)->may_send);
	assert_int_not_equal(last_set(r)->key.send, first);
	call_up(c);
	rig_free(r);
}

/* The 200 of a branch that has not answered before: it wins, then its body
 * comes. */
static void won_before_answer(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "b");

	(void)state;
	offer(r, INSIDE, PLAIN);
	answer(r, OUTSIDE, 0, SEALED);
	passes();
	call_won(c, 1);
	answer(r, OUTSIDE, 1, HEAD MGMT "a=x\r\n" AUDIO("RTP/SAVP"));
	passes();
	assert_int_equal(r->n_set, 3);
	assert_int_equal(c->deal->active->number, 1);
	assert_null(c->deal->active->next);
	call_up(c);
	assert_non_null(strstr(rig_log, "verdict sealed"));
	/* a late answer of the loser changes nothing */
	answer(r, OUTSIDE, 0, SEALED "a=late\r\n");
	passes();
	assert_int_equal(c->deal->active->number, 1);
	rig_free(r);
}

static struct rig *established(enum face from)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, from, "b");

	offer(r, from, from == INSIDE ? PLAIN : SEALED);
	passes();
	answer(r, from == INSIDE ? OUTSIDE : INSIDE, 0,
	       from == INSIDE ? SEALED : PLAIN);
	passes();
	call_won(c, 0);
	call_up(c);
	return r;
}

static void reoffer_unchanged(void **state)
{
	struct rig *r = established(INSIDE);
	char first[BODY_MAX];

	(void)state;
	offer(r, INSIDE, "v=0\r\no=- 1 2 IN IP4 127.0.0.9\r\ns=-\r\n"
	      "c=IN IP4 127.0.0.9\r\nt=0 0\r\n" AUDIO("RTP/AVP"));
	passes();
	strcpy(first, o.body);
	answer(r, OUTSIDE, 0, SEALED);
	passes();
	offer(r, INSIDE, PLAIN);
	passes();
	assert_string_equal(o.body, first);
	assert_int_equal(r->offers, 1);
	assert_int_equal(r->finishes, 1);
	assert_int_equal(r->n_set, 2);
	rig_free(r);
}

static void hold_keeps_keys(void **state)
{
	struct rig *r = established(INSIDE);
	uint64_t key = last_set(r)->key.send;

	(void)state;
	offer(r, INSIDE, PLAIN "a=inactive\r\n");
	passes();
	assert_non_null(strstr(o.body, "a=key-mgmt:mikey b2ZmZXIh"));
	assert_non_null(strstr(o.body, "a=inactive"));
	assert_non_null(strstr(o.body, " 2 IN IP4")); /* o= version */
	answer(r, OUTSIDE, 0, SEALED "a=inactive\r\n");
	passes();
	assert_int_equal(r->offers, 1);
	assert_int_equal(r->finishes, 1);
	assert_int_equal(last_set(r)->key.send, key);
	/* silence on hold ends nothing */
	{
		struct msg_stream_event ev = { r->set[0].stream,
					       STREAM_EVENT_IDLE, 0 };
		r->idle_us = 400000000;
		rig_relay_says(r, MSG_STREAM_EVENT, 0, &ev, sizeof ev);
		rig_pump(r);
		assert_int_equal(r->hangups, 0);
	}
	/* but after it, it does: the relay does not say so again */
	offer(r, INSIDE, PLAIN "a=sendrecv\r\n");
	answer(r, OUTSIDE, 0, SEALED "a=sendrecv\r\n");
	passes();
	rig_pass_time(r, 25000);
	rig_pump(r);
	assert_int_equal(r->hangups, 1);
	rig_free(r);
}

static void hold_from_outside(void **state)
{
	struct rig *r = established(OUTSIDE);

	(void)state;
	offer(r, OUTSIDE, SEALED "a=inactive\r\n");
	passes();
	answer(r, INSIDE, 0, PLAIN "a=inactive\r\n");
	passes();
	assert_non_null(strstr(o.body, "a=key-mgmt:mikey YW5zd2Vy"));
	assert_int_equal(r->answers, 1);
	rig_free(r);
}

static void other_side_offers(void **state)
{
	struct rig *r = established(INSIDE);
	uint64_t key = last_set(r)->key.send;

	(void)state;
	offer(r, OUTSIDE, SEALED "a=sendonly\r\n");
	passes();
	assert_int_equal(r->answers, 1);
	assert_false(last_set(r)->may_send);
	answer(r, INSIDE, 0, PLAIN "a=recvonly\r\n");
	passes();
	assert_int_not_equal(last_set(r)->key.send, key);
	assert_non_null(strstr(rig_log, "new keys: "));
	rig_free(r);
}

static void new_line(void **state)
{
	struct rig *r = established(INSIDE);

	(void)state;
	offer(r, INSIDE, PLAIN2);
	passes();
	assert_int_equal(r->offers, 2);
	assert_int_equal(r->offer.party.n, 2);
	assert_int_equal(r->adds, 2);
	answer(r, OUTSIDE, 0, SEALED2);
	passes();
	assert_int_equal(r->finishes, 2);
	rig_free(r);
}

/* A refused new offer leaves what was in force. */
static void declined_offer(void **state)
{
	struct rig *r = established(INSIDE);
	uint64_t key = last_set(r)->key.send;

	(void)state;
	offer(r, INSIDE, PLAIN2);
	passes();
	offer(r, INSIDE, PLAIN); /* the old one again */
	passes();
	assert_int_equal(r->drops, 1);
	answer(r, OUTSIDE, 0, SEALED);
	passes();
	assert_int_equal(r->call->deal->active->key[0].send, key);
	rig_free(r);
}

static void no_downgrade(void **state)
{
	struct rig *r = established(OUTSIDE);

	(void)state;
	offer(r, OUTSIDE, PLAIN);
	refused(488, 306);
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP"));
	refused(488, 306);
	assert_int_equal(r->hangups, 0);
	assert_int_equal(r->e->n_calls, 1);
	rig_free(r);
}

/* -- events and siblings -------------------------------------------------- */

static void idle_ends(void **state)
{
	struct rig *r = established(INSIDE);
	struct msg_stream_event ev = { r->set[0].stream, STREAM_EVENT_IDLE,
				       0 };

	(void)state;
	r->idle_us = 299000000; /* another line still speaks */
	rig_relay_says(r, MSG_STREAM_EVENT, 0, &ev, sizeof ev);
	rig_pump(r);
	assert_int_equal(r->hangups, 0);
	r->idle_us = 301000000;
	rig_relay_says(r, MSG_STREAM_EVENT, 0, &ev, sizeof ev);
	rig_pump(r);
	assert_int_equal(r->hangups, 1);
	assert_int_equal(r->hangup_status, 480);
	rig_free(r);
}

/* media.silence: the far end is gone, and our phone talks on. */
static void one_quiet_end_ends(void **state)
{
	struct rig *r = rig_new("media = { silence = 60; };");
	struct msg_stream_event ev = { 0, STREAM_EVENT_QUIET, 0 };
	struct call *c = rig_call(r, INSIDE, "b");

	(void)state;
	offer(r, INSIDE, PLAIN);
	answer(r, OUTSIDE, 0, SEALED);
	passes();
	call_won(c, 0);
	call_up(c);
	ev.stream = r->set[0].stream;
	r->quieter_us = 59000000;
	rig_relay_says(r, MSG_STREAM_EVENT, 0, &ev, sizeof ev);
	rig_pump(r);
	assert_int_equal(r->hangups, 0);
	r->quieter_us = 60000000;
	rig_pass_time(r, 25000); /* it is looked at again */
	rig_pump(r);
	assert_int_equal(r->hangups, 1);
	assert_non_null(strstr(rig_log, "no media from the outside"));
	rig_free(r);
}

static void spent_ends(void **state)
{
	struct rig *r = established(INSIDE);
	struct msg_stream_event ev = { r->set[0].stream, STREAM_EVENT_SPENT,
				       0 };

	(void)state;
	assert_int_equal(rig_relay_says(r, MSG_STREAM_EVENT, 0, &ev,
					sizeof ev), 0);
	assert_int_equal(r->hangups, 1);
	ev.event = 99;
	assert_int_equal(rig_relay_says(r, MSG_STREAM_EVENT, 0, &ev,
					sizeof ev), 0); /* unknown stream */
	rig_free(r);
}

static void relay_gone(void **state)
{
	struct rig *r = established(INSIDE);

	(void)state;
	engine_ops.sibling(r->e, PROC_RELAY, 0);
	assert_int_equal(r->hangups, 1);
	assert_int_equal(r->e->n_calls, 0);
	engine_ops.sibling(r->e, PROC_RELAY, 5);
	assert_int_equal(r->e->sibling[PROC_RELAY].starts, 2);
	rig_free(r);
}

static void keeper_gone(void **state)
{
	struct rig *r = established(INSIDE);

	(void)state;
	engine_ops.sibling(r->e, PROC_KEEPER, 0);
	assert_int_equal(r->hangups, 0);
	rig_free(r);
	r = rig_new("");
	rig_call(r, OUTSIDE, "b");
	offer(r, OUTSIDE, SEALED);
	passes();
	r->hold_keeper = true;
	rig_filter(r, OUTSIDE, BODY_OFFER, 0, HEAD
		   "a=key-mgmt:mikey AAAA\r\n" AUDIO("RTP/SAVP"), &o);
	assert_int_equal(o.n, 0);
	engine_ops.sibling(r->e, PROC_KEEPER, 0);
	refused(503, 399);
	r->hold_keeper = false;
	rig_free(r);
}

static void broken_siblings(void **state)
{
	struct rig *r = rig_new("");
	struct msg_stream_added a = { .n = 3 };
	const struct mock_sent *s;

	(void)state;
	rig_call(r, INSIDE, "b");
	r->hold_relay = true;
	offer(r, INSIDE, PLAIN);
	s = mock_child_take(r->child, MSG_STREAM_ADD);
	assert_int_equal(rig_relay_says(r, MSG_STREAM_ADDED, s->id, &a,
					sizeof a), E_FORMAT);
	refused(500, 399);
	assert_int_equal(rig_relay_says(r, MSG_KEY_OFFERED, 1, &a, sizeof a),
			 E_FORMAT);
	r->hold_relay = false;
	rig_free(r);
}

/* -- starting and stopping ------------------------------------------------ */

static void try_start(struct rig *r, enum face from, const char *caller,
		      const char *callee, const char *source, int status)
{
	struct call_start s = { .from = from, .caller = caller,
				.callee = callee };
	struct refusal no = { 0 };
	struct call *c;

	addr_parse(source, &s.source);
	assert_int_not_equal(call_start(r->e, &s, r, &c, &no), 0);
	assert_int_equal(no.status, status);
}

static void refused_starts(void **state)
{
	struct rig *r = rig_new("limits = { calls = 1; };");

	(void)state;
	try_start(r, INSIDE, "sip:a@a", "sip:x@nobody.example", "127.0.0.1",
		  403);
	try_start(r, INSIDE, "sip:a@a", "sip:x@b.example", "192.0.2.1", 403);
	try_start(r, OUTSIDE, "sip:x@p.example", "sip:nobody@a.example",
		  "192.0.2.1", 404);
	try_start(r, OUTSIDE, "sip:x@c.example", "sip:alice@a.example",
		  "192.0.2.1", 403);
	rig_call(r, INSIDE, "b");
	try_start(r, INSIDE, "sip:a@a", "sip:x@b.example", "127.0.0.1", 503);
	assert_int_equal(r->e->count.refused, 5);
	rig_free(r);
}

/* Scanners must not drive the last failed calls out of sight. */
static void remembered(void **state)
{
	struct rig *r = established(INSIDE);
	json_t *list;

	(void)state;
	call_end(r->call, 488, "one that failed");
	r->call = NULL;
	for (int i = 0; i < 100; i++)
		try_start(r, OUTSIDE, "sip:scan@x.example", "sip:1@a.example",
			  i % 2 ? "192.0.2.1" : "192.0.2.2", 403);
	list = engine_ended(r->e);
	assert_int_equal(json_array_size(list), REFUSED_KEPT + 1);
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(list, REFUSED_KEPT), "cause")),
		"one that failed");
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(list, 0), "state")), "refused");
	json_decref(list);
	rig_free(r);
}

static void no_way_out_of_sealing(void **state)
{
	struct rig *r = established(INSIDE);

	(void)state;
	assert_true(call_may_lead(r->call, "sip:carol@b.example;x=y"));
	assert_false(call_may_lead(r->call, "sip:bob@p.example"));
	assert_false(call_may_lead(r->call, "sip:bob@nowhere.example"));
	assert_false(call_may_lead(r->call, "sip:bob@b.example@p.example"));
	call_end(r->call, 200, "bye");
	r->call = rig_call(r, INSIDE, "p");
	assert_true(call_may_lead(r->call, "sip:bob@p.example"));
	rig_free(r);
}

static void stopping(void **state)
{
	struct rig *r = established(INSIDE);

	(void)state;
	engine_ops.stop(r->e);
	assert_int_equal(r->hangups, 1);
	engine_ops.run(r->e); /* returns: the last call is gone */
	try_start(r, INSIDE, "sip:a@a", "sip:x@b.example", "127.0.0.1", 503);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed_out), cmocka_unit_test(sealed_in),
		cmocka_unit_test(late_offer), cmocka_unit_test(media_level),
		cmocka_unit_test(media_level_in), cmocka_unit_test(plain_call),
		cmocka_unit_test(ipv6_phone), cmocka_unit_test(refused_offers),
		cmocka_unit_test(descriptions_that_are_sealed),
		cmocka_unit_test(refused_answers),
		cmocka_unit_test(answer_without_offer),
		cmocka_unit_test(wrong_type),
		cmocka_unit_test(sibling_errors),
		cmocka_unit_test(their_offer_fails),
		cmocka_unit_test(relay_silent), cmocka_unit_test(keeper_silent),
		cmocka_unit_test(siblings_absent), cmocka_unit_test(queueing),
		cmocka_unit_test(ended_while_waiting),
		cmocka_unit_test(ended_in_callback), cmocka_unit_test(forks),
		cmocka_unit_test(won_before_answer),
		cmocka_unit_test(reoffer_unchanged),
		cmocka_unit_test(hold_keeps_keys),
		cmocka_unit_test(hold_from_outside),
		cmocka_unit_test(other_side_offers),
		cmocka_unit_test(new_line), cmocka_unit_test(declined_offer),
		cmocka_unit_test(no_downgrade), cmocka_unit_test(idle_ends),
		cmocka_unit_test(one_quiet_end_ends),
		cmocka_unit_test(spent_ends), cmocka_unit_test(relay_gone),
		cmocka_unit_test(keeper_gone),
		cmocka_unit_test(broken_siblings),
		cmocka_unit_test(refused_starts),
		cmocka_unit_test(remembered),
		cmocka_unit_test(no_way_out_of_sealing),
		cmocka_unit_test(stopping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
