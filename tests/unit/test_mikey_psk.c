/* test_mikey_psk.c - the pre-shared key method: offer, answer, finish. */
#include "daemon/base/err.h"
#include "modules/mikey/error.h"
#include "modules/mikey/psk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/mikey_pair.h"

static void both_sides_get_the_same_keys(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	p.a.n = p.b.n = 2;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(pair_finish(&p), 0);
	assert_int_equal(p.calling.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_memory_equal(&p.calling.send[i], &p.called.recv[i],
				    sizeof(struct srtp_key));
		assert_memory_equal(&p.calling.recv[i], &p.called.send[i],
				    sizeof(struct srtp_key));
		assert_memory_not_equal(p.calling.send[i].key,
					p.calling.recv[i].key, 16);
		assert_int_equal(p.called.recv_ssrc[i], p.ssrc[0][i]);
		assert_int_equal(p.calling.recv_ssrc[i], p.ssrc[1][i]);
	}
	assert_memory_equal(&p.early.send, &p.calling.send,
			    sizeof p.early.send);
	assert_int_equal(p.called.stamp_us, NOW_US);
	assert_int_equal(p.calling.facts.confirmed, 1);
	assert_int_equal(p.early.facts.verified, 0);
	pair_close(&p);
}


/* -- refused offers ------------------------------------------------------- */

/* What the answerer sent back, authenticated or not. */
static void assert_error(struct pair *p, unsigned error_no, bool verified)
{
	struct mikey_message m;

	assert_int_equal(mikey_decode(p->answer.data, p->answer.len, &m), 0);
	assert_int_equal(m.data_type, MIKEY_ERROR);
	assert_int_equal(mikey_find(&m, MIKEY_ERR, 0)->kind, error_no);
	assert_int_equal(mikey_find(&m, MIKEY_V, 0) != NULL, verified);
}

static void change_mac_null(struct mikey_message *m)
{
	struct mikey_payload *k = find(m, MIKEY_KEMAC, 0);

	k->mac_alg = MIKEY_MAC_NULL;
	k->mac.len = 0;
}

static void change_encr_null(struct mikey_message *m)
{
	find(m, MIKEY_KEMAC, 0)->kind = MIKEY_ENCR_NULL;
}

static void change_encr_unknown(struct mikey_message *m)
{
	find(m, MIKEY_KEMAC, 0)->kind = 4;
}

static void change_prf(struct mikey_message *m)
{
	m->prf = 2;
}

static void change_stamp_type(struct mikey_message *m)
{
	find(m, MIKEY_T, 0)->kind = MIKEY_TS_COUNTER;
	find(m, MIKEY_T, 0)->data.len = 4;
}

static void change_type(struct mikey_message *m)
{
	m->data_type = MIKEY_DH_INIT;
}

static void change_no_rand(struct mikey_message *m)
{
	struct mikey_payload *p = find(m, MIKEY_RAND, 0);

	*p = (struct mikey_payload){ .type = MIKEY_EXTENSION };
}

static void change_short_rand(struct mikey_message *m)
{
	find(m, MIKEY_RAND, 0)->data.len = 15;
}

static void change_suite(struct mikey_message *m)
{
	find(m, MIKEY_SP, 0)->data = (struct mikey_bytes){
		(const uint8_t *)"\0\1\3", 3 };
}

static void change_suite_not_allowed(struct mikey_message *m)
{
	find(m, MIKEY_SP, 0)->data = (struct mikey_bytes){
		(const uint8_t *)"\13\1\4", 3 };
}

static void change_no_policy(struct mikey_message *m)
{
	find(m, MIKEY_SP, 0)->extra = 1;
}

static void change_id_i(struct mikey_message *m)
{
	find(m, MIKEY_ID, 0)->data = text("sip:alice@evil.example");
}

static void change_id_r(struct mikey_message *m)
{
	find(m, MIKEY_ID, 1)->data = text("sip:carol@b.example");
}

static void change_id_type(struct mikey_message *m)
{
	find(m, MIKEY_ID, 0)->kind = MIKEY_ID_BYTES;
}

static void change_protocols(struct mikey_message *m)
{
	find(m, MIKEY_EXTENSION, 0)->data = text("mikey;other");
}

