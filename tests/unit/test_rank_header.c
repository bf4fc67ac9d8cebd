/* test_rank_header.c - Resource-Priority (RFC 4412): values, namespaces. */
#include "modules/sip/border/rank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sofia-sip/sip_header.h>

enum { DSN = 1, DRSN = 2, Q735 = 4, ETS = 8, WPS = 16, ESNET = 32, ALL = 63 };

static msg_t *invite(const char *headers)
{
	char text[1024];
	msg_t *msg;

	snprintf(text, sizeof text, "INVITE sip:b@b SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n%s"
		 "From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: 1\r\n"
		 "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", headers);
	msg = msg_make(sip_default_mclass(), MSG_DO_EXTRACT_COPY, text,
		       (ssize_t)strlen(text));
	assert_non_null(sip_object(msg)->sip_request);
	return msg;
}

static unsigned rank(const char *headers, unsigned namespaces)
{
	msg_t *msg = invite(headers);
	unsigned rank = rank_of(sip_object(msg), namespaces);
	msg_destroy(msg);
	return rank;
}

static void values(void **state)
{
	(void)state;
	assert_int_equal(rank("", ALL), 0);
	assert_int_equal(rank("Resource-Priority: ets.4\r\n", ALL), 1);
	assert_int_equal(rank("Resource-Priority: ets.0\r\n", ALL), 5);
	assert_int_equal(rank("resource-priority: DSN.Flash\r\n", ALL), 4);
	assert_int_equal(rank("Resource-Priority: drsn.flash-override-"
			      "override\r\n", ALL), 6);
	assert_int_equal(rank("Resource-Priority: dsn.flash-override-"
			      "override\r\n", ALL), 0);
	assert_int_equal(rank("Resource-Priority: q735.2\r\n", ALL), 3);
	assert_int_equal(rank("Resource-Priority: esnet.4\r\n", ALL), 5);
}

static void namespaces(void **state)
{
	static const char two[] = "Resource-Priority: wps.3, dsn.flash\r\n";

	(void)state;
	assert_int_equal(rank(two, WPS), 2);
	assert_int_equal(rank(two, WPS | DSN), 4);
	assert_int_equal(rank(two, ETS), 0);
	assert_int_equal(rank(two, 0), 0);
	assert_int_equal(rank("Resource-Priority: wps.3\r\n"
			      "Resource-Priority: wps.1\r\n", WPS), 4);
}

static void nonsense(void **state)
{
	static const char *const bad[] = {
		"", ".", "ets", "ets.", ".0", "ets.9", "ets.00", "ets.0x",
		"xets.0", ", ,,", "ets 0", "ets.0;x"
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "Resource-Priority: %s\r\n",
			 bad[i]);
		assert_int_equal(rank(text, ALL), 0);
	}
}

static bool unknown(const char *headers, unsigned namespaces)
{
	msg_t *msg = invite(headers);
	bool r = rank_unknown(sip_object(msg), namespaces);

	msg_destroy(msg);
	return r;
}

static void what_is_required(void **state)
{
	static const char bad[] = "Require: resource-priority\r\n"
				  "Resource-Priority: wps.9, x.1\r\n";
	static const char good[] = "Require: x, resource-priority\r\n"
				   "Resource-Priority: x.1\r\n"
				   "Resource-Priority: wps.3\r\n";

	(void)state;
	assert_true(unknown(bad, WPS));
	assert_false(unknown(bad, 0));
	assert_false(unknown(good, WPS));
	assert_true(unknown(good, ETS));
	assert_false(unknown("Resource-Priority: x.1\r\n", WPS));
	assert_false(unknown("Require: resource-priority\r\n", WPS));
}

static void what_is_accepted(void **state)
{
	char text[RANK_TEXT];

	(void)state;
	rank_accepted(ETS | ESNET, text);
	assert_string_equal(text, "Accept-Resource-Priority: ets.4, ets.3, "
			    "ets.2, ets.1, ets.0, esnet.0, esnet.1, esnet.2, "
			    "esnet.3, esnet.4");
	rank_accepted(ALL, text);
	assert_non_null(strstr(text, "esnet.4"));
	rank_accepted(0, text);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(what_is_required),
		cmocka_unit_test(what_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
