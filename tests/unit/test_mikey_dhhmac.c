/* test_mikey_dhhmac.c - Diffie-Hellman under a pre-shared key (RFC 4650):
 * offer, answer, finish, and what must not pass. */
#include "daemon/base/err.h"
#include "modules/mikey/dh.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/bn.h>

#include "tests/unit/mikey_pair.h"

static void open_pair(struct pair *p)
{
	pair_open(p);
	p->method = &mikey_dhhmac;
}

static void offered(struct pair *p)
{
	open_pair(p);
	assert_int_equal(pair_offer(p), 0);
}

static void answered(struct pair *p)
{
	offered(p);
	assert_int_equal(pair_answer(p), 0);
}

static struct mikey_payload *kemac_of(struct mikey_message *m)
{
	assert_int_equal(m->payload[m->n - 1].type, MIKEY_KEMAC);
	return &m->payload[m->n - 1];
}

/* Writes m in place of a message of p's exchange, with a MAC of that
 * algorithm that is right under p's key. m points into what it replaces: open
 * it again to go on. */
static void seal(const struct pair *p, struct mikey_message *m, unsigned alg,
		 struct buf *in_place_of)
{
	static const uint8_t zero[MIKEY_HASH_MAX];
	struct buf b = buf_of(KEYING_MAX);
	struct mikey_message offer;
	struct mikey_psk_keys keys;
	struct mikey_bytes covered;

	open_offer(p, &offer);
	message_keys(p, &offer, alg, &keys);
	kemac_of(m)->mac = (struct mikey_bytes){ zero, keys.auth_len };
	assert_int_equal(mikey_encode(m, &b), 0);
	covered = (struct mikey_bytes){ b.data, b.len - keys.auth_len };
	assert_int_equal(mikey_hmac(alg, keys.auth, keys.auth_len, &covered,
				    1, b.data + covered.len), 0);
	buf_free(in_place_of);
	*in_place_of = b;
}

static void open_answer(const struct pair *p, struct mikey_message *m)
{
	assert_int_equal(mikey_decode(p->answer.data, p->answer.len, m), 0);
}

static void drop_payload(struct mikey_message *m, struct mikey_payload *gone)
{
	size_t i = (size_t)(gone - m->payload);

	memmove(gone, gone + 1, (m->n - i - 1) * sizeof *gone);
	m->n--;
}

/* A copy of extra before the KEMAC. */
static void add_payload(struct mikey_message *m, struct mikey_payload extra)
{
	m->payload[m->n] = m->payload[m->n - 1];
	m->payload[m->n - 1] = extra;
	m->n++;
}

static void same_keys(const struct pair *p)
{
	assert_int_equal(p->called.n, p->calling.n);
	for (size_t i = 0; i < p->called.n; i++) {
		assert_memory_equal(&p->calling.send[i], &p->called.recv[i],
				    sizeof(struct srtp_key));
		assert_memory_equal(&p->calling.recv[i], &p->called.send[i],
				    sizeof(struct srtp_key));
		assert_memory_not_equal(p->calling.send[i].key,
					p->calling.recv[i].key, 16);
	}
}

/* -- what must work ------------------------------------------------------- */

static void both_sides_get_the_same_keys(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p);
	p.a.n = p.b.n = 2;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(p.early.n, 0);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(pair_finish(&p), 0);
	assert_int_equal(p.calling.n, 2);
	same_keys(&p);
	assert_int_equal(p.calling.recv_ssrc[1], 0x44444444);
	assert_int_equal(p.called.recv_ssrc[1], 0x22222222);
	assert_string_equal(p.calling.facts.method, "mikey-dhhmac");
	assert_string_equal(p.called.facts.method, "mikey-dhhmac");
	assert_int_equal(p.calling.facts.verified, 1);
	assert_int_equal(p.calling.facts.confirmed, 1);
	assert_int_equal(p.called.facts.verified, 1);
	assert_int_equal(p.called.facts.confirmed, 0);
	assert_int_equal(p.calling.facts.key_bits, 90);
	assert_int_equal(p.called.facts.key_bits, 90);
	assert_int_equal(p.called.facts.suite, SUITE_AEAD_AES_128_GCM);
	/* a 64-bit NTP timestamp, not of this clock's microseconds */
	assert_true(p.called.stamp_us - NOW_US + 1 <= 2);
	pair_close(&p);
}

