/* test_evp.c - the transform "evp" under attack: altered and cut packets,
 * wrong arguments, failing allocations, secrets left in freed memory.
 *
 * The source is included, so that its own allocations can be watched; those
 * of libcrypto are watched through CRYPTO_set_mem_functions(). */
#define _GNU_SOURCE /* memmem() */
#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void *watched_calloc(size_t n, size_t size);
static void watched_free(void *p);
#define calloc(n, size) watched_calloc(n, size)
#define free(p) watched_free(p)
#include "modules/srtp/evp.c"
#undef calloc
#undef free
#include "modules/srtp/keystream.c"
#include "modules/srtp/mac.c"
#include "modules/srtp/session.c"
#include "modules/srtp/trial.c"

/* -- memory --------------------------------------------------------------- */

#define HEAD 16 /* bytes before each block; its size is in the first */

static long fail_in; /* the n-th allocation from now fails; 0: none */
static long allocated, blocks_live;
static uint8_t hunted[8][SRTP_KEY_MAX]; /* must not be in freed memory */
static size_t hunted_len[8], hunted_count;
static unsigned found; /* how many were */

static void hunt(const void *secret, size_t len)
{
	assert_in_range(hunted_count, 0, 7);
	assert_in_range(len, 1, SRTP_KEY_MAX);
	memcpy(hunted[hunted_count], secret, len);
	hunted_len[hunted_count++] = len;
}

static void *watched_malloc(size_t size, const char *file, int line)
{
	char *p;

	(void)file;
	(void)line;
	allocated++;
	if (fail_in && !--fail_in)
		return NULL;
	p = malloc(HEAD + size);
	if (!p)
		return NULL;
	memcpy(p, &size, sizeof size);
	blocks_live++;
	return p + HEAD;
}

static void watched_release(void *p, const char *file, int line)
{
	size_t size;

	(void)file;
	(void)line;
	if (!p)
		return;
	memcpy(&size, (char *)p - HEAD, sizeof size);
	for (size_t i = 0; i < hunted_count; i++)
		if (memmem(p, size, hunted[i], hunted_len[i]))
			found++;
	blocks_live--;
	free((char *)p - HEAD);
}

static void *watched_realloc(void *p, size_t size, const char *file, int line)
{
	void *q = watched_malloc(size, file, line);
	size_t old;

	if (p && q) {
		memcpy(&old, (char *)p - HEAD, sizeof old);
		memcpy(q, p, old < size ? old : size);
		watched_release(p, file, line);
	}
	return q;
}

static void *watched_calloc(size_t n, size_t size)
{
	void *p = watched_malloc(n * size, NULL, 0);

	if (p)
		memset(p, 0, n * size);
	return p;
}

static void watched_free(void *p)
{
	watched_release(p, NULL, 0);
}

/* -- packets -------------------------------------------------------------- */

#define ROOM 512
#define HDR 24 /* of the packets below */
#define INDEX UINT64_C(0x00012345)

struct packet {
	size_t len;
	uint8_t data[ROOM];
};

static struct srtp_key make_key(unsigned suite, uint8_t mki_len)
{
	const struct suite_info *info = suite_info(suite);
	struct srtp_key k = { .suite = (uint16_t)suite,
			      .key_len = info->key_len,
			      .salt_len = info->salt_len, .mki_len = mki_len };

	for (int i = 0; i < k.key_len; i++)
		k.key[i] = (uint8_t)(i * 13 + 1);
	for (int i = 0; i < k.salt_len; i++)
		k.salt[i] = (uint8_t)(i * 29 + 2);
	memcpy(k.mki, "MKIMKIMK", mki_len);
	return k;
}

/* One CSRC, an extension of one word, 40 bytes of payload. */
static struct packet rtp_packet(void)
{
	struct packet p = { .len = HDR + 40,
			    .data = { 0x91, 8, 0x23, 0x45, 0, 0, 1, 2,
				      1, 2, 3, 4, 9, 9, 9, 9,
				      0xbe, 0xde, 0, 1, 0x10, 1, 0, 0 } };

	memset(p.data + HDR, 0xd5, 40);
	return p;
}

static struct packet rtcp_packet(void)
{
	struct packet p = { .len = 32,
			    .data = { 0x81, 201, 0, 7, 1, 2, 3, 4 } };

