/* test_admit.c - room for calls: limits, who makes room (RFC 4412), and what is
 * kept of who gets none. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct refusal no;

static struct call *start(struct rig *r, enum face from, const char *callee,
			  unsigned rank)
{
	struct call_start s = { .from = from, .callee = callee, .rank = rank,
				.caller = from == INSIDE ?
				"sip:alice@a.example" : "sip:x@p.example" };
	struct call *c = NULL;

	addr_parse(from == INSIDE ? "127.0.0.1:5080" : "192.0.2.7:5060",
		   &s.source);
	return call_start(r->e, &s, r, &c, &no) ? NULL : c;
}

static void who_is_worth_more_makes_room(void **state)
{
	struct rig *r = rig_new("limits = { calls = 2; };");
	struct call *low, *high, *other;

	(void)state;
	assert_non_null(low = start(r, INSIDE, "sip:x@p.example", 1));
	assert_non_null(high = start(r, INSIDE, "sip:y@p.example", 3));
	assert_null(start(r, INSIDE, "sip:z@p.example", 0));
	assert_null(start(r, INSIDE, "sip:z@p.example", 1));
	assert_int_equal(no.status, 503);
	assert_true(no.retry_after_s > 0);
	assert_int_equal(r->hangups, 0);
	r->call = low; /* what the rig ends when it is told */
	assert_non_null(other = start(r, INSIDE, "sip:z@p.example", 2));
	assert_int_equal(r->hangups, 1);
	assert_int_equal(r->hangup_status, 503);
	assert_non_null(strstr(rig_log, "audit: ended for a call"));
	assert_int_equal(guard_counted(r->e->guard, GUARD_PREEMPTED), 1);
	assert_null(start(r, INSIDE, "sip:z@p.example", 2));
	call_end(high, 200, "");
	call_end(other, 200, "");
	rig_free(r);
}

static void who_proved_nothing_learns_nothing(void **state)
{
	struct rig *r = rig_new("limits = { unknown = 3; };");
	struct call_start s = { .from = OUTSIDE, .caller = "sip:x@b.example" };
	struct call *c;

	(void)state;
	addr_parse("192.0.2.7:5060", &s.source);
	/* sealing is required: as if somebody were there */
	s.callee = "sip:nobody@a.example";
	assert_int_equal(call_start(r->e, &s, r, &c, &no), 0);
	assert_true(call_route(c)->nowhere);
	call_end(c, 488, "no keys");
	s.callee = "sip:alice@a.example";
	assert_int_equal(call_start(r->e, &s, r, &c, &no), 0);
	assert_false(call_route(c)->nowhere);
	call_end(c, 488, "no keys");
	/* not required: some guesses, then nobody is there */
	for (int i = 0; i < 3; i++)
		assert_null(start(r, OUTSIDE, "sip:nobody@a.example", 0));
	assert_null(start(r, OUTSIDE, "sip:alice@a.example", 0));
	assert_int_equal(no.status, 404);
	assert_int_equal(guard_counted(r->e->guard, GUARD_UNKNOWN), 1);
	rig_free(r);
}

/* What a PBX behind us says of its users counts, too. */
static void answers_of_nobody_count(void **state)
{
	struct rig *r = rig_new("limits = { unknown = 3; };");
	struct call *c;

	(void)state;
	for (int i = 0; i < 3; i++) {
		c = start(r, OUTSIDE, "sip:alice@a.example", 0);
		assert_non_null(c);
		call_end(c, i == 1 ? 484 : 404, "says the PBX");
	}
	assert_null(start(r, OUTSIDE, "sip:alice@a.example", 0));
	assert_int_equal(no.status, 404);
	rig_free(r);
}

/* Who is kept out is whom an operator wants to find. */
static void refused_and_traced(void **state)
{
	struct rig *r = rig_new("");
	struct call_start s = { .from = OUTSIDE, .caller = "sip:e@x.example",
				.callee = "sip:1@a.example",
				.transport = "udp", .head = "INVITE sip:1\n"
				"From: <sip:e@x.example>\n" };
	struct call *c;
	json_t *list, *trace, *origin;
	const char *id;

	(void)state;
	addr_parse("192.0.2.1:5080", &s.source);
	for (int i = 0; i < 2; i++)
		assert_int_not_equal(call_start(r->e, &s, r, &c, &no), 0);
	list = engine_ended(r->e);
	id = json_string_value(json_object_get(json_array_get(list, 0), "id"));
	assert_non_null(id);
	assert_string_not_equal(id, json_string_value(json_object_get(
		json_array_get(list, 1), "id")));
	trace = engine_trace(r->e, strtoull(id, NULL, 16));
	origin = json_object_get(trace, "origin");
	assert_string_equal(json_string_value(json_object_get(origin,
				"source")), "192.0.2.1:5080");
	assert_int_equal(json_array_size(json_object_get(origin, "headers")),
			 2);
	assert_int_equal(json_integer_value(json_object_get(trace, "status")),
			 no.status);
	assert_non_null(strstr(rig_log, "audit: traced by the operator: "
			       "sip:e@x.example -> sip:1@a.example, from "
			       "192.0.2.1:5080 by udp"));
	assert_null(engine_trace(r->e, 1));
	json_decref(trace);
	json_decref(list);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_worth_more_makes_room),
		cmocka_unit_test(who_proved_nothing_learns_nothing),
		cmocka_unit_test(answers_of_nobody_count),
		cmocka_unit_test(refused_and_traced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