static void every_branch_has_its_own_keys(void **state)
{
	struct keying_result first;
	struct pair p;

	(void)state;
	answered(&p);
	assert_int_equal(pair_finish(&p), 0);
	first = p.calling;
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(pair_finish(&p), 0);
	same_keys(&p);
	assert_memory_not_equal(first.send[0].key, p.calling.send[0].key, 16);
	pair_close(&p);
}

static void the_messages_are_those_of_the_rfc(void **state)
{
	static const uint8_t i_message[] = {
		MIKEY_T, MIKEY_RAND, MIKEY_ID, MIKEY_ID, MIKEY_SP,
		MIKEY_EXTENSION, MIKEY_DH, MIKEY_KEMAC };
	static const uint8_t r_message[] = {
		MIKEY_T, MIKEY_ID, MIKEY_ID, MIKEY_DH, MIKEY_DH, MIKEY_KEMAC };
	struct mikey_message m, offer;
	struct pair p;

	(void)state;
	answered(&p);
	open_offer(&p, &offer);
	assert_int_equal(offer.data_type, 7);
	assert_int_equal(offer.n, sizeof i_message);
	for (size_t i = 0; i < offer.n; i++)
		assert_int_equal(offer.payload[i].type, i_message[i]);
	assert_int_equal(kemac_of(&offer)->kind, 0);
	assert_int_equal(kemac_of(&offer)->mac_alg, 1);
	assert_int_equal(kemac_of(&offer)->data.len, 0);
	assert_int_equal(find(&offer, MIKEY_DH, 0)->kind, 0);
	open_answer(&p, &m);
	assert_int_equal(m.data_type, 8);
	assert_int_equal(m.n, sizeof r_message);
	for (size_t i = 0; i < m.n; i++)
		assert_int_equal(m.payload[i].type, r_message[i]);
	assert_memory_equal(m.payload[1].data.p, "sip:bob@b.example", 17);
	assert_memory_equal(m.payload[2].data.p, "sip:alice@a.example", 19);
	assert_memory_equal(m.payload[4].data.p,
			    find(&offer, MIKEY_DH, 0)->data.p, 192);
	pair_close(&p);
}

/* RFC 4650 4.2 has its own numbers; we read both and answer in theirs. */
static void both_numberings_are_read(void **state)
{
	static const struct {
		uint8_t encr, mac;
	} forms[] = { { 0, 1 }, { 2, 0 }, { 2, 1 }, { 0, 0 } };
	struct mikey_message m;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		offered(&p);
		open_offer(&p, &m);
		kemac_of(&m)->kind = forms[i].encr;
		kemac_of(&m)->mac_alg = forms[i].mac;
		seal(&p, &m, MIKEY_MAC_SHA1, &p.offer);
		assert_int_equal(pair_answer(&p), 0);
		open_answer(&p, &m);
		assert_int_equal(kemac_of(&m)->kind, forms[i].encr);
		assert_int_equal(kemac_of(&m)->mac_alg, forms[i].mac);
		assert_int_equal(kemac_of(&m)->mac.len, 20);
		assert_int_equal(pair_finish(&p), 0);
		same_keys(&p);
		pair_close(&p);
	}
}

static void newer_hashes_are_taken(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	offered(&p);
	open_offer(&p, &m);
	m.prf = MIKEY_PRF_SHA256;
	kemac_of(&m)->mac_alg = MIKEY_MAC_SHA256;
	/* what derives the MAC's key must have the PRF, too */
	seal(&p, &m, MIKEY_MAC_SHA256, &p.offer);
	open_offer(&p, &m);
	seal(&p, &m, MIKEY_MAC_SHA256, &p.offer);
	assert_int_equal(pair_answer(&p), 0);
	open_answer(&p, &m);
	assert_int_equal(kemac_of(&m)->mac_alg, MIKEY_MAC_SHA256);
	assert_int_equal(m.prf, MIKEY_PRF_SHA256);
	pair_close(&p);
}

