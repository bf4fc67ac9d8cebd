/* test_sip_headers.c - what passes from leg to leg, what a body is, the loop
 * mark: the parts of modules/sip that need no socket. */
#include "modules/sip/transport/face.h"
#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/unquoted.h"
#include "modules/sip/leg.h"
#include "tests/mock/core.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>

#define HEAD                                                                  \
	"INVITE sip:bob@b.example SIP/2.0\r\n"                                \
	"Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK1\r\n"                 \
	"From: <sip:a@a.example>;tag=1\r\nTo: <sip:bob@b.example>\r\n"         \
	"Call-ID: x\r\nCSeq: 1 INVITE\r\n"

static msg_t *parse(const char *text)
{
	msg_t *msg = msg_make(sip_default_mclass(), MSG_DO_EXTRACT_COPY, text,
			      -1);

	assert_non_null(msg);
	assert_non_null(sip_object(msg)->sip_request);
	return msg;
}

/* The copied header lines of head + text, as they would be sent. */
static void copied(const char *text, unsigned flags, char *out, size_t room)
{
	char whole[4096];
	const msg_header_t *h;
	size_t n = 0;
	msg_t *from, *to;

	snprintf(whole, sizeof whole, HEAD "%s\r\n", text);
	from = parse(whole);
	to = msg_create(sip_default_mclass(), 0);
	assert_int_equal(headers_copy(to, sip_object(from), flags), 0);
	out[0] = 0;
	for (h = (msg_header_t *)sip_object(to)->sip_unknown; h;
	     h = h->sh_next) {
		assert_true(n + h->sh_len < room);
		if (h->sh_len)
			memcpy(out + n, h->sh_data, h->sh_len);
		n += h->sh_len;
		out[n] = 0;
	}
	msg_destroy(from);
	msg_destroy(to);
}

static void the_table_knows_every_form_of_a_name(void **state)
{
	(void)state;
	assert_int_equal(header_fate("Via", 3), HEADER_OURS);
	assert_int_equal(header_fate("v", 1), HEADER_OURS);
	assert_int_equal(header_fate("V", 1), HEADER_OURS);
	assert_int_equal(header_fate("cAlL-iD", 7), HEADER_OURS);
	assert_int_equal(header_fate("i", 1), HEADER_OURS);
	assert_int_equal(header_fate("m", 1), HEADER_OURS);
	assert_int_equal(header_fate("RECORD-ROUTE", 12), HEADER_OURS);
	assert_int_equal(header_fate("c", 1), HEADER_BODY);
	assert_int_equal(header_fate("content-type", 12), HEADER_BODY);
	assert_int_equal(header_fate("Subject", 7), HEADER_PASSES);
	assert_int_equal(header_fate("s", 1), HEADER_PASSES);
	assert_int_equal(header_fate("k", 1), HEADER_PASSES);
	assert_int_equal(header_fate("Vi", 2), HEADER_PASSES);
	assert_int_equal(header_fate("Via2", 4), HEADER_PASSES);
}

static void lines_pass_as_they_came(void **state)
{
	static const char text[] =
		"X-One:1\r\nAllow:  INVITE,ACK , BYE\r\nSubject :  a  b \r\n"
		"X-Fold: a\r\n\tb\r\nsupported: timer\r\nk: 100rel\r\n"
		"X-Empty:\r\n";
	char out[4096];

	(void)state;
	copied(text, 0, out, sizeof out);
	assert_string_equal(out, text);
}

static void what_is_ours_stays(void **state)
{
	char out[4096];

	(void)state;
	copied("Route: <sip:x;lr>\r\nTimestamp: 1\r\nm: <sip:a@10.0.0.1>\r\n"
	       "Max-Forwards: 3\r\nRSeq: 1\r\nRAck: 1 1 INVITE\r\n"
	       "x: 90\r\nSession-Expires: 90\r\nMin-SE: 90\r\n"
	       "Replaces: x;to-tag=1;from-tag=2\r\nX-Left: 1\r\nl: 0\r\n",
	       COPY_BODY, out, sizeof out);
	assert_string_equal(out, "X-Left: 1\r\n");
}

static void body_headers_go_with_the_body(void **state)
{
	static const char text[] = "c: text/plain\r\nContent-Language: en\r\n";
	char out[4096];

	(void)state;
	copied(text, 0, out, sizeof out);
	assert_string_equal(out, "");
	copied(text, COPY_BODY, out, sizeof out);
	assert_string_equal(out, text);
	copied("Require: 100rel\r\nA: 1\r\n", COPY_NO_REQUIRE, out, sizeof out);
	assert_string_equal(out, "A: 1\r\n");
}

/* A lone CR or LF might be a new line to the next reader: such a header is
 * written anew by Sofia, not copied. */
