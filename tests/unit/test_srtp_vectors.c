/* test_srtp_vectors.c - the published vectors of SRTP: RFC 3711 B.1 to B.3,
 * RFC 6188 section 7, RFC 7714 sections 16 and 17.
 *
 * The vectors start from session keys, which the product derives and never
 * takes: so the sources are included here. */
#include "modules/srtp/evp.c"
#include "modules/srtp/keystream.c"
#include "modules/srtp/mac.c"
#include "modules/srtp/session.c"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define BYTES_MAX 256

struct bytes {
	size_t len;
	uint8_t data[BYTES_MAX];
};

static json_t *vectors(const char *file)
{
	char path[1024];
	json_error_t e;
	json_t *j;

	snprintf(path, sizeof path, "%s/%s", VECTORS, file);
	j = json_load_file(path, 0, &e);
	if (!j)
		fail_msg("%s:%d: %s", path, e.line, e.text);
	return j;
}

static const char *text(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	if (!s)
		fail_msg("no %s", name);
	return s;
}

static struct bytes hex(const json_t *j, const char *name)
{
	const char *s = text(j, name);
	struct bytes b = { .len = strlen(s) / 2 };
	unsigned v;

	assert_in_range(b.len, 0, BYTES_MAX);
	for (size_t i = 0; i < b.len; i++) {
		assert_int_equal(sscanf(s + 2 * i, "%2x", &v), 1);
		b.data[i] = (uint8_t)v;
	}
	return b;
}

static void assert_bytes(const uint8_t *got, size_t len, const struct bytes *w)
{
	assert_int_equal(len, w->len);
	assert_memory_equal(got, w->data, len);
}

/* A key with the session keys put in, for both RTP and RTCP. */
static struct transform_key *session_key(const json_t *j, enum suite suite,
					 int send)
{
	struct transform_key *t = calloc(1, sizeof *t);
	struct bytes key = hex(j, "key"), salt = hex(j, "salt");

	assert_non_null(t);
	t->suite = suite_info(suite);
	t->send = send != 0;
	assert_int_equal(key.len, t->suite->key_len);
	memcpy(t->rtp.key, key.data, key.len);
	memcpy(t->rtp.salt, salt.data, salt.len);
	t->rtcp = t->rtp;
	assert_int_equal(contexts_open(t), 0);
	return t;
}

/* RFC 3711 B.1: a salt of 4 octets, which no suite has. */
static void rfc3711_b1_f8(void **state)
{
	json_t *file = vectors("rfc3711_srtp.json");
	json_t *j = json_object_get(file, "aes_f8");
	struct bytes key = hex(j, "key"), salt = hex(j, "salt");
	struct bytes masked = hex(j, "key_xor_mask"), iv = hex(j, "iv");
	struct bytes text = hex(j, "payload"), want = hex(j, "ciphertext");
	static const uint8_t zero[16];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new(), *m = EVP_CIPHER_CTX_new();
	uint8_t got[32];

	(void)state;
	keystream_f8_mask(key.data, key.len, salt.data, salt.len, got);
	assert_bytes(got, key.len, &masked);
	assert_true(EVP_EncryptInit_ex2(c, EVP_aes_128_cbc(), key.data, zero,
					NULL));
	assert_true(EVP_EncryptInit_ex2(m, EVP_aes_128_ecb(), got, NULL,
					NULL));
	EVP_CIPHER_CTX_set_padding(c, 0);
	EVP_CIPHER_CTX_set_padding(m, 0);
	assert_int_equal(keystream_f8(c, m, iv.data, text.data, text.len), 0);
	assert_bytes(text.data, text.len, &want);
	EVP_CIPHER_CTX_free(c);
	EVP_CIPHER_CTX_free(m);
	json_decref(file);
}