static void a_lone_identity_is_the_responders(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	offered(&p);
	open_offer(&p, &m);
	drop_payload(&m, find(&m, MIKEY_ID, 0));
	seal(&p, &m, MIKEY_MAC_SHA1, &p.offer);
	assert_int_equal(pair_answer(&p), 0);
	open_answer(&p, &m);
	/* the response names both all the same */
	assert_memory_equal(m.payload[2].data.p, "sip:alice@a.example", 19);
	assert_int_equal(pair_finish(&p), 0);
	same_keys(&p);
	/* and a response may leave out its own name */
	drop_payload(&m, find(&m, MIKEY_ID, 0));
	seal(&p, &m, MIKEY_MAC_SHA1, &p.answer);
	assert_int_equal(pair_finish(&p), 0);
	pair_close(&p);
}

static void an_mki_is_used(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	offered(&p);
	open_offer(&p, &m);
	find(&m, MIKEY_DH, 0)->kv = (struct mikey_kv){
		.type = 1, .spi = text("\7\7") };
	seal(&p, &m, MIKEY_MAC_SHA1, &p.offer);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(p.called.send[0].mki_len, 2);
	assert_memory_equal(p.called.send[0].mki, "\7\7", 2);
	open_answer(&p, &m);
	assert_int_equal(find(&m, MIKEY_DH, 0)->kv.spi.len, 2);
	assert_int_equal(find(&m, MIKEY_DH, 1)->kv.spi.len, 2);
	/* our offer had none */
	assert_int_equal(pair_finish(&p), E_AUTH);
	pair_close(&p);
}

/* RFC 3830 6.1: with Diffie-Hellman the V flag says nothing. */
static void a_response_always_comes(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	open_pair(&p);
	p.a.verify = false;
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	assert_int_equal(m.v, 1);
	m.v = 0;
	seal(&p, &m, MIKEY_MAC_SHA1, &p.offer);
	assert_int_equal(pair_answer(&p), 0);
	assert_true(p.answer.len > 400);
	buf_clear(&p.answer);
	assert_int_equal(pair_finish(&p), E_AUTH);
	assert_int_equal(p.calling.n, 0);
	pair_close(&p);
}

/* -- damage --------------------------------------------------------------- */

static void every_cut_is_refused(void **state)
{
	struct keying_result none = { .n = 0 };
	struct buf out = buf_of(KEYING_MAX);
	struct pair p;

	(void)state;
	answered(&p);
	for (size_t n = 0; n < p.offer.len; n++) {
		assert_true(mikey_dhhmac.answer(&p.b, p.offer.data, n, &out,
						&none, &p.fault) < 0);
		buf_clear(&out);
	}
	for (size_t n = 0; n < p.answer.len; n++)
		assert_true(mikey_dhhmac.finish(p.pending, p.answer.data, n,
						NOW_US, &none, &p.fault) < 0);
	assert_int_equal(none.n, 0);
	buf_free(&out);
	pair_close(&p);
}

