/* test_srtp_module.c - what the module srtp registers, and when libsrtp2 is
 * started. */
#include "daemon/base/err.h"
#include "daemon/module.h"
#include "modules/srtp/transforms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

extern const struct module srtp_module;

static const struct conf_key keys[] = {
	{ .name = "transform", .type = CONF_TEXT, .dflt = "evp",
	  .help = "A part of the real group." },
	{ .name = NULL },
};
static const struct conf_group media = { "media", CONF_ONE, keys, "Media." };
static const struct conf_group *const groups[] = { &media, NULL };

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_transforms_are_registered),
		cmocka_unit_test(libsrtp2_starts_only_when_chosen),
		cmocka_unit_test(a_failed_start_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
