/* test_mikey_ecdh.c - agreement on the curves P-256 and P-384 (doc/
 * MIKEY-ECC.md): the vectors of RFC 5903 section 8, points that are none, and
 * the method beside the one that agrees in a group. */
#include "modules/mikey/dh.c" /* for private values that the vectors name */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "modules/mikey/error.h"
#include "tests/unit/cert_pair.h"
#include "tests/unit/mikey_vectors.h"

static struct certs certs;

/* 04 || x || y */
static struct vector point_of(const json_t *c, const char *x, const char *y)
{
	struct vector vx = vector_hex(c, x), vy = vector_hex(c, y);
	struct vector v = { .len = 1 + vx.len + vy.len };

	v.bytes[0] = UNCOMPRESSED;
	memcpy(v.bytes + 1, vx.bytes, vx.len);
	memcpy(v.bytes + 1 + vx.len, vy.bytes, vy.len);
	return v;
}

static struct mikey_bytes bytes_of(const struct vector *v)
{
	return (struct mikey_bytes){ v->bytes, v->len };
}

/* Our half with that private value and its point. */
static void half_of(unsigned group, const struct vector *priv,
		    const struct vector *point, struct mikey_dh *d)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *k = BN_bin2bn(priv->bytes, (int)priv->len, NULL);
	OSSL_PARAM *params;

	*d = (struct mikey_dh){ .group = group_of(group) };
	assert_non_null(d->group);
	assert_true(OSSL_PARAM_BLD_push_utf8_string(bld,
			OSSL_PKEY_PARAM_GROUP_NAME, d->group->known, 0));
	assert_true(OSSL_PARAM_BLD_push_octet_string(bld,
			OSSL_PKEY_PARAM_PUB_KEY, point->bytes, point->len));
	assert_true(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, k));
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_true(EVP_PKEY_fromdata_init(ctx) > 0);
	assert_true(EVP_PKEY_fromdata(ctx, &d->key, EVP_PKEY_KEYPAIR,
				      params) > 0);
	assert_int_equal(read_public(d), 0);
	assert_memory_equal(d->public, point->bytes, point->len);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(k);
}

static void agrees_as(unsigned group, const json_t *c, const char *priv,
		      const struct vector *own, const struct vector *other)
{
	struct vector k = vector_hex(c, priv), want = vector_hex(c, "girx");
	struct secret got = { 0 };
	struct mikey_dh d;

	half_of(group, &k, own, &d);
	assert_int_equal(mikey_dh_shared(&d, bytes_of(other), &got), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.bytes, want.bytes, want.len);
	EVP_PKEY_free(d.key);
}

static void vectors_of_rfc_5903(void **state)
{
	json_t *root, *cases = vector_cases("rfc5903_ecdh.json", &root), *c;
	size_t i, n = 0;

	(void)state;
	json_array_foreach(cases, i, c) {
		json_int_t ike = json_integer_value(json_object_get(c,
							"ike_group"));
		struct vector pi = point_of(c, "gix", "giy");
		struct vector pr = point_of(c, "grx", "gry");
		unsigned group = ike == 19 ? MIKEY_P256 : MIKEY_P384;

		if (ike > 20)
			continue; /* P-521: not used here */
		agrees_as(group, c, "i", &pi, &pr);
		agrees_as(group, c, "r", &pr, &pi);
		n++;
	}
	assert_int_equal(n, 2);
	json_decref(root);
}

static void both_sides_get_one_x(void **state)
{
	const unsigned all[] = { MIKEY_P256, MIKEY_P384 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mikey_dh *a, *b;
		struct secret x = { 0 }, y = { 0 };

		assert_int_equal(mikey_dh_new(all[i], &a), 0);
		assert_int_equal(mikey_dh_new(all[i], &b), 0);
		assert_int_equal(mikey_dh_shared(a, mikey_dh_public(b), &x),
				 0);
		assert_int_equal(mikey_dh_shared(b, mikey_dh_public(a), &y),
				 0);
		assert_int_equal(x.len, (mikey_dh_len(all[i]) - 1) / 2);
		assert_true(secret_equal(&x, &y));
		assert_int_equal(mikey_dh_shared(a, mikey_dh_public(a), &x),
				 E_FORMAT); /* our message came back */
		mikey_dh_free(a);
		mikey_dh_free(b);
	}
}

/* A point with one change, at a place and by a value. */
static void spoil(uint8_t *p, size_t at, uint8_t xor)
{
	p[at] ^= xor;
}

