/* test_filter_ike.c - calls whose media go in a tunnel of charon's: asked for
 * before anybody is called, used by each line, and nothing sent without. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SDP "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	    "c=IN IP4 127.0.0.9\r\nt=0 0\r\n" \
	    "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define MOVED "v=0\r\no=- 1 2 IN IP4 127.0.0.9\r\ns=-\r\n" \
	      "c=IN IP4 127.0.0.9\r\nt=0 0\r\n" \
	      "m=audio 4002 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define MGMT "a=key-mgmt:mikey " RIG_MIKEY "\r\n"
#define KEYED SDP MGMT
#define SEALED "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	       "c=IN IP4 127.0.0.9\r\nt=0 0\r\n" MGMT \
	       "m=audio 4000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

static struct outcome o;

static void passes(struct rig *r, enum face from, enum body_role role,
		   unsigned branch, const char *body)
{
	rig_filter(r, from, role, branch, body, &o);
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
}

static void refused(struct rig *r, enum face from, enum body_role role,
		    const char *body, int status)
{
	rig_filter(r, from, role, 0, body, &o);
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, status);
}

static const struct msg_stream_set *last_set(const struct rig *r)
{
	return &r->set[(r->n_set - 1) % 64];
}

static struct rig *rig_of(enum face from, const char *peer)
{
	struct rig *r = rig_new("");

	rig_call(r, from, peer);
	return r;
}

static struct rig *rig(enum face from)
{
	return rig_of(from, "ike");
}

/* Offer and answer, then the call is up. */
static struct rig *rig_up(enum face from)
{
	struct rig *r = rig(from);

	passes(r, from, BODY_OFFER, 0, SDP);
	passes(r, from == INSIDE ? OUTSIDE : INSIDE, BODY_ANSWER, 0, SDP);
	call_won(r->call, 0);
	call_up(r->call);
	return r;
}

static void a_call(enum face from)
{
	struct rig *r = rig(from);
	const struct msg_tunnel_use *use;

	passes(r, from, BODY_OFFER, 0, SDP);
	assert_int_equal(r->seal, STREAM_TUNNEL);
	assert_non_null(strstr(o.body, "RTP/AVP 0"));
	assert_string_equal(o.type, "application/sdp");
	assert_int_equal(r->uses, 1);
	assert_int_equal(r->use[0].ask, 1);
	assert_string_equal(r->use[0].peer, "ike");
	assert_false(last_set(r)->may_send);

	passes(r, from == INSIDE ? OUTSIDE : INSIDE, BODY_ANSWER, 0, SDP);
	assert_int_equal(r->uses, 2);
	use = &r->use[1];
	assert_int_equal(use->ask, 0);
	assert_true(addr_equal(&use->local,
			       &r->call->line[0].local[OUTSIDE]));
	assert_int_equal(use->remote[0].port, 4000);
	assert_int_equal(use->remote[0].ip[3], 9);
	assert_int_equal(r->call->line[0].tunnel, 1 | TUNNEL_USE_BIT);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	assert_false(last_set(r)->set_keys);
	assert_int_equal(r->offers + r->answers + r->plains, 0);
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	assert_non_null(strstr(r->call->verdict.reason, "IPsec"));
	call_end(r->call, 200, "bye");
	r->call = NULL;
	rig_pump(r);
	assert_int_equal(r->tunnel_drops, 1);
	rig_free(r);
}

static void a_call_of_ours(void **state)
{
	(void)state;
	a_call(INSIDE);
}

static void a_call_of_theirs(void **state)
{
	(void)state;
	a_call(OUTSIDE);
}

static void no_tunnel_no_call(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	r->used_err = E_STATE;
	refused(r, INSIDE, BODY_OFFER, SDP, 503);
	assert_non_null(strstr(rig_log, "charon said no"));
	rig_free(r);
}

