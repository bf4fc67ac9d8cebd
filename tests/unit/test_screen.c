/* test_screen.c - lists of callers, in the configuration and in a file. */
#include "daemon/base/err.h"
#include "daemon/engine/guard/screen.h"
#include "daemon/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct conf *conf;
static char why[160];

static int make(const char *keys, const char *file, struct screen **out)
{
	char text[512];
	struct screening s;
	struct conf_err err;
	FILE *f = NULL;
	int r;

	snprintf(text, sizeof text, "screening = { %s };", keys);
	assert_int_equal(conf_parse(text, "test", NULL, settings_groups(),
				    &conf, &err), 0);
	screening_read(conf, &s);
	if (file) {
		f = tmpfile();
		assert_non_null(f);
		fputs(file, f);
		fflush(f);
	}
	r = screen_new(&s, f ? fileno(f) : -1, out, why, sizeof why);
	if (f)
		fclose(f);
	return r;
}

static void done(struct screen *s)
{
	screen_free(s);
	conf_free(conf);
}

static void of_the_configuration(void **state)
{
	struct screen *s;

	(void)state;
	assert_int_equal(make("deny = [ \"*@spam.example\", "
			      "\"Eve@B.example\", \"+4930*\" ]; "
			      "allow = [ \"good@spam.example\" ];", NULL, &s),
			 0);
	assert_true(screen_denies(s, "sip:x@spam.example;user=phone"));
	assert_true(screen_denies(s, "sips:x@SPAM.example:5061"));
	assert_false(screen_denies(s, "sip:good@spam.example"));
	assert_true(screen_denies(s, "sip:Eve@b.EXAMPLE"));
	assert_true(screen_denies(s, "sip:%45ve@b.example")); /* escaped */
	assert_false(screen_denies(s, "sip:eve@b.example")); /* users differ */
	assert_true(screen_denies(s, "tel:+49-30-1234"));
	assert_false(screen_denies(s, "sip:alice@a.example"));
	assert_false(screen_denies(s, ""));
	assert_int_equal(screen_count(s), 4);
	done(s);
}

static void of_a_file(void **state)
{
	struct screen *s;

	(void)state;
	assert_int_equal(make("deny = [ \"a@x\" ];",
			      "# nuisances\n\ndeny b@x\r\n  deny\t*@y # all\n"
			      "allow c@y", &s), 0);
	assert_true(screen_denies(s, "sip:a@x"));
	assert_true(screen_denies(s, "sip:b@x"));
	assert_true(screen_denies(s, "sip:z@y"));
	assert_false(screen_denies(s, "sip:c@y"));
	done(s);
	assert_int_equal(make("", "", &s), 0);
	assert_false(screen_denies(s, "sip:a@x"));
	done(s);
}

static void of_many(void **state)
{
	static char text[200000];
	struct screen *s;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 8000; i++)
		n += (size_t)sprintf(text + n, "deny u%d@x.example\n", i);
	assert_int_equal(make("", text, &s), 0);
	assert_int_equal(screen_count(s), 8000);
	assert_true(screen_denies(s, "sip:u0@x.example"));
	assert_true(screen_denies(s, "sip:u7999@x.example"));
	assert_false(screen_denies(s, "sip:u8000@x.example"));
	done(s);
}

static void faults_name_the_line(void **state)
{
	static const char *const bad[] = {
		"deny a@x\nrefuse b@x\n", "deny a@x\ndeny\n",
		"deny a@x\ndeny b@x c@x\n", "deny a@x\nallow sip:b@x\n"
	};
	struct screen *s = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(make("", bad[i], &s), E_CONF);
		assert_non_null(strstr(why, "line 2: write \"deny PATTERN\""));
		assert_null(s);
		conf_free(conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_configuration),
		cmocka_unit_test(of_a_file),
		cmocka_unit_test(of_many),
		cmocka_unit_test(faults_name_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
