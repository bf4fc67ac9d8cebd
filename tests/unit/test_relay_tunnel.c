/* test_relay_tunnel.c - streams whose media go in ESP: on guarded ports only,
 * unchanged, outwards not before the word, and then all that waited, in order;
 * inwards from where signalling said. With sockets, and the waiting alone. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/relay/packet.h"
#include "modules/srtp/transforms.h"
#include "tests/mock/relayrig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS 1000
#define QUIET 30

/* -- through the whole relay ---------------------------------------------- */

static struct rig rig;
static struct rig_end phone, far, stranger;

static void open_rig(const char *loop)
{
	const struct rig_conf conf = {
		.loop = rig_loop(loop), .transform = &evp_transform,
		.suite = SUITE_AES_CM_128_HMAC_SHA1_80, .workers = 1,
		.only_sealed = true, .tunnels = true, .within = true,
	};

	rig_open(&rig, &conf);
	rig_end_open(&phone, 23470);
	rig_end_open(&far, 23472);
	rig_end_open(&stranger, 23474);
}

static void close_rig(void)
{
	rig_end_close(&phone);
	rig_end_close(&far);
	rig_end_close(&stranger);
	rig_close(&rig);
}

static struct msg_stream_set set_of(uint32_t stream, unsigned may_send)
{
	return (struct msg_stream_set){
		.stream = stream, .set_remote = { 1, 1 },
		.remote = { phone.local, far.local },
		.may_send = (uint8_t)may_send,
	};
}

static void set(uint32_t stream, unsigned may_send)
{
	struct msg_stream_set m = set_of(stream, may_send);

	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), 0);
}

static void say(const struct rig_end *e, int component, const struct addr *to,
		uint16_t seq)
{
	uint8_t pkt[RIG_RTP_LEN];

	rig_rtp(pkt, 0x01020304, seq, seq * 160u, 'x');
	if (component)
		pkt[1] = 200; /* some RTCP: it is not looked at */
	rig_send(e, component, to, pkt, sizeof pkt);
}

/* The packet as it left its sender. */
static void hear(const struct rig_end *e, int component, uint16_t seq)
{
	uint8_t want[RIG_RTP_LEN], got[2048];

	rig_rtp(want, 0x01020304, seq, seq * 160u, 'x');
	if (component)
		want[1] = 200;
	assert_int_equal(rig_recv(e, component, got, sizeof got, MS),
			 sizeof want);
	assert_memory_equal(got, want, sizeof want);
}

static void hear_nothing(const struct rig_end *e)
{
	uint8_t got[2048];

	assert_int_equal(rig_recv(e, 0, got, sizeof got, QUIET), 0);
	assert_int_equal(rig_recv(e, 1, got, sizeof got, 0), 0);
}

static void a_call(const char *loop)
{
	struct msg_stream_port p;
	struct msg_stream_stats st;
	struct addr in, out;

	open_rig(loop);
	p = rig_stream(&rig, STREAM_TUNNEL);
	in = p.local[INSIDE];
	out = p.local[OUTSIDE];
	assert_in_range(out.port, RIG_TUNNEL_MIN, RIG_TUNNEL_MAX - 1);
	assert_int_equal(out.port % 2, 0);
	assert_in_range(in.port, 21200, 21279);
	set(p.stream, STREAM_SEND_NO);
	for (uint16_t i = 1; i <= 20; i++)
		say(&phone, 0, &in, i);
	say(&phone, 1, &in, 21);
	hear_nothing(&far);
	/* inwards it is open, for who was named */
	say(&stranger, 0, &out, 1);
	hear_nothing(&phone);
	for (uint16_t i = 1; i <= 10; i++)
		say(&stranger, 0, &out, i);
	say(&far, 0, &out, 7);
	hear(&phone, 0, 7);
	say(&far, 1, &out, 8);
	hear(&phone, 1, 8);
	hear_nothing(&phone);
	set(p.stream, STREAM_SEND_NOW);
	for (uint16_t i = 1; i <= 20; i++)
		hear(&far, 0, i);
	hear(&far, 1, 21);
	say(&phone, 0, &p.local[INSIDE], 22);
	hear(&far, 0, 22);
	hear_nothing(&far);
	st = rig_stats(&rig, p.stream);
	assert_int_equal(st.face[INSIDE].packets_in, 22);
	assert_int_equal(st.face[OUTSIDE].packets_out, 22);
	assert_int_equal(st.face[OUTSIDE].rtcp_out, 1);
	assert_int_equal(st.face[OUTSIDE].packets_in, 2);
	assert_int_equal(st.face[INSIDE].packets_out, 2);
	assert_int_equal(st.face[INSIDE].dropped_no_key, 0);
	assert_int_equal(st.face[OUTSIDE].dropped_source, 11);
	assert_true(addr_equal(&st.remote[OUTSIDE], &far.local));
	rig_del(&rig, p.stream);
	close_rig();
}

