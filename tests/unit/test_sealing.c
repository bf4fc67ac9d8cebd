/* Calls whose profile prefers or allows sealing: who decides, what a refusal
 * leads to, and what never leads into the clear. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	     "c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define AUDIO(proto) "m=audio 4000 " proto " 0\r\n"
#define MGMT "a=key-mgmt:mikey " RIG_MIKEY "\r\n"
#define PLAIN HEAD AUDIO("RTP/AVP")
#define SEALED HEAD MGMT AUDIO("RTP/SAVP")
#define KEYED HEAD MGMT AUDIO("RTP/AVP")  /* RFC 8643 */
#define OTHER HEAD "a=key-mgmt:kink QQ==\r\n" AUDIO("RTP/AVP")

static struct outcome o;

static void offer(struct rig *r, enum face from, const char *body)
{
	rig_filter(r, from, BODY_OFFER, 0, body, &o);
}

static void answer(struct rig *r, enum face from, const char *body)
{
	rig_filter(r, from, BODY_ANSWER, 0, body, &o);
}

static void passes(bool keys, bool savp)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
	assert_int_equal(o.n, 1);
	assert_int_equal(strstr(o.body, "key-mgmt") != NULL, keys);
	assert_int_equal(strstr(o.body, "RTP/SAVP") != NULL, savp);
}

static void refused(int status, unsigned warn)
{
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, status);
	assert_int_equal(o.no.warn_code, warn);
}

static const struct msg_stream_set *last_set(const struct rig *r)
{
	return &r->set[(r->n_set - 1) % 64];
}

static void ends_as(struct rig *r, const char *verdict)
{
	call_won(r->call, 0);
	call_up(r->call);
	if (!strstr(rig_log, verdict))
		fail_msg("not %s:\n%s", verdict, rig_log);
}

/* -- ours ------------------------------------------------------------------ */

static void the_first_rung_is_sealed(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "first");
	offer(r, INSIDE, PLAIN);
	passes(true, true);
	assert_int_equal(r->seal, STREAM_SEALED);
	answer(r, OUTSIDE, SEALED);
	passes(false, false);
	ends_as(r, "verdict sealed");
	assert_int_equal(r->plains, 0);
	rig_free(r);
}

static void down_to(struct rig *r, int refusals)
{
	offer(r, INSIDE, PLAIN);
	while (refusals--) {
		assert_true(call_retry(r->call, 488));
		offer(r, INSIDE, PLAIN);
	}
}

static void a_refusal_leads_to_keys_that_may_be_left_out(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "first");
	down_to(r, 1);
	passes(true, false);
	assert_int_equal(r->seal, STREAM_MAYBE);
	assert_int_equal(r->dels, 1); /* a sealed stream stays sealed */
	assert_int_equal(r->drops, 1);
	answer(r, OUTSIDE, KEYED);
	passes(false, false);
	assert_true(last_set(r)->set_keys && last_set(r)->may_send);
	assert_false(last_set(r)->clear);
	ends_as(r, "verdict sealed");
	assert_int_equal(r->plains, 0);

	/* for the whole dialog: an offer in clear is no offer */
	offer(r, OUTSIDE, PLAIN);
	refused(488, 306);
	rig_free(r);
}

static void left_out_keys_make_it_plain(void **state)
{
	static const char *const answers[] = { PLAIN, OTHER };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = rig_new("");

		rig_call(r, INSIDE, "first");
		down_to(r, 1);
		answer(r, OUTSIDE, answers[i]);
		passes(false, false);
		assert_int_equal(r->plains, 1);
		assert_string_equal(r->plain.remote_id,
				    "sip:bob@first.example");
		assert_true(last_set(r)->clear && last_set(r)->may_send);
		assert_false(last_set(r)->set_keys);
		ends_as(r, "verdict plain");
		rig_free(r);
	}
}

#define VIDEO "m=video 4002 RTP/AVP 96\r\n"
#define NO_VIDEO "m=video 0 RTP/AVP 96\r\n"

/* Its stream is as undecided as when it was offered: the relay must hear of a
 * line that was declined, and is taken up later, that it is clear. */
static void a_declined_line_is_decided_later(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "first");
	offer(r, INSIDE, PLAIN VIDEO);
	assert_true(call_retry(r->call, 488));
	offer(r, INSIDE, PLAIN VIDEO);
	assert_int_equal(r->seal, STREAM_MAYBE);
	answer(r, OUTSIDE, PLAIN NO_VIDEO);
	passes(false, false);
	ends_as(r, "verdict plain");
	assert_int_equal(last_set(r)->stream, r->call->line[0].stream);
	offer(r, INSIDE, PLAIN VIDEO);
	passes(false, false);
	answer(r, OUTSIDE, PLAIN VIDEO);
	passes(false, false);
	assert_int_equal(last_set(r)->stream, r->call->line[1].stream);
	assert_true(last_set(r)->clear && last_set(r)->may_send);
	assert_false(last_set(r)->set_keys);
	rig_free(r);
}

