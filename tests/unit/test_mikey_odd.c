/* test_mikey_odd.c - what another implementation may send: other key data,
 * other shapes of offers and answers. Every one is either agreed on with the
 * same keys at both ends or refused with a reason. */
#include "daemon/base/err.h"
#include "modules/mikey/error.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/session.h"
#include "modules/mikey/sp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>

#include "tests/unit/mikey_pair.h"

static struct mikey_bytes run_of(const void *p, size_t len)
{
	return (struct mikey_bytes){ p, len };
}

/* -- key data ------------------------------------------------------------- */

/* Puts other keys into p's offer. */
static void replace_keys(struct pair *p, const struct mikey_keys *keys)
{
	struct mikey_message m;
	struct mikey_psk_keys k;
	struct buf plain = buf_of(4096), sealed = buf_of(4096);
	struct reader stamp;
	uint8_t iv[16];

	open_offer(p, &m);
	message_keys(p, &m, MIKEY_MAC_SHA1, &k);
	assert_int_equal(mikey_keys_encode(keys, &plain), 0);
	stamp = reader_of(find(&m, MIKEY_T, 0)->data.p, 8);
	mikey_iv(k.salt, m.csb_id, reader_u64(&stamp), iv);
	assert_int_equal(mikey_aes_cm(k.encr, 16, iv, run_of(plain.data,
				      plain.len), buf_room(&sealed,
				      plain.len)), 0);
	find(&m, MIKEY_KEMAC, 0)->data = run_of(sealed.data, sealed.len);
	seal_offer(p, &m);
	buf_free(&plain);
	buf_free(&sealed);
}

static const char bytes[] = "0123456789abcdef0123456789abcdef";

static int answer_to_keys(struct pair *p, const struct mikey_keys *keys)
{
	pair_open(p);
	assert_int_equal(pair_offer(p), 0);
	replace_keys(p, keys);
	return pair_answer(p);
}

static struct mikey_keys one_key(void)
{
	struct mikey_keys k = { .n = 1 };

	k.key[0].key = run_of(bytes, 16);
	return k;
}

static void a_salt_and_an_mki_are_used(void **state)
{
	struct mikey_keys k = one_key();
	struct pair p;

	(void)state;
	k.key[0].type = MIKEY_KEY_TGK_SALT;
	k.key[0].salt = run_of("saltsaltsalt", 12);
	k.key[0].kv = (struct mikey_kv){ .type = 1, .spi = run_of("\7", 1) };
	assert_int_equal(answer_to_keys(&p, &k), 0);
	assert_memory_equal(p.called.recv[0].salt, "saltsaltsalt", 12);
	assert_memory_equal(p.called.send[0].salt, "saltsaltsalt", 12);
	assert_int_equal(p.called.send[0].mki_len, 1);
	assert_int_equal(p.called.send[0].mki[0], 7);
	assert_memory_not_equal(p.called.send[0].key, p.called.recv[0].key,
				16);
	pair_close(&p);
}

static void odd_keys_are_refused(void **state)
{
	struct mikey_keys odd[9];
	struct pair p;

	(void)state;
	for (size_t i = 0; i < 9; i++)
		odd[i] = one_key();
	odd[0].n = 0;
	odd[1].n = 3; /* for two sessions */
	odd[1].key[1] = odd[1].key[2] = odd[1].key[0];
	odd[2].key[0].type = MIKEY_KEY_TEK;
	odd[3].key[0].key.len = 15;
	odd[4].key[0].type = MIKEY_KEY_TGK_SALT;
	odd[4].key[0].salt = run_of(bytes, 14); /* GCM takes 12 */
	odd[5].key[0].type = MIKEY_KEY_TGK_SALT; /* no salt at all */
	odd[6].key[0].kv = (struct mikey_kv){ .type = 2 };
	odd[7].key[0].kv = (struct mikey_kv){ .type = 1,
					      .spi = run_of(bytes, 9) };
	odd[8].key[0].key = run_of(bytes, 0);
	for (size_t i = 0; i < 9; i++) {
		assert_int_equal(answer_to_keys(&p, &odd[i]), E_UNSUPPORTED);
		assert_int_equal(p.called.n, 0);
		assert_true(p.answer.len > 0);
		pair_close(&p);
	}
}

