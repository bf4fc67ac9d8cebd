/* test_filter_before.c - calls whose tunnel is a precondition: what the outside
 * is told and must say, when the tunnel is asked for, and what the phones hear
 * of it: nothing. */
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
#define AUDIO "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
#define PLAIN HEAD("1") AUDIO
#define TAKEN HEAD("1") "m=audio 4000 RTP/AVP 8\r\n"
#define DES "a=des:sec mandatory e2e sendrecv\r\n"
#define CONF "a=conf:sec e2e sendrecv\r\n"
#define SAYS(current) "a=curr:sec e2e " current "\r\n" DES
#define NONE PLAIN SAYS("none")
#define RECV PLAIN SAYS("recv") CONF
#define UP HEAD("2") AUDIO SAYS("sendrecv")
#define NARROW HEAD("3") "m=audio 4000 RTP/AVP 8\r\n" SAYS("sendrecv")
#define MOVED HEAD("2") "m=audio 4002 RTP/AVP 0 8\r\n" SAYS("sendrecv")

static struct outcome o;

static void must_pass(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
}

static void passes(struct rig *r, enum face from, enum body_role role,
		   const char *body)
{
	rig_filter(r, from, role, 0, body, &o);
	must_pass();
}

static void holds(struct rig *r, const char *body)
{
	rig_hold(r, 0, body, &o);
	must_pass();
	assert_string_equal(o.body, "");
}

static void has(const char *text)
{
	if (!strstr(o.body, text))
		fail_msg("no %s in %s", text, o.body);
}

static void has_not(const char *text)
{
	if (strstr(o.body, text))
		fail_msg("%s in %s", text, o.body);
}

static void unmet(int status)
{
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, status);
}

static struct rig *rig(enum face from)
{
	struct rig *r = rig_new("");

	rig_call(r, from, "before");
	assert_true(call_before(r->call));
	return r;
}

static const struct msg_stream_set *last_set(const struct rig *r)
{
	return &r->set[(r->n_set - 1) % 64];
}

/* -- who calls ------------------------------------------------------------- */

static void a_call_of_ours(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	has("a=curr:sec e2e none\r\n" DES);
	has_not("a=conf");
	assert_int_equal(r->uses, 1);
	assert_int_equal(r->use[0].ask, 1);

	r->early = true;
	holds(r, RECV);
	assert_int_equal(r->uses, 2);
	assert_int_equal(r->use[1].ask, 0);
	assert_true(r->call->line[0].tunnel != 0);
	assert_int_equal(last_set(r)->remote[OUTSIDE].port, 4000);
	assert_true(call_met(r->call, 0));
	assert_true(call_due(r->call, 0));

	rig_refresh(r, &o);
	must_pass();
	has("a=curr:sec e2e sendrecv\r\n" DES);
	has("RTP/AVP 0 8\r\n");
	has_not("a=conf");
	holds(r, UP);
	assert_false(call_due(r->call, 0));

	/* what its phone takes */
	holds(r, NARROW);
	rig_refresh(r, &o);
	must_pass();
	has("a=curr:sec e2e sendrecv\r\n");

	/* in the 2xx, to the phone */
	r->early = false;
	passes(r, OUTSIDE, BODY_ANSWER, NARROW);
	has("RTP/AVP 8\r\n");
	has_not(":sec ");
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	rig_free(r);
}

/* Of a line that the far end does not take nothing is offered again. */
static void a_line_declined(void **state)
{
	static const char offer[] = PLAIN "m=video 4004 RTP/AVP 31\r\n";
	static const char answer[] = PLAIN SAYS("recv") CONF
		"m=video 0 RTP/AVP 31\r\n";
	struct rig *r = rig(INSIDE);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, offer);
	holds(r, answer);
	assert_true(call_met(r->call, 0));
	rig_refresh(r, &o);
	must_pass();
	has("m=video 0 RTP/AVP 31\r\n");
	rig_free(r);
}

static void refreshes_to(struct rig *r, unsigned branch)
{
	rig_refresh_to(r, branch, &o);
	must_pass();
}

/* Each has offers and answers of its own (RFC 3261 13.2.2.4): what one says is
 * no word of another's, whichever spoke last. */