static void by_epoll(void **state)
{
	(void)state;
	a_call("epoll");
}

static void by_uring(void **state)
{
	(void)state;
	a_call("uring");
}

static void it_is_never_clear_or_keyed(void **state)
{
	struct msg_stream_port p;
	struct msg_stream_set m;

	(void)state;
	open_rig("epoll");
	p = rig_stream(&rig, STREAM_TUNNEL);
	m = set_of(p.stream, STREAM_SEND_NO);
	m.clear = 1;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), E_POLICY);
	rig_key(&rig, RIG_EPOCH | 1, p.stream, KEY_SEND);
	m = set_of(p.stream, STREAM_SEND_NOW);
	m.set_keys = 1;
	m.key.send = RIG_EPOCH | 1;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), E_STATE);
	set(p.stream, STREAM_SEND_NO);
	say(&phone, 0, &p.local[INSIDE], 1);
	hear_nothing(&far);
	close_rig();
}

/* SRTP on such a port: what the phone says waits for its key and the word. */
static void sealed_as_well(void **state)
{
	struct msg_stream_port p;
	struct msg_stream_set m;
	uint8_t plain[RIG_RTP_LEN], got[2048];

	(void)state;
	open_rig("epoll");
	p = rig_stream(&rig, STREAM_BOTH);
	assert_in_range(p.local[OUTSIDE].port, RIG_TUNNEL_MIN,
			RIG_TUNNEL_MAX - 1);
	m = set_of(p.stream, STREAM_SEND_NOW);
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), E_STATE); /* no key */
	m.clear = 1;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), E_POLICY);
	set(p.stream, STREAM_SEND_NO);
	say(&phone, 0, &p.local[INSIDE], 1);
	say(&phone, 0, &p.local[INSIDE], 2);
	say(&far, 0, &p.local[OUTSIDE], 1);
	hear_nothing(&far);
	hear_nothing(&phone);
	rig_key(&rig, RIG_EPOCH | 1, p.stream, KEY_SEND);
	m = set_of(p.stream, STREAM_SEND_NOW);
	m.set_keys = 1;
	m.key.send = RIG_EPOCH | 1;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), 0);
	for (uint16_t i = 1; i <= 2; i++) {
		rig_rtp(plain, 0x01020304, i, i * 160u, 'x');
		assert_int_equal(rig_recv(&far, 0, got, sizeof got, MS),
				 sizeof plain + 10);
		assert_memory_not_equal(got + 12, plain + 12,
					sizeof plain - 12);
	}
	hear_nothing(&far);
	rig_del(&rig, p.stream);
	close_rig();
}

static void set_keys(uint32_t stream, uint64_t id, unsigned may_send)
{
	struct msg_stream_set m = set_of(stream, may_send);

	rig_key(&rig, id, stream, KEY_SEND);
	rig_key(&rig, id + 1, stream, KEY_RECV);
	m.set_keys = 1;
	m.key = (struct msg_key_ids){ id, id + 1, id + 100 };
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), 0);
}

/* Who answers has the keys of both before the far end has its tunnel; new ones
 * in a running call are used when the far end uses its own. */
