/* test_relay_keys.c - keys and the engine's words about them, in either
 * order; bindings; ids that are used once; what the engine may not do. */
#include "daemon/base/err.h"
#include "daemon/relay/keyring.h"
#include "modules/srtp/transforms.h"
#include "tests/mock/relayrig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define SEND (RIG_EPOCH | 1)
#define RECV (RIG_EPOCH | 2)
#define OTHER (RIG_EPOCH | 3)

static struct rig rig;

static int setup(void **state)
{
	static const struct rig_conf conf = {
		.loop = "epoll", .transform = &evp_transform,
		.suite = SUITE_AEAD_AES_128_GCM, .workers = 2,
	};

	(void)state;
	rig_open(&rig, &conf);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static uint64_t refused(void)
{
	struct control_counts n;

	control_counts(rig.control, &n);
	return n.refused_keys;
}

static struct msg_stream_set set_of(uint32_t stream, uint64_t send,
				    uint64_t recv)
{
	return (struct msg_stream_set){ .stream = stream, .set_keys = 1,
					.may_send = 1,
					.key = { .send = send, .recv = recv } };
}

static int set(uint32_t stream, uint64_t send, uint64_t recv)
{
	struct msg_stream_set m = set_of(stream, send, recv);

	assert_int_equal(rig_set(&rig, &m), 0);
	return rig_done(&rig);
}

static void key_first(void **state)
{
	uint32_t s = rig_stream(&rig, true).stream;

	(void)state;
	assert_int_equal(rig_key(&rig, SEND, s, KEY_SEND), 0);
	assert_int_equal(rig_key(&rig, RECV, s, KEY_RECV), 0);
	assert_int_equal(set(s, SEND, RECV), 0);
	assert_int_equal(set(s, SEND, RECV), 0); /* again: as it is */
}

static void set_first(void **state)
{
	uint32_t s = rig_stream(&rig, true).stream;
	struct msg_stream_set m = set_of(s, SEND, RECV);

	(void)state;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_false(rig_heard(&rig, MSG_STREAM_DONE, 20));
	assert_int_equal(rig_key(&rig, RECV, s, KEY_RECV), 0);
	assert_false(rig_heard(&rig, MSG_STREAM_DONE, 20));
	assert_int_equal(rig_key(&rig, SEND, s, KEY_SEND), 0);
	assert_int_equal(rig_done(&rig), 0);
}

static void key_never_comes(void **state)
{
	uint32_t s = rig_stream(&rig, true).stream;
	struct msg_stream_set m = set_of(s, SEND, RECV);

	(void)state;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_key(&rig, SEND, s, KEY_SEND), 0);
	rig.ahead_us += CONTROL_PARK_US - 500000;
	assert_false(rig_heard(&rig, MSG_STREAM_DONE, 20));
	rig.ahead_us += 600000;
	assert_int_equal(rig_done(&rig), E_TIMEOUT);
	/* it is not too late for another word */
	assert_int_equal(rig_key(&rig, RECV, s, KEY_RECV), 0);
	assert_int_equal(set(s, SEND, RECV), 0);
}

static void a_newer_word_ends_the_older(void **state)
{
	uint32_t s = rig_stream(&rig, true).stream;
	struct msg_stream_set m = set_of(s, SEND, RECV);

	(void)state;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), E_STATE);
	assert_int_equal(rig_del(&rig, s), 0);
	assert_int_equal(rig_done(&rig), E_CLOSED);
	assert_int_equal(set(s, SEND, RECV), E_NOTFOUND);
}

static void bindings_hold(void **state)
{
	uint32_t s = rig_stream(&rig, true).stream;
	uint32_t t = rig_stream(&rig, true).stream;
	struct msg_stream_set m = set_of(s, SEND, RECV);
	struct msg_key strange = { .key_id = OTHER, .call = RIG_CALL + 1,
				   .stream = s, .direction = KEY_RECV,
				   .key = rig_key_of(&rig, OTHER) };
	struct ipc_msg msg = { .type = MSG_KEY, .body = &strange, .fd = -1 };

	(void)state;
	assert_int_equal(rig_key(&rig, SEND, s, KEY_SEND), 0);
	assert_int_equal(rig_key(&rig, RECV, s, KEY_RECV), 0);
	/* another stream, the other direction */
	assert_int_equal(set(t, SEND, RECV), E_AUTH);
	assert_int_equal(set(s, RECV, SEND), E_AUTH);
	assert_int_equal(set(s, SEND, SEND), E_AUTH);
	/* another call */
	assert_int_equal(control_message(rig.control, PROC_KEEPER, &msg), 0);
	assert_int_equal(refused(), 1);
	assert_int_equal(set(s, SEND, OTHER), E_AUTH);
	assert_int_equal(set(s, SEND, RECV), 0);
	/* the wrong key comes for a word that waits */
	m = set_of(t, RIG_EPOCH | 4, 0);
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_key(&rig, RIG_EPOCH | 4, s, KEY_SEND), 0);
	assert_int_equal(rig_done(&rig), E_AUTH);
}

