/* test_setup.c - which calls from outside may ring: how many of one source,
 * and those without an offer. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct refusal no;

static struct call *start(struct rig *r, enum face from, const char *peer,
			  const char *source, bool late)
{
	struct call_start s = { .from = from, .late = late };
	struct call *c = NULL;

	s.caller = from == INSIDE ? "sip:alice@a.example" : peer;
	s.callee = from == INSIDE ? peer : "sip:alice@a.example";
	assert_int_equal(addr_parse(source, &s.source), 0);
	no = (struct refusal){ 0 };
	if (call_start(r->e, &s, r, &c, &no))
		return NULL;
	return c;
}

static void refused(struct call *c, int status)
{
	assert_null(c);
	assert_int_equal(no.status, status);
}

#define B "sip:bob@b.example"
#define E "sip:bob@y.example"
#define P "sip:bob@p.example"
#define HERE "192.0.2.1:5060"

static void a_late_offer_proves_nothing(void **state)
{
	struct rig *r = rig_new("");
	struct call *c;

	(void)state;
	refused(start(r, OUTSIDE, B, HERE, true), 488);
	assert_int_equal(no.warn_code, 306);
	assert_non_null(strstr(rig_log, "late = \"allow\""));
	assert_non_null(strstr(rig_log, "192.0.2.1:5060"));
	/* with an offer, in clear, or from inside */
	assert_non_null(c = start(r, OUTSIDE, B, HERE, false));
	call_end(c, 200, "");
	assert_non_null(c = start(r, OUTSIDE, P, HERE, true));
	call_end(c, 200, "");
	assert_non_null(c = start(r, INSIDE, B, "127.0.0.1:5080", true));
	call_end(c, 200, "");
	rig_free(r);
}

static void few_late_offers_ring(void **state)
{
	struct rig *r = rig_new("limits = { late = 2; };");
	struct call *c[3];

	(void)state;
	assert_non_null(c[0] = start(r, OUTSIDE, E, HERE, true));
	assert_non_null(c[1] = start(r, OUTSIDE, E, "192.0.2.2:1", true));
	refused(start(r, OUTSIDE, E, "192.0.2.3:1", true), 503);
	assert_non_null(c[2] = start(r, OUTSIDE, E, HERE, false));
	call_up(c[0]); /* answered */
	call_end(c[2], 200, "");
	assert_non_null(c[2] = start(r, OUTSIDE, E, HERE, true));
	refused(start(r, OUTSIDE, E, HERE, true), 503);
	for (unsigned i = 0; i < 3; i++)
		call_end(c[i], 200, "");
	assert_non_null(c[0] = start(r, OUTSIDE, E, HERE, true));
	call_end(c[0], 200, "");
	rig_free(r);
}

static void one_source_has_its_share(void **state)
{
	struct rig *r = rig_new("limits = { setup = 2; };");
	struct call *c[5];

	(void)state;
	assert_non_null(c[0] = start(r, OUTSIDE, P, HERE, false));
	/* another port is the same host, and so is a /64 */
	assert_non_null(c[1] = start(r, OUTSIDE, B, "192.0.2.1:7", false));
	refused(start(r, OUTSIDE, B, HERE, false), 503);
	assert_int_equal(no.retry_after_s, 5);
	assert_non_null(c[2] = start(r, OUTSIDE, B, "[2001:db8::1]:7", false));
	assert_non_null(c[3] = start(r, OUTSIDE, B, "[2001:db8::2]:7", false));
	refused(start(r, OUTSIDE, B, "[2001:db8::3]:7", false), 503);
	assert_non_null(c[4] = start(r, INSIDE, B, "127.0.0.1:7", false));
	call_up(c[0]);
	call_end(c[0], 200, ""); /* counts once */
	assert_non_null(c[0] = start(r, OUTSIDE, B, HERE, false));
	refused(start(r, OUTSIDE, B, HERE, false), 503);
	for (unsigned i = 0; i < 5; i++)
		call_end(c[i], 200, "");
	for (unsigned i = 0; i < SETUP_SOURCES; i++)
		assert_int_equal(r->e->setup_source[i], 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_offer_proves_nothing),
		cmocka_unit_test(few_late_offers_ring),
		cmocka_unit_test(one_source_has_its_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
