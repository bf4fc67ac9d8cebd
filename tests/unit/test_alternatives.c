/* test_alternatives.c - negotiation by priority between two keepers: which
 * message is answered, what a man in the middle can do to the offer, whose keys
 * stay, and what a far end gets that does not know of it. Real MIKEY by
 * pre-shared key and by DHHMAC. doc/NEGOTIATION.md */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/bundle.h"
#include "daemon/keeper/docket.h"
#include "daemon/keeper/memory/memory.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/ranks.h"
#include "tests/unit/clerk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CM_80 SUITE_AES_CM_128_HMAC_SHA1_80
#define CM_32 SUITE_AES_CM_128_HMAC_SHA1_32
#define GCM_256 SUITE_AEAD_AES_256_GCM
#define S NEGOTIATE_STATIC
#define M NEGOTIATE_AUTOMATIC
#define P NEGOTIATE_PRIORITY

static struct house a, b;

static void profile_of(struct house *h, const char *first, const char *second,
		       unsigned suite, unsigned other)
{
	h->dhhmac = &mikey_dhhmac;
	h->profile.negotiate = NEGOTIATE_PRIORITY;
	h->profile.keying[0] = first;
	h->profile.keying[1] = second;
	h->profile.n_keying = second ? 2 : 1;
	h->profile.suites[0] = (enum suite)suite;
	h->profile.suites[1] = (enum suite)other;
	h->profile.n_suites = other ? 2 : 1;
}

#define PSK "mikey-psk"
#define DH "mikey-dhhmac"

static void open_both(void)
{
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	profile_of(&a, PSK, DH, CM_80, CM_32);
	profile_of(&b, DH, PSK, CM_32, CM_80);
}

static void close_both(void)
{
	house_close(&a);
	house_close(&b);
}

static const struct where here = { 2, 1, 1, 1, 0 };

static struct bundle bundle_of(const struct sent *s)
{
	struct bundle out;

	assert_int_equal(bundle_unpack(s->tail, s->tail_len, &out), 0);
	return out;
}

/* Sends what is in the bundle in place of s. */
static struct sent carrying(const struct sent *s, const struct bundle *with)
{
	struct buf out = buf_of(sizeof s->tail);
	struct sent copy = *s;

	assert_int_equal(bundle_pack(with, &out), 0);
	memcpy(copy.tail, out.data, out.len);
	copy.tail_len = out.len;
	buf_free(&out);
	return copy;
}

static const struct srtp_key *sends(const struct house *h, uint64_t id)
{
	return &key_of(h, id)->key;
}

/* -- the choice ----------------------------------------------------------- */

struct chosen_case {
	const char *a[2], *b[2];
	unsigned as[2], bs[2];
	enum negotiate an, bn;
	const char *method;
	unsigned suite;
};

/* What the operator is told: each side by what it could have had. */
static void check_reason(const struct chosen_case *k, const struct house *h,
			 unsigned told)
{
	if (h->profile.n_keying == 1)
		assert_int_equal(told, KEY_CHOICE_ONLY);
	else
		assert_int_equal(told, k->an == NEGOTIATE_PRIORITY &&
				 k->bn == NEGOTIATE_PRIORITY
					 ? KEY_CHOICE_RULE
					 : KEY_CHOICE_AUTOMATIC);
}

