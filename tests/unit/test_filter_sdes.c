/* a=crypto on the way of a body through the engine: lines, protocols, and over
 * what SIP keys may go. */
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
#define AUDIO(proto) "m=audio 4000 " proto " 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define VIDEO(proto) "m=video 4010 " proto " 96\r\na=rtpmap:96 VP8/90000\r\n"
#define NO_VIDEO(proto) "m=video 0 " proto " 96\r\n"
#define C1 "a=crypto:1 A inline:x\r\n"
#define C2 "a=crypto:2 B inline:y\r\n"
#define MGMT "a=key-mgmt:mikey " RIG_MIKEY "\r\n"

#define PLAIN HEAD AUDIO("RTP/AVP")
#define PLAIN2 HEAD AUDIO("RTP/AVP") VIDEO("RTP/AVP")
#define CRYPTO HEAD AUDIO("RTP/SAVP") C1 C2
#define CRYPTO2 HEAD AUDIO("RTP/SAVP") C1 VIDEO("RTP/SAVP") C2
#define ANSWER HEAD AUDIO("RTP/SAVP") C2

static struct outcome o;

static struct rig *rig(void)
{
	struct rig *r = rig_new("");

	r->bare = r->late_keys = r->secured = true;
	return r;
}

static void offer(struct rig *r, enum face from, const char *body)
{
	rig_filter(r, from, BODY_OFFER, 0, body, &o);
}

static void answer(struct rig *r, enum face from, const char *body)
{
	rig_filter(r, from, BODY_ANSWER, 0, body, &o);
}

static void passes(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
}

static void refused(int status, unsigned warn)
{
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, status);
	assert_int_equal(o.no.warn_code, warn);
}

static const struct msg_stream_set *last_set(const struct rig *r)
{
	return &r->set[(r->n_set - 1) % 64];
}

static void up(struct rig *r, const char *verdict)
{
	char word[40];

	call_won(r->call, 0);
	call_up(r->call);
	snprintf(word, sizeof word, "verdict %s (", verdict);
	if (!strstr(rig_log, word))
		fail_msg("no %s in %s", word, rig_log);
}

static void out(void **state)
{
	struct rig *r = rig();

	(void)state;
	rig_call(r, INSIDE, "t");
	offer(r, INSIDE, PLAIN2);
	passes();
	assert_true(o.secret);
	assert_int_equal(r->offers, 2); /* each line for itself */
	assert_int_equal(r->offer.party.secured, 1);
	assert_int_equal(r->offer.party.n, 1);
	assert_non_null(strstr(o.body, "RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
				       "a=crypto:offer!\r\nm=video"));
	answer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") C2 NO_VIDEO("RTP/SAVP"));
	passes();
	assert_false(o.secret);
	assert_int_equal(r->finishes, 1);
	assert_null(strstr(o.body, "crypto"));
	assert_true(last_set(r)->set_keys && last_set(r)->may_send);
	up(r, "hop");
	rig_free(r);
}

static void in(void **state)
{
	struct rig *r = rig();

	(void)state;
	rig_call(r, OUTSIDE, "t");
	offer(r, OUTSIDE, CRYPTO);
	passes();
	assert_int_equal(r->answer.party.secured, 1);
	assert_int_equal(r->answer.len, strlen("1 A inline:x\n2 B inline:y"));
	assert_null(strstr(o.body, "crypto"));
	assert_non_null(strstr(o.body, "RTP/AVP 0"));
	answer(r, INSIDE, PLAIN);
	passes();
	assert_true(o.secret);
	assert_non_null(strstr(o.body, "a=crypto:answer\r\n"));
	up(r, "hop");
	/* the far end asks again, with another key */
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") "a=crypto:1 A inline:z\r\n");
	passes();
	assert_int_equal(r->answers, 2);
	answer(r, INSIDE, PLAIN);
	passes();
	/* and again, unchanged but for the hold: the keys stay */
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") "a=crypto:1 A inline:z\r\n"
	      "a=sendonly\r\n");
	passes();
	assert_int_equal(r->answers, 2);
	rig_free(r);
}

/* New keys come by the same protocol, though the profile has MIKEY, too; those
 * of the far end are answered here. */