static void its_keys_wait_for_the_word(void **state)
{
	const uint64_t first = RIG_EPOCH | 1, next = RIG_EPOCH | 3;
	struct msg_stream_port p;
	uint8_t got[2048];

	(void)state;
	open_rig("epoll");
	p = rig_stream(&rig, STREAM_BOTH);
	set_keys(p.stream, first, STREAM_SEND_NO);
	say(&phone, 0, &p.local[INSIDE], 1);
	hear_nothing(&far);
	set(p.stream, STREAM_SEND_NOW); /* it names no key */
	assert_int_equal(rig_recv(&far, 0, got, sizeof got, MS),
			 RIG_RTP_LEN + 10);
	set_keys(p.stream, next, STREAM_SEND_PROVEN);
	say(&phone, 0, &p.local[INSIDE], 2);
	assert_int_equal(rig_recv(&far, 0, got, sizeof got, MS),
			 RIG_RTP_LEN + 10);
	assert_true(rig_stats(&rig, p.stream).key[KEY_SEND].id == first);
	rig_del(&rig, p.stream);
	close_rig();
}

static int added(enum stream_seal sealed)
{
	assert_int_equal(rig_add(&rig, 1, sealed), 0);
	return rig_wait(&rig, MSG_STREAM_ADDED).added.err;
}

static void the_policy_must_have_tunnels(void **state)
{
	(void)state;
	open_rig("epoll");
	assert_int_equal(added(STREAM_CLEAR), E_POLICY);
	rig.conf.tunnels = false; /* where all are "...+srtp" */
	assert_int_equal(added(STREAM_TUNNEL), E_POLICY);
	assert_int_equal(added(STREAM_BOTH), 0);
	rig.conf.within = false; /* as nothing guards those ports then */
	assert_int_equal(added(STREAM_TUNNEL), E_POLICY);
	assert_int_equal(added(STREAM_BOTH), E_POLICY);
	rig.conf.tunnels = true;
	assert_int_equal(added(STREAM_TUNNEL), 0);
	assert_int_equal(added(STREAM_BOTH), E_POLICY);
	assert_int_equal(added(STREAM_SEALED), 0);
	assert_int_equal(rig_add(&rig, 1, STREAM_BOTH + 1), E_FORMAT);
	close_rig();
}

static void other_streams_have_none_of_its_ports(void **state)
{
	struct msg_stream_port p[4];

	(void)state;
	open_rig("epoll");
	for (int i = 0; i < 4; i++)
		p[i] = rig_stream(&rig, STREAM_TUNNEL);
	assert_int_equal(added(STREAM_TUNNEL), E_FULL);
	for (int i = 0; i < 15; i++)
		assert_true(rig_stream(&rig, STREAM_SEALED).local[OUTSIDE].port
			    < RIG_TUNNEL_MIN);
	/* one that somebody may still send to rests, the other is free again */
	set(p[0].stream, STREAM_SEND_NO);
	rig_del(&rig, p[0].stream);
	assert_int_equal(added(STREAM_TUNNEL), E_FULL);
	rig_del(&rig, p[1].stream);
	rig_stats(&rig, p[2].stream); /* behind that: its sockets are closed */
	assert_int_equal(rig_stream(&rig, STREAM_TUNNEL).local[OUTSIDE].port,
			 p[1].local[OUTSIDE].port);
	close_rig();
}

/* -- what waits ----------------------------------------------------------- */

static struct relay_env env;
static struct stream *s;
static uint64_t now_us;
static struct addr there, here;
static uint8_t data[PACKET_MAX + 1];

static int setup(void **state)
{
	struct stream_seed seed = { .env = &env, .call = 1, .id = 1,
				    .ssrc = 1, .sealed = STREAM_TUNNEL };

	(void)state;
	assert_int_equal(addr_parse("10.0.0.5:4000", &here), 0);
	assert_int_equal(addr_parse("192.0.2.9:4000", &there), 0);
	assert_int_equal(net_parse("10.0.0.0/24", &env.nets[0]), 0);
	env.n_nets = 1;
	now_us = 1000000;
	return stream_new(&seed, &s);
}