/* The same IV from a packet: B.1 gives the RTP header and the ROC. */
static void rfc3711_b1_iv(void **state)
{
	json_t *file = vectors("rfc3711_srtp.json");
	json_t *j = json_object_get(file, "aes_f8");
	struct bytes header = hex(j, "rtp_header"), text = hex(j, "payload");
	struct bytes iv = hex(j, "iv"), roc = hex(j, "roc");
	struct bytes pkt = header, want = text;
	uint64_t index = (uint64_t)get_u32(roc.data) << 16 |
			 (uint16_t)(header.data[2] << 8 | header.data[3]);
	struct transform_key *t = calloc(1, sizeof *t);
	static const uint8_t zero[16];

	(void)state;
	assert_non_null(t);
	t->suite = suite_info(SUITE_F8_128_HMAC_SHA1_80);
	t->send = 1;
	memset(&t->rtp.key, 7, 16);
	assert_int_equal(contexts_open(t), 0);
	memcpy(pkt.data + pkt.len, text.data, text.len);
	pkt.len += text.len;
	assert_int_equal(stream_rtp(t, pkt.data, pkt.len, 12, index), 0);
	assert_int_equal(cipher_start(t, &t->rtp, zero, NULL), 0);
	assert_int_equal(keystream_f8(t->cipher, t->mask, iv.data, want.data,
				      want.len), 0);
	assert_bytes(pkt.data + 12, pkt.len - 12, &want);
	evp_close(t);
	json_decref(file);
}

/* The initial counter is the IV: salt, with SSRC and index 0. */
static void key_stream(const char *file_name, const char *name,
		       enum suite suite)
{
	static uint8_t bytes[0xff02 * 16];
	json_t *file = vectors(file_name);
	json_t *j = json_object_get(file, name), *row;
	struct bytes start = hex(j, "initial_counter");
	struct transform_key *t;
	uint8_t iv[16];
	size_t i;

	json_object_set_new(j, "key", json_copy(json_object_get(j,
			"session_key")));
	json_object_set_new(j, "salt", json_stringn(
			text(j, "initial_counter"), 28));
	t = session_key(j, suite, 1);
	memset(bytes, 0, sizeof bytes);
	cm_iv(&t->rtp, 0, 0, iv);
	assert_int_equal(stream(t, &t->rtp, iv, bytes, sizeof bytes), 0);
	json_array_foreach(json_object_get(j, "blocks"), i, row) {
		struct bytes at = hex(row, "counter");
		struct bytes want = hex(row, "keystream");
		size_t n = (size_t)(at.data[14] << 8 | at.data[15]);

		assert_memory_equal(at.data, start.data, 14);
		assert_bytes(bytes + n * 16, 16, &want);
	}
	assert_in_range(i, 3, 6);
	evp_close(t);
	json_decref(file);
}

static void rfc3711_b2_key_stream(void **state)
{
	(void)state;
	key_stream("rfc3711_srtp.json", "aes_cm_128",
		   SUITE_AES_CM_128_HMAC_SHA1_80);
}

static void rfc6188_key_streams(void **state)
{
	(void)state;
	key_stream("rfc6188_aes192_256.json", "aes_192_cm",
		   SUITE_AES_192_CM_HMAC_SHA1_80);
	key_stream("rfc6188_aes192_256.json", "aes_256_cm",
		   SUITE_AES_256_CM_HMAC_SHA1_32);
}

static struct srtp_key master(const json_t *j, enum suite suite)
{
	struct bytes key = hex(j, "master_key"), salt = hex(j, "master_salt");
	struct srtp_key k = { .suite = suite, .key_len = (uint8_t)key.len,
			      .salt_len = (uint8_t)salt.len };

	memcpy(k.key, key.data, key.len);
	memcpy(k.salt, salt.data, salt.len);
	return k;
}

static void rfc3711_b3_key_derivation(void **state)
{
	json_t *file = vectors("rfc3711_srtp.json");
	json_t *j = json_object_get(file, "kdf");
	struct srtp_key k = master(j, SUITE_AES_CM_128_HMAC_SHA1_80);
	struct bytes key = hex(j, "label_00_cipher_key");
	struct bytes salt = hex(j, "label_02_cipher_salt");
	struct bytes auth = hex(j, "label_01_auth_key_94");
	struct session rtp, rtcp;

	(void)state;
	assert_int_equal(session_derive(&k, &rtp, &rtcp), 0);
	assert_bytes(rtp.key, k.key_len, &key);
	assert_bytes(rtp.salt, k.salt_len, &salt);
	assert_int_equal(auth.len, 94);
	assert_memory_equal(rtp.auth, auth.data, sizeof rtp.auth);
	assert_memory_not_equal(&rtp, &rtcp, sizeof rtp);
	json_decref(file);
}

