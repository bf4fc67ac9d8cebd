/* test_sdpcan.c - what a description in a 200 to OPTIONS says of IPsec: ours as
 * it is written, others' as they are read, and what cannot be read. */
#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdpcan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\n" \
	     "c=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define ESP "a=x-callseal-esp:241 IN IP4 192.0.2.1\r\n"
#define IKE "m=application 0 udp ike-esp-udpencap ike-esp\r\n" \
	    "c=IN IP4 192.0.2.9\r\na=ike-setup:actpass\r\n"
/* FIPS 180's "abc" */
#define ABC "a=fingerprint:SHA-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:" \
	    "AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD\r\n"
#define AUDIO "m=audio 0 RTP/AVP 0 8\r\n"

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct sdp_can all(void)
{
	struct sdp_can can;

	memset(&can, 0, sizeof can);
	can.ike = can.esp = true;
	can.ike_at = at("192.0.2.9");
	can.esp_at = at("192.0.2.1");
	assert_int_equal(print_of(PRINT_SHA256, "abc", 3, &can.certs.list[0]),
			 0);
	can.certs.n = 1;
	return can;
}

static void written(const struct sdp_can *can, const char *text)
{
	struct addr own = at("192.0.2.1");
	struct buf out = buf_of(4096);

	assert_int_equal(sdp_can_write(can, 7, &own, &out), 0);
	assert_string_equal(buf_string(&out), text);
	buf_free(&out);
}

static struct sdp_can reads(const char *text)
{
	const char *why = NULL;
	struct sdp_can can;

	if (sdp_can_read(text, strlen(text), &can, &why))
		fail_msg("%s: %s", text, why);
	return can;
}

static void assert_at(const struct addr *a, const char *text)
{
	struct addr want = at(text);

	assert_true(addr_equal(a, &want));
}

/* Port 0, "t=0 0" and an id of its own: RFC 3264 section 9. */
static void ours(void **state)
{
	struct sdp_can can = all(), read;

	(void)state;
	written(&can, HEAD ESP IKE ABC);
	read = reads(HEAD ESP IKE ABC);
	assert_true(read.ike && read.esp && read.certs.n == 1);
	assert_true(print_equal(&read.certs.list[0], &can.certs.list[0]));
	assert_at(&read.ike_at, "192.0.2.9");
	assert_at(&read.esp_at, "192.0.2.1");
	can.certs.n = 0;
	written(&can, HEAD ESP IKE);
	can.esp = false;
	written(&can, HEAD IKE);
	can.ike = false;
	written(&can, HEAD);
	can.esp = true;
	written(&can, HEAD ESP);
}

static void addresses_of_both_families(void **state)
{
	struct sdp_can can = all(), read;
	struct addr own = at("2001:db8::1");
	struct buf out = buf_of(4096);

	(void)state;
	can.ike_at = at("2001:db8::9");
	can.esp_at = own;
	assert_int_equal(sdp_can_write(&can, 7, &own, &out), 0);
	read = reads(buf_string(&out));
	assert_at(&read.ike_at, "2001:db8::9");
	assert_at(&read.esp_at, "2001:db8::1");
	buf_free(&out);
}

static void not_written(void **state)
{
	struct sdp_can can = all();
	struct addr own = at("192.0.2.1"), none = { 0 };
	struct buf out = buf_of(4096), small = buf_of(100);

	(void)state;
	assert_int_equal(sdp_can_write(&can, 7, &none, &out), E_ARG);
	can.ike_at.family = 0;
	assert_int_equal(sdp_can_write(&can, 7, &own, &out), E_ARG);
	can = all();
	can.esp_at.family = 0;
	assert_int_equal(sdp_can_write(&can, 7, &own, &out), E_ARG);
	can = all();
	can.certs.n = PRINTS_MAX + 1;
	assert_int_equal(sdp_can_write(&can, 7, &own, &out), E_ARG);
	can = all();
	assert_int_equal(sdp_can_write(&can, 7, &own, &small), E_SPACE);
	buf_free(&out);
	buf_free(&small);
}

