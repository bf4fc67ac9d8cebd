/* test_guard.c - who is let in: messages, calls, and what costs. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/engine/guard/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000ull

static uint64_t now_us;
static struct conf *conf;
static struct settings set;
static struct policy *policy;
static struct refusal no;
static char logged[8192];

static uint64_t now(void *user)
{
	(void)user;
	return now_us;
}

static const struct clock fake = { now, now, NULL };

static void on_log(enum log_class c, const char *line)
{
	size_t n = strlen(logged);

	(void)c;
	snprintf(logged + n, sizeof logged - n, "%s\n", line);
}

static struct guard *make(const char *more)
{
	static char text[4096];
	struct conf_err err;
	struct guard *g;

	snprintf(text, sizeof text,
		 "profiles = { plain = { need = \"forbid\"; }; };"
		 "peers = ( { match = \"*\"; profile = \"plain\";"
		 "  route = \"sip:192.0.2.99:5070;transport=tcp\"; } );%s",
		 more);
	if (conf_parse(text, "test", NULL, settings_groups(), &conf, &err) ||
	    settings_read(conf, &set, &err) || policy_new(conf, &policy, &err))
		fail_msg("%s", err.text);
	now_us = 1000 * SECOND;
	logged[0] = 0;
	log_to(on_log);
	assert_int_equal(guard_new(&fake, &g), 0);
	assert_int_equal(guard_apply(g, &set, policy, -1), 0);
	return g;
}

static void done(struct guard *g)
{
	guard_free(g);
	policy_free(policy);
	conf_free(conf);
	log_to(NULL);
}

static enum guard_fate message(struct guard *g, const char *source,
			       const char *agent, bool malformed)
{
	struct guard_message m = { .face = OUTSIDE, .request = true,
				   .malformed = malformed, .agent = agent };

	assert_int_equal(addr_parse(source, &m.source), 0);
	return guard_message(g, &set, &m);
}

static unsigned passed(struct guard *g, const char *source, unsigned n)
{
	unsigned passed = 0;

	while (n--)
		passed += message(g, source, NULL, false) == GUARD_PASS;
	return passed;
}

static struct guard_asker outside(const char *source, const char *caller)
{
	struct guard_asker a = { .from = OUTSIDE, .caller = caller,
				 .callee = "sip:alice@a.example" };

	assert_int_equal(addr_parse(source, &a.source), 0);
	return a;
}

static struct guard_asker inside(const char *caller, const char *callee)
{
	struct guard_asker a = { .from = INSIDE, .caller = caller,
				 .callee = callee };

	assert_int_equal(addr_parse("10.0.0.5", &a.source), 0);
	return a;
}

/* Both steps of a call; true when it may go on. */
static bool let_in(struct guard *g, const struct guard_asker *a,
		   struct guard_ticket *t)
{
	*t = (struct guard_ticket){ 0 };
	no = (struct refusal){ 0 };
	if (!guard_enter(g, &set, a, t, &no) &&
	    !guard_let_ring(g, &set, a, t, &no))
		return true;
	guard_leave(g, t);
	return false;
}

static void networks(void **state)
{
	struct guard *g = make("outside = { allow = ( \"192.0.2.0/24\", "
			       "\"2001:db8::/32\" ); "
			       "deny = ( \"192.0.2.66\" ); };");

	(void)state;
	assert_int_equal(message(g, "192.0.2.1:5060", NULL, false),
			 GUARD_PASS);
	assert_int_equal(message(g, "192.0.2.66", NULL, false), GUARD_DROP);
	assert_int_equal(message(g, "198.51.100.1", NULL, false), GUARD_DROP);
	assert_int_equal(message(g, "2001:db8::1", NULL, false), GUARD_PASS);
	assert_int_equal(message(g, "2001:db9::1", NULL, false), GUARD_DROP);
	assert_int_equal(guard_counted(g, GUARD_DENIED), 3);
	done(g);
}

