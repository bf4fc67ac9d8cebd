/* test_sdes.c - a=crypto values: the RFC's own lines, the grammar at each cut
 * and letter, and offers held against answers. */
#include "daemon/base/err.h"
#include "modules/sdes/crypto.h"
#include "modules/sdes/exchange.h"
#include "modules/sdes/usable.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/mikey_vectors.h"

#define CM80 "AES_CM_128_HMAC_SHA1_80"
#define CM32 "AES_CM_128_HMAC_SHA1_32"
#define KEY1 "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR" /* RFC 4568 4 */
#define KEY2 "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj" /* 5.1 */
#define KEY46 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ"
#define KEY28 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw"

static int read_text(const char *text, struct crypto *c)
{
	const char *why = NULL;
	int r = crypto_read(text, strlen(text), c, &why);

	assert_true(!r == !why);
	return r;
}

/* -- the codec ------------------------------------------------------------ */

static void check_key(const struct crypto_key *k, const json_t *want)
{
	struct vector key = vector_hex(want, "master_key");
	struct vector salt = vector_hex(want, "master_salt");
	const char *mki = json_string_value(json_object_get(want, "mki"));

	assert_int_equal(k->len, key.len + salt.len);
	assert_memory_equal(k->bytes, key.bytes, key.len);
	assert_memory_equal(k->bytes + key.len, salt.bytes, salt.len);
	assert_int_equal(k->lifetime, 1 << 20);
	assert_int_equal(k->mki_len,
			 atoi(json_string_value(json_object_get(
				 want, "mki_length"))));
	assert_int_equal(k->mki[k->mki_len - 1], atoi(mki));
}

static void check_cuts(const char *value)
{
	struct crypto c;
	const char *why;

	for (size_t n = 0; n < strlen(value); n++) {
		int r;

		why = NULL;
		r = crypto_read(value, n, &c, &why);
		if (!r) { /* a whole value that says less */
			struct srtp_key key;

			if (!usable(&c, false, &key, &why))
				assert_non_null(strchr("|; ^=:0123456789",
						       value[n]));
		} else {
			assert_non_null(why);
		}
	}
}

/* Every line of RFC 4568: read, and written again byte for byte. */
static void rfc_lines(void **state)
{
	json_t *root, *one;
	const json_t *cases = vector_cases("rfc4568_sdes.json", &root);
	size_t i;

	(void)state;
	json_array_foreach(cases, i, one) {
		const char *line =
			json_string_value(json_object_get(one, "line"));
		const char *value = strchr(line, ':') + 1;
		const json_t *keys = json_object_get(one, "keys");
		struct buf again = buf_of(1024);
		struct crypto c;

		assert_int_equal(read_text(value, &c), 0);
		assert_int_equal(c.tag, atoi(json_string_value(
			json_object_get(one, "tag"))));
		assert_string_equal(c.suite, json_string_value(
			json_object_get(one, "suite")));
		assert_int_equal(c.n_keys, json_array_size(keys));
		for (size_t k = 0; k < c.n_keys; k++)
			check_key(&c.key[k], json_array_get(keys, k));
		assert_int_equal(crypto_write(&c, &again), 0);
		assert_string_equal(buf_string(&again), value);
		buf_free(&again);
		check_cuts(value);
	}
	json_decref(root);
}

static void whole_grammar(void **state)
{
	static const char *const good[] = {
		"1 " CM80 " inline:" KEY1,
		"999999999 " CM80 " inline:" KEY1 "|2^48",
		"0 " CM80 " inline:" KEY1 "|281474976710655",
		"1 X inline:" KEY1 "|1:128",
		"1 " CM80 " inline:" KEY1 "|2^0|4294967296:5",
		"1 " CM80 " inline:" KEY1 "|1:4;inline:" KEY2 "|2:4",
		"1 " CM80 " inline:" KEY1 " KDR=24 UNENCRYPTED_SRTP"
		" UNENCRYPTED_SRTCP UNAUTHENTICATED_SRTP FEC_ORDER=SRTP_FEC"
		" FEC_KEY=inline:" KEY2 "|2^20 WSH=64",
		"7 AEAD_AES_128_GCM inline:" KEY28 "==",
		"8 AES_256_CM_HMAC_SHA1_80 inline:" KEY46 "== KDR=1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct buf again = buf_of(2048);
		struct crypto c;

		if (read_text(good[i], &c))
			fail_msg("%s", good[i]);
		assert_int_equal(crypto_write(&c, &again), 0);
		assert_string_equal(buf_string(&again), good[i]);
		buf_free(&again);
		check_cuts(good[i]);
	}
}

