/* test_vici_sa.c - selectors, SAs and events as charon writes them, and
 * everything that a message can have wrong. */
#include "daemon/base/err.h"
#include "modules/vici/packet.h"
#include "modules/vici/sa.h"
#include "tests/mock/vici_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct vici_text text_of(const char *s)
{
	return (struct vici_text){ s, strlen(s) };
}

/* -- selectors ------------------------------------------------------------- */

static void selectors_go_both_ways(void **state)
{
	static const struct {
		const char *charon, *ours; /* NULL: the same */
		uint8_t protocol;
		uint16_t port, last;
	} rows[] = {
		{ "10.99.11.0/24", NULL, 0, 0, 65535 },
		{ "10.99.11.2/32[udp]", "10.99.11.2/32[17]", 17, 0, 65535 },
		{ "10.99.11.2/32[udp/40000]", "10.99.11.2/32[17/40000]", 17,
		  40000, 40000 },
		{ "10.99.11.2/32[udp/40000-40001]",
		  "10.99.11.2/32[17/40000-40001]", 17, 40000, 40001 },
		{ "fd99:11::/64[tcp/1-2]", "fd99:11::/64[6/1-2]", 6, 1, 2 },
		{ "fd99:11::2/128[47]", NULL, 47, 0, 65535 },
		{ "0.0.0.0/0", NULL, 0, 0, 65535 },
		{ "10.0.0.1", "10.0.0.1/32", 0, 0, 65535 },
	};
	char text[VICI_SELECTOR_TEXT];
	struct vici_selector s, again;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(vici_selector_read(text_of(rows[i].charon),
						    &s), 0);
		assert_int_equal(s.protocol, rows[i].protocol);
		assert_int_equal(s.port, rows[i].port);
		assert_int_equal(s.port_last, rows[i].last);
		assert_int_equal(vici_selector_text(&s, text), 0);
		assert_string_equal(text, rows[i].ours ? rows[i].ours
						       : rows[i].charon);
		assert_int_equal(vici_selector_read(text_of(text), &again), 0);
		assert_true(vici_selector_equal(&s, &again));
	}
}

static void selectors_that_do_not_fit(void **state)
{
	static const char *const odd[] = {
		"", "dynamic", "10.0.0.1..10.0.0.9", "10.0.0.0/33",
		"10.0.0.0/24[", "10.0.0.0/24[]", "10.0.0.0/24[udp",
		"10.0.0.0/24[udp/]", "10.0.0.0/24[udp]x",
		"10.0.0.0/24[udp/1-]", "10.0.0.0/24[udp/sip]",
		"10.0.0.0/24[udp/OPAQUE]", "10.0.0.0/24[udp/2-1]",
		"10.0.0.0/24[udp/1-65536]", "10.0.0.0/24[256]",
		"10.0.0.0/24[icmp/8(0)]", "10.0.0.0/24[gre/0/0]",
		("1:2:3:4:5:6:7:8/1281111111111111111111111111111111111111111"
		"1111111111111111111"),
	};
	struct vici_selector s;

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		if (vici_selector_read(text_of(odd[i]), &s) != E_UNSUPPORTED)
			fail_msg("taken: %s", odd[i]);
}

static struct vici_selector selector(const char *text)
{
	struct vici_selector s;

	assert_int_equal(vici_selector_read(text_of(text), &s), 0);
	return s;
}

