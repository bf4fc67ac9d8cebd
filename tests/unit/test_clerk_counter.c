/* test_clerk_counter.c - the clerk and offers that count in place of the time:
 * it lends the last counter to the method, keeps the new one before it answers,
 * and takes none when it cannot. The method here is MIKEY's with a counter
 * beside the timestamp. */
#include "daemon/base/err.h"
#include "daemon/keeper/memory/memory.h"
#include "daemon/keeper/replay.h"
#include "modules/mikey/psk.h"
#include "tests/unit/clerk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint32_t now; /* the counter of the offer under way */

static int counted(const struct keying_terms *t, const uint8_t *offer,
		   size_t len, struct buf *out, struct keying_result *result,
		   struct keying_fault *fault)
{
	const struct keying_counter *last = t->last_counter;
	int r = !t->counters ? E_UNSUPPORTED
		: last && last->set && now <= last->value ? E_REPLAY : 0;

	snprintf(fault->text, sizeof fault->text, "the counter");
	if (!r)
		r = mikey_psk.answer(t, offer, len, out, result, fault);
	if (!r)
		result->counter = (struct keying_counter){ true, now };
	return r;
}

/* b, which takes counters and remembers. */
static void counting(struct house *b, const struct keying *how, bool counters)
{
	const struct clerk_limits limits = { .window_us = 300 * SECOND,
					     .verify = true,
					     .counters = counters };

	house_open(b, "a.example");
	b->method = how;
	assert_int_equal(memory_new(-1, 100, &b->memory), 0);
	house_reopen(b);
	clerk_limits(b->clerk, &limits);
}

static int taken(struct house *a, struct house *b, uint32_t counter,
		 uint64_t call)
{
	now = counter;
	return answer(b, offer(a, call), (struct where){ 100 + call,
			(uint8_t)call, 1, 1, 0 })->u.answered.err;
}

static void each_must_be_higher(void **state)
{
	struct keying how = mikey_psk;
	static struct house a, b;

	(void)state;
	how.answer = counted;
	house_open(&a, "b.example");
	counting(&b, &how, true);
	assert_int_equal(taken(&a, &b, 5, 1), 0);
	assert_int_equal(taken(&a, &b, 5, 2), E_REPLAY);
	assert_int_equal(taken(&a, &b, 4, 3), E_REPLAY);
	assert_int_equal(taken(&a, &b, 6, 4), 0);
	assert_int_equal(memory_count(b.memory, MEMORY_COUNTER), 1);
	house_close(&a);
	house_close(&b);
	memory_free(b.memory);
}

/* The same INVITE on a further branch has the counter that was taken. */
static void a_fork_is_no_replay(void **state)
{
	struct keying how = mikey_psk;
	static struct house a, b;
	const struct sent *o;

	(void)state;
	how.answer = counted;
	house_open(&a, "b.example");
	counting(&b, &how, true);
	now = 9;
	o = offer(&a, 1);
	assert_int_equal(answer(&b, o, (struct where){ 2, 1, 1, 1, 0 })
				 ->u.answered.err, 0);
	assert_int_equal(answer(&b, o, (struct where){ 3, 1, 2, 1, 22 })
				 ->u.answered.err, 0);
	assert_int_equal(answer(&b, o, (struct where){ 4, 7, 3, 1, 0 })
				 ->u.answered.err, E_REPLAY);
	house_close(&a);
	house_close(&b);
	memory_free(b.memory);
}

static void none_is_taken_that_cannot_be_kept(void **state)
{
	struct keying how = mikey_psk;
	static struct house a, b;

	(void)state;
	how.answer = counted;
	house_open(&a, "b.example");
	counting(&b, &how, false); /* not wanted */
	assert_int_equal(taken(&a, &b, 5, 1), E_UNSUPPORTED);
	house_close(&b);
	memory_free(b.memory);
	counting(&b, &how, true);
	memory_free(b.memory);
	b.memory = NULL; /* no state directory */
	house_reopen(&b);
	clerk_limits(b.clerk, &(struct clerk_limits){
			.window_us = 300 * SECOND, .counters = true });
	assert_int_not_equal(taken(&a, &b, 5, 1), 0);
	assert_int_equal(count(&b, MSG_KEY), 0);
	house_close(&a);
	house_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_must_be_higher),
		cmocka_unit_test(a_fork_is_no_replay),
		cmocka_unit_test(none_is_taken_that_cannot_be_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
