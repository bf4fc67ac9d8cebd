/* test_mikey_identity_certs.c - a diverted call keyed by certificates: who
 * answers must be named by the certificate that it proves itself with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/cert_pair.h"

#define CAROL "sip:carol@b.example"

static const struct keying *const methods[] = { &mikey_dhsign, &mikey_rsa_r,
						&mikey_ecdh };

/* own: whom the answerer's certificate names. */
static struct credential *answerer(const struct certs *c, const char *own,
				   X509 **x)
{
	*x = ca_issue(&c->ca, rsa_key(KEY_ROGUE), "carol",
		      &(struct ca_order){ .san = own });
	return ca_credential(*x, NULL, rsa_key(KEY_ROGUE), &c->ca);
}

static int exchange(struct cert_pair *p, bool allowed)
{
	p->b.local_id = CAROL;
	p->b.retarget = true;
	p->a.retarget = allowed;
	assert_int_equal(pair_offer(p), 0);
	assert_int_equal(pair_answer(p), 0);
	assert_string_equal(p->called.facts.other, BOB);
	return pair_finish(p);
}

static void carol_answers_for_bob(void **state)
{
	struct credential *carol;
	struct cert_pair p;
	struct certs c;
	X509 *x;

	(void)state;
	certs_open(&c);
	carol = answerer(&c, "URI:sip:carol@b.example", &x);
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		for (int allowed = 0; allowed < 2; allowed++) {
			pair_open(&p, methods[i], &c);
			p.b.credential = carol;
			assert_int_equal(exchange(&p, allowed),
					 allowed ? 0 : E_AUTH);
			if (allowed)
				assert_string_equal(p.calling.facts.other,
						    CAROL);
			pair_close(&p);
		}
	}
	credential_free(carol);
	X509_free(x);
	certs_close(&c);
}

/* Bob's certificate is none of carol's: the answerer does not even start. */
static void anothers_certificate(void **state)
{
	struct cert_pair p;
	struct certs c;

	(void)state;
	certs_open(&c);
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		pair_open(&p, methods[i], &c);
		p.b.local_id = CAROL;
		p.a.retarget = p.b.retarget = true;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_not_equal(pair_answer(&p), 0);
		pair_close(&p);
	}
	certs_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carol_answers_for_bob),
		cmocka_unit_test(anothers_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
