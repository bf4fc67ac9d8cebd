/* test_clerk_sdes.c - SDES in the keeper: who may use it, and keys that change
 * with every answer of a long call. */
#include "daemon/base/err.h"
#include "daemon/keeper/memory/memory.h"
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
	static struct house h;

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
	static struct house h;

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
	static struct house h;
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
	static struct house h;
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

static int may_be_plain(struct house *h, const char *remote)
{
	struct msg_key_plain m = { .peer = "them" };

	strcpy(m.remote_id, remote);
	assert_int_equal(tell(h, MSG_KEY_PLAIN, 9, &m, sizeof m, NULL), 0);
	return last(h, MSG_KEY_PLAINED)->u.plained.err;
}

/* Nothing proves who answered, but it could be sealed with: a forged refusal
 * must not lead down from there. An offer that comes in is anybody's. */
static void what_answered_us_with_keys_may_not_be_plain(void **state)
{
	static struct sent text;
	const struct where here = { 1, 1, 1, 1, 11 };
	struct msg_key_party p = party(2, "sip:alice@a.example",
				       "sip:bob@b.example");
	uint64_t exchange;
	static struct house h;

	(void)state;
	open_house(&h, "b.example");
	assert_int_equal(memory_new(-1, 2, &h.memory), 0);
	h.profile.need = NEED_PREFER;
	h.peer.match = "a.example";
	house_reopen(&h);
	text.tail_len = (size_t)snprintf(
		(char *)text.tail, sizeof text.tail, "1 AES_CM_128_HMAC_SHA1_80"
		" inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR");
	assert_int_equal(answer(&h, &text, here)->u.answered.err, 0);
	assert_int_equal(may_be_plain(&h, "sip:alice@a.example"), 0);
	h.peer.match = "b.example";
	exchange = offer_as(&h, &p)->u.offered.exchange;
	assert_int_equal(answer_with(&h, exchange, 0, 0)->u.finished.err, 0);
	assert_int_equal(may_be_plain(&h, p.remote_id), 0); /* not by us */
	p.call = 3;
	p.outward = 1;
	exchange = offer_as(&h, &p)->u.offered.exchange;
	assert_int_equal(answer_with(&h, exchange, 0, 0)->u.finished.err, 0);
	assert_int_equal(may_be_plain(&h, p.remote_id), E_POLICY);
	house_close(&h);
	memory_free(h.memory);
}

/* Without a place left nobody knows who else was sealed. */
static void a_full_memory_allows_nothing_in_clear(void **state)
{
	const struct memory_record pin = { .kind = MEMORY_PIN, .name = "them x",
					   .data = (const uint8_t *)"x",
					   .len = 1 };
	static struct house h;

	(void)state;
	open_house(&h, "b.example");
	assert_int_equal(memory_new(-1, 1, &h.memory), 0);
	h.profile.need = NEED_PREFER;
	house_reopen(&h);
	assert_int_equal(may_be_plain(&h, "sip:bob@b.example"), 0);
	assert_int_equal(memory_put(h.memory, &pin), 0);
	assert_int_equal(may_be_plain(&h, "sip:bob@b.example"), E_POLICY);
	assert_non_null(strstr(last(&h, MSG_KEY_PLAINED)->u.plained.reason,
			       "trust --forget"));
	house_close(&h);
	memory_free(h.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_over_tls),
		cmocka_unit_test(answers_of_a_long_call),
		cmocka_unit_test(forks_are_bounded),
		cmocka_unit_test(offers_come_again),
		cmocka_unit_test(what_answered_us_with_keys_may_not_be_plain),
		cmocka_unit_test(a_full_memory_allows_nothing_in_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
