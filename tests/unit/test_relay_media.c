/* test_relay_media.c - packets through the whole relay on loopback: a plain
 * phone on one side, an SRTP far end on the other, for each loop, transform
 * and suite, with one and with several workers. */
#include "daemon/base/err.h"
#include "daemon/relay/learn.h"
#include "daemon/relay/rtcp.h"
#include "daemon/relay/rtp.h"
#include "daemon/relay/transform.h"
#include "modules/srtp/transforms.h"
#include "tests/mock/relayrig.h"

#include <poll.h>
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

static uint32_t get(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void put(uint8_t *p, uint32_t v)
{
	for (int i = 4; i--; v >>= 8)
		p[i] = (uint8_t)v;
}

/* "auto" is io_uring where the kernel has it. */
static const struct rig_conf confs[] = {
	{ .loop = "epoll", .transform = &evp_transform,
	  .suite = SUITE_AES_CM_128_HMAC_SHA1_80, .workers = 1 },
	{ .loop = "auto", .transform = &evp_transform,
	  .suite = SUITE_AEAD_AES_128_GCM, .workers = 3 },
};

struct scene {
	struct rig rig;
	uint32_t top;  /* our highest sequence number, as they count */
	uint32_t rtcp; /* their next index */
	struct rig_end phone, far;
	struct msg_stream_port port;
	struct far crypto;
};

static void scene_open(struct scene *s, const struct rig_conf *conf)
{
	memset(s, 0, sizeof *s);
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
	assert_int_equal(!memcmp(pkt + 12, was + 12, 16),
			 suite_info(s->rig.conf.suite)->readable);
	far_opens(&s->crypto, pkt, &len);
	assert_int_equal(len, RIG_RTP_LEN);
	assert_memory_equal(pkt + 12, was + 12, len - 12);
	assert_memory_equal(pkt, was, 2);
	assert_int_equal(rtp_parse(pkt, len, &h), 0);
	assert_int_equal(h.ssrc, s->port.ssrc);
	s->top = h.seq;
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

/* A report with one block, by who about whom. */
static size_t report(uint8_t *pkt, uint32_t from, uint32_t about, uint32_t top)
{
	static const uint8_t head[] = { 0x81, RTCP_RR, 0, 7 };

	memset(pkt, 0, 32);
	memcpy(pkt, head, sizeof head);
	put(pkt + 4, from);
	put(pkt + 8, about);
	put(pkt + 16, top);
	return 32;
}

static void rtcp_both_ways(struct scene *s, int component)
{
	uint8_t pkt[ROOM];
	size_t len = report(pkt, PHONE_SSRC, FAR_SSRC, 70);
	uint32_t index;

	rig_send(&s->phone, component, &s->port.local[INSIDE], pkt, len);
	len = rig_recv(&s->far, component, pkt, sizeof pkt, MS);
	assert_true(len > 32);
	assert_int_equal(s->crypto.how->open_rtcp(s->crypto.recv, pkt, &len,
						  &index), 0);
	assert_int_equal(len, 32);
	assert_int_equal(get(pkt + 4), s->port.ssrc);
	assert_int_equal(get(pkt + 8), FAR_SSRC);
	len = report(pkt, FAR_SSRC, s->port.ssrc, s->top);
	assert_int_equal(s->crypto.how->protect_rtcp(s->crypto.send, pkt, &len,
						     s->rtcp++), 0);
	rig_send(&s->far, component, &s->port.local[OUTSIDE], pkt, len);
	len = rig_recv(&s->phone, component, pkt, sizeof pkt, MS);
	assert_int_equal(len, 32);
	assert_int_equal(get(pkt + 4), FAR_SSRC);
	assert_int_equal(get(pkt + 8), PHONE_SSRC);
	assert_int_equal(get(pkt + 16) & 0xffff, 77);
}

/* The same on one port, as both ends agreed. */
static void mux(struct scene *s)
{
	struct msg_stream_set m = {
		.stream = s->port.stream, .set_remote = { 1, 1 },
		.remote = { s->phone.local, s->far.local },
		.rtcp_mux = { 1, 1 },
	};

	assert_int_equal(rig_set(&s->rig, &m), 0);
	assert_int_equal(rig_done(&s->rig), 0);
}

static void rtcp_passes(void **state)
{
	struct scene s;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		scene_open(&s, &confs[i]);
		outward(&s, 77);
		rtcp_both_ways(&s, 1);
		mux(&s);
		rtcp_both_ways(&s, 0);
		outward(&s, 78);
		scene_close(&s);
	}
}

static void nothing_passes_before_its_key(void **state)
{
	uint8_t pkt[ROOM];
	struct msg_stream_stats st;
	struct msg_stream_port port;
	struct scene s = { 0 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct msg_stream_set m = { .set_remote = { 1, 1 } };

		rig_open(&s.rig, &confs[i]);
		rig_end_open(&s.phone, 21290);
		rig_end_open(&s.far, 21292);
		port = rig_stream(&s.rig, true);
		m.stream = port.stream;
		m.remote[INSIDE] = s.phone.local;
		m.remote[OUTSIDE] = s.far.local;
		assert_int_equal(rig_set(&s.rig, &m), 0);
		assert_int_equal(rig_done(&s.rig), 0);
		rig_rtp(pkt, 1, 1, 1, 'p');
		rig_send(&s.phone, 0, &port.local[INSIDE], pkt, RIG_RTP_LEN);
		rig_send(&s.far, 0, &port.local[OUTSIDE], pkt, RIG_RTP_LEN);
		assert_int_equal(rig_recv(&s.far, 0, pkt, ROOM, QUIET), 0);
		assert_int_equal(rig_recv(&s.phone, 0, pkt, ROOM, QUIET), 0);
		st = rig_stats(&s.rig, port.stream);
		assert_int_equal(st.face[INSIDE].dropped_no_key, 1);
		assert_int_equal(st.face[OUTSIDE].dropped_no_key, 1);
		rig_end_close(&s.phone);
		rig_end_close(&s.far);
		rig_close(&s.rig);
	}
}

static void forged_and_repeated_packets_end_here(void **state)
{
	uint8_t pkt[ROOM], copy[ROOM];
	struct msg_stream_stats st;
	struct scene s;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		scene_open(&s, &confs[i]);
		len = far_seals(&s.crypto, pkt, 5);
		memcpy(copy, pkt, len);
		copy[20] ^= 1;
		rig_send(&s.far, 0, &s.port.local[OUTSIDE], copy, len);
		rig_send(&s.far, 0, &s.port.local[OUTSIDE], pkt, len);
		rig_send(&s.far, 0, &s.port.local[OUTSIDE], pkt, len);
		rig_rtp(pkt, FAR_SSRC, 6, 6, 'f');
		rig_send(&s.far, 0, &s.port.local[OUTSIDE], pkt, RIG_RTP_LEN);
		memset(pkt, 0, sizeof pkt);
		rig_send(&s.far, 0, &s.port.local[OUTSIDE], pkt, ROOM);
		rig_send(&s.far, 0, &s.port.local[OUTSIDE], pkt, 0);
		assert_int_equal(rig_recv(&s.phone, 0, pkt, ROOM, MS),
				 RIG_RTP_LEN);
		assert_int_equal(rig_recv(&s.phone, 0, pkt, ROOM, QUIET), 0);
		st = rig_stats(&s.rig, s.port.stream);
		assert_int_equal(st.face[OUTSIDE].dropped_auth, 2);
		assert_int_equal(st.face[OUTSIDE].dropped_replay, 1);
		assert_int_equal(st.face[OUTSIDE].dropped_format, 2);
		assert_int_equal(st.face[OUTSIDE].packets_in, 1);
		scene_close(&s);
	}
}