/* One key for each crypto session, in their order. */
static void each_session_may_have_its_key(void **state)
{
	struct mikey_keys k = one_key();
	struct pair p;

	(void)state;
	k.n = 2;
	k.key[1].key = run_of("fedcba9876543210", 16);
	k.key[1].kv = (struct mikey_kv){ .type = 1, .spi = run_of("\2", 1) };
	assert_int_equal(answer_to_keys(&p, &k), 0);
	assert_int_equal(p.called.recv[0].mki_len, 0);
	assert_int_equal(p.called.send[0].mki_len, 1);
	pair_close(&p);
}

/* TEKs are the keys themselves. */
static void teks_are_used_as_they_are(void **state)
{
	struct mikey_keys k = one_key();
	struct pair p;

	(void)state;
	k.n = 2;
	k.key[0].type = k.key[1].type = MIKEY_KEY_TEK_SALT;
	k.key[0].salt = run_of("saltsaltsalt", 12);
	k.key[1].key = run_of("fedcba9876543210", 16);
	k.key[1].salt = run_of("tlastlastlas", 12);
	assert_int_equal(answer_to_keys(&p, &k), 0);
	assert_memory_equal(p.called.recv[0].key, bytes, 16);
	assert_memory_equal(p.called.recv[0].salt, "saltsaltsalt", 12);
	assert_memory_equal(p.called.send[0].key, "fedcba9876543210", 16);
	assert_memory_equal(p.called.send[0].salt, "tlastlastlas", 12);
	pair_close(&p);
	k.n = 1; /* one for both: their SSRCs differ and are told */
	assert_int_equal(answer_to_keys(&p, &k), 0);
	assert_memory_equal(p.called.recv[0].key, p.called.send[0].key, 16);
	pair_close(&p);
	k.key[0].key = run_of(bytes, 17);
	assert_int_equal(answer_to_keys(&p, &k), E_UNSUPPORTED);
	pair_close(&p);
	k.key[0].key = run_of(bytes, 16);
	k.key[0].type = MIKEY_KEY_TEK; /* no salt */
	assert_int_equal(answer_to_keys(&p, &k), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "salt"));
	pair_close(&p);
}

/* Two streams under one TEK must not have one SSRC, or one that may be. */
static void a_shared_tek_needs_distinct_ssrcs(void **state)
{
	struct mikey_keys k = one_key();
	const uint32_t bad[] = { 0, 0x33333333 };

	(void)state;
	k.key[0].type = MIKEY_KEY_TEK_SALT;
	k.key[0].salt = run_of("saltsaltsalt", 12);
	for (size_t i = 0; i < 2; i++) {
		struct mikey_message m;
		struct pair p;

		pair_open(&p);
		assert_int_equal(pair_offer(&p), 0);
		replace_keys(&p, &k);
		open_offer(&p, &m);
		m.cs[0].ssrc = bad[i];
		seal_offer(&p, &m);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "distinct"));
		pair_close(&p);
	}
}