	memset(p.data + 8, 0x77, 24);
	return p;
}

struct both {
	struct transform_key *send, *recv;
};

static struct both open_both(const struct srtp_key *k)
{
	struct both b;

	assert_int_equal(evp_open(k, 1, &b.send), 0);
	assert_int_equal(evp_open(k, 0, &b.recv), 0);
	return b;
}

static void close_both(struct both *b)
{
	evp_close(b->send);
	evp_close(b->recv);
}

static struct packet sealed_rtp(const struct both *b)
{
	struct packet p = rtp_packet();

	assert_int_equal(evp_protect_rtp(b->send, p.data, &p.len, HDR, INDEX),
			 0);
	return p;
}

static struct packet sealed_rtcp(const struct both *b)
{
	struct packet p = rtcp_packet();

	assert_int_equal(evp_protect_rtcp(b->send, p.data, &p.len, 0x77), 0);
	return p;
}

static void assert_opens(const struct both *b)
{
	struct packet p = sealed_rtp(b), plain = rtp_packet();
	uint32_t index = 0;

	assert_int_equal(evp_open_rtp(b->recv, p.data, &p.len, HDR, INDEX), 0);
	assert_int_equal(p.len, plain.len);
	assert_memory_equal(p.data, plain.data, plain.len);
	p = sealed_rtcp(b);
	plain = rtcp_packet();
	assert_int_equal(evp_open_rtcp(b->recv, p.data, &p.len, &index), 0);
	assert_int_equal(p.len, plain.len);
	assert_memory_equal(p.data, plain.data, plain.len);
	assert_int_equal(index, 0x77);
}

typedef void (*run_fn)(const struct srtp_key *k, const struct both *b);

static void with_every_key(run_fn run)
{
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		for (uint8_t mki = 0; mki <= SRTP_MKI_MAX; mki += 4) {
			struct srtp_key k = make_key(s, mki);
			struct both b;

			k.kdr = mki * 2; /* rates 0, 2^7, 2^15 */
			b = open_both(&k);
			run(&k, &b);
			assert_opens(&b);
			close_both(&b);
		}
	}
}