static void branches_stand_alone(void **state)
{
	static const char offer[] = PLAIN "m=video 4004 RTP/AVP 31\r\n";
	static const char all[] = RECV "m=video 4004 RTP/AVP 31\r\n"
		SAYS("recv") CONF;
	static const char all_up[] = UP "m=video 4004 RTP/AVP 31\r\n"
		SAYS("sendrecv");
	static const char less[] = HEAD("1") AUDIO "a=recvonly\r\n"
		SAYS("recv") CONF "m=video 0 RTP/AVP 31\r\n";
	struct rig *r = rig(INSIDE);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, offer);
	assert_false(call_met(r->call, 0));
	holds(r, all);
	assert_true(call_met(r->call, 0) && call_due(r->call, 0));
	assert_false(call_met(r->call, 1) || call_due(r->call, 1));
	rig_hold(r, 1, less, &o);
	must_pass();
	assert_true(call_met(r->call, 1) && call_due(r->call, 1));
	refreshes_to(r, 0);
	has_not("m=video 0 ");
	has_not("only\r\n");
	refreshes_to(r, 1);
	has("m=video 0 RTP/AVP 31\r\n");
	has("a=sendonly\r\n");
	holds(r, all_up);
	assert_false(call_due(r->call, 0));
	assert_true(call_due(r->call, 1));
	rig_free(r);
}

/* What the far end's phone does not send or take, ours does not answer with.
 */
static void the_other_direction(void **state)
{
	static const struct {
		const char *ours, *theirs, *then;
	} row[] = {
		{ "", "a=recvonly\r\n", "a=sendonly\r\n" },
		{ "a=sendrecv\r\n", "a=sendonly\r\n", "a=recvonly\r\n" },
		{ "a=sendonly\r\n", "a=recvonly\r\n", "a=sendonly\r\n" },
		{ "a=sendonly\r\n", "a=inactive\r\n", "a=inactive\r\n" },
		{ "a=recvonly\r\n", "a=recvonly\r\n", "a=inactive\r\n" },
		{ "a=inactive\r\n", "a=inactive\r\n", "a=inactive\r\n" },
		{ "a=sendrecv\r\n", "", "a=sendrecv\r\n" },
	};
	char offer[512], answer[512];

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct rig *r = rig(INSIDE);
		const char *found;

		snprintf(offer, sizeof offer, PLAIN "%s", row[i].ours);
		snprintf(answer, sizeof answer, UP "%s", row[i].theirs);
		passes(r, INSIDE, BODY_OFFER, offer);
		holds(r, answer);
		rig_refresh(r, &o);
		must_pass();
		has(row[i].then);
		found = strstr(o.body, row[i].then);
		assert_null(strstr(found + strlen(row[i].then), "only\r\n"));
		if (strcmp(row[i].ours, row[i].then) && *row[i].ours)
			has_not(row[i].ours);
		rig_free(r);
	}
}

static void answers_that_will_not_do(void **state)
{
	static const struct {
		const char *body;
		int status;
	} row[] = {
		{ PLAIN, 580 },
		{ PLAIN "a=curr:sec e2e recv\r\n"
		  "a=des:sec optional e2e sendrecv\r\n", 580 },
		{ PLAIN "a=curr:sec e2e recv\r\n"
		  "a=des:sec mandatory e2e send\r\n", 580 },
		{ RECV "a=des:qos mandatory e2e sendrecv\r\n", 580 },
		{ PLAIN "a=curr:sec e2e some\r\n" DES, 400 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct rig *r = rig(INSIDE);

		passes(r, INSIDE, BODY_OFFER, PLAIN);
		rig_hold(r, 0, row[i].body, &o);
		unmet(row[i].status);
		assert_non_null(strstr(o.no.warn, "preconditions"));
		rig_filter(r, OUTSIDE, BODY_ANSWER, 0, row[i].body, &o);
		unmet(row[i].status);
		assert_int_equal(r->uses, 1);
		assert_int_equal(r->call->line[0].tunnel, 0);
		assert_false(call_met(r->call, 0) && call_due(r->call, 0));
		rig_free(r);
	}
}

static void no_tunnel_no_call(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	r->used_err = E_STATE;
	rig_filter(r, INSIDE, BODY_OFFER, 0, PLAIN, &o);
	unmet(580);
	rig_free(r);

	r = rig(INSIDE);
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	r->used_err = E_POLICY; /* it does not lead there */
	rig_hold(r, 0, RECV, &o);
	unmet(580);
	assert_non_null(strstr(o.no.warn, "is not there"));
	assert_false(last_set(r)->may_send);
	rig_free(r);

	r = rig(INSIDE);
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	r->hold_tunnel = true;
	rig_hold(r, 0, RECV, &o);
	assert_int_equal(o.n, 0);
	rig_pass_time(r, IKE_DEADLINE_MS + 200);
	unmet(580);
	r->hold_tunnel = false;
	rig_free(r);
}

/* -- who is called --------------------------------------------------------- */

static void accepts(struct rig *r)
{
	struct buf b = buf_of(BODY_MAX - 1);

	assert_int_equal(call_accept(r->call, &b), 0);
	snprintf(o.body, sizeof o.body, "%s", buf_string(&b));
	buf_free(&b);
}

static void a_call_of_theirs(void **state)
{
	struct rig *r = rig(OUTSIDE);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, NONE);
	has("RTP/AVP 0 8\r\n");
	has_not(":sec ");
	assert_int_equal(r->uses, 2); /* asked for, and used */
	assert_int_equal(r->use[1].remote[0].port, 4000);
	assert_true(r->call->line[0].tunnel != 0);
	assert_false(last_set(r)->may_send);
	assert_false(call_met(r->call, 0));
	accepts(r);
	has("s=-\r\n");
	has("RTP/AVP 0 8\r\n");
	has("c=IN IP4 127.0.0.2\r\n");
	has("a=curr:sec e2e recv\r\n" DES CONF);

	passes(r, OUTSIDE, BODY_OFFER, UP);
	has_not(":sec ");
	assert_int_equal(r->uses, 2); /* the same offer */
	assert_true(call_met(r->call, 0));
	accepts(r);
	has("a=curr:sec e2e sendrecv\r\n" DES);
	has_not("a=conf");

	passes(r, INSIDE, BODY_ANSWER, TAKEN);
	has("RTP/AVP 8\r\n");
	has("a=curr:sec e2e sendrecv\r\n" DES);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	assert_int_equal(call_agrees(r->call, UP, strlen(UP)), 0);
	assert_int_equal(call_agrees(r->call, MOVED, strlen(MOVED)),
			 E_POLICY);
	assert_int_equal(call_agrees(r->call, "x", 1), E_FORMAT);
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	rig_free(r);
}