static void check_call(const struct chosen_case *k)
{
	const struct sent *o, *r, *f;

	house_open(&a, "b.example");
	house_open(&b, "a.example");
	profile_of(&a, k->a[0], k->a[1], k->as[0], k->as[1]);
	profile_of(&b, k->b[0], k->b[1], k->bs[0], k->bs[1]);
	a.profile.negotiate = k->an;
	b.profile.negotiate = k->bn;
	o = offer(&a, 1);
	assert_int_equal(o->u.offered.err, 0);
	r = answer(&b, o, here);
	if (!k->method) {
		assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
		close_both();
		return;
	}
	assert_int_equal(r->u.answered.err, 0);
	assert_string_equal(r->u.answered.facts.method, k->method);
	assert_int_equal(r->u.answered.facts.suite, k->suite);
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	assert_int_equal(f->u.finished.chosen, r->u.answered.chosen);
	assert_string_equal(f->u.finished.facts.method, k->method);
	assert_int_equal(f->u.finished.facts.suite, k->suite);
	assert_memory_equal(sends(&a, f->u.finished.key[0].send),
			    sends(&b, r->u.answered.key[0].recv),
			    sizeof(struct srtp_key));
	assert_memory_equal(sends(&b, r->u.answered.key[0].send),
			    sends(&a, f->u.finished.key[0].recv),
			    sizeof(struct srtp_key));
	assert_int_equal(sends(&a, f->u.finished.key[0].send)->suite,
			 k->suite);
	check_reason(k, &a, f->u.finished.facts.choice);
	check_reason(k, &b, r->u.answered.facts.choice);
	/* what the offer fixed for another choice is gone */
	assert_int_equal(count(&a, MSG_KEY) - count(&a, MSG_KEY_GONE), 2);
	close_both();
}

