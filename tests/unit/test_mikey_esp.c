/* test_mikey_esp.c - the pieces of MIKEY that keys ESP: policies, ends, keys
 * (doc/MIKEY-IPSEC.md). */
#include "daemon/base/err.h"
#include "modules/mikey/esp/end.h"
#include "modules/mikey/esp/keys.h"
#include "modules/mikey/esp/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/esp_pair.h"
#include "tests/unit/mikey_vectors.h"

/* -- policies ------------------------------------------------------------- */

static const char *why;

static int get(unsigned protocol, const char *bytes, size_t len)
{
	struct mikey_esp_policy p;

	return mikey_esp_policy_get(protocol, (struct mikey_bytes){
		(const uint8_t *)bytes, len }, &p, &why);
}

static void policies_come_out_the_same(void **state)
{
	(void)state;
	for (unsigned i = ESP_AES_128_GCM; i <= ESP_AES_256_CBC_SHA256; i++) {
		struct buf b = buf_of(MIKEY_ESP_POLICY_ROOM);
		struct mikey_esp_policy got, p = {
			.suite = (enum esp_suite)i, .mode = ESP_TUNNEL,
			.scope = ESP_NET, .life_s = 3600, .life_kib = 1 << 30,
			.window = 4096,
			.auth_len = esp_suite_info(i)->auth_len,
		};

		mikey_esp_policy_put(&b, &p);
		assert_int_equal(b.err, 0);
		assert_int_equal(mikey_esp_policy_get(MIKEY_PROTOCOL_ESP,
			(struct mikey_bytes){ b.data, b.len }, &got, &why), 0);
		assert_int_equal(got.suite, p.suite);
		assert_int_equal(got.mode, p.mode);
		assert_int_equal(got.scope, p.scope);
		assert_int_equal(got.life_s, p.life_s);
		assert_int_equal(got.life_kib, p.life_kib);
		assert_int_equal(got.window, p.window);
		assert_int_equal(got.auth_len, p.auth_len);
		for (size_t k = 0; k < b.len; k++)
			assert_true(get(MIKEY_PROTOCOL_ESP,
					(const char *)b.data, k) < 0);
		buf_free(&b);
	}
}

/* AES-128-GCM, transport mode, two hosts, an hour, 128 packets. */
#define GOOD "\0\1\x14" "\1\1\x10" "\2\1\0" "\3\1\1" "\4\1\2" \
	     "\5\4\0\0\x0e\x10" "\6\4\0\0\0\0" "\7\2\0\x80"

/* Each changes one byte of GOOD. */
static void other_values_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t to;
		int err;
	} changes[] = {
		{ 2, 21, E_UNSUPPORTED },  /* an unknown cipher */
		{ 2, 12, E_UNSUPPORTED },  /* CBC without integrity */
		{ 2, 11, E_UNSUPPORTED },  /* NULL */
		{ 5, 24, E_UNSUPPORTED },  /* AES-192 */
		{ 5, 17, E_UNSUPPORTED },
		{ 8, 12, E_UNSUPPORTED },  /* GCM with integrity */
		{ 11, 0, E_UNSUPPORTED },  /* no mode */
		{ 11, 3, E_UNSUPPORTED },
		{ 14, 0, E_UNSUPPORTED },  /* no scope */
		{ 14, 4, E_UNSUPPORTED },
		{ 30, 31, E_UNSUPPORTED }, /* a window of 31 packets */
		{ 29, 17, E_UNSUPPORTED }, /* of more than 4096 */
		{ 0, 8, E_UNSUPPORTED },   /* an unknown parameter */
		{ 3, 0, E_FORMAT },        /* one twice */
		{ 1, 0, E_FORMAT },        /* of a wrong length */
		{ 1, 2, E_FORMAT },
		{ 28, 3, E_FORMAT },
	};
	char b[sizeof GOOD];

	(void)state;
	assert_int_equal(get(MIKEY_PROTOCOL_ESP, GOOD, sizeof GOOD - 1), 0);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		memcpy(b, GOOD, sizeof b);
		b[changes[i].at] = (char)changes[i].to;
		why = NULL;
		assert_int_equal(get(MIKEY_PROTOCOL_ESP, b, sizeof b - 1),
				 changes[i].err);
		assert_non_null(why);
	}
	memcpy(b, GOOD, sizeof b);
	memset(b + 17, 0, 4); /* no lifetime */
	assert_int_equal(get(MIKEY_PROTOCOL_ESP, b, sizeof b - 1),
			 E_UNSUPPORTED);
	assert_int_equal(get(0, GOOD, sizeof GOOD - 1), E_UNSUPPORTED);
	assert_int_equal(get(242, GOOD, sizeof GOOD - 1), E_UNSUPPORTED);
}

/* 3DES with 24 octets, HMAC-SHA-1 with 16, transport mode. */
#define OLD "\0\1\3" "\1\1\1" "\2\1\1" "\3\1\3" "\4\1\x18" "\5\1\3" "\6\1\x10"