static void no_log(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

/* -- tests ---------------------------------------------------------------- */

static void run_lengths(const struct srtp_key *k, const struct both *b)
{
	const struct suite_info *info = suite_info(k->suite);
	struct packet p = sealed_rtp(b);

	assert_int_equal(p.len, HDR + 40u + info->rtp_tag_len + k->mki_len);
	assert_memory_equal(p.data, rtp_packet().data, HDR);
	p = sealed_rtcp(b);
	assert_int_equal(p.len, 32u + 4 + info->rtcp_tag_len + k->mki_len);
	assert_memory_equal(p.data, rtcp_packet().data, 8);
	assert_in_range(p.len - 32, 0, TRANSFORM_ROOM);
}

static void packets_grow_as_the_suite_says(void **state)
{
	(void)state;
	with_every_key(run_lengths);
}

static void run_flips(const struct srtp_key *k, const struct both *b)
{
	struct packet good = sealed_rtp(b), p;
	uint32_t index = 5;
	size_t len;

	(void)k;
	for (size_t i = 0; i < good.len * 8; i++) {
		p = good;
		p.data[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(evp_open_rtp(b->recv, p.data, &p.len, HDR,
					      INDEX),
				 /* SEQ would not be the index's */
				 i / 8 == 2 || i / 8 == 3 ? E_ARG : E_AUTH);
		assert_int_equal(p.len, good.len);
	}
	good = sealed_rtcp(b);
	for (size_t i = 0; i < good.len * 8; i++) {
		p = good;
		p.data[i / 8] ^= (uint8_t)(1 << i % 8);
		len = p.len;
		assert_int_equal(evp_open_rtcp(b->recv, p.data, &len, &index),
				 E_AUTH);
		assert_int_equal(len, good.len);
		assert_int_equal(index, 5);
	}
}

static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	with_every_key(run_flips);
}

static void run_cuts(const struct srtp_key *k, const struct both *b)
{
	size_t extra = suite_info(k->suite)->rtp_tag_len + (size_t)k->mki_len;
	struct packet good = sealed_rtp(b), p;
	uint32_t index;

	for (size_t n = 0; n < good.len; n++) {
		p = good;
		p.len = n;
		assert_int_equal(evp_open_rtp(b->recv, p.data, &p.len, HDR,
					      INDEX),
				 n < HDR + extra ? E_FORMAT : E_AUTH);
	}
	good = sealed_rtcp(b);
	for (size_t n = 0; n < good.len; n++) {
		int r;

		p = good;
		p.len = n;
		r = evp_open_rtcp(b->recv, p.data, &p.len, &index);
		assert_true(r == E_FORMAT || r == E_AUTH);
	}
	p = good;
	p.data[p.len++] = 0;
	assert_int_equal(evp_open_rtcp(b->recv, p.data, &p.len, &index),
			 E_AUTH);
}

static void every_cut_is_refused(void **state)
{
	(void)state;
	with_every_key(run_cuts);
}

static void run_index(const struct srtp_key *k, const struct both *b)
{
	struct packet good = sealed_rtp(b), p;

	(void)k;
	for (unsigned bit = 0; bit < 48; bit++) {
		p = good;
		assert_int_equal(evp_open_rtp(b->recv, p.data, &p.len, HDR,
					      INDEX ^ UINT64_C(1) << bit),
				 /* SEQ stands in the packet */
				 bit < 16 ? E_ARG : E_AUTH);
	}
}

static void a_wrong_index_does_not_open(void **state)
{
	(void)state;
	with_every_key(run_index);
}

static void run_arguments(const struct srtp_key *k, const struct both *b)
{
	struct packet p = rtp_packet(), q = sealed_rtp(b);
	uint32_t index;
	size_t big = 70000, n = 7;

	(void)k;
	assert_int_equal(evp_protect_rtp(b->recv, p.data, &p.len, HDR, INDEX),
			 E_ARG);
	assert_int_equal(evp_open_rtp(b->send, q.data, &q.len, HDR, INDEX),
			 E_ARG);
	assert_int_equal(evp_protect_rtp(b->send, p.data, &p.len, 11, INDEX),
			 E_ARG);
	assert_int_equal(evp_protect_rtp(b->send, p.data, &p.len, p.len + 1,
					 INDEX), E_ARG);
	assert_int_equal(evp_protect_rtp(b->send, p.data, &p.len, HDR,
					 UINT64_C(1) << 48), E_ARG);
	assert_int_equal(evp_protect_rtp(b->send, p.data, &p.len, HDR,
					 INDEX + 1), E_ARG);
	assert_int_equal(evp_protect_rtp(b->send, p.data, &big, HDR, INDEX),
			 E_ARG);
	assert_int_equal(evp_protect_rtcp(b->send, p.data, &p.len,
					  0x80000000u), E_ARG);
	assert_int_equal(evp_protect_rtcp(b->send, p.data, &n, 1), E_ARG);
	assert_int_equal(evp_protect_rtcp(b->recv, p.data, &p.len, 1), E_ARG);
	assert_int_equal(evp_open_rtcp(b->send, p.data, &p.len, &index), E_ARG);
	assert_memory_equal(p.data, rtp_packet().data, p.len);
}

static void wrong_arguments_change_nothing(void **state)
{
	(void)state;
	with_every_key(run_arguments);
}

/* A header alone, and a report of eight bytes. */
static void run_empty(const struct srtp_key *k, const struct both *b)
{
	struct packet p = rtp_packet();
	uint32_t index;

	(void)k;
	p.len = HDR;
	assert_int_equal(evp_protect_rtp(b->send, p.data, &p.len, HDR, INDEX),
			 0);
	assert_int_equal(evp_open_rtp(b->recv, p.data, &p.len, HDR, INDEX), 0);
	assert_int_equal(p.len, HDR);
	p = rtcp_packet();
	p.len = 8;
	assert_int_equal(evp_protect_rtcp(b->send, p.data, &p.len, 0), 0);
	assert_int_equal(evp_open_rtcp(b->recv, p.data, &p.len, &index), 0);
	assert_int_equal(p.len, 8);
	assert_int_equal(index, 0);
}

static void packets_without_payload_pass(void **state)
{
	(void)state;
	with_every_key(run_empty);
}

static void wrong_keys_are_refused(void **state)
{
	struct srtp_key k = make_key(SUITE_AES_CM_128_HMAC_SHA1_80, 0);
	struct transform_key *t = NULL;
	struct srtp_key bad;

	(void)state;
	bad = k;
	bad.suite = SUITE_NONE;
	assert_int_equal(evp_open(&bad, 1, &t), E_UNSUPPORTED);
	bad.suite = SUITE_COUNT;
	assert_int_equal(evp_open(&bad, 1, &t), E_UNSUPPORTED);
	bad = k;
	bad.key_len--;
	assert_int_equal(evp_open(&bad, 1, &t), E_ARG);
	bad = k;
	bad.salt_len = 12;
	assert_int_equal(evp_open(&bad, 1, &t), E_ARG);
	bad = k;
	bad.mki_len = SRTP_MKI_MAX + 1;
	assert_int_equal(evp_open(&bad, 1, &t), E_ARG);
	bad = k;
	bad.kdr = KDR_MAX + 1;
	assert_int_equal(evp_open(&bad, 1, &t), E_ARG);
	assert_null(t);
	evp_close(NULL);
}

static void other_keys_do_not_open(void **state)
{
	(void)state;
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		struct srtp_key k = make_key(s, 0), l = k;
		struct both b, c;
		struct packet p;

		l.salt[3] ^= 1;
		b = open_both(&k);
		c = open_both(&l);
		p = sealed_rtp(&b);
		assert_int_equal(evp_open_rtp(c.recv, p.data, &p.len, HDR,
					      INDEX), E_AUTH);
		close_both(&b);
		close_both(&c);
	}
}

