/* test_mikey_witness.c - an onlooker with the pre-shared key: what holds, what
 * does not, what cannot be said, and never a key. */
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/mikey_pair.h"

static struct {
	struct mikey_witness *w;
	struct pair p;
	unsigned n[3]; /* findings by word */
	char text[1024];
} t;

static void note(void *user, const struct mikey_finding *f)
{
	(void)user;
	t.n[f->word]++;
	strncat(t.text, f->what, sizeof t.text - strlen(t.text) - 1);
	strncat(t.text, ": ", sizeof t.text - strlen(t.text) - 1);
	strncat(t.text, f->text, sizeof t.text - strlen(t.text) - 1);
}

static void hear(const struct buf *b)
{
	memset(t.n, 0, sizeof t.n);
	t.text[0] = 0;
	mikey_witness_hear(t.w, b->data, b->len, note, NULL);
}

static void check(unsigned holds, unsigned wrong, unsigned unchecked)
{
	if (t.n[MIKEY_HOLDS] != holds || t.n[MIKEY_WRONG] != wrong ||
	    t.n[MIKEY_UNCHECKED] != unchecked)
		fail_msg("%u %u %u: %s", t.n[MIKEY_HOLDS], t.n[MIKEY_WRONG],
			 t.n[MIKEY_UNCHECKED], t.text);
}

static void says(const char *words)
{
	if (!strstr(t.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, t.text);
}

static int setup(void **state)
{
	(void)state;
	pair_open(&t.p);
	return mikey_witness_new(&t.p.psk[0], NULL, &t.w);
}

static int teardown(void **state)
{
	(void)state;
	mikey_witness_free(t.w);
	pair_close(&t.p);
	return 0;
}

static void exchange(const struct keying *k)
{
	t.p.method = k;
	assert_int_equal(pair_offer(&t.p), 0);
	assert_int_equal(pair_answer(&t.p), 0);
}

static void a_pre_shared_key(void **state)
{
	(void)state;
	exchange(&mikey_psk);
	hear(&t.p.offer);
	check(2, 0, 0);
	says("it opens: a TGK of 16 bytes, no salt");
	hear(&t.p.answer);
	check(1, 0, 0);
	t.p.answer.data[t.p.answer.len - 1] ^= 1;
	hear(&t.p.answer);
	check(0, 1, 0);
	says("made with another key, or changed");
}

static void diffie_hellman(void **state)
{
	(void)state;
	exchange(&mikey_dhhmac);
	hear(&t.p.answer);
	check(0, 0, 1);
	says("is not in the input before it");
	hear(&t.p.offer);
	check(1, 0, 0);
	hear(&t.p.answer);
	check(1, 0, 0);
	t.p.answer.data[60] ^= 1;
	hear(&t.p.answer);
	check(0, 1, 0);
}

static void another_key(void **state)
{
	(void)state;
	exchange(&mikey_psk);
	t.p.psk[0].bytes[0] ^= 1;
	hear(&t.p.offer);
	check(0, 1, 0);
	hear(&t.p.answer);
	check(0, 1, 0);
}

/* Of many offers each response finds its own, as long as it is remembered. */
static void many_bundles(void **state)
{
	struct buf first = buf_of(KEYING_MAX), answer = buf_of(KEYING_MAX);

	(void)state;
	exchange(&mikey_psk);
	buf_put(&first, t.p.offer.data, t.p.offer.len);
	buf_put(&answer, t.p.answer.data, t.p.answer.len);
	hear(&first);
	for (int i = 0; i < 16; i++) {
		hear(&answer);
		check(1, 0, 0);
		mikey_psk.drop(t.p.pending);
		buf_clear(&t.p.offer);
		assert_int_equal(pair_offer(&t.p), 0);
		hear(&t.p.offer);
		check(2, 0, 0);
	}
	hear(&answer);
	check(0, 0, 1);
	buf_free(&first);
	buf_free(&answer);
}

/* An error message: with a MAC that holds, and without one. */
static void refusals(void **state)
{
	(void)state;
	assert_int_equal(pair_offer(&t.p), 0);
	t.p.b.suites = &t.p.suites[1];
	t.p.b.n_suites = 1;
	assert_int_not_equal(pair_answer(&t.p), 0);
	hear(&t.p.offer);
	hear(&t.p.answer);
	check(1, 0, 0);
	buf_clear(&t.p.answer);
	t.p.psk[1].bytes[0] ^= 1;
	assert_int_equal(pair_answer(&t.p), E_AUTH);
	hear(&t.p.answer);
	check(0, 0, 1);
	says("anybody can have sent this error");
}

/* Nothing is said of what is no message; no cut is taken for one. */
static void cuts(void **state)
{
	struct buf cut = buf_of(KEYING_MAX);

	(void)state;
	exchange(&mikey_psk);
	for (size_t n = 0; n < t.p.offer.len; n++) {
		buf_clear(&cut);
		buf_put(&cut, t.p.offer.data, n);
		hear(&cut);
		check(0, 0, 0);
	}
	buf_free(&cut);
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(a_pre_shared_key), WITH(diffie_hellman),
		WITH(another_key), WITH(many_bundles), WITH(refusals),
		WITH(cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
