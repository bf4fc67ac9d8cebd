/* test_mikey_certs.c - the methods of MIKEY that prove identities by
 * certificates (RFC 3830 3.2, 3.3; RFC 4738): whole exchanges, then everything
 * that must be refused, with its reason. What holds for all methods runs for
 * each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/base/log.h"
#include "modules/mikey/error.h"
#include "tests/mock/slow.h"
#include "tests/unit/cert_pair.h"

static const struct keying *const methods[] = {
	&mikey_pke, &mikey_rsa_r, &mikey_dhsign, &mikey_ecdh
};

#define N_METHODS (sizeof methods / sizeof *methods)

static struct certs certs;

static void same_keys(const struct keying_result *a,
		      const struct keying_result *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_memory_equal(&a->send[i], &b->recv[i],
				    sizeof a->send[i]);
		assert_memory_equal(&a->recv[i], &b->send[i],
				    sizeof a->recv[i]);
		assert_memory_not_equal(&a->send[i], &a->recv[i],
					sizeof a->send[i]);
	}
}

static void both_ends_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;

		pair_open(&p, methods[i], &certs);
		p.a.n = p.b.n = 2;
		assert_int_equal(pair_offer(&p), 0);
		assert_true(p.how->takes(p.offer.data, p.offer.len));
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		same_keys(&p.called, &p.calling);
		assert_int_equal(p.called.facts.verified, 1);
		/* where the answer has the key, nobody opened it yet */
		assert_int_equal(p.called.facts.confirmed,
				 p.how == &mikey_pke);
		assert_int_equal(p.early.n, p.how == &mikey_pke ? 2 : 0);
		assert_int_equal(p.calling.facts.verified, 1);
		assert_int_equal(p.calling.facts.confirmed, 1);
		assert_string_equal(p.calling.facts.method, p.how->name);
		assert_in_range(p.calling.facts.key_bits, 80, 128);
		assert_int_equal(p.calling.facts.key_bits,
				 p.called.facts.key_bits);
		assert_int_equal(p.calling.recv_ssrc[1], 0x44444444);
		assert_int_equal(p.called.recv_ssrc[1], 0x22222222);
		pair_close(&p);
	}
}

/* Any byte of the offer changed: refused, and never for lack of memory. */
static void every_byte_of_an_offer_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct keying_result res = { .n = 0 };

		pair_open(&p, methods[i], &certs);
		assert_int_equal(pair_offer(&p), 0);
		for (size_t k = 0; k < p.offer.len; k += rounds(1, 7)) {
			int r;

			p.offer.data[k] ^= 1;
			buf_clear(&p.answer);
			r = p.how->answer(&p.b, p.offer.data, p.offer.len,
					  &p.answer, &res, &p.fault);
			assert_in_range(-r, -E_FORMAT, -E_EXPIRED);
			assert_int_equal(res.n, 0);
			assert_true(p.fault.text[0]);
			p.offer.data[k] ^= 1;
		}
		pair_close(&p);
	}
}

static void every_byte_of_an_answer_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;

		pair_open(&p, methods[i], &certs);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		for (size_t k = 0; k < p.answer.len; k += rounds(1, 7)) {
			p.answer.data[k] ^= 1;
			assert_true(pair_finish(&p) < 0);
			assert_int_equal(p.calling.n, 0);
			p.answer.data[k] ^= 1;
		}
		assert_int_equal(pair_finish(&p), 0);
		pair_close(&p);
	}
}

static void truncations_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct keying_result res = { .n = 0 };

		pair_open(&p, methods[i], &certs);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		for (size_t k = 0; k < p.offer.len; k++) {
			struct buf out = buf_of(KEYING_MAX);

			assert_true(p.how->answer(&p.b, p.offer.data, k, &out,
						  &res, &p.fault) < 0);
			buf_free(&out);
		}
		for (size_t k = 1; k < p.answer.len; k++)
			assert_true(p.how->finish(p.pending, p.answer.data, k,
						  NOW_US, &res,
						  &p.fault) < 0);
		assert_int_equal(res.n, 0);
		pair_close(&p);
	}
}

