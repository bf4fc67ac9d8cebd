/* test_ecdsa.c - certificates with keys on curves, and PSS: who signs how, who
 * takes what, and what cannot be done with such a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/cert_pair.h"

enum { KEY_256 = 8, KEY_384, KEY_OTHER };

static struct certs certs;
static struct credential *on_curve[2]; /* Alice's: P-256, P-384 */
static const size_t signature_bytes[2] = { 64, 96 };

static struct credential *alice(EVP_PKEY *key, const char *usage)
{
	X509 *x = ca_issue(&certs.ca, key, "a", &(struct ca_order){
		.san = "URI:sip:a.example", .usage = usage });
	struct credential *c = ca_credential(x, NULL, key, &certs.ca);
	struct credential_fault why = { "" };

	ca_add(c, CREDENTIAL_PEER, "them", ca_file(certs.b, NULL, NULL, NULL));
	assert_int_equal(credential_check(c, NOW_US, &why), 0);
	X509_free(x);
	return c;
}

static EVP_PKEY *curve_key(size_t i)
{
	return i ? ca_key(KEY_384, "P-384", 0) : ca_key(KEY_256, "P-256", 0);
}

static void they_sign_and_agree(void **state)
{
	const struct keying *const methods[] = { &mikey_dhsign, &mikey_ecdh,
						 &mikey_pke };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct cert_pair p;

		pair_open(&p, methods[i / 2], &certs);
		p.a.credential = on_curve[i % 2];
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		assert_int_equal(p.called.facts.verified, 1);
		assert_memory_equal(&p.called.recv[0], &p.calling.send[0],
				    sizeof p.called.recv[0]);
		pair_close(&p);
		if (methods[i / 2] == &mikey_pke)
			continue;
		/* and the other way round */
		pair_open(&p, methods[i / 2], &certs);
		p.b.local_id = ALICE;
		p.b.remote_id = BOB;
		p.a.local_id = BOB;
		p.a.remote_id = ALICE;
		p.a.credential = certs.own[1];
		p.b.credential = on_curve[i % 2];
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		pair_close(&p);
	}
}

static void they_receive_no_keys(void **state)
{
	struct secret key;
	struct cert_pair p;

	(void)state;
	pair_open(&p, &mikey_rsa_r, &certs);
	p.a.credential = on_curve[0];
	assert_int_equal(pair_offer(&p), E_POLICY);
	assert_non_null(strstr(p.fault.text, "mikey-ecdh"));
	pair_close(&p);
	/* Bob is asked to seal to a key on a curve */
	pair_open(&p, &mikey_rsa_r, &certs);
	assert_int_equal(pair_offer(&p), 0);
	p.b.credential = on_curve[0];
	assert_int_equal(pair_answer(&p), E_POLICY);
	pair_close(&p);
	/* we cannot open an envelope */
	pair_open(&p, &mikey_pke, &certs);
	assert_int_equal(pair_offer(&p), 0);
	p.b.credential = on_curve[0];
	assert_int_equal(pair_answer(&p), E_POLICY);
	assert_int_equal(credential_open(on_curve[0], (struct der){
		p.offer.data, 256 }, &key), E_UNSUPPORTED);
	pair_close(&p);
}

/* The far end's certificate is on a curve, and we shall seal a key to it. */
static void nothing_is_sealed_to_them(void **state)
{
	X509 *x = ca_issue(&certs.ca, curve_key(0), "b", &(struct ca_order){
		.san = "URI:sip:b.example" });
	struct credential *c = ca_credential(certs.a, NULL, rsa_key(KEY_A),
					     &certs.ca);
	struct credential_fault why;
	struct certificate *out;

	(void)state;
	ca_add(c, CREDENTIAL_PEER, "them", ca_file(x, NULL, NULL, NULL));
	assert_int_equal(credential_peer(c, "them", &(struct credential_ask){
		CERTIFICATE_ENCRYPTS, BOB, NOW_US, { false, NULL } }, &out,
					 &why), E_UNSUPPORTED);
	assert_non_null(strstr(why.text, "receive no keys"));
	assert_int_equal(credential_peer(c, "them", &(struct credential_ask){
		CERTIFICATE_SIGNS, BOB, NOW_US, { false, NULL } }, &out, &why),
			 0);
	certificate_free(out);
	credential_free(c);
	X509_free(x);
}

