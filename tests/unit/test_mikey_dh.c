/* test_mikey_dh.c - Diffie-Hellman in MIKEY's groups: both sides get one
 * secret, other values are refused. */
#include "modules/mikey/dh.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/bn.h>

static BIGNUM *prime_of(unsigned group)
{
	switch (group) {
	case MIKEY_OAKLEY_5:
		return BN_get_rfc3526_prime_1536(NULL);
	case MIKEY_OAKLEY_1:
		return BN_get_rfc2409_prime_768(NULL);
	default:
		return BN_get_rfc2409_prime_1024(NULL);
	}
}

/* p + d as a public value; false when it does not fit. */
static struct mikey_bytes near_prime(unsigned group, long d, uint8_t *room)
{
	BIGNUM *p = prime_of(group);
	size_t len = mikey_dh_len(group);

	assert_non_null(p);
	if (d < 0)
		assert_true(BN_sub_word(p, (BN_ULONG)-d));
	else
		assert_true(BN_add_word(p, (BN_ULONG)d));
	assert_int_equal(BN_bn2binpad(p, room, (int)len), len);
	BN_free(p);
	return (struct mikey_bytes){ room, len };
}

static struct mikey_bytes small(unsigned group, uint8_t n, uint8_t *room)
{
	size_t len = mikey_dh_len(group);

	memset(room, 0, len);
	room[len - 1] = n;
	return (struct mikey_bytes){ room, len };
}

static void both_sides_get_one_secret(void **state)
{
	(void)state;
	for (unsigned g = 0; g < 3; g++) {
		struct mikey_dh *a, *b;
		struct secret x = { 0 }, y = { 0 };

		assert_int_equal(mikey_dh_new(g, &a), 0);
		assert_int_equal(mikey_dh_new(g, &b), 0);
		assert_int_equal(mikey_dh_group(a), g);
		assert_int_equal(mikey_dh_public(a).len, mikey_dh_len(g));
		assert_int_equal(mikey_dh_shared(a, mikey_dh_public(b), &x),
				 0);
		assert_int_equal(mikey_dh_shared(b, mikey_dh_public(a), &y),
				 0);
		assert_int_equal(x.len, mikey_dh_len(g));
		assert_true(secret_equal(&x, &y));
		mikey_dh_free(a);
		mikey_dh_free(b);
	}
}

static void secrets_differ(void **state)
{
	struct mikey_dh *a, *b, *c;
	struct secret ab, ac;

	(void)state;
	assert_int_equal(mikey_dh_new(0, &a), 0);
	assert_int_equal(mikey_dh_new(0, &b), 0);
	assert_int_equal(mikey_dh_new(0, &c), 0);
	assert_int_equal(mikey_dh_shared(a, mikey_dh_public(b), &ab), 0);
	assert_int_equal(mikey_dh_shared(a, mikey_dh_public(c), &ac), 0);
	assert_false(secret_equal(&ab, &ac));
	mikey_dh_free(a);
	mikey_dh_free(b);
	mikey_dh_free(c);
}

/* g^x has leading zeros for one x in 256: they must stay, on both sides. */
static void leading_zeros_stay(void **state)
{
	struct mikey_dh *a;
	struct secret s;
	uint8_t room[MIKEY_DH_MAX];
	bool zero = false;

	(void)state;
	assert_int_equal(mikey_dh_new(MIKEY_OAKLEY_1, &a), 0);
	for (unsigned i = 2; i < 256 && !zero; i++)
		for (unsigned k = 0; k < 16 && !zero; k++) {
			struct mikey_bytes v = small(MIKEY_OAKLEY_1,
						     (uint8_t)i, room);

			room[v.len - 2] = (uint8_t)k;
			assert_int_equal(mikey_dh_shared(a, v, &s), 0);
			assert_int_equal(s.len, 96);
			zero = s.bytes[0] == 0;
		}
	assert_true(zero);
	mikey_dh_free(a);
}

static void bad_values_are_refused(void **state)
{
	uint8_t room[MIKEY_DH_MAX];
	struct secret s = { 0 };

	(void)state;
	for (unsigned g = 0; g < 3; g++) {
		const long bad[] = { -1, 0, 1, 2 };
		struct mikey_dh *a;

		assert_int_equal(mikey_dh_new(g, &a), 0);
		for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
			assert_int_equal(mikey_dh_shared(a,
				near_prime(g, bad[i], room), &s), E_FORMAT);
		assert_int_equal(mikey_dh_shared(a, small(g, 0, room), &s),
				 E_FORMAT);
		assert_int_equal(mikey_dh_shared(a, small(g, 1, room), &s),
				 E_FORMAT);
		memset(room, 0xff, sizeof room);
		assert_int_equal(mikey_dh_shared(a, (struct mikey_bytes){
				 room, mikey_dh_len(g) }, &s), E_FORMAT);
		assert_int_equal(mikey_dh_shared(a, mikey_dh_public(a), &s),
				 E_FORMAT);
		assert_int_equal(s.len, 0);
		assert_int_equal(mikey_dh_check(g, small(g, 2, room)), 0);
		assert_int_equal(mikey_dh_check(g, near_prime(g, -2, room)),
				 0);
		mikey_dh_free(a);
	}
}

static void wrong_lengths_are_refused(void **state)
{
	uint8_t room[MIKEY_DH_MAX + 1] = { [190] = 5 };
	struct mikey_dh *a;
	struct secret s;

	(void)state;
	assert_int_equal(mikey_dh_new(0, &a), 0);
	for (size_t n = 0; n <= sizeof room; n++)
		if (n != 192)
			assert_int_equal(mikey_dh_shared(a,
				(struct mikey_bytes){ room, n }, &s),
				E_FORMAT);
	mikey_dh_free(a);
}

static void groups_are_known_or_not(void **state)
{
	struct mikey_dh *none = NULL;

	(void)state;
	assert_int_equal(mikey_dh_new(3, &none), E_UNSUPPORTED);
	assert_null(none);
	assert_int_equal(mikey_dh_len(3), 0);
	assert_int_equal(mikey_dh_check(255, (struct mikey_bytes){ NULL, 0 }),
			 E_UNSUPPORTED);
	assert_true(mikey_dh_allowed(MIKEY_OAKLEY_5, false));
	assert_false(mikey_dh_allowed(MIKEY_OAKLEY_1, false));
	assert_false(mikey_dh_allowed(MIKEY_OAKLEY_2, false));
	assert_true(mikey_dh_allowed(MIKEY_OAKLEY_1, true));
	assert_false(mikey_dh_allowed(3, true));
	assert_string_equal(mikey_dh_name(0), "OAKLEY 5 (1536 bits)");
	assert_string_equal(mikey_dh_name(7), "an unknown group");
	mikey_dh_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_get_one_secret),
		cmocka_unit_test(secrets_differ),
		cmocka_unit_test(leading_zeros_stay),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(wrong_lengths_are_refused),
		cmocka_unit_test(groups_are_known_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