static void two_refusals_lead_into_the_clear(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "first");
	down_to(r, 2);
	passes(false, false);
	assert_int_equal(r->seal, STREAM_CLEAR);
	assert_int_equal(r->plains, 1);
	assert_false(call_retry(r->call, 488)); /* there is no fourth way */
	answer(r, OUTSIDE, PLAIN);
	passes(false, false);
	ends_as(r, "verdict plain");

	/* what is plain stays so, clearly */
	offer(r, OUTSIDE, SEALED);
	refused(488, 306);
	rig_free(r);
}

static void who_was_sealed_is_not_spoken_to_in_clear(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	r->plained_err = E_POLICY;
	rig_call(r, INSIDE, "first");
	down_to(r, 2);
	refused(488, 306);
	assert_non_null(strstr(rig_log, "it was sealed before"));
	call_end(r->call, 488, "");
	rig_call(r, INSIDE, "first");
	down_to(r, 1);
	answer(r, OUTSIDE, PLAIN);
	refused(488, 306);
	call_end(r->call, 488, "");
	rig_call(r, OUTSIDE, "first");
	offer(r, OUTSIDE, PLAIN);
	refused(488, 306);
	assert_int_equal(r->plains, 3);
	rig_free(r);
}

static void a_silent_keeper_allows_nothing(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, OUTSIDE, "first");
	r->hold_keeper = true;
	offer(r, OUTSIDE, PLAIN);
	r->hold_keeper = false;
	assert_int_equal(o.n, 0);
	while (mock_child_take(r->child, MSG_NONE))
		;
	rig_pass_time(r, 6000);
	refused(503, 399);
	rig_free(r);
}

static void only_some_refusals_lead_down(void **state)
{
	static const int stays[] = { 302, 400, 401, 403, 404, 407, 480, 486,
				     487, 500, 503, 600, 603 };
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "first");
	offer(r, INSIDE, PLAIN);
	for (size_t i = 0; i < sizeof stays / sizeof *stays; i++)
		assert_false(call_retry(r->call, stays[i]));
	assert_true(call_retry(r->call, 606));
	offer(r, INSIDE, PLAIN);
	answer(r, OUTSIDE, KEYED);
	assert_false(call_retry(r->call, 488)); /* it answered already */
	call_end(r->call, 488, "");
	rig_call(r, INSIDE, "b"); /* require */
	offer(r, INSIDE, PLAIN);
	assert_false(call_retry(r->call, 488));
	rig_free(r);
}

/* What the keeper remembered of the peer was no longer true: once more, with
 * everything, as well protected, whatever the profile says. */
static void an_offer_by_memory_is_made_again(void **state)
{
	static const char *const peers[] = { "b", "first" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = rig_new("");

		r->recalled = true;
		rig_call(r, INSIDE, peers[i]);
		offer(r, INSIDE, PLAIN);
		r->recalled = false;
		assert_true(call_retry(r->call, 488));
		assert_int_equal(r->call->rung, RUNG_SEALED);
		offer(r, INSIDE, PLAIN);
		passes(true, true);
		assert_int_equal(r->seal, STREAM_SEALED);
		assert_int_equal(r->drops, 1);
		assert_int_equal(call_retry(r->call, 488), i == 1);
		rig_free(r);
	}
}

static void memory_is_blamed_once(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	r->recalled = true;
	rig_call(r, INSIDE, "b");
	offer(r, INSIDE, PLAIN);
	assert_true(call_retry(r->call, 488));
	offer(r, INSIDE, PLAIN);
	assert_false(call_retry(r->call, 488));
	rig_free(r);
}

/* An error message in a 488 is for the log: nobody vouches for it. */
static void a_hint_changes_nothing(void **state)
{
	static const char *const bodies[] = {
		"", "v=0\r\n", HEAD, HEAD MGMT, HEAD MGMT MGMT, PLAIN
	};
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "b");
	offer(r, INSIDE, PLAIN);
	r->finished_err = E_AUTH;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		call_hint(r->call, bodies[i], strlen(bodies[i]));
	rig_pump(r);
	assert_int_equal(r->finishes, 1);
	assert_int_equal(r->finish.exchange, 101);
	r->finished_err = 0;
	answer(r, OUTSIDE, SEALED);
	passes(false, false);
	ends_as(r, "verdict sealed");
	rig_free(r);
}