static void policies_of_2005_are_read(void **state)
{
	static const struct {
		size_t at;
		uint8_t to;
		int err;
	} changes[] = {
		{ 2, 2, E_UNSUPPORTED },   /* AH */
		{ 5, 0, E_UNSUPPORTED },   /* any mode */
		{ 5, 2, 0 },               /* tunnel mode */
		{ 8, 0, 0 },               /* flags say nothing */
		{ 11, 2, E_UNSUPPORTED },  /* DES */
		{ 11, 11, E_UNSUPPORTED }, /* NULL */
		{ 11, 12, E_UNSUPPORTED }, /* AES of 24 octets */
		{ 14, 8, E_UNSUPPORTED },  /* 3DES of 8 octets */
		{ 14, 192, E_UNSUPPORTED },/* in bits */
		{ 17, 2, E_UNSUPPORTED },  /* MD5 */
		{ 17, 0, E_UNSUPPORTED },
		{ 20, 20, 0 },             /* a whole key of SHA-1 */
		{ 20, 12, E_UNSUPPORTED },
		{ 20, 0, E_UNSUPPORTED },
		{ 18, 5, E_FORMAT },
		{ 19, 2, E_FORMAT },
	};
	struct mikey_esp_policy p;
	char b[sizeof OLD];

	(void)state;
	assert_int_equal(mikey_esp_policy_get(MIKEY_PROTOCOL_2005,
		(struct mikey_bytes){ (const uint8_t *)OLD, sizeof OLD - 1 },
		&p, &why), 0);
	assert_int_equal(p.suite, ESP_3DES_CBC_SHA1);
	assert_int_equal(p.auth_len, 16);
	assert_int_equal(p.mode, ESP_TRANSPORT);
	assert_int_equal(p.scope, ESP_HOST);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		memcpy(b, OLD, sizeof b);
		b[changes[i].at] = (char)changes[i].to;
		assert_int_equal(get(MIKEY_PROTOCOL_2005, b, sizeof b - 1),
				 changes[i].err);
	}
	for (size_t k = 0; k < sizeof OLD - 1; k++)
		assert_true(get(MIKEY_PROTOCOL_2005, OLD, k) < 0);
	assert_true(get(MIKEY_PROTOCOL_ESP, OLD, sizeof OLD - 1) < 0);
}

static void old_suites_are_never_written(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= ESP_SUITES; i++) {
		const struct esp_suite_info *s = esp_suite_info(i);
		struct buf b = buf_of(MIKEY_ESP_POLICY_ROOM);

		mikey_esp_policy_put(&b, &(struct mikey_esp_policy){
			.suite = (enum esp_suite)i });
		assert_int_equal(b.err, s && !s->legacy ? 0 : E_ARG);
		buf_free(&b);
	}
}

/* -- ends ----------------------------------------------------------------- */

static void ends_come_out_the_same(const struct esp_end *end)
{
	struct mikey_esp_side side, got;
	uint8_t spi[MIKEY_ESP_SPI], data[MIKEY_ESP_DATA_MAX];
	int len;

	assert_int_equal(mikey_esp_end_draw(end, &side), 0);
	len = mikey_esp_end_put(&side, spi, data);
	assert_true(len > 0);
	memset(&got, 0xa5, sizeof got);
	assert_int_equal(mikey_esp_end_get(
		(struct mikey_bytes){ data, (size_t)len },
		(struct mikey_bytes){ spi, sizeof spi }, &got), 0);
	esp_same_end(&got.end, end);
	assert_memory_equal(got.nonce, side.nonce, sizeof side.nonce);
	for (size_t k = 0; k < (size_t)len; k++)
		assert_int_equal(mikey_esp_end_get(
			(struct mikey_bytes){ data, k },
			(struct mikey_bytes){ spi, sizeof spi }, &got),
			E_FORMAT);
	for (size_t k = 0; k < sizeof spi; k++)
		assert_int_equal(mikey_esp_end_get(
			(struct mikey_bytes){ data, (size_t)len },
			(struct mikey_bytes){ spi, k }, &got), E_FORMAT);
}

static void every_kind_of_end_is_read_as_written(void **state)
{
	struct esp_end e = esp_host("192.0.2.1", 0xffffffff);

	(void)state;
	ends_come_out_the_same(&e);
	e = esp_line("2001:db8::1", 256, 4000);
	ends_come_out_the_same(&e);
	e = esp_net("[2001:db8::1]:4501", 0x12345678, "fd00::/16");
	e.natted = true;
	e.n = ESP_SELECTORS_MAX;
	for (size_t i = 1; i < e.n; i++)
		e.sel[i] = e.sel[0];
	ends_come_out_the_same(&e);
}

static int get_end(const uint8_t *data, size_t len)
{
	static const uint8_t spi[MIKEY_ESP_SPI] = { 0, 0, 1, 0 };
	struct mikey_esp_side got;

	return mikey_esp_end_get((struct mikey_bytes){ data, len },
				 (struct mikey_bytes){ spi, sizeof spi },
				 &got);
}

