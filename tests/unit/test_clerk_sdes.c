/* test_clerk_sdes.c - SDES in the keeper: who may use it, and keys that change
 * with every answer of a long call. */
#include "daemon/base/err.h"
#include "modules/sdes/exchange.h"
#include "tests/unit/clerk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void open_house(struct house *h, const char *match)
{
	house_open(h, match);
	h->method = &sdes_keying;
	h->no_psk = true; /* none is needed */
	h->profile.keying[0] = "sdes";
	h->profile.sdes = SDES_ANY;
}

/* An answer of the far end to our one attribute; n makes the key. */
static const struct sent *answer_with(struct house *h, uint64_t exchange,
				      uint32_t branch, unsigned n)
{
	static struct sent text;

	text.tail_len = (size_t)snprintf(
		(char *)text.tail, sizeof text.tail,
		"1 AES_CM_128_HMAC_SHA1_80 inline:%c%c1uQCVeeCFCanVmcjkpPywjNW"
		"hcYD0mXXtxaVBR", 'A' + n / 26, 'A' + n % 26);
	return finish(h, exchange, branch, &text);
}

static void only_over_tls(void **state)
{
	struct msg_key_party p = party(1, "sip:alice@a.example",
				       "sip:bob@b.example");
	struct house h;

	(void)state;
	open_house(&h, "b.example");
	h.profile.sdes = SDES_TLS;
	assert_int_equal(offer_as(&h, &p)->u.offered.err, E_POLICY);
	p.secured = 2; /* not 1: not known */
	assert_int_equal(offer_as(&h, &p)->u.offered.err, E_POLICY);
	p.secured = 1;
	assert_int_equal(offer_as(&h, &p)->u.offered.err, 0);
	house_close(&h);
}

/* Re-INVITEs an hour later, each answered with a new key: all are taken, and
 * our own key stays the same one. */
static void answers_of_a_long_call(void **state)
{
	const struct msg_key *first, *key = NULL;
	const struct sent *f;
	uint64_t exchange, before;
	struct house h;

	(void)state;
	open_house(&h, "b.example");
	exchange = offer(&h, 1)->u.offered.exchange;
	assert_int_equal(last(&h, MSG_KEY_OFFERED)->u.offered.n, 0);
	f = answer_with(&h, exchange, 0, 0);
	assert_int_equal(f->u.finished.err, 0);
	assert_int_equal(f->u.finished.facts.bare, 1);
	assert_int_equal(f->u.finished.facts.verified, 0);
	first = key_of(&h, f->u.finished.key[0].send);
	won(&h, 1);
	for (unsigned n = 1; n < 20; n++) {
		h.mono_us += 3600 * SECOND;
		h.wall_us += 3600 * SECOND;
		clerk_tick(h.clerk);
		f = answer_with(&h, exchange, 0, n);
		assert_int_equal(f->u.finished.err, 0);
		key = key_of(&h, f->u.finished.key[0].send);
		assert_true(key->key_id != first->key_id);
		assert_memory_equal(&key->key, &first->key, sizeof key->key);
		assert_int_equal(key->stream, first->stream);
	}
	/* the same again has its keys, an older one comes back as a new one */
	before = key->key_id;
	f = answer_with(&h, exchange, 0, 19);
	assert_int_equal(f->u.finished.key[0].send, before);
	f = answer_with(&h, exchange, 0, 17);
	assert_int_equal(f->u.finished.err, 0);
	assert_true(f->u.finished.key[0].send > before);
	release(&h, 1);
	house_close(&h);
}

/* A fork holds the keys of so many answers, before one has won. */
static void forks_are_bounded(void **state)
{
	uint64_t exchange;
	struct house h;
	unsigned n = 0;

	(void)state;
	open_house(&h, "b.example");
	exchange = offer(&h, 1)->u.offered.exchange;
	while (!answer_with(&h, exchange, n, n)->u.finished.err)
		n++;
	assert_int_equal(n, 6);
	assert_int_equal(last(&h, MSG_KEY_FINISHED)->u.finished.err, E_FULL);
	assert_int_equal(count(&h, MSG_KEY_GONE), 0);
	house_close(&h);
}

/* The same offer again: in its dialog the same answer, else a new key. It is
 * no replay, for nothing in it could tell. */
static void offers_come_again(void **state)
{
	const struct where here = { .call = 2, .dialog = 1, .branch = 1,
				    .cseq = 1 };
	const struct where there = { .call = 3, .dialog = 2, .branch = 2,
				     .cseq = 2 };
	struct sent text = { .tail_len = 0 };
	const struct sent *s;
	struct house h;
	uint64_t key;

	(void)state;
	open_house(&h, "a.example");
	text.tail_len = (size_t)snprintf(
		(char *)text.tail, sizeof text.tail, "1 AES_CM_128_HMAC_SHA1_80"
		" inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20");
	s = answer(&h, &text, here);
	assert_int_equal(s->u.answered.err, 0);
	key = s->u.answered.key[0].send;
	assert_int_equal(key_of(&h, s->u.answered.key[0].recv)->key.lifetime,
			 1 << 20);
	s = answer(&h, &text, here);
	assert_int_equal(s->u.answered.repeat, 1);
	assert_int_equal(s->u.answered.key[0].send, key);
	s = answer(&h, &text, there);
	assert_int_equal(s->u.answered.err, 0);
	assert_memory_not_equal(key_of(&h, key)->key.key,
				key_of(&h, s->u.answered.key[0].send)->key.key,
				16);
	house_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_over_tls),
		cmocka_unit_test(answers_of_a_long_call),
		cmocka_unit_test(forks_are_bounded),
		cmocka_unit_test(offers_come_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