/* -- whose certificate ---------------------------------------------------- */

/* Bob's certificate as ordered: what the offerer a, and the answerer, say. */
struct bad {
	const char *what;
	struct ca_order order;
	const char *reason; /* in the fault */
};

static const struct bad bads[] = {
	{ "expired", { .san = "URI:sip:a.example", .to_s = -10 }, "expired" },
	{ "too young", { .san = "URI:sip:a.example", .from_s = 10 },
	  "not yet valid" },
	{ "another domain", { .san = "URI:sip:b.example" },
	  "is for sip:b.example" },
	{ "another user", { .san = "URI:sip:carol@a.example" },
	  "is for sip:carol" },
	{ "a suffix", { .san = "DNS:example" }, "is for DNS:example" },
	{ "a wildcard", { .san = "DNS:*.example" }, "is for DNS:*" },
	{ "DNS beside a sip domain",
	  { .san = "URI:sip:c.example,DNS:a.example" }, "is for sip:c" },
	{ "no name", { .san = NULL }, "is for nobody" },
	{ "another scheme", { .san = "URI:https://a.example" },
	  "is for nobody" },
	{ "not to sign", { .san = "URI:sip:a.example",
			   .usage = "keyEncipherment" }, "may not sign" },
	{ "not for SIP", { .san = "URI:sip:a.example",
			   .extended = "codeSigning" }, "not for SIP" },
};

/* An offer by a with another certificate, made as if it were good. */
static int offer_with(struct cert_pair *p, X509 *cert, EVP_PKEY *key,
		      const struct ca *ca)
{
	struct credential *own = ca_credential(cert, NULL, key, ca);
	const char *id = p->a.local_id;
	int r;

	ca_add(own, CREDENTIAL_PEER, "them",
	       ca_file(certs.b, NULL, NULL, NULL));
	ca_add(own, CREDENTIAL_CA, "",
	       ca_file(certs.ca.cert, NULL, NULL, NULL));
	p->a.credential = own;
	p->a.local_id = id;
	r = pair_offer(p);
	credential_free(own);
	p->a.credential = certs.own[0];
	return r;
}

/* The certificate that a sends is swapped, so that its own checks of itself
 * do not get in the way: they must refuse the same. */
static void swap_cert(struct buf *message, X509 *to)
{
	struct mikey_message m;
	struct buf out = buf_of(KEYING_MAX);
	uint8_t *der = NULL;
	int len = i2d_X509(to, &der);

	assert_int_equal(mikey_decode(message->data, message->len, &m), 0);
	for (size_t i = 0; i < m.n; i++)
		if (m.payload[i].type == MIKEY_CERT)
			m.payload[i].data = (struct mikey_bytes){
				der, (size_t)len };
	assert_int_equal(mikey_encode(&m, &out), 0);
	buf_free(message);
	*message = out;
	OPENSSL_free(der);
}

static void bad_certificates_are_refused(void **state)
{
	(void)state;
	for (size_t m = 0; m < N_METHODS; m++)
		for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
			struct cert_pair p;
			X509 *x = ca_issue(&certs.ca, rsa_key(KEY_A), "bad",
					   &bads[i].order);

			pair_open(&p, methods[m], &certs);
			assert_int_equal(pair_offer(&p), 0);
			swap_cert(&p.offer, x);
			assert_int_equal(pair_answer(&p), E_AUTH);
			if (!strstr(p.fault.text, bads[i].reason))
				fail_msg("%s: %s", bads[i].what,
					 p.fault.text);
			assert_true(p.answer.len > 0);
			assert_int_equal(p.called.n, 0);
			X509_free(x);
			pair_close(&p);
		}
}

