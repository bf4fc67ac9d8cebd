/* test_mikey_parts.c - MIKEY's pieces: PRF vectors, AES-CM, policies,
 * timestamps, identities. */
#include "daemon/base/err.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/kdf.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/sp.h"
#include "modules/mikey/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/mikey_vectors.h"

static struct mikey_bytes text(const char *s)
{
	return (struct mikey_bytes){ (const uint8_t *)s, strlen(s) };
}

static const struct {
	const char *name;
	uint32_t constant;
	uint8_t cs_id;
} derived[] = {
	{ "TEK", MIKEY_TEK, 1 },
	{ "salt_from_TGK", MIKEY_TGK_SALT, 1 },
	{ "TEK_46_octets", MIKEY_TEK, 1 },
	{ "MIKEY_encr", MIKEY_ENCR_KEY, 0xff },
	{ "MIKEY_auth", MIKEY_AUTH_KEY, 0xff },
	{ "MIKEY_salt", MIKEY_SALT_KEY, 0xff },
};

static void check_case(const json_t *c)
{
	const char *prf = json_string_value(json_object_get(c, "prf"));
	struct vector key = vector_hex(c, "inkey");
	struct vector rand = vector_hex(c, "rand");
	struct mikey_root root = {
		.prf = strstr(prf, "256") ? MIKEY_PRF_SHA256 : MIKEY_PRF_SHA1,
		.key = key.bytes, .key_len = key.len, .csb_id = 0xcd177e50,
		.rand = { rand.bytes, rand.len },
	};
	const json_t *out = json_object_get(c, "out");

	for (size_t i = 0; i < sizeof derived / sizeof *derived; i++) {
		const json_t *o = json_object_get(out, derived[i].name);
		struct vector want = vector_hex(o, "out");
		uint8_t got[64];

		assert_int_equal(mikey_derive(&root, derived[i].constant,
					      derived[i].cs_id, got,
					      want.len), 0);
		assert_memory_equal(got, want.bytes, want.len);
	}
}

static void prf_vectors(void **state)
{
	json_t *root, *cases, *c;
	size_t i;

	(void)state;
	cases = vector_cases("rfc3830_prf_computed.json", &root);
	json_array_foreach(cases, i, c)
		check_case(c);
	assert_int_equal(i, 6);
	json_decref(root);
}

static void prf_of_nothing_is_refused(void **state)
{
	uint8_t out[16];

	(void)state;
	assert_int_equal(mikey_prf(0, text(""), text("x"), out, 16), E_ARG);
	assert_int_equal(mikey_prf(2, text("k"), text("x"), out, 16),
			 E_UNSUPPORTED);
}

/* RFC 2202 and 4231, test case 2. */
static void hmac_vectors(void **state)
{
	static const uint8_t sha1[] = {
		0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
		0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79,
	};
	static const uint8_t sha256[] = {
		0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04,
		0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08,
		0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec,
		0x38, 0x43,
	};
	const struct mikey_bytes run[] = { text("what do ya want "), text(""),
					   text("for nothing?") };
	const uint8_t *key = (const uint8_t *)"Jefe";
	uint8_t out[MIKEY_HASH_MAX];

	(void)state;
	assert_int_equal(mikey_hmac(MIKEY_MAC_SHA1, key, 4, run, 3, out), 0);
	assert_memory_equal(out, sha1, sizeof sha1);
	assert_int_equal(mikey_hmac(MIKEY_MAC_SHA256, key, 4, run, 3, out), 0);
	assert_memory_equal(out, sha256, sizeof sha256);
	assert_int_equal(mikey_hmac(MIKEY_MAC_NULL, key, 4, run, 3, out),
			 E_UNSUPPORTED);
}

/* RFC 3711 B.2: counter mode's key stream; the IV there is the salt's. */
static void aes_cm_vector(void **state)
{
	static const uint8_t key[] = { 0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae,
				       0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88,
				       0x09, 0xcf, 0x4f, 0x3c };
	static const uint8_t salt[] = { 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5,
					0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb,
					0xfc, 0xfd };
	static const uint8_t want[] = { 0xe0, 0x3e, 0xad, 0x09, 0x35, 0xc9,
					0x5e, 0x80, 0xe1, 0x66, 0xb1, 0x6d,
					0xd9, 0x2b, 0x4e, 0xb4 };
	static const uint8_t zero[16];
	uint8_t iv[16], out[16];

	(void)state;
	mikey_iv(salt, 0, 0, iv);
	assert_int_equal(mikey_aes_cm(key, 16, iv,
				      (struct mikey_bytes){ zero, 16 }, out),
			 0);
	assert_memory_equal(out, want, 16);
	/* RFC 3830 4.2.3: two zero bytes, CSB ID, T, two zero bytes */
	mikey_iv(zero, 0x01020304, 0x1112131415161718, iv);
	assert_memory_equal(iv, "\0\0\1\2\3\4\x11\x12\x13\x14\x15\x16\x17\x18"
			    "\0\0", 16);
}

