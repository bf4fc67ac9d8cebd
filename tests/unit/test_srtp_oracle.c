/* test_srtp_oracle.c - "evp" and "libsrtp2" make the same bytes and open each
 * other's, for every suite that both do, with and without MKI, round the wraps
 * of the sequence number, with loss and disorder, several sources under one
 * key. What libsrtp2 does not do is compared in test_srtp_rate.c. */
#include "daemon/base/err.h"
#include "daemon/relay/index.h"
#include "daemon/relay/rtp.h"
#include "modules/srtp/transforms.h"
#include "tests/mock/slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PACKET_ROOM 1600
#define SOURCES 3

struct pair {
	const struct transform *how;
	struct transform_key *send, *recv;
};

struct bench {
	struct pair a, b;
	struct index_rx rx;
};

struct packet {
	size_t len;
	uint8_t data[PACKET_ROOM];
};

static struct srtp_key make_key(enum suite suite, uint8_t mki_len)
{
	const struct suite_info *info = suite_info(suite);
	struct srtp_key k = { .suite = suite, .key_len = info->key_len,
			      .salt_len = info->salt_len, .mki_len = mki_len };

	for (int i = 0; i < k.key_len; i++)
		k.key[i] = (uint8_t)random();
	for (int i = 0; i < k.salt_len; i++)
		k.salt[i] = (uint8_t)random();
	for (int i = 0; i < mki_len; i++)
		k.mki[i] = (uint8_t)random();
	return k;
}

static struct pair pair_open(const struct transform *how,
			     const struct srtp_key *k)
{
	struct pair p = { .how = how };

	assert_int_equal(how->open(k, 1, &p.send), 0);
	assert_int_equal(how->open(k, 0, &p.recv), 0);
	return p;
}

static void pair_close(struct pair *p)
{
	p->how->close(p->send);
	p->how->close(p->recv);
}

/* A packet of a random shape: CSRCs, extension, length. */
static struct packet make_rtp(uint32_t ssrc, uint16_t seq)
{
	struct packet p = { 0 };
	unsigned csrcs = random() % 3 ? 0 : (unsigned)random() % 16;
	unsigned words = random() % 3 ? 0 : (unsigned)random() % 6;
	bool extended = random() % 3 == 0;

	for (size_t i = 0; i < sizeof p.data; i++)
		p.data[i] = (uint8_t)random();
	p.data[0] = (uint8_t)(0x80 | extended << 4 | csrcs);
	rtp_put_seq(p.data, seq);
	rtp_put_ssrc(p.data, ssrc);
	p.len = 12 + 4 * csrcs;
	if (extended) {
		p.data[p.len + 2] = 0;
		p.data[p.len + 3] = (uint8_t)words;
		p.len += 4 + 4 * words;
	}
	p.len += (size_t)random() % 400;
	return p;
}

static struct packet make_rtcp(uint32_t ssrc)
{
	struct packet p = { .len = 8 + 4 * ((size_t)random() % 60) };

	for (size_t i = 0; i < p.len; i++)
		p.data[i] = (uint8_t)random();
	p.data[0] = 0x80;
	p.data[1] = 201;
	p.data[2] = 0;
	p.data[3] = (uint8_t)(p.len / 4 - 1);
	for (int i = 0; i < 4; i++)
		p.data[4 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	return p;
}

static void assert_same(const struct packet *a, const struct packet *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->data, b->data, a->len);
}

static void protect_rtp(const struct pair *p, struct packet *pkt,
			uint64_t index)
{
	struct rtp h;

	assert_int_equal(rtp_parse_sealed(pkt->data, pkt->len, &h), 0);
	assert_int_equal(p->how->protect_rtp(p->send, pkt->data, &pkt->len,
					     h.hdr_len, index), 0);
}

static int open_rtp(const struct pair *p, struct packet *pkt, uint64_t index)
{
	struct rtp h;

	assert_int_equal(rtp_parse_sealed(pkt->data, pkt->len, &h), 0);
	return p->how->open_rtp(p->recv, pkt->data, &pkt->len, h.hdr_len,
				index);
}

/* The receiver knows the sequence number only. */
static void one_rtp(struct bench *b, uint32_t ssrc, uint64_t index)
{
	struct packet plain = make_rtp(ssrc, (uint16_t)index);
	struct packet x = plain, y = plain;
	uint64_t found = 0;

	protect_rtp(&b->a, &x, index);
	protect_rtp(&b->b, &y, index);
	assert_same(&x, &y);
	assert_int_equal(index_rx_rtp(&b->rx, ssrc, (uint16_t)index, &found),
			 0);
	assert_true(found == index);
	assert_int_equal(open_rtp(&b->a, &x, found), 0);
	assert_int_equal(open_rtp(&b->b, &y, found), 0);
	assert_int_equal(index_rx_rtp_done(&b->rx, ssrc, found), 0);
	assert_same(&x, &plain);
	assert_same(&y, &plain);
}