static void good_names_are_taken(void **state)
{
	static const char *const good[] = {
		"URI:sip:alice@a.example", "URI:SIP:a.EXAMPLE", "DNS:A.example",
		"URI:sip:c.example,URI:sip:a.example",
		"DNS:c.example,DNS:a.example",
		"URI:sip:carol@a.example,DNS:a.example",
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		const struct ca_order o = {
			.san = good[i],
			.usage = "digitalSignature,keyEncipherment",
			.extended = "1.3.6.1.5.5.7.3.20"
		};
		X509 *x = ca_issue(&certs.ca, rsa_key(KEY_A), "good", &o);
		struct cert_pair p;

		pair_open(&p, methods[0], &certs);
		assert_int_equal(offer_with(&p, x, rsa_key(KEY_A), &certs.ca),
				 0);
		assert_int_equal(pair_answer(&p), 0);
		X509_free(x);
		pair_close(&p);
	}
}

static void strangers_are_refused(void **state)
{
	struct ca rogue = ca_make(KEY_ROGUE_CA, "another issuer");
	struct ca twin = ca_make(KEY_ROGUE_CA, "the issuer");
	X509 *x = ca_issue(&rogue, rsa_key(KEY_A), "a", &(struct ca_order){
		.san = "URI:sip:a.example" });
	X509 *forged = ca_issue(&twin, rsa_key(KEY_A), "a",
				&(struct ca_order){
					.san = "URI:sip:a.example" });
	X509 *other = ca_issue(&certs.ca, rsa_key(KEY_ROGUE), "a",
			       &(struct ca_order){
				       .san = "URI:sip:a.example" });

	(void)state;
	for (size_t m = 0; m < N_METHODS; m++) {
		struct cert_pair p;

		pair_open(&p, methods[m], &certs);
		assert_int_equal(offer_with(&p, x, rsa_key(KEY_A), &rogue), 0);
		assert_int_equal(pair_answer(&p), E_AUTH);
		assert_non_null(strstr(p.fault.text, "certificate"));
		pair_close(&p);
		/* an issuer of the same name, but not ours */
		pair_open(&p, methods[m], &certs);
		assert_int_equal(pair_offer(&p), 0);
		swap_cert(&p.offer, forged);
		assert_int_equal(pair_answer(&p), E_AUTH);
		assert_non_null(strstr(p.fault.text, "certificate"));
		pair_close(&p);
		/* a good certificate of the same name, another's signature */
		pair_open(&p, methods[m], &certs);
		assert_int_equal(pair_offer(&p), 0);
		swap_cert(&p.offer, other);
		assert_int_equal(pair_answer(&p), E_AUTH);
		assert_non_null(strstr(p.fault.text, "signature"));
		pair_close(&p);
	}
	X509_free(x);
	X509_free(other);
	X509_free(forged);
	ca_free(&twin);
	ca_free(&rogue);
}

static void weak_keys_are_refused(void **state)
{
	EVP_PKEY *short_key = ca_key(KEY_SHORT, "RSA", 1024);
	EVP_PKEY *ec = ca_key(KEY_EC, "P-521", 0);
	EVP_PKEY *const keys[] = { short_key, ec };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		X509 *x = ca_issue(&certs.ca, keys[i], "a",
				   &(struct ca_order){
					   .san = "URI:sip:a.example" });
		struct cert_pair p;

		pair_open(&p, methods[0], &certs);
		assert_int_equal(pair_offer(&p), 0);
		swap_cert(&p.offer, x);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "RSA"));
		X509_free(x);
		pair_close(&p);
	}
}

