/* test_clerk_veil.c - keys in sealed descriptions: two gateways agree on them,
 * and neither engine sees one. Bodies are "sealed" by leaving them as they are:
 * what S/MIME does is another test's. */
#include "daemon/base/err.h"
#include "daemon/keeper/bodies.h"
#include "daemon/keeper/veil/veil_sdp.h"
#include "modules/sdes/exchange.h"
#include "tests/mock/ca.h"
#include "tests/unit/clerk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ALICE "sip:alice@a.example"
#define BOB "sip:bob@b.example"
#define HEAD "v=0\r\ns=-\r\nt=0 0\r\n"
#define LINE "m=audio 4000 RTP/SAVP 0\r\n"
#define HEX60 "000102030405060708090a0b0c0d0e0f101112131415161718191a1B1C1D"

/* What the next body that is opened was. */
static struct {
	bool is_signed, encrypted;
} was;

static int seal_as_it_is(const struct bodies_terms *t,
			 const struct bodies_text *in,
			 struct bodies_sealed *out, struct bodies_fault *why)
{
	(void)t;
	(void)why;
	strcpy(out->type, "x/y");
	buf_put(&out->body, in->content, in->content_len);
	return out->body.err;
}

static int open_as_it_is(const struct bodies_terms *t,
			 const struct bodies_given *in,
			 struct bodies_opened *out, struct bodies_fault *why)
{
	(void)why;
	*out = (struct bodies_opened){
		.content = buf_of(BODY_TAIL_MAX), .is_signed = was.is_signed,
		.encrypted = was.encrypted, .stamp_us = t->wall_us,
	};
	buf_put(&out->content, in->body, in->body_len);
	out->mark[0] = (uint8_t)rand();
	return 0;
}

static bool reaches(const struct bodies_terms *t)
{
	(void)t;
	return true;
}

static void forget(struct bodies_card *c)
{
	(void)c;
}

static const struct bodies as_it_is = {
	.name = "as it is", .seal = seal_as_it_is, .open = open_as_it_is,
	.reaches = reaches, .card_free = forget,
};

/* Alice's gateway and Bob's. */
struct ends {
	struct ca ca;
	struct credential *own;
	struct house a, b;
};

static void give(struct house *h, const char *match,
		 const struct credential *own)
{
	house_open(h, match);
	h->method = &sdes_keying;
	h->profile.keying[0] = "sdes";
	h->profile.body = BODY_MODE_SIGN_ENCRYPT;
	h->credential = own;
	h->bodies = &as_it_is;
	house_reopen(h);
}

static void open_ends(struct ends *e)
{
	EVP_PKEY *key = ca_key(1, "P-256", 0);
	X509 *x;

	memset(e, 0, sizeof *e);
	e->ca = ca_make(0, "the issuer");
	x = ca_issue(&e->ca, key, "x", &(struct ca_order){
		.san = "URI:sip:a.example,URI:sip:b.example" });
	e->own = ca_credential(x, NULL, key, &e->ca);
	X509_free(x);
	give(&e->a, "b.example", e->own);
	give(&e->b, "a.example", e->own);
	was.is_signed = was.encrypted = true;
}

static void close_ends(struct ends *e)
{
	house_close(&e->a);
	house_close(&e->b);
	credential_free(e->own);
	ca_free(&e->ca);
}

static struct msg_key_party party_of(const struct ends *e,
				     const struct house *h, uint64_t call)
{
	struct msg_key_party p = h == &e->a ? party(call, ALICE, BOB)
					    : party(call, BOB, ALICE);

	p.n = 0;
	return p;
}

/* A description with these values of a=crypto, sealed; the reply. */
static const struct sent *seal(struct ends *e, struct house *h, uint64_t call,
			       const char *values)
{
	struct msg_body_seal m = { .party = party_of(e, h, call) };
	struct sent tail = { .tail_len = 0 };
	char *at = (char *)tail.tail;

	at += sprintf(at, HEAD LINE "a=rtpmap:0 PCMU/8000\r\n");
	for (const char *end; *values; values = end + (*end != 0)) {
		end = values + strcspn(values, "\n");
		at += sprintf(at, "a=crypto:%.*s\r\n", (int)(end - values),
			      values);
	}
	m.len = (uint32_t)(tail.tail_len = strlen((char *)tail.tail));
	assert_int_equal(tell(h, MSG_BODY_SEAL, 1, &m, sizeof m, &tail), 0);
	return last(h, MSG_BODY_SEALED);
}

