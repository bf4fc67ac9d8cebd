/* test_srtp_module.c - what the module srtp registers, and when libsrtp2 is
 * started. */
#include "daemon/base/err.h"
#include "daemon/module.h"
#include "modules/srtp/transforms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

extern const struct module srtp_module;

static const struct conf_key keys[] = {
	{ .name = "transform", .type = CONF_TEXT, .dflt = "evp",
	  .help = "A part of the real group." },
	{ .name = NULL },
};
static const struct conf_group media = { "media", CONF_ONE, keys, "Media." };
static const struct conf_key suite_keys[] = {
	{ .name = "suites", .type = CONF_WORDS, .choices = suite_names,
	  .dflt = "AEAD_AES_128_GCM", .help = "A part of the real group." },
	{ .name = NULL },
};
static const struct conf_group profiles = { "profiles", CONF_NAMED, suite_keys,
					    "Profiles." };
static const struct conf_group *const groups[] = { &media, &profiles, NULL };

static struct core *start(const char *text, void **state)
{
	struct core *core;
	struct conf_err err;
	struct conf *c;

	assert_int_equal(conf_parse(text, "test", NULL, groups, &c, &err), 0);
	assert_int_equal(core_new(NULL, &core), 0);
	assert_int_equal(srtp_module.start(core, c, state), 0);
	conf_free(c);
	return core;
}

static void both_transforms_are_registered(void **unused)
{
	void *state;
	struct core *core = start("", &state);
	const struct transform *t = core_find(core, "transform", "evp");

	(void)unused;
	assert_int_equal(srtp_module.process, PROC_RELAY);
	assert_string_equal(srtp_module.provides[0], "transform");
	assert_ptr_equal(t, &evp_transform);
	assert_ptr_equal(core_find(core, "transform", NULL), t);
	t = core_find(core, "transform", "libsrtp2");
	assert_ptr_equal(t, &libsrtp2_transform);
	assert_null(core_find(core, "transform", "none"));
	srtp_module.stop(state);
	core_free(core);
}

static void libsrtp2_starts_only_when_chosen(void **unused)
{
	struct srtp_key k = { .suite = SUITE_AEAD_AES_128_GCM, .key_len = 16,
			      .salt_len = 12 };
	struct transform_key *t = NULL;
	struct core *core;
	void *state;

	(void)unused;
	core = start("", &state);
	assert_int_equal(libsrtp2_transform.open(&k, 1, &t), E_STATE);
	srtp_module.stop(state);
	core_free(core);
	core = start("media = { transform = \"libsrtp2\"; };", &state);
	assert_int_equal(libsrtp2_transform.open(&k, 1, &t), 0);
	libsrtp2_transform.close(t);
	srtp_module.stop(state);
	core_free(core);
	assert_int_equal(libsrtp2_transform.open(&k, 1, &t), E_STATE);
}

/* All or nothing: a name that is taken already. */
static void a_failed_start_leaves_nothing(void **unused)
{
	struct core *core;
	void *state = &core;
	struct conf_err err;
	struct conf *c;

	(void)unused;
	assert_int_equal(conf_parse("media = { transform = \"libsrtp2\"; };",
				    "test", NULL, groups, &c, &err), 0);
	assert_int_equal(core_new(NULL, &core), 0);
	assert_int_equal(core_register(core, "transform", "libsrtp2", keys), 0);
	assert_int_equal(srtp_module.start(core, c, &state), E_EXISTS);
	assert_ptr_equal(state, &core);
	assert_int_equal(libsrtp2_start(), 0);
	libsrtp2_stop();
	conf_free(c);
	core_free(core);
}

/* What libsrtp2 cannot do is refused with the profile's name and the cure. */
static void suites_must_suit_the_transform(void **unused)
{
	static const struct {
		const char *transform, *suites;
		bool good;
	} rows[] = {
		{ "libsrtp2", "\"AES_CM_128_HMAC_SHA1_32\", "
		  "\"AES_256_CM_HMAC_SHA1_80\", \"AEAD_AES_256_GCM\"", true },
		{ "libsrtp2", "\"AEAD_AES_128_GCM\", "
		  "\"AES_192_CM_HMAC_SHA1_32\"", false },
		{ "libsrtp2", "\"F8_128_HMAC_SHA1_80\"", false },
		{ "libsrtp2", "\"AES_F8_128_HMAC_SHA1_80\"", false },
		{ "evp", "\"AES_F8_128_HMAC_SHA1_80\", "
		  "\"AES_192_CM_HMAC_SHA1_32\"", true },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct conf_err err = { "" };
		struct conf *c;
		char text[300];
		int r;

		snprintf(text, sizeof text, "media = { transform = \"%s\"; };"
			 "profiles = { a = { }; odd = { suites = [ %s ]; }; };",
			 rows[i].transform, rows[i].suites);
		assert_int_equal(conf_parse(text, "test", NULL, groups, &c,
					    &err), 0);
		r = srtp_module.check(c, &err);
		assert_int_equal(r, rows[i].good ? 0 : E_CONF);
		if (r) {
			assert_non_null(strstr(err.text, "profiles.odd"));
			assert_non_null(strstr(err.text, "libsrtp2"));
			assert_non_null(strstr(err.text, "evp"));
		}
		conf_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_transforms_are_registered),
		cmocka_unit_test(libsrtp2_starts_only_when_chosen),
		cmocka_unit_test(a_failed_start_leaves_nothing),
		cmocka_unit_test(suites_must_suit_the_transform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
