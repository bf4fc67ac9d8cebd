/* test_emergency.c - emergency calls go out: whatever the profile requires,
 * whatever fails, and the verdict says how. */
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
#define KEYED HEAD MGMT AUDIO("RTP/AVP")

static struct outcome o;
static struct refusal no;

static int start(struct rig *r, const char *callee)
{
	struct call_start s = { .from = INSIDE, .callee = callee,
				.caller = "sip:alice@a.example" };
	int err;

	addr_parse("127.0.0.1:5080", &s.source);
	no = (struct refusal){ 0 };
	r->call = NULL;
	err = call_start(r->e, &s, r, &r->call, &no);
	if (err)
		r->call = NULL;
	return err;
}

static void offer(struct rig *r)
{
	rig_filter(r, INSIDE, BODY_OFFER, 0, PLAIN, &o);
}

static void answer(struct rig *r, const char *body)
{
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, body, &o);
}

static void passes(bool keys, bool savp)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
	assert_int_equal(strstr(o.body, "key-mgmt") != NULL, keys);
	assert_int_equal(strstr(o.body, "RTP/SAVP") != NULL, savp);
}

static void ends_as(struct rig *r, const char *verdict)
{
	call_won(r->call, 0);
	call_up(r->call);
	if (!strstr(rig_log, verdict))
		fail_msg("not %s:\n%s", verdict, rig_log);
}

#define SOS_PLAIN "verdict plain (an emergency call, which goes out whether"

/* b requires sealing. */
static void who_can_seal_does(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	assert_int_equal(start(r, "sip:112@b.example"), 0);
	assert_non_null(strstr(rig_log, "audit: emergency call"));
	offer(r);
	passes(true, false);
	assert_int_equal(r->seal, STREAM_MAYBE);
	answer(r, KEYED);
	passes(false, false);
	ends_as(r, "verdict sealed");
	rig_free(r);
}

static void who_cannot_answers_in_clear(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	assert_int_equal(start(r, "sip:112@b.example"), 0);
	offer(r);
	answer(r, PLAIN);
	passes(false, false);
	assert_int_equal(r->plains, 0); /* nobody is asked whether it may */
	ends_as(r, SOS_PLAIN);
	rig_free(r);
}

/* A trunk that takes nothing but RTP/SAVP gets that, then plain. */
static void refusals_lead_on(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	assert_int_equal(start(r, "sip:112@b.example"), 0);
	offer(r);
	passes(true, false);
	assert_true(call_retry(r->call, 488));
	offer(r);
	passes(true, true);
	assert_int_equal(r->seal, STREAM_SEALED);
	assert_true(call_retry(r->call, 488));
	offer(r);
	passes(false, false);
	assert_int_equal(r->seal, STREAM_CLEAR);
	assert_false(call_retry(r->call, 488));
	answer(r, PLAIN);
	ends_as(r, SOS_PLAIN);
	rig_free(r);
}

static void a_keeper_that_fails_stops_nobody(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	r->offered_err = E_POLICY;
	assert_int_equal(start(r, "sip:112@b.example"), 0);
	offer(r);
	passes(false, false);
	assert_int_equal(r->seal, STREAM_CLEAR);
	assert_non_null(strstr(rig_log, "it cannot be sealed"));
	answer(r, PLAIN);
	ends_as(r, SOS_PLAIN);
	rig_free(r);

	r = rig_new("");
	r->hold_keeper = true;
	assert_int_equal(start(r, "sip:112@b.example"), 0);
	offer(r);
	assert_int_equal(o.n, 0);
	rig_pass_time(r, KEEPER_DEADLINE_MS + 200);
	assert_non_null(strstr(rig_log, "did not answer in time"));
	r->hold_keeper = false;
	rig_pump(r);
	passes(false, false);
	rig_free(r);

	/* and it is no way out for other calls */
	r = rig_new("");
	r->offered_err = E_POLICY;
	assert_int_equal(start(r, "sip:113@b.example"), 0);
	offer(r);
	assert_false(o.passed);
	rig_free(r);
}

static void ways(void **state)
{
	struct rig *r = rig_new("emergency = { route = \"sip:psap.example\"; "
				"};");

	(void)state;
	assert_int_equal(start(r, "urn:service:sos.fire"), 0);
	assert_string_equal(call_route(r->call)->target,
			    "urn:service:sos.fire");
	assert_string_equal(call_route(r->call)->next_hop, "sip:psap.example");
	offer(r);
	passes(false, false);
	assert_int_equal(r->offers, 0);
	answer(r, PLAIN);
	ends_as(r, SOS_PLAIN);
	call_end(r->call, 200, "");
	assert_int_equal(start(r, "sip:112@nowhere.example"), 0);
	assert_string_equal(call_route(r->call)->next_hop, "sip:psap.example");
	call_end(r->call, 200, "");
	assert_int_equal(start(r, "sip:113@nowhere.example"), E_POLICY);
	rig_free(r);

	r = rig_new("");
	assert_int_equal(start(r, "urn:service:sos"), E_NOTFOUND);
	assert_int_equal(no.status, 404);
	assert_non_null(strstr(rig_log, "set emergency.route"));
	rig_free(r);
}

/* limits.calls does not hold for it, and it is not taken for room. */
static void there_is_always_room(void **state)
{
	struct rig *r = rig_new("limits = { calls = 1; };");
	struct call *first;

	(void)state;
	assert_int_equal(start(r, "sip:x@p.example"), 0);
	first = r->call;
	assert_int_equal(start(r, "sip:y@p.example"), E_FULL);
	assert_int_equal(no.status, 503);
	assert_int_equal(start(r, "sip:112@p.example"), 0);
	call_end(r->call, 200, "");
	r->call = first;
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_can_seal_does),
		cmocka_unit_test(who_cannot_answers_in_clear),
		cmocka_unit_test(refusals_lead_on),
		cmocka_unit_test(a_keeper_that_fails_stops_nobody),
		cmocka_unit_test(ways),
		cmocka_unit_test(there_is_always_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