static void both_get_what_the_lists_give(void **state)
{
	static const struct chosen_case rows[] = {
		{ { PSK, DH }, { PSK, DH }, { CM_80, CM_32 }, { CM_80, CM_32 },
		  P, P, PSK, CM_80 },
		{ { PSK, DH }, { DH, PSK }, { CM_80, CM_32 }, { CM_32, CM_80 },
		  P, P, PSK, CM_80 }, /* ties: the offerer's */
		{ { PSK, DH }, { DH, NULL }, { CM_80, CM_32 }, { CM_32, 0 },
		  P, P, DH, CM_32 },
		{ { PSK, DH }, { DH, NULL }, { CM_80, 0 }, { CM_80, CM_32 },
		  P, M, DH, CM_80 },
		{ { PSK, DH }, { PSK, NULL }, { CM_80, CM_32 }, { CM_32, 0 },
		  P, P, PSK, CM_32 },
		{ { DH, PSK }, { PSK, NULL }, { CM_80, GCM_256 },
		  { GCM_256, 0 }, P, P, PSK, GCM_256 },
		{ { DH, NULL }, { PSK, DH }, { CM_80, GCM_256 },
		  { GCM_256, 0 }, M, P, DH, GCM_256 },
		{ { PSK, DH }, { PSK, DH }, { CM_80, CM_32 }, { CM_80, CM_32 },
		  S, S, PSK, CM_80 },
		{ { PSK, DH }, { DH, PSK }, { CM_80, 0 }, { CM_80, 0 },
		  S, S, NULL, 0 },
		{ { PSK, DH }, { DH, PSK }, { CM_80, 0 }, { CM_80, 0 },
		  P, S, DH, CM_80 },
		{ { PSK, NULL }, { DH, NULL }, { CM_80, 0 }, { CM_80, 0 },
		  P, P, NULL, 0 },
		{ { PSK, NULL }, { PSK, NULL }, { CM_80, 0 }, { CM_32, 0 },
		  P, P, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check_call(&rows[i]);
}

static void always_with_mki(struct house *h)
{
	clerk_limits(h->clerk, &(struct clerk_limits){
		.window_us = 300 * SECOND, .verify = true,
		.mki = KEYING_MKI_ALWAYS });
}

/* The offer gave its key one: it is the key's, whatever suite it is for. */
static void another_suite_has_the_mki(void **state)
{
	const struct sent *o, *r, *f;
	const struct srtp_key *key;

	(void)state;
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	profile_of(&a, PSK, DH, CM_80, CM_32);
	profile_of(&b, PSK, NULL, CM_32, 0);
	always_with_mki(&a);
	always_with_mki(&b);
	o = offer(&a, 1);
	r = answer(&b, o, here);
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	key = sends(&a, f->u.finished.key[0].send);
	assert_int_equal(key->suite, CM_32);
	assert_int_equal(key->mki_len, 2);
	assert_memory_equal(key, sends(&b, r->u.answered.key[0].recv),
			    sizeof *key);
	close_both();
}

static void an_alternative_without_a_key_is_left_out(void **state)
{
	const struct sent *o;
	struct bundle m;

	(void)state;
	open_both();
	a.dhhmac = NULL;
	o = offer(&a, 1);
	m = bundle_of(o);
	assert_int_equal(m.n, 1);
	assert_int_equal(answer(&b, o, here)->u.answered.err, 0);
	assert_string_equal(last(&b, MSG_KEY_ANSWERED)
				    ->u.answered.facts.method, PSK);
	close_both();
}

/* -- a man in the middle -------------------------------------------------- */

static void refused(const struct sent *o, int err)
{
	const struct sent *r = answer(&b, o, here);

	assert_int_equal(r->u.answered.err, err);
	assert_int_equal(r->tail_len, 0);
	assert_true(r->u.answered.reason[0]);
	assert_int_equal(count(&b, MSG_KEY), 0);
}

static void an_altered_offer_is_refused(void **state)
{
	const struct sent *o, *p;
	struct bundle m, other, with;
	struct sent bad;

	(void)state;
	open_both();
	o = offer(&a, 1);
	p = offer(&a, 2);
	m = bundle_of(o);
	other = bundle_of(p);
	assert_int_equal(m.n, 2);
	with = (struct bundle){ 1, { m.item[0] } }; /* stripped */
	bad = carrying(o, &with);
	refused(&bad, E_AUTH);
	assert_non_null(strstr(last(&b, MSG_KEY_ANSWERED)
				       ->u.answered.reason, "altered"));
	with = (struct bundle){ 1, { m.item[1] } }; /* the other alone */
	bad = carrying(o, &with);
	refused(&bad, E_AUTH);
	with = (struct bundle){ 2, { m.item[1], m.item[0] } };
	bad = carrying(o, &with);
	refused(&bad, E_AUTH);
	with = (struct bundle){ 2, { m.item[0], other.item[1] } };
	bad = carrying(o, &with);
	refused(&bad, E_AUTH);
	with = (struct bundle){ 3, { m.item[0], m.item[1], other.item[1] } };
	bad = carrying(o, &with);
	refused(&bad, E_AUTH);
	with = (struct bundle){ 3, { m.item[0], m.item[1], m.item[1] } };
	bad = carrying(o, &with);
	refused(&bad, E_AUTH);
	bad = *o; /* the last byte of the alternative: not the chosen one, its
	             names still hold, nothing of it is used */
	bad.tail[bad.tail_len - 1] ^= 1;
	assert_int_equal(answer(&b, &bad, here)->u.answered.err, 0);
	close_both();
}

/* Rewrites the extension in every message, as who has no key can. */
static struct sent with_lists(const struct sent *o, size_t at, uint8_t to)
{
	struct sent copy = *o;

	for (size_t i = 0; i + 16 < copy.tail_len; i++)
		if (!memcmp(copy.tail + i, "callseal", 8))
			copy.tail[i + at] = to;
	return copy;
}

static void altered_lists_are_refused(void **state)
{
	/* flags, methods "2 1 2", suites "2 1 2", hash */
	static const struct {
		size_t at;
		uint8_t to;
		int err;
	} rows[] = {
		{ 10, 0, E_AUTH },   /* not by rank */
		{ 12, 2, E_FORMAT }, /* a list with one twice */
		{ 12, 7, E_AUTH },   /* a method struck out */
		{ 15, 9, E_AUTH },
		{ 20, 0, E_AUTH },   /* the hash */
	};
	const struct sent *o;

	(void)state;
	open_both();
	o = offer(&a, 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sent bad = with_lists(o, rows[i].at, rows[i].to);

		refused(&bad, rows[i].err);
	}
	close_both();
}

/* Both lists struck out and the hash made anew: only the MAC is in the way. */
static void lists_made_anew_fail_at_the_mac(void **state)
{
	const struct sent *o, *r;
	struct keying_outline line[2];
	struct rank_name name[2];
	struct rank_ext e;
	struct bundle m;
	struct buf ext = buf_of(RANK_EXT_MAX);
	struct sent bad;

	(void)state;
	open_both();
	o = offer(&a, 1);
	m = bundle_of(o);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(mikey_outline(m.item[i].data, m.item[i].len,
					       &line[i]), 0);
		name[i] = line[i].name;
	}
	assert_int_equal(rank_get(line[0].ranks, line[0].ranks_len, &e), 0);
	e.lists.methods.item[0] = 99; /* psk: nobody has it now */
	assert_int_equal(rank_hash(&e.lists, name, 2, e.hash), 0);
	rank_put(&e, &ext);
	bad = *o;
	for (size_t i = 0; i < 2; i++)
		memcpy(bad.tail + (line[i].ranks - o->tail), ext.data,
		       ext.len);
	r = answer(&b, &bad, here);
	assert_int_equal(r->u.answered.err, E_AUTH);
	assert_non_null(strstr(r->u.answered.reason, "MAC"));
	assert_int_equal(count(&b, MSG_KEY), 0);
	buf_free(&ext);
	close_both();
}

/* A message that does not count was altered: else it would be a new offer. */
static void a_replay_cannot_hide_behind_an_alternative(void **state)
{
	const struct sent *o, *r;
	struct sent again;

	(void)state;
	open_both();
	o = offer(&a, 1);
	assert_int_equal(answer(&b, o, here)->u.answered.err, 0);
	again = *o;
	again.tail[again.tail_len - 1] ^= 1;
	r = answer(&b, &again, (struct where){ 3, 9, 9, 1, 0 });
	assert_int_equal(r->u.answered.err, E_REPLAY);
	/* and not in its own dialog either, as something new */
	r = answer(&b, &again, (struct where){ 2, 1, 2, 2, 0 });
	assert_int_equal(r->u.answered.err, E_REPLAY);
	r = answer(&b, o, (struct where){ 2, 1, 2, 2, 0 });
	assert_int_equal(r->u.answered.err, 0);
	assert_int_equal(r->u.answered.repeat, 1);
	/* by other lists the other message would count: still the same offer */
	b.profile.keying[0] = DH;
	b.profile.n_keying = 1;
	r = answer(&b, o, (struct where){ 3, 9, 9, 1, 0 });
	assert_int_equal(r->u.answered.err, E_REPLAY);
	close_both();
}

/* Our own offer comes back, as an offer and as an answer. */
static void reflected_messages_are_refused(void **state)
{
	const struct sent *o, *f;
	struct bundle m;
	struct sent back;

	(void)state;
	open_both();
	strcpy(b.peer.name, "them");
	o = offer(&a, 1);
	m = bundle_of(o);
	back = *o;
	back.tail_len = m.item[0].len;
	memmove(back.tail, m.item[0].data, m.item[0].len);
	f = finish(&a, o->u.offered.exchange, 0, &back);
	assert_true(f->u.finished.err < 0);
	close_both();
}

/* -- far ends that do not know of it -------------------------------------- */

static struct keying_terms strict_terms(const enum suite *suites)
{
	static const uint32_t ssrc[1] = { 0x22222222 };

	return (struct keying_terms){
		.local_id = "sip:bob@b.example",
		.remote_id = "sip:alice@a.example",
		.psk = &b.psk, .peer = "them", .suites = suites,
		.n_suites = 1, .n = 1, .ssrc = ssrc, .wall_us = b.wall_us,
		.window_us = 300 * SECOND, .verify = true,
	};
}

static int strict_answer(const struct keying *k, const struct bundle_item *o,
			 struct sent *out)
{
	static const enum suite suites[1] = { CM_80 };
	const struct keying_terms t = strict_terms(suites);
	struct buf response = buf_of(sizeof out->tail);
	struct keying_result res = { .n = 0 };
	struct keying_fault why = { "" };
	int r = k->answer(&t, o->data, o->len, &response, &res, &why);

	if (!r) {
		memcpy(out->tail, response.data, response.len);
		out->tail_len = response.len;
	}
	buf_free(&response);
	return r;
}

/* Who reads RFC 3830 and 4567 alone takes the actual message and skips the
 * vendor extension. */
static void a_strict_reader_can_answer(void **state)
{
	static struct sent r;
	const struct sent *o, *f;
	struct bundle m;

	(void)state;
	open_both();
	o = offer(&a, 1);
	m = bundle_of(o);
	assert_int_equal(strict_answer(&mikey_psk, &m.item[0], &r), 0);
	f = finish(&a, o->u.offered.exchange, 0, &r);
	assert_int_equal(f->u.finished.err, 0);
	assert_int_equal(f->u.finished.chosen, 0);
	assert_string_equal(f->u.finished.facts.method, PSK);
	assert_int_equal(f->u.finished.facts.suite, CM_80);
	assert_int_equal(f->u.finished.facts.choice, KEY_CHOICE_FIRST);
	assert_memory_equal(f->u.finished.key, o->u.offered.key,
			    sizeof f->u.finished.key);
	close_both();
}

/* Who takes an alternative must say why. */
static void an_alternative_without_lists_is_refused(void **state)
{
	static struct sent r;
	const struct sent *o, *f;
	struct bundle m;

	(void)state;
	open_both();
	o = offer(&a, 1);
	m = bundle_of(o);
	assert_int_equal(strict_answer(&mikey_dhhmac, &m.item[1], &r), 0);
	f = finish(&a, o->u.offered.exchange, 0, &r);
	assert_int_equal(f->u.finished.err, E_AUTH);
	assert_int_equal(f->u.finished.n, 0);
	close_both();
}

/* And an offer of such a far end is answered as ever. */
static void a_plain_offer_is_answered(void **state)
{
	static const enum suite suites[1] = { CM_80 };
	static const uint32_t ssrc[1] = { 0x11111111 };
	struct keying_terms t;
	struct keying_pending *pending = NULL;
	struct keying_result early = { .n = 0 }, res = { .n = 0 };
	struct keying_fault why;
	struct buf text = buf_of(4096);
	struct sent o = { 0 };
	const struct sent *r;

	(void)state;
	open_both();
	t = strict_terms(suites);
	t.local_id = "sip:alice@a.example";
	t.remote_id = "sip:bob@b.example";
	t.ssrc = ssrc;
	assert_int_equal(mikey_psk.offer(&t, &text, &pending, &early, &why),
			 0);
	memcpy(o.tail, text.data, text.len);
	o.tail_len = text.len;
	r = answer(&b, &o, here);
	assert_int_equal(r->u.answered.err, 0);
	assert_int_equal(r->u.answered.facts.suite, CM_80);
	assert_int_equal(r->u.answered.facts.choice, KEY_CHOICE_OFFERED);
	assert_int_equal(mikey_psk.finish(pending, r->tail, r->tail_len,
					  b.wall_us, &res, &why), 0);
	assert_false(res.ranked);
	mikey_psk.drop(pending);
	/* where we are static it must be our first */
	b.profile.negotiate = NEGOTIATE_STATIC;
	buf_clear(&text);
	assert_int_equal(mikey_psk.offer(&t, &text, &pending, &early, &why),
			 0);
	memcpy(o.tail, text.data, text.len);
	r = answer(&b, &o, (struct where){ 4, 4, 4, 1, 0 });
	assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
	mikey_psk.drop(pending);
	buf_free(&text);
	close_both();
}

/* Nothing can be negotiated when the answer proves nothing. */
static void without_verification_offers_are_static(void **state)
{
	const struct clerk_limits no = { .window_us = 300 * SECOND };
	struct keying_outline line;
	const struct sent *o;
	struct bundle m;

	(void)state;
	open_both();
	clerk_limits(a.clerk, &no);
	o = offer(&a, 1);
	m = bundle_of(o);
	assert_int_equal(m.n, 1);
	assert_int_equal(mikey_outline(m.item[0].data, m.item[0].len, &line),
			 0);
	assert_null(line.ranks);
	close_both();
}

/* -- branches, updates ---------------------------------------------------- */

/* With a pre-shared key all branches have one TGK: each suite one context. */
static void branches_may_choose_differently(void **state)
{
	static struct house c;
	const struct sent *o, *r1, *r2, *f;
	struct msg_key_ids one, two;

	(void)state;
	open_both();
	house_open(&c, "a.example");
	profile_of(&a, PSK, NULL, CM_80, CM_32);
	profile_of(&b, PSK, NULL, CM_32, 0);
	profile_of(&c, PSK, NULL, CM_80, 0);
	o = offer(&a, 1);
	r1 = answer(&b, o, here);
	r2 = answer(&c, o, here);
	f = finish(&a, o->u.offered.exchange, 0, r1);
	assert_int_equal(f->u.finished.facts.suite, CM_32);
	one = f->u.finished.key[0];
	assert_int_equal(count(&a, MSG_KEY_GONE), 2);
	f = finish(&a, o->u.offered.exchange, 1, r2);
	assert_int_equal(f->u.finished.facts.suite, CM_80);
	two = f->u.finished.key[0];
	assert_memory_equal(sends(&a, two.send),
			    sends(&c, r2->u.answered.key[0].recv),
			    sizeof(struct srtp_key));
	/* 128 bits both, yet nothing in common */
	assert_memory_not_equal(sends(&a, one.send)->key,
				sends(&a, two.send)->key, 16);
	f = finish(&a, o->u.offered.exchange, 2, r1);
	assert_memory_equal(&f->u.finished.key[0], &one, sizeof one);
	f = finish(&a, o->u.offered.exchange, 3, r2);
	assert_memory_equal(&f->u.finished.key[0], &two, sizeof two);
	house_close(&c);
	close_both();
}

/* A later offer of the call goes on with what was agreed. */
static void an_update_negotiates_nothing(void **state)
{
	const struct sent *o, *r, *f;
	struct keying_outline line;
	struct bundle m;

	(void)state;
	open_both();
	profile_of(&b, DH, NULL, CM_32, 0);
	o = offer(&a, 1);
	r = answer(&b, o, here);
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	a.wall_us += SECOND;
	b.wall_us += SECOND;
	o = offer(&a, 1);
	assert_int_equal(o->u.offered.err, 0);
	m = bundle_of(o);
	assert_int_equal(m.n, 1);
	assert_int_equal(mikey_outline(m.item[0].data, m.item[0].len, &line),
			 0);
	assert_null(line.ranks);
	r = answer(&b, o, (struct where){ 2, 1, 1, 2, 0 });
	assert_int_equal(r->u.answered.err, 0);
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	assert_string_equal(f->u.finished.facts.method, DH);
	assert_int_equal(f->u.finished.facts.suite, CM_32);
	assert_memory_equal(sends(&a, f->u.finished.key[0].send),
			    sends(&b, r->u.answered.key[0].recv),
			    sizeof(struct srtp_key));
	close_both();
}

/* -- memory --------------------------------------------------------------- */

static struct memory *memory_of(void)
{
	struct memory *m;

	assert_int_equal(memory_new(-1, 100, &m), 0);
	return m;
}

static size_t messages_of(const struct sent *o)
{
	assert_int_equal(o->u.offered.err, 0);
	return bundle_of(o).n;
}

static void call_once(uint64_t call, size_t messages, const char *method)
{
	const struct where w = { call + 100, (uint8_t)call, 1, 1, 0 };
	const struct sent *o = offer(&a, call), *f;

	assert_int_equal(messages_of(o), messages);
	f = finish(&a, o->u.offered.exchange, 0, answer(&b, o, w));
	assert_int_equal(f->u.finished.err, 0);
	assert_string_equal(f->u.finished.facts.method, method);
	assert_int_equal(f->u.finished.facts.choice == KEY_CHOICE_REMEMBERED,
			 messages == 1);
}

static void the_next_offer_is_small(void **state)
{
	const struct sent *o, *r;

	(void)state;
	open_both();
	a.memory = memory_of();
	house_reopen(&a);
	profile_of(&b, DH, NULL, CM_32, 0);
	call_once(1, 2, DH);
	call_once(2, 1, DH); /* with its suite in the policy, too */
	o = offer(&a, 3);
	r = answer(&b, o, (struct where){ 103, 3, 1, 1, 0 });
	assert_int_equal(r->u.answered.facts.suite, CM_32);
	drop(&a, o->u.offered.exchange); /* nobody picked up */
	call_once(4, 2, DH);
	call_once(5, 1, DH);
	/* our own lists changed: what was recalled gives another choice */
	profile_of(&a, DH, PSK, CM_32, CM_80);
	profile_of(&b, PSK, DH, CM_32, CM_80);
	o = offer(&a, 6);
	assert_int_equal(messages_of(o), 1);
	r = answer(&b, o, (struct where){ 106, 6, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, 0); /* a tie: the offerer's */
	memory_free(a.memory);
	close_both();
}

/* The far end's lists changed: the one message is not what they lead to. */
static void a_wrong_memory_mends_itself(void **state)
{
	const struct sent *o, *r;

	(void)state;
	open_both();
	a.memory = memory_of();
	house_reopen(&a);
	profile_of(&b, DH, NULL, CM_80, 0);
	call_once(1, 2, DH);
	profile_of(&b, PSK, NULL, CM_80, 0);
	o = offer(&a, 2);
	assert_int_equal(messages_of(o), 1);
	r = answer(&b, o, (struct where){ 102, 2, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
	assert_int_equal(count(&b, MSG_KEY), 2); /* of the first call */
	drop(&a, o->u.offered.exchange);
	call_once(3, 2, PSK);
	call_once(4, 1, PSK);
	memory_free(a.memory);
	close_both();
}

/* A far end that does not know of it gets its one message from then on. */
static void a_strict_reader_is_remembered(void **state)
{
	static struct sent r;
	const struct sent *o;
	struct bundle m;

	(void)state;
	open_both();
	a.memory = memory_of();
	house_reopen(&a);
	for (uint64_t call = 1; call < 3; call++) {
		o = offer(&a, call);
		m = bundle_of(o);
		assert_int_equal(m.n, call == 1 ? 2 : 1);
		assert_int_equal(strict_answer(&mikey_psk, &m.item[0], &r),
				 0);
		assert_int_equal(finish(&a, o->u.offered.exchange, 0, &r)
					 ->u.finished.err, 0);
	}
	memory_free(a.memory);
	close_both();
}

static void ignore_line(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_get_what_the_lists_give),
		cmocka_unit_test(another_suite_has_the_mki),
		cmocka_unit_test(an_alternative_without_a_key_is_left_out),
		cmocka_unit_test(an_altered_offer_is_refused),
		cmocka_unit_test(altered_lists_are_refused),
		cmocka_unit_test(lists_made_anew_fail_at_the_mac),
		cmocka_unit_test(a_replay_cannot_hide_behind_an_alternative),
		cmocka_unit_test(reflected_messages_are_refused),
		cmocka_unit_test(a_strict_reader_can_answer),
		cmocka_unit_test(an_alternative_without_lists_is_refused),
		cmocka_unit_test(a_plain_offer_is_answered),
		cmocka_unit_test(without_verification_offers_are_static),
		cmocka_unit_test(branches_may_choose_differently),
		cmocka_unit_test(an_update_negotiates_nothing),
		cmocka_unit_test(the_next_offer_is_small),
		cmocka_unit_test(a_wrong_memory_mends_itself),
		cmocka_unit_test(a_strict_reader_is_remembered),
	};

	log_to(ignore_line);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