static void change_sessions(struct mikey_message *m)
{
	m->n_cs = 4;
}

static void change_map(struct mikey_message *m)
{
	m->map = MIKEY_MAP_EMPTY;
}

static void change_roc(struct mikey_message *m)
{
	m->cs[0].roc = 1;
}

static void change_our_ssrc(struct mikey_message *m)
{
	m->cs[1].ssrc = 5;
}

static void change_key_data(struct mikey_message *m)
{
	find(m, MIKEY_KEMAC, 0)->data.len = 0;
}

static void change_stray(struct mikey_message *m)
{
	/* before KEMAC, in place of the extension */
	struct mikey_payload *p = find(m, MIKEY_EXTENSION, 0);

	*p = (struct mikey_payload){ .type = MIKEY_PKE };
}

static const struct {
	void (*change)(struct mikey_message *m);
	int err;
	int error_no; /* -1: no error message */
	bool verified;
	bool no_mac; /* the change cannot be sealed */
} changes[] = {
	{ change_mac_null, E_UNSUPPORTED, MIKEY_ERR_MAC, false, true },
	{ change_encr_null, E_UNSUPPORTED, MIKEY_ERR_EA, false, false },
	{ change_encr_unknown, E_UNSUPPORTED, MIKEY_ERR_EA, false, false },
	{ change_prf, E_UNSUPPORTED, MIKEY_ERR_PRF, false, true },
	{ change_stamp_type, E_UNSUPPORTED, MIKEY_ERR_TS, false, false },
	{ change_type, E_UNSUPPORTED, MIKEY_ERR_DT, false, false },
	{ change_no_rand, E_STATE, -1, false, false },
	{ change_short_rand, E_UNSUPPORTED, MIKEY_ERR_OTHER, false, false },
	{ change_suite, E_UNSUPPORTED, MIKEY_ERR_SPPAR, true, false },
	{ change_suite_not_allowed, E_UNSUPPORTED, MIKEY_ERR_SPPAR, true,
	  false },
	{ change_no_policy, E_UNSUPPORTED, MIKEY_ERR_SP, true, false },
	{ change_id_i, E_AUTH, MIKEY_ERR_ID, true, false },
	{ change_id_r, E_AUTH, MIKEY_ERR_ID, true, false },
	{ change_id_type, E_AUTH, MIKEY_ERR_ID, true, false },
	{ change_protocols, E_UNSUPPORTED, MIKEY_ERR_OTHER, true, false },
	{ change_sessions, E_UNSUPPORTED, MIKEY_ERR_OTHER, true, false },
	{ change_map, E_FORMAT, -1, false, false },
	{ change_roc, E_UNSUPPORTED, MIKEY_ERR_OTHER, true, false },
	{ change_our_ssrc, E_UNSUPPORTED, MIKEY_ERR_OTHER, true, false },
	{ change_key_data, E_UNSUPPORTED, MIKEY_ERR_OTHER, true, false },
	{ change_stray, E_FORMAT, -1, false, false },
};

/* Each change alone makes an otherwise right offer refused, and the offerer
 * reads the same reason in the error message. */
static void changed_offers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct mikey_message m;
		struct buf b = buf_of(KEYING_MAX);
		struct pair p;

		pair_open(&p);
		assert_int_equal(pair_offer(&p), 0);
		open_offer(&p, &m);
		changes[i].change(&m);
		if (changes[i].no_mac) {
			assert_int_equal(mikey_encode(&m, &b), 0);
			buf_free(&p.offer);
			p.offer = b;
		} else {
			seal_offer(&p, &m);
		}
		assert_int_equal(pair_answer(&p), changes[i].err);
		assert_int_equal(p.called.n, 0);
		assert_true(strlen(p.fault.text) > 10);
		if (changes[i].error_no < 0)
			assert_int_equal(p.answer.len, 0);
		else
			assert_error(&p, (unsigned)changes[i].error_no,
				     changes[i].verified);
		pair_close(&p);
	}
}

static void a_refusal_says_what_would_be_taken(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	p.b.suites = p.suites + 1;
	p.b.n_suites = 1;
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "AEAD_AES_128_GCM"));
	assert_int_equal(mikey_decode(p.answer.data, p.answer.len, &m), 0);
	assert_non_null(mikey_find(&m, MIKEY_SP, 0));
	assert_int_equal(pair_finish(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "policy parameters"));
	assert_null(strstr(p.fault.text, "not authenticated"));
	pair_close(&p);
}