/* His end was up before, for another call: nothing is left to confirm. */
static void a_caller_that_knows(void **state)
{
	struct rig *r = rig(OUTSIDE);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, UP);
	assert_true(call_met(r->call, 0));
	accepts(r);
	has("a=curr:sec e2e sendrecv\r\n" DES);
	has_not("a=conf");
	rig_free(r);
}

/* Each of the two has a version of its own. */
static void versions_grow(void **state)
{
	struct rig *r = rig(OUTSIDE);
	char first[64], second[64];

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, NONE);
	accepts(r);
	assert_int_equal(sscanf(o.body, "v=0\r\no=- %*s %63s", first), 1);
	accepts(r);
	assert_int_equal(sscanf(o.body, "v=0\r\no=- %*s %63s", second), 1);
	assert_string_equal(first, second);
	passes(r, OUTSIDE, BODY_OFFER, UP);
	accepts(r);
	assert_int_equal(sscanf(o.body, "v=0\r\no=- %*s %63s", second), 1);
	assert_string_not_equal(first, second);
	rig_free(r);
}

static void an_offer_that_moves(void **state)
{
	struct rig *r = rig(OUTSIDE);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, NONE);
	passes(r, OUTSIDE, BODY_OFFER, MOVED);
	assert_int_equal(r->uses, 4);
	assert_int_equal(r->use[3].remote[0].port, 4002);
	assert_int_equal(r->tunnel_drops, 1);
	assert_true(call_met(r->call, 0));
	rig_free(r);
}

static void offers_that_will_not_do(void **state)
{
	static const struct {
		const char *body;
		int status;
	} row[] = {
		{ PLAIN, 580 },
		{ NONE "a=des:qos mandatory remote sendrecv\r\n", 580 },
		{ NONE "m=audio 4004 RTP/AVP 0\r\n", 580 },
		{ PLAIN DES, 580 },
		{ PLAIN SAYS("none") "a=curr:sec e2e none\r\n", 400 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct rig *r = rig(OUTSIDE);

		rig_filter(r, OUTSIDE, BODY_OFFER, 0, row[i].body, &o);
		unmet(row[i].status);
		assert_int_equal(r->uses, 0);
		rig_free(r);
	}
}

/* A weaker wish is made ours. */
static void an_optional_precondition(void **state)
{
	static const char offer[] = PLAIN "a=curr:sec e2e none\r\n"
		"a=des:sec optional e2e sendrecv\r\n";
	struct rig *r = rig(OUTSIDE);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, offer);
	accepts(r);
	has("a=curr:sec e2e recv\r\n" DES CONF);
	rig_free(r);
}

static void nobody_is_called_without_it(void **state)
{
	struct rig *r = rig(OUTSIDE);

	(void)state;
	r->used_err = E_STATE;
	rig_filter(r, OUTSIDE, BODY_OFFER, 0, NONE, &o);
	unmet(580);
	assert_non_null(strstr(rig_log, "charon said no"));
	rig_free(r);
}

static void what_a_580_says(void **state)
{
	struct buf b = buf_of(BODY_MAX - 1);

	(void)state;
	assert_int_equal(call_unmet(NONE, strlen(NONE), &b), 0);
	snprintf(o.body, sizeof o.body, "%s", buf_string(&b));
	has("m=audio 0 RTP/AVP 0 8\r\na=des:sec failure e2e sendrecv\r\n");
	has_not("127.0.0.");
	assert_int_equal(call_unmet("x", 1, &b), E_FORMAT);
	buf_free(&b);
}