static void an_id_is_used_once(void **state)
{
	uint32_t s = rig_stream(&rig, true).stream;

	(void)state;
	assert_int_equal(rig_key(&rig, SEND, s, KEY_SEND), 0);
	assert_int_equal(rig_key(&rig, RECV, s, KEY_RECV), 0);
	assert_int_equal(rig_key(&rig, SEND, s, KEY_SEND), 0);
	assert_int_equal(refused(), 1);
	assert_int_equal(set(s, SEND, RECV), 0);
	assert_int_equal(rig_key(&rig, SEND, s, KEY_SEND), 0);
	assert_int_equal(refused(), 2);
	/* released, and dead for ever: the same id, known or not */
	assert_int_equal(rig_key_gone(&rig, SEND), 0);
	assert_int_equal(rig_key(&rig, SEND, s, KEY_SEND), 0);
	assert_int_equal(refused(), 3);
	assert_int_equal(set(s, SEND, RECV), E_NOTFOUND);
	assert_int_equal(rig_key_gone(&rig, OTHER), 0);
	assert_int_equal(rig_key(&rig, OTHER, s, KEY_SEND), 0);
	assert_int_equal(refused(), 4);
}

static void a_key_goes_with_its_stream(void **state)
{
	uint32_t s = rig_stream(&rig, true).stream, t;
	struct control_counts n;

	(void)state;
	assert_int_equal(rig_key(&rig, SEND, s, KEY_SEND), 0);
	assert_int_equal(rig_del(&rig, s), 0);
	t = rig_stream(&rig, true).stream;
	assert_int_not_equal(t, s);
	assert_int_equal(set(t, SEND, 0), E_NOTFOUND);
	assert_int_equal(rig_key(&rig, RECV, s, KEY_RECV), 0);
	control_counts(rig.control, &n);
	assert_int_equal(n.late, 1);
	assert_int_equal(n.streams, 1);
}

static void rules_of_the_engine(void **state)
{
	uint32_t plain = rig_stream(&rig, false).stream;
	uint32_t sealed = rig_stream(&rig, true).stream;
	struct msg_stream_set m = { .stream = sealed, .set_remote = { 1, 0 } };
	struct addr in, out;

	(void)state;
	assert_int_equal(addr_parse("127.0.0.1:21290", &in), 0);
	assert_int_equal(addr_parse("127.0.0.2:21290", &out), 0);
	m.remote[INSIDE] = out;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), E_POLICY);
	m.remote[INSIDE] = in;
	m.remote_rtcp[INSIDE] = out;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), E_POLICY);
	assert_int_equal(rig_stats(&rig, sealed).remote[INSIDE].family, 0);
	m.remote_rtcp[INSIDE].family = 0;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), 0);
	assert_true(addr_equal(&rig_stats(&rig, sealed).remote[INSIDE], &in));
	m.set_remote[OUTSIDE] = 1;
	assert_int_equal(addr_parse("[::1]:21290", &m.remote[OUTSIDE]), 0);
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), E_UNSUPPORTED);
	/* to send it needs a key; a plain stream takes none */
	assert_int_equal(set(sealed, 0, 0), E_STATE);
	assert_int_equal(rig_key(&rig, SEND, plain, KEY_SEND), 0);
	assert_int_equal(refused(), 1);
	assert_int_equal(set(plain, SEND, 0), E_STATE);
	/* values that no engine of ours sends end the pair */
	m.remote[OUTSIDE].family = 5;
	assert_int_equal(rig_set(&rig, &m), E_FORMAT);
	assert_int_equal(rig_key(&rig, OTHER, sealed, 2), E_FORMAT);
	assert_int_equal(rig_add(&rig, 0, true), E_FORMAT);
	assert_int_equal(rig_add(&rig, STREAM_MAX + 1, true), E_FORMAT);
}

