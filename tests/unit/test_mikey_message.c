/* test_mikey_message.c - the MIKEY codec: RFC 4567's messages, every payload
 * there and back, and what must be refused. */
#include "daemon/base/err.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/mikey_vectors.h"

static struct mikey_bytes run_of(const void *p, size_t len)
{
	return (struct mikey_bytes){ p, len };
}

/* Decodes, encodes, compares; the copy is of exact size, so that a sanitizer
 * sees each byte read beyond. */
static void assert_round_trip(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len);
	struct buf again = buf_of(MIKEY_MESSAGE_MAX);
	struct mikey_message m;

	memcpy(copy, bytes, len);
	assert_int_equal(mikey_decode(copy, len, &m), 0);
	assert_int_equal(mikey_encode(&m, &again), 0);
	assert_int_equal(again.len, len);
	assert_memory_equal(again.data, bytes, len);
	buf_free(&again);
	free(copy);
}

static void assert_cuts_refused(const uint8_t *bytes, size_t len)
{
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n + 1);
		struct mikey_message m;

		memcpy(copy, bytes, n);
		copy = realloc(copy, n ? n : 1);
		assert_int_not_equal(mikey_decode(copy, n, &m), 0);
		free(copy);
	}
}

static void assert_bytes(struct mikey_bytes got, const json_t *o,
			 const char *key)
{
	struct vector want = { .len = 0 };

	if (json_object_get(o, key))
		want = vector_hex(o, key);
	assert_int_equal(got.len, want.len);
	if (want.len)
		assert_memory_equal(got.p, want.bytes, want.len);
}

/* What lies in the KEMAC, which GstMIKEY writes in clear. */
static void assert_keys(const struct mikey_message *m, const json_t *want)
{
	const struct mikey_payload *kemac = mikey_find(m, MIKEY_KEMAC, 0);
	struct mikey_keys keys;
	const json_t *k;
	size_t i;

	assert_int_equal(mikey_keys_decode(kemac->data, false, &keys), 0);
	assert_int_equal(keys.n, json_array_size(want));
	json_array_foreach(want, i, k) {
		json_int_t type = json_integer_value(json_object_get(k,
								     "type"));

		if (json_object_get(k, "salt"))
			type |= 1;
		assert_int_equal(keys.key[i].type, type);
		assert_bytes(keys.key[i].key, k, "key");
		assert_bytes(keys.key[i].salt, k, "salt");
		assert_bytes(keys.key[i].kv.spi, k, "spi");
		assert_bytes(keys.key[i].kv.from, k, "from");
		assert_bytes(keys.key[i].kv.to, k, "to");
	}
}

/* Messages of another implementation: read as it meant them, written as it
 * wrote them, so that it can read ours. */
static void messages_of_gstmikey(void **state)
{
	struct mikey_message m;
	json_t *root, *cases, *c;
	size_t i;

	(void)state;
	cases = vector_cases("gstmikey_messages.json", &root);
	json_array_foreach(cases, i, c) {
		struct vector v = vector_hex(c, "hex");

		assert_round_trip(v.bytes, v.len);
		assert_cuts_refused(v.bytes, v.len);
		assert_int_equal(mikey_decode(v.bytes, v.len, &m), 0);
		assert_int_equal(m.csb_id, 0x01020304);
		assert_int_equal(m.n_cs, json_integer_value(
			json_object_get(c, "sessions")));
		assert_keys(&m, json_object_get(c, "keys"));
	}
	assert_int_equal(i, 9);
	json_decref(root);
}

static void published_messages(void **state)
{
	struct mikey_message m;
	struct vector v;
	json_t *root, *cases, *c;
	size_t i;

	(void)state;
	cases = vector_cases("rfc4567_mikey_messages.json", &root);
	json_array_foreach(cases, i, c) {
		v = vector_hex(c, "hex");
		assert_round_trip(v.bytes, v.len);
		assert_cuts_refused(v.bytes, v.len);
		v.bytes[v.len] = 0;
		assert_int_equal(mikey_decode(v.bytes, v.len + 1, &m),
				 E_FORMAT);
	}
	assert_int_equal(i, 2);
	json_decref(root);
}

