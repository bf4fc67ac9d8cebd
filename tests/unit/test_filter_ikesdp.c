/* test_filter_ikesdp.c - IKE in the outside's SDP (RFC 6193): a line that the
 * phone never sees, told and held against the far end's. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	     "c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define AUDIO "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define AUDIO_2 "m=audio 4006 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define VIDEO "m=video 4002 RTP/AVP 31\r\n"
#define SDP HEAD AUDIO
#define IKE_AT(port, format) "m=application " port " udp " format "\r\n"
#define IKE IKE_AT("4500", "ike-esp-udpencap")
#define NO_IKE IKE_AT("0", "ike-esp-udpencap")
#define SETUP(role) "a=ike-setup:" role "\r\n"
/* SHA-256 of "abc", and of "x" */
#define ABC "a=fingerprint:SHA-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:" \
	    "AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD\r\n"
#define OURS_AT(port, format, role) "m=application " port " udp " format \
	"\r\nc=IN IP4 127.0.0.2\r\n" SETUP(role)
#define OURS OURS_AT("4500", "ike-esp-udpencap", "actpass") ABC

static struct outcome o;

static void passes(struct rig *r, enum face from, enum body_role role,
		   unsigned branch, const char *body)
{
	rig_filter(r, from, role, branch, body, &o);
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
}

static void refused(struct rig *r, enum face from, enum body_role role,
		    unsigned branch, const char *body, const char *why)
{
	rig_filter(r, from, role, branch, body, &o);
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, 488);
	if (!strstr(rig_log, why))
		fail_msg("not for \"%s\", but\n%s", why, rig_log);
}

/* certs: whether the peer is known by a certificate, and we are. */
static struct rig *rig(enum face from, const char *peer, bool certs)
{
	struct rig *r = rig_new("");

	rig_call(r, from, peer);
	r->ours.there = 1;
	addr_parse("127.0.0.2", &r->ours.at);
	if (certs) {
		print_of(PRINT_SHA256, "abc", 3, &r->ours.certs.list[0]);
		r->ours.certs.n = 1;
	}
	return r;
}

static void holds(const char *what)
{
	if (!strstr(o.body, what))
		fail_msg("no \"%s\" in\n%s", what, o.body);
}

static void hides(void)
{
	assert_null(strstr(o.body, "application"));
	assert_null(strstr(o.body, "fingerprint"));
	assert_null(strstr(o.body, "ike"));
}

/* -- ours ------------------------------------------------------------------ */

static void an_offer_of_ours(void **state)
{
	struct rig *r = rig(INSIDE, "told", true);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	holds("RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n" OURS);
	assert_true(r->use[0].ask && r->use[0].far.there);
	assert_int_equal(r->use[0].far.at.family, 0);
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP IKE SETUP("active") ABC);
	hides();
	holds("m=audio");
	assert_int_equal(r->uses, 2);
	assert_int_equal(r->use[1].far.at.port, 4500);
	assert_int_equal(r->use[1].far.certs.n, 1);
	assert_int_equal(r->use[1].begins, TUNNEL_BEGINS_THERE);
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	rig_free(r);
}

/* Some phones end SDP with empty lines. */
static void empty_lines_at_the_end(void **state)
{
	static const char *const ends[] = { "\r\n", "\n", "\r\n\r\n\n" };

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct rig *r = rig(INSIDE, "told", true);
		char body[1024];

		snprintf(body, sizeof body, "%s%s", SDP, ends[i]);
		passes(r, INSIDE, BODY_OFFER, 0, body);
		holds("PCMU/8000\r\n" OURS);
		rig_free(r);
		r = rig(OUTSIDE, "told", true);
		passes(r, OUTSIDE, BODY_OFFER, 0, SDP IKE SETUP("passive") ABC);
		passes(r, INSIDE, BODY_ANSWER, 0, body);
		holds("PCMU/8000\r\n"
		      OURS_AT("4500", "ike-esp-udpencap", "active") ABC);
		rig_free(r);
	}
}