/* A gateway or phone that has no IPsec, and lines among others. */
static void of_others(void **state)
{
	static const char *const cannot[] = {
		HEAD, HEAD AUDIO, HEAD AUDIO "a=x-callseal-esp:241 IN IP4 "
		"192.0.2.1\r\n", HEAD "a=x-callseal-esp:242 whatever\r\n",
		HEAD "m=application 0 tcp ike-esp\r\n",
		HEAD "m=application 0 udp wb\r\n"
	};
	struct sdp_can can;

	(void)state;
	for (size_t i = 0; i < sizeof cannot / sizeof *cannot; i++) {
		can = reads(cannot[i]);
		if (can.ike || can.esp)
			fail_msg("%s: ike %d, esp %d", cannot[i], can.ike,
				 can.esp);
	}
	can = reads(HEAD AUDIO IKE AUDIO);
	assert_true(can.ike && !can.esp);
	assert_at(&can.ike_at, "192.0.2.9");
	can = reads(HEAD "m=application 500 udp ike-esp\r\n"); /* not 0 */
	assert_true(can.ike);
	assert_at(&can.ike_at, "192.0.2.1");
}

/* The first that says where it is. */
static void several(void **state)
{
	struct sdp_can can;

	(void)state;
	can = reads("v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
		    "a=x-callseal-esp:241 IN IP4 192.0.2.3\r\n"
		    "a=x-callseal-esp:241 IN IP4 192.0.2.4\r\n"
		    "m=application 0 udp ike-esp\r\n"
		    "m=application 0 udp ike-esp\r\n"
		    "c=IN IP4 gate.example\r\n"
		    "m=application 0 udp ike-esp\r\nc=IN IP4 192.0.2.5\r\n" ABC
		    "m=application 0 udp ike-esp\r\nc=IN IP4 192.0.2.6\r\n");
	assert_at(&can.ike_at, "192.0.2.5");
	assert_at(&can.esp_at, "192.0.2.3");
	assert_int_equal(can.certs.n, 1);
	can = reads("v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
		    "m=application 0 udp ike-esp\r\n");
	assert_true(can.ike);
	assert_int_equal(can.ike_at.family, 0);
}

static void garbage(void **state)
{
	static const char *const bad[] = {
		"", "x", "v=0", "\r\n\r\n", HEAD "m=application\r\n",
		HEAD "a=x-callseal-esp:241\r\n",
		HEAD "a=x-callseal-esp:241 IN IP4 gate.example\r\n",
		HEAD "a=x-callseal-esp:241 IN IP4 224.0.0.1\r\n",
		HEAD "a=x-callseal-esp:241 IN IP4 192.0.2.1 IN IP4\r\n",
		HEAD IKE "a=fingerprint:SHA-256 12:34\r\n",
		HEAD IKE "m=application 0 udp ike-esp\r\na=ike-setup:x\r\n",
		HEAD IKE "a=ike-setup:active\r\n", /* twice */
		HEAD AUDIO AUDIO AUDIO AUDIO AUDIO AUDIO AUDIO AUDIO AUDIO
		AUDIO AUDIO AUDIO AUDIO AUDIO AUDIO AUDIO IKE
	};
	struct sdp_can can;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		why = NULL;
		memset(&can, 0x5a, sizeof can);
		if (!sdp_can_read(bad[i], strlen(bad[i]), &can, &why))
			fail_msg("read: %s", bad[i]);
		if (!why)
			fail_msg("no reason: %s", bad[i]);
		assert_int_equal(can.ike_at.family, 0x5a); /* untouched */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours),
		cmocka_unit_test(addresses_of_both_families),
		cmocka_unit_test(not_written),
		cmocka_unit_test(of_others),
		cmocka_unit_test(several),
		cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
