/* test_mikey_explain.c - a message in plain words, and never a secret. */
#include "daemon/base/err.h"
#include "daemon/keeper/rank.h"
#include "modules/mikey/explain.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/message.h"
#include "modules/mikey/psk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/esp_pair.h"
#include "tests/unit/mikey_pair.h"
#include "tests/unit/mikey_vectors.h"

static void has_words(const struct buf *of, const char *const *words)
{
	struct buf out = buf_of(1 << 16);

	assert_int_equal(mikey_explain(of->data, of->len, &out), 0);
	buf_u8(&out, 0);
	for (; *words; words++)
		assert_non_null(strstr((const char *)out.data, *words));
	assert_null(strstr((const char *)out.data, "not encrypted"));
	buf_free(&out);
}

static void a_diffie_hellman_exchange(void **state)
{
	static const char *const offer[] = {
		"type 7: DHHMAC offer (RFC 4650); PRF",
		"DH (RFC 3830 6.4): public value in OAKLEY 5 (1536 bits), 192",
		"no key, the MAC of the message: HMAC-SHA-1-160, 20 bytes",
		NULL };
	static const char *const answer[] = {
		"type 8: DHHMAC response (RFC 4650)", "\"sip:bob@b.example\"",
		"no key, the MAC of the message: HMAC-SHA-1-160", NULL };
	struct mikey_message m;
	struct pair p;

	(void)state;
	pair_open(&p);
	p.method = &mikey_dhhmac;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	has_words(&p.offer, offer);
	has_words(&p.answer, answer);
	/* in RFC 4650's own numbers */
	assert_int_equal(mikey_decode(p.answer.data, p.answer.len, &m), 0);
	p.answer.data[p.answer.len - 21] = 0;
	has_words(&p.answer, answer);
	pair_close(&p);
}

/* doc/MIKEY-IPSEC.md. */
static void tunnels(void **state)
{
	static const char *const offer[] = {
		"GENERIC-ID",
		"CS 1 (RFC 6043 6.1.1, ESP): tunnel 1, offerer to answerer, "
		"4 policies, the end left to who answers",
		"CS 2 (RFC 6043 6.1.1, ESP): tunnel 1, answerer to offerer, "
		"4 policies, SPI 00001001 at 2001:db8::1, for "
		"2001:db8::1/128 protocol 17 port 4000 (mask fffe)",
		"policy 0, protocol 241 (ESP): AES_128_GCM, transport mode, "
		"scope media, keys live 3600 s, replay window of 128 packets",
		"1 encryption key length = 0x10", NULL };
	static const char *const answer[] = {
		"CS 1 (RFC 6043 6.1.1, ESP): tunnel 1, offerer to answerer, "
		"1 policies, SPI 00002001 at 2001:db8::2", NULL };
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open_lines(&s, 1);
	pair_open(&p);
	p.a.esp = &s.a.t;
	p.b.esp = &s.b.t;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	has_words(&p.offer, offer);
	has_words(&p.answer, answer);
	pair_close(&p);
	esp_open(&s);
	s.a.near[0].at.port = 4501;
	s.a.near[0].natted = true;
	pair_open(&p);
	p.a.esp = &s.a.t;
	assert_int_equal(pair_offer(&p), 0);
	has_words(&p.offer, (const char *const[]){
		"in UDP at port 4501 (a NAT is before it)", NULL });
	pair_close(&p);
}

static void the_dialect_of_2005(void **state)
{
	static const char *const offer[] = {
		"2 crypto sessions, dialect of 2005",
		"CS 1 (ESP, dialect of 2005): policy 0, SPI 00c0ffee, from "
		"(left open) to 192.0.2.1",
		"CS 2 (ESP, dialect of 2005): policy 0, SPI left open, from "
		"192.0.2.1 to (left open)",
		"policy 0, protocol 7 (ESP, dialect of 2005): "
		"3DES_CBC_HMAC_SHA1_96, transport mode, scope host",
		"6 AKEYL = 0x10", NULL };
	json_t *root;
	struct vector v = vector_hex(json_array_get(
		vector_cases("mikey_2005.json", &root), 0), "offer");
	struct buf b = buf_of(KEYING_MAX);

	(void)state;
	buf_put(&b, v.bytes, v.len);
	has_words(&b, offer);
	buf_free(&b);
	json_decref(root);
}

/* doc/NEGOTIATION.md; another vendor's are bytes. */
static void lists_of_priorities(void **state)
{
	static const char *const words[] = {
		"priorities of the answerer, lowest sum of ranks",
		"methods, best first: mikey-psk mikey-dh",
		"suites, best first: AEAD_AES_128_GCM",
		"hash of the whole offer: ", "chosen: mikey-dh AEAD_AES", NULL
	};
	static const char *const others[] = { "4 bytes", NULL };
	struct rank_ext e = {
		.answer = true,
		.lists = { true, { 2, { rank_method("mikey-psk"),
					rank_method("mikey-dh") } },
			   { 1, { SUITE_AEAD_AES_128_GCM } } },
		.choice = { rank_method("mikey-dh"), SUITE_AEAD_AES_128_GCM },
	};
	struct mikey_message m = { .data_type = MIKEY_ERROR };
	struct buf ext = buf_of(RANK_EXT_MAX), out = buf_of(1024);

	(void)state;
	rank_put(&e, &ext);
	mikey_add(&m, MIKEY_EXTENSION, MIKEY_EXT_VENDOR)->data =
		(struct mikey_bytes){ ext.data, ext.len };
	assert_int_equal(mikey_encode(&m, &out), 0);
	has_words(&out, words);
	buf_clear(&out);
	m.payload[0].data = (struct mikey_bytes){ (const uint8_t *)"ACME",
						  4 };
	assert_int_equal(mikey_encode(&m, &out), 0);
	has_words(&out, others);
	buf_free(&ext);
	buf_free(&out);
}