static void new_keys(void **state)
{
	struct rig *r = rig();
	struct outcome ours;

	(void)state;
	rig_call(r, OUTSIDE, "t");
	offer(r, OUTSIDE, CRYPTO);
	answer(r, INSIDE, PLAIN);
	passes();
	up(r, "hop");
	rig_repeat(r, BODY_OFFER, &ours);
	assert_true(ours.passed && ours.secret);
	assert_non_null(strstr(ours.body, "a=crypto:offer!\r\n"));
	assert_null(strstr(ours.body, "key-mgmt"));
	rig_answer_own(r, ANSWER, &o);
	passes();
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	assert_int_equal(r->call->rekey.count, 1);
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") "a=crypto:3 A inline:z\r\n");
	passes();
	assert_int_equal(strlen(o.body), 0);
	rig_repeat(r, BODY_ANSWER, &ours);
	assert_true(ours.passed && ours.secret);
	assert_non_null(strstr(ours.body, "a=crypto:answer\r\n"));
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_PROVEN);
	assert_int_equal(r->call->rekey.count, 2);
	rig_free(r);
}

/* Our offer repeats its lines; an answer with a new key is asked about. */
static void answers_change(void **state)
{
	struct rig *r = rig();
	uint64_t before;

	(void)state;
	rig_call(r, INSIDE, "t");
	offer(r, INSIDE, PLAIN);
	answer(r, OUTSIDE, ANSWER);
	passes();
	up(r, "hop");
	before = last_set(r)->key.recv;
	offer(r, INSIDE, PLAIN "a=sendonly\r\n");
	passes();
	assert_int_equal(r->offers, 1);
	assert_non_null(strstr(o.body, "a=crypto:offer!\r\n"));
	answer(r, OUTSIDE, ANSWER "a=recvonly\r\n");
	passes();
	assert_int_equal(r->finishes, 1);
	assert_int_equal(last_set(r)->key.recv, before);
	offer(r, INSIDE, PLAIN);
	answer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") "a=crypto:1 A inline:n\r\n");
	passes();
	assert_int_equal(r->finishes, 2);
	assert_int_equal(r->finish.exchange, 101);
	assert_true(last_set(r)->key.recv != before);
	rig_free(r);
}

/* The slide deck's offer: RTP/SAVP without a=crypto is rejected, alone. */
static void line_without_crypto(void **state)
{
	struct rig *r = rig();

	(void)state;
	rig_call(r, OUTSIDE, "t");
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") C1 C2 VIDEO("RTP/SAVP"));
	passes();
	assert_int_equal(r->answers, 1);
	assert_non_null(strstr(o.body, "m=video 0 "));
	answer(r, INSIDE, HEAD AUDIO("RTP/AVP") NO_VIDEO("RTP/AVP"));
	passes();
	assert_non_null(strstr(o.body, "a=crypto:answer\r\nm=video 0 "));
	up(r, "hop");
	rig_free(r);
}

/* The keeper takes no key of one line: that line is rejected, alone. */
static void line_without_a_usable_key(void **state)
{
	(void)state;
	for (unsigned bad = 1; bad <= 2; bad++) {
		struct rig *r = rig();
		const char *answered = bad == 1
			? HEAD "m=audio 0 RTP/AVP 0\r\n" VIDEO("RTP/AVP")
			: HEAD AUDIO("RTP/AVP") NO_VIDEO("RTP/AVP");

		rig_call(r, OUTSIDE, "t");
		r->refuse_answer = bad;
		offer(r, OUTSIDE, CRYPTO2);
		passes();
		assert_non_null(strstr(o.body, bad == 1 ? "m=audio 0 "
							: "m=video 0 "));
		assert_non_null(strstr(rig_log, "rejected"));
		answer(r, INSIDE, answered);
		passes();
		assert_non_null(strstr(o.body, bad == 1 ? "m=audio 0 "
							: "m=video 0 "));
		assert_true(last_set(r)->set_keys);
		up(r, "hop");
		rig_free(r);
	}
}

