/* test_srtp_rate.c - a key derivation rate other than 0 (RFC 3711 4.3.1), for
 * every suite and on both RTP and RTCP, against a plain reading of the RFCs
 * that derives all keys anew for each packet and shares no code with the
 * product. The oracle libsrtp2 knows no rate. */
#include "daemon/base/err.h"
#include "modules/srtp/transforms.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROOM 512
#define HDR 12

struct packet {
	size_t len;
	uint8_t data[ROOM];
};

/* -- the reference -------------------------------------------------------- */

/* One block of AES. */
static void aes(const uint8_t *key, size_t key_len, const uint8_t in[16],
		uint8_t out[16])
{
	const EVP_CIPHER *c = key_len == 32 ? EVP_aes_256_ecb() :
			      key_len == 24 ? EVP_aes_192_ecb() :
					      EVP_aes_128_ecb();
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	assert_true(EVP_EncryptInit_ex(ctx, c, NULL, key, NULL));
	assert_true(EVP_EncryptUpdate(ctx, out, &n, in, 16));
	EVP_CIPHER_CTX_free(ctx);
}

/* 4.1.1: counter mode by hand. */
static void ctr(const uint8_t *key, size_t key_len, const uint8_t iv[16],
		uint8_t *p, size_t len)
{
	uint8_t block[16], out[16];

	for (size_t i = 0; i < len; i++) {
		if (i % 16 == 0) {
			memcpy(block, iv, 16);
			block[14] = (uint8_t)(i / 16 >> 8);
			block[15] = (uint8_t)(i / 16);
			aes(key, key_len, block, out);
		}
		p[i] ^= out[i % 16];
	}
}

/* 4.1.2.1. */
static void f8(const uint8_t *key, const uint8_t salt[14],
	       const uint8_t iv[16], uint8_t *p, size_t len)
{
	uint8_t masked[16], first[16], block[16], s[16] = { 0 };

	for (int i = 0; i < 16; i++)
		masked[i] = key[i] ^ (i < 14 ? salt[i] : 0x55);
	aes(masked, 16, iv, first);
	for (size_t i = 0; i < len; i++) {
		if (i % 16 == 0) {
			for (int k = 0; k < 16; k++)
				block[k] = first[k] ^ s[k];
			block[15] ^= (uint8_t)(i / 16);
			aes(key, 16, block, s);
		}
		p[i] ^= s[i % 16];
	}
}

/* 4.3.1: x = (label || r) XOR master salt, PRF_n(k, x) is counter mode from
 * x * 2^16. */
static void derive(const struct srtp_key *k, int label, uint64_t r,
		   uint8_t *out, size_t len)
{
	uint8_t x[16] = { 0 };

	x[7] = (uint8_t)label;
	for (int i = 13; i >= 8; i--, r >>= 8)
		x[i] = (uint8_t)r;
	for (int i = 0; i < k->salt_len; i++)
		x[i] ^= k->salt[i];
	memset(out, 0, len);
	ctr(k->key, k->key_len, x, out, len);
}

static uint64_t div_rate(uint64_t index, uint64_t rate)
{
	return rate ? index / rate : 0;
}

struct keys {
	uint8_t key[32], auth[20], salt[14];
};

static struct keys keys_of(const struct srtp_key *k, bool rtcp, uint64_t r)
{
	int base = rtcp ? 3 : 0;
	struct keys s = { .key = { 0 } };

	derive(k, base, r, s.key, k->key_len);
	derive(k, base + 1, r, s.auth, 20);
	derive(k, base + 2, r, s.salt, k->salt_len);
	return s;
}

static void put(uint8_t *p, uint64_t v, int len)
{
	while (len--) {
		p[len] = (uint8_t)v;
		v >>= 8;
	}
}

/* RFC 7714 8.1, 9.1. The tag lands behind the data. */
static void gcm(const struct keys *s, const struct srtp_key *k,
		const uint8_t *ssrc, uint64_t index, const struct packet *aad,
		uint8_t *p, size_t len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t iv[12] = { 0 };
	int n;

	memcpy(iv + 2, ssrc, 4);
	put(iv + 6, index, 6);
	for (int i = 0; i < 12; i++)
		iv[i] ^= s->salt[i];
	assert_true(EVP_EncryptInit_ex(ctx, k->key_len == 32 ?
				       EVP_aes_256_gcm() : EVP_aes_128_gcm(),
				       NULL, s->key, iv));
	EVP_EncryptUpdate(ctx, NULL, &n, aad->data, (int)aad->len);
	EVP_EncryptUpdate(ctx, p, &n, p, (int)len);
	EVP_EncryptFinal_ex(ctx, p + len, &n);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, p + len);
	EVP_CIPHER_CTX_free(ctx);
}