static void the_published_offer(void **state)
{
	static const char *const words[] = {
		"pre-shared key offer", "a verification is asked for",
		"bundle cd177e50", "CS 1 (6.1.1)",
		"T (RFC 3830 6.6)", "2006-10-20 13:43:06 UTC",
		"RAND (RFC 3830 6.11): random, 16 bytes", "\"donald@duck.com\"",
		"AES_CM_128_HMAC_SHA1_80",
		"the key, 36 bytes of data under AES-CM-128; MAC HMAC-SHA-1",
		"line 1, offerer to answerer", "SSRC left to its sender",
	};
	json_t *root;
	json_t *cases = vector_cases("rfc4567_mikey_messages.json", &root);
	struct vector v = vector_hex(json_array_get(cases, 0), "hex");
	struct buf out = buf_of(1 << 16);

	(void)state;
	assert_int_equal(mikey_explain(v.bytes, v.len, &out), 0);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_non_null(strstr(buf_string(&out), words[i]));
	/* the encrypted key data begins so */
	assert_null(strstr(buf_string(&out), "d092a981"));
	buf_free(&out);
	json_decref(root);
}

static void every_payload_has_words(void **state)
{
	static const char *const words[] = {
		"PKE", "DH", "OAKLEY 2", "SIGN", "RSA-PSS", "CERT", "CHASH",
		"SHA-256", "error 3: MAC algorithm not supported", "SDP IDs",
		"vendor ID", "GENERIC-ID", "no suite we know", "(unknown)",
		"NULL (not encrypted!)", "key ID (RFC 4563), 5 bytes;",
		"MBMS service key abcd; the rest is malformed", "P-384",
	};
	static const uint8_t room[192], secret[] = "XYZ";
	struct mikey_message m = { .map = MIKEY_MAP_GENERIC, .n_cs = 1 };
	struct buf b = buf_of(4096), out = buf_of(1 << 16);

	(void)state;
	mikey_add(&m, MIKEY_PKE, 1)->data = (struct mikey_bytes){ room, 9 };
	mikey_add(&m, MIKEY_DH, 2)->data = (struct mikey_bytes){ room, 128 };
	mikey_add(&m, MIKEY_CERT, 9);
	mikey_add(&m, MIKEY_CHASH, 2)->data = (struct mikey_bytes){ room, 32 };
	mikey_add(&m, MIKEY_ERR, 3);
	mikey_add(&m, MIKEY_EXTENSION, 0);
	mikey_add(&m, MIKEY_EXTENSION, 1);
	mikey_add(&m, MIKEY_EXTENSION, MIKEY_EXT_KEY_ID)->data =
		(struct mikey_bytes){ (const uint8_t *)"\1\2\xab\xcd\1", 5 };
	mikey_add(&m, MIKEY_DH, 242)->data = (struct mikey_bytes){ room, 97 };
	mikey_add(&m, MIKEY_SP, 0)->data = (struct mikey_bytes){
		(const uint8_t *)"\77\1\1", 3 };
	mikey_add(&m, MIKEY_KEMAC, MIKEY_ENCR_NULL)->data =
		(struct mikey_bytes){ secret, 3 };
	mikey_add(&m, MIKEY_SIGN, 1);
	assert_int_equal(mikey_encode(&m, &b), 0);
	assert_int_equal(mikey_explain(b.data, b.len, &out), 0);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_non_null(strstr(buf_string(&out), words[i]));
	/* an open key is a secret all the same */
	assert_null(strstr(buf_string(&out), "XYZ"));
	assert_null(strstr(buf_string(&out), "58595a"));
	buf_free(&b);
	buf_free(&out);
}

static void what_is_broken_is_told_up_to_there(void **state)
{
	json_t *root;
	json_t *cases = vector_cases("rfc4567_mikey_messages.json", &root);
	struct vector v = vector_hex(json_array_get(cases, 0), "hex");
	struct buf out = buf_of(1 << 16);

	(void)state;
	for (size_t n = 0; n < v.len; n++) {
		buf_clear(&out);
		assert_int_equal(mikey_explain(v.bytes, n, &out), E_FORMAT);
		assert_non_null(strstr(buf_string(&out), "malformed"));
	}
	assert_non_null(strstr(buf_string(&out), "donald@duck.com"));
	assert_null(strstr(buf_string(&out), "KEMAC"));
	buf_free(&out);
	out = buf_of(10);
	assert_int_equal(mikey_explain(v.bytes, v.len, &out), E_SPACE);
	buf_free(&out);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_diffie_hellman_exchange),
		cmocka_unit_test(lists_of_priorities),
		cmocka_unit_test(tunnels),
		cmocka_unit_test(the_dialect_of_2005),
		cmocka_unit_test(the_published_offer),
		cmocka_unit_test(every_payload_has_words),
		cmocka_unit_test(what_is_broken_is_told_up_to_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