/* All that libcrypto and we allocate to open a key, and that HMAC allocates
 * for a packet, fails in turn. Nothing may leak, crash or pass unsealed. */
static void every_failing_allocation_is_survived(void **state)
{
	(void)state;
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		struct srtp_key k = make_key(s, 4);
		struct transform_key *t = NULL;
		long live, n;
		int r = E_NOMEM;

		k.kdr = 1 + s % 2;
		evp_open(&k, 1, &t); /* fills libcrypto's caches */
		evp_close(t);
		live = blocks_live;
		for (n = 1; r && n < 1000; n++) {
			t = NULL;
			fail_in = n;
			r = evp_open(&k, 1, &t);
			fail_in = 0;
			assert_true(r ? t == NULL : t != NULL);
			evp_close(t);
			assert_int_equal(blocks_live, live);
		}
		assert_in_range(n, 4, 999);
	}
}

static void packets_survive_failing_allocations(void **state)
{
	(void)state;
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		struct srtp_key k = make_key(s, 0);
		struct both b = open_both(&k);
		long n = 1;

		for (int r = E_NOMEM; r; n++) {
			struct packet p = rtp_packet();

			fail_in = n;
			r = evp_protect_rtp(b.send, p.data, &p.len, HDR, INDEX);
			fail_in = 0;
			assert_int_equal(p.len == rtp_packet().len, r != 0);
			assert_in_range(n, 1, 20);
		}
		n = 1;
		for (int r = E_NOMEM; r; n++) {
			struct packet p = sealed_rtp(&b);

			fail_in = n;
			r = evp_open_rtp(b.recv, p.data, &p.len, HDR, INDEX);
			fail_in = 0;
			assert_int_equal(p.len == rtp_packet().len, r == 0);
			assert_in_range(n, 1, 20);
		}
		n = 1;
		for (int r = E_NOMEM; r; n++) {
			struct packet p = rtcp_packet();

			fail_in = n;
			r = evp_protect_rtcp(b.send, p.data, &p.len, 7);
			fail_in = 0;
			assert_int_equal(p.len == rtcp_packet().len, r != 0);
			assert_in_range(n, 1, 20);
		}
		assert_opens(&b);
		close_both(&b);
	}
}

/* When keys cannot be derived, nothing passes under those of before, until
 * they can. */
