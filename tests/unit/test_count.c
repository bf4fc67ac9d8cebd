/* test_count.c - counters of far ends without a clock: remembered by owner,
 * across a restart, and refused when what was known is lost. */
#include "daemon/keeper/memory/count.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <unistd.h>

static int file(void)
{
	char name[] = "/tmp/count-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	return fd;
}

static struct memory *open_memory(int fd)
{
	struct memory *m;

	assert_int_equal(memory_new(fd, 100, &m), 0);
	return m;
}

static const struct count_owner a = { "a", NULL };
static const struct count_owner b = { "a", "sip:x@a.example" };

static void they_are_kept_by_owner(void **state)
{
	struct memory *m = open_memory(-1);
	struct keying_counter c = { true, 7 };

	(void)state;
	assert_int_equal(count_last(m, &a, &c), 0);
	assert_false(c.set);
	assert_int_equal(count_keep(m, &a, (struct keying_counter){ true,
				    0xfffffffe }, 1), 0);
	assert_int_equal(count_last(m, &a, &c), 0);
	assert_true(c.set);
	assert_true(c.value == 0xfffffffe);
	assert_int_equal(count_last(m, &b, &c), 0);
	assert_false(c.set);
	memory_free(m);
}

static void a_restart_forgets_none(void **state)
{
	int fd = file();
	struct memory *m = open_memory(fd);
	struct keying_counter c;

	(void)state;
	assert_int_equal(count_keep(m, &b, (struct keying_counter){ true, 5 },
				    1), 0);
	memory_free(m);
	m = open_memory(fd);
	assert_int_equal(count_last(m, &b, &c), 0);
	assert_int_equal(c.value, 5);
	memory_free(m);
	close(fd);
}

/* The record is gone, but the file knows that there was one. */
static void what_is_lost_is_told(void **state)
{
	int fd = file();
	struct memory *m = open_memory(fd);
	struct keying_counter c;

	(void)state;
	assert_int_equal(count_keep(m, &b, (struct keying_counter){ true, 5 },
				    1), 0);
	memory_free(m);
	assert_int_equal(ftruncate(fd, 512), 0); /* the head stays */
	m = open_memory(fd);
	assert_int_equal(count_last(m, &b, &c), E_LOST);
	assert_int_equal(count_last(m, &a, &c), E_LOST);
	memory_free(m);
	close(fd);
}

static void without_a_memory_nothing_is_kept(void **state)
{
	struct keying_counter c;

	(void)state;
	assert_int_equal(count_last(NULL, &a, &c), 0);
	assert_int_not_equal(count_keep(NULL, &a, (struct keying_counter){
					true, 5 }, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_kept_by_owner),
		cmocka_unit_test(a_restart_forgets_none),
		cmocka_unit_test(what_is_lost_is_told),
		cmocka_unit_test(without_a_memory_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
