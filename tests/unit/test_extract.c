/* test_extract.c - MIKEY messages in what people have: SDP, SIP, MIME bodies,
 * base64, bytes, hex dumps of every kind; and where they are broken. */
#include "ctl/dump.h"
#include "ctl/extract.h"
#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* "AQAFgM0X" is these bytes. */
static const uint8_t bytes[] = { 1, 0, 5, 0x80, 0xcd, 0x17 };
#define TEXT "AQAFgM0X"

static struct {
	int n, good;
	char where[8][EXTRACT_TEXT];
	char fault[EXTRACT_TEXT], why[EXTRACT_TEXT];
	size_t at;
} t;

static void note(void *user, const struct extracted *e)
{
	(void)user;
	if (e->data && e->len == sizeof bytes &&
	    !memcmp(e->data, bytes, sizeof bytes))
		t.good++;
	if (!e->data)
		snprintf(t.fault, sizeof t.fault, "%s", e->fault);
	t.at = e->at;
	snprintf(t.where[t.n++ & 7], EXTRACT_TEXT, "%s", e->where);
}

static int run(const void *in, size_t len)
{
	int n;

	memset(&t, 0, sizeof t);
	n = extract(in, len, note, NULL, t.why);
	assert_int_equal(n, t.n);
	return n;
}

static int text(const char *in)
{
	return run(in, strlen(in));
}

static void alone(void **state)
{
	(void)state;
	assert_int_equal(run(bytes, sizeof bytes), 1);
	assert_int_equal(t.good, 1);
	assert_string_equal(t.where[0], "");
	assert_int_equal(text(TEXT), 1);
	assert_int_equal(t.good, 1);
	assert_int_equal(text(" AQAF\r\n  gM0X\n"), 1);
	assert_int_equal(t.good, 1);
	assert_int_equal(t.at, 1);
}

static void whole_messages(void **state)
{
	static const char sip[] =
		"INVITE sip:b@b.example SIP/2.0\r\n"
		"Content-Type: application/sdp\r\n\r\n"
		"v=0\r\na=Key-Mgmt:MIKEY " TEXT "\r\n"
		"m=audio 4 RTP/SAVP 0\r\na=key-mgmt:mikey " TEXT "\r\n"
		"a=acap:7 key-mgmt:mikey " TEXT "\r\n"
		"m=video 6 RTP/SAVP 0\r\na=key-mgmt:mikey AQAF\r\n  gM0X\r\n"
		"SIP/2.0 200 OK\r\n\r\nv=0\r\na=key-mgmt:mikey " TEXT;
	static const char *const where[] = {
		"INVITE, line 5 (session): a=key-mgmt",
		"INVITE, line 7 (m=audio, media line 1): a=key-mgmt",
		"INVITE, line 8 (m=audio, media line 1): a=acap:7",
		"INVITE, line 10 (m=video, media line 2): a=key-mgmt",
		"200, line 15 (session): a=key-mgmt",
	};

	(void)state;
	assert_int_equal(text(sip), 5);
	assert_int_equal(t.good, 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(t.where[i], where[i]);
}

static void bodies(void **state)
{
	static const char raw[] =
		"INVITE sip:b@b SIP/2.0\nc: multipart/mixed; boundary=\"x y\"\n"
		"\n--x y\nContent-Type: application/sdp\n\nv=0\n--x y\r\n"
		"Content-Type: application/mikey\r\n\r\n\1\0\5\x80\xcd\x17\r\n"
		"--x y\nContent-Type: application/mikey\n"
		"Content-Transfer-Encoding: base64\n\n" TEXT "\n--x y--\n";
	static const char unsaid[] = "INVITE sip:b@b SIP/2.0\r\n"
		"Content-Type: multipart/mixed; boundary=boun=_dry\r\n\r\n"
		"--boun=_dry\r\nContent-type: application/mikey\r\n\r\n"
		TEXT "\r\n\r\n--boun=_dry--\r\n";
	static const char lone[] = "SIP/2.0 200 OK\nl: 6\n"
		"C: application/mikey\n\n\1\0\5\x80\xcd\x17\n\n\n";

	(void)state;
	assert_int_equal(run(raw, sizeof raw - 1), 2);
	assert_int_equal(t.good, 2);
	assert_string_equal(t.where[0], "INVITE, line 11: application/mikey");
	assert_int_equal(run(lone, sizeof lone - 1), 1);
	assert_int_equal(t.good, 1);
	assert_int_equal(run(unsaid, sizeof unsaid - 1), 1);
	assert_int_equal(t.good, 1);
}

static void dumps(void **state)
{
	static const char *const same[] = {
		"01000580cd17", "01 00 05 80 cd 17\n", "01:00:05:80:CD:17",
		"0x01, 0x00, 0x05,\n0x80, 0xcd, 0x17",
		"00000000: 0100 0580 cd17                           ......\n",
		"00000000  01 00 05 80 cd 17           |..ab..|\n00000006\n",
		"0000  01 00 05 80   ab cd\n0004  cd 17   ef 01\n",
		"0000: 01 00 05\n0003: 80 cd 17\n",
		"00000000: 4151 4146 674d 3058 0a                AQAFgM0X.\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		if (text(same[i]) != 1 || t.good != 1)
			fail_msg("%s: %s%s", same[i], t.fault, t.why);
	}
}

static void broken(void **state)
{
	static const struct {
		const char *in, *fault;
	} bad[] = {
		{ "a=key-mgmt:mikey AQ!F", "byte 19 is '!'" },
		{ "a=key-mgmt:mikey AQAFgM0", "7 characters from byte 17" },
		{ "a=key-mgmt:mikey", "0 characters" },
		{ "AQAF=gM0", "byte 5 is 'g'" },
		{ "A\x80""AA", "byte 1 is unprintable" },
		{ "!!", "byte 0 is '!'" },
		{ "A===", "not base64" },
	};
	static const struct {
		const char *in, *why;
	} none[] = {
		{ "", "empty" }, { "   ", "neither" },
		{ "v=0\na=key-mgmt:other AAAA\n", "no a=key-mgmt:mikey" },
		{ "01000", "byte 4 is half a pair" },
		{ "0000: 01 00\n0007: 05\n", "byte 11 ends a line" },
		{ "0000: 01 00\n0001: 05\n0001: 00", "wrong offset" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(text(bad[i].in), 1);
		if (!strstr(t.fault, bad[i].fault))
			fail_msg("%s: %s", bad[i].in, t.fault);
	}
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		assert_int_equal(text(none[i].in), 0);
		if (!strstr(t.why, none[i].why))
			fail_msg("%s: %s", none[i].in, t.why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone), cmocka_unit_test(whole_messages),
		cmocka_unit_test(bodies), cmocka_unit_test(dumps),
		cmocka_unit_test(broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