static int teardown(void **state)
{
	(void)state;
	stream_free(s); /* with what waits */
	return 0;
}

static void word(unsigned may_send)
{
	struct stream_change c = { .set = {
		.set_remote = { 1, 1 }, .remote = { here, there },
		.may_send = (uint8_t)may_send } };

	assert_int_equal(stream_set(s, &c, now_us), 0);
}

static int from(const struct addr *a, uint8_t mark, size_t len)
{
	struct packet p = { .data = data, .len = len, .from = *a,
			    .now_us = now_us };
	struct packet_way way;

	memset(data, mark, len);
	return packet_relay(&s->port[INSIDE][RTP], &p, &way);
}

static int from_phone(uint8_t mark, size_t len)
{
	return from(&here, mark, len);
}

/* Its mark, or -1. */
static int next(void)
{
	struct packet p = { .data = data, .now_us = now_us };
	struct packet_way way;

	if (!packet_held(s, &p, &way))
		return -1;
	assert_true(addr_equal(way.to, &there));
	assert_ptr_equal(way.port, &s->port[OUTSIDE][RTP]);
	return data[0];
}

static uint64_t lost(void)
{
	return s->stats[INSIDE].dropped_no_key;
}

static void nothing_is_given_before_the_word(void **state)
{
	(void)state;
	word(STREAM_SEND_NO);
	assert_int_equal(from_phone(1, 100), E_AGAIN);
	assert_int_equal(next(), -1);
	word(STREAM_SEND_NOW);
	assert_int_equal(next(), 1);
	assert_int_equal(next(), -1);
	assert_int_equal(from_phone(2, 100), 0);
	/* opened is open, whatever is said later */
	word(STREAM_SEND_NO);
	assert_int_equal(from_phone(3, 100), 0);
	assert_int_equal(s->stats[OUTSIDE].packets_out, 3);
	assert_int_equal(s->hold.n, 0);
}

/* A phone's media may be faster than its answer. */
static void what_comes_before_the_address_waits_for_it(void **state)
{
	struct addr other = here, outer = there;

	(void)state;
	other.ip[3]++;
	assert_int_equal(from_phone(1, 100), E_AGAIN);
	assert_int_equal(from(&other, 2, 100), E_AGAIN);
	assert_int_equal(from(&outer, 3, 100), E_POLICY); /* no inside.nets */
	assert_int_equal(from_phone(4, 0), E_FORMAT);
	assert_int_equal(from_phone(4, PACKET_MAX + 1), E_FORMAT);
	assert_int_equal(s->stats[INSIDE].packets_in, 0);
	word(STREAM_SEND_NO);
	assert_int_equal(from_phone(5, 100), E_AGAIN);
	word(STREAM_SEND_NOW);
	assert_int_equal(next(), 1);
	assert_int_equal(next(), 5);
	assert_int_equal(next(), -1);
	assert_int_equal(s->stats[INSIDE].dropped_source, 2);
	assert_int_equal(s->stats[INSIDE].packets_in, 2);
	assert_int_equal(s->stats[INSIDE].bytes_in, 200);
}

static void the_oldest_goes(void **state)
{
	(void)state;
	word(STREAM_SEND_NO);
	for (int i = 0; i < HOLD_PACKETS + 3; i++)
		assert_int_equal(from_phone((uint8_t)i, 100), E_AGAIN);
	assert_int_equal(s->hold.n, HOLD_PACKETS);
	assert_int_equal(lost(), 3);
	word(STREAM_SEND_NOW);
	for (int i = 0; i < HOLD_PACKETS; i++)
		assert_int_equal(next(), (uint8_t)(i + 3));
	assert_int_equal(next(), -1);
}

static void bytes_are_bounded(void **state)
{
	(void)state;
	word(STREAM_SEND_NO);
	for (int i = 0; i < 100; i++)
		assert_int_equal(from_phone((uint8_t)i, 2000), E_AGAIN);
	assert_in_range(s->hold.bytes, HOLD_BYTES - 2000, HOLD_BYTES);
	assert_int_equal(s->hold.n + lost(), 100);
}