static void scanners(void **state)
{
	struct guard *g = make("");

	(void)state;
	assert_int_equal(message(g, "198.51.100.1", "Friendly-Scanner", false),
			 GUARD_DROP);
	assert_non_null(strstr(logged, "hostile message from 198.51.100.1: "
				       "scanner friendly-scanner"));
	assert_int_equal(message(g, "198.51.100.1", "baresip", false),
			 GUARD_PASS);
	/* the next hop is what the operator says it is */
	assert_int_equal(message(g, "192.0.2.99", "friendly-scanner", false),
			 GUARD_PASS);
	assert_int_equal(guard_counted(g, GUARD_SCANNER), 1);
	done(g);
	g = make("screening = { scanner = \"refuse\"; agents = [ \"evil\" ]; "
		 "};");
	assert_int_equal(message(g, "198.51.100.1", "x evil 1", false),
			 GUARD_REFUSE);
	assert_int_equal(message(g, "198.51.100.1", "sipvicious", false),
			 GUARD_PASS);
	done(g);
}

static void floods(void **state)
{
	struct guard *g = make("limits = { requests_host = 10; };"
			       "outside = { trusted = ( \"203.0.113.0/24\" ); "
			       "};");

	(void)state;
	assert_int_equal(passed(g, "198.51.100.1:1", 100), 30);
	assert_int_equal(passed(g, "198.51.100.1:2", 10), 0); /* one host */
	assert_int_equal(passed(g, "198.51.100.2", 30), 30);
	assert_int_equal(passed(g, "203.0.113.7", 1000), 1000);
	assert_int_equal(passed(g, "192.0.2.99:6000", 1000), 1000);
	/* an IPv6 host has many addresses */
	assert_int_equal(passed(g, "2001:db8:1:2::1", 30), 30);
	assert_int_equal(passed(g, "2001:db8:1:2:3::9", 10), 0);
	assert_int_equal(passed(g, "2001:db8:1:3::1", 10), 10);
	now_us += SECOND;
	assert_int_equal(passed(g, "198.51.100.1", 100), 10);
	assert_int_equal(guard_counted(g, GUARD_FLOOD), 70 + 10 + 10 + 90);
	done(g);
}

/* One line a second of one address, whatever it sends. */
static void the_log_is_not_theirs(void **state)
{
	struct guard *g = make("");
	char *at = logged;
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 50; i++)
		message(g, "198.51.100.1", "sipvicious\n<0>x: forged", true);
	for (; (at = strstr(at, "hostile")); at++)
		n++;
	assert_int_equal(n, 1);
	assert_null(strstr(logged, "forged"));
	assert_int_equal(guard_counted(g, GUARD_MALFORMED), 50);
	done(g);
}

static void callers_on_a_list(void **state)
{
	struct guard *g = make("screening = { deny = [ \"*@spam.example\" ]; "
			       "};");
	struct guard_asker a = outside("192.0.2.1", "sip:x@spam.example");
	struct guard_ticket t = { 0 };

	(void)state;
	assert_false(let_in(g, &a, &t));
	assert_int_equal(no.status, 403);
	assert_non_null(guard_talk(g, &set, &a, &t, &no));
	a.from = INSIDE;
	assert_true(let_in(g, &a, &t));
	guard_leave(g, &t);
	assert_int_equal(guard_counted(g, GUARD_SCREENED), 2);
	done(g);
}

static void calls_of_one_address(void **state)
{
	struct guard *g = make("limits = { calls_host = 3; caller = 0; };");
	struct guard_asker a = outside("192.0.2.1", "sip:x@b.example");
	struct guard_ticket t[4];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(let_in(g, &a, &t[i]));
	assert_false(let_in(g, &a, &t[3]));
	assert_int_equal(no.status, 503);
	assert_true(no.retry_after_s > 0);
	a = outside("192.0.2.2", "sip:x@b.example");
	assert_true(let_in(g, &a, &t[3]));
	guard_leave(g, &t[0]);
	a = outside("192.0.2.1", "sip:x@b.example");
	assert_true(let_in(g, &a, &t[0]));
	for (int i = 0; i < 4; i++) {
		guard_leave(g, &t[i]);
		guard_leave(g, &t[i]); /* once */
	}
	done(g);
}