static void odd_line_ends_are_not_copied(void **state)
{
	char out[4096];

	(void)state;
	copied("X-A: 1\nX-B: 2\r\n", 0, out, sizeof out);
	assert_null(strstr(out, "1\nX"));
}

static void hops_are_counted(void **state)
{
	msg_t *to = msg_create(sip_default_mclass(), 0);
	msg_t *from;

	(void)state;
	from = parse(HEAD "Max-Forwards: 2\r\n\r\n");
	assert_int_equal(headers_hop(to, sip_object(from)), 0);
	assert_int_equal(sip_object(to)->sip_max_forwards->mf_count, 1);
	msg_destroy(from);
	from = parse(HEAD "Max-Forwards: 0\r\n\r\n");
	assert_int_equal(headers_hop(to, sip_object(from)), E_FULL);
	msg_destroy(from);
	from = parse(HEAD "\r\n");
	assert_int_equal(headers_hop(to, sip_object(from)), 0);
	msg_destroy(from);
	msg_destroy(to);
}

static int contacts_left(const char *contacts, const struct face_settings *f)
{
	msg_t *to = msg_create(sip_default_mclass(), 0);
	char whole[2048];
	msg_t *from;
	int n;

	snprintf(whole, sizeof whole, HEAD "Contact: %s\r\n\r\n", contacts);
	from = parse(whole);
	n = headers_contacts(to, sip_object(from), f);
	msg_destroy(from);
	msg_destroy(to);
	return n;
}

static void contacts_do_not_show_the_inside(void **state)
{
	struct face_settings f = { .n_listen = 1, .n_nets = 2 };
	const char *four = "<sip:a@10.1.2.3:5060>, <sip:b@c.example>, "
			   "<sip:[2001:db8::5]:5070>, <sip:192.0.2.9>";

	(void)state;
	addr_parse("192.0.2.9:5060", &f.listen[0].addr);
	net_parse("10.0.0.0/8", &f.nets[0]);
	net_parse("2001:db8::/32", &f.nets[1]);
	assert_int_equal(contacts_left(four, NULL), 4);
	assert_int_equal(contacts_left(four, &f), 1);
	f.n_nets = 1;
	assert_int_equal(contacts_left(four, &f), 2);
	f.n_nets = 0;
	assert_int_equal(contacts_left(four, &f), 1);
}

static enum body_kind kind(const char *headers, const char *body)
{
	enum body_kind k;
	char whole[2048];
	msg_t *msg;

	snprintf(whole, sizeof whole, HEAD "%sContent-Length: %zu\r\n\r\n%s",
		 headers, strlen(body), body);
	msg = parse(whole);
	k = filter_body_kind(sip_object(msg));
	msg_destroy(msg);
	return k;
}

static void bodies_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(kind("", ""), BODY_NONE);
	assert_int_equal(kind("Content-Type: application/sdp\r\n", ""),
			 BODY_NONE);
	assert_int_equal(kind("Content-Type: application/sdp\r\n", "v=0"),
			 BODY_SDP);
	assert_int_equal(kind("c: Application/SDP;x=y\r\n", "v=0"), BODY_SDP);
	assert_int_equal(kind("c: text/plain\r\n", "v=0"), BODY_OTHER);
	assert_int_equal(kind("", "v=0"), BODY_HIDDEN);
	assert_int_equal(kind("c: multipart/mixed;boundary=x\r\n", "--x"),
			 BODY_PACKAGE);
	assert_int_equal(kind("c: multipart/related;boundary=x\r\n", "--x"),
			 BODY_PARTS);
	assert_int_equal(kind("c: multipart/encrypted;boundary=x\r\n", "--x"),
			 BODY_HIDDEN);
	assert_int_equal(kind("c: message/sip\r\n", "x"), BODY_HIDDEN);
	assert_int_equal(kind("c: application/pkcs7-mime\r\n", "x"),
			 BODY_SEALED);
	assert_int_equal(kind("c: multipart/signed;boundary=x\r\n", "--x"),
			 BODY_SEALED);
	assert_int_equal(kind("c: application/pkcs7-signature\r\n", "x"),
			 BODY_HIDDEN);
	assert_int_equal(kind("c: application/sdpx\r\n", "x"), BODY_HIDDEN);
	assert_int_equal(kind("c: application/sdp\r\ne: gzip\r\n", "x"),
			 BODY_HIDDEN);
}

static msg_t *came_back(const char *uri, const char *via, const char *branch)
{
	char text[1024];

	snprintf(text, sizeof text,
		 "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP p.example;branch="
		 "z9hG4bKp\r\nVia: SIP/2.0/UDP %s;branch=%s\r\n"
		 "From: <sip:a@a.example>;tag=1\r\nTo: <sip:bob@b.example>\r\n"
		 "Call-ID: x\r\nCSeq: 1 INVITE\r\n\r\n", uri, via, branch);
	return parse(text);
}