static void no_line_left(void **state)
{
	struct rig *r = rig();

	(void)state;
	rig_call(r, OUTSIDE, "t");
	r->answered_err = E_UNSUPPORTED;
	offer(r, OUTSIDE, CRYPTO2);
	refused(488, 306);
	r->answered_err = E_AUTH; /* of the call, not of a line */
	r->refuse_answer = 0;
	offer(r, OUTSIDE, CRYPTO);
	refused(488, 306);
	r->answered_err = 0;
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP"));
	refused(488, 306);
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") MGMT);
	refused(488, 306); /* no method of the profile */
	rig_free(r);
}

static void bad_answers(void **state)
{
	static const char *const bad[] = {
		HEAD AUDIO("RTP/SAVP"),
		HEAD AUDIO("RTP/SAVP") C1 C2,
		HEAD AUDIO("RTP/SAVP") MGMT,
		HEAD C1 AUDIO("RTP/SAVP"),
		HEAD AUDIO("RTP/AVP") C1,
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct rig *r = rig();

		rig_call(r, INSIDE, "t");
		offer(r, INSIDE, PLAIN);
		passes();
		answer(r, OUTSIDE, bad[i]);
		assert_false(o.passed);
		assert_int_equal(r->finishes, 0);
		rig_free(r);
	}
}

/* Without verified TLS nothing with a key passes, either way. */
static void tls_only(void **state)
{
	struct rig *r = rig();

	(void)state;
	rig_call(r, INSIDE, "u"); /* its route is UDP */
	offer(r, INSIDE, PLAIN);
	refused(488, 306);
	assert_int_equal(r->offers, 0);
	rig_free(r);

	r = rig_new("tls = { verify = \"none\"; };");
	rig_call(r, INSIDE, "t"); /* TLS, but to anybody */
	offer(r, INSIDE, PLAIN);
	refused(488, 306);
	rig_free(r);

	r = rig();
	r->secured = false;
	rig_call(r, OUTSIDE, "t");
	offer(r, OUTSIDE, CRYPTO);
	refused(488, 306);
	assert_int_equal(r->answers, 0);
	rig_free(r);

	r = rig(); /* the answer came another way */
	rig_call(r, INSIDE, "t");
	offer(r, INSIDE, PLAIN);
	passes();
	r->secured = false;
	answer(r, OUTSIDE, ANSWER);
	refused(488, 306);
	assert_int_equal(r->finishes, 0);
	rig_free(r);

	r = rig(); /* and so does what repeats it later */
	rig_call(r, OUTSIDE, "t");
	offer(r, OUTSIDE, CRYPTO);
	answer(r, INSIDE, PLAIN);
	passes();
	up(r, "hop");
	r->secured = false;
	offer(r, OUTSIDE, CRYPTO);
	refused(488, 306);
	rig_free(r);
}

/* sdes = "any": it goes, and is called what it is. */
static void any_way(void **state)
{
	struct rig *r = rig();

	(void)state;
	r->secured = false;
	rig_call(r, INSIDE, "o");
	offer(r, INSIDE, PLAIN);
	passes();
	assert_false(o.secret);
	answer(r, OUTSIDE, ANSWER);
	passes();
	up(r, "plain");
	rig_free(r);

	r = rig(); /* TLS or not */
	rig_call(r, OUTSIDE, "o");
	offer(r, OUTSIDE, CRYPTO);
	answer(r, INSIDE, PLAIN);
	passes();
	up(r, "plain");
	rig_free(r);
}

/* Of two protocols in one offer the profile's first decides, where it may. */
static void two_protocols(void **state)
{
	struct rig *r = rig();

	(void)state;
	rig_call(r, OUTSIDE, "m");
	offer(r, OUTSIDE, HEAD MGMT AUDIO("RTP/SAVP") C1);
	passes();
	assert_int_equal(r->answer.len, strlen("1 A inline:x"));
	answer(r, INSIDE, PLAIN);
	assert_non_null(strstr(o.body, "a=crypto:answer"));
	assert_null(strstr(o.body, "key-mgmt"));
	rig_free(r);

	r = rig();
	r->secured = false;
	rig_call(r, OUTSIDE, "m");
	offer(r, OUTSIDE, HEAD MGMT AUDIO("RTP/SAVP") C1);
	passes();
	assert_int_equal(r->answer.len, 12); /* MIKEY */
	answer(r, INSIDE, PLAIN);
	assert_null(strstr(o.body, "crypto"));
	assert_non_null(strstr(o.body, "key-mgmt"));
	rig_free(r);

	r = rig(); /* ours: the route is UDP, so the second method */
	rig_call(r, INSIDE, "m");
	offer(r, INSIDE, PLAIN);
	passes();
	assert_null(strstr(o.body, "crypto"));
	assert_non_null(strstr(o.body, "key-mgmt"));
	assert_int_equal(r->offer.party.secured, 0);
	rig_free(r);
}