static int make_clear(uint32_t s)
{
	struct msg_stream_set m = { .stream = s, .may_send = 1, .clear = 1 };

	assert_int_equal(rig_set(&rig, &m), 0);
	return rig_done(&rig);
}

/* Decided once: by a key that may protect, or by word before there is one. */
static void a_stream_that_may_be_clear(void **state)
{
	uint32_t one = rig_stream(&rig, STREAM_MAYBE).stream;
	uint32_t two = rig_stream(&rig, STREAM_MAYBE).stream;
	uint32_t sealed = rig_stream(&rig, STREAM_SEALED).stream;
	uint32_t clear = rig_stream(&rig, STREAM_CLEAR).stream;
	struct msg_stream_set both = { .stream = two, .clear = 1,
				       .set_keys = 1 };

	(void)state;
	assert_int_equal(set(one, 0, 0), E_STATE); /* no key, no word */
	assert_int_equal(rig_key(&rig, SEND, one, KEY_SEND), 0);
	assert_int_equal(rig_key(&rig, RECV, one, KEY_RECV), 0);
	assert_int_equal(set(one, SEND, RECV), 0);
	assert_int_equal(make_clear(one), E_POLICY);

	assert_int_equal(rig_key(&rig, OTHER, two, KEY_SEND), 0);
	assert_int_equal(make_clear(two), 0);
	assert_int_equal(make_clear(two), 0);
	assert_int_equal(set(two, OTHER, 0), E_STATE);
	assert_int_equal(rig_key(&rig, OTHER + 1, two, KEY_SEND), 0);
	assert_int_equal(refused(), 1);

	assert_int_equal(make_clear(sealed), E_POLICY);
	assert_int_equal(make_clear(clear), 0);
	assert_int_equal(rig_set(&rig, &both), E_FORMAT);
}

static void nothing_passes_undecided(void **state)
{
	uint8_t pkt[RIG_RTP_LEN], got[RIG_RTP_LEN + 64];
	struct msg_stream_port p = rig_stream(&rig, STREAM_MAYBE);
	struct rig_end phone, far;
	struct msg_stream_set m = { .stream = p.stream,
				    .set_remote = { 1, 1 } };

	(void)state;
	rig_end_open(&phone, 21280);
	rig_end_open(&far, 21284);
	m.remote[INSIDE] = phone.local;
	m.remote[OUTSIDE] = far.local;
	assert_int_equal(rig_set(&rig, &m), 0);
	assert_int_equal(rig_done(&rig), 0);
	rig_rtp(pkt, 1, 1, 160, 'a');
	rig_send(&phone, 0, &p.local[INSIDE], pkt, sizeof pkt);
	assert_int_equal(rig_recv(&far, 0, got, sizeof got, 50), 0);
	rig_send(&far, 0, &p.local[OUTSIDE], pkt, sizeof pkt);
	assert_int_equal(rig_recv(&phone, 0, got, sizeof got, 50), 0);
	assert_int_equal(make_clear(p.stream), 0);
	rig_send(&phone, 0, &p.local[INSIDE], pkt, sizeof pkt);
	assert_int_equal(rig_recv(&far, 0, got, sizeof got, 2000),
			 sizeof pkt);
	assert_memory_equal(got, pkt, sizeof pkt);
	rig_send(&far, 0, &p.local[OUTSIDE], pkt, sizeof pkt);
	assert_int_equal(rig_recv(&phone, 0, got, sizeof got, 2000),
			 sizeof pkt);
	rig_end_close(&phone);
	rig_end_close(&far);
}

