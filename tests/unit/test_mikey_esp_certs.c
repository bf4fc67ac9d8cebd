/* test_mikey_esp_certs.c - tunnels keyed by the methods that prove identities
 * by certificates. What holds for all of them runs for each; what an end may
 * say is the same code for every method and is tested in
 * test_mikey_esp_psk.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/mock/slow.h"
#include "tests/unit/cert_pair.h"
#include "tests/unit/esp_pair.h"

static const struct keying *const methods[] = {
	&mikey_pke, &mikey_rsa_r, &mikey_dhsign, &mikey_ecdh
};

#define N_METHODS (sizeof methods / sizeof *methods)

static struct certs certs;

static void esp_pair_open(struct cert_pair *p, const struct keying *method,
			  const struct esp_sides *s)
{
	pair_open(p, method, &certs);
	p->a.esp = &s->a.t;
	p->b.esp = &s->b.t;
	p->a.n = p->b.n = 0;
	p->a.suites = p->b.suites = NULL;
	p->a.n_suites = p->b.n_suites = 0;
	p->a.ssrc = p->b.ssrc = NULL;
}

/* The same with two lines of SRTP in them. */
static void both_pair_open(struct cert_pair *p, const struct keying *method,
			   struct esp_sides *s)
{
	static const enum suite suites[] = { SUITE_AES_CM_128_HMAC_SHA1_80,
					     SUITE_AEAD_AES_256_GCM };
	static const uint32_t ssrc[] = { 0x11111111, 0x22222222 };

	esp_with_srtp(s);
	pair_open(p, method, &certs);
	p->a.esp = &s->a.t;
	p->b.esp = &s->b.t;
	p->a.n = p->b.n = 2;
	p->a.suites = p->b.suites = suites;
	p->a.n_suites = p->b.n_suites = 2;
	p->a.ssrc = p->b.ssrc = ssrc;
}

static void exchange(struct cert_pair *p)
{
	assert_int_equal(pair_offer(p), 0);
	assert_int_equal(pair_answer(p), 0);
	assert_int_equal(pair_finish(p), 0);
	esp_same(&p->calling.esp, &p->called.esp);
}

static void both_ends_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct esp_sides s;

		esp_open_lines(&s, 2);
		s.b.t.suites = s.b.suites + 1; /* 256 bits */
		s.b.t.n_suites = 3;
		esp_pair_open(&p, methods[i], &s);
		assert_true(!p.how->offer(&p.a, &p.offer, &p.pending,
					  &p.early, &p.fault));
		assert_true(p.how->takes(p.offer.data, p.offer.len));
		assert_int_equal(p.early.n, 0);
		assert_int_equal(p.early.esp.n, 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		esp_same(&p.calling.esp, &p.called.esp);
		assert_int_equal(p.calling.esp.n, 2);
		assert_int_equal(p.calling.esp.suite, ESP_AES_256_GCM);
		assert_int_equal(p.calling.n, 0);
		assert_int_equal(p.called.n, 0);
		assert_int_equal(p.calling.facts.verified, 1);
		assert_int_equal(p.calling.facts.confirmed, 1);
		assert_int_equal(p.called.facts.verified, 1);
		pair_close(&p);
	}
}

static void srtp_goes_in_the_tunnels(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct esp_sides s;

		esp_open_lines(&s, 2);
		both_pair_open(&p, methods[i], &s);
		p.b.suites++; /* 256 bits */
		p.b.n_suites = 1;
		exchange(&p);
		esp_same_srtp(&p.calling, &p.called);
		assert_int_equal(p.early.n, 0);
		assert_int_equal(p.calling.n, 2);
		assert_int_equal(p.calling.esp.n, 2);
		assert_int_equal(p.calling.facts.suite,
				 SUITE_AEAD_AES_256_GCM);
		assert_int_equal(p.calling.recv_ssrc[1], 0x22222222);
		pair_close(&p);
		esp_open(&s);
		both_pair_open(&p, methods[i], &s);
		s.a.t.srtp = false;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "keys ESP alone"));
		assert_int_equal(p.called.n, 0);
		assert_int_equal(p.called.esp.n, 0);
		pair_close(&p);
	}
}

static void every_shape_of_tunnel_is_agreed_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct esp_sides s;

		esp_open(&s);
		s.b.suites[0] = ESP_AES_256_CBC_SHA256;
		s.b.t.n_suites = 1;
		esp_pair_open(&p, methods[i], &s);
		exchange(&p);
		assert_int_equal(p.calling.esp.tunnel[0].in.auth_len, 32);
		pair_close(&p);
		esp_open_nets(&s);
		esp_pair_open(&p, methods[i], &s);
		exchange(&p);
		assert_int_equal(p.calling.esp.mode, ESP_TUNNEL);
		pair_close(&p);
	}
}