/* An issuer between, sent along; and one that was never sent. */
static void chains_lead_to_an_anchor(void **state)
{
	X509 *mid = ca_issue(&certs.ca, rsa_key(KEY_ROGUE_CA), "between",
			     &(struct ca_order){ .authority = true,
				     .usage = "keyCertSign,cRLSign" });
	struct ca by = { rsa_key(KEY_ROGUE_CA), mid };
	X509 *x = ca_issue(&by, rsa_key(KEY_A), "a", &(struct ca_order){
		.san = "URI:sip:a.example" });
	struct credential *own = ca_credential(x, mid, rsa_key(KEY_A),
					       &certs.ca);
	struct cert_pair p;

	(void)state;
	ca_add(own, CREDENTIAL_PEER, "them",
	       ca_file(certs.b, NULL, NULL, NULL));
	pair_open(&p, methods[0], &certs);
	p.a.credential = own;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	pair_close(&p);
	pair_open(&p, methods[0], &certs);
	assert_int_equal(offer_with(&p, x, rsa_key(KEY_A), &certs.ca), 0);
	assert_int_equal(pair_answer(&p), E_AUTH);
	assert_non_null(strstr(p.fault.text, "issuer"));
	pair_close(&p);
	credential_free(own);
	X509_free(x);
	X509_free(mid);
}

static void revocation(X509 *gone, long to_s, int want, const char *reason)
{
	struct credential *own = ca_credential(certs.b, NULL, rsa_key(KEY_B),
					       &certs.ca);
	X509_CRL *crl = ca_revoke(&certs.ca, gone, to_s);
	struct cert_pair p;

	ca_add(own, CREDENTIAL_CRL, "", ca_file(NULL, NULL, NULL, crl));
	pair_open(&p, methods[0], &certs);
	p.b.credential = own;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), want);
	assert_non_null(strstr(p.fault.text, reason));
	pair_close(&p);
	X509_CRL_free(crl);
	credential_free(own);
}

static void revoked_certificates_are_refused(void **state)
{
	(void)state;
	revocation(NULL, 1000, 0, "");
	revocation(certs.b, 1000, 0, "");
	revocation(certs.a, 1000, E_AUTH, "revoked");
	revocation(NULL, -10, E_AUTH, "CRL has expired");
}

/* -- the message ---------------------------------------------------------- */

static void a_stripped_signature_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct mikey_message m;
		struct buf out = buf_of(KEYING_MAX);

		pair_open(&p, methods[i], &certs);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(mikey_decode(p.offer.data, p.offer.len, &m),
				 0);
		m.n--;
		assert_int_equal(mikey_encode(&m, &out), 0);
		buf_free(&p.offer);
		p.offer = out;
		assert_int_equal(pair_answer(&p), E_AUTH);
		assert_non_null(strstr(p.fault.text, "not signed"));
		pair_close(&p);
	}
}

static void a_reflected_offer_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct keying_terms back;

		pair_open(&p, methods[i], &certs);
		assert_int_equal(pair_offer(&p), 0);
		/* to its maker, as if the other called */
		back = p.a;
		assert_true(p.how->answer(&back, p.offer.data, p.offer.len,
					  &p.answer, &p.called,
					  &p.fault) < 0);
		/* as its own answer */
		assert_true(p.how->finish(p.pending, p.offer.data,
					  p.offer.len, NOW_US, &p.calling,
					  &p.fault) < 0);
		pair_close(&p);
	}
}

/* For another callee of the same domain, from another caller. */
static void another_calls_offer_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;

		pair_open(&p, methods[i], &certs);
		assert_int_equal(pair_offer(&p), 0);
		p.b.remote_id = "sip:carol@a.example";
		assert_int_equal(pair_answer(&p), E_AUTH);
		assert_int_equal(p.called.n, 0);
		pair_close(&p);
	}
}

static void old_offers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;

		pair_open(&p, methods[i], &certs);
		assert_int_equal(pair_offer(&p), 0);
		p.b.wall_us += 301 * 1000000ull;
		assert_int_equal(pair_answer(&p), E_EXPIRED);
		assert_true(p.answer.len > 0);
		assert_true(pair_finish(&p) < 0); /* the error message */
		pair_close(&p);
	}
}

