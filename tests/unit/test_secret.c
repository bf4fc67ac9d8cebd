/* test_secret.c - bytes that must not be seen. */
#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void set_and_wipe(void **state)
{
	static const uint8_t zero[SECRET_MAX];
	struct secret s = { 0 };

	(void)state;
	assert_int_equal(secret_set(&s, "longer text", 11), 0);
	assert_int_equal(secret_set(&s, "ab", 2), 0);
	assert_int_equal(s.len, 2);
	assert_memory_equal(s.bytes, "ab", 2);
	assert_memory_equal(s.bytes + 2, zero, sizeof zero - 2);
	assert_int_equal(secret_set(&s, NULL, 0), 0);
	assert_int_equal(s.len, 0);
	secret_set(&s, "ab", 2);
	secret_wipe(&s);
	assert_int_equal(s.len, 0);
	assert_memory_equal(s.bytes, zero, sizeof zero);
}

static void too_long_leaves_it_alone(void **state)
{
	uint8_t big[SECRET_MAX + 1] = { 0 };
	struct secret s = { 0 };

	(void)state;
	secret_set(&s, "ab", 2);
	assert_int_equal(secret_set(&s, big, sizeof big), E_SPACE);
	assert_int_equal(secret_random(&s, sizeof big), E_SPACE);
	assert_int_equal(s.len, 2);
	assert_int_equal(secret_set(&s, big, SECRET_MAX), 0);
}

static void random_differs(void **state)
{
	struct secret a = { 0 }, b = { 0 };

	(void)state;
	assert_int_equal(secret_random(&a, 32), 0);
	assert_int_equal(secret_random(&b, 32), 0);
	assert_int_equal(a.len, 32);
	assert_false(secret_equal(&a, &b));
}

static void equality(void **state)
{
	struct secret a = { 0 }, b = { 0 };

	(void)state;
	assert_true(secret_equal(&a, &b));
	secret_set(&a, "abc", 3);
	secret_set(&b, "abc", 3);
	assert_true(secret_equal(&a, &b));
	secret_set(&b, "abd", 3);
	assert_false(secret_equal(&a, &b));
	secret_set(&b, "ab", 2);
	assert_false(secret_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_and_wipe),
		cmocka_unit_test(too_long_leaves_it_alone),
		cmocka_unit_test(random_differs),
		cmocka_unit_test(equality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
