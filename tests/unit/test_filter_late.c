/* test_filter_late.c - ways of keying whose keys come with the answer: the
 * offer fixes none, and each forked answer has its own. */
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
#define MGMT "a=key-mgmt:mikey " RIG_MIKEY "\r\n"

#define PLAIN HEAD AUDIO("RTP/AVP")
#define PLAIN2 HEAD AUDIO("RTP/AVP") VIDEO("RTP/AVP")
#define SEALED HEAD MGMT AUDIO("RTP/SAVP")

static struct outcome o;

static void offer(struct rig *r, enum face from, const char *body)
{
	rig_filter(r, from, BODY_OFFER, 0, body, &o);
}

static void answer(struct rig *r, enum face from, unsigned branch,
		   const char *body)
{
	rig_filter(r, from, BODY_ANSWER, branch, body, &o);
}

static void passes(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
	assert_int_equal(o.n, 1);
}

static const struct msg_stream_set *last_set(const struct rig *r)
{
	return &r->set[(r->n_set - 1) % 64];
}

/* Diffie-Hellman: the answer fixes the keys, each branch has its own, and
 * those of the branch that wins replace the first's. */
static void keys_come_with_the_answer(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "b");
	struct msg_key_ids first;

	(void)state;
	r->late_keys = true;
	r->confirmed = 1;
	offer(r, INSIDE, PLAIN);
	passes();
	assert_int_equal(r->n_set, 1);
	assert_false(last_set(r)->set_keys);
	assert_false(last_set(r)->may_send);
	answer(r, OUTSIDE, 0, SEALED);
	passes();
	assert_int_equal(r->n_set, 2);
	assert_true(last_set(r)->set_keys && last_set(r)->may_send);
	first = last_set(r)->key;
	assert_true(first.send && first.recv);
	/* another branch: its keys are known, not used */
	answer(r, OUTSIDE, 1, HEAD MGMT "a=x\r\n" AUDIO("RTP/SAVP"));
	passes();
	assert_int_equal(r->n_set, 2);
	call_won(c, 1);
	rig_pump(r);
	assert_int_equal(r->n_set, 3);
	assert_true(last_set(r)->set_keys && last_set(r)->may_send);
	assert_true(last_set(r)->key.send > first.send &&
		    last_set(r)->key.recv > first.recv);
	call_up(c);
	assert_non_null(strstr(rig_log, "verdict sealed"));
	/* the same offer again needs no new keys */
	offer(r, INSIDE, PLAIN "a=inactive\r\n");
	passes();
	answer(r, OUTSIDE, 1, SEALED "a=inactive\r\n");
	passes();
	assert_int_equal(r->offers, 1);
	rig_free(r);
}

/* A refused answer leaves nothing that could be sent under. */
static void without_an_answer_no_keys(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "b");
	r->late_keys = true;
	offer(r, INSIDE, PLAIN);
	r->finished_err = E_AUTH;
	answer(r, OUTSIDE, 0, SEALED);
	assert_false(o.passed);
	assert_int_equal(r->n_set, 1);
	rig_free(r);
}

/* A keeper that has some keys but not all breaks the rules. */
static void half_the_keys_are_refused(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "b");
	r->keys_short = 1;
	offer(r, INSIDE, PLAIN2);
	assert_false(o.passed);
	assert_int_equal(o.no.status, 500);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_with_the_answer),
		cmocka_unit_test(without_an_answer_no_keys),
		cmocka_unit_test(half_the_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