/* It may have gone meanwhile, or lead elsewhere. */
static void no_use_no_answer(void **state)
{
	static const int errs[][2] = { { E_STATE, 503 }, { E_POLICY, 488 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = rig(INSIDE);

		passes(r, INSIDE, BODY_OFFER, 0, SDP);
		r->used_err = errs[i][0];
		refused(r, OUTSIDE, BODY_ANSWER, SDP, errs[i][1]);
		assert_int_equal(r->call->line[0].tunnel, 0);
		assert_false(last_set(r)->may_send);
		rig_free(r);
	}
}

static void without_the_process(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	r->hold_tunnel = true;
	rig_filter(r, INSIDE, BODY_OFFER, 0, SDP, &o);
	rig_pass_time(r, TUNNEL_DEADLINE_MS + 200);
	assert_int_equal(o.n, 1);
	assert_int_equal(o.no.status, 503);
	r->hold_tunnel = false;
	rig_free(r);
}

/* Each answer's media must go through it, whoever wins. */
static void every_branch_is_asked_for(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP);
	passes(r, OUTSIDE, BODY_ANSWER, 1, MOVED);
	assert_int_equal(r->uses, 3);
	assert_int_equal(r->use[2].remote[0].port, 4002);
	assert_int_equal(r->tunnel_drops, 0);
	assert_int_equal(r->call->line[0].tunnel, 1 | TUNNEL_USE_BIT);
	passes(r, OUTSIDE, BODY_ANSWER, 1, MOVED "a=sendrecv\r\n");
	assert_int_equal(r->uses, 4);
	assert_int_equal(r->tunnel_drops, 1); /* what it said before */
	call_won(r->call, 1);
	rig_pump(r);
	assert_int_equal(last_set(r)->remote[OUTSIDE].port, 4002);
	/* its own use tells, and the loser's is no more */
	assert_int_equal(r->call->line[0].tunnel, 3 | TUNNEL_USE_BIT);
	assert_int_equal(r->tunnel_drops, 2);
	call_end(r->call, 200, "bye");
	r->call = NULL;
	rig_pump(r);
	assert_int_equal(r->tunnel_drops, 3);
	rig_free(r);
}

/* The tunnel takes a branch's media no more: it may lose, and must not win. */
static void a_branch_without_a_tunnel_does_not_win(void **state)
{
	struct msg_tunnel_event ev = { 2 | TUNNEL_USE_BIT,
				       TUNNEL_EVENT_GONE };

	(void)state;
	for (unsigned winner = 0; winner < 2; winner++) {
		struct rig *r = rig(INSIDE);

		passes(r, INSIDE, BODY_OFFER, 0, SDP);
		passes(r, OUTSIDE, BODY_ANSWER, 0, SDP);
		passes(r, OUTSIDE, BODY_ANSWER, 1, MOVED);
		ev.tunnel = 2 | TUNNEL_USE_BIT;
		assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_EVENT, 0, &ev,
						 sizeof ev), 0);
		assert_int_equal(r->hangups, 0);
		call_won(r->call, winner);
		rig_pump(r);
		assert_int_equal(r->hangups, winner);
		assert_int_equal(r->dels, winner);
		rig_free(r);
	}
}

/* Whoever loses lets go, also where nobody has won. */
static void no_branch_keeps_its_use(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	for (unsigned branch = 0; branch < 3; branch++)
		passes(r, OUTSIDE, BODY_ANSWER, branch, SDP);
	assert_int_equal(r->uses, 4);
	assert_int_equal(r->tunnel_drops, 0);
	call_end(r->call, 487, "cancelled");
	r->call = NULL;
	rig_pump(r);
	assert_int_equal(r->tunnel_drops, 3);
	rig_free(r);
}

static void media_that_move_are_asked_for(void **state)
{
	struct rig *r = rig_up(INSIDE);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, 0, MOVED);
	r->used_err = E_POLICY;
	refused(r, INSIDE, BODY_ANSWER, SDP, 488);
	assert_int_equal(r->call->line[0].tunnel, 1 | TUNNEL_USE_BIT);
	assert_int_equal(last_set(r)->remote[OUTSIDE].port, 4000);
	rig_free(r);
}

/* Media stop at once, not with the BYE. */
static void a_tunnel_that_goes(void **state)
{
	struct rig *r = rig_up(OUTSIDE);
	struct msg_tunnel_event ev = { 2 | TUNNEL_USE_BIT,
				       TUNNEL_EVENT_GONE };
	unsigned dels = r->dels;

	(void)state;
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_EVENT, 0, &ev,
					 sizeof ev), 0);
	assert_int_equal(r->hangups, 0); /* another's */
	ev.tunnel = 1 | TUNNEL_USE_BIT;
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_EVENT, 0, &ev,
					 sizeof ev), 0);
	rig_pump(r);
	assert_int_equal(r->hangups, 1);
	assert_int_equal(r->hangup_status, 480);
	assert_int_equal(r->dels, dels + 1);
	rig_free(r);
}

static void the_process_goes(void **state)
{
	struct rig *r = rig_up(INSIDE);
	unsigned dels = r->dels;

	(void)state;
	engine_ops.sibling(r->e, PROC_TUNNEL, 0);
	rig_pump(r);
	assert_int_equal(r->hangups, 1);
	assert_int_equal(r->dels, dels + 1);
	rig_free(r);
}