/* Longer than any buffer: dropped, and the next one passes. */
static void giants_end_here(void **state)
{
	static uint8_t pkt[9000];
	struct scene s;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		scene_open(&s, &confs[i]);
		memset(pkt, 0, sizeof pkt);
		pkt[0] = 0x80;
		rig_send(&s.phone, 0, &s.port.local[INSIDE], pkt, sizeof pkt);
		outward(&s, 1);
		assert_int_equal(rig_stats(&s.rig, s.port.stream)
				 .face[INSIDE].dropped_format, 1);
		scene_close(&s);
	}
}

static void a_plain_stream_is_passed_on(void **state)
{
	uint8_t pkt[ROOM], was[RIG_RTP_LEN];
	struct msg_stream_port port;
	struct scene s = { 0 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct msg_stream_set m = { .set_remote = { 1, 1 } };

		rig_open(&s.rig, &confs[i]);
		rig_end_open(&s.phone, 21290);
		rig_end_open(&s.far, 21292);
		port = rig_stream(&s.rig, false);
		m.stream = port.stream;
		m.remote[INSIDE] = s.phone.local;
		m.remote[OUTSIDE] = s.far.local;
		assert_int_equal(rig_set(&s.rig, &m), 0);
		assert_int_equal(rig_done(&s.rig), 0);
		for (int c = 0; c < 2; c++) {
			rig_rtp(was, 1, 1, 1, 'p');
			rig_send(&s.phone, c, &port.local[INSIDE], was,
				 RIG_RTP_LEN);
			assert_int_equal(rig_recv(&s.far, c, pkt, ROOM, MS),
					 RIG_RTP_LEN);
			assert_memory_equal(pkt, was, RIG_RTP_LEN);
			rig_send(&s.far, c, &port.local[OUTSIDE], was, 100);
			assert_int_equal(rig_recv(&s.phone, c, pkt, ROOM, MS),
					 100);
			assert_memory_equal(pkt, was, 100);
		}
		rig_end_close(&s.phone);
		rig_end_close(&s.far);
		rig_close(&s.rig);
	}
}

