/* test_hex.c - hexadecimal digits, read and written. */
#include "daemon/base/hex.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t bytes[] = { 0x00, 0x9a, 0xbc, 0xff };

static void what_is_written_is_read(void **state)
{
	char text[2 * sizeof bytes + 2];
	uint8_t back[sizeof bytes];
	struct buf b = buf_of(2 * sizeof bytes + 1);

	(void)state;
	memset(text, '!', sizeof text);
	hex_write(bytes, sizeof bytes, text);
	assert_string_equal(text, "009abcff");
	assert_int_equal(text[sizeof text - 1], '!');
	assert_int_equal(hex_read(text, sizeof back, back), 0);
	assert_memory_equal(back, bytes, sizeof back);
	hex_put(&b, bytes, sizeof bytes);
	assert_int_equal(b.err, 0);
	assert_string_equal(buf_string(&b), "009abcff");
	hex_put(&b, bytes, sizeof bytes); /* no room */
	assert_int_equal(b.err, E_SPACE);
	buf_free(&b);
	hex_write(bytes, 0, text);
	assert_string_equal(text, "");
}

static void nothing_else_is_read(void **state)
{
	uint8_t out[2];

	(void)state;
	assert_int_equal(hex_read("00fg", 2, out), E_FORMAT);
	assert_int_equal(hex_read("00FF", 2, out), E_FORMAT);
	assert_int_equal(hex_read(" 0ff", 2, out), E_FORMAT);
	assert_int_equal(hex_digit('F'), 15);
	assert_int_equal(hex_digit('g'), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(nothing_else_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