static void who_begins(void **state)
{
	struct rig *r = rig(INSIDE, "told", true);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP IKE SETUP("passive") ABC);
	assert_int_equal(r->use[1].begins, TUNNEL_BEGINS_HERE);
	rig_free(r);
	r = rig(INSIDE, "told", true); /* passive where nothing is said */
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP IKE ABC);
	assert_int_equal(r->use[1].begins, TUNNEL_BEGINS_HERE);
	rig_free(r);
}

static void by_a_pre_shared_key(void **state)
{
	struct rig *r = rig(INSIDE, "must", false);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	holds(OURS_AT("4500", "ike-esp-udpencap", "actpass"));
	assert_null(strstr(o.body, "fingerprint"));
	/* theirs of a pre-shared key is not looked at */
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP IKE SETUP("active")
	       "a=psk-fingerprint:SHA-1 00:00:00:00:00:00:00:00:00:00:00:00:00"
	       ":00:00:00:00:00:00:00\r\n");
	rig_free(r);
}

static void an_old_peer(void **state)
{
	struct rig *r = rig(INSIDE, "told", true);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP NO_IKE);
	hides();
	assert_int_equal(r->use[1].far.there, 0);
	assert_int_equal(r->use[1].begins, TUNNEL_BEGINS_ANY);
	rig_free(r);

	r = rig(INSIDE, "must", true);
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	refused(r, OUTSIDE, BODY_ANSWER, 0, SDP NO_IKE, "no IKE in the far");
	assert_int_equal(r->uses, 1);
	rig_free(r);

	r = rig(INSIDE, "ike", true); /* nor does anybody ask for it */
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	hides();
	assert_int_equal(r->use[0].far.there, 0);
	rig_free(r);
}

static void answers_that_do_not_fit(void **state)
{
	static const char *const rows[][2] = {
		{ SDP IKE SETUP("active"), "only one end told" },
		{ SDP IKE SETUP("actpass") ABC, "format or role" },
		{ SDP IKE_AT("500", "ike-esp") SETUP("active") ABC,
		  "format or role" },
		{ SDP IKE SETUP("holdconn") ABC, "malformed" },
		{ SDP IKE SETUP("active") "a=fingerprint:SHA-256 BA\r\n",
		  "malformed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig(INSIDE, "told", true);
		const char *line = rows[i][0];

		passes(r, INSIDE, BODY_OFFER, 0, SDP);
		rig_filter(r, OUTSIDE, BODY_ANSWER, 0, line, &o);
		assert_false(o.passed);
		assert_true(o.no.status >= 400);
		if (!strstr(rig_log, rows[i][1]))
			fail_msg("not for \"%s\", but\n%s", rows[i][1],
				 rig_log);
		assert_int_equal(r->uses, 1);
		assert_int_equal(r->call->line[0].tunnel, 0);
		rig_free(r);
	}
}

/* The tunnel process knows by what the peer is known. */
static void another_certificate(void **state)
{
	struct rig *r = rig(INSIDE, "told", true);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	r->used_err = E_AUTH;
	refused(r, OUTSIDE, BODY_ANSWER, 0, SDP IKE SETUP("active") ABC,
		"charon said no");
	assert_non_null(strstr(o.no.warn, "IKE in SDP"));
	rig_free(r);

	r = rig(OUTSIDE, "told", true); /* and nobody is called then */
	r->used_err = E_AUTH;
	refused(r, OUTSIDE, BODY_OFFER, 0, SDP IKE SETUP("active") ABC,
		"charon said no");
	assert_int_equal(r->use[0].far.certs.n, 1);
	rig_free(r);
}

static void forked_answers(void **state)
{
	struct rig *r = rig(INSIDE, "told", true);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP IKE SETUP("active") ABC);
	refused(r, OUTSIDE, BODY_ANSWER, 1, SDP IKE SETUP("active") ABC,
		"second far end");
	rig_free(r);

	r = rig(INSIDE, "told", true); /* whatever it says itself */
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP IKE SETUP("active") ABC);
	refused(r, OUTSIDE, BODY_ANSWER, 1, SDP NO_IKE, "second far end");
	rig_free(r);
}