static void cm_packet(const struct keys *s, const struct srtp_key *k,
		      const uint8_t *ssrc, uint64_t index, uint8_t *p,
		      size_t len)
{
	uint8_t iv[16] = { 0 };

	memcpy(iv + 4, ssrc, 4);
	put(iv + 8, index, 6);
	for (int i = 0; i < 14; i++)
		iv[i] ^= s->salt[i];
	ctr(s->key, k->key_len, iv, p, len);
}

static void tag(const struct keys *s, const struct packet *p, uint8_t *out,
		size_t len)
{
	uint8_t full[20];
	unsigned n;

	assert_non_null(HMAC(EVP_sha1(), s->auth, 20, p->data, p->len, full,
			     &n));
	memcpy(out, full, len);
}

static void ref_rtp(const struct srtp_key *k, uint64_t rate, struct packet *p,
		    uint64_t index)
{
	const struct suite_info *info = suite_info(k->suite);
	struct keys s = keys_of(k, false, div_rate(index, rate));
	struct packet work = { .len = HDR };
	uint8_t iv[16] = { 0 };

	memcpy(work.data, p->data, HDR);
	if (info->aead) {
		gcm(&s, k, p->data + 8, index, &work, p->data + HDR,
		    p->len - HDR);
	} else if (info->f8) {
		memcpy(iv + 1, p->data + 1, 11);
		put(iv + 12, index >> 16, 4);
		f8(s.key, s.salt, iv, p->data + HDR, p->len - HDR);
	} else if (!info->readable) {
		cm_packet(&s, k, p->data + 8, index, p->data + HDR,
			  p->len - HDR);
	}
	if (!info->aead) {
		work = *p;
		put(work.data + work.len, index >> 16, 4);
		work.len += 4;
		tag(&s, &work, p->data + p->len, info->rtp_tag_len);
	}
	p->len += info->rtp_tag_len;
}

static void ref_rtcp(const struct srtp_key *k, uint64_t rate, struct packet *p,
		     uint32_t index)
{
	const struct suite_info *info = suite_info(k->suite);
	struct keys s = keys_of(k, true, div_rate(index, rate));
	struct packet aad = { .len = 12 };
	uint8_t iv[16] = { 0 };

	memcpy(aad.data, p->data, 8);
	put(aad.data + 8, info->readable ? index : index | 0x80000000u, 4);
	if (info->aead) {
		gcm(&s, k, p->data + 4, index, &aad, p->data + 8, p->len - 8);
		p->len += 16;
		memcpy(p->data + p->len, aad.data + 8, 4);
		p->len += 4;
		return;
	}
	if (info->f8) {
		memcpy(iv + 4, aad.data + 8, 4);
		memcpy(iv + 8, p->data, 8);
		f8(s.key, s.salt, iv, p->data + 8, p->len - 8);
	} else if (!info->readable) {
		cm_packet(&s, k, p->data + 4, index, p->data + 8, p->len - 8);
	}
	memcpy(p->data + p->len, aad.data + 8, 4);
	p->len += 4;
	tag(&s, p, p->data + p->len, info->rtcp_tag_len);
	p->len += info->rtcp_tag_len;
}

/* -- the comparison ------------------------------------------------------- */

struct ends {
	struct srtp_key key;
	uint64_t rate;
	struct transform_key *send, *recv;
};

static void ends_open(struct ends *e, unsigned suite, uint8_t kdr)
{
	const struct suite_info *info = suite_info(suite);

	e->key = (struct srtp_key){ .suite = (uint16_t)suite,
				    .key_len = info->key_len,
				    .salt_len = info->salt_len, .kdr = kdr };
	e->rate = kdr ? UINT64_C(1) << (kdr - 1) : 0;
	for (int i = 0; i < info->key_len; i++)
		e->key.key[i] = (uint8_t)random();
	for (int i = 0; i < info->salt_len; i++)
		e->key.salt[i] = (uint8_t)random();
	assert_int_equal(evp_transform.open(&e->key, 1, &e->send), 0);
	assert_int_equal(evp_transform.open(&e->key, 0, &e->recv), 0);
}

static void ends_close(struct ends *e)
{
	evp_transform.close(e->send);
	evp_transform.close(e->recv);
}

static void assert_same(const struct packet *a, const struct packet *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->data, b->data, a->len);
}

static struct packet make_rtp(uint64_t index)
{
	struct packet p = { .len = HDR + (size_t)random() % 200,
			    .data = { 0x80, 8 } };

	put(p.data + 2, index, 2);
	for (size_t i = 4; i < p.len; i++)
		p.data[i] = (uint8_t)random();
	return p;
}

static void one_rtp(const struct ends *e, uint64_t index)
{
	struct packet plain = make_rtp(index), got = plain, want = plain;

	ref_rtp(&e->key, e->rate, &want, index);
	assert_int_equal(evp_transform.protect_rtp(e->send, got.data, &got.len,
						   HDR, index), 0);
	assert_same(&got, &want);
	assert_int_equal(evp_transform.open_rtp(e->recv, got.data, &got.len,
						HDR, index), 0);
	assert_same(&got, &plain);
}