static const struct sent *open_text(struct ends *e, struct house *h,
				    uint64_t call, const char *sdp)
{
	struct msg_body_open m = { .party = party_of(e, h, call),
				   .response = h == &e->a };
	struct sent tail = { .tail_len = strlen(sdp) };

	memcpy(tail.tail, sdp, tail.tail_len);
	m.len = (uint32_t)tail.tail_len;
	assert_int_equal(tell(h, MSG_BODY_OPEN, 2, &m, sizeof m, &tail), 0);
	return last(h, MSG_BODY_OPENED);
}

/* The values of what was opened, one a line, as the engine would ask with. */
static struct sent values_of(const struct sent *s)
{
	struct sent out = { .tail_len = 0 };
	const char *at = (const char *)s->tail;

	while ((at = strstr(at, "a=crypto:"))) {
		size_t n = strcspn(at += 9, "\r");

		if (out.tail_len)
			out.tail[out.tail_len++] = '\n';
		memcpy(out.tail + out.tail_len, at, n);
		out.tail_len += n;
	}
	return out;
}

static const char *text_of(const struct sent *s)
{
	static char text[8193];

	memcpy(text, s->tail, s->tail_len);
	text[s->tail_len] = 0;
	return text;
}

/* Every other message: nothing of a key. */
static void engine_saw_none(const struct house *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->sent[i].to == PROC_ENGINE &&
		    h->sent[i].type != MSG_BODY_SEALED)
			assert_null(strstr(text_of(&h->sent[i]), "inline:"));
}

static const struct where first = { .call = 2, .dialog = 1, .branch = 1,
				    .cseq = 1 };

static void same_key(const struct house *a, uint64_t send,
		     const struct house *b, uint64_t recv)
{
	const struct msg_key *x = key_of(a, send), *y = key_of(b, recv);

	assert_memory_equal(&x->key, &y->key, sizeof x->key);
	assert_int_equal(x->direction, KEY_SEND);
	assert_int_equal(y->direction, KEY_RECV);
}

static void two_gateways_agree(void **state)
{
	static struct ends e;
	const struct sent *s;
	struct sent values, ours;
	struct msg_key_ids b, a;
	uint64_t exchange;

	(void)state;
	open_ends(&e);
	s = offer(&e.a, 1);
	assert_int_equal(s->u.offered.err, 0);
	exchange = s->u.offered.exchange;
	s = seal(&e, &e.a, 1, text_of(s));
	assert_int_equal(s->u.sealed.err, 0);
	assert_non_null(strstr(text_of(s), "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
			       "inline:"));
	s = open_text(&e, &e.b, 2, text_of(s));
	assert_int_equal(s->u.opened.err, 0);
	values = values_of(s);
	s = answer(&e.b, &values, first);
	assert_int_equal(s->u.answered.err, 0);
	assert_int_equal(s->u.answered.facts.bare, 0);
	assert_int_equal(s->u.answered.facts.verified, 1);
	b = s->u.answered.key[0];
	ours = *s;
	s = answer(&e.b, &values, first);
	assert_int_equal(s->u.answered.repeat, 1);
	s = seal(&e, &e.b, 2, text_of(&ours));
	assert_int_equal(s->u.sealed.err, 0);
	s = open_text(&e, &e.a, 1, text_of(s));
	values = values_of(s);
	s = finish(&e.a, exchange, 0, &values);
	assert_int_equal(s->u.finished.err, 0);
	assert_int_equal(s->u.finished.facts.bare, 0);
	assert_int_equal(s->u.finished.facts.verified, 1);
	a = s->u.finished.key[0];
	same_key(&e.a, a.send, &e.b, b.recv);
	same_key(&e.b, b.send, &e.a, a.recv);
	engine_saw_none(&e.a);
	engine_saw_none(&e.b);
	close_ends(&e);
}