static void intervals_limit_a_key(void **state)
{
	static const struct {
		const char *from, *to;
		size_t from_len, to_len;
		int err;
		uint64_t lifetime;
	} rows[] = {
		{ "", "\0\1\0\0\0\0", 0, 6, 0, 0x100000000 - 0xffff },
		{ "\0\0", "\xff\xff\xff\xff\xff\xff", 2, 6, 0, 0 },
		{ "\0\1", "\0\1\0\0\0\0", 2, 6, E_UNSUPPORTED, 0 },
		{ "", "\1\xff\xfe", 0, 3, E_UNSUPPORTED, 0 },
		{ "", "\1\xff\xff", 0, 3, 0, 0x10000 },
		{ "", "", 0, 0, E_UNSUPPORTED, 0 },
		{ "", "\0\0\0\0\0\0\0\0\1", 0, 9, E_UNSUPPORTED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mikey_keys k = one_key();
		struct pair p;

		k.key[0].kv = (struct mikey_kv){ .type = 2,
			.from = run_of(rows[i].from, rows[i].from_len),
			.to = run_of(rows[i].to, rows[i].to_len) };
		assert_int_equal(answer_to_keys(&p, &k), rows[i].err);
		assert_true(p.called.send[0].lifetime == rows[i].lifetime);
		assert_true(p.called.recv[0].lifetime == rows[i].lifetime);
		pair_close(&p);
	}
}

/* AES key wrap: whole blocks of 8 bytes. */
static void wrapped_keys_are_opened(void **state)
{
	struct mikey_keys k = one_key();
	struct mikey_message m;
	struct mikey_psk_keys keys;
	uint8_t wrapped[32];
	struct buf plain = buf_of(64);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	struct pair p;
	int n;

	(void)state;
	k.key[0].key = run_of(bytes, 20);
	assert_int_equal(mikey_keys_encode(&k, &plain), 0);
	assert_int_equal(plain.len, 24);
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	message_keys(&p, &m, MIKEY_MAC_SHA1, &keys);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	assert_true(EVP_EncryptInit_ex2(ctx, EVP_aes_128_wrap(), keys.encr,
					keys.salt, NULL));
	assert_true(EVP_EncryptUpdate(ctx, wrapped, &n, plain.data, 24));
	assert_int_equal(n, 32);
	find(&m, MIKEY_KEMAC, 0)->kind = MIKEY_ENCR_AES_KW_128;
	find(&m, MIKEY_KEMAC, 0)->data = run_of(wrapped, 32);
	seal_offer(&p, &m);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(p.called.n, 1);
	open_offer(&p, &m); /* any bit */
	wrapped[9] ^= 1;
	find(&m, MIKEY_KEMAC, 0)->data = run_of(wrapped, 32);
	seal_offer(&p, &m);
	buf_clear(&p.answer);
	p.called.n = 0;
	assert_int_equal(pair_answer(&p), E_FORMAT);
	for (size_t len = 0; len < 32; len++) {
		open_offer(&p, &m);
		find(&m, MIKEY_KEMAC, 0)->data = run_of(wrapped, len);
		seal_offer(&p, &m);
		buf_clear(&p.answer);
		assert_int_equal(pair_answer(&p), E_FORMAT);
	}
	assert_int_equal(p.called.n, 0);
	EVP_CIPHER_CTX_free(ctx);
	buf_free(&plain);
	pair_close(&p);
}

static void a_long_kemac_and_garbage_are_refused(void **state)
{
	static const uint8_t long_key[600];
	struct mikey_keys k = one_key();
	struct mikey_message m;
	struct pair p;

	(void)state;
	k.key[0].key = run_of(long_key, sizeof long_key);
	assert_int_equal(answer_to_keys(&p, &k), E_UNSUPPORTED);
	pair_close(&p);
	/* the right MAC over key data that nobody encrypted */
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	find(&m, MIKEY_KEMAC, 0)->data = run_of(bytes, 32);
	seal_offer(&p, &m);
	assert_int_not_equal(pair_answer(&p), 0);
	assert_int_equal(p.called.n, 0);
	pair_close(&p);
}

static void a_key_shorter_than_the_suites_is_refused(void **state)
{
	struct mikey_keys k = one_key();
	struct pair p;

	(void)state;
	pair_open(&p);
	p.suites[0] = SUITE_AEAD_AES_256_GCM;
	p.a.kemac_128 = true;
	assert_int_equal(pair_offer(&p), 0);
	replace_keys(&p, &k);
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "16 bytes"));
	pair_close(&p);
}

/* -- shapes of offers ----------------------------------------------------- */

static int answer_to(struct pair *p, struct mikey_message *m)
{
	seal_offer(p, m);
	return pair_answer(p);
}

static void mixed_suites_are_refused(void **state)
{
	struct mikey_message m;
	struct mikey_payload kemac;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	kemac = m.payload[--m.n];
	mikey_add(&m, MIKEY_SP, 0)->extra = 9; /* SRTP's defaults */
	m.payload[m.n++] = kemac;
	assert_int_equal(answer_to(&p, &m), 0); /* offered, not used */
	buf_clear(&p.answer);
	open_offer(&p, &m);
	m.cs[1].policy = 9;
	assert_int_equal(answer_to(&p, &m), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "mixes"));
	pair_close(&p);
}