static void nothing_waits_for_long(void **state)
{
	(void)state;
	word(STREAM_SEND_NO);
	from_phone(1, 100);
	now_us += HOLD_US / 2;
	from_phone(2, 100);
	now_us += HOLD_US / 2;
	stream_tick(s, now_us);
	assert_int_equal(s->hold.n, 1);
	assert_int_equal(lost(), 1);
	from_phone(3, 100);
	now_us += HOLD_US / 2;
	word(STREAM_SEND_NOW);
	assert_int_equal(next(), 3);
	assert_int_equal(next(), -1);
	assert_int_equal(lost(), 2);
	assert_int_equal(s->hold.bytes, 0);
}

/* All streams together have so much room; who has something gives of it. */
static void all_have_one_room(void **state)
{
	const size_t one = sizeof(struct held) + 100;
	struct hold_room room = { HOLD_ROOM - 2 * one };

	(void)state;
	s->hold.room = &room;
	word(STREAM_SEND_NO);
	for (uint8_t i = 1; i <= 4; i++)
		assert_int_equal(from_phone(i, 100), E_AGAIN);
	assert_int_equal(s->hold.n, 2);
	assert_int_equal(lost(), 2);
	assert_int_equal(room.bytes, HOLD_ROOM);
	word(STREAM_SEND_NOW);
	assert_int_equal(next(), 3);
	assert_int_equal(next(), 4);
	assert_int_equal(next(), -1);
	assert_int_equal(room.bytes, HOLD_ROOM - 2 * one);
	s->hold.room = NULL;
}

static void without_room_nothing_waits(void **state)
{
	struct hold_room room = { HOLD_ROOM };

	(void)state;
	s->hold.room = &room;
	word(STREAM_SEND_NO);
	assert_int_equal(from_phone(1, 100), E_AGAIN);
	assert_int_equal(s->hold.n, 0);
	assert_int_equal(lost(), 1);
	assert_int_equal(room.bytes, HOLD_ROOM);
	room.bytes -= sizeof(struct held) + 100;
	assert_int_equal(from_phone(2, 100), E_AGAIN);
	assert_int_equal(from_phone(3, 101), E_AGAIN);
	assert_int_equal(s->hold.n, 0);
	assert_int_equal(lost(), 3);
	assert_int_equal(from_phone(4, 100), E_AGAIN);
	hold_clear(&s->hold);
	assert_int_equal(room.bytes, HOLD_ROOM - sizeof(struct held) - 100);
	s->hold.room = NULL;
}

/* Ten seconds of speech, and their RTCP: the time that IKE has. */
static void speech_waits_for_ike(void **state)
{
	unsigned n = 0;

	(void)state;
	word(STREAM_SEND_NO);
	for (unsigned ms = 0; ms < HOLD_US / 1000; ms += 20, n++) {
		from_phone((uint8_t)n, 172);
		now_us += 20 * 1000;
		if (ms % 5000 == 0)
			from_phone(0xff, 100);
	}
	assert_int_equal(lost(), 0);
	assert_int_equal(s->hold.n, n + 2);
}

static void it_never_becomes_clear(void **state)
{
	struct stream_change c = { .set = { .clear = 1 } };

	(void)state;
	assert_int_equal(stream_set(s, &c, now_us), E_POLICY);
}

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_epoll),
		cmocka_unit_test(by_uring),
		cmocka_unit_test(it_is_never_clear_or_keyed),
		cmocka_unit_test(sealed_as_well),
		cmocka_unit_test(its_keys_wait_for_the_word),
		cmocka_unit_test(the_policy_must_have_tunnels),
		cmocka_unit_test(other_streams_have_none_of_its_ports),
		WITH(nothing_is_given_before_the_word),
		WITH(what_comes_before_the_address_waits_for_it),
		WITH(the_oldest_goes),
		WITH(bytes_are_bounded),
		WITH(all_have_one_room),
		WITH(without_room_nothing_waits),
		WITH(nothing_waits_for_long),
		WITH(speech_waits_for_ike),
		WITH(it_never_becomes_clear),
	};

	log_to(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