static void passes_raw(const struct rig_end *from, const struct addr *by,
		       const struct rig_end *to, const uint8_t *pkt, size_t len)
{
	uint8_t got[ROOM];

	rig_send(from, 0, by, pkt, len);
	assert_int_equal(rig_recv(to, 0, got, ROOM, MS), len);
	assert_memory_equal(got, pkt, len);
}

/* A packet of each side, however long that takes. */
static struct msg_stream_stats both_dropped(struct scene *s, uint32_t stream)
{
	struct msg_stream_stats st = { 0 };

	for (int i = 0; i < MS && (!st.face[INSIDE].dropped_source ||
				   !st.face[OUTSIDE].dropped_source); i++) {
		poll(NULL, 0, 1);
		st = rig_stats(&s->rig, stream);
	}
	return st;
}

/* UDPTL (T.38): a sequence number, then ASN.1. It may look like RTP or RTCP,
 * and is passed on all the same; there is no RTCP beside it. */
static void a_fax_is_passed_on(struct scene *s, enum stream_seal sealed)
{
	static const uint8_t udptl[][8] = {
		{ 0x00, 0x00, 0x01, 0x00, 0x00, 0x00 },
		{ 0x80, 0x00, 0x02, 0xc0, 0x01, 0x80, 0xff },
		{ 0x80, 0xc8, 0x01, 0x02, 0x00, 0x01, 0x00, 0x00 },
	};
	struct msg_stream_port p = rig_stream(&s->rig, sealed);
	struct msg_stream_set m = {
		.stream = p.stream, .set_remote = { 1, 1 },
		.remote = { s->phone.local, s->far.local },
		.remote_rtcp = { { .family = 4 }, { .family = 4 } },
		.may_send = sealed == STREAM_TUNNEL,
	};
	struct msg_stream_stats st;
	uint8_t got[ROOM];

	assert_int_equal(rig_set(&s->rig, &m), 0);
	assert_int_equal(rig_done(&s->rig), 0);
	for (int i = 0; i < 3; i++) {
		passes_raw(&s->phone, &p.local[INSIDE], &s->far, udptl[i],
			   6 + (size_t)i);
		passes_raw(&s->far, &p.local[OUTSIDE], &s->phone, udptl[i],
			   6 + (size_t)i);
	}
	rig_send(&s->phone, 1, &p.local[INSIDE], udptl[2], 8);
	rig_send(&s->far, 1, &p.local[OUTSIDE], udptl[2], 8);
	st = both_dropped(s, p.stream);
	for (int c = 0; c < 2; c++) {
		assert_int_equal(rig_recv(&s->far, c, got, ROOM, 0), 0);
		assert_int_equal(rig_recv(&s->phone, c, got, ROOM, 0), 0);
	}
	for (int f = INSIDE; f <= OUTSIDE; f++) {
		assert_int_equal(st.face[f].packets_in, 3);
		assert_int_equal(st.face[f].rtcp_in, 0);
		assert_int_equal(st.face[f].dropped_source, 1);
		assert_int_equal(st.face[f].dropped_format, 0);
	}
	rig_del(&s->rig, p.stream);
}