static void a_failed_derivation_stops_the_key(void **state)
{
	(void)state;
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		struct srtp_key k = make_key(s, 0);
		EVP_CIPHER_CTX *whole, *empty = EVP_CIPHER_CTX_new();
		struct packet p = rtp_packet(), q = rtcp_packet();
		struct both b;

		k.kdr = 1;
		b = open_both(&k);
		assert_opens(&b);
		whole = b.send->derivation.cipher;
		b.send->derivation.cipher = empty;
		assert_int_equal(evp_protect_rtp(b.send, p.data, &p.len, HDR,
						 INDEX + (1 << 16)),
				 E_INTERNAL);
		assert_int_equal(evp_protect_rtp(b.send, p.data, &p.len, HDR,
						 INDEX), E_INTERNAL);
		assert_int_equal(evp_protect_rtcp(b.send, q.data, &q.len, 5),
				 E_INTERNAL);
		assert_memory_equal(p.data, rtp_packet().data, p.len);
		assert_memory_equal(q.data, rtcp_packet().data, q.len);
		b.send->derivation.cipher = whole;
		assert_opens(&b);
		EVP_CIPHER_CTX_free(empty);
		close_both(&b);
	}
}

/* How many of the starts failed. */
static long walk_starts(void)
{
	long failed = 0;
	bool fired = true;

	for (long n = 1; fired; n++) {
		fail_in = n;
		failed += evp_start() != 0;
		fired = !fail_in;
		fail_in = 0;
	}
	return failed;
}

/* libcrypto does without some of its allocations, but for most the start must
 * fail; what it keeps for its last errors does not grow. */
static void the_start_survives_failing_allocations(void **state)
{
	long live;

	(void)state;
	assert_int_equal(evp_start(), 0);
	log_to(no_log);
	assert_in_range(walk_starts(), 40, 999);
	live = blocks_live;
	for (int i = 0; i < 10; i++)
		walk_starts();
	assert_in_range(blocks_live, live - 16, live + 16);
	log_to(NULL);
}

static void gcm_packets_allocate_nothing(void **state)
{
	(void)state;
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		struct srtp_key k = make_key(s, 0);
		struct both b;
		long before;

		if (!suite_info(s)->aead)
			continue;
		b = open_both(&k);
		assert_opens(&b);
		before = allocated;
		assert_opens(&b);
		assert_int_equal(allocated, before);
		close_both(&b);
	}
}

static void secrets_are_wiped(void **state)
{
	(void)state;
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		struct srtp_key k = make_key(s, 4);
		const struct suite_info *info = suite_info(s);
		struct session rtp, rtcp;
		uint8_t masked[SRTP_KEY_MAX];
		struct both b;

		k.kdr = s % 2 ? KDR_MAX : 0; /* the first keys stay */
		assert_int_equal(session_derive(&k, &rtp, &rtcp), 0);
		hunt(k.key, k.key_len);
		hunt(k.salt, k.salt_len);
		hunt(rtp.key, info->key_len);
		hunt(rtp.salt, info->salt_len);
		hunt(rtcp.key, info->key_len);
		if (info->auth_len) {
			hunt(rtp.auth, info->auth_len);
			hunt(rtcp.auth, info->auth_len);
		}
		if (info->f8) {
			keystream_f8_mask(rtp.key, info->key_len, rtp.salt,
					  info->salt_len, masked);
			hunt(masked, info->key_len);
		}
		found = 0;
		b = open_both(&k);
		assert_opens(&b);
		/* the hunt works: they are there before */
		assert_non_null(memmem(b.send, sizeof *b.send, rtp.key,
				       info->key_len));
		close_both(&b);
		assert_int_equal(found, 0);
		hunted_count = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_grow_as_the_suite_says),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(a_wrong_index_does_not_open),
		cmocka_unit_test(wrong_arguments_change_nothing),
		cmocka_unit_test(packets_without_payload_pass),
		cmocka_unit_test(wrong_keys_are_refused),
		cmocka_unit_test(other_keys_do_not_open),
		cmocka_unit_test(every_failing_allocation_is_survived),
		cmocka_unit_test(packets_survive_failing_allocations),
		cmocka_unit_test(a_failed_derivation_stops_the_key),
		cmocka_unit_test(the_start_survives_failing_allocations),
		cmocka_unit_test(gcm_packets_allocate_nothing),
		cmocka_unit_test(secrets_are_wiped),
	};

	if (!CRYPTO_set_mem_functions(watched_malloc, watched_realloc,
				      watched_release))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