static void a_wrong_key_is_refused_without_a_mac(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	secret_set(&p.psk[1], "0123456789abcdeX", 16);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), E_AUTH);
	assert_error(&p, MIKEY_ERR_AUTH, false);
	assert_int_equal(pair_finish(&p), E_AUTH);
	assert_non_null(strstr(p.fault.text, "not authenticated"));
	pair_close(&p);
}

static void times_outside_the_window_are_refused(void **state)
{
	static const struct {
		int64_t shift_us;
		int err;
	} times[] = {
		{ 299999000, 0 },	  { -299999000, 0 },
		{ 300001000, E_EXPIRED }, { -300001000, E_EXPIRED },
		{ 86400000000, E_EXPIRED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct pair p;

		pair_open(&p);
		p.b.wall_us = (uint64_t)((int64_t)NOW_US + times[i].shift_us);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), times[i].err);
		if (times[i].err) {
			assert_error(&p, MIKEY_ERR_TS, true);
			assert_int_equal(pair_finish(&p), E_EXPIRED);
		}
		pair_close(&p);
	}
}

/* Our own offer comes back: the identities are the wrong way round. */
static void a_reflected_offer_is_refused(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	p.b.local_id = p.a.local_id;
	p.b.remote_id = p.a.remote_id;
	assert_int_equal(pair_answer(&p), E_AUTH);
	assert_non_null(strstr(p.fault.text, "alice@a.example"));
	assert_non_null(strstr(p.fault.text, "bob@b.example"));
	assert_int_equal(mikey_psk.finish(p.pending, p.offer.data, p.offer.len,
					  NOW_US, &p.calling, &p.fault),
			 E_FORMAT);
	pair_close(&p);
}

static void every_cut_and_flip_is_refused(void **state)
{
	struct pair p;
	struct buf none = buf_of(KEYING_MAX);

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	for (size_t n = 0; n < p.offer.len; n++) {
		assert_int_not_equal(mikey_psk.answer(&p.b, p.offer.data, n,
						      &none, &p.called,
						      &p.fault), 0);
		buf_clear(&none);
	}
	for (size_t bit = 0; bit < 8 * p.offer.len; bit++) {
		p.offer.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(pair_answer(&p), 0);
		buf_clear(&p.answer);
		p.offer.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(p.called.n, 0);
	assert_int_equal(pair_answer(&p), 0);
	buf_free(&none);
	pair_close(&p);
}

static void unfit_terms_are_refused(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	p.psk[0].len = p.psk[1].len = 15;
	assert_int_equal(pair_offer(&p), E_POLICY);
	assert_int_equal(pair_answer(&p), E_POLICY);
	assert_int_equal(p.offer.len + p.answer.len, 0);
	p.psk[0].len = 16;
	p.a.n_suites = 0;
	assert_int_equal(pair_offer(&p), E_POLICY);
	p.a.n_suites = 1;
	p.a.n = 0;
	assert_int_equal(pair_offer(&p), E_ARG);
	p.a.n = STREAM_MAX + 1;
	assert_int_equal(pair_offer(&p), E_ARG);
	pair_close(&p);
}

/* -- other accepted offers ------------------------------------------------ */

static void each_suite_is_agreed(void **state)
{
	(void)state;
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		struct pair p;

		pair_open(&p);
		p.suites[0] = (enum suite)s;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		assert_int_equal(p.called.facts.suite, s);
		/* the pre-shared key's length, and KEMAC's cipher's */
		assert_int_equal(p.called.facts.key_bits, 128);
		assert_int_equal(p.calling.facts.key_bits, 128);
		assert_int_equal(p.called.send[0].key_len,
				 suite_info(s)->key_len);
		assert_memory_equal(&p.calling.send[0], &p.called.recv[0],
				    sizeof(struct srtp_key));
		pair_close(&p);
	}
}

/* The key is as well protected as the suite wants, if the pre-shared key is as
 * long; "aes-128" is for old peers, and told. */
