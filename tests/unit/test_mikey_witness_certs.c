/* test_mikey_witness_certs.c - an onlooker with trust anchors: signatures that
 * hold, do not hold, or lead nowhere. */
#include "modules/mikey/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/cert_pair.h"

static unsigned found[3];

static void note(void *user, const struct mikey_finding *f)
{
	(void)user;
	found[f->word]++;
}

static void hear(struct mikey_witness *w, const struct buf *b, unsigned word)
{
	memset(found, 0, sizeof found);
	mikey_witness_hear(w, b->data, b->len, note, NULL);
	assert_int_equal(found[0] + found[1] + found[2], 1);
	assert_int_equal(found[word], 1);
}

/* own[0] of the pair trusts the issuer: that is all a witness needs. */
static void each_method(void **state)
{
	static const struct keying *const how[] = { &mikey_dhsign, &mikey_rsa_r,
						    &mikey_pke };
	struct mikey_witness *w;
	struct cert_pair p;
	struct certs c;

	(void)state;
	certs_open(&c);
	for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
		bool signs = how[i] != &mikey_pke;

		pair_open(&p, how[i], &c);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(mikey_witness_new(NULL, c.own[0], &w), 0);
		hear(w, &p.offer, MIKEY_HOLDS);
		hear(w, &p.answer, signs ? MIKEY_HOLDS : MIKEY_UNCHECKED);
		p.offer.data[p.offer.len - 1] ^= 1;
		hear(w, &p.offer, MIKEY_WRONG);
		mikey_witness_free(w);
		pair_close(&p);
	}
	certs_close(&c);
}

static void another_issuer(void **state)
{
	struct ca rogue = ca_make(KEY_ROGUE_CA, "another issuer");
	struct mikey_witness *w;
	struct credential *trust;
	struct cert_pair p;
	struct certs c;

	(void)state;
	certs_open(&c);
	trust = ca_credential(c.a, NULL, rsa_key(KEY_A), &rogue);
	pair_open(&p, &mikey_dhsign, &c);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(mikey_witness_new(NULL, trust, &w), 0);
	hear(w, &p.offer, MIKEY_WRONG);
	mikey_witness_free(w);
	pair_close(&p);
	credential_free(trust);
	certs_close(&c);
	ca_free(&rogue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_method),
		cmocka_unit_test(another_issuer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
