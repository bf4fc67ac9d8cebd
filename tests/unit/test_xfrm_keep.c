/* test_xfrm_keep.c - when keep-alives leave, by a made clock: one for each far
 * end, however many tunnels lead there, and none when the last is gone. */
#include "config.h"

#include "daemon/base/err.h"
#include "modules/xfrm/tunnel/keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/mock/alloc.h"

#define EVERY UINT64_C(20000000)

static struct keeps keeps;
static unsigned one, other; /* times that each was given */

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void give(void *user, const struct addr *far)
{
	struct addr a = address("192.0.2.1:4501");

	assert_ptr_equal(user, &keeps);
	one += addr_equal(far, &a);
	other += !addr_equal(far, &a);
}

static uint64_t tick(uint64_t now_us)
{
	one = other = 0;
	return keeps_tick(&keeps, now_us, give, &keeps);
}

static int setup(void **state)
{
	(void)state;
	keeps = (struct keeps){ .every_us = EVERY };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	keeps_free(&keeps);
	return keeps.first != NULL;
}

static void nobody_is_kept_without_need(void **state)
{
	(void)state;
	assert_int_equal(tick(7), UINT64_MAX);
	assert_int_equal(one + other, 0);
}

static void the_first_leaves_at_once(void **state)
{
	struct addr a = address("192.0.2.1:4501");

	(void)state;
	assert_int_equal(keeps_add(&keeps, &a), 0);
	assert_int_equal(tick(1000), EVERY);
	assert_int_equal(one, 1);
	assert_int_equal(tick(1000), EVERY);
	assert_int_equal(one, 0);
	assert_int_equal(tick(1000 + EVERY - 1), 1);
	assert_int_equal(one, 0);
	assert_int_equal(tick(1000 + EVERY), EVERY);
	assert_int_equal(one, 1);
	/* whoever comes late sends one, not all that it missed */
	assert_int_equal(tick(1000 + 5 * EVERY), EVERY);
	assert_int_equal(one, 1);
}

static void tunnels_to_one_far_end_share_it(void **state)
{
	struct addr a = address("192.0.2.1:4501");

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(keeps_add(&keeps, &a), 0);
	assert_int_equal(tick(0), EVERY);
	assert_int_equal(one, 1);
	keeps_remove(&keeps, &a);
	keeps_remove(&keeps, &a);
	assert_int_equal(tick(EVERY), EVERY);
	assert_int_equal(one, 1);
	keeps_remove(&keeps, &a);
	assert_int_equal(tick(2 * EVERY), UINT64_MAX);
	assert_int_equal(one, 0);
}

/* Also two ports of one address. */
static void each_far_end_has_its_own(void **state)
{
	struct addr a = address("192.0.2.1:4501");
	struct addr b = address("192.0.2.1:4502");

	(void)state;
	assert_int_equal(keeps_add(&keeps, &a), 0);
	assert_int_equal(tick(0), EVERY);
	assert_int_equal(keeps_add(&keeps, &b), 0);
	assert_int_equal(tick(EVERY / 4), EVERY - EVERY / 4);
	assert_int_equal(one, 0);
	assert_int_equal(other, 1);
	assert_int_equal(tick(EVERY), EVERY / 4);
	assert_int_equal(one, 1);
	assert_int_equal(other, 0);
	keeps_remove(&keeps, &a);
	assert_int_equal(tick(EVERY + EVERY / 4), EVERY);
	assert_int_equal(one, 0);
	assert_int_equal(other, 1);
}

static void without_memory_nothing_is_kept(void **state)
{
	struct addr a = address("192.0.2.1:4501");

	(void)state;
	alloc_fail_at(1);
	assert_int_equal(keeps_add(&keeps, &a), E_NOMEM);
	alloc_fail_never();
	assert_int_equal(tick(0), UINT64_MAX);
	assert_int_equal(keeps_add(&keeps, &a), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nobody_is_kept_without_need),
		TEST(the_first_leaves_at_once),
		TEST(tunnels_to_one_far_end_share_it),
		TEST(each_far_end_has_its_own),
		TEST(without_memory_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
