/* test_filter_early.c - keys before the phone is picked up: the answer without
 * SDP, on both sides; and the answer that is made only at pick-up. */
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
#define MGMT "a=key-mgmt:mikey " RIG_MIKEY "\r\n"
#define OTHER_MGMT "a=key-mgmt:mikey AQAFgM0XflABAAAB\r\n"

#define PLAIN HEAD AUDIO("RTP/AVP")
#define SEALED HEAD MGMT AUDIO("RTP/SAVP")

/* What RIG_MIKEY is in base64: it has zeros. */
static const uint8_t early_bytes[] = { 1, 0, 5, 0x80, 0xcd, 0x17, 0x7e, 0x50,
				       1, 0, 0, 0 };

static struct outcome o;

static void offer(struct rig *r, enum face from, const char *body)
{
	r->early = true;
	rig_filter(r, from, BODY_OFFER, 0, body, &o);
}

static void answer(struct rig *r, enum face from, unsigned branch,
		   const char *body)
{
	r->early = false;
	rig_filter(r, from, BODY_ANSWER, branch, body, &o);
}

static void early(struct rig *r, unsigned branch, const uint8_t *bytes)
{
	r->early = true;
	r->type = "application/mikey";
	r->len = sizeof early_bytes;
	rig_filter(r, OUTSIDE, BODY_ANSWER, branch, (const char *)bytes, &o);
	r->type = NULL;
	r->len = 0;
}

static void passes(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
	assert_int_equal(o.n, 1);
}

static void refused(int status)
{
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, status);
}

static const struct msg_stream_set *last_set(const struct rig *r)
{
	return &r->set[(r->n_set - 1) % 64];
}

/* Our offer: the early answer keys the relay to receive, the SDP answer with
 * the same message only adds addresses. */
static void offerer(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "y");
	struct msg_key_ids key;

	(void)state;
	r->late_keys = true;
	assert_true(call_wants_early(c));
	offer(r, INSIDE, PLAIN);
	passes();
	early(r, 0, early_bytes);
	passes();
	assert_string_equal(o.body, "");
	assert_int_equal(r->finishes, 1);
	assert_true(last_set(r)->set_keys);
	assert_false(last_set(r)->may_send);
	assert_false(last_set(r)->set_remote[OUTSIDE]);
	key = last_set(r)->key;
	early(r, 0, early_bytes); /* repeated */
	passes();
	answer(r, OUTSIDE, 0, SEALED);
	passes();
	assert_int_equal(r->finishes, 1);
	assert_true(last_set(r)->may_send);
	assert_memory_equal(&key, &last_set(r)->key, sizeof key);
	call_won(c, 0);
	call_up(c);
	assert_int_equal(c->verdict.word, VERDICT_SEALED);
	rig_free(r);
}

static void other_message_later(const char *sdp)
{
	struct rig *r = rig_new("");

	rig_call(r, INSIDE, "y");
	offer(r, INSIDE, PLAIN);
	early(r, 0, early_bytes);
	passes();
	answer(r, OUTSIDE, 0, sdp);
	refused(488);
	rig_free(r);
}

static void the_sdp_answer_must_agree(void **state)
{
	(void)state;
	other_message_later(HEAD OTHER_MGMT AUDIO("RTP/SAVP"));
	other_message_later(HEAD AUDIO("RTP/SAVP"));
	other_message_later(PLAIN);
}

static void a_second_early_answer(void **state)
{
	struct rig *r = rig_new("");
	uint8_t other[sizeof early_bytes];

	(void)state;
	memcpy(other, early_bytes, sizeof other);
	other[11] ^= 1;
	rig_call(r, INSIDE, "y");
	offer(r, INSIDE, PLAIN);
	early(r, 0, early_bytes);
	passes();
	early(r, 0, other);
	refused(488);
	rig_free(r);
}

/* Two far ends answer early; the second is picked up. */
static void forks(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, INSIDE, "y");
	struct msg_key_ids first;

	(void)state;
	r->late_keys = true;
	offer(r, INSIDE, PLAIN);
	early(r, 0, early_bytes);
	passes();
	first = last_set(r)->key;
	early(r, 1, early_bytes);
	passes();
	assert_int_equal(r->finishes, 2);
	assert_memory_equal(&first, &last_set(r)->key, sizeof first);
	answer(r, OUTSIDE, 1, SEALED);
	passes();
	assert_int_equal(r->finishes, 2);
	assert_int_equal(last_set(r)->key.recv, first.recv + 2);
	assert_true(last_set(r)->may_send);
	call_won(c, 1);
	call_up(c);
	assert_int_equal(c->verdict.word, VERDICT_SEALED);
	rig_free(r);
}