static void fields_of_the_published_offer(void **state)
{
	json_t *root;
	json_t *cases = vector_cases("rfc4567_mikey_messages.json", &root);
	struct vector v = vector_hex(json_array_get(cases, 0), "hex");
	const struct mikey_payload *p;
	struct mikey_message m;

	(void)state;
	assert_int_equal(mikey_decode(v.bytes, v.len, &m), 0);
	assert_int_equal(m.data_type, MIKEY_PSK_INIT);
	assert_int_equal(m.v, 1);
	assert_int_equal(m.prf, 0);
	assert_int_equal(m.csb_id, 0xcd177e50);
	assert_int_equal(m.n_cs, 1);
	assert_int_equal(m.map, MIKEY_MAP_SRTP);
	assert_int_equal(m.n, 5);
	assert_int_equal(mikey_find(&m, MIKEY_RAND, 0)->data.len, 16);
	p = mikey_find(&m, MIKEY_ID, 0);
	assert_int_equal(p->kind, MIKEY_ID_NAI);
	assert_memory_equal(p->data.p, "donald@duck.com", p->data.len);
	assert_null(mikey_find(&m, MIKEY_ID, 1));
	p = mikey_find(&m, MIKEY_KEMAC, 0);
	assert_int_equal(p->kind, MIKEY_ENCR_AES_CM_128);
	assert_int_equal(p->data.len, 36);
	assert_int_equal(p->mac_alg, MIKEY_MAC_SHA1);
	assert_int_equal(p->at + p->len, v.len);
	json_decref(root);
}

/* One of each payload, with every optional part. */
static void fill(struct mikey_message *m, const uint8_t *room)
{
	struct mikey_payload *p;

	*m = (struct mikey_message){ .data_type = MIKEY_DH_INIT, .v = 1,
				     .prf = 1, .csb_id = 0x01020304,
				     .n_cs = 2 };
	m->cs[0] = (struct mikey_cs){ .policy = 1, .ssrc = 2, .roc = 3 };
	mikey_add(m, MIKEY_T, MIKEY_TS_COUNTER)->data = run_of(room, 4);
	mikey_add(m, MIKEY_RAND, 0)->data = run_of(room, 255);
	mikey_add(m, MIKEY_ID, MIKEY_ID_URI)->data = run_of("sip:a@b", 7);
	mikey_add(m, MIKEY_CERT, 2)->data = run_of(room, 700);
	mikey_add(m, MIKEY_CHASH, 2)->data = run_of(room, 32);
	p = mikey_add(m, MIKEY_PKE, 2);
	p->data = run_of(room, 256);
	p = mikey_add(m, MIKEY_DH, 0);
	p->data = run_of(room, 192);
	p->extra = 5;
	p->kv = (struct mikey_kv){ .type = 1, .spi = run_of(room, 4) };
	p = mikey_add(m, MIKEY_DH, 2);
	p->data = run_of(room, 128);
	p->kv = (struct mikey_kv){ .type = 2, .from = run_of(room, 6),
				   .to = run_of(room, 6) };
	p = mikey_add(m, MIKEY_SP, 0);
	p->extra = 7;
	p->data = run_of("\x00\x01\x01\x0b\x01\x0a", 6);
	p = mikey_add(m, MIKEY_SP, 0);
	p->extra = 8;
	p = mikey_add(m, MIKEY_ERR, 3);
	p->extra = 0xbeef;
	mikey_add(m, MIKEY_EXTENSION, 1)->data = run_of("mikey", 5);
	mikey_add(m, MIKEY_V, MIKEY_MAC_SHA256)->data = run_of(room, 32);
	p = mikey_add(m, MIKEY_KEMAC, MIKEY_ENCR_AES_KW_128);
	p->data = run_of(room, 500);
	p->mac_alg = MIKEY_MAC_SHA256;
	p->mac = run_of(room, 32);
	mikey_add(m, MIKEY_SIGN, 1)->data = run_of(room, 129);
}

static void every_payload_there_and_back(void **state)
{
	struct buf b = buf_of(MIKEY_MESSAGE_MAX);
	struct mikey_message m;
	uint8_t room[700];

	(void)state;
	for (size_t i = 0; i < sizeof room; i++)
		room[i] = (uint8_t)(i * 7);
	fill(&m, room);
	assert_int_equal(mikey_encode(&m, &b), 0);
	assert_round_trip(b.data, b.len);
	assert_cuts_refused(b.data, b.len);
	buf_free(&b);
}