static void every_flipped_bit_is_refused(void **state)
{
	struct keying_result none = { .n = 0 };
	struct buf out = buf_of(KEYING_MAX);
	struct pair p;

	(void)state;
	answered(&p);
	for (size_t i = 0; i < 8 * p.offer.len; i++) {
		p.offer.data[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(mikey_dhhmac.answer(&p.b, p.offer.data,
						p.offer.len, &out, &none,
						&p.fault) < 0);
		p.offer.data[i / 8] ^= (uint8_t)(1 << i % 8);
		buf_clear(&out);
	}
	for (size_t i = 0; i < 8 * p.answer.len; i++) {
		p.answer.data[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(mikey_dhhmac.finish(p.pending, p.answer.data,
						p.answer.len, NOW_US, &none,
						&p.fault) < 0);
		p.answer.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(none.n, 0);
	assert_int_equal(pair_finish(&p), 0);
	buf_free(&out);
	pair_close(&p);
}

static void another_key_is_refused(void **state)
{
	struct pair p;

	(void)state;
	offered(&p);
	secret_set(&p.psk[1], "0123456789abcdeF", 16);
	assert_int_equal(pair_answer(&p), E_AUTH);
	assert_non_null(strstr(p.fault.text, "pre-shared key"));
	assert_int_equal(p.called.n, 0);
	/* the offerer hears so, from whomever */
	assert_int_equal(pair_finish(&p), E_AUTH);
	assert_non_null(strstr(p.fault.text, "not authenticated"));
	pair_close(&p);
}

/* -- no MAC, odd KEMACs --------------------------------------------------- */

/* Whatever its number says: without a MAC nothing passes. */
static void no_mac_is_refused(void **state)
{
	struct mikey_message m;
	struct buf b;
	struct pair p;

	(void)state;
	answered(&p);
	for (uint8_t encr = 0; encr <= 2; encr += 2) {
		open_offer(&p, &m);
		kemac_of(&m)->kind = encr;
		kemac_of(&m)->mac_alg = 0;
		kemac_of(&m)->mac.len = 0;
		b = buf_of(KEYING_MAX);
		assert_int_equal(mikey_encode(&m, &b), 0);
		buf_clear(&p.answer);
		assert_int_equal(mikey_dhhmac.answer(&p.b, b.data, b.len,
						     &p.answer, &p.called,
						     &p.fault),
				 E_UNSUPPORTED);
		/* RFC 4650's NULL */
		b.data[b.len - 1] = 1;
		assert_int_equal(mikey_dhhmac.answer(&p.b, b.data, b.len,
						     &p.answer, &p.called,
						     &p.fault), E_FORMAT);
		buf_free(&b);
	}
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), 0);
	open_answer(&p, &m);
	kemac_of(&m)->mac_alg = 0;
	kemac_of(&m)->mac.len = 0;
	b = buf_of(KEYING_MAX);
	assert_int_equal(mikey_encode(&m, &b), 0);
	assert_int_equal(mikey_dhhmac.finish(p.pending, b.data, b.len, NOW_US,
					     &p.calling, &p.fault), E_AUTH);
	assert_int_equal(p.calling.n, 0);
	buf_free(&b);
	pair_close(&p);
}

/* Twenty bytes behind a KEMAC of another method are no MAC. */
static void the_other_numbering_is_dhhmacs_alone(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	offered(&p);
	open_offer(&p, &m);
	kemac_of(&m)->mac_alg = 0;
	seal(&p, &m, MIKEY_MAC_SHA1, &p.offer);
	open_offer(&p, &m);
	for (unsigned type = 0; type < 11; type++) {
		bool has = type >= 6 && type <= 8;

		p.offer.data[1] = (uint8_t)type;
		assert_int_equal(mikey_decode(p.offer.data, p.offer.len, &m),
				 has ? 0 : E_FORMAT);
	}
	pair_close(&p);
}

static int answer_to(struct pair *p, struct mikey_message *m)
{
	seal(p, m, MIKEY_MAC_SHA1, &p->offer);
	buf_clear(&p->answer);
	return pair_answer(p);
}

static int finish_of(struct pair *p, struct mikey_message *m)
{
	seal(p, m, MIKEY_MAC_SHA1, &p->answer);
	return pair_finish(p);
}

static void other_kemacs_are_refused(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	answered(&p);
	open_answer(&p, &m);
	kemac_of(&m)->data = text("key");
	assert_int_equal(finish_of(&p, &m), E_AUTH);
	open_offer(&p, &m);
	kemac_of(&m)->data = text("key");
	assert_int_equal(answer_to(&p, &m), E_FORMAT);
	open_offer(&p, &m);
	kemac_of(&m)->data.len = 0;
	kemac_of(&m)->kind = MIKEY_ENCR_AES_CM_128;
	assert_int_equal(answer_to(&p, &m), E_FORMAT);
	/* another MAC than our offer's: nobody asked for it */
	pair_close(&p);
	answered(&p);
	open_answer(&p, &m);
	kemac_of(&m)->mac_alg = MIKEY_MAC_SHA256;
	seal(&p, &m, MIKEY_MAC_SHA256, &p.answer);
	assert_int_equal(pair_finish(&p), E_AUTH);
	pair_close(&p);
}

/* -- public values -------------------------------------------------------- */

#define BAD_VALUES 6

/* 0, 1, p - 1, p, p + 1, all ones. */
static struct mikey_bytes bad_value(size_t i, uint8_t room[192])
{
	BIGNUM *p = BN_get_rfc3526_prime_1536(NULL);

	assert_non_null(p);
	if (i < 2)
		assert_true(BN_set_word(p, i));
	else if (i == 2)
		assert_true(BN_sub_word(p, 1));
	else if (i == 4)
		assert_true(BN_add_word(p, 1));
	assert_int_equal(BN_bn2binpad(p, room, 192), 192);
	BN_free(p);
	if (i == 5)
		memset(room, 0xff, 192);
	return (struct mikey_bytes){ room, 192 };
}

static void bad_values_are_refused(void **state)
{
	struct mikey_message m;
	uint8_t room[192];
	struct pair p;

	(void)state;
	for (size_t i = 0; i < BAD_VALUES; i++) {
		answered(&p);
		open_answer(&p, &m);
		find(&m, MIKEY_DH, 0)->data = bad_value(i, room);
		assert_int_equal(finish_of(&p, &m), E_FORMAT);
		assert_int_equal(p.calling.n, 0);
		open_offer(&p, &m);
		find(&m, MIKEY_DH, 0)->data = bad_value(i, room);
		p.called.n = 0;
		assert_int_equal(answer_to(&p, &m), E_FORMAT);
		assert_int_equal(p.called.n, 0);
		assert_int_equal(p.answer.len, 0);
		pair_close(&p);
	}
}

static void the_values_must_be_two_and_ours_among_them(void **state)
{
	struct mikey_message m;
	struct mikey_payload first;
	uint8_t room[192];
	struct pair p;

	(void)state;
	answered(&p);
	open_answer(&p, &m);
	/* our own value in place of theirs: the exchange with ourselves */
	*find(&m, MIKEY_DH, 0) = *find(&m, MIKEY_DH, 1);
	assert_int_equal(finish_of(&p, &m), E_FORMAT);
	/* ours changed */
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), 0);
	open_answer(&p, &m);
	memcpy(room, find(&m, MIKEY_DH, 1)->data.p, 192);
	room[191] ^= 1;
	find(&m, MIKEY_DH, 1)->data.p = room;
	assert_int_equal(finish_of(&p, &m), E_AUTH);
	/* the other way round */
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), 0);
	open_answer(&p, &m);
	first = *find(&m, MIKEY_DH, 0);
	*find(&m, MIKEY_DH, 0) = *find(&m, MIKEY_DH, 1);
	*find(&m, MIKEY_DH, 1) = first;
	assert_int_equal(finish_of(&p, &m), E_AUTH);
	/* ours missing */
	open_answer(&p, &m);
	drop_payload(&m, find(&m, MIKEY_DH, 1));
	assert_int_equal(finish_of(&p, &m), E_FORMAT);
	/* an offer with none, and with two */
	open_offer(&p, &m);
	add_payload(&m, *find(&m, MIKEY_DH, 0));
	assert_int_equal(answer_to(&p, &m), E_FORMAT);
	open_offer(&p, &m);
	drop_payload(&m, find(&m, MIKEY_DH, 0));
	drop_payload(&m, find(&m, MIKEY_DH, 0));
	assert_int_equal(answer_to(&p, &m), E_FORMAT);
	pair_close(&p);
}