static void a_long_suite_has_a_strong_kemac(void **state)
{
	static const struct {
		enum suite suite;
		size_t psk;
		bool kemac_128;
		unsigned kind, bits;
	} rows[] = {
		{ SUITE_AEAD_AES_128_GCM, 32, false, 1, 128 },
		{ SUITE_F8_128_HMAC_SHA1_80, 32, false, 1, 128 },
		{ SUITE_AES_192_CM_HMAC_SHA1_80, 32, false, 3, 256 },
		{ SUITE_AES_256_CM_HMAC_SHA1_80, 32, false, 3, 256 },
		{ SUITE_AEAD_AES_256_GCM, 32, false, 3, 256 },
		{ SUITE_AEAD_AES_256_GCM, 32, true, 1, 128 },
		{ SUITE_AEAD_AES_256_GCM, 20, false, 3, 160 },
	};
	struct mikey_message m;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pair_open(&p);
		for (size_t k = 0; k < 2; k++)
			secret_set(&p.psk[k], "0123456789abcdef"
				   "fedcba9876543210", rows[i].psk);
		p.suites[0] = rows[i].suite;
		p.a.kemac_128 = rows[i].kemac_128;
		assert_int_equal(pair_offer(&p), 0);
		open_offer(&p, &m);
		assert_int_equal(find(&m, MIKEY_KEMAC, 0)->kind, rows[i].kind);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		assert_int_equal(p.calling.facts.key_bits, rows[i].bits);
		assert_int_equal(p.called.facts.key_bits, rows[i].bits);
		assert_memory_equal(&p.calling.send[0], &p.called.recv[0],
				    sizeof(struct srtp_key));
		pair_close(&p);
	}
}

/* The offer asks, the answer does it, both have it in all keys. */
static void a_derivation_rate_is_agreed(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	p.a.n = p.b.n = 2;
	p.a.kdr = 17;
	p.b.kdr = 3; /* of its own offers */
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(pair_finish(&p), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(p.called.send[i].kdr, 17);
		assert_memory_equal(&p.calling.send[i], &p.called.recv[i],
				    sizeof(struct srtp_key));
		assert_memory_equal(&p.calling.recv[i], &p.called.send[i],
				    sizeof(struct srtp_key));
	}
	pair_close(&p);
}

static void a_rate_that_the_relay_lacks_is_refused(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	p.a.kdr = 1;
	p.b.no_rate = true;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "rate"));
	assert_int_equal(p.called.n, 0);
	pair_close(&p);
	pair_open(&p);
	p.b.no_rate = true;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	pair_close(&p);
}

/* RFC 6043's algorithms, and identities left out (RFC 3830 3.1). */
static void sha256_and_no_identities_are_understood(void **state)
{
	static const uint8_t zero[32];
	struct mikey_message m, answer;
	struct mikey_payload *kemac;
	struct mikey_root root;
	struct mikey_psk_keys keys;
	struct mikey_covered also;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	*find(&m, MIKEY_ID, 0) = (struct mikey_payload){
		.type = MIKEY_EXTENSION };
	*find(&m, MIKEY_ID, 0) = (struct mikey_payload){
		.type = MIKEY_EXTENSION };
	kemac = find(&m, MIKEY_KEMAC, 0);
	kemac->mac_alg = MIKEY_MAC_SHA256;
	kemac->mac = (struct mikey_bytes){ zero, 32 };
	seal_offer(&p, &m);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(mikey_decode(p.answer.data, p.answer.len, &answer),
			 0);
	root = (struct mikey_root){ .csb_id = m.csb_id };
	open_offer(&p, &m);
	root.rand = mikey_find(&m, MIKEY_RAND, 0)->data;
	assert_int_equal(mikey_psk_derive(&p.psk[0], &root, 1,
					  MIKEY_MAC_SHA256, &keys), 0);
	also = (struct mikey_covered){
		.id_i = text("sip:alice@a.example"),
		.id_r = text("sip:bob@b.example"),
		.stamp = mikey_find(&m, MIKEY_T, 0)->data,
	};
	assert_int_equal(mikey_verified(&keys, (struct mikey_bytes){
		p.answer.data, p.answer.len }, mikey_find(&answer, MIKEY_V, 0),
		&also), 0);
	/* the identities are in the MAC: RFC 3830 5.2, 6.9 */
	also.id_r = text("sip:bob@b.exampl");
	assert_int_equal(mikey_verified(&keys, (struct mikey_bytes){
		p.answer.data, p.answer.len }, mikey_find(&answer, MIKEY_V, 0),
		&also), E_AUTH);
	pair_close(&p);
}