static void other_session_maps(void **state)
{
	struct mikey_message m = { .map = MIKEY_MAP_GENERIC, .n_cs = 2 };
	struct buf b = buf_of(MIKEY_MESSAGE_MAX);

	(void)state;
	m.cs[0] = (struct mikey_cs){ .id = 9, .protocol = 0, .s = 1,
				     .policies = run_of("\1\2", 2),
				     .data = run_of("0123456789", 10),
				     .spi = run_of("spi", 3) };
	m.cs[1] = (struct mikey_cs){ .id = 10 };
	mikey_add(&m, MIKEY_ERR, 12);
	assert_int_equal(mikey_encode(&m, &b), 0);
	assert_round_trip(b.data, b.len);
	assert_cuts_refused(b.data, b.len);
	buf_clear(&b);
	m.map = MIKEY_MAP_EMPTY;
	assert_int_equal(mikey_encode(&m, &b), 0);
	assert_int_equal(b.len, 10 + 4);
	assert_round_trip(b.data, b.len);
	buf_free(&b);
}

/* Encodes what may not be twice and expects the decoder to refuse it. */
static void assert_refused(const struct mikey_message *m, int err)
{
	struct buf b = buf_of(MIKEY_MESSAGE_MAX);
	struct mikey_message got;

	assert_int_equal(mikey_encode(m, &b), 0);
	assert_int_equal(mikey_decode(b.data, b.len, &got), err);
	buf_free(&b);
}

static void too_many_are_refused(void **state)
{
	static const uint8_t once[] = { MIKEY_RAND, MIKEY_PKE, MIKEY_KEMAC,
					MIKEY_V };
	struct mikey_message m = { .n = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof once; i++) {
		m.n = 0;
		mikey_add(&m, once[i], 0);
		mikey_add(&m, MIKEY_ERR, 0);
		mikey_add(&m, once[i], 0);
		assert_refused(&m, E_FORMAT);
	}
	m.n = 0;
	for (size_t i = 0; i < 4; i++)
		mikey_add(&m, MIKEY_ID, 0);
	assert_refused(&m, E_FORMAT);
	m.n = 0;
	mikey_add(&m, MIKEY_SP, 0)->extra = 3;
	mikey_add(&m, MIKEY_SP, 0)->extra = 3;
	assert_refused(&m, E_FORMAT);
}

static void odd_bytes_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int err;
	} odd[] = {
		{ "", 0, E_FORMAT },
		/* version 2; unknown map; unknown payload; key data outside */
		{ "\2\0\0\0\0\0\0\0\0\0", 10, E_UNSUPPORTED },
		{ "\1\0\0\0\0\0\0\0\0\3", 10, E_UNSUPPORTED },
		{ "\1\0\15\0\0\0\0\0\0\0\0", 11, E_UNSUPPORTED },
		{ "\1\0\24\0\0\0\0\0\0\0\0\0\0\0", 14, E_UNSUPPORTED },
		/* 255 crypto sessions, and none of them there */
		{ "\1\0\0\0\0\0\0\0\377\0", 10, E_UNSUPPORTED },
		{ "\1\0\0\0\0\0\0\0\2\0", 10, E_FORMAT },
		/* MAC algorithm 3; timestamp type 4; DH group 3; KV 3 */
		{ "\1\0\1\0\0\0\0\0\0\0\0\0\0\0\3", 15, E_UNSUPPORTED },
		{ "\1\0\5\0\0\0\0\0\0\0\0\4", 12, E_UNSUPPORTED },
		{ "\1\0\3\0\0\0\0\0\0\0\0\3", 12, E_UNSUPPORTED },
		/* a policy parameter twice; a policy parameter cut */
		{ "\1\0\12\0\0\0\0\0\0\0\0\0\0\0\4\1\0\1\0", 19, E_FORMAT },
		{ "\1\0\12\0\0\0\0\0\0\0\0\0\0\0\2\1\1", 17, E_FORMAT },
		/* one payload more than all exchanges have */
		{ "\1\0\0\0\0\0\0\0\0\0\0", 11, E_FORMAT },
	};
	struct mikey_message m;

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_int_equal(mikey_decode((const uint8_t *)odd[i].bytes,
					      odd[i].len, &m), odd[i].err);
}