static void other_forms_are_refused(void **state)
{
	struct esp_end e = esp_host("192.0.2.1", 256);
	struct mikey_esp_side side = { .end = e };
	uint8_t spi[MIKEY_ESP_SPI], data[MIKEY_ESP_DATA_MAX + 1] = { 0 };
	static const struct {
		size_t at;
		uint8_t to;
	} changes[] = {
		{ 0, 0 }, { 0, 2 },            /* version */
		{ 1, 2 }, { 1, 0x81 },         /* flags */
		{ 2, 0 }, { 2, 5 }, { 2, 41 }, /* family */
		{ 25, 5 }, { 25, 255 },        /* how many selectors */
		{ 26, 0 }, { 26, 7 },          /* family of one */
	};
	size_t len = (size_t)mikey_esp_end_put(&side, spi, data);

	(void)state;
	assert_int_equal(get_end(data, len), 0);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		uint8_t old = data[changes[i].at];

		data[changes[i].at] = changes[i].to;
		assert_int_equal(get_end(data, len), E_UNSUPPORTED);
		data[changes[i].at] = old;
	}
	assert_int_equal(get_end(data, len + 1), E_FORMAT);
	data[2] = 6; /* the bytes of IPv4 */
	assert_int_not_equal(get_end(data, len), 0);
}

/* -- keys ----------------------------------------------------------------- */

static void one_vector(const json_t *c)
{
	struct vector tgk = vector_hex(c, "tgk"), rand = vector_hex(c, "rand");
	struct vector fresh = vector_hex(c, "fresh");
	struct vector key = vector_hex(c, "key"), auth = vector_hex(c, "auth");
	struct vector salt = vector_hex(c, "salt");
	struct mikey_root root = {
		.prf = (unsigned)json_integer_value(json_object_get(c, "prf")),
		.key = tgk.bytes, .key_len = tgk.len,
		.csb_id = (uint32_t)json_integer_value(
			json_object_get(c, "csb_id")),
		.rand = { rand.bytes, rand.len },
	};
	struct esp_result r = { .n = 1, .auth_len = (uint8_t)auth.len };
	struct esp_tunnel *t = &r.tunnel[0];

	r.suite = esp_suite_by_name(json_string_value(
		json_object_get(c, "suite")));
	t->cs_in = (uint8_t)json_integer_value(json_object_get(c, "cs_id"));
	t->cs_out = (uint8_t)(t->cs_in + 1);
	t->fresh_len = (uint8_t)fresh.len;
	memcpy(t->fresh, fresh.bytes, fresh.len);
	assert_int_equal(mikey_esp_keys(&root, &r), 0);
	assert_int_equal(t->in.suite, r.suite);
	assert_int_equal(t->in.key_len, key.len);
	assert_int_equal(t->in.auth_len, auth.len);
	assert_int_equal(t->in.salt_len, salt.len);
	assert_memory_equal(t->in.key, key.bytes, key.len);
	assert_memory_equal(t->in.auth, auth.bytes, auth.len);
	assert_memory_equal(t->in.salt, salt.bytes, salt.len);
	assert_memory_not_equal(t->out.key, key.bytes, key.len);
}

static void keys_are_those_of_a_plain_reading(void **state)
{
	json_t *root, *cases = vector_cases("mikey_esp_keys.json", &root);
	const json_t *c;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(cases), 8);
	json_array_foreach(cases, i, c)
		one_vector(c);
	json_decref(root);
}

static void keys_that_do_not_fit_are_refused(void **state)
{
	static const uint8_t bytes[32];
	static const struct {
		uint8_t type, kv;
		size_t n, len;
		int err;
	} keys[] = {
		{ MIKEY_KEY_TGK, 0, 1, 32, 0 },
		{ MIKEY_KEY_TGK, 0, 1, 31, E_UNSUPPORTED },
		{ MIKEY_KEY_TGK, 0, 2, 32, E_UNSUPPORTED },
		{ MIKEY_KEY_TGK, 1, 1, 32, E_UNSUPPORTED },
		{ MIKEY_KEY_TGK, 2, 1, 32, E_UNSUPPORTED },
		{ MIKEY_KEY_TGK_SALT, 0, 1, 32, E_UNSUPPORTED },
		{ MIKEY_KEY_TEK, 0, 1, 32, E_UNSUPPORTED },
	};
	const struct esp_result r = { .n = 1, .suite = ESP_AES_256_GCM };
	struct keying_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct mikey_keys k = { .n = keys[i].n };

		k.key[0].type = keys[i].type;
		k.key[0].kv.type = keys[i].kv;
		k.key[0].key = (struct mikey_bytes){ bytes, keys[i].len };
		assert_int_equal(mikey_esp_keys_check(&k, &r, &fault),
				 keys[i].err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_come_out_the_same),
		cmocka_unit_test(other_values_are_refused),
		cmocka_unit_test(policies_of_2005_are_read),
		cmocka_unit_test(old_suites_are_never_written),
		cmocka_unit_test(every_kind_of_end_is_read_as_written),
		cmocka_unit_test(other_forms_are_refused),
		cmocka_unit_test(keys_are_those_of_a_plain_reading),
		cmocka_unit_test(keys_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
