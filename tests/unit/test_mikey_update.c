/* test_mikey_update.c - a bundle gets new keys (RFC 3830 4.5), by either side
 * and in every method; what is no update of it is refused. */
#include "daemon/base/err.h"
#include "modules/mikey/dhhmac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/cert_pair.h"

static struct certs certs;

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

/* A call: two sides, what they know of its bundle. */
struct talk {
	struct cert_pair p;
	struct secret psk;
	struct keying_bundle bundle[2]; /* by side: a, b */
};

static void talk_open(struct talk *t, const struct keying *how)
{
	memset(t, 0, sizeof *t);
	secret_set(&t->psk, "0123456789abcdef", 16);
	pair_open(&t->p, how, &certs);
	t->p.a.psk = t->p.b.psk = &t->psk;
}

static void talk_next(struct talk *t)
{
	pair_close(&t->p);
	t->p.pending = NULL;
	t->p.offer = buf_of(KEYING_MAX);
	t->p.answer = buf_of(KEYING_MAX);
	memset(&t->p.early, 0, sizeof t->p.early);
	memset(&t->p.called, 0, sizeof t->p.called);
	memset(&t->p.calling, 0, sizeof t->p.calling);
	t->p.a.wall_us += 1000000;
	t->p.b.wall_us += 1000000;
}

/* As the keeper does after a keying. */
static void note(struct talk *t)
{
	uint64_t theirs = t->bundle[0].their_stamp_us;

	t->bundle[0] = t->p.calling.bundle;
	t->bundle[0].their_stamp_us = theirs;
	t->bundle[1] = t->p.called.bundle;
	t->p.a.bundle = &t->bundle[0];
	t->p.b.bundle = &t->bundle[1];
	t->p.a.keyings++;
	t->p.b.keyings++;
}

/* The other side offers next. */
static void swap(struct talk *t)
{
	struct keying_terms terms = t->p.a;
	struct keying_bundle bundle = t->bundle[0];

	t->p.a = t->p.b;
	t->p.b = terms;
	t->bundle[0] = t->bundle[1];
	t->bundle[1] = bundle;
	t->p.a.bundle = &t->bundle[0];
	t->p.b.bundle = &t->bundle[1];
}

static void keyed(struct talk *t)
{
	struct cert_pair *p = &t->p;

	assert_int_equal(pair_offer(p), 0);
	assert_int_equal(pair_answer(p), 0);
	assert_int_equal(pair_finish(p), 0);
	assert_memory_equal(&p->calling.send[0], &p->called.recv[0],
			    sizeof p->called.recv[0]);
	assert_memory_equal(&p->calling.recv[0], &p->called.send[0],
			    sizeof p->called.send[0]);
	assert_memory_not_equal(p->calling.recv[0].key,
				p->calling.send[0].key, 16);
	note(t);
}

static void decode_offer(const struct talk *t, struct mikey_message *m)
{
	assert_int_equal(mikey_decode(t->p.offer.data, t->p.offer.len, m), 0);
}

static const struct keying *const methods[] = {
	&mikey_psk, &mikey_dhhmac, &mikey_pke, &mikey_dhsign, &mikey_rsa_r,
	&mikey_ecdh,
};

static void one_method(const struct keying *how)
{
	bool updates = how != &mikey_rsa_r;
	struct keying_result first;
	struct mikey_message m;
	struct talk t;
	uint32_t csb;

	talk_open(&t, how);
	keyed(&t);
	first = t.p.calling;
	csb = first.bundle.csb_id;
	assert_int_equal(first.send[0].mki_len, 0);
	assert_int_equal(first.bundle.rand_len, updates ? 16 : 0);
	for (unsigned round = 2; round < 6; round++) {
		talk_next(&t);
		swap(&t);
		keyed(&t);
		decode_offer(&t, &m);
		assert_int_equal(m.csb_id == csb, updates);
		assert_int_equal(!mikey_find(&m, MIKEY_RAND, 0), updates);
		assert_memory_not_equal(t.p.calling.send[0].key,
					first.send[0].key, 16);
		assert_memory_not_equal(t.p.calling.send[0].key,
					first.recv[0].key, 16);
		assert_int_equal(t.p.calling.send[0].mki_len, 2);
		assert_int_equal(t.p.calling.send[0].mki[1], round);
		first = t.p.calling;
	}
	pair_close(&t.p);
}

static void every_method_is_updated_from_both_sides(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		one_method(methods[i]);
}