/* The engine can make none, and none of another call serves. */
static void only_what_was_opened_for_this_call(void **state)
{
	static const char good[] = "1 AES_CM_128_HMAC_SHA1_80 "
		"inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
	static struct ends e;
	struct sent plain = { .tail_len = sizeof good - 1 }, values;
	struct where elsewhere = first;
	const struct sent *s;
	uint64_t exchange;

	(void)state;
	open_ends(&e);
	memcpy(plain.tail, good, plain.tail_len);
	s = answer(&e.b, &plain, first);
	assert_int_equal(s->u.answered.err, E_POLICY);
	s = open_text(&e, &e.b, 2, HEAD LINE "a=crypto:1 "
		      "AES_CM_128_HMAC_SHA1_80 inline:"
		      "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n");
	values = values_of(s);
	elsewhere.call = 3;
	s = answer(&e.b, &values, elsewhere);
	assert_int_equal(s->u.answered.err, E_AUTH);
	values.tail[values.tail_len - 1] ^= 1;
	s = answer(&e.b, &values, first);
	assert_true(s->u.answered.err == E_AUTH ||
		    s->u.answered.err == E_FORMAT);
	/* theirs is not sealed as ours, ours is not sealed for another call
	 * and is no answer of theirs */
	values.tail[values.tail_len - 1] ^= 1;
	s = seal(&e, &e.b, 2, text_of(&values));
	assert_int_equal(s->u.sealed.err, E_AUTH);
	s = seal(&e, &e.a, 1, good);
	assert_int_equal(s->u.sealed.err, E_AUTH);
	values = *offer(&e.a, 1);
	exchange = values.u.offered.exchange;
	s = seal(&e, &e.a, 9, text_of(&values));
	assert_int_equal(s->u.sealed.err, E_AUTH);
	assert_int_equal(s->tail_len, 0);
	s = finish(&e.a, exchange, 0, &values);
	assert_int_equal(s->u.finished.err, E_AUTH);
	s = finish(&e.a, exchange, 0, &plain);
	assert_int_equal(s->u.finished.err, E_AUTH);
	/* the keeper that was started again knows none of them */
	house_reopen(&e.a);
	s = seal(&e, &e.a, 1, text_of(&values));
	assert_int_equal(s->u.sealed.err, E_AUTH);
	close_ends(&e);
}

/* What was not both signed and encrypted keys nothing. */
static void only_in_a_whole_seal(void **state)
{
	static struct ends e;
	struct sent values;
	const struct sent *s;

	(void)state;
	open_ends(&e);
	for (int i = 0; i < 3; i++) {
		was.is_signed = i == 1;
		was.encrypted = i == 2;
		s = open_text(&e, &e.b, 2, HEAD LINE "a=crypto:1 "
			      "AES_CM_128_HMAC_SHA1_80 inline:"
			      "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n");
		values = values_of(s);
		s = answer(&e.b, &values, first);
		assert_int_equal(s->u.answered.err, E_POLICY);
	}
	assert_int_equal(count(&e.b, MSG_KEY), 0);
	close_ends(&e);
}

/* -- k= ------------------------------------------------------------------- */

static void with_legacy(struct house *h)
{
	clerk_limits(h->clerk, &(struct clerk_limits){
		.window_us = 300 * SECOND, .verify = true, .legacy = true });
}

#define FIGURE HEAD "k=clear:" HEX60 "\r\n" LINE

static void one_key_for_both_directions(void **state)
{
	static struct ends e;
	const struct msg_key *send, *recv;
	const struct sent *s;
	struct sent values;

	(void)state;
	open_ends(&e);
	with_legacy(&e.b);
	s = open_text(&e, &e.b, 2, FIGURE);
	assert_int_equal(s->u.opened.err, 0);
	assert_null(strstr(text_of(s), "0001020304"));
	assert_null(strstr(text_of(s), "k="));
	values = values_of(s);
	s = answer(&e.b, &values, first);
	assert_int_equal(s->u.answered.err, 0);
	send = key_of(&e.b, s->u.answered.key[0].send);
	recv = key_of(&e.b, s->u.answered.key[0].recv);
	assert_memory_equal(send->key.key, recv->key.key, 16);
	assert_memory_equal(send->key.salt, recv->key.salt, 14);
	assert_int_equal(send->key.key[15], 15);
	assert_int_equal(send->key.salt[13], 29);
	/* the answer says it, too, where k= has to stand */
	s = seal(&e, &e.b, 2, text_of(s));
	assert_int_equal(s->u.sealed.err, 0);
	assert_non_null(strstr(text_of(s), LINE "k=clear:000102"));
	assert_null(strstr(text_of(s), "a=crypto"));
	close_ends(&e);
}

