/* test_sdppre.c - security preconditions in SDP: the examples of RFC 5027 and
 * 3312, what is malformed, and the tables of RFC 3312 section 5 by RFC 4032. */
#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdppre.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n" \
	     "c=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define AUDIO "m=audio 20000 RTP/AVP 0\r\n"
#define DES "a=des:sec mandatory e2e sendrecv\r\n"

static struct sdp sdp;
static struct sdp_pre pre[SDP_LINES_MAX];

static int try_read(const char *text)
{
	const char *why = NULL;
	int r;

	if (sdp_read(text, strlen(text), &sdp, &why))
		fail_msg("%s: %s", text, why);
	why = NULL;
	r = sdp_pre_read(&sdp, pre, &why);
	assert_int_equal(r != 0, why != NULL);
	return r;
}

/* RFC 5027 4.1: SDP1, SDP2, SDP3 and SDP4. */
static void the_examples_of_rfc_5027(void **state)
{
	static const struct {
		const char *lines;
		unsigned current, confirm;
	} row[] = {
		{ "a=curr:sec e2e none\r\n" DES, 0, 0 },
		{ "a=curr:sec e2e recv\r\n" DES "a=conf:sec e2e sendrecv\r\n",
		  SDP_PRE_RECV, SDP_PRE_BOTH },
		{ "a=curr:sec e2e sendrecv\r\n" DES, SDP_PRE_BOTH, 0 },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct buf b = buf_of(512);

		snprintf(text, sizeof text, HEAD AUDIO "%s", row[i].lines);
		assert_int_equal(try_read(text), 0);
		assert_true(pre[0].there);
		assert_false(pre[0].strange);
		assert_int_equal(pre[0].current, row[i].current);
		assert_int_equal(pre[0].confirm, row[i].confirm);
		assert_int_equal(pre[0].desired[0], SDP_STRENGTH_MANDATORY);
		assert_int_equal(pre[0].desired[1], SDP_STRENGTH_MANDATORY);
		sdp_pre_write(row[i].current, row[i].confirm, "\r\n", &b);
		assert_string_equal(buf_string(&b), row[i].lines);
		buf_free(&b);
	}
}

/* Each line speaks for itself, and a direction may be desired otherwise. */
static void lines_speak_for_themselves(void **state)
{
	(void)state;
	assert_int_equal(try_read(HEAD "a=curr:sec e2e sendrecv\r\n" AUDIO
				  "m=audio 20002 RTP/AVP 0\r\n"
				  "a=curr:sec e2e send\r\n"
				  "a=des:sec optional e2e send\r\n"
				  "a=des:sec mandatory e2e recv\r\n"
				  "m=video 0 RTP/AVP 31\r\n"
				  "a=curr:sec e2e none\r\n"), 0);
	assert_false(pre[0].there);
	assert_true(pre[1].there);
	assert_int_equal(pre[1].current, SDP_PRE_SEND);
	assert_int_equal(pre[1].desired[0], SDP_STRENGTH_OPTIONAL);
	assert_int_equal(pre[1].desired[1], SDP_STRENGTH_MANDATORY);
	assert_false(pre[2].there); /* nothing is desired */
}

/* RFC 3312 section 9. */
static void other_types(void **state)
{
	static const struct {
		const char *line;
		bool strange;
	} row[] = {
		{ "a=des:qos mandatory e2e sendrecv\r\n", true },
		{ "a=des:qos mandatory remote send\r\n", true },
		{ "a=des:qos mandatory local sendrecv\r\n", false },
		{ "a=des:qos optional e2e sendrecv\r\n", false },
		{ "a=des:foo none e2e sendrecv\r\n", false },
		{ "a=des:foo unknown e2e sendrecv\r\n", false },
		{ "a=des:sec mandatory local sendrecv\r\n", false },
		{ "a=des:sec mandatory remote recv\r\n", true },
		{ "a=curr:qos e2e sendrecv\r\n", false },
		{ "a=conf:qos remote sendrecv\r\n", false },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		snprintf(text, sizeof text, HEAD AUDIO "%s", row[i].line);
		assert_int_equal(try_read(text), 0);
		assert_false(pre[0].there);
		assert_int_equal(pre[0].strange, row[i].strange);
		assert_int_equal(pre[0].confirm, 0);
	}
}

static void malformed(void **state)
{
	static const char *const row[] = {
		"a=curr:sec e2e\r\n", "a=curr:sec e2e none x\r\n",
		"a=curr:\r\n", "a=curr\r\n", "a=curr:sec both none\r\n",
		"a=curr:sec e2e both\r\n", "a=curr:qos e2e both\r\n",
		"a=curr:sec e2e none\r\na=curr:sec e2e recv\r\n",
		"a=des:sec mandatory e2e\r\n",
		"a=des:sec must e2e sendrecv\r\n",
		"a=des:sec failure e2e sendrecv\r\n",
		"a=des:sec mandatory e2e none\r\n",
		"a=des:sec mandatory e2e sendrecv extra\r\n",
		DES "a=des:sec none e2e recv\r\n",
		"a=conf:sec e2e\r\n", "a=conf:sec e2e all\r\n",
		"a=conf:sec here recv\r\n",
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		snprintf(text, sizeof text, HEAD AUDIO "%s", row[i]);
		if (try_read(text) != E_FORMAT)
			fail_msg("%s was read", row[i]);
	}
}