static void faxes_are_passed_on(void **state)
{
	struct scene s = { 0 };
	struct rig_conf conf;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		conf = confs[i];
		conf.tunnels = true;
		rig_open(&s.rig, &conf);
		rig_end_open(&s.phone, 21290);
		rig_end_open(&s.far, 21292);
		a_fax_is_passed_on(&s, STREAM_CLEAR);
		a_fax_is_passed_on(&s, STREAM_TUNNEL);
		rig_end_close(&s.phone);
		rig_end_close(&s.far);
		rig_close(&s.rig);
	}
}

/* The far end sends from another port than its SDP said. */
static void the_far_end_may_move(void **state)
{
	struct rig_end other;
	struct scene s;
	int fd;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		scene_open(&s, &confs[i]);
		outward(&s, 1);
		rig_end_open(&other, 21294);
		fd = s.far.fd[0]; /* as if it had moved */
		s.far.fd[0] = other.fd[0];
		other.fd[0] = fd;
		for (uint64_t n = 1; n <= LEARN_MOVE; n++)
			inward(&s, n);
		outward(&s, 2);
		assert_true(addr_equal(&rig_stats(&s.rig, s.port.stream)
				       .remote[OUTSIDE], &other.local));
		rig_end_close(&other);
		scene_close(&s);
	}
}

static void silence_is_told_once(void **state)
{
	struct rig_conf conf = confs[0];
	struct rig_message m;
	struct scene s;

	(void)state;
	conf.timeout_s = 1;
	scene_open(&s, &conf);
	m = rig_wait(&s.rig, MSG_STREAM_EVENT);
	assert_int_equal(m.event.event, STREAM_EVENT_IDLE);
	assert_int_equal(m.event.stream, s.port.stream);
	assert_false(rig_heard(&s.rig, MSG_STREAM_EVENT, 1500));
	scene_close(&s);
}

/* One end speaks on; of the other it is told, once, that it does not. */
static void silence_of_one_end(void **state)
{
	struct rig_conf conf = confs[0];
	struct rig_message m;
	struct scene s;

	(void)state;
	conf.silence_s = 1;
	scene_open(&s, &conf);
	for (uint16_t n = 0; n < 12; n++) {
		outward(&s, n);
		rig_heard(&s.rig, MSG_STREAM_STATS, 200); /* a pause */
	}
	m = rig_wait(&s.rig, MSG_STREAM_EVENT);
	assert_int_equal(m.event.event, STREAM_EVENT_FIRST);
	m = rig_wait(&s.rig, MSG_STREAM_EVENT);
	assert_int_equal(m.event.event, STREAM_EVENT_QUIET);
	outward(&s, 12);
	assert_false(rig_heard(&s.rig, MSG_STREAM_EVENT, 1200));
	scene_close(&s);
}

/* Ports, slots and keys come and go while others have traffic. */
static void streams_come_and_go(void **state)
{
	struct msg_stream_port p;
	struct rig_end idle;
	struct scene s;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		scene_open(&s, &confs[i]);
		rig_end_open(&idle, 21294);
		for (unsigned n = 0; n < 200; n++) {
			uint64_t key = RIG_EPOCH | (10 + 2 * n);

			p = rig_sealed(&s.rig, &idle, &idle, key, key + 1);
			outward(&s, (uint16_t)n);
			assert_int_equal(rig_del(&s.rig, p.stream), 0);
			inward(&s, n);
			s.rig.ahead_us += 2000000; /* ports may rest */
			s.rig.n_inbox = 0;
		}
		rig_end_close(&idle);
		scene_close(&s);
	}
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
				if (!t || libsrtp2_does(i))
					passes_both_ways(&(struct rig_conf){
						.loop = loops[l],
						.transform = how[t],
						.suite = i,
						.workers = 1 + l });
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
		cmocka_unit_test(rtcp_passes),
		cmocka_unit_test(nothing_passes_before_its_key),
		cmocka_unit_test(forged_and_repeated_packets_end_here),
		cmocka_unit_test(giants_end_here),
		cmocka_unit_test(a_plain_stream_is_passed_on),
		cmocka_unit_test(faxes_are_passed_on),
		cmocka_unit_test(the_far_end_may_move),
		cmocka_unit_test(silence_is_told_once),
		cmocka_unit_test(silence_of_one_end),
		cmocka_unit_test(streams_come_and_go),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