/* The first of them that has IKE is the one that has it. */
static void forked_old_peers(void **state)
{
	struct rig *r = rig(INSIDE, "told", true);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP NO_IKE);
	passes(r, OUTSIDE, BODY_ANSWER, 1, SDP NO_IKE);
	assert_int_equal(r->use[2].far.there, 0);
	passes(r, OUTSIDE, BODY_ANSWER, 2, SDP IKE SETUP("active") ABC);
	assert_int_equal(r->use[3].far.there, 1);
	assert_int_equal(r->use[3].begins, TUNNEL_BEGINS_THERE);
	refused(r, OUTSIDE, BODY_ANSWER, 0, SDP IKE SETUP("active") ABC,
		"second far end");
	rig_free(r);
}

/* -- theirs ---------------------------------------------------------------- */

static void an_offer_of_theirs(void **state)
{
	static const struct {
		const char *offer, *answer;
		enum tunnel_begins begins;
	} rows[] = {
		{ IKE SETUP("actpass") ABC,
		  OURS_AT("4500", "ike-esp-udpencap", "active") ABC,
		  TUNNEL_BEGINS_HERE },
		{ IKE SETUP("passive") ABC,
		  OURS_AT("4500", "ike-esp-udpencap", "active") ABC,
		  TUNNEL_BEGINS_HERE },
		{ IKE_AT("500", "ike-esp") ABC,
		  OURS_AT("500", "ike-esp", "passive") ABC,
		  TUNNEL_BEGINS_THERE },
		{ IKE SETUP("actpass"),
		  OURS_AT("4500", "ike-esp-udpencap", "active"),
		  TUNNEL_BEGINS_HERE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig(OUTSIDE, "told", true);
		char offer[2048];

		snprintf(offer, sizeof offer, "%s%s", SDP, rows[i].offer);
		passes(r, OUTSIDE, BODY_OFFER, 0, offer);
		hides();
		assert_int_equal(r->use[0].begins, rows[i].begins);
		assert_int_equal(r->use[0].far.at.family, 4);
		passes(r, INSIDE, BODY_ANSWER, 0, SDP);
		holds(rows[i].answer);
		assert_int_equal(strstr(rows[i].answer, "finger") != NULL,
				 strstr(o.body, "finger") != NULL);
		assert_int_equal(r->use[1].begins, rows[i].begins);
		rig_free(r);
	}
}

/* Figure 5's offer: what the line itself says counts, and nobody answers checks
 * that charon could not read. */
static void candidates(void **state)
{
	static const char offer[] = HEAD "a=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\r\n"
		"a=ice-ufrag:9uB6\r\n" AUDIO IKE SETUP("actpass") ABC
		"a=candidate:1 1 udp 2130706431 127.0.0.9 4500 typ host\r\n"
		"a=candidate:2 1 udp 1694498815 192.0.2.9 45664 typ srflx "
		"raddr 127.0.0.9 rport 4500\r\n";
	struct rig *r = rig(OUTSIDE, "must", true);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, 0, offer);
	hides();
	assert_null(strstr(o.body, "candidate"));
	assert_null(strstr(o.body, "a=ice"));
	assert_int_equal(r->use[0].far.at.port, 4500);
	passes(r, INSIDE, BODY_ANSWER, 0, SDP);
	holds(OURS_AT("4500", "ike-esp-udpencap", "active") ABC);
	assert_null(strstr(o.body, "candidate"));
	assert_null(strstr(o.body, "a=ice"));
	rig_free(r);
}

static void offers_that_do_not_fit(void **state)
{
	struct rig *r = rig(OUTSIDE, "must", true);

	(void)state;
	refused(r, OUTSIDE, BODY_OFFER, 0, SDP, "no IKE in the far end's");
	rig_free(r);
	r = rig(OUTSIDE, "must", true);
	refused(r, OUTSIDE, BODY_OFFER, 0, SDP IKE SETUP("actpass"),
		"no fingerprint");
	rig_free(r);
	r = rig(OUTSIDE, "told", true);
	rig_filter(r, OUTSIDE, BODY_OFFER, 0, SDP IKE SETUP("x"), &o);
	assert_false(o.passed);
	rig_free(r);
	r = rig(OUTSIDE, "told", true); /* without is as before */
	passes(r, OUTSIDE, BODY_OFFER, 0, SDP);
	passes(r, INSIDE, BODY_ANSWER, 0, SDP);
	hides();
	rig_free(r);
}

