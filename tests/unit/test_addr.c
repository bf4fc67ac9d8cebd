/* test_addr.c - addresses and networks as text and as bytes. */
#include "daemon/base/addr.h"
#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void text_round_trips(void **state)
{
	static const char *const good[] = {
		"192.0.2.1", "192.0.2.1:5060", "2001:db8::1",
		"[2001:db8::1]:5060", "::", "0.0.0.0", "255.255.255.255:65535",
	};
	char text[ADDR_TEXT];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(addr_parse(good[i], &a), 0);
		assert_string_equal(addr_text(&a, text), good[i]);
	}
}

static void wrong_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "x", "192.0.2", "192.0.2.1:", "192.0.2.1:65536",
		"192.0.2.1:-1", "192.0.2.1:1x", "[2001:db8::1", "[::1]x",
		"[::1]5060", "example.com", " 192.0.2.1",
		("2001:db8::1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:"
		 "20:21"),
	};
	struct addr a = { .port = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(addr_parse(bad[i], &a), E_FORMAT);
	assert_int_equal(a.port, 7);
}

static void host_leaves_out_port_and_brackets(void **state)
{
	char text[ADDR_TEXT];
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse("[2001:db8::1]:9", &a), 0);
	assert_string_equal(addr_host(&a, text), "2001:db8::1");
	memset(&a, 0, sizeof a);
	assert_string_equal(addr_host(&a, text), "none");
}

static void comparing(void **state)
{
	struct addr a, b, c;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1:5", &a), 0);
	assert_int_equal(addr_parse("192.0.2.1:6", &b), 0);
	assert_int_equal(addr_parse("0.0.0.0:6", &c), 0);
	assert_false(addr_equal(&a, &b));
	assert_true(addr_same_host(&a, &b));
	assert_false(addr_is_any(&a));
	assert_true(addr_is_any(&c));
	memset(&c, 0, sizeof c);
	assert_true(addr_is_any(&c));
}

static void sockaddr_round_trips(void **state)
{
	static const char *const good[] = { "192.0.2.1:5060",
					    "[2001:db8::1]:5060" };
	struct sockaddr_storage sa;
	struct addr a, b;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(addr_parse(good[i], &a), 0);
		assert_true(addr_to_sockaddr(&a, &sa) > 0);
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa,
						    &b), 0);
		assert_true(addr_equal(&a, &b));
	}
	memset(&a, 0, sizeof a);
	assert_int_equal(addr_to_sockaddr(&a, &sa), 0);
	sa.ss_family = AF_UNIX;
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, &b),
			 E_UNSUPPORTED);
}

static void a_mapped_address_is_ipv4(void **state)
{
	struct sockaddr_storage sa;
	char text[ADDR_TEXT];
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse("[::ffff:192.0.2.1]:9", &a), 0);
	addr_to_sockaddr(&a, &sa);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, &a), 0);
	assert_string_equal(addr_text(&a, text), "192.0.2.1:9");
}

static void nets(void **state)
{
	static const struct {
		const char *net, *addr;
		int inside;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.255", 1 },
		{ "192.0.2.0/24", "192.0.3.0", 0 },
		{ "192.0.2.128/25", "192.0.2.127", 0 },
		{ "192.0.2.128/25", "192.0.2.128", 1 },
		{ "192.0.2.1", "192.0.2.1", 1 },
		{ "192.0.2.1", "192.0.2.2", 0 },
		{ "0.0.0.0/0", "8.8.8.8", 1 },
		{ "0.0.0.0/0", "::1", 0 },
		{ "2001:db8::/33", "2001:db8:7fff::1", 1 },
		{ "2001:db8::/33", "2001:db8:8000::1", 0 },
		{ "::1/128", "::1", 1 },
	};
	struct addr a;
	struct net n, m;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(net_parse(rows[i].net, &n), 0);
		assert_int_equal(addr_parse(rows[i].addr, &a), 0);
		assert_int_equal(net_contains(&n, &a), rows[i].inside);
	}
	memset(&m, 0xff, sizeof m); /* nothing between its fields counts */
	m.base = n.base;
	m.bits = n.bits;
	assert_true(net_equal(&m, &n));
	m.bits ^= 1;
	assert_false(net_equal(&m, &n));
	m = n;
	m.base.ip[0] ^= 1;
	assert_false(net_equal(&m, &n));
	assert_int_equal(net_parse("192.0.2.255/25", &n), 0);
	net_trim(&n);
	assert_int_equal(net_parse("192.0.2.128/25", &m), 0);
	assert_true(net_equal(&m, &n));
	assert_int_equal(net_parse("192.0.2.0/33", &n), E_FORMAT);
	assert_int_equal(net_parse("192.0.2.0/", &n), E_FORMAT);
	assert_int_equal(net_parse("x/8", &n), E_FORMAT);
}

static void hosts(void **state)
{
	static const char *const good[] = { "1.0.0.0", "127.0.0.1",
		"192.0.2.1", "223.255.255.255", "2001:db8::1", "fe80::1" };
	static const char *const bad[] = { "0.0.0.0", "0.1.2.3", "224.0.0.1",
		"240.0.0.1", "255.255.255.255", "::", "ff02::1" };
	struct addr a = { 0 };

	(void)state;
	assert_false(addr_is_host(&a));
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(addr_parse(good[i], &a), 0);
		if (!addr_is_host(&a))
			fail_msg("%s", good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(addr_parse(bad[i], &a), 0);
		if (addr_is_host(&a))
			fail_msg("%s", bad[i]);
	}
	a = (struct addr){ .family = 6, .ip = { [10] = 0xff, [11] = 0xff,
						[12] = 192, [15] = 1 } };
	assert_false(addr_is_host(&a)); /* IPv4 in IPv6 */
}

static void loopback(void **state)
{
	static const char *const yes[] = { "127.0.0.1", "127.255.0.9", "::1" };
	static const char *const no[] = { "128.0.0.1", "::", "::2",
					  "7f00::1" };
	struct addr a = { 0 };

	(void)state;
	assert_false(addr_is_loopback(&a));
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		assert_int_equal(addr_parse(yes[i], &a), 0);
		assert_true(addr_is_loopback(&a));
	}
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		assert_int_equal(addr_parse(no[i], &a), 0);
		assert_false(addr_is_loopback(&a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_round_trips),
		cmocka_unit_test(loopback),
		cmocka_unit_test(wrong_text_is_refused),
		cmocka_unit_test(host_leaves_out_port_and_brackets),
		cmocka_unit_test(comparing),
		cmocka_unit_test(hosts),
		cmocka_unit_test(sockaddr_round_trips),
		cmocka_unit_test(a_mapped_address_is_ipv4),
		cmocka_unit_test(nets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