static void old_groups_take_a_word_of_the_operator(void **state)
{
	static const uint8_t old[] = { MIKEY_OAKLEY_1, MIKEY_OAKLEY_2 };
	struct mikey_message m;
	struct mikey_dh *dh;
	struct secret tgk;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		offered(&p);
		assert_int_equal(mikey_dh_new(old[i], &dh), 0);
		open_offer(&p, &m);
		find(&m, MIKEY_DH, 0)->kind = old[i];
		find(&m, MIKEY_DH, 0)->data = mikey_dh_public(dh);
		assert_int_equal(answer_to(&p, &m), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "legacy"));
		/* the far end hears why, and that it was us */
		assert_int_equal(pair_finish(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "DH group"));
		assert_null(strstr(p.fault.text, "not authenticated"));
		p.b.legacy = true;
		buf_clear(&p.answer);
		assert_int_equal(pair_answer(&p), 0);
		assert_true(p.called.facts.key_bits < 90);
		open_answer(&p, &m);
		assert_int_equal(find(&m, MIKEY_DH, 0)->kind, old[i]);
		assert_int_equal(mikey_dh_shared(dh, find(&m, MIKEY_DH,
							  0)->data, &tgk), 0);
		/* we never asked for that group */
		assert_int_equal(pair_finish(&p), E_AUTH);
		mikey_dh_free(dh);
		pair_close(&p);
	}
}