static void selectors_among_each_other(void **state)
{
	static const struct {
		const char *a, *b;
		bool within, meet; /* a within b; a and b, either way round */
	} rows[] = {
		{ "10.0.0.0/24", "10.0.0.0/24", true, true },
		{ "10.0.0.1/32", "10.0.0.0/24", true, true },
		{ "10.0.0.0/24", "10.0.0.1/32", false, true },
		{ "10.0.1.1/32", "10.0.0.0/24", false, false },
		{ "fd99::1/128", "0.0.0.0/0", false, false },
		{ "10.0.0.1/32[udp]", "10.0.0.0/24", true, true },
		{ "10.0.0.1/32", "10.0.0.0/24[udp]", false, true },
		{ "10.0.0.1/32[udp]", "10.0.0.0/24[tcp]", false, false },
		{ "10.0.0.1/32[udp/5-6]", "10.0.0.1/32[udp/5-6]", true, true },
		{ "10.0.0.1/32[udp/5]", "10.0.0.1/32[udp/5-6]", true, true },
		{ "10.0.0.1/32[udp/5-7]", "10.0.0.1/32[udp/5-6]", false, true },
		{ "10.0.0.1/32[udp/4-6]", "10.0.0.1/32[udp/5-6]", false, true },
		{ "10.0.0.1/32[udp/7]", "10.0.0.1/32[udp/5-6]", false, false },
		{ "10.0.0.1/32[udp/5]", "10.0.0.1/32", true, true },
		{ "10.0.0.1/32[udp]", "10.0.0.1/32[udp/5]", false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct vici_selector a = selector(rows[i].a);
		struct vici_selector b = selector(rows[i].b);

		if (vici_selector_within(&a, &b) != rows[i].within ||
		    vici_selectors_meet(&a, &b) != rows[i].meet ||
		    vici_selectors_meet(&b, &a) != rows[i].meet)
			fail_msg("%s, %s", rows[i].a, rows[i].b);
	}
}

static void selectors_that_are_not_written(void **state)
{
	char text[VICI_SELECTOR_TEXT];
	struct vici_selector s, t;

	(void)state;
	vici_selector_read(text_of("10.0.0.1[17/1-2]"), &s);
	t = s;
	t.protocol = 0;
	assert_int_equal(vici_selector_text(&t, text), E_ARG);
	t = s;
	t.port = 3;
	assert_int_equal(vici_selector_text(&t, text), E_ARG);
	t = s;
	t.net.base.family = 0;
	assert_int_equal(vici_selector_text(&t, text), E_ARG);
	t = s;
	t.net.bits = 31;
	assert_false(vici_selector_equal(&s, &t));
	memset(&s, 0, sizeof s);
	assert_int_equal(vici_selector_text(&s, text), E_ARG);
}

/* -- SAs ------------------------------------------------------------------- */

#define IKE "uniqueid = 3 version = 2 state = ESTABLISHED " \
	"local-host = 10.99.1.1 local-port = 4500 local-id = a.example " \
	"remote-host = 10.99.2.1 remote-port = 4500 remote-id = b.example " \
	"initiator = yes initiator-spi = 7079c8592e00816a " \
	"responder-spi = 7ebfa1954d4af29f nat-any = yes " \
	"encr-alg = AES_GCM_16 established = 2 rekey-time = 13184 " \
	"tasks-active [ CHILD_CREATE ] "
#define CHILD(id, state) "name = call uniqueid = " id " reqid = 1 state = " \
	state " mode = TUNNEL protocol = ESP encap = yes spi-in = 3029143d " \
	"spi-out = 18e0bc8e encr-alg = AES_GCM_16 encr-keysize = 128 " \
	"bytes-in = 160 packets-in = 1 bytes-out = 18446744073709551615 " \
	"packets-out = 0 rekey-time = -4 life-time = 3958 install-time = 2 " \
	"local-ts [ 10.99.11.0/24[udp/40000-40001] ] " \
	"remote-ts [ 10.99.12.0/24[udp/50000-50001] ] "

static struct buf message;

static int read_ike(const char *text, struct vici_ike *out)
{
	buf_clear(&message);
	assert_int_equal(vici_from_text(&message, text), 0);
	return vici_ike_read(message.data, message.len, "cs-", out);
}

static int read_event(const char *name, const char *text,
		      struct vici_event *out)
{
	buf_clear(&message);
	assert_int_equal(vici_from_text(&message, text), 0);
	return vici_event_read(name, message.data, message.len, "cs-", out);
}

static void an_sa_with_children(void **state)
{
	struct vici_child_sa child;
	struct vici_ike ike;
	char text[ADDR_TEXT];

	(void)state;
	assert_int_equal(read_ike(
		"cs-b { " IKE "child-sas { call-2 { " CHILD("2", "INSTALLED")
		"} call-3 { " CHILD("3", "WONDERING") "} } }", &ike), 0);
	assert_true(vici_text_is(ike.conn, "cs-b"));
	assert_true(ike.ours);
	assert_int_equal(ike.id, 3);
	assert_int_equal(ike.state, VICI_IKE_ESTABLISHED);
	assert_string_equal(addr_text(&ike.local, text), "10.99.1.1:4500");
	assert_string_equal(addr_text(&ike.remote, text), "10.99.2.1:4500");
	assert_true(vici_text_is(ike.local_id, "a.example"));
	assert_true(ike.spi_i == 0x7079c8592e00816a);
	assert_true(ike.initiator && ike.nat_any && !ike.nat_local);
	assert_int_equal(ike.rekey_s, 13184);
	assert_int_equal(vici_ike_child(&ike, &child), 0);
	assert_true(vici_text_is(child.name, "call"));
	assert_int_equal(child.id, 2);
	assert_int_equal(child.reqid, 1);
	assert_int_equal(child.state, VICI_CHILD_INSTALLED);
	assert_int_equal(child.mode, VICI_MODE_TUNNEL);
	assert_int_equal(child.spi_in, 0x3029143d);
	assert_int_equal(child.cipher_bits, 128);
	assert_int_equal(child.integrity.len, 0);
	assert_true(child.bytes_out == UINT64_MAX);
	assert_int_equal(child.rekey_s, -4); /* overdue */
	assert_int_equal(child.local.n, 1);
	assert_false(child.local.odd);
	assert_int_equal(child.remote.list[0].port_last, 50001);
	assert_int_equal(vici_ike_child(&ike, &child), 0);
	assert_int_equal(child.id, 3);
	assert_int_equal(child.state, VICI_CHILD_OTHER);
	assert_int_equal(vici_ike_child(&ike, &child), E_NOTFOUND);
	assert_int_equal(vici_ike_child(&ike, &child), E_NOTFOUND);
}

static void an_sa_of_others_half_made(void **state)
{
	struct vici_child_sa child;
	struct vici_ike ike;

	(void)state;
	assert_int_equal(read_ike("up { uniqueid = 1 state = CONNECTING "
				  "local-host = %any local-port = 500 "
				  "remote-host = fe80::1%eth0 "
				  "new [ x ] more { a { } } }", &ike), 0);
	assert_false(ike.ours);
	assert_int_equal(ike.state, VICI_IKE_CONNECTING);
	assert_int_equal(ike.local.family, 0);
	assert_int_equal(ike.local.port, 500);
	assert_int_equal(ike.remote.family, 0);
	assert_int_equal(ike.local_id.len, 0);
	assert_int_equal(vici_ike_child(&ike, &child), E_NOTFOUND);
	assert_false(vici_is_ours(text_of("cs-b"), ""));
	assert_false(vici_is_ours(text_of("cs"), "cs-"));
	assert_true(vici_is_ours(text_of("cs-"), "cs-"));
}

static void selectors_past_the_room_are_odd(void **state)
{
	struct vici_child_sa child;
	struct vici_ike ike;

	(void)state;
	assert_int_equal(read_ike(
		"cs-b { uniqueid = 1 child-sas { c { uniqueid = 1 "
		"local-ts [ 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 ] "
		"remote-ts [ dynamic 10.0.0.1 ] } } }", &ike), 0);
	assert_int_equal(vici_ike_child(&ike, &child), 0);
	assert_int_equal(child.local.n, VICI_SELECTORS);
	assert_true(child.local.odd);
	assert_int_equal(child.remote.n, 1);
	assert_true(child.remote.odd);
	assert_true(vici_text_is(child.name, "c")); /* the section's */
}

static void what_is_wrong_with_an_sa(void **state)
{
	static const char *const bad[] = {
		"",
		"up = yes",
		"a { }",
		"a { uniqueid = 0 }",
		"a { uniqueid = x }",
		"a { uniqueid = 4294967296 }",
		"a { uniqueid = 1 uniqueid = 2 }",
		"a { uniqueid = 1 } b { uniqueid = 2 }",
		"a { uniqueid = 1 local-port = 65536 }",
		"a { uniqueid = 1 initiator-spi = 11112222333344445 }",
		"a { uniqueid = 1 established = - }",
		"a { uniqueid = 1 child-sas { } child-sas { } }",
		"a { uniqueid = 1 child-sas { c = 1 } }",
		"a { uniqueid = 1 child-sas { c { } } }",
		"a { uniqueid = 1 child-sas { c { uniqueid = 1 } d { } } }",
		("a { uniqueid = 1 child-sas { "
		"c { uniqueid = 1 spi-in = g } } }"),
	};
	struct vici_ike ike;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (read_ike(bad[i], &ike) != E_FORMAT)
			fail_msg("taken: %s", bad[i]);
}

/* -- events ---------------------------------------------------------------- */

static void events_up_and_down(void **state)
{
	struct vici_event ev;

	(void)state;
	assert_int_equal(read_event("ike-updown", "up = yes cs-b { " IKE "}",
				    &ev), 0);
	assert_int_equal(ev.kind, VICI_IKE_UP);
	assert_int_equal(ev.ike.id, 3);
	assert_true(ev.ike.ours);
	assert_int_equal(read_event("ike-updown", "cs-b { " IKE "}", &ev), 0);
	assert_int_equal(ev.kind, VICI_IKE_DOWN);
	assert_int_equal(read_event(
		"child-updown", "up = yes gw { " IKE "child-sas { call-2 { "
		CHILD("2", "INSTALLED") "} } }", &ev), 0);
	assert_int_equal(ev.kind, VICI_CHILD_UP);
	assert_int_equal(ev.child.id, 2);
	assert_false(ev.ike.ours);
	assert_int_equal(read_event(
		"child-updown", "gw { " IKE "child-sas { call-2 { "
		CHILD("2", "DELETED") "} } }", &ev), 0);
	assert_int_equal(ev.kind, VICI_CHILD_DOWN);
	assert_int_equal(ev.child.state, VICI_CHILD_DELETED);
}

static void events_of_rekeying(void **state)
{
	struct vici_event ev;

	(void)state;
	assert_int_equal(read_event(
		"ike-rekey", "cs-b { old { uniqueid = 1 state = REKEYING } "
		"new { " IKE "} }", &ev), 0);
	assert_int_equal(ev.kind, VICI_IKE_REKEY);
	assert_int_equal(ev.ike.id, 1);
	assert_int_equal(ev.new_ike.id, 3);
	assert_true(ev.new_ike.ours);
	assert_true(vici_text_is(ev.new_ike.conn, "cs-b"));
	assert_int_equal(read_event(
		"child-rekey", "cs-b { " IKE "child-sas { call { old { "
		CHILD("2", "REKEYED") "} new { " CHILD("4", "INSTALLED")
		"} } } }", &ev), 0);
	assert_int_equal(ev.kind, VICI_CHILD_REKEY);
	assert_int_equal(ev.child.id, 2);
	assert_int_equal(ev.new_child.id, 4);
}

static void what_is_wrong_with_an_event(void **state)
{
	static const char *const bad[][2] = {
		{ "ike-updown", "up = yes" },
		{ "ike-updown", "up = yes up = yes a { uniqueid = 1 }" },
		{ "ike-updown", "up = yes a { }" },
		{ "ike-rekey", "" },
		{ "ike-rekey", "a { old { uniqueid = 1 } }" },
		{ "ike-rekey", "a { new { uniqueid = 1 } }" },
		{ "child-updown", "up = yes a { uniqueid = 1 }" },
		{ "child-updown", "a { uniqueid = 1 child-sas { } }" },
		{ "child-updown", "a { uniqueid = 1 child-sas { c { } } }" },
		{ "child-updown", "a { uniqueid = 1 child-sas { "
		  "c { uniqueid = 1 } d { uniqueid = 2 } } }" },
		{ "child-rekey", "a { uniqueid = 1 child-sas { } }" },
		{ "child-rekey", "a { uniqueid = 1 child-sas { c { } } }" },
		{ "child-rekey", "a { uniqueid = 1 child-sas { "
		  "c { old { uniqueid = 1 } } } }" },
	};
	struct vici_event ev;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (read_event(bad[i][0], bad[i][1], &ev) != E_FORMAT)
			fail_msg("taken: %s %s", bad[i][0], bad[i][1]);
	assert_int_equal(read_event("log", "a { uniqueid = 1 }", &ev),
			 E_NOTFOUND);
}

/* Packets as charon 5.9.8 sent them: the seeds of the fuzzer. */
static void what_charon_sent(void **state)
{
	static const char *const files[] = {
		"ike-updown-up", "ike-updown-down", "child-updown-up",
		"child-updown-down", "ike-rekey", "child-rekey", "list-sa-1",
		"list-sa-2", "list-sa-4",
	};
	static uint8_t data[8192];
	struct vici_packet p;
	struct vici_event ev;
	struct vici_ike ike;
	char path[512], name[64];
	size_t len;
	FILE *f;

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", CORPUS, files[i]);
		f = fopen(path, "rb");
		assert_non_null(f);
		len = fread(data, 1, sizeof data, f);
		fclose(f);
		assert_int_equal(vici_packet_read(data, len, &p), 0);
		snprintf(name, sizeof name, "%.*s", (int)p.name.len,
			 p.name.p);
		if (!strcmp(name, "list-sa"))
			assert_int_equal(vici_ike_read(p.message, p.len, "gw",
						       &ike), 0);
		else
			assert_int_equal(vici_event_read(name, p.message,
							 p.len, "gw", &ev), 0);
	}
	assert_true(ike.ours);
}

static int begin(void **state)
{
	(void)state;
	message = buf_of(VICI_PACKET_MAX);
	return 0;
}

static int end(void **state)
{
	(void)state;
	buf_free(&message);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors_go_both_ways),
		cmocka_unit_test(selectors_that_do_not_fit),
		cmocka_unit_test(selectors_that_are_not_written),
		cmocka_unit_test(selectors_among_each_other),
		cmocka_unit_test(an_sa_with_children),
		cmocka_unit_test(an_sa_of_others_half_made),
		cmocka_unit_test(selectors_past_the_room_are_odd),
		cmocka_unit_test(what_is_wrong_with_an_sa),
		cmocka_unit_test(events_up_and_down),
		cmocka_unit_test(events_of_rekeying),
		cmocka_unit_test(what_is_wrong_with_an_event),
		cmocka_unit_test(what_charon_sent),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
