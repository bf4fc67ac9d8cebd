/* test_verified.c - a chain that was verified is not verified again, and never
 * outlives what it was verified by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/cert_pair.h"

static struct ca ca;

/* How a chain of one is taken at that many seconds from CA_NOW. */
static int ask(const struct credential *c, X509 *x, const char *id,
	       unsigned use, long at_s)
{
	struct credential_ask a = {
		.use = use, .id = id,
		.wall_us = (uint64_t)(CA_NOW + at_s) * 1000000,
	};
	struct credential_fault why = { "" };
	struct certificate *out = NULL;
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der), r;

	r = credential_verify(c, &(struct der){ der, (size_t)len }, 1, &a,
			      &out, &why);
	assert_int_equal(r == 0, out != NULL);
	assert_true(!r || why.text[0]);
	certificate_free(out);
	OPENSSL_free(der);
	return r;
}

static struct credential *store(X509_CRL *crl)
{
	struct credential *c;

	assert_int_equal(credential_new(&c), 0);
	ca_add(c, CREDENTIAL_CA, "", ca_file(ca.cert, NULL, NULL, NULL));
	if (crl)
		ca_add(c, CREDENTIAL_CRL, "", ca_file(NULL, NULL, NULL, crl));
	return c;
}

static X509 *bob(const struct ca_order *order)
{
	return ca_issue(&ca, rsa_key(KEY_B), "b", order);
}

static void dates_hold_the_second_time(void **state)
{
	X509 *x = bob(&(struct ca_order){ .san = "URI:sip:b.example",
					  .from_s = -100, .to_s = 100 });
	struct credential *c = store(NULL);

	(void)state;
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 0), 0);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 0), 0);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 99), 0);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 100), E_AUTH);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, -101), E_AUTH);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 0), 0);
	credential_free(c);
	X509_free(x);
}

/* The name and the use belong to what was verified. */
static void another_question_is_asked_anew(void **state)
{
	X509 *x = bob(&(struct ca_order){ .san = "URI:sip:bob@b.example",
					  .usage = "digitalSignature" });
	struct credential *c = store(NULL);

	(void)state;
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 0), 0);
	assert_int_equal(ask(c, x, "sip:carol@b.example", CERTIFICATE_SIGNS,
			     0), E_AUTH);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_ENCRYPTS, 0), E_AUTH);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS |
			     CERTIFICATE_ENCRYPTS, 0), E_AUTH);
	credential_free(c);
	X509_free(x);
}

static void revocation_ends_it(void **state)
{
	X509 *x = bob(&(struct ca_order){ .san = "URI:sip:b.example" });
	X509_CRL *none = ca_revoke(&ca, NULL, 50);
	X509_CRL *gone = ca_revoke(&ca, x, 90);
	struct credential *c = store(none);

	(void)state;
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 0), 0);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 49), 0);
	/* the list is over, which is as good as none */
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 50), E_AUTH);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 0), 0);
	credential_free(c);
	/* what a reload brings knows nothing of the store before it */
	c = store(gone);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 0), E_AUTH);
	credential_free(c);
	/* and a list that is read afterwards counts at once */
	c = store(NULL);
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 0), 0);
	ca_add(c, CREDENTIAL_CRL, "", ca_file(NULL, NULL, NULL, gone));
	assert_int_equal(ask(c, x, BOB, CERTIFICATE_SIGNS, 0), E_AUTH);
	credential_free(c);
	X509_CRL_free(none);
	X509_CRL_free(gone);
	X509_free(x);
}

/* More far ends than there is room for. */
static void the_oldest_makes_room(void **state)
{
	struct credential *c = store(NULL);
	char san[64], id[64];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 70; i++) {
			X509 *x;

			snprintf(san, sizeof san, "URI:sip:b%d.example", i);
			snprintf(id, sizeof id, "sip:bob@b%d.example", i);
			x = bob(&(struct ca_order){ .san = san });
			assert_int_equal(ask(c, x, id, CERTIFICATE_SIGNS, 0),
					 0);
			assert_int_equal(ask(c, x, id, CERTIFICATE_SIGNS, 0),
					 0);
			X509_free(x);
		}
	credential_free(c);
}

/* Bytes that are a peer's name are no certificate of his. */
static void a_name_is_no_chain(void **state)
{
	X509 *x = bob(&(struct ca_order){ .san = "URI:sip:b.example" });
	struct credential *c = store(NULL);
	struct credential_ask a = { CERTIFICATE_SIGNS, BOB, NOW_US,
				    { false, NULL } };
	const uint8_t name[] = { 't', 'h', 'e', 'm' };
	struct credential_fault why = { "" };
	struct certificate *out;

	(void)state;
	ca_add(c, CREDENTIAL_PEER, "them", ca_file(x, NULL, NULL, NULL));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(credential_peer(c, "them", &a, &out, &why),
				 0);
		certificate_free(out);
	}
	assert_int_equal(credential_verify(c, &(struct der){ name, 4 }, 1, &a,
					   &out, &why), E_FORMAT);
	credential_free(c);
	X509_free(x);
}

static int setup(void **state)
{
	(void)state;
	ca = ca_make(KEY_CA, "the issuer");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ca_free(&ca);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_hold_the_second_time),
		cmocka_unit_test(another_question_is_asked_anew),
		cmocka_unit_test(revocation_ends_it),
		cmocka_unit_test(the_oldest_makes_room),
		cmocka_unit_test(a_name_is_no_chain),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