static void one_rtcp(struct bench *b, uint32_t ssrc, uint32_t index)
{
	struct packet plain = make_rtcp(ssrc), x = plain, y = plain;
	uint32_t i = 0, j = 0;

	assert_int_equal(b->a.how->protect_rtcp(b->a.send, x.data, &x.len,
						index), 0);
	assert_int_equal(b->b.how->protect_rtcp(b->b.send, y.data, &y.len,
						index), 0);
	assert_same(&x, &y);
	assert_int_equal(b->a.how->open_rtcp(b->a.recv, x.data, &x.len, &i), 0);
	assert_int_equal(b->b.how->open_rtcp(b->b.recv, y.data, &y.len, &j), 0);
	assert_int_equal(i, index);
	assert_int_equal(j, index);
	assert_int_equal(index_rx_rtcp_done(&b->rx, ssrc, index), 0);
	assert_same(&x, &plain);
	assert_same(&y, &plain);
}

typedef void (*run_fn)(struct bench *b);

static void with_every_key(run_fn run)
{
	static const uint8_t mkis[] = { 0, 1, 4, SRTP_MKI_MAX };

	srandom(3711);
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		if (!libsrtp2_does(s))
			continue;
		for (size_t m = 0; m < sizeof mkis; m += rounds(1, 3)) {
			struct srtp_key k = make_key((enum suite)s, mkis[m]);
			struct bench b = {
				.a = pair_open(&evp_transform, &k),
				.b = pair_open(&libsrtp2_transform, &k),
			};

			index_rx_init(&b.rx);
			run(&b);
			pair_close(&b.a);
			pair_close(&b.b);
		}
	}
}

/* Steps up to 2000 with every seventh packet late: some 20 wraps, four under
 * valgrind. */
static void run_wraps(struct bench *b)
{
	uint64_t at[SOURCES] = { 60000, 100, 40000 };
	const unsigned n = rounds(1500, 300);

	for (unsigned i = 0; i < n; i++) {
		unsigned s = (unsigned)random() % SOURCES;
		uint64_t step = 1 + (uint64_t)random() % 2000;

		if (random() % 7 == 0 && step > 1) {
			one_rtp(b, s, at[s] + step);
			one_rtp(b, s, at[s] + step - 1 -
				(uint64_t)random() % (step - 1) % 900);
		} else {
			one_rtp(b, s, at[s] + step);
		}
		at[s] += step;
	}
}

static void rtp_is_the_same_over_wraps(void **state)
{
	(void)state;
	with_every_key(run_wraps);
}

static void run_one_wrap(struct bench *b)
{
	static const uint64_t order[] = { 65533, 65536, 65535, 65538, 65534,
					  65537, 90000, 120000, 131071,
					  131073, 131072, 131070, 160000,
					  190000, 196600, 196700, 196608 };

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		one_rtp(b, 7, order[i]);
}

static void disorder_round_a_wrap_is_the_same(void **state)
{
	(void)state;
	with_every_key(run_one_wrap);
}

static void run_roc(struct bench *b)
{
	assert_int_equal(index_rx_expect(&b->rx, 1, 0x00012345), 0);
	one_rtp(b, 1, UINT64_C(0x00012345fff0));
	one_rtp(b, 1, UINT64_C(0x000123460001));
	one_rtp(b, 1, UINT64_C(0x00012345ffff));
	assert_int_equal(index_rx_expect(&b->rx, 2, 0xffffffff), 0);
	one_rtp(b, 2, UINT64_C(0xffffffffff00));
	one_rtp(b, 2, UINT64_C(0xffffffffffff));
	one_rtp(b, 2, UINT64_C(0xfffffffffffe));
}

static void a_stream_may_begin_with_any_roc(void **state)
{
	(void)state;
	with_every_key(run_roc);
}

static void run_rtcp(struct bench *b)
{
	uint32_t i = 1;

	for (int n = 0; n < 300; n++, i += 1 + (uint32_t)random() % 3) {
		one_rtcp(b, 5, i);
		if (n % 10 == 0)
			one_rtp(b, 5, (uint64_t)n);
	}
}

static void rtcp_is_the_same(void **state)
{
	(void)state;
	with_every_key(run_rtcp);
}

/* What one refuses, the other refuses, and goes on after it. */
static void run_forged(struct bench *b)
{
	assert_int_equal(index_rx_expect(&b->rx, 9, 1), 0);
	for (uint64_t i = 65400; i < 65700; i++) {
		struct packet x = make_rtp(9, (uint16_t)i), y;

		protect_rtp(&b->a, &x, i);
		/* in the tag or the MKI */
		x.data[x.len - 1 - (size_t)random() % 4] ^=
			(uint8_t)(1 << random() % 8);
		y = x;
		assert_int_equal(open_rtp(&b->a, &x, i), E_AUTH);
		assert_int_equal(open_rtp(&b->b, &y, i), E_AUTH);
		one_rtp(b, 9, i + 1000);
	}
}