static unsigned calls(struct guard *g, const struct guard_asker *a, unsigned n)
{
	struct guard_ticket t;
	unsigned in = 0;

	while (n--)
		if (let_in(g, a, &t)) {
			in++;
			guard_leave(g, &t);
		}
	return in;
}

static void rates_of_calls(void **state)
{
	struct guard *g = make("limits = { rate = 40; rate_host = 10; };");
	struct guard_asker a = outside("192.0.2.1", "sip:x@b.example");
	struct guard_asker phone = inside("sip:a@a", "sip:x@b.example");
	struct guard_asker known = outside("192.0.2.99", "sip:x@b.example");

	(void)state;
	assert_int_equal(calls(g, &a, 100), 30);
	assert_int_equal(no.status, 503);
	/* what it tried did not take from the others */
	assert_int_equal(calls(g, &phone, 50), 50);
	assert_int_equal(calls(g, &known, 50), 40);
	assert_int_equal(no.status, 503);
	assert_true(no.retry_after_s > 0);
	assert_int_equal(guard_counted(g, GUARD_HOST), 70);
	assert_int_equal(guard_counted(g, GUARD_RATE), 10);
	done(g);
}

/* Another From, or a proof, or an answer: no harm. */
static void one_from_to_many(void **state)
{
	struct guard *g = make("limits = { caller = 2; };");
	struct guard_asker a = outside("192.0.2.1", "sip:x@b.example");
	struct guard_ticket t[3];

	(void)state;
	assert_true(let_in(g, &a, &t[0]));
	a = outside("192.0.2.2", "sips:x@B.example:5061");
	assert_true(let_in(g, &a, &t[1]));
	assert_false(let_in(g, &a, &t[2]));
	assert_int_equal(no.status, 503);
	a.sealed = true;
	assert_true(let_in(g, &a, &t[2]));
	guard_leave(g, &t[2]);
	a.sealed = false;
	guard_rang(g, &t[0]);
	assert_true(let_in(g, &a, &t[2]));
	for (int i = 0; i < 3; i++)
		guard_leave(g, &t[i]);
	done(g);
}

static void who_asks_for_everybody_hears_nothing(void **state)
{
	struct guard *g = make("limits = { unknown = 6; };");
	struct guard_asker a = outside("192.0.2.1", "sip:x@b.example");
	struct guard_asker other = outside("192.0.2.2", "sip:x@b.example");
	struct guard_ticket t = { 0 };

	(void)state;
	for (int i = 0; i < 6; i++) {
		assert_true(let_in(g, &a, &t));
		guard_leave(g, &t);
		guard_missed(g, &set, OUTSIDE, &a.source);
	}
	assert_false(let_in(g, &a, &t));
	assert_int_equal(no.status, 404);
	assert_non_null(guard_talk(g, &set, &a, &t, &no));
	assert_non_null(strstr(logged, "192.0.2.1: too many unknown users"));
	assert_true(let_in(g, &other, &t));
	guard_leave(g, &t);
	now_us += 11 * SECOND; /* one more */
	assert_true(let_in(g, &a, &t));
	guard_leave(g, &t);
	other = outside("192.0.2.99", "sip:x@b.example");
	for (int i = 0; i < 50; i++)
		guard_missed(g, &set, OUTSIDE, &other.source);
	assert_true(let_in(g, &other, &t));
	guard_leave(g, &t);
	done(g);
}

static void subscriptions_of_one_address(void **state)
{
	struct guard *g = make("limits = { subscriptions_host = 2; };");
	struct guard_asker a = inside("sip:a@a", "sip:x@b.example");
	struct guard_ticket t[3] = { { 0 } };

	(void)state;
	assert_null(guard_talk(g, &set, &a, &t[0], &no));
	assert_null(guard_talk(g, &set, &a, &t[1], &no));
	assert_non_null(guard_talk(g, &set, &a, &t[2], &no));
	assert_int_equal(no.status, 503);
	guard_leave(g, &t[0]);
	assert_null(guard_talk(g, &set, &a, &t[2], &no));
	for (int i = 0; i < 3; i++)
		guard_leave(g, &t[i]);
	done(g);
}