static void our_own_name_must_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;

		pair_open(&p, methods[i], &certs);
		p.a.local_id = "sip:alice@c.example";
		assert_int_equal(pair_offer(&p), E_POLICY);
		assert_non_null(strstr(p.fault.text, "our own certificate"));
		assert_int_equal(p.offer.len, 0);
		p.a.local_id = ALICE;
		p.a.credential = NULL;
		assert_int_equal(pair_offer(&p), E_POLICY);
		assert_non_null(strstr(p.fault.text, "identity"));
		pair_close(&p);
	}
}

/* -- public-key encryption ------------------------------------------------ */

static void keys_are_early(void **state)
{
	struct cert_pair p;

	(void)state;
	pair_open(&p, &mikey_pke, &certs);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(p.early.n, 1);
	assert_int_equal(p.early.facts.verified, 0);
	assert_int_equal(pair_answer(&p), 0);
	same_keys(&p.early, &p.called);
	pair_close(&p);
}

static void no_answer_is_asked_for_without_v(void **state)
{
	struct cert_pair p;

	(void)state;
	pair_open(&p, &mikey_pke, &certs);
	p.a.verify = false;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(p.answer.len, 0);
	assert_int_equal(pair_finish(&p), 0);
	assert_int_equal(p.calling.facts.confirmed, 0);
	same_keys(&p.called, &p.calling);
	pair_close(&p);
	pair_open(&p, &mikey_pke, &certs);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(p.how->finish(p.pending, NULL, 0, NOW_US, &p.calling,
				       &p.fault), E_AUTH);
	pair_close(&p);
}

static void a_peer_without_certificate_cannot_be_called(void **state)
{
	struct cert_pair p;

	(void)state;
	pair_open(&p, &mikey_pke, &certs);
	p.a.peer = "others";
	assert_int_equal(pair_offer(&p), E_POLICY);
	assert_non_null(strstr(p.fault.text, "set its cert"));
	p.a.peer = "them";
	p.a.remote_id = "sip:carol@b.example";
	assert_int_equal(pair_offer(&p), E_AUTH);
	assert_non_null(strstr(p.fault.text, "is for sip:bob@b.example"));
	pair_close(&p);
}

/* A wrong envelope, whatever is wrong with it, gives one and the same error
 * message. The offer is signed anew, by a. */
static void seal_again(struct cert_pair *p, const uint8_t *pke, size_t len)
{
	struct mikey_message m;
	struct buf out = buf_of(KEYING_MAX);
	struct der run;

	assert_int_equal(mikey_decode(p->offer.data, p->offer.len, &m), 0);
	for (size_t i = 0; i < m.n; i++)
		if (m.payload[i].type == MIKEY_PKE)
			m.payload[i].data = (struct mikey_bytes){ pke, len };
	assert_int_equal(mikey_encode(&m, &out), 0);
	run = (struct der){ out.data, out.len - 256 };
	assert_int_equal(credential_sign(certs.own[0], SIGNATURE_PKCS1, &run,
					 1, out.data + run.len), 0);
	buf_free(&p->offer);
	p->offer = out;
}