static void a_response_in_another_group_is_refused(void **state)
{
	struct mikey_message m;
	struct mikey_dh *dh;
	struct pair p;

	(void)state;
	answered(&p);
	assert_int_equal(mikey_dh_new(MIKEY_OAKLEY_2, &dh), 0);
	open_answer(&p, &m);
	find(&m, MIKEY_DH, 0)->kind = MIKEY_OAKLEY_2;
	find(&m, MIKEY_DH, 0)->data = mikey_dh_public(dh);
	assert_int_equal(finish_of(&p, &m), E_UNSUPPORTED);
	assert_int_equal(p.calling.n, 0);
	mikey_dh_free(dh);
	pair_close(&p);
}

/* -- who, when, what ------------------------------------------------------ */

static void a_reflected_message_is_refused(void **state)
{
	struct keying_result none = { .n = 0 };
	struct pair p, q;

	(void)state;
	answered(&p);
	/* the offer as its own answer */
	assert_int_equal(mikey_dhhmac.finish(p.pending, p.offer.data,
					     p.offer.len, NOW_US, &none,
					     &p.fault), E_FORMAT);
	/* the offer back to its maker, as the other's */
	assert_int_equal(mikey_dhhmac.answer(&p.a, p.offer.data, p.offer.len,
					     &p.answer, &none, &p.fault),
			 E_AUTH);
	assert_non_null(strstr(p.fault.text, "from"));
	/* the answer to another offer */
	answered(&q);
	assert_int_equal(mikey_dhhmac.finish(p.pending, q.answer.data,
					     q.answer.len, NOW_US, &none,
					     &p.fault), E_AUTH);
	assert_int_equal(none.n, 0);
	pair_close(&q);
	pair_close(&p);
}

static void other_identities_are_refused(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		answered(&p);
		open_answer(&p, &m);
		find(&m, MIKEY_ID, i)->data = text("sip:mallory@b.example");
		assert_int_equal(finish_of(&p, &m), E_AUTH);
		open_offer(&p, &m);
		find(&m, MIKEY_ID, i)->data = text("sip:mallory@b.example");
		assert_int_equal(answer_to(&p, &m), E_AUTH);
		pair_close(&p);
	}
	answered(&p);
	open_answer(&p, &m);
	drop_payload(&m, find(&m, MIKEY_ID, 0));
	drop_payload(&m, find(&m, MIKEY_ID, 0));
	assert_int_equal(finish_of(&p, &m), E_FORMAT);
	open_offer(&p, &m);
	drop_payload(&m, find(&m, MIKEY_ID, 0));
	drop_payload(&m, find(&m, MIKEY_ID, 0));
	assert_int_equal(answer_to(&p, &m), E_FORMAT);
	/* IDi alone reads as IDr, and is not us */
	pair_close(&p);
	offered(&p);
	open_offer(&p, &m);
	drop_payload(&m, find(&m, MIKEY_ID, 1));
	assert_int_equal(answer_to(&p, &m), E_AUTH);
	pair_close(&p);
}

static void old_offers_are_refused(void **state)
{
	struct pair p;

	(void)state;
	offered(&p);
	p.b.wall_us = NOW_US + 301 * 1000000ull;
	assert_int_equal(pair_answer(&p), E_EXPIRED);
	assert_int_equal(pair_finish(&p), E_EXPIRED);
	assert_null(strstr(p.fault.text, "not authenticated"));
	pair_close(&p);
}

static void payloads_of_other_methods_are_refused(void **state)
{
	static const struct mikey_payload odd[] = {
		{ .type = MIKEY_PKE },
		{ .type = MIKEY_CERT },
		{ .type = MIKEY_V },
		{ .type = MIKEY_ERR },
	};
	struct mikey_message m;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		answered(&p);
		open_answer(&p, &m);
		add_payload(&m, odd[i]);
		assert_int_equal(finish_of(&p, &m), E_FORMAT);
		open_offer(&p, &m);
		add_payload(&m, odd[i]);
		assert_int_equal(answer_to(&p, &m), E_FORMAT);
		pair_close(&p);
	}
}