static void keys_of_ike_are_agreed_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct esp_sides s;

		esp_open_ike(&s, 2);
		esp_pair_open(&p, methods[i], &s);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		esp_same_ike(&p.calling.esp, &p.called.esp);
		pair_close(&p);
		s.b.t.ike = false; /* and by no method for the kernel */
		esp_pair_open(&p, methods[i], &s);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "242, not ESP"));
		pair_close(&p);
	}
}

/* Where the answer is dear, a check comes first and has no keys. */
static void a_check_has_no_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct esp_sides s;

		esp_open(&s);
		esp_pair_open(&p, methods[i], &s);
		assert_int_equal(pair_offer(&p), 0);
		p.b.check = true;
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(p.answer.len, 0);
		assert_int_equal(p.called.esp.n, 0);
		p.b.check = false;
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		esp_same(&p.calling.esp, &p.called.esp);
		pair_close(&p);
	}
}

static void every_byte_of_an_offer_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct keying_result res = { .n = 0 };
		struct cert_pair p;
		struct esp_sides s;

		esp_open(&s);
		both_pair_open(&p, methods[i], &s);
		assert_int_equal(pair_offer(&p), 0);
		for (size_t k = 0; k < p.offer.len; k += rounds(1, 7)) {
			p.offer.data[k] ^= 1;
			buf_clear(&p.answer);
			assert_true(p.how->answer(&p.b, p.offer.data,
				p.offer.len, &p.answer, &res, &p.fault) < 0);
			p.offer.data[k] ^= 1;
			buf_clear(&p.answer);
			assert_true(p.how->answer(&p.b, p.offer.data, k,
				&p.answer, &res, &p.fault) < 0);
		}
		assert_int_equal(res.n, 0);
		assert_int_equal(res.esp.n, 0);
		pair_close(&p);
	}
}

static void every_byte_of_an_answer_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct esp_sides s;

		esp_open(&s);
		both_pair_open(&p, methods[i], &s);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		for (size_t k = 0; k < p.answer.len; k += rounds(1, 7)) {
			p.answer.data[k] ^= 1;
			assert_true(pair_finish(&p) < 0);
			p.answer.data[k] ^= 1;
			assert_true(p.how->finish(p.pending, p.answer.data, k,
				NOW_US, &p.calling, &p.fault) < 0);
			assert_int_equal(p.calling.n, 0);
			assert_int_equal(p.calling.esp.n, 0);
		}
		assert_int_equal(pair_finish(&p), 0);
		pair_close(&p);
	}
}

static void terms_that_differ_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct esp_sides s;

		esp_open(&s);
		s.b.t.mode = ESP_TUNNEL;
		esp_pair_open(&p, methods[i], &s);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "another mode"));
		assert_int_equal(p.called.esp.n, 0);
		pair_close(&p);
	}
}

static void an_answer_to_another_offer_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p, q;
		struct esp_sides s;

		esp_open(&s);
		esp_pair_open(&p, methods[i], &s);
		exchange(&p);
		esp_pair_open(&q, methods[i], &s);
		assert_int_equal(pair_offer(&q), 0);
		assert_int_equal(q.how->finish(q.pending, p.answer.data,
			p.answer.len, NOW_US, &q.calling, &q.fault), E_AUTH);
		pair_close(&q);
		pair_close(&p);
	}
}

static void without_esp_in_the_profile_it_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;
		struct esp_sides s;

		esp_open(&s);
		pair_open(&p, methods[i], &certs);
		p.a.esp = &s.a.t;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "not SRTP"));
		pair_close(&p);
		pair_open(&p, methods[i], &certs);
		p.b.esp = &s.b.t;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "keys SRTP"));
		pair_close(&p);
	}
}

static int open_certs(void **state)
{
	(void)state;
	certs_open(&certs);
	return 0;
}

static int close_certs(void **state)
{
	(void)state;
	certs_close(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_agree),
		cmocka_unit_test(srtp_goes_in_the_tunnels),
		cmocka_unit_test(every_shape_of_tunnel_is_agreed_on),
		cmocka_unit_test(keys_of_ike_are_agreed_on),
		cmocka_unit_test(a_check_has_no_keys),
		cmocka_unit_test(every_byte_of_an_offer_counts),
		cmocka_unit_test(every_byte_of_an_answer_counts),
		cmocka_unit_test(terms_that_differ_are_refused),
		cmocka_unit_test(an_answer_to_another_offer_is_refused),
		cmocka_unit_test(without_esp_in_the_profile_it_is_refused),
	};

	return cmocka_run_group_tests(tests, open_certs, close_certs);
}