static void through_its_policy(struct mikey_sp sp)
{
	struct buf b = buf_of(64);
	struct mikey_sp got = { SUITE_NONE, 99 };
	const char *why;

	mikey_sp_put(&b, &sp);
	assert_int_equal(mikey_sp_check((struct mikey_bytes){ b.data, b.len }),
			 0);
	assert_int_equal(mikey_sp_get((struct mikey_bytes){ b.data, b.len },
				      &got, &why), 0);
	assert_int_equal(got.suite, sp.suite);
	assert_int_equal(got.kdr, sp.kdr);
	buf_free(&b);
}

static void each_suite_through_its_policy(void **state)
{
	(void)state;
	for (unsigned s = 1; s < SUITE_COUNT; s++)
		for (uint8_t kdr = 0; kdr <= KDR_MAX; kdr++)
			through_its_policy((struct mikey_sp){ (enum suite)s,
							      kdr });
}

static void policies_read_with_defaults(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum suite suite; /* NONE: refused */
	} policies[] = {
		{ "", 0, SUITE_AES_CM_128_HMAC_SHA1_80 },
		{ "\13\1\4", 3, SUITE_AES_CM_128_HMAC_SHA1_32 },
		{ "\0\1\6", 3, SUITE_AEAD_AES_128_GCM },
		{ "\0\1\6\1\1\40\24\1\20", 9, SUITE_AEAD_AES_256_GCM },
		{ "\0\1\6\1\4\0\0\0\40", 9, SUITE_AEAD_AES_256_GCM },
		{ "\0\1\6\24\1\14", 6, SUITE_NONE },  /* tag 12 */
		{ "\0\1\6\2\1\1", 6, SUITE_NONE },    /* GCM and HMAC */
		{ "\0\1\2", 3, SUITE_F8_128_HMAC_SHA1_80 },
		{ "\1\1\30", 3, SUITE_AES_192_CM_HMAC_SHA1_80 },
		{ "\1\1\30\13\1\4", 6, SUITE_AES_192_CM_HMAC_SHA1_32 },
		{ "\1\1\40", 3, SUITE_AES_256_CM_HMAC_SHA1_80 },
		{ "\1\1\40\13\1\4", 6, SUITE_AES_256_CM_HMAC_SHA1_32 },
		{ "\0\1\2\1\1\40", 6, SUITE_NONE },  /* AES-256-F8 */
		{ "\0\1\2\13\1\4", 6, SUITE_NONE },  /* F8 with 32 bits */
		{ "\0\1\6\1\1\30", 6, SUITE_NONE },  /* AES-192-GCM */
		{ "\0\1\3", 3, SUITE_NONE },          /* unknown cipher */
		{ "\0\1\0", 3, SUITE_NULL_HMAC_SHA1_80 },
		{ "\0\1\0\1\1\0", 6, SUITE_NULL_HMAC_SHA1_80 },
		{ "\0\1\0\12\1\0", 6, SUITE_NONE },  /* nor authentication */
		{ "\2\1\0", 3, SUITE_NONE },          /* no authentication */
		{ "\12\1\0", 3, SUITE_NONE },         /* ... switched off */
		{ "\7\1\0", 3, SUITE_NONE },          /* SRTP clear */
		{ "\10\1\0", 3, SUITE_NONE },         /* SRTCP clear */
		{ "\6\1\5", 3, SUITE_NONE },          /* rate 5 */
		{ "\5\1\1", 3, SUITE_NONE },          /* another PRF */
		{ "\14\1\1", 3, SUITE_NONE },         /* prefix */
		{ "\15\1\1", 3, SUITE_NONE },         /* unknown parameter */
		{ "\13\1\5", 3, SUITE_NONE },         /* tag 5 */
		{ "\13\0", 2, SUITE_NONE },           /* no value */
		{ "\13\5\0\0\0\0\12", 7, SUITE_NONE }, /* long value */
	};

	(void)state;
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		struct mikey_sp got = { SUITE_NONE, 0 };
		const char *why = NULL;
		int r = mikey_sp_get((struct mikey_bytes){
			(const uint8_t *)policies[i].bytes,
			policies[i].len }, &got, &why);

		assert_int_equal(got.suite, policies[i].suite);
		assert_int_equal(r, got.suite ? 0 : E_UNSUPPORTED);
		assert_true(got.suite || why);
	}
}

/* RFC 3711 3.2.1: 0 or a power of 2 up to 2^24, in as many bytes as it likes
 * up to four. */