static void one_rtcp(const struct ends *e, uint32_t index)
{
	struct packet plain = { .len = 8 + 4 * ((size_t)random() % 40) };
	struct packet got, want;
	uint32_t found = 0;

	for (size_t i = 0; i < plain.len; i++)
		plain.data[i] = (uint8_t)random();
	got = want = plain;
	ref_rtcp(&e->key, e->rate, &want, index);
	assert_int_equal(evp_transform.protect_rtcp(e->send, got.data,
						    &got.len, index), 0);
	assert_same(&got, &want);
	assert_int_equal(evp_transform.open_rtcp(e->recv, got.data, &got.len,
						 &found), 0);
	assert_int_equal(found, index);
	assert_same(&got, &plain);
}

typedef void (*run_fn)(const struct ends *e);

/* Every suite; rates 0, 1, 2, 16, 2^8, 2^15, 2^16, 2^17, 2^24. */
static void with_every_rate(run_fn run)
{
	static const uint8_t kdrs[] = { 0, 1, 2, 5, 9, 16, 17, 18, KDR_MAX };

	srandom(431);
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		for (size_t i = 0; i < sizeof kdrs; i++) {
			struct ends e;

			ends_open(&e, s, kdrs[i]);
			run(&e);
			ends_close(&e);
		}
	}
}

/* Round each border of the rate and of the ROC, forth and back. */
static void run_borders(const struct ends *e)
{
	const uint64_t borders[] = { e->rate, 2 * e->rate, 7 * e->rate, 65536,
				     131072, UINT64_C(1) << 32,
				     UINT64_C(0xffffffff0000) };

	for (size_t i = 0; i < sizeof borders / sizeof *borders; i++)
		for (uint64_t k = 0; k < 6; k++) {
			/* +0, -1, +1, -2, +2, -3 */
			uint64_t off = (k + 1) / 2;

			if (k % 2 && borders[i] < off)
				continue;
			one_rtp(e, k % 2 ? borders[i] - off : borders[i] + off);
		}
	one_rtp(e, 0);
	one_rtp(e, UINT64_C(0xffffffffffff));
}

static void keys_change_at_the_borders(void **state)
{
	(void)state;
	with_every_rate(run_borders);
}

static void run_disorder(const struct ends *e)
{
	uint64_t top = 65000;

	for (int i = 0; i < 60; i++) {
		top += (uint64_t)random() % 300;
		one_rtp(e, top - (uint64_t)random() % 64);
		if (i % 5 == 0)
			one_rtcp(e, (uint32_t)i);
	}
}

static void disorder_is_no_trouble(void **state)
{
	(void)state;
	with_every_rate(run_disorder);
}

static void run_reports(const struct ends *e)
{
	uint32_t rate = (uint32_t)e->rate;

	for (uint32_t i = 0; i < 5; i++) {
		one_rtcp(e, i);
		one_rtcp(e, rate + i);
		one_rtcp(e, 3 * rate + 4 - i);
		one_rtp(e, 3 + i);
	}
	one_rtcp(e, 0x7fffffff);
	one_rtcp(e, 0);
}

static void reports_have_their_own_index(void **state)
{
	(void)state;
	with_every_rate(run_reports);
}

/* A forged packet from far ahead has other keys derived, to no avail, and
 * harms none of the next. */
static void run_forged(const struct ends *e)
{
	for (uint64_t i = 0; i < 20; i++) {
		struct packet p = make_rtp(i + (i << 20));

		p.len = HDR + 40;
		assert_int_equal(evp_transform.open_rtp(e->recv, p.data,
							&p.len, HDR,
							i + (i << 20)),
				 E_AUTH);
		one_rtp(e, i);
	}
}

static void forgeries_spoil_nothing(void **state)
{
	(void)state;
	with_every_rate(run_forged);
}

/* The rate is in the bytes: another one neither makes nor opens them. */
static void another_rate_does_not_open(void **state)
{
	(void)state;
	srandom(1);
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		struct transform_key *other;
		struct ends e;
		struct packet p = make_rtp(40);

		ends_open(&e, s, 4);
		e.key.kdr = 5;
		assert_int_equal(evp_transform.open(&e.key, 0, &other), 0);
		assert_int_equal(evp_transform.protect_rtp(e.send, p.data,
							   &p.len, HDR, 40),
				 0);
		assert_int_equal(evp_transform.open_rtp(other, p.data, &p.len,
							HDR, 40), E_AUTH);
		evp_transform.close(other);
		ends_close(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_change_at_the_borders),
		cmocka_unit_test(disorder_is_no_trouble),
		cmocka_unit_test(reports_have_their_own_index),
		cmocka_unit_test(forgeries_spoil_nothing),
		cmocka_unit_test(another_rate_does_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