static void only_with_legacy_and_sealed(void **state)
{
	static struct ends e;
	struct sent raw = { .tail_len = 0 };
	const struct sent *s;

	(void)state;
	open_ends(&e);
	s = open_text(&e, &e.b, 2, FIGURE);
	assert_int_equal(s->u.opened.err, 0); /* as if it were not there */
	assert_null(strstr(text_of(s), "k="));
	assert_int_equal(values_of(s).tail_len, 0);
	with_legacy(&e.b);
	s = open_text(&e, &e.b, 2, HEAD "k=prompt\r\n" LINE);
	assert_int_equal(s->u.opened.err, E_FORMAT);
	assert_int_equal(s->u.opened.status, 488);
	raw.tail_len = (size_t)sprintf((char *)raw.tail, "clear:" HEX60);
	s = answer(&e.b, &raw, first);
	assert_int_equal(s->u.answered.err, E_POLICY);
	/* nor where keys may stand in SDP as they are */
	e.b.profile.body = BODY_MODE_SIGN;
	e.b.profile.sdes = SDES_ANY;
	s = answer(&e.b, &raw, first);
	assert_int_equal(s->u.answered.err, E_POLICY);
	close_ends(&e);
}

/* -- descriptions --------------------------------------------------------- */

/* A k that has no = is no line of SDP, but what stands behind it is a key. */
static void no_line_of_a_key_is_left(void **state)
{
	static const char *const odd[] = {
		HEAD "k}clear:" HEX60 "\r\n" LINE,
		HEAD LINE "k clear:" HEX60 "\r\n",
		HEAD LINE "kclear:" HEX60,
	};
	struct veil_for f = { .note = 0 };
	struct veil v;

	(void)state;
	assert_int_equal(veil_draw(&v), 0);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct buf out = buf_of(4000);

		assert_int_equal(veil_sdp_hide(&v, &f, true, mime_text(odd[i]),
					       &out), E_FORMAT);
		buf_clear(&out);
		assert_int_equal(veil_sdp_hide(&v, &f, false,
					       mime_text(odd[i]), &out), 0);
		assert_string_equal(buf_string(&out), HEAD LINE);
		buf_free(&out);
	}
}

static void lines_are_left_as_they_are(void **state)
{
	static const char sdp[] = HEAD "a=x\r\n" LINE "a=y\r\n"
		"m=video 1 RTP/SAVP 9\r\nk=prompt\r\na=acap:1 crypto:1 x\r\n"
		"a=acap:2 key-mgmt:mikey A\r\na=crypto:2 z\r\na=last";
	struct veil v;
	struct veil_for f = { .note = 7 };
	struct buf out = buf_of(4000), back = buf_of(4000);

	(void)state;
	assert_int_equal(veil_draw(&v), 0);
	assert_int_equal(veil_sdp_hide(&v, &f, false, mime_text(sdp), &out), 0);
	assert_non_null(strstr(buf_string(&out), "a=crypto:veiled:"));
	assert_int_equal(veil_sdp_show(&v, &f, (struct mime_bytes){
		out.data, out.len }, &back), 0);
	assert_string_equal(buf_string(&back), HEAD "a=x\r\n" LINE "a=y\r\n"
		"m=video 1 RTP/SAVP 9\r\na=acap:2 key-mgmt:mikey A\r\n"
		"a=crypto:2 z\r\na=last\r\n");
	assert_int_equal(f.note, 7);
	buf_free(&out);
	buf_free(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_gateways_agree),
		cmocka_unit_test(only_what_was_opened_for_this_call),
		cmocka_unit_test(only_in_a_whole_seal),
		cmocka_unit_test(one_key_for_both_directions),
		cmocka_unit_test(only_with_legacy_and_sealed),
		cmocka_unit_test(no_line_of_a_key_is_left),
		cmocka_unit_test(lines_are_left_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