static void forgeries_are_refused_by_both(void **state)
{
	(void)state;
	with_every_key(run_forged);
}

/* A wrong guess of the ROC is a wrong key stream and a wrong tag. */
static void run_wrong_roc(struct bench *b)
{
	for (uint64_t i = 70000; i < 70020; i++) {
		struct packet plain = make_rtp(9, (uint16_t)i), x = plain;
		struct packet y;

		protect_rtp(&b->a, &x, i);
		y = x;
		assert_int_equal(open_rtp(&b->b, &y, i + 65536), E_AUTH);
		y = x;
		assert_int_equal(open_rtp(&b->b, &y, i), 0);
		assert_same(&y, &plain);
		y = x;
		assert_int_equal(open_rtp(&b->a, &y, i + 65536), E_AUTH);
		assert_int_equal(open_rtp(&b->a, &x, i), 0);
		assert_same(&x, &plain);
	}
}

static void a_wrong_roc_is_refused_by_both(void **state)
{
	(void)state;
	with_every_key(run_wrong_roc);
}

static void libsrtp2_tells_its_limits(void **state)
{
	struct srtp_key k = make_key(SUITE_AES_CM_128_HMAC_SHA1_80, 0);
	struct pair p = pair_open(&libsrtp2_transform, &k);
	struct packet x = make_rtcp(5), y;

	(void)state;
	assert_int_equal(p.how->protect_rtcp(p.send, x.data, &x.len, 0),
			 E_UNSUPPORTED);
	assert_int_equal(p.how->protect_rtcp(p.send, x.data, &x.len, 5000),
			 E_UNSUPPORTED);
	assert_int_equal(p.how->protect_rtcp(p.send, x.data, &x.len, 3), 0);
	x = make_rtcp(5);
	assert_int_equal(p.how->protect_rtcp(p.send, x.data, &x.len, 3),
			 E_REPLAY);
	for (uint32_t s = 0; s < INDEX_SSRC_MAX - 1; s++) {
		y = make_rtp(100 + s, 1);
		protect_rtp(&p, &y, 1);
	}
	y = make_rtp(99, 1);
	assert_int_equal(p.how->protect_rtp(p.send, y.data, &y.len, y.len, 1),
			 E_FULL);
	/* forged sources leave no trace on the receive side */
	for (uint32_t s = 0; s < 100; s++) {
		y = make_rtp(1000 + s, 1);
		y.len += 20;
		assert_int_equal(open_rtp(&p, &y, 1), E_AUTH);
	}
	y = make_rtp(100, 7);
	protect_rtp(&p, &y, 7);
	assert_int_equal(open_rtp(&p, &y, 7), 0);
	pair_close(&p);
	libsrtp2_stop();
	assert_int_equal(libsrtp2_transform.open(&k, 1, &p.send), E_STATE);
	assert_int_equal(libsrtp2_start(), 0);
	assert_int_equal(libsrtp2_start(), E_STATE);
}

static void libsrtp2_refuses_what_it_cannot_do(void **state)
{
	struct srtp_key k = make_key(SUITE_F8_128_HMAC_SHA1_80, 0);
	struct transform_key *t = NULL;

	(void)state;
	assert_false(libsrtp2_does(SUITE_NONE));
	assert_false(libsrtp2_does(SUITE_COUNT));
	assert_true(libsrtp2_does(SUITE_NULL_HMAC_SHA1_80));
	assert_int_equal(libsrtp2_transform.open(&k, 1, &t), E_UNSUPPORTED);
	k = make_key(SUITE_AES_CM_128_HMAC_SHA1_80, 0);
	k.kdr = 1;
	assert_int_equal(libsrtp2_transform.open(&k, 1, &t), E_UNSUPPORTED);
	assert_null(t);
}

static int start(void **state)
{
	(void)state;
	return libsrtp2_start();
}

static int stop(void **state)
{
	(void)state;
	libsrtp2_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rtp_is_the_same_over_wraps),
		cmocka_unit_test(disorder_round_a_wrap_is_the_same),
		cmocka_unit_test(a_stream_may_begin_with_any_roc),
		cmocka_unit_test(rtcp_is_the_same),
		cmocka_unit_test(forgeries_are_refused_by_both),
		cmocka_unit_test(a_wrong_roc_is_refused_by_both),
		cmocka_unit_test(libsrtp2_refuses_what_it_cannot_do),
		cmocka_unit_test(libsrtp2_tells_its_limits),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
