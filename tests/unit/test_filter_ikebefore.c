/* test_filter_ikebefore.c - IKE in the outside's SDP (RFC 6193) of calls whose
 * tunnel is a precondition (RFC 3312, 5027): in each offer and answer of the
 * outside, unchanged, and in roles that fit; the phones see none of it. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD(v) "v=0\r\no=- 1 " v " IN IP4 127.0.0.9\r\ns=-\r\n" \
		"c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define AUDIO "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
#define PLAIN HEAD("1") AUDIO
#define TAKEN HEAD("1") "m=audio 4000 RTP/AVP 8\r\n"
#define DES "a=des:sec mandatory e2e sendrecv\r\n"
#define CONF "a=conf:sec e2e sendrecv\r\n"
#define SAYS(current) "a=curr:sec e2e " current "\r\n" DES
#define NONE PLAIN SAYS("none")
#define RECV PLAIN SAYS("recv") CONF
#define UP HEAD("2") AUDIO SAYS("sendrecv")
#define NARROW HEAD("3") "m=audio 4000 RTP/AVP 8\r\n" SAYS("sendrecv")
#define IKE_AT(port, format) "m=application " port " udp " format "\r\n"
#define IKE IKE_AT("4500", "ike-esp-udpencap")
#define NO_IKE IKE_AT("0", "ike-esp-udpencap")
#define SETUP(role) "a=ike-setup:" role "\r\n"
/* SHA-256 of "abc" */
#define ABC "a=fingerprint:SHA-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:" \
	    "AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD\r\n"
#define OTHER "a=fingerprint:SHA-256 BB:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:" \
	      "AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD\r\n"
#define LINE(role) IKE SETUP(role) ABC
#define OURS(role) IKE "c=IN IP4 127.0.0.2\r\n" SETUP(role) ABC
/* Of it as the far end repeats what we told. */
#define OURS_TO(port, address, role) IKE_AT(port, "ike-esp-udpencap") \
	"c=IN IP4 " address "\r\n" SETUP(role)

static struct outcome o;

static void must_pass(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
}

static void passes(struct rig *r, enum face from, enum body_role role,
		   const char *body)
{
	rig_filter(r, from, role, 0, body, &o);
	must_pass();
}

static void has(const char *text)
{
	if (!strstr(o.body, text))
		fail_msg("no %s in %s", text, o.body);
}

static void has_not(const char *text)
{
	if (strstr(o.body, text))
		fail_msg("%s in %s", text, o.body);
}

static void hides(void)
{
	has_not("application");
	has_not("fingerprint");
	has_not("ike");
	has_not(":sec ");
}

static void fails(const struct rig *r, int status, const char *why)
{
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, status);
	if (!strstr(r->call->reason, why))
		fail_msg("not for \"%s\", but\n%s", why, r->call->reason);
}

static void holds(struct rig *r, const char *body)
{
	rig_hold(r, 0, body, &o);
	must_pass();
	assert_string_equal(o.body, "");
}

static void holds_offer(struct rig *r, const char *body)
{
	rig_hold_offer(r, 0, body, &o);
	must_pass();
	assert_string_equal(o.body, "");
}

static void accepts(struct rig *r)
{
	struct buf b = buf_of(BODY_MAX - 1);

	assert_int_equal(call_accept(r->call, &b), 0);
	snprintf(o.body, sizeof o.body, "%s", buf_string(&b));
	buf_free(&b);
}

static struct rig *rig(enum face from, const char *peer)
{
	struct rig *r = rig_new("");

	rig_call(r, from, peer);
	assert_true(call_before(r->call));
	r->ours.there = 1;
	addr_parse("127.0.0.2", &r->ours.at);
	print_of(PRINT_SHA256, "abc", 3, &r->ours.certs.list[0]);
	r->ours.certs.n = 1;
	return r;
}

/* -- who calls ------------------------------------------------------------- */

