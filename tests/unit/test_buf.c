/* test_buf.c - reader and buf. */
#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void round_trip(void **state)
{
	struct buf b = buf_of(64);
	struct reader r;

	(void)state;
	buf_u8(&b, 1);
	buf_u16(&b, 0x0203);
	buf_u32(&b, 0x04050607);
	buf_u64(&b, 0x08090a0b0c0d0e0f);
	buf_text(&b, "ab");
	assert_int_equal(b.err, 0);
	assert_int_equal(b.len, 17);
	r = reader_of(b.data, b.len);
	assert_int_equal(reader_u8(&r), 1);
	assert_int_equal(reader_u16(&r), 0x0203);
	assert_int_equal(reader_u32(&r), 0x04050607);
	assert_true(reader_u64(&r) == 0x08090a0b0c0d0e0f);
	assert_int_equal(reader_end(&r), E_FORMAT);
	assert_memory_equal(reader_bytes(&r, 2), "ab", 2);
	assert_int_equal(reader_end(&r), 0);
	buf_free(&b);
}

static void reading_past_the_end_fails_for_good(void **state)
{
	struct reader r = reader_of("abc", 3);

	(void)state;
	assert_int_equal(reader_u32(&r), 0);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(reader_end(&r), E_FORMAT);
}

static void writing_past_the_bound_fails_for_good(void **state)
{
	struct buf b = buf_of(3);

	(void)state;
	buf_u32(&b, 1);
	buf_u8(&b, 1);
	assert_int_equal(b.err, E_SPACE);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
	buf_printf(&b, "%d", 123);
	assert_string_equal(buf_string(&b), "123");
	buf_free(&b);
}

static void a_long_printf_grows_the_buffer(void **state)
{
	struct buf b = buf_of(1000);

	(void)state;
	for (int i = 0; i < 100; i++)
		buf_printf(&b, "%08d", i);
	assert_int_equal(b.err, 0);
	assert_int_equal(strlen(buf_string(&b)), 800);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(reading_past_the_end_fails_for_good),
		cmocka_unit_test(writing_past_the_bound_fails_for_good),
		cmocka_unit_test(a_long_printf_grows_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