static void rfc6188_case(const char *name, enum suite suite)
{
	json_t *file = vectors("rfc6188_aes192_256.json");
	json_t *j = json_object_get(file, name);
	struct srtp_key k = master(j, suite);
	struct bytes key = hex(j, "cipher_key"), salt = hex(j, "cipher_salt");
	struct bytes auth = hex(j, "auth_key");
	struct session rtp, rtcp;

	assert_int_equal(session_derive(&k, &rtp, &rtcp), 0);
	assert_bytes(rtp.key, k.key_len, &key);
	assert_bytes(rtp.salt, k.salt_len, &salt);
	assert_bytes(rtp.auth, sizeof rtp.auth, &auth);
	json_decref(file);
}

static void rfc6188_key_derivation(void **state)
{
	(void)state;
	rfc6188_case("aes_192_cm_prf", SUITE_AES_192_CM_HMAC_SHA1_32);
	rfc6188_case("aes_256_cm_prf", SUITE_AES_256_CM_HMAC_SHA1_80);
}

static void protect(const json_t *j, enum suite suite, struct bytes *pkt,
		    bool rtcp, uint32_t index)
{
	struct transform_key *t = session_key(j, suite, 1);
	int r;

	if (rtcp)
		r = evp_protect_rtcp(t, pkt->data, &pkt->len, index);
	else
		r = evp_protect_rtp(t, pkt->data, &pkt->len, 12, index);
	assert_int_equal(r, 0);
	evp_close(t);
}

static int open_(const json_t *j, enum suite suite, struct bytes *pkt,
		 bool rtcp, uint32_t *index)
{
	struct transform_key *t = session_key(j, suite, 0);
	int r;

	if (rtcp)
		r = evp_open_rtcp(t, pkt->data, &pkt->len, index);
	else
		r = evp_open_rtp(t, pkt->data, &pkt->len, 12, *index);
	evp_close(t);
	return r;
}

static void rfc7714_case(const json_t *j)
{
	struct bytes plain = hex(j, "plain_packet");
	struct bytes sealed = hex(j, "protected_packet");
	struct bytes work = plain;
	enum suite suite = suite_by_name(text(j, "profile"));
	bool rtcp = json_object_get(j, "srtcp_index") != NULL;
	bool only_tag = strstr(text(j, "kind"), "only") != NULL;
	uint32_t index = 0xf17b, found = index;

	if (rtcp) {
		struct bytes b = hex(j, "srtcp_index");

		index = get_u32(b.data);
		found = 0;
	}
	if (only_tag) {
		/* this must never be taken for a sealed packet */
		work = sealed;
		assert_int_equal(open_(j, suite, &work, rtcp, &found), E_AUTH);
		assert_int_equal(work.len, sealed.len);
		return;
	}
	protect(j, suite, &work, rtcp, index);
	assert_bytes(work.data, work.len, &sealed);
	assert_int_equal(open_(j, suite, &work, rtcp, &found), 0);
	assert_bytes(work.data, work.len, &plain);
	assert_int_equal(found, index);
}

static void rfc7714_packets(void **state)
{
	json_t *file = vectors("rfc7714_gcm.json"), *row;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(file, "cases"), i, row)
		rfc7714_case(row);
	assert_int_equal(i, 8);
	json_decref(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3711_b1_f8),
		cmocka_unit_test(rfc3711_b1_iv),
		cmocka_unit_test(rfc3711_b2_key_stream),
		cmocka_unit_test(rfc3711_b3_key_derivation),
		cmocka_unit_test(rfc6188_key_streams),
		cmocka_unit_test(rfc6188_key_derivation),
		cmocka_unit_test(rfc7714_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