static void nobody_asked(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "b"); /* answer = "pickup" */
	offer(r, INSIDE, PLAIN);
	early(r, 0, early_bytes);
	refused(500);
	rig_free(r);
	r = rig_new("");
	rig_call(r, INSIDE, "y");
	early(r, 0, early_bytes); /* before any offer */
	refused(500);
	rig_free(r);
}

static void a_failed_early_answer(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, INSIDE, "y");
	offer(r, INSIDE, PLAIN);
	r->finished_err = E_AUTH;
	early(r, 0, early_bytes);
	refused(488);
	rig_free(r);
}

/* Their offer: what we answered goes early, the same goes with the SDP. */
static void answerer(void **state)
{
	struct rig *r = rig_new("");
	struct call *c = rig_call(r, OUTSIDE, "y");
	struct buf out = buf_of(KEYING_MAX);

	(void)state;
	assert_int_equal(call_early(c, &out), E_NOTFOUND);
	offer(r, OUTSIDE, SEALED);
	passes();
	assert_int_equal(r->answer.when, KEY_EARLY);
	assert_int_equal(call_early(c, &out), 0);
	assert_int_equal(out.len, 6);
	assert_memory_equal(out.data, "answer", 6);
	buf_free(&out);
	answer(r, INSIDE, 0, PLAIN);
	passes();
	assert_int_equal(r->answers, 1);
	assert_non_null(strstr(o.body, "a=key-mgmt:mikey YW5zd2Vy\r\n"));
	rig_free(r);
}

static void at_pickup(struct rig *r, const char *peer)
{
	struct call *c = rig_call(r, OUTSIDE, peer);
	struct buf out = buf_of(KEYING_MAX);

	r->dear = true;
	offer(r, OUTSIDE, SEALED);
	passes();
	assert_int_equal(r->answers, 1);
	assert_int_equal(call_early(c, &out), E_NOTFOUND);
	buf_free(&out);
	assert_false(last_set(r)->set_keys);
}

/* The keeper answers only at pick-up: by the profile, or because the peer has
 * cost enough. */
static void pickup(void **state)
{
	struct msg_key_origin origin;
	struct rig *r;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		r = rig_new("");
		at_pickup(r, i ? "y" : "b");
		assert_int_equal(r->answer.when, i ? KEY_EARLY : KEY_CHECK);
		origin = r->answer.origin;
		answer(r, INSIDE, 0, PLAIN);
		passes();
		assert_int_equal(r->answers, 2);
		assert_int_equal(r->answer.when, KEY_NOW);
		assert_memory_equal(&origin, &r->answer.origin, sizeof origin);
		assert_true(last_set(r)->set_keys && last_set(r)->may_send);
		assert_true(last_set(r)->key.send && last_set(r)->key.recv);
		assert_non_null(strstr(o.body, "key-mgmt:mikey YW5zd2Vy\r\n"));
		answer(r, INSIDE, 0, PLAIN); /* a 200 after a 183 */
		passes();
		assert_int_equal(r->answers, 2);
		call_won(r->call, 0);
		call_up(r->call);
		assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
		rig_free(r);
	}
}

static void pickup_fails(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	at_pickup(r, "b");
	r->answered_err = E_UNSUPPORTED;
	answer(r, INSIDE, 0, PLAIN);
	refused(488);
	assert_false(last_set(r)->may_send);
	rig_free(r);
}

/* All lines declined, then taken in a re-INVITE of the same keys. */
static void nothing_taken_at_first(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	at_pickup(r, "b");
	answer(r, INSIDE, 0, HEAD "m=audio 0 RTP/AVP 0\r\n");
	passes();
	assert_int_equal(r->answers, 1);
	call_won(r->call, 0);
	call_up(r->call);
	offer(r, OUTSIDE, SEALED "a=x\r\n");
	passes();
	answer(r, INSIDE, 0, PLAIN);
	passes();
	assert_int_equal(r->answers, 2);
	assert_true(last_set(r)->set_keys && last_set(r)->may_send);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offerer),
		cmocka_unit_test(the_sdp_answer_must_agree),
		cmocka_unit_test(a_second_early_answer),
		cmocka_unit_test(forks), cmocka_unit_test(nobody_asked),
		cmocka_unit_test(a_failed_early_answer),
		cmocka_unit_test(answerer), cmocka_unit_test(pickup),
		cmocka_unit_test(pickup_fails),
		cmocka_unit_test(nothing_taken_at_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