static void a_call_of_ours(void **state)
{
	struct rig *r = rig(INSIDE, "surely");

	(void)state;
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	has(SAYS("none") OURS("actpass"));
	assert_string_equal(strstr(o.body, OURS("actpass")), OURS("actpass"));
	assert_true(r->use[0].ask && r->use[0].far.there);

	r->early = true;
	holds(r, RECV LINE("active"));
	assert_int_equal(r->uses, 2);
	assert_int_equal(r->use[1].begins, TUNNEL_BEGINS_THERE);
	assert_int_equal(r->use[1].far.certs.n, 1);
	assert_int_equal(r->use[1].far.at.port, 4500);
	assert_true(call_met(r->call, 0) && call_due(r->call, 0));

	rig_refresh(r, &o); /* an offer again */
	must_pass();
	has(SAYS("sendrecv") OURS("actpass"));
	holds(r, UP LINE("active"));
	assert_false(call_due(r->call, 0));

	/* what its phone takes is an offer of theirs */
	holds_offer(r, NARROW LINE("active"));
	rig_respond(r, &o);
	must_pass();
	has(SAYS("sendrecv") OURS("passive"));

	r->early = false;
	passes(r, OUTSIDE, BODY_ANSWER, NARROW LINE("active"));
	has("RTP/AVP 8\r\n");
	hides();
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	rig_free(r);
}

/* Where the roles are an offer's, who began goes on to. */
static void roles_of_an_offer(void **state)
{
	static const struct {
		const char *answer, *offer, *reply;
		enum tunnel_begins begins;
	} rows[] = {
		{ LINE("active"), LINE("actpass"), OURS("passive"),
		  TUNNEL_BEGINS_THERE },
		{ LINE("active"), IKE ABC, OURS("passive"),
		  TUNNEL_BEGINS_THERE },
		{ LINE("active"), LINE("passive"), OURS("active"),
		  TUNNEL_BEGINS_HERE },
		{ LINE("passive"), LINE("actpass"), OURS("active"),
		  TUNNEL_BEGINS_HERE },
		{ IKE ABC, LINE("actpass"), OURS("active"),
		  TUNNEL_BEGINS_HERE },
		{ LINE("passive"), LINE("active"), OURS("passive"),
		  TUNNEL_BEGINS_THERE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig(INSIDE, "surely");
		char body[2048];

		passes(r, INSIDE, BODY_OFFER, PLAIN);
		snprintf(body, sizeof body, "%s%s", UP, rows[i].answer);
		holds(r, body);
		snprintf(body, sizeof body, "%s%s", NARROW, rows[i].offer);
		holds_offer(r, body);
		assert_int_equal(r->use[2].begins, rows[i].begins);
		rig_respond(r, &o);
		must_pass();
		has(rows[i].reply);
		rig_free(r);
	}
}

static void a_far_end_without_it(void **state)
{
	struct rig *r = rig(INSIDE, "ahead");

	(void)state;
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	holds(r, RECV NO_IKE);
	assert_int_equal(r->use[1].far.there, 0);
	holds_offer(r, NARROW NO_IKE);
	rig_respond(r, &o);
	must_pass();
	has(NO_IKE);
	has_not("fingerprint");
	rig_free(r);

	r = rig(INSIDE, "surely");
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	rig_hold(r, 0, RECV NO_IKE, &o);
	fails(r, 488, "no IKE in the far end's SDP");
	assert_int_equal(r->uses, 1);
	rig_free(r);
}

/* Each time that it speaks it is held against what is known. */
static void another_certificate(void **state)
{
	struct rig *r = rig(INSIDE, "surely");

	(void)state;
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	r->used_err = E_AUTH;
	rig_hold(r, 0, RECV LINE("active"), &o);
	fails(r, 488, "charon said no");
	assert_non_null(strstr(o.no.warn, "IKE in SDP"));
	rig_free(r);

	r = rig(INSIDE, "surely");
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	holds(r, RECV LINE("active"));
	r->used_err = E_AUTH;
	rig_hold(r, 0, UP IKE SETUP("active") OTHER, &o);
	fails(r, 488, "charon said no");
	assert_int_equal(r->use[2].far.certs.list[0].bytes[0], 0xbb);
	rig_free(r);

	r = rig(OUTSIDE, "surely"); /* and nobody is called then */
	r->used_err = E_AUTH;
	rig_filter(r, OUTSIDE, BODY_OFFER, 0, NONE LINE("actpass"), &o);
	fails(r, 488, "charon said no");
	assert_int_equal(r->uses, 1);
	rig_free(r);
}

static void forked_answers(void **state)
{
	struct rig *r = rig(INSIDE, "surely");

	(void)state;
	passes(r, INSIDE, BODY_OFFER, PLAIN);
	holds(r, RECV LINE("active"));
	rig_hold(r, 1, RECV LINE("active"), &o);
	fails(r, 488, "second far end");
	rig_free(r);
}

/* -- who is called --------------------------------------------------------- */

static void a_call_of_theirs(void **state)
{
	struct rig *r = rig(OUTSIDE, "surely");

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, NONE LINE("actpass"));
	hides();
	assert_int_equal(r->uses, 2); /* the tunnel is raised at once */
	assert_int_equal(r->use[1].begins, TUNNEL_BEGINS_HERE);
	assert_int_equal(r->use[1].far.certs.n, 1);
	accepts(r);
	has(SAYS("recv") CONF OURS("active"));
	assert_string_equal(strstr(o.body, OURS("active")), OURS("active"));

	passes(r, OUTSIDE, BODY_OFFER, UP LINE("actpass"));
	hides();
	assert_int_equal(r->uses, 2);
	assert_true(call_met(r->call, 0));
	accepts(r);
	has(SAYS("sendrecv") OURS("active"));

	passes(r, INSIDE, BODY_ANSWER, TAKEN);
	has("RTP/AVP 8\r\n");
	has(SAYS("sendrecv") OURS("active"));
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	rig_free(r);
}

