/* test_clerk_early.c - how far the keeper answers an offer before the phone is
 * picked up: a check, then the answer; and how many answers a peer's ringing
 * calls may cost. Methods: one that is dear (DHHMAC), one that is cheap. */
#include "tests/unit/clerk_rig.h"

#include "daemon/base/err.h"
#include "modules/mikey/dhhmac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void open_both(struct house *a, struct house *b,
		      const struct keying *method)
{
	house_open(a, "b.example");
	house_open(b, "a.example");
	a->method = b->method = method;
}

static const struct sent *ask(struct house *h, const struct sent *message,
			      struct where w, enum key_when when)
{
	struct msg_key_answer m = {
		.party = party(w.call, "sip:bob@b.example",
			       "sip:alice@a.example"),
		.origin = { .dialog = { w.dialog }, .branch = { w.branch },
			    .cseq = w.cseq },
		.len = (uint32_t)message->tail_len,
		.when = when,
	};

	m.party.line[0] = (struct msg_key_line){ .stream = 21,
		.ssrc = 0x22222222 };
	assert_int_equal(tell(h, MSG_KEY_ANSWER, 6, &m, sizeof m, message), 0);
	return last(h, MSG_KEY_ANSWERED);
}

static void is_check(const struct sent *s)
{
	assert_int_equal(s->u.answered.err, 0);
	assert_int_equal(s->u.answered.n, 0);
	assert_int_equal(s->u.answered.facts.suite, 0);
	assert_int_equal(s->tail_len, 0);
}

static void is_answer(const struct sent *s)
{
	assert_int_equal(s->u.answered.err, 0);
	assert_int_equal(s->u.answered.n, 1);
	assert_true(s->tail_len > 0);
}

static void checked_then_answered(void **state)
{
	const struct where w = { .call = 2, .dialog = 1, .branch = 1,
				 .cseq = 1 };
	const struct sent *o, *s;
	static struct house a, b;

	(void)state;
	open_both(&a, &b, &mikey_dhhmac);
	o = offer(&a, 1);
	is_check(ask(&b, o, w, KEY_CHECK));
	assert_int_equal(count(&b, MSG_KEY), 0);
	is_check(ask(&b, o, w, KEY_CHECK)); /* a legal repeat */
	s = ask(&b, o, w, KEY_NOW);
	is_answer(s);
	assert_false(s->u.answered.repeat);
	assert_int_equal(count(&b, MSG_KEY), 2);
	s = finish(&a, o->u.offered.exchange, 0, s);
	assert_int_equal(s->u.finished.err, 0);
	s = ask(&b, o, w, KEY_NOW);
	is_answer(s);
	assert_true(s->u.answered.repeat);
	house_close(&a);
	house_close(&b);
}

static void a_check_counts_as_seen(void **state)
{
	const struct where w = { .call = 2, .dialog = 1, .branch = 1,
				 .cseq = 1 };
	const struct sent *o;
	static struct house a, b;

	(void)state;
	open_both(&a, &b, &mikey_dhhmac);
	o = offer(&a, 1);
	is_check(ask(&b, o, w, KEY_CHECK));
	assert_int_equal(ask(&b, o, (struct where){ .call = 3, .dialog = 2,
			     .branch = 2, .cseq = 1 }, KEY_CHECK)
			 ->u.answered.err, E_REPLAY);
	/* a fork to another phone of ours */
	is_check(ask(&b, o, (struct where){ .call = 4, .dialog = 1,
		     .branch = 2, .cseq = 1 }, KEY_CHECK));
	is_answer(ask(&b, o, (struct where){ .call = 4, .dialog = 1,
		      .branch = 2, .cseq = 1 }, KEY_NOW));
	house_close(&a);
	house_close(&b);
}

static void a_check_authenticates(void **state)
{
	const struct where w = { .call = 2, .dialog = 1, .branch = 1,
				 .cseq = 1 };
	static struct house a, b;
	struct sent bad;

	(void)state;
	open_both(&a, &b, &mikey_dhhmac);
	bad = *offer(&a, 1);
	bad.tail[bad.tail_len - 1] ^= 1;
	assert_int_equal(ask(&b, &bad, w, KEY_CHECK)->u.answered.err, E_AUTH);
	/* and is no entry in the cache */
	bad.tail[bad.tail_len - 1] ^= 1;
	is_check(ask(&b, &bad, w, KEY_CHECK));
	house_close(&a);
	house_close(&b);
}

static void a_cheap_method_is_answered_at_once(void **state)
{
	const struct where w = { .call = 2, .dialog = 1, .branch = 1,
				 .cseq = 1 };
	static struct house a, b;

	(void)state;
	open_both(&a, &b, NULL);
	is_answer(ask(&b, offer(&a, 1), w, KEY_CHECK));
	house_close(&a);
	house_close(&b);
}

static struct where nth(uint64_t call)
{
	return (struct where){ .call = call, .dialog = (uint8_t)call,
			       .branch = (uint8_t)call, .cseq = 1 };
}

static void ringing_calls_cost_so_much(void **state)
{
	const struct sent *o;
	static struct house a, b;
	struct sent third;

	(void)state;
	open_both(&a, &b, &mikey_dhhmac);
	clerk_limits(b.clerk, &(struct clerk_limits){
		.window_us = 300 * SECOND, .verify = true, .ahead = 2 });
	is_answer(ask(&b, offer(&a, 1), nth(1), KEY_EARLY));
	o = offer(&a, 2);
	is_answer(ask(&b, o, nth(2), KEY_EARLY));
	third = *offer(&a, 3);
	is_check(ask(&b, &third, nth(3), KEY_EARLY));
	is_answer(ask(&b, offer(&a, 4), nth(4), KEY_NOW));
	/* picked up, ended: room for others */
	won(&b, 4);
	won(&b, 1);
	is_answer(ask(&b, offer(&a, 5), nth(5), KEY_EARLY));
	is_check(ask(&b, offer(&a, 6), nth(6), KEY_EARLY));
	release(&b, 2);
	is_answer(ask(&b, offer(&a, 7), nth(7), KEY_EARLY));
	is_answer(ask(&b, &third, nth(3), KEY_NOW));
	house_close(&a);
	house_close(&b);
}

static void when_is_one_of_three(void **state)
{
	struct msg_key_answer m = { .party = party(2, "sip:bob@b.example",
						   "sip:alice@a.example"),
				    .when = KEY_CHECK + 1 };
	static struct house a, b;
	struct sent o;

	(void)state;
	open_both(&a, &b, NULL);
	o = *offer(&a, 1);
	m.len = (uint32_t)o.tail_len;
	assert_int_equal(tell(&b, MSG_KEY_ANSWER, 6, &m, sizeof m, &o),
			 E_FORMAT);
	house_close(&a);
	house_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checked_then_answered),
		cmocka_unit_test(a_check_counts_as_seen),
		cmocka_unit_test(a_check_authenticates),
		cmocka_unit_test(a_cheap_method_is_answered_at_once),
		cmocka_unit_test(ringing_calls_cost_so_much),
		cmocka_unit_test(when_is_one_of_three),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