static void points_that_are_none_are_refused(void **state)
{
	const unsigned all[] = { MIKEY_P256, MIKEY_P384 };
	uint8_t room[MIKEY_DH_MAX];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t len = mikey_dh_len(all[i]);
		struct mikey_bytes v = { room, len };
		struct mikey_dh *d;

		assert_int_equal(mikey_dh_new(all[i], &d), 0);
		memcpy(room, mikey_dh_public(d).p, len);
		for (size_t n = 0; n < len; n++) /* infinity is one byte */
			assert_int_equal(mikey_dh_check(all[i],
				(struct mikey_bytes){ room, n }), E_FORMAT);
		assert_int_equal(mikey_dh_check(all[i], v), 0);
		for (unsigned form = 0; form < 256; form++) {
			room[0] = (uint8_t)form;
			assert_int_equal(mikey_dh_check(all[i], v),
					 form == UNCOMPRESSED ? 0 : E_FORMAT);
		}
		memcpy(room, mikey_dh_public(d).p, len);
		for (size_t at = 1; at < len; at += 7) { /* off the curve */
			spoil(room, at, 1);
			assert_int_equal(mikey_dh_check(all[i], v), E_FORMAT);
			spoil(room, at, 1);
		}
		memset(room + 1, 0, len - 1);
		assert_int_equal(mikey_dh_check(all[i], v), E_FORMAT);
		memset(room + 1, 0xff, len - 1); /* not below p */
		assert_int_equal(mikey_dh_check(all[i], v), E_FORMAT);
		mikey_dh_free(d);
	}
}

/* The invalid-curve attack: a point of small order on y^2 = x^3 - 3x + b' */
static void a_point_of_another_curve_is_refused(void **state)
{
	struct mikey_dh *d;
	uint8_t room[97] = { UNCOMPRESSED };
	struct secret s = { 0 };

	(void)state;
	assert_int_equal(mikey_dh_new(MIKEY_P256, &d), 0);
	room[32] = 1; /* (1, 1) */
	room[64] = 1;
	assert_int_equal(mikey_dh_shared(d, (struct mikey_bytes){ room, 65 },
					 &s), E_FORMAT);
	assert_int_equal(mikey_dh_shared(d, (struct mikey_bytes){ room, 97 },
					 &s), E_FORMAT);
	assert_int_equal(s.len, 0);
	mikey_dh_free(d);
}

/* -- the method ----------------------------------------------------------- */

static unsigned group_offered(const struct cert_pair *p)
{
	struct mikey_message m;

	assert_int_equal(mikey_decode(p->offer.data, p->offer.len, &m), 0);
	return mikey_find(&m, MIKEY_DH, 0)->kind;
}

static void the_curve_follows_the_suite(void **state)
{
	const struct {
		enum suite suite;
		unsigned group, bits;
	} rows[] = {
		{ SUITE_AEAD_AES_128_GCM, MIKEY_P256, 128 },
		{ SUITE_AES_CM_128_HMAC_SHA1_32, MIKEY_P256, 128 },
		{ SUITE_AES_192_CM_HMAC_SHA1_80, MIKEY_P384, 192 },
		{ SUITE_AEAD_AES_256_GCM, MIKEY_P384, 192 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cert_pair p;

		pair_open(&p, &mikey_ecdh, &certs);
		p.suites[0] = rows[i].suite;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(group_offered(&p), rows[i].group);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		assert_int_equal(p.calling.facts.key_bits, rows[i].bits);
		assert_int_equal(p.called.facts.key_bits, rows[i].bits);
		assert_memory_equal(&p.called.recv[0], &p.calling.send[0],
				    sizeof p.called.recv[0]);
		assert_string_equal(p.called.facts.method, "mikey-ecdh");
		pair_close(&p);
	}
}

/* Who lists only one of the two takes no offer of the other. */
static void each_takes_its_own_groups(void **state)
{
	const struct keying *both[] = { &mikey_dhsign, &mikey_ecdh };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct cert_pair p;
		struct mikey_message m;

		pair_open(&p, both[i], &certs);
		assert_int_equal(pair_offer(&p), 0);
		assert_true(both[i]->takes(p.offer.data, p.offer.len));
		assert_false(both[!i]->takes(p.offer.data, p.offer.len));
		assert_int_equal(both[!i]->answer(&p.b, p.offer.data,
			p.offer.len, &p.answer, &p.called, &p.fault),
			E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "does not use"));
		assert_int_equal(p.called.n, 0);
		assert_int_equal(mikey_decode(p.answer.data, p.answer.len, &m),
				 0);
		assert_int_equal(mikey_find(&m, MIKEY_ERR, 0)->kind,
				 MIKEY_ERR_DH);
		assert_int_equal(pair_finish(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "DH group"));
		pair_close(&p);
	}
}

static int open_all(void **state)
{
	(void)state;
	certs_open(&certs);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	certs_close(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_rfc_5903),
		cmocka_unit_test(both_sides_get_one_x),
		cmocka_unit_test(points_that_are_none_are_refused),
		cmocka_unit_test(a_point_of_another_curve_is_refused),
		cmocka_unit_test(the_curve_follows_the_suite),
		cmocka_unit_test(each_takes_its_own_groups),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