/* As it is sent, too: no padding, tabs, parameters that may be ignored. */
static void other_spellings(void **state)
{
	struct crypto c;

	(void)state;
	assert_int_equal(read_text("1\t AEAD_AES_128_GCM  inline:" KEY28
				   "\t-x -y=1", &c), 0);
	assert_int_equal(c.key[0].len, 28);
	assert_int_equal(c.key[0].bytes[27], 27);
	assert_false(c.foreign);
	assert_int_equal(read_text("1 " CM80 " inline:" KEY1 " NEW=1", &c), 0);
	assert_true(c.foreign);
	assert_int_equal(read_text("1 " CM80 " inline:" KEY1
				   " UNENCRYPTED_SRTPX", &c), 0);
	assert_true(c.foreign && !c.flags);
	/* 6.1: lifetime left out, MKI there */
	assert_int_equal(read_text("1 " CM80 " inline:YUJDZGVmZ2hpSktMbW9QU"
				   "XJzVHVWd3l6MTIzNDU2|1066:4", &c), 0);
	assert_int_equal(c.key[0].lifetime, 0);
	assert_memory_equal(c.key[0].mki, "\0\0\x04\x2a", 4);
}

static void malformed(void **state)
{
	static const struct {
		const char *value;
		int err;
	} bad[] = {
		{ "", E_FORMAT }, { " ", E_FORMAT }, { "1", E_FORMAT },
		{ "1 " CM80, E_FORMAT },
		{ "1 " CM80 " ", E_FORMAT },
		{ "1 " CM80 " inline:", E_FORMAT },
		{ "1 " CM80 " " KEY1, E_FORMAT },
		{ "x " CM80 " inline:" KEY1, E_FORMAT },
		{ "01 " CM80 " inline:" KEY1, E_FORMAT },
		{ "1000000000 " CM80 " inline:" KEY1, E_FORMAT },
		{ "-1 " CM80 " inline:" KEY1, E_FORMAT },
		{ "1 AES-CM inline:" KEY1, E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 " ", E_FORMAT },
		{ " 1 " CM80 " inline:" KEY1, E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "\x7f", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "=", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "A", E_FORMAT },
		{ "1 " CM80 " inline:" KEY28 "=", E_FORMAT },
		{ "1 " CM80 " inline:AAF", E_FORMAT }, /* bits behind */
		{ "1 " CM80 " inline:AA=A", E_FORMAT },
		{ "1 " CM80 " inline:====", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|0", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|020", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|2^64", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|2^", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|1:0", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|1:129", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|0:4", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|01:4", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|256:1", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|1:4|2^20", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|2^20|1:4|", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 ";", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 ";inline:" KEY2, E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|1:4;inline:" KEY2 "|2:2",
		  E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|1:4;inline:" KEY2 "|1:4",
		  E_FORMAT },
		{ "1 " CM80 " uri:http", E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY46 KEY46, E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY1 " KDR=0", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 " KDR=25", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 " KDR=01", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 " KDR=1 KDR=1", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 " WSH=63", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 " WSH=4294967296", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 " FEC_ORDER=SRTP", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 " FEC_KEY=x", E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 " -", E_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct crypto c = { .tag = 77 };

		if (read_text(bad[i].value, &c) != bad[i].err)
			fail_msg("%s", bad[i].value);
		assert_int_equal(c.tag, 77);
	}
}

/* -- what can be used ----------------------------------------------------- */

static void rules(void **state)
{
	static const struct {
		const char *value;
		bool no_rate;
		int err;
	} row[] = {
		{ "1 " CM80 " inline:" KEY1, false, 0 },
		{ "1 aes_cm_128_hmac_sha1_80 inline:" KEY1, false, 0 },
		{ "1 F8_128_HMAC_SHA1_80 inline:" KEY1, false, 0 },
		{ "1 AEAD_AES_128_GCM inline:" KEY28, false, 0 },
		{ "1 AES_256_CM_HMAC_SHA1_32 inline:" KEY46, false, 0 },
		{ "1 AES_256_CM_HMAC_SHA1_32 inline:" KEY1, false, E_FORMAT },
		{ "1 AEAD_AES_128_GCM inline:" KEY1, false, E_FORMAT },
		{ "1 SEED_CTR_128_HMAC_SHA1_80 inline:" KEY1, false,
		  E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY1 " NEW", false, E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY1 " -new", false, 0 },
		{ "1 " CM80 " inline:" KEY1 " UNENCRYPTED_SRTP", false,
		  E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY1 " UNENCRYPTED_SRTCP", false,
		  E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY1 " UNAUTHENTICATED_SRTP", false,
		  E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY1 " FEC_ORDER=FEC_SRTP", false, 0 },
		{ "1 " CM80 " inline:" KEY1 " FEC_ORDER=SRTP_FEC", false,
		  E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY1 " FEC_KEY=inline:" KEY2, false,
		  E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY1 " WSH=1024", true, 0 },
		{ "1 " CM80 " inline:" KEY1 " KDR=16", false, 0 },
		{ "1 " CM80 " inline:" KEY1 " KDR=16", true, E_UNSUPPORTED },
		{ "1 " CM80 " inline:" KEY1 "|2^48|255:8", false, 0 },
		{ "1 " CM80 " inline:" KEY1 "|2^49", false, E_FORMAT },
		{ "1 " CM80 " inline:" KEY1 "|1:9", false, E_UNSUPPORTED },
		/* the length of each key counts */
		{ "1 " CM80 " inline:" KEY1 "|1:4;inline:" KEY28 "|2:4", false,
		  E_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const char *why = NULL;
		struct srtp_key key;
		struct crypto c;

		assert_int_equal(read_text(row[i].value, &c), 0);
		if (usable(&c, row[i].no_rate, &key, &why) != row[i].err)
			fail_msg("%s: %s", row[i].value, why);
	}
}

static void key_of_the_relay(void **state)
{
	const char *why = NULL;
	struct srtp_key key;
	struct crypto c;

	(void)state;
	assert_int_equal(read_text("4 " CM32 " inline:" KEY1
				   "|2^20|258:3 KDR=24", &c), 0);
	assert_int_equal(usable(&c, false, &key, &why), 0);
	assert_int_equal(key.suite, SUITE_AES_CM_128_HMAC_SHA1_32);
	assert_int_equal(key.key_len, 16);
	assert_int_equal(key.salt_len, 14);
	assert_memory_equal(key.key, "=-n@%^x!BjufR9)?", 4);
	assert_memory_equal(key.salt, "\x2c\x23\x35\x68", 4);
	assert_int_equal(key.lifetime, 1 << 20);
	assert_int_equal(key.mki_len, 3);
	assert_memory_equal(key.mki, "\0\x01\x02", 3);
	assert_int_equal(key.kdr, 25); /* 2^24 packets */
}

/* -- offer and answer ----------------------------------------------------- */

static const enum suite both[] = { SUITE_AEAD_AES_256_GCM,
				   SUITE_AES_CM_128_HMAC_SHA1_80 };
static const uint32_t ssrc[] = { 0x1234 };

static struct keying_terms terms(void)
{
	return (struct keying_terms){ .local_id = "sip:a@a.example",
				      .remote_id = "sip:b@b.example",
				      .peer = "b", .suites = both,
				      .n_suites = 2, .n = 1, .ssrc = ssrc,
				      .mki = KEYING_MKI_REKEY };
}

static void same(const struct srtp_key *a, const struct srtp_key *b)
{
	assert_memory_equal(a, b, sizeof *a);
}

/* RFC 4568 has no suite without encryption: none is offered, none is taken. */
static void no_null_suite(void **state)
{
	enum suite one[] = { SUITE_NULL_HMAC_SHA1_80 };
	struct keying_terms t = terms();
	struct keying_result early = { .n = 0 };
	struct buf off = buf_of(KEYING_MAX);
	struct keying_pending *p = NULL;
	struct keying_fault why;
	struct srtp_key key;
	const char *text;
	struct crypto c;

	(void)state;
	t.suites = one;
	t.n_suites = 1;
	assert_int_not_equal(sdes_keying.offer(&t, &off, &p, &early, &why), 0);
	buf_free(&off);
	assert_int_equal(read_text("1 NULL_HMAC_SHA1_80 inline:" KEY1, &c), 0);
	assert_int_equal(usable(&c, false, &key, &text), E_UNSUPPORTED);
}

/* Every suite alone: what one side sends with the other opens with. */
static void every_suite(void **state)
{
	(void)state;
	for (unsigned s = 1; s < SUITE_NULL_HMAC_SHA1_80; s++) {
		enum suite one[] = { (enum suite)s };
		struct keying_terms t = terms();
		struct keying_result early = { .n = 9 }, a, b;
		struct buf off = buf_of(KEYING_MAX), ans = buf_of(KEYING_MAX);
		struct keying_pending *p = NULL;
		struct keying_fault why;

		t.suites = one;
		t.n_suites = 1;
		t.mki = s % 2 ? KEYING_MKI_ALWAYS : KEYING_MKI_NEVER;
		assert_int_equal(sdes_keying.offer(&t, &off, &p, &early, &why),
				 0);
		assert_int_equal(early.n, 0); /* the answer fixes them */
		assert_true(sdes_keying.takes(off.data, off.len));
		t.mki = KEYING_MKI_NEVER;
		assert_int_equal(sdes_keying.answer(&t, off.data, off.len,
						    &ans, &a, &why), 0);
		assert_int_equal(sdes_keying.finish(p, ans.data, ans.len, 1,
						    &b, &why), 0);
		same(&a.send[0], &b.recv[0]);
		same(&a.recv[0], &b.send[0]);
		assert_memory_not_equal(a.send[0].key, a.recv[0].key, 16);
		assert_int_equal(a.send[0].mki_len, s % 2 ? 4 : 0);
		assert_int_equal(b.facts.suite, s);
		assert_int_equal(b.facts.bare, 1);
		assert_int_equal(b.facts.verified, 0);
		assert_int_equal(a.facts.bare, 1);
		assert_string_equal(a.facts.method, "sdes");
		sdes_keying.drop(p);
		buf_free(&off);
		buf_free(&ans);
	}
}

static int answer_to(const struct keying_terms *t, const char *offer,
		     struct buf *out, struct keying_result *res)
{
	struct keying_fault why = { "" };
	int r = sdes_keying.answer(t, (const uint8_t *)offer, strlen(offer),
				   out, res, &why);

	assert_true(!r == !why.text[0]);
	assert_true(!r == (out->len > 0));
	return r;
}

/* Our order decides among those that can be used. */
static void choice(void **state)
{
	static const struct {
		const char *offer;
		int err;
		const char *answer; /* how it begins */
	} row[] = {
		{ "1 " CM80 " inline:" KEY1 "\n5 AEAD_AES_256_GCM inline:"
		  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis",
		  0, "5 AEAD_AES_256_GCM inline:" },
		{ "2 " CM32 " inline:" KEY1 "\n1 " CM80 " inline:" KEY2, 0,
		  "1 " CM80 " inline:" },
		{ "3 aes_cm_128_hmac_sha1_80 inline:" KEY2, 0,
		  "3 aes_cm_128_hmac_sha1_80 inline:" },
		{ "1 " CM32 " inline:" KEY1, E_UNSUPPORTED, NULL },
		{ "1 " CM80 " inline:!", E_FORMAT, NULL },
		{ "", E_FORMAT, NULL },
		{ "\n\n", E_FORMAT, NULL },
		{ "junk\n1 " CM80 "\n2 " CM80 " inline:x\n3 " CM80 " inline:"
		  KEY1 " UNENCRYPTED_SRTP\n4 " CM80 " inline:" KEY1, 0,
		  "4 " CM80 " inline:" },
		/* a tag that is there twice is the first one's */
		{ "1 " CM32 " inline:" KEY1 "\n1 " CM80 " inline:" KEY2,
		  E_UNSUPPORTED, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct keying_terms t = terms();
		struct buf out = buf_of(KEYING_MAX);
		struct keying_result res;

		if (answer_to(&t, row[i].offer, &out, &res) != row[i].err)
			fail_msg("%s", row[i].offer);
		if (row[i].answer)
			assert_memory_equal(out.data, row[i].answer,
					    strlen(row[i].answer));
		buf_free(&out);
	}
}

/* A known slide deck's offer: its second attribute's key has 47 characters. */
static void slide_deck(void **state)
{
	static const char offer[] =
		"1 " CM80 " inline:" KEY2 "|2^20|1:4\n"
		"2 " CM32 " inline:" KEY1 "AAECAwQ|2^20|1:4";
	static const enum suite order[] = { SUITE_AES_CM_128_HMAC_SHA1_32,
					    SUITE_AES_CM_128_HMAC_SHA1_80 };
	struct keying_terms t = terms();
	struct buf out = buf_of(KEYING_MAX);
	struct keying_result res;

	(void)state;
	assert_int_equal(strlen(KEY1 "AAECAwQ"), 47);
	t.suites = order; /* even if we like the second one better */
	assert_int_equal(answer_to(&t, offer, &out, &res), 0);
	assert_memory_equal(out.data, "1 " CM80 " inline:", 26);
	assert_non_null(strstr(buf_string(&out), "|1:4"));
	assert_int_equal(res.recv[0].lifetime, 1 << 20);
	assert_int_equal(res.recv[0].mki_len, 4);
	buf_free(&out);
}

/* What RFC 4568 5.1.3 and 7.1.2 want of an answer. */
static void answers_refused(void **state)
{
	struct keying_terms t = terms();
	struct buf off = buf_of(KEYING_MAX);
	struct keying_pending *p = NULL;
	struct keying_result early, res;
	struct keying_fault why;
	char ours[512];
	static const struct {
		const char *answer;
		int err;
	} row[] = {
		{ "2 " CM80 " inline:" KEY1, 0 },
		{ "2 " CM80 " inline:" KEY1 "|2^31|7:1", 0 },
		{ "1 " CM80 " inline:" KEY1, E_UNSUPPORTED }, /* tag 2's */
		{ "2 " CM32 " inline:" KEY1, E_UNSUPPORTED },
		{ "3 " CM80 " inline:" KEY1, E_UNSUPPORTED },
		{ "0 " CM80 " inline:" KEY1, E_UNSUPPORTED },
		{ "2 " CM80 " inline:" KEY28, E_FORMAT },
		{ "2 " CM80 " inline:" KEY1 " UNAUTHENTICATED_SRTP",
		  E_UNSUPPORTED },
		{ "2 " CM80, E_FORMAT },
		{ "", E_FORMAT },
		{ "2 " CM80 " inline:" KEY1 "\n2 " CM80 " inline:" KEY1,
		  E_FORMAT },
	};

	(void)state;
	assert_int_equal(sdes_keying.offer(&t, &off, &p, &early, &why), 0);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (sdes_keying.finish(p, (const uint8_t *)row[i].answer,
				       strlen(row[i].answer), 1, &res, &why) !=
		    row[i].err)
			fail_msg("%s", row[i].answer);
	/* our own attribute comes back */
	snprintf(ours, sizeof ours, "%s", strchr(buf_string(&off), '\n') + 1);
	assert_int_equal(sdes_keying.finish(p, (const uint8_t *)ours,
					    strlen(ours), 1, &res, &why),
			 E_AUTH);
	sdes_keying.drop(p);
	sdes_keying.drop(NULL);
	buf_free(&off);
}

static void terms_refused(void **state)
{
	struct keying_terms t = terms();
	struct buf off = buf_of(KEYING_MAX);
	struct keying_pending *p = NULL;
	struct keying_result early;
	struct keying_fault why;

	(void)state;
	t.n = 2; /* each line has its own exchange */
	assert_int_equal(sdes_keying.offer(&t, &off, &p, &early, &why), E_ARG);
	t.n = 1;
	t.n_suites = 0;
	assert_int_equal(sdes_keying.offer(&t, &off, &p, &early, &why),
			 E_POLICY);
	assert_null(p);
	assert_int_equal(off.len, 0);
}

static void one_run(void *user)
{
	struct keying_terms t = terms();
	struct buf off = buf_of(KEYING_MAX), ans = buf_of(KEYING_MAX);
	struct keying_pending *p = NULL;
	struct keying_result early, res;
	struct keying_fault why;
	int r = sdes_keying.offer(&t, &off, &p, &early, &why);

	(void)user;
	if (!r)
		r = sdes_keying.answer(&t, off.data, off.len, &ans, &res,
				       &why);
	if (!r)
		r = sdes_keying.finish(p, ans.data, ans.len, 1, &res, &why);
	assert_true(!r || r == E_NOMEM);
	sdes_keying.drop(p);
	buf_free(&off);
	buf_free(&ans);
}

static void without_memory(void **state)
{
	(void)state;
	assert_true(alloc_walk(one_run, NULL) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_lines), cmocka_unit_test(whole_grammar),
		cmocka_unit_test(other_spellings), cmocka_unit_test(malformed),
		cmocka_unit_test(rules), cmocka_unit_test(key_of_the_relay),
		cmocka_unit_test(no_null_suite),
		cmocka_unit_test(every_suite), cmocka_unit_test(choice),
		cmocka_unit_test(slide_deck),
		cmocka_unit_test(answers_refused),
		cmocka_unit_test(terms_refused),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