static void without_v_nothing_is_answered(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	p.a.verify = false;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(p.answer.len, 0);
	assert_int_equal(p.called.n, 1);
	assert_int_equal(pair_finish(&p), 0);
	assert_int_equal(p.calling.facts.confirmed, 0);
	assert_int_equal(p.calling.facts.verified, 0);
	pair_close(&p);
}

/* -- refused answers ------------------------------------------------------ */

static void every_cut_and_flip_of_an_answer_is_refused(void **state)
{
	struct pair p;
	size_t len;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	len = p.answer.len;
	for (p.answer.len = 0; p.answer.len < len; p.answer.len++)
		assert_int_not_equal(pair_finish(&p), 0);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		p.answer.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(pair_finish(&p), 0);
		p.answer.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(p.calling.n, 0);
	/* two branches may answer with the same bytes */
	assert_int_equal(pair_finish(&p), 0);
	assert_int_equal(pair_finish(&p), 0);
	pair_close(&p);
}

static void an_answer_to_another_offer_is_refused(void **state)
{
	struct pair p, other;

	(void)state;
	pair_open(&p);
	pair_open(&other);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_offer(&other), 0);
	assert_int_equal(pair_answer(&other), 0);
	assert_int_equal(mikey_psk.finish(p.pending, other.answer.data,
					  other.answer.len, NOW_US,
					  &p.calling, &p.fault), E_AUTH);
	pair_close(&p);
	pair_close(&other);
}

/* Somebody with the key answers as another: refused by its name. */
static void an_answer_of_another_identity_is_refused(void **state)
{
	struct mikey_message m;
	struct mikey_covered also;
	struct mikey_psk_keys keys;
	struct mikey_root root;
	struct buf b = buf_of(KEYING_MAX);
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	open_offer(&p, &m);
	root = (struct mikey_root){ .csb_id = m.csb_id,
		.rand = mikey_find(&m, MIKEY_RAND, 0)->data };
	assert_int_equal(mikey_psk_derive(&p.psk[0], &root, 1, 1, &keys), 0);
	also = (struct mikey_covered){ text(p.a.local_id),
		text("sip:mallory@b.example"),
		mikey_find(&m, MIKEY_T, 0)->data };
	assert_int_equal(mikey_decode(p.answer.data, p.answer.len, &m), 0);
	find(&m, MIKEY_ID, 0)->data = also.id_r;
	assert_int_equal(mikey_encode_verified(&m, &keys, &also, &b), 0);
	assert_int_equal(mikey_psk.finish(p.pending, b.data, b.len, NOW_US,
					  &p.calling, &p.fault), E_AUTH);
	assert_non_null(strstr(p.fault.text, "mallory"));
	buf_free(&b);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_get_the_same_keys),
		cmocka_unit_test(changed_offers_are_refused),
		cmocka_unit_test(a_refusal_says_what_would_be_taken),
		cmocka_unit_test(a_wrong_key_is_refused_without_a_mac),
		cmocka_unit_test(times_outside_the_window_are_refused),
		cmocka_unit_test(a_reflected_offer_is_refused),
		cmocka_unit_test(every_cut_and_flip_is_refused),
		cmocka_unit_test(unfit_terms_are_refused),
		cmocka_unit_test(each_suite_is_agreed),
		cmocka_unit_test(a_long_suite_has_a_strong_kemac),
		cmocka_unit_test(a_derivation_rate_is_agreed),
		cmocka_unit_test(a_rate_that_the_relay_lacks_is_refused),
		cmocka_unit_test(sha256_and_no_identities_are_understood),
		cmocka_unit_test(without_v_nothing_is_answered),
		cmocka_unit_test(every_cut_and_flip_of_an_answer_is_refused),
		cmocka_unit_test(an_answer_to_another_offer_is_refused),
		cmocka_unit_test(an_answer_of_another_identity_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
