/* test_log.c - lines of the log: their form, level and rate limit. */
#include "daemon/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static char last[2048];
static enum log_class last_class;
static int lines;

static void take(enum log_class c, const char *line)
{
	snprintf(last, sizeof last, "%s", line);
	last_class = c;
	lines++;
}

static int open_log(void **state)
{
	(void)state;
	log_open("tester", LOG_CLASS_INFO);
	log_to(take);
	lines = 0;
	*last = 0;
	return 0;
}

static void a_line_names_process_module_and_call(void **state)
{
	(void)state;
	log_line(LOG_CLASS_INFO, "sip", 0x2a, "hello %d", 5);
	assert_string_equal(last, "tester/sip: info: call 2a: hello 5");
	log_error("conf", "no %s", "file");
	assert_string_equal(last, "tester/conf: error: no file");
	assert_int_equal(last_class, LOG_CLASS_ERROR);
}

static void the_level_counts(void **state)
{
	(void)state;
	log_debug("x", "unseen");
	assert_int_equal(lines, 0);
	log_level(LOG_CLASS_DEBUG);
	log_debug("x", "seen");
	assert_int_equal(lines, 1);
	log_level(LOG_CLASS_ERROR);
	log_info("x", "unseen");
	assert_int_equal(lines, 1);
}

static void a_line_stays_one_printable_line(void **state)
{
	char big[4000];

	(void)state;
	log_info("x", "a\nb\x1b[31m\r\x7f");
	assert_string_equal(last, "tester/x: info: a?b?[31m??");
	memset(big, 'y', sizeof big - 1);
	big[sizeof big - 1] = 0;
	log_info("x", "%s", big);
	assert_true(strlen(last) < 1100);
}

static void remote_lines_are_limited_and_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++)
		log_line(LOG_CLASS_REMOTE, "x", 0, "noise");
	assert_in_range(lines, 1, 40);
	lines = 0;
	for (int i = 0; i < 50; i++)
		log_error("x", "our own lines are not limited");
	assert_int_equal(lines, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_names_process_module_and_call,
				       open_log),
		cmocka_unit_test_setup(the_level_counts, open_log),
		cmocka_unit_test_setup(a_line_stays_one_printable_line,
				       open_log),
		cmocka_unit_test_setup(remote_lines_are_limited_and_counted,
				       open_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