static void all_lines_or_none(void **state)
{
	struct control_counts n;
	struct rig_message m;

	(void)state;
	/* 40 pairs, both faces on one address */
	assert_int_equal(rig_add(&rig, 8, true), 0);
	assert_int_equal(rig_add(&rig, 8, true), 0);
	assert_int_equal(rig_wait(&rig, MSG_STREAM_ADDED).added.err, 0);
	m = rig_wait(&rig, MSG_STREAM_ADDED);
	assert_int_equal(m.added.n, 8);
	for (unsigned i = 1; i < 8; i++)
		assert_int_not_equal(m.added.port[i].ssrc,
				     m.added.port[i - 1].ssrc);
	assert_int_equal(rig_add(&rig, 8, true), 0);
	m = rig_wait(&rig, MSG_STREAM_ADDED);
	assert_int_equal(m.added.err, E_FULL);
	assert_int_equal(m.added.n, 0);
	control_counts(rig.control, &n);
	assert_int_equal(n.streams, 16);
	control_clear(rig.control);
	control_counts(rig.control, &n);
	assert_int_equal(n.streams, 0);
}

static void tombstones_of_many_ids(void **state)
{
	const uint64_t epoch = UINT64_C(5) << 32;
	struct keyring *k;

	(void)state;
	assert_int_equal(keyring_new(&k), 0);
	for (uint64_t i = 1; i < 600000; i += 1 + i % 2) {
		assert_false(keyring_seen(k, epoch | i));
		assert_int_equal(keyring_mark(k, epoch | i), 0);
		assert_int_equal(keyring_mark(k, epoch | i), E_REPLAY);
	}
	assert_true(keyring_seen(k, epoch | 1)); /* long ago */
	assert_int_equal(keyring_mark(k, epoch | 700000), 0);
	assert_int_equal(keyring_mark(k, epoch | 699999), 0);
	assert_int_equal(keyring_mark(k, epoch | 699999), E_REPLAY);
	assert_int_equal(keyring_mark(k, epoch | 3000000000u), 0);
	assert_int_equal(keyring_mark(k, epoch | 2999999000u), 0);
	/* a new keeper, then the old one's ids again */
	assert_int_equal(keyring_mark(k, (epoch + (UINT64_C(1) << 32)) | 1), 0);
	assert_int_equal(keyring_mark(k, epoch | 3000000001u), E_REPLAY);
	keyring_free(k);
}

static void no_clear_stream_where_all_must_be_sealed(void **state)
{
	static const struct rig_conf conf = {
		.loop = "epoll", .transform = &evp_transform,
		.suite = SUITE_AEAD_AES_128_GCM, .workers = 1,
		.only_sealed = true,
	};
	struct rig_message m;

	(void)state;
	rig_open(&rig, &conf);
	assert_int_equal(rig_add(&rig, 2, false), 0);
	m = rig_wait(&rig, MSG_STREAM_ADDED);
	assert_int_equal(m.added.err, E_POLICY);
	assert_int_equal(m.added.n, 0);
	rig_stream(&rig, true);
	rig_close(&rig);
}

/* Offers that fail before anybody was told of a port, forged ones above all,
 * must not use the ports up for others. */
static void untold_ports_need_no_rest(void **state)
{
	static const struct rig_conf conf = {
		.loop = "epoll", .transform = &evp_transform,
		.suite = SUITE_AEAD_AES_128_GCM, .workers = 1,
		.port_min = 23440, .port_max = 23455,
	};
	struct rig_message m;

	(void)state;
	rig_open(&rig, &conf);
	for (unsigned i = 0; i < 40; i++) {
		/* until the worker has closed the sockets of those before */
		for (unsigned tries = 0;; tries++) {
			assert_int_equal(rig_add(&rig, 1, true), 0);
			m = rig_wait(&rig, MSG_STREAM_ADDED);
			if (!m.added.err || tries == 500)
				break;
			rig_heard(&rig, MSG_STREAM_DONE, 10);
		}
		assert_int_equal(m.added.err, 0);
		assert_int_equal(rig_del(&rig, m.added.port[0].stream), 0);
	}
	rig_close(&rig);
}

#define RIGGED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(key_first),
		RIGGED(set_first),
		RIGGED(key_never_comes),
		RIGGED(a_newer_word_ends_the_older),
		RIGGED(bindings_hold),
		RIGGED(an_id_is_used_once),
		RIGGED(a_key_goes_with_its_stream),
		RIGGED(rules_of_the_engine),
		RIGGED(a_stream_that_may_be_clear),
		RIGGED(nothing_passes_undecided),
		RIGGED(all_lines_or_none),
		cmocka_unit_test(tombstones_of_many_ids),
		cmocka_unit_test(untold_ports_need_no_rest),
		cmocka_unit_test(no_clear_stream_where_all_must_be_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