/* What is answered to that is what was offered. */
static void the_last_answer(void **state)
{
	static const struct {
		const char *line;
		int sure, send;
	} rows[] = {
		{ OURS_TO("4500", "127.0.0.9", "passive") ABC, 0, 0 },
		{ IKE ABC, 0, 0 },
		{ OURS_TO("4500", "127.0.0.9", "passive") OTHER, E_POLICY,
		  E_POLICY },
		{ OURS_TO("4500", "127.0.0.9", "passive") ABC OTHER, E_POLICY,
		  E_POLICY },
		{ OURS_TO("4500", "127.0.0.8", "passive") ABC, E_POLICY,
		  E_POLICY },
		{ OURS_TO("4501", "127.0.0.9", "passive") ABC, E_POLICY,
		  E_POLICY },
		{ OURS_TO("4500", "127.0.0.9", "passive"), E_AUTH, E_AUTH },
		{ OURS_TO("4500", "127.0.0.9", "active") ABC, E_FORMAT,
		  E_FORMAT },
		{ OURS_TO("4500", "127.0.0.9", "actpass") ABC, E_FORMAT,
		  E_FORMAT },
		{ NO_IKE, E_POLICY, 0 },
		{ "m=video 0 RTP/AVP 31\r\n", E_POLICY, 0 },
		{ "", E_FORMAT, E_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig(OUTSIDE, i % 2 ? "ahead" : "surely");
		char body[2048];

		passes(r, OUTSIDE, BODY_OFFER, UP LINE("actpass"));
		passes(r, INSIDE, BODY_ANSWER, TAKEN);
		snprintf(body, sizeof body, "%s%s", UP, rows[i / 2].line);
		assert_int_equal(call_agrees(r->call, body, strlen(body)),
				 i % 2 ? rows[i / 2].send : rows[i / 2].sure);
		rig_free(r);
	}
}

/* Its tunnel comes after our answer, and is used once it says so. */
static void a_far_end_that_begins(void **state)
{
	static const char *const lines[] = { LINE("active"), IKE ABC };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = rig(OUTSIDE, "surely");
		char body[2048];

		snprintf(body, sizeof body, "%s%s", NONE, lines[i]);
		passes(r, OUTSIDE, BODY_OFFER, body);
		hides();
		assert_int_equal(r->uses, 1);
		assert_int_equal(r->use[0].ask, 1);
		assert_int_equal(r->use[0].begins, TUNNEL_BEGINS_THERE);
		assert_false(call_met(r->call, 0));
		accepts(r);
		has(SAYS("none") CONF OURS("passive"));

		passes(r, OUTSIDE, BODY_OFFER, body); /* not yet */
		assert_int_equal(r->call->line[0].tunnel, 0);
		assert_false(call_met(r->call, 0));

		snprintf(body, sizeof body, "%s%s", UP, lines[i]);
		passes(r, OUTSIDE, BODY_OFFER, body);
		hides();
		assert_true(r->call->line[0].tunnel != 0);
		assert_int_equal(r->use[r->uses - 1].ask, 0);
		assert_int_equal(r->use[r->uses - 1].begins,
				 TUNNEL_BEGINS_THERE);
		assert_true(call_met(r->call, 0));
		accepts(r);
		has(SAYS("sendrecv") OURS("passive"));
		passes(r, OUTSIDE, BODY_OFFER, body); /* the same offer */
		assert_true(call_met(r->call, 0));
		assert_int_equal(r->use[r->uses - 1].ask, 0);

		passes(r, INSIDE, BODY_ANSWER, TAKEN);
		has(SAYS("sendrecv") OURS("passive"));
		snprintf(body, sizeof body, "%s%s", UP, LINE("active"));
		assert_int_equal(call_agrees(r->call, body, strlen(body)), 0);
		rig_free(r);
	}
}