/* One rate for all crypto sessions, as one suite. */
static void mixed_rates_are_refused(void **state)
{
	struct buf b = buf_of(64);
	struct mikey_message m;
	struct mikey_payload kemac;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	kemac = m.payload[--m.n];
	mikey_sp_put(&b, &(struct mikey_sp){ p.suites[0], 17 });
	mikey_add(&m, MIKEY_SP, 0)->extra = 9;
	m.payload[m.n - 1].data = (struct mikey_bytes){ b.data, b.len };
	m.payload[m.n++] = kemac;
	m.cs[0].policy = m.cs[1].policy = 9;
	assert_int_equal(answer_to(&p, &m), 0);
	assert_int_equal(p.called.send[0].kdr, 17);
	assert_int_equal(p.called.recv[0].kdr, 17);
	buf_clear(&p.answer);
	open_offer(&p, &m);
	m.cs[1].policy = 0;
	assert_int_equal(answer_to(&p, &m), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "rates"));
	pair_close(&p);
	buf_free(&b);
}

static void three_identities_are_refused(void **state)
{
	struct mikey_message m;
	struct mikey_payload kemac;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	kemac = m.payload[--m.n];
	mikey_add(&m, MIKEY_ID, MIKEY_ID_URI)->data = text("sip:x@y");
	m.payload[m.n++] = kemac;
	assert_int_equal(answer_to(&p, &m), E_FORMAT);
	pair_close(&p);
}

/* Bytes behind KEMAC are not under its MAC. */
static void kemac_must_be_last(void **state)
{
	struct mikey_message m;
	struct buf b = buf_of(KEYING_MAX);
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	mikey_add(&m, MIKEY_EXTENSION, 0);
	assert_int_equal(mikey_encode(&m, &b), 0);
	buf_free(&p.offer);
	p.offer = b;
	assert_int_equal(pair_answer(&p), E_FORMAT);
	assert_int_equal(p.answer.len, 0);
	pair_close(&p);
}

static void an_nai_names_as_well_as_a_uri(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	find(&m, MIKEY_ID, 0)->data = text("alice@A.example");
	find(&m, MIKEY_ID, 0)->kind = MIKEY_ID_NAI;
	find(&m, MIKEY_ID, 1)->data = text("bob@b.example");
	find(&m, MIKEY_ID, 1)->kind = MIKEY_ID_NAI;
	assert_int_equal(answer_to(&p, &m), 0);
	/* IDr comes back as it came */
	assert_int_equal(mikey_decode(p.answer.data, p.answer.len, &m), 0);
	assert_int_equal(find(&m, MIKEY_ID, 0)->kind, MIKEY_ID_NAI);
	pair_close(&p);
}

/* -- shapes of answers ---------------------------------------------------- */

/* Changes p's answer and sets its verification right again. */
static int finish_changed(struct pair *p,
			  void (*change)(struct mikey_message *m))
{
	struct mikey_message offer, m;
	struct mikey_psk_keys keys;
	struct mikey_covered also;
	struct buf b = buf_of(KEYING_MAX);
	const struct mikey_payload *last;
	int r;

	assert_int_equal(pair_offer(p), 0);
	assert_int_equal(pair_answer(p), 0);
	open_offer(p, &offer);
	message_keys(p, &offer, MIKEY_MAC_SHA1, &keys);
	also = (struct mikey_covered){ text(p->a.local_id),
				       text(p->a.remote_id),
				       find(&offer, MIKEY_T, 0)->data };
	assert_int_equal(mikey_decode(p->answer.data, p->answer.len, &m), 0);
	change(&m);
	last = &m.payload[m.n - 1];
	if (last->type == MIKEY_V && last->kind == MIKEY_MAC_SHA1)
		r = mikey_encode_verified(&m, &keys, &also, &b);
	else
		r = mikey_encode(&m, &b);
	assert_int_equal(r, 0);
	r = mikey_psk.finish(p->pending, b.data, b.len, NOW_US, &p->calling,
			     &p->fault);
	buf_free(&b);
	return r;
}

static void nothing(struct mikey_message *m)
{
	(void)m;
}

static void without_v(struct mikey_message *m)
{
	m->n--;
}

static void with_null_v(struct mikey_message *m)
{
	m->payload[m->n - 1].kind = MIKEY_MAC_NULL;
	m->payload[m->n - 1].data.len = 0;
}

static void v_not_last(struct mikey_message *m)
{
	mikey_add(m, MIKEY_EXTENSION, 0);
}

