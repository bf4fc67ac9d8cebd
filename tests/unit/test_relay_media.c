/* test_relay_media.c - packets through the whole relay on loopback: a plain
 * phone on one side, an SRTP far end on the other, for each loop, transform
 * and suite, with one and with several workers. */
#include "daemon/base/err.h"
#include "daemon/relay/rtcp.h"
#include "daemon/relay/rtp.h"
#include "daemon/relay/transform.h"
#include "modules/srtp/transforms.h"
#include "tests/mock/relayrig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SEND_KEY (RIG_EPOCH | 1)
#define RECV_KEY (RIG_EPOCH | 2)
#define PHONE_SSRC 0x11111111u
#define FAR_SSRC 0x22222222u
#define MS 1000 /* how long a packet that must come is waited for */
#define QUIET 30 /* and one that must not */
#define ROOM 2048

/* The far end's cryptography. */
struct far {
	const struct transform *how;
	struct transform_key *send, *recv;
	struct index_rx rx;
};

static void far_open(struct far *f, const struct rig *r, uint64_t they_send,
		     uint64_t they_recv)
{
	struct srtp_key send = rig_key_of(r, they_recv);
	struct srtp_key recv = rig_key_of(r, they_send);

	f->how = &evp_transform;
	assert_int_equal(f->how->open(&send, 1, &f->send), 0);
	assert_int_equal(f->how->open(&recv, 0, &f->recv), 0);
	index_rx_init(&f->rx);
}

static void far_close(struct far *f)
{
	f->how->close(f->send);
	f->how->close(f->recv);
}

/* Opens in place; gives the index. */
static uint64_t far_opens(struct far *f, uint8_t *pkt, size_t *len)
{
	uint64_t index;
	struct rtp h;

	assert_int_equal(rtp_parse_sealed(pkt, *len, &h), 0);
	assert_int_equal(index_rx_rtp(&f->rx, h.ssrc, h.seq, &index), 0);
	assert_int_equal(f->how->open_rtp(f->recv, pkt, len, h.hdr_len,
					  index), 0);
	assert_int_equal(index_rx_rtp_done(&f->rx, h.ssrc, index), 0);
	return index;
}

static size_t far_seals(struct far *f, uint8_t *pkt, uint64_t index)
{
	size_t len = RIG_RTP_LEN;

	rig_rtp(pkt, FAR_SSRC, (uint16_t)index, (uint32_t)index * 160, 'f');
	assert_int_equal(f->how->protect_rtp(f->send, pkt, &len,
					     RTP_HEADER_LEN, index), 0);
	return len;
}

struct scene {
	struct rig rig;
	struct rig_end phone, far;
	struct msg_stream_port port;
	struct far crypto;
};

static void scene_open(struct scene *s, const struct rig_conf *conf)
{
	rig_open(&s->rig, conf);
	rig_end_open(&s->phone, 21290);
	rig_end_open(&s->far, 21292);
	s->port = rig_sealed(&s->rig, &s->phone, &s->far, SEND_KEY, RECV_KEY);
	far_open(&s->crypto, &s->rig, SEND_KEY, RECV_KEY);
}

static void scene_close(struct scene *s)
{
	far_close(&s->crypto);
	rig_end_close(&s->phone);
	rig_end_close(&s->far);
	rig_close(&s->rig);
}

static void outward(struct scene *s, uint16_t seq)
{
	uint8_t pkt[ROOM], was[RIG_RTP_LEN];
	struct rtp h;
	size_t len;

	rig_rtp(was, PHONE_SSRC, seq, seq * 160u, 'p');
	rig_send(&s->phone, 0, &s->port.local[INSIDE], was, sizeof was);
	len = rig_recv(&s->far, 0, pkt, sizeof pkt, MS);
	assert_true(len > RIG_RTP_LEN);
	assert_int_not_equal(memcmp(pkt + 12, was + 12, 16), 0);
	far_opens(&s->crypto, pkt, &len);
	assert_int_equal(len, RIG_RTP_LEN);
	assert_memory_equal(pkt + 12, was + 12, len - 12);
	assert_memory_equal(pkt, was, 2);
	assert_int_equal(rtp_parse(pkt, len, &h), 0);
	assert_int_equal(h.ssrc, s->port.ssrc);
}

static void inward(struct scene *s, uint64_t index)
{
	uint8_t pkt[ROOM], want[RIG_RTP_LEN];
	size_t len = far_seals(&s->crypto, pkt, index);

	rig_send(&s->far, 0, &s->port.local[OUTSIDE], pkt, len);
	len = rig_recv(&s->phone, 0, pkt, sizeof pkt, MS);
	rig_rtp(want, FAR_SSRC, (uint16_t)index, (uint32_t)index * 160, 'f');
	assert_int_equal(len, sizeof want);
	assert_memory_equal(pkt, want, len);
}

static void passes_both_ways(const struct rig_conf *conf)
{
	struct msg_stream_stats st;
	struct rig_message m;
	struct scene s;

	scene_open(&s, conf);
	for (uint16_t i = 0; i < 40; i++)
		outward(&s, (uint16_t)(65520 + i));
	for (uint64_t i = 65520; i < 65560; i++)
		inward(&s, i);
	m = rig_wait(&s.rig, MSG_STREAM_EVENT);
	assert_int_equal(m.event.event, STREAM_EVENT_FIRST);
	assert_int_equal(m.event.detail, INSIDE);
	m = rig_wait(&s.rig, MSG_STREAM_EVENT);
	assert_int_equal(m.event.detail, OUTSIDE);
	st = rig_stats(&s.rig, s.port.stream);
	assert_int_equal(st.face[INSIDE].packets_in, 40);
	assert_int_equal(st.face[OUTSIDE].packets_out, 40);
	assert_int_equal(st.face[OUTSIDE].packets_in, 40);
	assert_int_equal(st.face[INSIDE].packets_out, 40);
	assert_true(addr_equal(&st.remote[OUTSIDE], &s.far.local));
	scene_close(&s);
}

static void every_way_passes(void **state)
{
	static const char *const loops[] = { "epoll", "auto" };
	static const struct transform *const how[] = { &evp_transform,
						       &libsrtp2_transform };

	(void)state;
	for (unsigned l = 0; l < 2; l++)
		for (unsigned t = 0; t < 2; t++)
			for (enum suite i = 1; i < SUITE_COUNT; i++)
				passes_both_ways(&(struct rig_conf){
					.loop = loops[l], .transform = how[t],
					.suite = i, .workers = 1 + l });
}

static int setup(void **state)
{
	(void)state;
	return libsrtp2_start();
}

static int teardown(void **state)
{
	(void)state;
	libsrtp2_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_passes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