/* The line comes first; the phone's own stay in their order around it. */
static void a_line_in_the_middle(void **state)
{
	struct rig *r = rig(OUTSIDE, "told", true);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, 0, HEAD IKE SETUP("actpass") ABC AUDIO);
	hides();
	passes(r, INSIDE, BODY_ANSWER, 0, SDP);
	holds("t=0 0\r\n" OURS_AT("4500", "ike-esp-udpencap", "active") ABC
	      "m=audio");
	call_won(r->call, 0);
	call_up(r->call);
	passes(r, INSIDE, BODY_OFFER, 0, HEAD AUDIO_2 VIDEO);
	holds("t=0 0\r\n" OURS "m=audio");
	holds("m=video");
	passes(r, OUTSIDE, BODY_ANSWER, 0, HEAD IKE SETUP("active") ABC AUDIO
	       "m=video 0 RTP/AVP 31\r\n");
	hides();
	rig_free(r);
}

/* What the session says is of IKE, too, where its line says nothing. */
static void the_session_says_it(void **state)
{
	struct rig *r = rig(OUTSIDE, "told", true);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, 0, HEAD SETUP("actpass") ABC AUDIO IKE);
	hides();
	assert_int_equal(r->use[0].far.certs.n, 1);
	rig_free(r);
	r = rig(INSIDE, "told", true);
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	passes(r, OUTSIDE, BODY_ANSWER, 0, HEAD SETUP("active") ABC AUDIO IKE);
	hides();
	rig_free(r);
	r = rig(OUTSIDE, "told", true); /* else it is the media's */
	passes(r, OUTSIDE, BODY_OFFER, 0, HEAD ABC AUDIO);
	holds("t=0 0\r\n" ABC);
	rig_free(r);
}

static void two_lines(void **state)
{
	struct rig *r = rig(OUTSIDE, "told", true);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, 0, HEAD IKE SETUP("actpass") ABC AUDIO
	       IKE_AT("500", "ike-esp") SETUP("passive") ABC);
	hides();
	passes(r, INSIDE, BODY_ANSWER, 0, SDP);
	holds("t=0 0\r\n" OURS_AT("4500", "ike-esp-udpencap", "active") ABC
	      "m=audio");
	holds("PCMU/8000\r\n" IKE_AT("0", "ike-esp"));
	assert_null(strstr(strstr(o.body, "PCMU"), "fingerprint"));
	rig_free(r);
}

/* -- in the call ----------------------------------------------------------- */

static void offers_in_the_call(void **state)
{
	struct rig *r = rig(INSIDE, "told", true);
	char first[4096];

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	snprintf(first, sizeof first, "%s", o.body);
	passes(r, OUTSIDE, BODY_ANSWER, 0, SDP IKE SETUP("active") ABC);
	call_won(r->call, 0);
	call_up(r->call);
	passes(r, INSIDE, BODY_OFFER, 0, SDP); /* a refresh: the same bytes */
	assert_string_equal(o.body, first);
	passes(r, INSIDE, BODY_OFFER, 0, HEAD AUDIO_2 VIDEO);
	holds("PCMU/8000\r\n" OURS "m=video"); /* it stays where it is */
	passes(r, OUTSIDE, BODY_ANSWER, 0, HEAD AUDIO IKE SETUP("active") ABC
	       "m=video 0 RTP/AVP 31\r\n");
	hides();
	holds("m=video 0");
	passes(r, OUTSIDE, BODY_OFFER, 0, HEAD AUDIO_2 IKE SETUP("actpass") ABC
	       VIDEO);
	hides();
	passes(r, INSIDE, BODY_ANSWER, 0, HEAD AUDIO VIDEO);
	holds("PCMU/8000\r\n" OURS_AT("4500", "ike-esp-udpencap", "active") ABC
	      "m=video");
	rig_filter(r, OUTSIDE, BODY_OFFER, 0, SDP, &o);
	assert_false(o.passed); /* a line does not go (RFC 3264 8) */
	rig_free(r);
}