static void an_error_goes_to_who_offered(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	r->answered_err = E_AUTH;
	r->error = "error";
	rig_call(r, OUTSIDE, "b");
	offer(r, OUTSIDE, SEALED);
	refused(488, 306);
	assert_string_equal(o.no.keys, "ZXJyb3I=");
	rig_free(r);
}

static void allow_offers_in_clear(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "taken");
	offer(r, INSIDE, PLAIN);
	passes(false, false);
	assert_int_equal(r->plains, 0);
	assert_false(call_retry(r->call, 488));
	answer(r, OUTSIDE, PLAIN);
	passes(false, false);
	ends_as(r, "verdict plain");
	rig_free(r);
}

/* An INVITE without an offer: ours cannot be refused by whom it is for. */
static void an_offer_in_a_response_is_on_the_second_rung(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, OUTSIDE, "first");
	offer(r, INSIDE, PLAIN);
	passes(true, false);
	answer(r, OUTSIDE, KEYED);
	passes(false, false);
	ends_as(r, "verdict sealed");
	assert_false(call_retry(r->call, 488));
	rig_free(r);
}

/* -- theirs ---------------------------------------------------------------- */

static void theirs_is_taken(const char *peer, const char *body,
			    const char *verdict, unsigned plains)
{
	bool sealed = !strcmp(verdict, "verdict sealed");
	struct rig *r = rig_new("");

	rig_call(r, OUTSIDE, peer);
	offer(r, OUTSIDE, body);
	passes(false, false);
	assert_int_equal(r->seal, sealed ? STREAM_SEALED : STREAM_CLEAR);
	answer(r, INSIDE, PLAIN);
	passes(sealed, sealed && strstr(body, "SAVP"));
	ends_as(r, verdict);
	assert_int_equal(r->plains, plains);
	rig_free(r);
}

static void what_comes_is_taken(void **state)
{
	(void)state;
	theirs_is_taken("first", SEALED, "verdict sealed", 0);
	theirs_is_taken("first", KEYED, "verdict sealed", 0);
	theirs_is_taken("first", PLAIN, "verdict plain", 1);
	theirs_is_taken("taken", SEALED, "verdict sealed", 0);
	theirs_is_taken("taken", KEYED, "verdict sealed", 0);
	theirs_is_taken("taken", PLAIN, "verdict plain", 0);
}

static void a_bad_key_is_no_plain_call(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	r->answered_err = E_AUTH;
	rig_call(r, OUTSIDE, "first");
	offer(r, OUTSIDE, SEALED);
	refused(488, 306);
	rig_free(r);
}

static void sealed_calls_stay_sealed(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, OUTSIDE, "taken");
	offer(r, OUTSIDE, SEALED);
	answer(r, INSIDE, PLAIN);
	ends_as(r, "verdict sealed");
	offer(r, OUTSIDE, PLAIN);
	refused(488, 306);
	offer(r, INSIDE, PLAIN "a=sendonly\r\n");
	passes(true, true);
	answer(r, OUTSIDE, PLAIN);
	refused(488, 306);
	rig_free(r);
}

static void a_call_may_lead_only_to_what_is_as_strict(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "first");
	offer(r, INSIDE, PLAIN);
	assert_true(call_may_lead(r->call, "sip:x@b.example"));
	assert_true(call_may_lead(r->call, "sip:x@first.example"));
	assert_false(call_may_lead(r->call, "sip:x@taken.example"));
	assert_false(call_may_lead(r->call, "sip:x@p.example"));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rung_is_sealed),
		cmocka_unit_test(a_refusal_leads_to_keys_that_may_be_left_out),
		cmocka_unit_test(left_out_keys_make_it_plain),
		cmocka_unit_test(a_declined_line_is_decided_later),
		cmocka_unit_test(two_refusals_lead_into_the_clear),
		cmocka_unit_test(who_was_sealed_is_not_spoken_to_in_clear),
		cmocka_unit_test(a_silent_keeper_allows_nothing),
		cmocka_unit_test(only_some_refusals_lead_down),
		cmocka_unit_test(an_offer_by_memory_is_made_again),
		cmocka_unit_test(memory_is_blamed_once),
		cmocka_unit_test(a_hint_changes_nothing),
		cmocka_unit_test(an_error_goes_to_who_offered),
		cmocka_unit_test(allow_offers_in_clear),
		cmocka_unit_test(an_offer_in_a_response_is_on_the_second_rung),
		cmocka_unit_test(what_comes_is_taken),
		cmocka_unit_test(a_bad_key_is_no_plain_call),
		cmocka_unit_test(sealed_calls_stay_sealed),
		cmocka_unit_test(a_call_may_lead_only_to_what_is_as_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