static void nothing_to_accept(void **state)
{
	struct rig *r = rig(INSIDE);
	struct buf b = buf_of(100);

	(void)state;
	assert_int_equal(call_accept(r->call, &b), E_STATE);
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	assert_int_equal(call_accept(r->call, &b), E_STATE);
	assert_int_equal(call_agrees(r->call, UP, strlen(UP)), E_STATE);
	rig_free(r);
}

/* -- in the call ----------------------------------------------------------- */

static struct rig *rig_up(enum face from)
{
	struct rig *r = rig(from);

	if (from == INSIDE) {
		passes(r, INSIDE, BODY_OFFER, PLAIN);
		holds(r, UP);
		passes(r, OUTSIDE, BODY_ANSWER, UP);
	} else {
		passes(r, OUTSIDE, BODY_OFFER, UP);
		passes(r, INSIDE, BODY_ANSWER, PLAIN);
	}
	call_won(r->call, 0);
	call_up(r->call);
	return r;
}

/* They are no matter any more, but for who speaks of them. */
static void a_running_call(void **state)
{
	static const char hold[] = PLAIN "a=sendonly\r\n";
	static const char theirs[] = HEAD("3") AUDIO "a=recvonly\r\n"
		SAYS("sendrecv");

	(void)state;
	for (int from = INSIDE; from <= OUTSIDE; from++) {
		struct rig *r = rig_up((enum face)from);

		passes(r, INSIDE, BODY_OFFER, hold);
		has("a=sendonly");
		has_not(":sec ");
		passes(r, OUTSIDE, BODY_ANSWER, PLAIN);
		passes(r, OUTSIDE, BODY_OFFER, theirs);
		has_not(":sec ");
		passes(r, INSIDE, BODY_ANSWER, hold);
		has("a=curr:sec e2e sendrecv\r\n" DES);
		passes(r, OUTSIDE, BODY_OFFER, PLAIN);
		passes(r, INSIDE, BODY_ANSWER, PLAIN);
		has_not(":sec ");
		rig_free(r);
	}
}

/* A session is refreshed without them. */
static void a_refresh(void **state)
{
	struct rig *r = rig_up(OUTSIDE);

	(void)state;
	rig_refresh(r, &o);
	must_pass();
	has("m=audio ");
	has_not(":sec ");
	rig_answer_own(r, PLAIN, &o);
	must_pass();
	rig_free(r);
	r = rig_up(INSIDE);
	rig_refresh(r, &o);
	must_pass();
	has_not(":sec ");
	rig_free(r);
}

/* Media go on where they went until the answer, and so does what tells of their
 * tunnel. */
static void an_offer_takes_nothing(void **state)
{
	struct rig *r = rig_up(OUTSIDE);
	uint32_t use = r->call->line[0].tunnel;
	unsigned drops = r->tunnel_drops;

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, MOVED);
	rig_pump(r);
	assert_int_equal(r->call->line[0].tunnel, use);
	assert_int_equal(r->tunnel_drops, drops);
	passes(r, INSIDE, BODY_ANSWER, PLAIN);
	rig_pump(r);
	assert_int_not_equal(r->call->line[0].tunnel, use);
	assert_int_equal(r->tunnel_drops, drops + 1);
	rig_free(r);
}

static void a_tunnel_that_goes(void **state)
{
	struct rig *r = rig_up(OUTSIDE);
	struct msg_tunnel_event ev = { r->call->line[0].tunnel,
				       TUNNEL_EVENT_GONE };

	(void)state;
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_EVENT, 0, &ev,
					 sizeof ev), 0);
	rig_pump(r);
	assert_int_equal(r->hangups, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_of_ours),
		cmocka_unit_test(a_line_declined),
		cmocka_unit_test(branches_stand_alone),
		cmocka_unit_test(the_other_direction),
		cmocka_unit_test(answers_that_will_not_do),
		cmocka_unit_test(no_tunnel_no_call),
		cmocka_unit_test(a_call_of_theirs),
		cmocka_unit_test(a_caller_that_knows),
		cmocka_unit_test(versions_grow),
		cmocka_unit_test(an_offer_that_moves),
		cmocka_unit_test(offers_that_will_not_do),
		cmocka_unit_test(an_optional_precondition),
		cmocka_unit_test(nobody_is_called_without_it),
		cmocka_unit_test(what_a_580_says),
		cmocka_unit_test(nothing_to_accept),
		cmocka_unit_test(a_running_call),
		cmocka_unit_test(a_refresh),
		cmocka_unit_test(an_offer_takes_nothing),
		cmocka_unit_test(a_tunnel_that_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