static void names(void **state)
{
	(void)state;
	assert_true(sdp_pre_is((struct sdp_text){ "CURR", 4 }));
	assert_true(sdp_pre_is((struct sdp_text){ "des", 3 }));
	assert_true(sdp_pre_is((struct sdp_text){ "conf", 4 }));
	assert_false(sdp_pre_is((struct sdp_text){ "con", 3 }));
}

/* -- the tables ------------------------------------------------------------ */

/* One direction, by what RFC 4032 4.1 prints. */
static void the_tables(void **state)
{
	static const struct {
		bool answer, said, was, known, have, now;
	} row[] = {
		/* we answer */
		{ false, false, false, false, false, false },
		{ false, true, true, false, false, true },
		{ false, true, true, true, true, true },
		{ false, true, false, false, false, true }, /* RFC 3312 */
		{ false, true, false, true, false, false }, /* RFC 4032 */
		{ false, true, false, true, true, true },
		{ false, false, true, false, false, false },
		{ false, false, true, true, true, true },
		{ false, false, true, true, false, false },
		/* we offered */
		{ true, false, false, false, false, false },
		{ true, true, true, false, false, true },
		{ true, true, false, false, false, true },
		{ true, false, true, true, true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct sdp_status s = {
			.current = row[i].was ? SDP_PRE_SEND : 0 };
		/* his receiving is our sending */
		struct sdp_pre theirs = { .there = true,
			.current = row[i].said ? SDP_PRE_RECV : 0 };

		sdp_status_take(&s, &theirs, row[i].answer,
				row[i].known ? SDP_PRE_SEND : 0,
				row[i].have ? SDP_PRE_SEND : 0);
		if (s.current != (row[i].now ? SDP_PRE_SEND : 0))
			fail_msg("row %zu", i);
		assert_true(s.agreed);
	}
}

/* RFC 5027 4.1, both ends of it. */
static void a_call(void **state)
{
	struct sdp_status a = { 0 }, b = { 0 };
	struct sdp_pre m = { .there = true };

	(void)state;
	assert_false(sdp_status_met(&a));
	/* SDP1; B can receive from now on */
	sdp_status_take(&b, &m, false, SDP_PRE_RECV, SDP_PRE_RECV);
	sdp_status_have(&b, SDP_PRE_RECV);
	assert_int_equal(b.current, SDP_PRE_RECV);
	assert_false(sdp_status_met(&b));
	/* SDP2 */
	m.current = b.current;
	m.confirm = SDP_PRE_BOTH;
	sdp_status_take(&a, &m, true, 0, 0);
	assert_int_equal(a.current, SDP_PRE_SEND);
	assert_false(sdp_status_due(&a));
	sdp_status_have(&a, SDP_PRE_BOTH);
	assert_true(sdp_status_met(&a));
	assert_true(sdp_status_due(&a));
	/* SDP3 */
	m = (struct sdp_pre){ .there = true, .current = a.current };
	sdp_status_take(&b, &m, false, SDP_PRE_RECV, SDP_PRE_RECV);
	assert_true(sdp_status_met(&b));
	/* SDP4 */
	m.current = b.current;
	sdp_status_take(&a, &m, true, 0, 0);
	assert_true(sdp_status_met(&a));
	assert_false(sdp_status_due(&a));
}

/* Who says nothing of it agrees to nothing. */
static void silence_meets_nothing(void **state)
{
	struct sdp_pre none = { .there = false, .current = SDP_PRE_BOTH };
	struct sdp_status s = { 0 };

	(void)state;
	sdp_status_take(&s, &none, true, SDP_PRE_BOTH, SDP_PRE_BOTH);
	sdp_status_have(&s, SDP_PRE_BOTH);
	assert_false(sdp_status_met(&s));
}

/* What was not asked for is told when it is news. */
static void news_are_due(void **state)
{
	struct sdp_pre m = { .there = true, .current = SDP_PRE_BOTH };
	struct sdp_status s = { 0 };

	(void)state;
	sdp_status_take(&s, &m, true, 0, 0);
	assert_true(sdp_status_met(&s));
	assert_false(sdp_status_due(&s));
	m.current = SDP_PRE_SEND;
	sdp_status_take(&s, &m, true, 0, 0);
	assert_false(sdp_status_due(&s));
	sdp_status_have(&s, SDP_PRE_BOTH);
	assert_true(sdp_status_due(&s));
}

/* -- an answer of our own -------------------------------------------------- */

#define OFFER HEAD "m=audio 20000 RTP/AVP 0 8 97\r\n" \
	"a=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode=20\r\na=sendonly\r\n" \
	"a=ssrc:1 cname:x\r\na=rtcp:20001\r\na=rtcp-mux\r\n" \
	"a=curr:sec e2e none\r\n" DES \
	"m=video 20002 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n"

static struct sdp_edit edit_of(unsigned port)
{
	struct sdp_edit e = { .id = 7, .version = 8 };

	assert_int_equal(addr_parse("198.51.100.1", &e.addr), 0);
	e.line[0].addr = e.addr;
	e.line[0].addr.port = (uint16_t)port;
	e.line[0].pre = (struct sdp_pre_edit){ true, SDP_PRE_RECV,
					       SDP_PRE_BOTH };
	e.line[1].reject = true;
	e.line[1].pre.on = true;
	return e;
}

static void all_is_accepted(void **state)
{
	struct sdp_edit e = edit_of(4000);
	struct buf b = buf_of(4096);

	(void)state;
	assert_int_equal(try_read(OFFER), 0);
	assert_int_equal(sdp_accept(&sdp, &e, &b), 0);
	assert_string_equal(buf_string(&b),
		"v=0\r\no=- 7 8 IN IP4 198.51.100.1\r\ns=-\r\n"
		"c=IN IP4 198.51.100.1\r\nt=0 0\r\n"
		"m=audio 4000 RTP/AVP 0 8 97\r\nc=IN IP4 198.51.100.1\r\n"
		"a=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode=20\r\na=recvonly\r\n"
		"a=curr:sec e2e recv\r\n" DES "a=conf:sec e2e sendrecv\r\n"
		"m=video 0 RTP/AVP 31\r\n");
	assert_int_equal(try_read(buf_string(&b)), 0);
	assert_int_equal(sdp.n, 2);
	buf_free(&b);
}

/* For the other leg ours take the place of the sender's, or nothing does. */
static void preconditions_stay_on_their_leg(void **state)
{
	struct sdp_edit e = edit_of(4000);
	struct buf b = buf_of(4096);
	const char *text;

	(void)state;
	e.no_pre = true;
	assert_int_equal(try_read(OFFER), 0);
	assert_int_equal(sdp_write(&sdp, &e, &b), 0);
	text = buf_string(&b);
	assert_non_null(strstr(text, "a=curr:sec e2e recv\r\n"));
	assert_null(strstr(text, "e2e none"));
	e.line[0].pre.on = false;
	buf_clear(&b);
	assert_int_equal(sdp_write(&sdp, &e, &b), 0);
	text = buf_string(&b);
	assert_null(strstr(text, ":sec"));
	assert_non_null(strstr(text, "a=fmtp:97 mode=20"));
	buf_free(&b);
}

/* RFC 3312 sections 8 and 9. */
static void what_was_not_met(void **state)
{
	struct buf b = buf_of(4096);

	(void)state;
	assert_int_equal(try_read(OFFER "m=audio 20004 RTP/AVP 8\r\n"
				  "a=des:sec mandatory e2e sendrecv\r\n"
				  "a=des:qos mandatory remote send\r\n"
				  "a=des:qos mandatory local send\r\n"
				  "a=des:foo optional e2e send\r\n"), 0);
	assert_int_equal(sdp_pre_refuse(&sdp, &b), 0);
	assert_string_equal(buf_string(&b),
		"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\n"
		"t=0 0\r\nm=audio 0 RTP/AVP 0 8 97\r\n"
		"a=des:sec failure e2e sendrecv\r\n"
		"m=video 0 RTP/AVP 31\r\n"
		"a=des:sec failure e2e sendrecv\r\n"
		"m=audio 0 RTP/AVP 8\r\na=des:qos unknown remote send\r\n");
	buf_free(&b);
}

/* A status that has changed is no other session. */
static void the_status_does_not_count(void **state)
{
	uint8_t one[32], two[32];

	(void)state;
	try_read(HEAD AUDIO "a=curr:sec e2e none\r\n" DES);
	assert_int_equal(sdp_digest(&sdp, one), 0);
	try_read(HEAD AUDIO "a=curr:sec e2e sendrecv\r\n" DES);
	assert_int_equal(sdp_digest(&sdp, two), 0);
	assert_memory_equal(one, two, 32);
	try_read(HEAD AUDIO "a=sendonly\r\n");
	assert_int_equal(sdp_digest(&sdp, two), 0);
	assert_memory_not_equal(one, two, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_rfc_5027),
		cmocka_unit_test(lines_speak_for_themselves),
		cmocka_unit_test(other_types),
		cmocka_unit_test(malformed),
		cmocka_unit_test(names),
		cmocka_unit_test(the_tables),
		cmocka_unit_test(a_call),
		cmocka_unit_test(silence_meets_nothing),
		cmocka_unit_test(news_are_due),
		cmocka_unit_test(all_is_accepted),
		cmocka_unit_test(preconditions_stay_on_their_leg),
		cmocka_unit_test(what_was_not_met),
		cmocka_unit_test(the_status_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