static void derivation_rates(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int kdr; /* -1: refused */
	} rates[] = {
		{ "\6\1\0", 3, 0 },
		{ "\6\1\1", 3, 1 },
		{ "\6\4\0\0\0\1", 6, 1 },
		{ "\6\1\2", 3, 2 },
		{ "\6\1\x80", 3, 8 },
		{ "\6\2\1\0", 4, 9 },
		{ "\6\3\1\0\0", 5, 17 },
		{ "\6\4\1\0\0\0", 6, 25 },
		{ "\6\4\2\0\0\0", 6, -1 },
		{ "\6\4\x80\0\0\0", 6, -1 },
		{ "\6\1\3", 3, -1 },
		{ "\6\4\1\0\0\1", 6, -1 },
		{ "\6\5\0\0\0\0\1", 7, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct mikey_sp got = { SUITE_NONE, 99 };
		const char *why = NULL;
		int r = mikey_sp_get((struct mikey_bytes){
			(const uint8_t *)rates[i].bytes, rates[i].len }, &got,
			&why);

		assert_int_equal(r, rates[i].kdr < 0 ? E_UNSUPPORTED : 0);
		assert_int_equal(got.kdr, r ? 99 : rates[i].kdr);
	}
}

static void time_there_and_back(void **state)
{
	/* before and after the NTP overflow of 2036-02-07 06:28:16 UTC */
	static const uint64_t moments[] = { 1000000000000000,
					    1763700000123456,
					    2085978495999999,
					    2085978496000000,
					    2085978496000001,
					    4102444800999999 };

	(void)state;
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
		for (uint32_t below = 0; below < 20000; below += 777) {
			uint64_t us = moments[i];
			uint64_t stamp = mikey_stamp_of(us, below);

			assert_true(mikey_stamp_us(stamp, us) == us);
			assert_true(mikey_stamp_us(stamp, us + 3600000000u) ==
				    us);
			assert_true(mikey_stamp_us(stamp, us - 3600000000u) ==
				    us);
		}
	/* RFC 4567's example is of 2006-10-20 13:43:06 UTC */
	assert_true(mikey_stamp_us(0xc8e350ea00000000, 1161368000000000) ==
		    1161351786000000);
	assert_true(mikey_stamp_of(5, 1) != mikey_stamp_of(5, 2));
}

static void identities(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "sip:a@b.example", "sip:a@b.example", true },
		{ "sip:a@b.example", "sips:a@B.EXAMPLE", true },
		{ "sip:a@b.example", "a@b.example", true },
		{ "sip:a@b.example", "SIP:a@b.example:5060", true },
		{ "sips:a@b.example:5061", "sip:a@b.example", true },
		{ "sip:a@b.example;user=phone?x=y", "a@b.example", true },
		{ "sip:%61@b.example", "sip:a@b.example", true },
		{ "sip:a@[2001:DB8::1]:5060", "sip:a@[2001:db8::1]", true },
		{ "sip:b.example", "sip:B.example:5060", true },
		{ "tel:+4930", "tel:+4930", true },
		{ "sip:a@b.example", "sip:A@b.example", false },
		{ "sip:a@b.example", "sip:a@b.example.evil", false },
		{ "sip:a@b.example", "sip:a@b.example:5061", false },
		{ "sip:a@b.example:506x", "sip:a@b.example", false },
		{ "sip:a@b.example:", "sip:a@b.example", false },
		{ "sip:a%3bx@b.example", "sip:a;x@b.example", false },
		{ "sip:a@x@b.example", "sip:a@b.example", false },
		{ "sip:@b.example", "sip:b.example", false },
		{ "sip:a@b.example", "", false },
		{ "", "", false },
		{ "sip:", "sip:x@b", false },
		{ "sip:a@[::1]:1", "sip:a@[::1]", false },
		{ "sip:a%4", "sip:a%4", true },
		{ "sip:a%4@h", "sip:a%4@h", true },
		{ "sip:a%@h", "sip:a%25@h", false },
		{ "tel:+4930", "tel:+4931", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		assert_int_equal(mikey_same_identity(text(pairs[i].a),
						     text(pairs[i].b)),
				 pairs[i].same);
		assert_int_equal(mikey_same_identity(text(pairs[i].b),
						     text(pairs[i].a)),
				 pairs[i].same);
	}
	assert_false(mikey_same_identity((struct mikey_bytes){
		(const uint8_t *)"a@b\0c", 5 }, (struct mikey_bytes){
		(const uint8_t *)"a@b\0c", 5 }));
}

static void identities_print_clean(void **state)
{
	char out[8];

	(void)state;
	assert_string_equal(mikey_identity_text(text("a\nb\x80"), out, 8),
			    "a?b?");
	assert_string_equal(mikey_identity_text(text("0123456789"), out, 8),
			    "0123456");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prf_vectors),
		cmocka_unit_test(prf_of_nothing_is_refused),
		cmocka_unit_test(hmac_vectors),
		cmocka_unit_test(aes_cm_vector),
		cmocka_unit_test(each_suite_through_its_policy),
		cmocka_unit_test(policies_read_with_defaults),
		cmocka_unit_test(derivation_rates),
		cmocka_unit_test(time_there_and_back),
		cmocka_unit_test(identities),
		cmocka_unit_test(identities_print_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