/* It had one before, for another call. */
static void a_far_end_that_has_begun(void **state)
{
	struct rig *r = rig(OUTSIDE, "surely");

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, UP LINE("active"));
	assert_int_equal(r->uses, 2);
	assert_true(call_met(r->call, 0));
	rig_free(r);
}

static void a_far_end_that_only_says_so(void **state)
{
	struct rig *r = rig(OUTSIDE, "surely");

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, NONE LINE("active"));
	r->used_err = E_STATE;
	r->used_late = true;
	rig_filter(r, OUTSIDE, BODY_OFFER, 0, UP LINE("active"), &o);
	fails(r, 580, "charon said no");
	assert_false(call_met(r->call, 0));
	rig_free(r);
}

static void offers_that_do_not_fit(void **state)
{
	static const struct {
		const char *body, *why;
		int status;
	} rows[] = {
		{ NONE, "no IKE in the far end's SDP", 488 },
		{ NONE NO_IKE, "no IKE in the far end's SDP", 488 },
		{ NONE IKE SETUP("actpass"), "no fingerprint", 488 },
		{ NONE IKE SETUP("x") ABC, "malformed", 400 },
		{ NONE LINE("actpass") SAYS("none"), "of its own", 580 },
		{ NONE LINE("actpass") "a=des:qos mandatory e2e sendrecv\r\n",
		  "not known", 580 },
		{ PLAIN LINE("actpass"), "without security", 580 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig(OUTSIDE, "surely");

		rig_filter(r, OUTSIDE, BODY_OFFER, 0, rows[i].body, &o);
		fails(r, rows[i].status, rows[i].why);
		assert_int_equal(r->call->line[0].tunnel, 0);
		rig_free(r);
	}
}

/* One who does not want IKE in SDP has his calls with who sends it. */
static void a_line_that_is_not_wanted(void **state)
{
	struct rig *r = rig(OUTSIDE, "before");

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, NONE LINE("actpass"));
	accepts(r);
	has(SAYS("recv") CONF NO_IKE);
	has_not("fingerprint");
	rig_free(r);
}

/* A line of IKE has no precondition that could have failed. */
static void what_a_580_says(void **state)
{
	static const char failed[] = "a=des:sec failure e2e sendrecv\r\n";
	struct buf b = buf_of(BODY_MAX - 1);

	(void)state;
	assert_int_equal(call_unmet(NONE LINE("active"),
				    strlen(NONE LINE("active")), &b), 0);
	snprintf(o.body, sizeof o.body, "%s", buf_string(&b));
	has("m=audio 0 RTP/AVP 0 8\r\na=des:sec failure e2e sendrecv\r\n"
	    NO_IKE);
	assert_null(strstr(strstr(o.body, failed) + 1, failed));
	buf_free(&b);
}

/* -- in the call ----------------------------------------------------------- */

static void a_running_call(void **state)
{
	struct rig *r = rig(OUTSIDE, "surely");

	(void)state;
	passes(r, OUTSIDE, BODY_OFFER, UP LINE("actpass"));
	passes(r, INSIDE, BODY_ANSWER, TAKEN);
	call_won(r->call, 0);
	call_up(r->call);
	passes(r, INSIDE, BODY_OFFER, TAKEN "a=sendonly\r\n");
	has("a=sendonly\r\n" OURS("actpass"));
	has_not(":sec ");
	passes(r, OUTSIDE, BODY_ANSWER, PLAIN "a=recvonly\r\n" LINE("active"));
	hides();
	passes(r, OUTSIDE, BODY_OFFER, HEAD("4") "m=audio 4002 RTP/AVP 0\r\n"
	       LINE("active"));
	hides();
	passes(r, INSIDE, BODY_ANSWER, TAKEN);
	has(OURS("passive"));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_of_ours),
		cmocka_unit_test(roles_of_an_offer),
		cmocka_unit_test(a_far_end_without_it),
		cmocka_unit_test(another_certificate),
		cmocka_unit_test(forked_answers),
		cmocka_unit_test(a_call_of_theirs),
		cmocka_unit_test(the_last_answer),
		cmocka_unit_test(a_far_end_that_begins),
		cmocka_unit_test(a_far_end_that_has_begun),
		cmocka_unit_test(a_far_end_that_only_says_so),
		cmocka_unit_test(offers_that_do_not_fit),
		cmocka_unit_test(a_line_that_is_not_wanted),
		cmocka_unit_test(what_a_580_says),
		cmocka_unit_test(a_running_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