/* Media may stand behind it already, so the phone sees it: as rejected. */
static void a_line_that_comes_later(void **state)
{
	struct rig *r = rig(OUTSIDE, "told", true);

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, 0, SDP);
	passes(r, INSIDE, BODY_ANSWER, 0, SDP);
	call_won(r->call, 0);
	call_up(r->call);
	passes(r, OUTSIDE, BODY_OFFER, 0, HEAD SETUP("actpass") ABC AUDIO_2
	       IKE SETUP("actpass") ABC VIDEO "a=sendonly\r\n");
	holds("PCMU/8000\r\n" NO_IKE "m=video");
	holds("a=sendonly");
	assert_null(strstr(o.body, "a=ike"));
	assert_null(strstr(o.body, "fingerprint"));
	passes(r, INSIDE, BODY_ANSWER, 0, SDP NO_IKE VIDEO);
	holds(NO_IKE "m=video");
	rig_free(r);
}

/* A reload is for the calls to come. */
static void another_policy_in_the_call(void **state)
{
	static const char *const rows[] = {
		"profile = \"must\"; name = \"told\"",
		"profile = \"ike\"; name = \"told\"",
		"profile = \"told\"; name = \"another\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig(INSIDE, "told", true);

		passes(r, INSIDE, BODY_OFFER, 0, SDP);
		passes(r, OUTSIDE, BODY_ANSWER, 0, SDP NO_IKE);
		call_won(r->call, 0);
		call_up(r->call);
		rig_reload(r, "profile = \"told\"; name = \"told\"", rows[i]);
		passes(r, OUTSIDE, BODY_OFFER, 0, HEAD AUDIO_2 NO_IKE);
		hides();
		passes(r, INSIDE, BODY_ANSWER, 0, SDP);
		passes(r, INSIDE, BODY_OFFER, 0, SDP);
		holds("PCMU/8000\r\n" OURS);
		rig_free(r);
	}
}

static void where_a_call_is_led(void **state)
{
	struct rig *r = rig(INSIDE, "ike", true);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	hides();
	assert_int_equal(call_redirect(r->call, "sip:x@told.example"), 0);
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	holds("PCMU/8000\r\n" OURS);
	assert_int_equal(call_redirect(r->call, "sip:x@must.example"), 0);
	passes(r, INSIDE, BODY_OFFER, 0, SDP);
	refused(r, OUTSIDE, BODY_ANSWER, 0, SDP NO_IKE, "no IKE in the far");
	rig_free(r);
}

static void what_the_session_says_is_the_phones(void **state)
{
	struct rig *r = rig(INSIDE, "told", false);

	(void)state;
	passes(r, INSIDE, BODY_OFFER, 0, HEAD ABC AUDIO ABC);
	holds("t=0 0\r\nm=audio");
	holds("PCMU/8000\r\n" ABC);
	rig_free(r);
}

static void a_tunnel_process_that_says_nothing(void **state)
{
	struct rig *r = rig(INSIDE, "told", true);

	(void)state;
	r->ours.there = 0;
	rig_filter(r, INSIDE, BODY_OFFER, 0, SDP, &o);
	assert_int_equal(o.no.status, 500);
	rig_free(r);
	r = rig(INSIDE, "told", true);
	r->ours.certs.list[0].len = 99;
	rig_filter(r, INSIDE, BODY_OFFER, 0, SDP, &o);
	assert_int_equal(o.no.status, 500);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_offer_of_ours),
		cmocka_unit_test(empty_lines_at_the_end),
		cmocka_unit_test(who_begins),
		cmocka_unit_test(by_a_pre_shared_key),
		cmocka_unit_test(an_old_peer),
		cmocka_unit_test(answers_that_do_not_fit),
		cmocka_unit_test(another_certificate),
		cmocka_unit_test(forked_answers),
		cmocka_unit_test(forked_old_peers),
		cmocka_unit_test(an_offer_of_theirs),
		cmocka_unit_test(candidates),
		cmocka_unit_test(offers_that_do_not_fit),
		cmocka_unit_test(a_line_in_the_middle),
		cmocka_unit_test(the_session_says_it),
		cmocka_unit_test(two_lines),
		cmocka_unit_test(offers_in_the_call),
		cmocka_unit_test(a_line_that_comes_later),
		cmocka_unit_test(another_policy_in_the_call),
		cmocka_unit_test(where_a_call_is_led),
		cmocka_unit_test(what_the_session_says_is_the_phones),
		cmocka_unit_test(a_tunnel_process_that_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