#define AVP2 "m=audio 4002 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

/* The same medium twice: one line is answered, the phone sees one. */
static void dual_offers(void **state)
{
	static const struct {
		const char *peer, *offer, *first, *second;
	} row[] = {
		{ "t", HEAD AUDIO("RTP/SAVP") C1 AVP2, "m=audio 2",
		  "m=audio 0 RTP/AVP 0" },
		{ "t", HEAD AVP2 AUDIO("RTP/SAVP") C1, "m=audio 0 RTP/AVP 0",
		  "m=audio 2" },
		{ "p", HEAD AUDIO("RTP/SAVP") C1 AVP2, "m=audio 0 RTP/SAVP 0",
		  "m=audio 2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct rig *r = rig();
		char *first, *second;

		rig_call(r, OUTSIDE, row[i].peer);
		offer(r, OUTSIDE, row[i].offer);
		passes();
		first = strstr(o.body, "m=audio");
		assert_non_null(first);
		assert_null(strstr(first + 1, "m="));
		assert_non_null(strstr(first, "RTP/AVP 0"));
		answer(r, INSIDE, PLAIN);
		passes();
		first = strstr(o.body, row[i].first);
		assert_non_null(first);
		second = strstr(first + 1, row[i].second);
		assert_non_null(second);
		assert_null(strstr(second + 1, "m="));
		up(r, *row[i].peer == 't' ? "hop" : "plain");
		/* the phone's own offer keeps both places */
		offer(r, INSIDE, PLAIN "a=sendonly\r\n");
		passes();
		first = strstr(o.body, row[i].first);
		assert_non_null(first);
		assert_non_null(strstr(first + 1, row[i].second));
		answer(r, OUTSIDE, row[i].offer[0] == 'v' && i == 1
			? HEAD "m=audio 0 RTP/AVP 0\r\n" AUDIO("RTP/SAVP") C2
			: i == 0 ? HEAD AUDIO("RTP/SAVP") C2
				   "m=audio 0 RTP/AVP 0\r\n"
				 : HEAD "m=audio 0 RTP/SAVP 0\r\n" AVP2);
		passes();
		first = strstr(o.body, "m=audio 2");
		assert_non_null(first);
		assert_null(strstr(first + 1, "m="));
		rig_free(r);
	}
}

/* Two media are two media, and two lines of one kind two lines. */
static void no_dual(void **state)
{
	struct rig *r = rig();

	(void)state;
	rig_call(r, OUTSIDE, "t");
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") C1 VIDEO("RTP/AVP"));
	passes();
	assert_non_null(strstr(o.body, "m=video 0 "));
	rig_free(r);
	r = rig();
	rig_call(r, OUTSIDE, "t");
	offer(r, OUTSIDE, HEAD AUDIO("RTP/SAVP") C1 AVP2 AVP2);
	passes();
	assert_non_null(strstr(strstr(o.body, "m=audio 2"), "m=audio 0"));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out), cmocka_unit_test(in),
		cmocka_unit_test(new_keys), cmocka_unit_test(answers_change),
		cmocka_unit_test(line_without_crypto),
		cmocka_unit_test(line_without_a_usable_key),
		cmocka_unit_test(no_line_left), cmocka_unit_test(bad_answers),
		cmocka_unit_test(tls_only), cmocka_unit_test(any_way),
		cmocka_unit_test(two_protocols),
		cmocka_unit_test(dual_offers), cmocka_unit_test(no_dual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
