/* test_suite.c - the table of crypto suites against RFC 3711, 6188 and
 * 7714. */
#include "daemon/base/suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void every_suite_has_a_whole_row(void **state)
{
	const struct suite_info *s;

	(void)state;
	for (unsigned i = 1; i < SUITE_COUNT; i++) {
		s = suite_info(i);
		assert_non_null(s);
		assert_int_equal(suite_by_name(s->name), i);
		assert_true(s->key_len <= SRTP_KEY_MAX);
		assert_true(s->salt_len <= SRTP_SALT_MAX);
		assert_int_equal(s->salt_len, s->aead ? 12 : 14);
		assert_int_equal(s->mikey_encr,
				 s->aead ? 6 : s->f8 ? 2 : !s->readable);
		assert_int_equal(s->mikey_auth, s->aead ? 0 : 1);
	}
	assert_null(suite_info(SUITE_NONE));
	assert_null(suite_info(SUITE_COUNT));
}

static void tags_are_the_registered_ones(void **state)
{
	static const struct {
		const char *name;
		int key, rtp, rtcp;
	} rows[] = {
		{ "AES_CM_128_HMAC_SHA1_80", 16, 10, 10 },
		{ "AES_CM_128_HMAC_SHA1_32", 16, 4, 10 },
		{ "AES_192_CM_HMAC_SHA1_80", 24, 10, 10 },
		{ "AES_192_CM_HMAC_SHA1_32", 24, 4, 10 },
		{ "AES_256_CM_HMAC_SHA1_80", 32, 10, 10 },
		{ "AES_256_CM_HMAC_SHA1_32", 32, 4, 10 },
		{ "F8_128_HMAC_SHA1_80", 16, 10, 10 },
		{ "AES_F8_128_HMAC_SHA1_80", 16, 10, 10 },
		{ "AEAD_AES_128_GCM", 16, 16, 16 },
		{ "AEAD_AES_256_GCM", 32, 16, 16 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct suite_info *s =
			suite_info(suite_by_name(rows[i].name));

		assert_non_null(s);
		assert_int_equal(s->key_len, rows[i].key);
		assert_int_equal(s->auth_len, s->aead ? 0 : 20);
		assert_int_equal(s->rtp_tag_len, rows[i].rtp);
		assert_int_equal(s->rtcp_tag_len, rows[i].rtcp);
	}
}

static void names(void **state)
{
	size_t n = 0;

	(void)state;
	while (suite_names[n])
		assert_true(suite_by_name(suite_names[n++]) != SUITE_NONE);
	assert_int_equal(n, SUITE_COUNT); /* one has two names */
	assert_int_equal(suite_by_name("aes_f8_128_hmac_sha1_80"),
			 SUITE_F8_128_HMAC_SHA1_80);
	assert_int_equal(suite_by_name("AES_F8_"), SUITE_NONE);
	assert_int_equal(suite_by_name("aead_aes_128_gcm"),
			 SUITE_AEAD_AES_128_GCM);
	assert_int_equal(suite_by_name("AEAD_AES_128"), SUITE_NONE);
	assert_int_equal(suite_by_name(""), SUITE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_has_a_whole_row),
		cmocka_unit_test(tags_are_the_registered_ones),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