static void keys_are_not_taken(void **state)
{
	struct rig *r = rig(OUTSIDE);

	(void)state;
	refused(r, OUTSIDE, BODY_OFFER, KEYED, 488);
	rig_free(r);
}

/* A call that must be in a tunnel is led to nobody who needs less. */
static void where_it_may_lead(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	assert_false(call_may_lead(r->call, "sip:x@p.example"));
	assert_false(call_may_lead(r->call, "sip:x@first.example"));
	assert_true(call_may_lead(r->call, "sip:x@b.example"));
	assert_true(call_may_lead(r->call, "sip:x@ike.example"));
	rig_free(r);
}

/* -- SRTP within ---------------------------------------------------------- */

static void both(enum face from, const char *offer, const char *answer)
{
	enum face to = from == INSIDE ? OUTSIDE : INSIDE;
	struct rig *r = rig_of(from, "both");

	passes(r, from, BODY_OFFER, 0, offer);
	assert_int_equal(r->seal, STREAM_BOTH);
	assert_int_equal(strstr(o.body, "RTP/SAVP") != NULL, to == OUTSIDE);
	assert_int_equal(r->uses, 1);
	passes(r, to, BODY_ANSWER, 0, answer);
	assert_int_equal(strstr(o.body, "RTP/SAVP") != NULL, from == OUTSIDE);
	assert_int_equal(r->uses, 2);
	assert_true(last_set(r)->may_send && last_set(r)->set_keys);
	assert_int_equal(r->call->line[0].tunnel, 1 | TUNNEL_USE_BIT);
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	assert_null(strstr(r->call->verdict.reason, "IPsec"));
	rig_free(r);
}

static void srtp_within(void **state)
{
	(void)state;
	both(INSIDE, SDP, SEALED);
	both(OUTSIDE, SEALED, SDP);
}

/* Neither does for both. */
static void within_needs_both(void **state)
{
	struct rig *r = rig_of(INSIDE, "both");

	(void)state;
	r->used_err = E_STATE;
	refused(r, INSIDE, BODY_OFFER, SDP, 503);
	rig_free(r);

	r = rig_of(INSIDE, "both");
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	refused(r, OUTSIDE, BODY_ANSWER, SDP, 488);
	rig_free(r);

	r = rig_of(INSIDE, "both");
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	r->used_err = E_STATE;
	refused(r, OUTSIDE, BODY_ANSWER, SEALED, 503);
	assert_false(last_set(r)->may_send);
	rig_free(r);

	r = rig_of(OUTSIDE, "both");
	refused(r, OUTSIDE, BODY_OFFER, SDP, 488);
	rig_free(r);
}

/* What comes late, and what is malformed. */
static void odd_messages(void **state)
{
	struct rig *r = rig(INSIDE);
	struct msg_tunnel_used late = { .tunnel = 9 | TUNNEL_USE_BIT };
	struct msg_tunnel_used bad = { .tunnel = 9 };
	const struct mock_sent *s;
	struct mock_sent one;

	(void)state;
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_USED, 12345, &late,
					 sizeof late), 0);
	rig_pump(r);
	assert_int_equal(r->tunnel_drops, 1); /* given back */
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	r->hold_tunnel = true;
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, SDP, &o);
	s = mock_child_take(r->child, MSG_TUNNEL_USE);
	assert_non_null(s);
	one = *s;
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_USED, one.id, &bad,
					 sizeof bad), E_FORMAT);
	assert_false(o.passed);
	r->hold_tunnel = false;
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_of_ours),
		cmocka_unit_test(a_call_of_theirs),
		cmocka_unit_test(no_tunnel_no_call),
		cmocka_unit_test(no_use_no_answer),
		cmocka_unit_test(without_the_process),
		cmocka_unit_test(every_branch_is_asked_for),
		cmocka_unit_test(a_branch_without_a_tunnel_does_not_win),
		cmocka_unit_test(no_branch_keeps_its_use),
		cmocka_unit_test(media_that_move_are_asked_for),
		cmocka_unit_test(a_tunnel_that_goes),
		cmocka_unit_test(the_process_goes),
		cmocka_unit_test(keys_are_not_taken),
		cmocka_unit_test(where_it_may_lead),
		cmocka_unit_test(srtp_within),
		cmocka_unit_test(within_needs_both),
		cmocka_unit_test(odd_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
