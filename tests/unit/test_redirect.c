/* test_redirect.c - calls that the far end sends elsewhere: where they may go,
 * and that nothing of the old place stays. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	      "c=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

static struct outcome o;

static void offered(struct rig *r, bool sealed)
{
	rig_filter(r, INSIDE, BODY_OFFER, 0, PLAIN, &o);
	assert_true(o.passed);
	assert_int_equal(strstr(o.body, "RTP/SAVP") != NULL, sealed);
}

/* From one that must be sealed only to one that must be, too. */
static void not_around_require(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "b");

	(void)state;
	offered(r, true);
	assert_int_equal(call_redirect(c, "sip:x@p.example"), E_POLICY);
	assert_int_equal(call_redirect(c, "sip:x@first.example"), E_POLICY);
	assert_int_equal(call_redirect(c, "sip:x@taken.example"), E_POLICY);
	assert_int_equal(call_redirect(c, "sip:x@nobody.example"), E_POLICY);
	assert_string_equal(call_route(c)->target, "sip:bob@b.example");
	assert_int_equal(r->drops, 0);
	assert_int_equal(connected_note(c, 0, "sip:tim@b.example"), 0);
	assert_int_equal(call_redirect(c, "sip:x@y.example"), 0);
	assert_null(call_connected(c));
	assert_string_equal(call_route(c)->target, "sip:x@y.example");
	assert_string_equal(call_route(c)->next_hop, "sip:127.0.0.3:5070");
	rig_pump(r);
	assert_int_equal(r->drops, 1); /* keys are not shown to another */
	assert_int_equal(r->dels, 1);
	offered(r, true);
	assert_int_equal(r->offers, 2);
	assert_string_equal(r->offer.party.peer, "y");
	rig_free(r);
}

/* The new place's profile holds, be it stricter. */
static void its_own_decision(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "p");

	(void)state;
	offered(r, false);
	assert_int_equal(call_redirect(c, "sip:x@b.example"), 0);
	offered(r, true);
	assert_int_equal(call_redirect(c, "sip:bob@p.example"), E_FULL);
	rig_free(r);
	r = rig_new("");
	c = rig_call(r, INSIDE, "p");
	offered(r, false);
	assert_int_equal(call_redirect(c, "sip:x@nobody.example"), E_POLICY);
	rig_free(r);
}

/* S/MIME, too: what it gives to descriptions is taken on, and not given up. */
static void nor_around_signatures(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "s");

	(void)state;
	offered(r, false);
	assert_true(call_opens(c));
	assert_int_equal(call_redirect(c, "sip:x@p.example"), E_POLICY);
	rig_free(r);
	r = rig_new("");
	c = rig_call(r, INSIDE, "p");
	offered(r, false);
	assert_false(call_opens(c));
	assert_int_equal(call_redirect(c, "sip:x@s.example"), 0);
	assert_true(call_opens(c));
	offered(r, false);
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, PLAIN, &o);
	assert_false(o.passed);
	assert_int_equal(o.no.status, 488);
	rig_free(r);
}

/* Who is hidden stays so, and no less. */
static void nor_to_where_he_is_shown(void **state)
{
	static const char *const from[] = { "w", "h", "hb" };
	char uri[40];

	(void)state;
	for (unsigned now = 0; now < 3; now++) {
		for (unsigned to = 0; to < 3; to++) {
			struct rig *r = rig_new("");
			struct call *c = rig_call(r, INSIDE, from[now]);

			snprintf(uri, sizeof uri, "sip:x@%s.example", from[to]);
			assert_int_equal(call_redirect(c, uri),
					 to < now ? E_POLICY : 0);
			assert_int_equal(call_hides(c), to < now ? now : to);
			assert_false(call_may_lead(c, "sip:x@nobody.example"));
			rig_free(r);
		}
	}
}

static void not_for_ever(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "p");
	char uri[40];

	(void)state;
	assert_int_equal(call_redirect(c, "sip:bob@p.example"), E_FULL);
	for (int i = 0; i < 5; i++) {
		snprintf(uri, sizeof uri, "sip:%d@p.example", i);
		assert_int_equal(call_redirect(c, uri), 0);
		assert_int_equal(call_redirect(c, uri), E_FULL);
	}
	assert_int_equal(call_redirect(c, "sip:6@p.example"), E_FULL);
	rig_free(r);
}

static void not_too_late(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "p");

	(void)state;
	offered(r, false);
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, PLAIN, &o);
	assert_true(o.passed);
	assert_int_equal(call_redirect(c, "sip:x@p.example"), E_STATE);
	rig_free(r);
	r = rig_new("");
	c = rig_call(r, OUTSIDE, "p");
	assert_int_equal(call_redirect(c, "sip:x@p.example"), E_STATE);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_around_require),
		cmocka_unit_test(its_own_decision),
		cmocka_unit_test(nor_around_signatures),
		cmocka_unit_test(nor_to_where_he_is_shown),
		cmocka_unit_test(not_for_ever),
		cmocka_unit_test(not_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
