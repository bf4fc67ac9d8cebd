/* test_tally.c - counts by key: rates, what is held, and a table that does not
 * grow. */
#include "daemon/engine/guard/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000ull

static const struct tally_rate five = { 5, 10, SECOND };

static struct tally *make(size_t entries)
{
	struct tally *t;

	assert_int_equal(tally_new(entries, &t), 0);
	return t;
}

static unsigned taken(struct tally *t, uint64_t key, uint64_t now)
{
	unsigned n = 0;

	while (n < 1000 && tally_take(t, key, &five, now))
		n++;
	return n;
}

static void a_rate_holds(void **state)
{
	struct tally *t = make(64);
	uint64_t a = tally_key(t, "a", 1), b = tally_key(t, "b", 1);

	(void)state;
	assert_int_equal(taken(t, a, SECOND), 10); /* burst */
	assert_false(tally_may(t, a, &five, SECOND));
	assert_true(tally_may(t, b, &five, SECOND));
	assert_int_equal(taken(t, b, SECOND), 10); /* each its own */
	assert_int_equal(taken(t, a, 2 * SECOND), 5);
	assert_int_equal(taken(t, a, 100 * SECOND), 10);
	/* steadily at the rate: all pass */
	for (uint64_t now = 200 * SECOND; now < 300 * SECOND;
	     now += SECOND / 5)
		assert_true(tally_take(t, a, &five, now));
	tally_free(t);
}

static void what_is_held_is_bounded(void **state)
{
	struct tally *t = make(64);
	uint64_t a = tally_key(t, "a", 1);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(tally_hold(t, a, 3, SECOND));
	assert_false(tally_hold(t, a, 3, SECOND));
	assert_int_equal(tally_held(t, a), 3);
	tally_release(t, a);
	assert_true(tally_hold(t, a, 3, SECOND));
	for (int i = 0; i < 5; i++)
		tally_release(t, a); /* never below nothing */
	assert_int_equal(tally_held(t, a), 0);
	tally_release(t, tally_key(t, "who", 3));
	tally_free(t);
}

/* A flood of others makes the table forget rates, not what is held. */
static void it_does_not_grow(void **state)
{
	struct tally *t = make(64);
	uint64_t a = tally_key(t, "a", 1), now = SECOND;

	(void)state;
	assert_true(tally_hold(t, a, 2, now));
	assert_true(tally_hold(t, a, 2, now));
	for (uint32_t i = 0; i < 100000; i++)
		tally_take(t, tally_key(t, &i, sizeof i), &five, ++now);
	assert_int_equal(tally_held(t, a), 2);
	assert_false(tally_hold(t, a, 2, now));
	tally_free(t);
}

/* With all places held there is no room: refused, not forgotten. */
static void full_is_no(void **state)
{
	struct tally *t = make(8);
	unsigned n = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		n += tally_hold(t, tally_key(t, &i, sizeof i), 1, SECOND);
	assert_int_equal(n, 8);
	tally_free(t);
}

static void keys_are_secret(void **state)
{
	struct tally *t = make(8), *u = make(8);

	(void)state;
	assert_true(tally_key(t, "a", 1) == tally_key(t, "a", 1));
	assert_false(tally_key(t, "a", 1) == tally_key(u, "a", 1));
	assert_false(tally_key(t, "a", 1) == tally_key(t, "a\0", 2));
	assert_false(tally_key(t, "12345678a", 9) ==
		     tally_key(t, "a12345678", 9));
	tally_free(t);
	tally_free(u);
	tally_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_holds),
		cmocka_unit_test(what_is_held_is_bounded),
		cmocka_unit_test(it_does_not_grow),
		cmocka_unit_test(full_is_no),
		cmocka_unit_test(keys_are_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