static void an_mki_is_always_there_or_never(void **state)
{
	struct talk t;

	(void)state;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		talk_open(&t, methods[i]);
		t.p.a.mki = t.p.b.mki = KEYING_MKI_ALWAYS;
		keyed(&t);
		assert_int_equal(t.p.calling.send[0].mki_len, 2);
		assert_int_equal(t.p.calling.send[0].mki[1], 1);
		talk_next(&t);
		t.p.a.mki = t.p.b.mki = KEYING_MKI_NEVER;
		keyed(&t);
		assert_int_equal(t.p.calling.send[0].mki_len, 0);
		pair_close(&t.p);
	}
}

static void refused(struct talk *t, int err, const char *word)
{
	struct keying_result none = { .n = 0 };

	assert_int_equal(pair_answer(&t->p), err);
	assert_memory_equal(&t->p.called, &none, sizeof none);
	if (!strstr(t->p.fault.text, word))
		fail_msg("%s: no \"%s\" in \"%s\"", t->p.how->name, word,
			 t->p.fault.text);
}

/* The call has no such bundle: another call's, or the keeper forgot it. */
static void an_update_of_an_unknown_bundle(void **state)
{
	struct keying_bundle other;
	struct talk t;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		talk_open(&t, methods[i]);
		keyed(&t);
		talk_next(&t);
		assert_int_equal(pair_offer(&t.p), 0);
		t.p.b.bundle = NULL;
		refused(&t, E_STATE, "no RAND");
		other = t.bundle[1];
		other.csb_id++;
		t.p.b.bundle = &other;
		refused(&t, E_STATE, "no RAND");
		/* the right id with another RAND: its maker does not know us */
		other = t.bundle[1];
		other.rand[0] ^= 1;
		t.p.b.bundle = &other;
		if (methods[i] == &mikey_psk || methods[i] == &mikey_dhhmac)
			refused(&t, E_AUTH, "MAC");
		if (methods[i] == &mikey_pke)
			refused(&t, E_AUTH, "envelope");
		pair_close(&t.p);
	}
}

static void an_update_with_a_rand(void **state)
{
	struct keying_bundle b;
	struct talk t;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		talk_open(&t, methods[i]);
		assert_int_equal(pair_offer(&t.p), 0);
		assert_int_equal(pair_answer(&t.p), 0);
		b = t.p.called.bundle;
		memset(&t.p.called, 0, sizeof t.p.called);
		buf_clear(&t.p.answer);
		t.p.b.bundle = &b; /* there already */
		refused(&t, E_UNSUPPORTED, "must have none");
		assert_true(t.p.answer.len > 0); /* it is told why */
		pair_close(&t.p);
	}
}

static void an_update_that_is_not_newer(void **state)
{
	struct talk t;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		talk_open(&t, methods[i]);
		keyed(&t);
		talk_next(&t);
		t.p.a.wall_us -= 1500000; /* held back, or its clock was set */
		assert_int_equal(pair_offer(&t.p), 0);
		refused(&t, E_REPLAY, "no newer");
		pair_close(&t.p);
	}
}

static void an_update_with_another_prf(void **state)
{
	struct talk t;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		talk_open(&t, methods[i]);
		keyed(&t);
		talk_next(&t);
		assert_int_equal(pair_offer(&t.p), 0);
		t.bundle[1].prf = 1;
		refused(&t, E_UNSUPPORTED, "PRF");
		pair_close(&t.p);
	}
}

/* An update cut anywhere is none. */
static void cut_updates(void **state)
{
	struct talk t;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		talk_open(&t, methods[i]);
		keyed(&t);
		talk_next(&t);
		assert_int_equal(pair_offer(&t.p), 0);
		for (size_t len = t.p.offer.len; len--;) {
			t.p.offer.len = len;
			buf_clear(&t.p.answer);
			assert_int_not_equal(pair_answer(&t.p), 0);
			assert_int_equal(t.p.called.n, 0);
		}
		pair_close(&t.p);
	}
}

/* The answer to an update belongs to it alone. */
static void an_answer_to_the_first_offer(void **state)
{
	struct buf old;
	struct talk t;

	(void)state;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		talk_open(&t, methods[i]);
		keyed(&t);
		old = t.p.answer;
		t.p.answer = buf_of(KEYING_MAX);
		talk_next(&t);
		assert_int_equal(pair_offer(&t.p), 0);
		buf_free(&t.p.answer);
		t.p.answer = old;
		assert_int_not_equal(pair_finish(&t.p), 0);
		assert_int_equal(t.p.calling.n, 0);
		pair_close(&t.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_is_updated_from_both_sides),
		cmocka_unit_test(an_mki_is_always_there_or_never),
		cmocka_unit_test(an_update_of_an_unknown_bundle),
		cmocka_unit_test(an_update_with_a_rand),
		cmocka_unit_test(an_update_that_is_not_newer),
		cmocka_unit_test(an_update_with_another_prf),
		cmocka_unit_test(cut_updates),
		cmocka_unit_test(an_answer_to_the_first_offer),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