#define TOLLS "tolls = ( " \
	"{ match = \"0900*\"; hour = 0; }, " \
	"{ match = \"00*@*\"; hour = 5; calls = 2; }, " \
	"{ match = \"00*@*\"; hour = 8; calls = 100; per = \"all\"; }, " \
	"{ match = \"+*\"; user = \"fax@*\"; hour = 1; per = \"host\"; } );"

static void tolls(void **state)
{
	struct guard *g = make(TOLLS);
	struct guard_asker a = inside("sip:a@a", "sip:0049@b.example");
	struct guard_asker b = inside("sip:b@a", "sip:0049@b.example");
	struct guard_ticket t[3];

	(void)state;
	assert_true(let_in(g, &a, &t[0]));
	assert_true(let_in(g, &a, &t[1]));
	assert_false(let_in(g, &a, &t[2])); /* at one time */
	assert_int_equal(no.status, 403);
	guard_leave(g, &t[0]);
	guard_leave(g, &t[1]);
	assert_int_equal(calls(g, &a, 10), 3); /* five in an hour */
	assert_int_equal(calls(g, &b, 10), 3); /* eight for all */
	b.callee = "sip:0900123@b.example";
	assert_int_equal(calls(g, &b, 3), 0);
	b.callee = "sip:%30900123@b.example";
	assert_int_equal(calls(g, &b, 3), 0);
	b.callee = "sip:123@b.example";
	assert_int_equal(calls(g, &b, 30), 30);
	a = inside("sip:fax@a", "tel:+49-30-12");
	assert_int_equal(calls(g, &a, 3), 1);
	a.caller = "sip:fax@other"; /* the same host */
	assert_int_equal(calls(g, &a, 3), 0);
	now_us += 3600 * SECOND;
	assert_int_equal(calls(g, &a, 3), 1);
	done(g);
}

static void emergency(void **state)
{
	struct guard *g = make("emergency = { numbers = [ \"110\" ]; };"
			       "limits = { rate = 1; };"
			       "tolls = ( { match = \"*\"; hour = 0; } );");
	struct guard_asker a = inside("sip:a@a", "sip:110@a.example");

	(void)state;
	assert_int_equal(calls(g, &a, 100), 100);
	a.callee = "urn:service:sos";
	assert_int_equal(calls(g, &a, 100), 100);
	a.callee = "URN:service:sos.fire";
	assert_int_equal(calls(g, &a, 100), 100);
	a.callee = "tel:110";
	assert_true(guard_is_emergency(&set, INSIDE, a.callee));
	a.callee = "sip:1101@a.example";
	assert_int_equal(calls(g, &a, 1), 0);
	a.callee = "urn:service:sosx";
	assert_false(guard_is_emergency(&set, INSIDE, a.callee));
	/* nobody outside makes one here */
	assert_false(guard_is_emergency(&set, OUTSIDE, "sip:110@a.example"));
	done(g);
}

static void the_old_list_stays(void **state)
{
	struct guard *g = make("screening = { deny = [ \"x@b.example\" ]; };");
	struct guard_asker a = outside("192.0.2.1", "sip:x@b.example");
	struct guard_ticket t;
	FILE *f = tmpfile();

	(void)state;
	fputs("nonsense\n", f);
	fflush(f);
	assert_int_equal(guard_apply(g, &set, policy, fileno(f)), E_CONF);
	assert_non_null(strstr(logged, "screening.file: line 1"));
	fclose(f);
	assert_false(let_in(g, &a, &t));
	done(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks),
		cmocka_unit_test(scanners),
		cmocka_unit_test(floods),
		cmocka_unit_test(the_log_is_not_theirs),
		cmocka_unit_test(callers_on_a_list),
		cmocka_unit_test(calls_of_one_address),
		cmocka_unit_test(rates_of_calls),
		cmocka_unit_test(one_from_to_many),
		cmocka_unit_test(who_asks_for_everybody_hears_nothing),
		cmocka_unit_test(subscriptions_of_one_address),
		cmocka_unit_test(tolls),
		cmocka_unit_test(emergency),
		cmocka_unit_test(the_old_list_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