static void a_message_over_the_bound_is_refused(void **state)
{
	uint8_t *big = calloc(1, MIKEY_MESSAGE_MAX + 1);
	struct mikey_message m;

	(void)state;
	big[0] = 1;
	assert_int_equal(mikey_decode(big, MIKEY_MESSAGE_MAX + 1, &m),
			 E_FORMAT);
	free(big);
}

static void what_cannot_be_written_is_refused(void **state)
{
	static uint8_t room[0x10001];
	struct mikey_message m = { .n = 0 };
	struct buf b = buf_of(4 * sizeof room);

	(void)state;
	mikey_add(&m, MIKEY_ID, 0)->data = run_of(room, 0x10000);
	assert_int_equal(mikey_encode(&m, &b), E_ARG);
	buf_clear(&b);
	m.n = 0;
	mikey_add(&m, MIKEY_RAND, 0)->data = run_of(room, 256);
	assert_int_equal(mikey_encode(&m, &b), E_ARG);
	buf_clear(&b);
	m.n = 0;
	mikey_add(&m, MIKEY_T, MIKEY_TS_UTC)->data = run_of(room, 4);
	assert_int_equal(mikey_encode(&m, &b), E_ARG);
	buf_clear(&b);
	m.n = 0;
	mikey_add(&m, MIKEY_SIGN, 0);
	mikey_add(&m, MIKEY_ERR, 0);
	assert_int_equal(mikey_encode(&m, &b), E_ARG);
	buf_free(&b);
}

static void key_data_there_and_back(void **state)
{
	struct mikey_keys k = { .n = 3 }, got;
	struct buf b = buf_of(512), again = buf_of(512);
	int r;

	(void)state;
	k.id = (struct mikey_payload){ .type = MIKEY_ID, .kind = 1,
				       .data = run_of("sip:a@b", 7) };
	k.key[0] = (struct mikey_key){ .key = run_of("0123456789abcdef", 16) };
	k.key[1] = (struct mikey_key){ .type = MIKEY_KEY_TGK_SALT,
				       .key = run_of("0123456789abcdef", 16),
				       .salt = run_of("saltsaltsaltsa", 14),
				       .kv = { .type = 1,
					       .spi = run_of("\1\2", 2) } };
	k.key[2] = (struct mikey_key){ .type = MIKEY_KEY_TEK,
				       .key = run_of("fedcba9876543210", 16),
				       .kv = { .type = 2,
					       .from = run_of("000000", 6),
					       .to = run_of("999999", 6) } };
	assert_int_equal(mikey_keys_encode(&k, &b), 0);
	assert_int_equal(mikey_keys_decode(run_of(b.data, b.len), true, &got),
			 0);
	assert_int_equal(got.n, 3);
	assert_int_equal(mikey_keys_encode(&got, &again), 0);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.data, b.data, b.len);
	for (size_t n = 0; n < b.len; n++) {
		r = mikey_keys_decode(run_of(b.data, n), true, &got);
		assert_int_not_equal(r, 0);
	}
	assert_int_equal(mikey_keys_decode(run_of(b.data, b.len), false, &got),
			 E_FORMAT);
	buf_free(&b);
	buf_free(&again);
}

static void nine_keys_are_too_many(void **state)
{
	uint8_t many[9 * 4] = { 0 };
	struct mikey_keys got;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		many[4 * i] = MIKEY_KEY_DATA;
	assert_int_equal(mikey_keys_decode(run_of(many, 36), false, &got),
			 E_UNSUPPORTED);
	many[4 * 7] = MIKEY_LAST;
	assert_int_equal(mikey_keys_decode(run_of(many, 32), false, &got), 0);
	assert_int_equal(mikey_keys_decode(run_of(many, 0), false, &got), 0);
	assert_int_equal(got.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_messages),
		cmocka_unit_test(messages_of_gstmikey),
		cmocka_unit_test(fields_of_the_published_offer),
		cmocka_unit_test(every_payload_there_and_back),
		cmocka_unit_test(other_session_maps),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(odd_bytes_are_refused),
		cmocka_unit_test(a_message_over_the_bound_is_refused),
		cmocka_unit_test(what_cannot_be_written_is_refused),
		cmocka_unit_test(key_data_there_and_back),
		cmocka_unit_test(nine_keys_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
