/* test_mikey_module.c - what the module mikey wants of its configuration. */
#include "daemon/base/err.h"
#include "daemon/module.h"
#include "daemon/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

extern const struct module mikey_module;

static const struct conf_key keys[] = {
	{ .name = "transform", .type = CONF_TEXT, .dflt = "evp",
	  .help = "A part of the real group." },
	{ .name = NULL },
};
static const struct conf_group media = { "media", CONF_ONE, keys, "Media." };

static void derivation_rates_are_checked(void **state)
{
	const struct conf_group *groups[] = { &media, &profiles_group,
					      mikey_module.groups[0], NULL };
	static const struct {
		const char *rate, *transform, *why; /* NULL: good */
	} rows[] = {
		{ "0", "evp", NULL },
		{ "1", "evp", NULL },
		{ "65536", "evp", NULL },
		{ "16777216", "evp", NULL },
		{ "3", "evp", "no power of 2" },
		{ "16777215", "evp", "no power of 2" },
		{ "0", "libsrtp2", NULL },
		{ "2", "libsrtp2", "libsrtp2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct conf_err err = { "" };
		struct conf *c;
		char text[200];
		int r;

		snprintf(text, sizeof text, "media = { transform = \"%s\"; };"
			 "mikey = { derivation_rate = %s; };",
			 rows[i].transform, rows[i].rate);
		assert_int_equal(conf_parse(text, "test", NULL, groups, &c,
					    &err), 0);
		r = mikey_module.check(c, &err);
		assert_int_equal(r, rows[i].why ? E_CONF : 0);
		if (rows[i].why)
			assert_non_null(strstr(err.text, rows[i].why));
		conf_free(c);
	}
}

static void old_suites_take_legacy(void **state)
{
	const struct conf_group *groups[] = { &media, &profiles_group,
					      mikey_module.groups[0], NULL };
	static const struct {
		const char *suite, *legacy;
		bool good;
	} rows[] = {
		{ "AES_256_GCM", "false", true },
		{ "3DES_CBC_HMAC_SHA1_96", "true", true },
		{ "3DES_CBC_HMAC_SHA1_96", "false", false },
		{ "AES_128_CBC_HMAC_SHA1_96", "false", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct conf_err err = { "" };
		struct conf *c;
		char text[200];

		snprintf(text, sizeof text, "profiles = { p = { need = "
			 "\"require\"; esp = [ \"AES_128_GCM\", \"%s\" ]; }; "
			 "}; mikey = { legacy = %s; };", rows[i].suite,
			 rows[i].legacy);
		assert_int_equal(conf_parse(text, "test", NULL, groups, &c,
					    &err), 0);
		assert_int_equal(mikey_module.check(c, &err),
				 rows[i].good ? 0 : E_CONF);
		if (!rows[i].good)
			assert_non_null(strstr(err.text, "profiles.p.esp: "));
		conf_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derivation_rates_are_checked),
		cmocka_unit_test(old_suites_take_legacy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