static void every_byte_of_a_signature_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct cert_pair p;
		size_t n = signature_bytes[i], from;

		pair_open(&p, &mikey_ecdh, &certs);
		p.a.credential = on_curve[i];
		assert_int_equal(pair_offer(&p), 0);
		from = p.offer.len - n;
		assert_int_equal(p.offer.data[from - 2] >> 4, SIGNATURE_ECDSA);
		assert_int_equal(p.offer.data[from - 1], n);
		for (size_t k = from; k < p.offer.len; k += 7) {
			p.offer.data[k] ^= 4;
			buf_clear(&p.answer);
			assert_int_equal(pair_answer(&p), E_AUTH);
			p.offer.data[k] ^= 4;
		}
		memset(p.offer.data + from, 0, n); /* r = s = 0 */
		assert_int_equal(pair_answer(&p), E_AUTH);
		memset(p.offer.data + from, 0xff, n);
		assert_int_equal(pair_answer(&p), E_AUTH);
		p.offer.len--; /* the field is shorter, and says so */
		p.offer.data[from - 1]--;
		assert_int_equal(pair_answer(&p), E_AUTH);
		pair_close(&p);
	}
}

/* A type that the key does not make. */
static void type_and_key_must_fit(void **state)
{
	const uint8_t text[] = "text";
	struct der run = { text, sizeof text };
	struct credential_fault why;
	uint8_t sig[SIGNATURE_MAX];
	struct certificate *rsa;
	struct cert_pair p;

	(void)state;
	assert_int_equal(credential_sign(on_curve[0], SIGNATURE_PSS, &run, 1,
					 sig), E_UNSUPPORTED);
	assert_int_equal(credential_sign(certs.own[0], SIGNATURE_ECDSA, &run,
					 1, sig), E_UNSUPPORTED);
	assert_int_equal(credential_peer(certs.own[0], "them",
					 &(struct credential_ask){
						 CERTIFICATE_SIGNS, BOB, NOW_US,
						 { false, NULL } },
					 &rsa, &why), 0);
	assert_int_equal(certificate_signed(rsa, SIGNATURE_ECDSA, &run, 1,
					    (struct der){ sig, 64 }),
			 E_UNSUPPORTED);
	certificate_free(rsa);
	pair_open(&p, &mikey_dhsign, &certs);
	p.a.credential = on_curve[0];
	assert_int_equal(pair_offer(&p), 0);
	p.offer.data[p.offer.len - 66] &= 0x0f; /* PKCS #1, by a curve */
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	pair_close(&p);
}

static void pss_is_sent_by_choice(void **state)
{
	struct credential *c = alice(rsa_key(KEY_A), NULL);
	struct cert_pair p;

	(void)state;
	for (int pss = 0; pss < 2; pss++) {
		credential_pss(c, pss);
		credential_pss(on_curve[0], pss);
		assert_int_equal(credential_signature(c),
				 pss ? SIGNATURE_PSS : SIGNATURE_PKCS1);
		assert_int_equal(credential_signature(on_curve[0]),
				 SIGNATURE_ECDSA);
		pair_open(&p, &mikey_rsa_r, &certs);
		p.a.credential = c;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(p.offer.data[p.offer.len - 258] >> 4, pss);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		pair_close(&p);
	}
	credential_free(c);
}

static void other_curves_are_refused(void **state)
{
	X509 *x = ca_issue(&certs.ca, ca_key(KEY_OTHER, "P-521", 0), "b",
			   &(struct ca_order){ .san = "URI:sip:b.example" });
	int fd = ca_file(x, NULL, NULL, NULL);
	struct credential_fault why;

	(void)state;
	assert_int_equal(credential_read(certs.own[0], CREDENTIAL_PEER, "p",
					 fd, &why), E_UNSUPPORTED);
	assert_non_null(strstr(why.text, "neither RSA nor on P-256"));
	close(fd);
	X509_free(x);
}

static int setup(void **state)
{
	(void)state;
	certs_open(&certs);
	for (size_t i = 0; i < 2; i++)
		on_curve[i] = alice(curve_key(i), "digitalSignature");
	assert_int_equal(credential_bits(on_curve[0]), 128);
	assert_int_equal(credential_bits(on_curve[1]), 192);
	assert_false(credential_opens(on_curve[0]));
	assert_true(credential_opens(certs.own[0]));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		credential_free(on_curve[i]);
	certs_close(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_sign_and_agree),
		cmocka_unit_test(they_receive_no_keys),
		cmocka_unit_test(nothing_is_sealed_to_them),
		cmocka_unit_test(every_byte_of_a_signature_counts),
		cmocka_unit_test(type_and_key_must_fit),
		cmocka_unit_test(pss_is_sent_by_choice),
		cmocka_unit_test(other_curves_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