static bool looped(const struct sip *s, const char *uri, const char *via,
		   const char *branch)
{
	msg_t *msg = came_back(uri, via, branch);
	bool yes = face_looped(s, sip_object(msg));

	msg_destroy(msg);
	return yes;
}

static void a_loop_is_known_by_its_mark(void **state)
{
	struct sip s = { .secret = { 1 } }, other = { .secret = { 2 } };
	static struct engine e;
	char branch[FACE_BRANCH], again[FACE_BRANCH];
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *us = "127.0.0.1:5071";
	url_t *uri;

	(void)state;
	su_home_init(home);
	assert_int_equal(mock_core_open(&e, 5070), 0);
	s.face[INSIDE].settings = other.face[INSIDE].settings =
		&e.settings.face[INSIDE];
	s.face[OUTSIDE].settings = other.face[OUTSIDE].settings =
		&e.settings.face[OUTSIDE];
	uri = url_make(home, "sip:bob@b.example;transport=tcp");
	face_branch(&s, uri, branch);
	face_branch(&s, uri, again);
	assert_string_not_equal(branch, again);
	assert_true(looped(&s, "sip:bob@b.example", us, branch));
	assert_true(looped(&s, "sip:bob@b.example", us, again));
	assert_false(looped(&s, "sip:bob@c.example", us, branch));
	assert_false(looped(&s, "sip:bob@b.example", "127.0.0.2:5071", branch));
	assert_false(looped(&s, "sip:bob@b.example", us, "z9hG4bK"));
	assert_false(looped(&other, "sip:bob@b.example", us, branch));
	assert_true(face_is_us(&s.face[OUTSIDE],
			       url_make(home, "sip:127.0.0.1:5071")));
	assert_true(face_is_us(&s.face[OUTSIDE],
			       url_make(home, "sip:[::1]:5071")));
	assert_false(face_is_us(&s.face[OUTSIDE],
				url_make(home, "sip:127.0.0.1:5070")));
	mock_core_close(&e);
	su_home_deinit(home);
}

static void a_reason_is_one_quoted_line(void **state)
{
	struct sip_face in = { .face = INSIDE }, outer = { .face = OUTSIDE };
	struct leg leg = { .face = &in };
	char out[REASON_TEXT + 32];

	(void)state;
	leg_reason(&leg, 488, "no \"good\"\r\nX: 1\\", out, sizeof out);
	assert_string_equal(out, "SIP;cause=488;text=\"no 'good'''X: 1'\"");
	leg_reason(&leg, 480, NULL, out, sizeof out);
	assert_string_equal(out, "SIP;cause=480");
	leg.face = &outer;
	leg_reason(&leg, 488, "no good", out, sizeof out);
	assert_string_equal(out, "SIP;cause=488");
}

/* A body of 2005 (unquoted.h). */
static bool mended(const char *fields, const char *body)
{
	char whole[4096];
	msg_t *msg;
	sip_t *sip;
	bool is;

	snprintf(whole, sizeof whole, HEAD "%s\r\n%s", fields, body);
	msg = parse(whole);
	sip = sip_object(msg);
	unquoted_mend(msg);
	is = !sip->sip_error;
	if (is && sip->sip_content_type)
		assert_string_equal(msg_header_find_param(
			sip->sip_content_type->c_common, "boundary"),
			"\"boun=_dry\"");
	msg_destroy(msg);
	return is;
}

static void quotes_that_lack_are_put_in(void **state)
{
	static const char type[] =
		"Content-Type: multipart/mixed; boundary=boun=_dry\r\n";
	static const char body[] = "--boun=_dry\r\n\r\nx\r\n--boun=_dry--\r\n";

	(void)state;
	assert_true(mended(type, body));
	assert_false(mended(type, "--boun=_dryer\r\n\r\n"));
	assert_false(mended(type, "--boun=_dry"));
	assert_false(mended(type, ""));
	/* another header that cannot be read, before or behind */
	assert_false(mended("Content-Type: multipart/mixed; boundary=boun=_dry"
			    "\r\nMax-Forwards: many\r\n", body));
	assert_false(mended("Max-Forwards: many\r\n", body));
	assert_true(mended("Content-Type: multipart/mixed; "
			   "boundary=\"boun=_dry\"\r\n", body));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_knows_every_form_of_a_name),
		cmocka_unit_test(lines_pass_as_they_came),
		cmocka_unit_test(what_is_ours_stays),
		cmocka_unit_test(body_headers_go_with_the_body),
		cmocka_unit_test(odd_line_ends_are_not_copied),
		cmocka_unit_test(hops_are_counted),
		cmocka_unit_test(contacts_do_not_show_the_inside),
		cmocka_unit_test(bodies_are_told_apart),
		cmocka_unit_test(a_loop_is_known_by_its_mark),
		cmocka_unit_test(a_reason_is_one_quoted_line),
		cmocka_unit_test(quotes_that_lack_are_put_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
