/* test_relay_learn.c - which addresses media may come from and go to. */
#include "daemon/relay/learn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct addr a, b, c;

static int setup(void **state)
{
	(void)state;
	a = at("192.0.2.1:4000");
	b = at("192.0.2.2:4000");
	c = at("192.0.2.2:4002");
	return 0;
}

static void plain_stays_once_it_is_locked(void **state)
{
	struct learn l = { 0 };

	(void)state;
	assert_false(learn_plain(&l, &a, true)); /* nobody told us yet */
	learn_set(&l, &a, 0);
	for (int i = 0; i < LEARN_LOCK; i++)
		assert_true(learn_plain(&l, &a, true));
	for (int i = 0; i < 50; i++)
		assert_false(learn_plain(&l, &b, true));
	assert_true(addr_equal(&l.now, &a));
	/* an offer with the same address keeps it, but may move it again */
	learn_set(&l, &a, 0);
	for (int i = 1; i < LEARN_MOVE; i++)
		assert_false(learn_plain(&l, &b, true));
	assert_true(learn_plain(&l, &b, true));
	assert_true(addr_equal(&l.now, &b));
	assert_false(learn_plain(&l, &a, true));
	learn_set(&l, &a, 0);
	assert_true(addr_equal(&l.now, &b)); /* learnt, not forgotten */
	learn_set(&l, &c, 0);
	assert_true(addr_equal(&l.now, &c));
}

static void plain_moves_only_by_a_run(void **state)
{
	struct learn l = { 0 };

	(void)state;
	learn_set(&l, &a, 0);
	for (int i = 0; i < 3; i++) {
		for (int j = 1; j < LEARN_MOVE; j++)
			assert_false(learn_plain(&l, &b, true));
		assert_true(learn_plain(&l, &a, true)); /* still there */
	}
	for (int i = 0; i < 50; i++) /* two who take turns */
		assert_false(learn_plain(&l, i % 2 ? &b : &c, true));
	for (int i = 0; i < 50; i++) /* not where phones live */
		assert_false(learn_plain(&l, &b, false));
	assert_true(addr_equal(&l.now, &a));
}

static void sealed_moves_in_the_window(void **state)
{
	struct learn l = { 0 };
	uint64_t i = 100;

	(void)state;
	learn_sealed(&l, &a, i++, 0);
	assert_int_equal(l.now.family, 0); /* signalling comes first */
	learn_set(&l, &a, 1000);
	learn_sealed(&l, &a, i++, 1000);
	for (int n = 1; n < LEARN_MOVE; n++)
		learn_sealed(&l, &b, i++, 2000);
	assert_true(addr_equal(&l.now, &a));
	learn_sealed(&l, &b, i++, 2000);
	assert_true(addr_equal(&l.now, &b));
	/* behind the window only signalling moves it */
	for (int n = 0; n < 50; n++)
		learn_sealed(&l, &a, i++, 1000 + LEARN_WINDOW_US);
	assert_true(addr_equal(&l.now, &b));
}

static void sealed_wants_progress(void **state)
{
	struct learn l = { 0 };

	(void)state;
	learn_set(&l, &a, 0);
	learn_sealed(&l, &a, 1000, 1);
	for (uint64_t i = 0; i < 50; i++) /* old packets, sent again later */
		learn_sealed(&l, &b, 900 + i, 1);
	assert_true(addr_equal(&l.now, &a));
}

/* Somebody copies every packet and is faster; the originals are copies then. */
static void sealed_stays_with_who_is_there(void **state)
{
	struct learn l = { 0 };

	(void)state;
	learn_set(&l, &a, 0);
	for (uint64_t i = 1; i < 50; i++) {
		learn_sealed(&l, &b, i, 1);
		learn_copy(&l, &a);
	}
	assert_true(addr_equal(&l.now, &a));
}

static void no_address_means_nowhere(void **state)
{
	struct learn l = { 0 };
	struct addr none = at("0.0.0.0:4000");

	(void)state;
	learn_set(&l, &a, 0);
	learn_set(&l, &none, 0);
	assert_int_equal(l.now.family, 0);
	assert_false(learn_plain(&l, &a, true));
	none = a;
	none.port = 0;
	learn_set(&l, &a, 0);
	learn_set(&l, &none, 0);
	assert_int_equal(l.now.family, 0);
	learn_set(&l, &a, 0);
	assert_true(learn_plain(&l, &a, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_stays_once_it_is_locked),
		cmocka_unit_test(plain_moves_only_by_a_run),
		cmocka_unit_test(sealed_moves_in_the_window),
		cmocka_unit_test(sealed_wants_progress),
		cmocka_unit_test(sealed_stays_with_who_is_there),
		cmocka_unit_test(no_address_means_nowhere),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