static void with_two_ids(struct mikey_message *m)
{
	struct mikey_payload v = m->payload[--m->n];

	mikey_add(m, MIKEY_ID, MIKEY_ID_URI)->data = text("sip:bob@b.example");
	m->payload[m->n++] = v;
}

static void with_fewer_sessions(struct mikey_message *m)
{
	m->n_cs = 0;
}

static void with_another_policy(struct mikey_message *m)
{
	m->cs[1].policy = 1;
}

static void with_our_ssrc_changed(struct mikey_message *m)
{
	m->cs[0].ssrc++;
}

static void as_an_offer(struct mikey_message *m)
{
	m->data_type = MIKEY_DH_RESPONSE;
}

static void as_an_error_of_nothing(struct mikey_message *m)
{
	m->data_type = MIKEY_ERROR;
}

static void as_an_error_not_verified(struct mikey_message *m)
{
	struct mikey_payload *id = find(m, MIKEY_ID, 0);

	m->data_type = MIKEY_ERROR;
	*id = (struct mikey_payload){ .type = MIKEY_ERR, .kind = 7 };
	m->payload[m->n - 1].kind = MIKEY_MAC_SHA256;
	m->payload[m->n - 1].data.p = (const uint8_t *)bytes;
	m->payload[m->n - 1].data.len = 32;
}

static void as_an_error(struct mikey_message *m)
{
	struct mikey_payload *id = find(m, MIKEY_ID, 0);

	m->data_type = MIKEY_ERROR;
	*id = (struct mikey_payload){ .type = MIKEY_ERR, .kind = 99 };
}

static void without_id(struct mikey_message *m)
{
	m->payload[m->n - 2] = m->payload[m->n - 1];
	m->n--;
}

static void odd_answers(void **state)
{
	static const struct {
		void (*change)(struct mikey_message *m);
		int err;
	} odd[] = {
		{ nothing, 0 },
		{ without_id, 0 }, /* 3.1: [IDr]; the MAC has it anyway */
		{ without_v, E_AUTH },
		{ with_null_v, E_AUTH },
		{ v_not_last, E_AUTH },
		{ with_two_ids, E_FORMAT },
		{ with_fewer_sessions, E_FORMAT },
		{ with_another_policy, E_FORMAT },
		{ with_our_ssrc_changed, E_FORMAT },
		{ as_an_offer, E_FORMAT },
		{ as_an_error_of_nothing, E_FORMAT },
		{ as_an_error_not_verified, E_AUTH },
		{ as_an_error, E_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct pair p;

		pair_open(&p);
		assert_int_equal(finish_changed(&p, odd[i].change),
				 odd[i].err);
		assert_int_equal(p.calling.n, odd[i].err ? 0 : 1);
		assert_int_equal(p.calling.facts.verified, !odd[i].err);
		pair_close(&p);
	}
}

static void errors_have_words_and_codes(void **state)
{
	(void)state;
	assert_string_equal(mikey_error_text(0), "authentication failure");
	assert_int_equal(mikey_error_code(0), E_AUTH);
	assert_int_equal(mikey_error_code(1), E_EXPIRED);
	assert_string_equal(mikey_error_text(200), "unknown error");
	assert_int_equal(mikey_error_code(200), E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_salt_and_an_mki_are_used),
		cmocka_unit_test(odd_keys_are_refused),
		cmocka_unit_test(each_session_may_have_its_key),
		cmocka_unit_test(teks_are_used_as_they_are),
		cmocka_unit_test(a_shared_tek_needs_distinct_ssrcs),
		cmocka_unit_test(intervals_limit_a_key),
		cmocka_unit_test(wrapped_keys_are_opened),
		cmocka_unit_test(a_long_kemac_and_garbage_are_refused),
		cmocka_unit_test(a_key_shorter_than_the_suites_is_refused),
		cmocka_unit_test(mixed_suites_are_refused),
		cmocka_unit_test(mixed_rates_are_refused),
		cmocka_unit_test(three_identities_are_refused),
		cmocka_unit_test(kemac_must_be_last),
		cmocka_unit_test(an_nai_names_as_well_as_a_uri),
		cmocka_unit_test(odd_answers),
		cmocka_unit_test(errors_have_words_and_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