static void suites_and_sessions_are_checked(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	offered(&p);
	p.b.suites = p.suites + 1;
	p.b.n_suites = 1;
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	assert_int_equal(pair_finish(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "parameters"));
	p.b = p.a;
	pair_close(&p);
	offered(&p);
	p.b.n = 2;
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	p.b.n = 1;
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), 0);
	open_answer(&p, &m);
	m.cs[0].ssrc++;
	assert_int_equal(finish_of(&p, &m), E_FORMAT);
	pair_close(&p);
}

static void terms_are_checked(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p);
	p.a.psk = NULL;
	assert_int_equal(pair_offer(&p), E_POLICY);
	assert_null(p.pending);
	p.a.psk = &p.psk[0];
	p.a.n_suites = 0;
	assert_int_equal(pair_offer(&p), E_POLICY);
	p.a.n_suites = 1;
	p.a.n = 0;
	assert_int_equal(pair_offer(&p), E_ARG);
	p.a.n = 1;
	assert_int_equal(pair_offer(&p), 0);
	p.psk[1].len = 15;
	assert_int_equal(pair_answer(&p), E_POLICY);
	pair_close(&p);
}

/* -- error messages ------------------------------------------------------- */

static void errors_are_believed_by_their_mac(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	offered(&p);
	p.b.window_us = 0;
	p.b.wall_us += 5;
	assert_int_equal(pair_answer(&p), E_EXPIRED);
	open_answer(&p, &m);
	assert_int_equal(m.data_type, MIKEY_ERROR);
	assert_null(find(&m, MIKEY_V, 0));
	assert_int_equal(finish_of(&p, &m), E_EXPIRED);
	/* RFC 4650's numbers */
	open_answer(&p, &m);
	kemac_of(&m)->mac_alg = 0;
	kemac_of(&m)->kind = 2;
	assert_int_equal(finish_of(&p, &m), E_EXPIRED);
	p.answer.data[p.answer.len - 1] ^= 1;
	assert_int_equal(pair_finish(&p), E_AUTH);
	assert_non_null(strstr(p.fault.text, "MAC"));
	pair_close(&p);
}

static void a_method_takes_its_own(void **state)
{
	struct pair p, q;

	(void)state;
	offered(&p);
	pair_open(&q);
	assert_int_equal(pair_offer(&q), 0);
	assert_true(mikey_dhhmac.takes(p.offer.data, p.offer.len));
	assert_false(mikey_psk.takes(p.offer.data, p.offer.len));
	assert_true(mikey_psk.takes(q.offer.data, q.offer.len));
	assert_false(mikey_dhhmac.takes(q.offer.data, q.offer.len));
	assert_false(mikey_dhhmac.takes(q.offer.data, 1));
	/* and refuses others in words */
	assert_int_equal(mikey_dhhmac.answer(&p.b, q.offer.data, q.offer.len,
					     &p.answer, &p.called, &p.fault),
			 E_UNSUPPORTED);
	assert_int_equal(mikey_psk.answer(&q.b, p.offer.data, p.offer.len,
					  &q.answer, &q.called, &q.fault),
			 E_UNSUPPORTED);
	pair_close(&q);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_get_the_same_keys),
		cmocka_unit_test(every_branch_has_its_own_keys),
		cmocka_unit_test(the_messages_are_those_of_the_rfc),
		cmocka_unit_test(both_numberings_are_read),
		cmocka_unit_test(newer_hashes_are_taken),
		cmocka_unit_test(a_lone_identity_is_the_responders),
		cmocka_unit_test(an_mki_is_used),
		cmocka_unit_test(a_response_always_comes),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(another_key_is_refused),
		cmocka_unit_test(no_mac_is_refused),
		cmocka_unit_test(the_other_numbering_is_dhhmacs_alone),
		cmocka_unit_test(other_kemacs_are_refused),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(the_values_must_be_two_and_ours_among_them),
		cmocka_unit_test(old_groups_take_a_word_of_the_operator),
		cmocka_unit_test(a_response_in_another_group_is_refused),
		cmocka_unit_test(a_reflected_message_is_refused),
		cmocka_unit_test(other_identities_are_refused),
		cmocka_unit_test(old_offers_are_refused),
		cmocka_unit_test(payloads_of_other_methods_are_refused),
		cmocka_unit_test(suites_and_sessions_are_checked),
		cmocka_unit_test(terms_are_checked),
		cmocka_unit_test(errors_are_believed_by_their_mac),
		cmocka_unit_test(a_method_takes_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