static void envelopes_fail_alike(void **state)
{
	uint8_t first[512], pke[SIGNATURE_MAX];
	size_t first_len = 0, len;
	char text[REASON_TEXT] = "";
	struct credential_fault why;
	struct certificate *b;

	(void)state;
	assert_int_equal(credential_peer(certs.own[0], "them",
					 &(struct credential_ask){
						 .id = BOB, .wall_us = NOW_US },
					 &b, &why), 0);
	for (size_t i = 0; i < 5; i++) {
		const size_t lens[] = { 16, 32, 15, 33, 0 };
		struct secret key = { 0 };
		struct cert_pair p;

		pair_open(&p, &mikey_pke, &certs);
		assert_int_equal(pair_offer(&p), 0);
		secret_random(&key, lens[i] ? lens[i] : 16);
		assert_int_equal(certificate_seal(b, &key, pke, &len), 0);
		if (!lens[i])
			memset(pke, 0x55, len); /* some number */
		seal_again(&p, pke, len);
		assert_int_equal(pair_answer(&p), E_AUTH);
		/* CSB ID and T differ from offer to offer */
		memset(p.answer.data + 4, 0, 4);
		memset(p.answer.data + 12, 0, 8);
		if (!i) {
			first_len = p.answer.len;
			memcpy(first, p.answer.data, first_len);
			strcpy(text, p.fault.text);
		}
		assert_int_equal(p.answer.len, first_len);
		assert_memory_equal(p.answer.data, first, first_len);
		assert_string_equal(p.fault.text, text);
		pair_close(&p);
	}
	certificate_free(b);
}

static void opened_keys_are_what_was_sealed(void **state)
{
	struct credential_fault why;
	struct certificate *b;

	(void)state;
	assert_int_equal(credential_peer(certs.own[0], "them",
					 &(struct credential_ask){
						 CERTIFICATE_ENCRYPTS, BOB,
						 NOW_US, { false, NULL } },
					 &b, &why), 0);
	for (size_t n = 1; n < 60; n++) {
		struct secret key = { 0 }, got = { 0 };
		uint8_t pke[SIGNATURE_MAX];
		size_t len;

		secret_random(&key, n);
		assert_int_equal(certificate_seal(b, &key, pke, &len), 0);
		assert_int_equal(credential_open(certs.own[1],
						 (struct der){ pke, len },
						 &got), 0);
		assert_int_equal(secret_equal(&key, &got),
				 n >= ENVELOPE_MIN && n <= ENVELOPE_MAX);
		assert_in_range(got.len, ENVELOPE_MIN, ENVELOPE_MAX);
	}
	certificate_free(b);
}

static void pss_is_taken(void **state)
{
	struct cert_pair p;
	struct der run;

	(void)state;
	pair_open(&p, methods[0], &certs);
	assert_int_equal(pair_offer(&p), 0);
	run = (struct der){ p.offer.data, p.offer.len - 256 };
	p.offer.data[run.len - 2] = SIGNATURE_PSS << 4 | 1;
	assert_int_equal(credential_sign(certs.own[0], SIGNATURE_PSS, &run, 1,
					 p.offer.data + run.len), 0);
	assert_int_equal(pair_answer(&p), 0);
	p.offer.data[run.len - 2] = 2 << 4 | 1;
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	pair_close(&p);
}

static int setup(void **state)
{
	(void)state;
	certs_open(&certs);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	certs_close(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_agree),
		cmocka_unit_test(every_byte_of_an_offer_counts),
		cmocka_unit_test(every_byte_of_an_answer_counts),
		cmocka_unit_test(truncations_are_refused),
		cmocka_unit_test(bad_certificates_are_refused),
		cmocka_unit_test(good_names_are_taken),
		cmocka_unit_test(strangers_are_refused),
		cmocka_unit_test(weak_keys_are_refused),
		cmocka_unit_test(chains_lead_to_an_anchor),
		cmocka_unit_test(revoked_certificates_are_refused),
		cmocka_unit_test(a_stripped_signature_is_refused),
		cmocka_unit_test(a_reflected_offer_is_refused),
		cmocka_unit_test(another_calls_offer_is_refused),
		cmocka_unit_test(old_offers_are_refused),
		cmocka_unit_test(our_own_name_must_fit),
		cmocka_unit_test(keys_are_early),
		cmocka_unit_test(no_answer_is_asked_for_without_v),
		cmocka_unit_test(a_peer_without_certificate_cannot_be_called),
		cmocka_unit_test(envelopes_fail_alike),
		cmocka_unit_test(opened_keys_are_what_was_sealed),
		cmocka_unit_test(pss_is_taken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
