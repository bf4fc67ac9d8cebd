/* test_tunnels.c - what engine and keeper ask the tunnel process for: in either
 * order, forged, out of place, too much; and what is left afterwards. */
#include "daemon/base/err.h"
#include "tests/unit/tunnels_rig.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* -- tests ---------------------------------------------------------------- */

static void either_order(void **state)
{
	uint32_t a = up(40000, 1), b = reserve(40002);
	unsigned n = said.n;

	(void)state;
	ask(b, 2, 0);
	assert_int_equal(said.n, n); /* it waits */
	key(key_of(b, 40002, 2));
	assert_int_equal(said.n, n + 1);
	assert_int_equal(said.raised.err, 0);
	assert_int_equal(said.raised.tunnel, b);
	assert_int_equal(maker.raised, 2);
	assert_int_equal(maker.last.far.spi, 0x7777);
	assert_int_equal(counts().held, 0);
	drop(a);
	drop(b);
	drop(b); /* gone: no fault */
	assert_int_equal(maker.there, 0);
	assert_int_equal(counts().late, 1);
}

static void a_raise_does_not_wait_for_ever(void **state)
{
	uint32_t a = reserve(40000);
	uint64_t us;

	(void)state;
	assert_int_equal(tunnels_tick(t), UINT64_MAX);
	ask(a, 1, 0);
	us = tunnels_tick(t);
	assert_int_equal(us, TUNNEL_PARK_US);
	now += us;
	tunnels_tick(t);
	assert_int_equal(said.raised.err, E_TIMEOUT);
	key(key_of(a, 40000, 1)); /* late, but good for another try */
	assert_int_equal(raise_it(a, 1, 0), 0);
	drop(a);
}

static void what_is_dropped_answers(void **state)
{
	uint32_t a = reserve(40000);

	(void)state;
	ask(a, 1, 0);
	ask(a, 2, 0); /* the newer word counts */
	assert_int_equal(said.raised.err, E_STATE);
	drop(a);
	assert_int_equal(said.raised.err, E_CLOSED);
	assert_int_equal(raise_it(a, 1, 0), E_NOTFOUND);
}

static void ports_are_ours_and_one_calls(void **state)
{
	static const char *const wrong[] = {
		"10.1.1.2:40000", "10.1.1.1:39998", "10.1.1.1:41200",
		"10.1.1.1:40001", "10.1.1.1", "[fd00::2]:40000",
		"127.0.0.1:40000",
	};
	struct msg_tunnel_reserve m = { .call = CALL, .n = 2,
					.scope = ESP_MEDIA };

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		m.local[0] = port(40000);
		addr_parse(wrong[i], &m.local[1]);
		give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m, sizeof m);
		assert_int_equal(said.reserved.err, E_POLICY);
		assert_int_equal(said.reserved.n, 0);
		assert_int_equal(maker.there, 0); /* all or none */
	}
	m.local[1] = (struct addr){ .port = 40002 };
	give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m, sizeof m);
	assert_int_equal(said.reserved.err, E_POLICY);
	addr_parse("[fd00::1]:40000", &m.local[1]);
	maker.no_six = true;
	give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m, sizeof m);
	assert_int_equal(said.reserved.err, E_UNSUPPORTED);
	maker.no_six = false;
	give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m, sizeof m);
	assert_int_equal(said.reserved.err, 0);
	assert_int_equal(said.reserved.n, 2);
	assert_int_equal(reserve_of(CALL + 1, 40000), E_EXISTS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(reserve_of(CALL, 40000), 0);
	assert_int_equal(reserve_of(CALL, 40000), E_FULL);
	maker.reserve_err = E_FULL;
	assert_int_equal(reserve_of(CALL, 40004), E_FULL);
	assert_non_null(strstr(said.reserved.reason, "mock"));
	tunnels_clear(t);
	assert_int_equal(maker.there, 0);
}

/* What a key is bound to, field by field. */
static void keys_are_for_what_they_say(void **state)
{
	static const struct {
		size_t offset;
		uint8_t flip;
	} rows[] = {
#define FIELD(f) { offsetof(struct msg_tunnel_key, f), 3 }
		FIELD(call), FIELD(mode), FIELD(scope), FIELD(udp),
		FIELD(near.spi), FIELD(near.at.ip), FIELD(near.at.family),
		FIELD(near.at.port), FIELD(near.n),
		{ offsetof(struct msg_tunnel_key, near.natted), 1 },
		FIELD(near.sel[0].port), FIELD(near.sel[0].mask),
		FIELD(near.sel[0].net.bits), FIELD(near.sel[0].net.base.ip),
		FIELD(near.sel[0].protocol), FIELD(far.at.family),
		FIELD(far.n), FIELD(far.sel[0].net.bits),
		FIELD(far.sel[0].mask),
		FIELD(far.sel[0].protocol), FIELD(far.sel[0].net.base.ip),
		FIELD(in.suite), FIELD(out.suite),
	};
	uint32_t a = reserve(40000);
	uint64_t refused = 0, id = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct msg_tunnel_key m = key_of(a, 40000, ++id);

		((uint8_t *)&m)[rows[i].offset] ^= rows[i].flip;
		key(m);
		assert_int_equal(counts().refused_keys, ++refused);
		assert_int_equal(raise_it(a, id, 0), E_AUTH);
		gone(id);
	}
	{
		struct msg_tunnel_key m = key_of(a, 40000, ++id);

		m.life_s = 0;
		key(m);
		assert_int_equal(raise_it(a, id, 0), E_AUTH);
	}
	key(key_of(a, 40000, ++id));
	assert_int_equal(raise_it(a, id, 0), 0);
	drop(a);
}

/* The keeper's word of both ends, and what the kernel is given of it. */
static void keys_of_a_nat_are_in_udp(bool ours)
{
	static const struct clock clock = { .mono_us = rig_mono };
	struct settings s = { .tunnel = { .port_min = 40000, .port_max = 40999,
					  .udp = 4501 } };
	struct tunnels_conf conf = { .settings = &s, .clock = &clock,
				     .maker = &maker.role, .tell = rig_tell };
	struct msg_tunnel_key m;
	struct addr home = port(40000), seen, far;
	uint32_t a;

	tunnels_free(t);
	s.face[OUTSIDE].media[0] = port(0);
	addr_parse("198.51.100.7", &seen);
	addr_parse("10.2.2.2:50000", &far);
	if (ours)
		s.tunnel.seen[0] = seen;
	assert_int_equal(tunnels_new(&conf, &t), 0);
	a = reserve(40000);
	m = key_of(a, 40000, 1);
	m.udp = 1;
	assert_int_equal(esp_own_end(ESP_MEDIA, &home, &s.tunnel.seen[0], 4501,
				     said.reserved.spi[0], &m.near), 0);
	m.far.natted = !ours;
	key(m); /* the far end has no port */
	assert_int_equal(raise_it(a, 1, 0), E_AUTH);
	m.key_id = EPOCH | 2;
	m.far.at.port = 4777;
	m.udp = 0;
	key(m);
	assert_int_equal(raise_it(a, 2, 0), E_AUTH);
	m.key_id = EPOCH | 3;
	m.udp = 1;
	key(m);
	assert_int_equal(raise_it(a, 3, 0), 0);
	home.port = 4501;
	assert_true(addr_equal(&maker.last.near.at, &home));
	home.port = 0;
	assert_true(addr_equal(&maker.last.near.sel[0].net.base, &home));
	assert_int_equal(maker.last.far.at.port, 4777);
	drop(a);
}

static void a_nat_before_us(void **state)
{
	(void)state;
	keys_of_a_nat_are_in_udp(true);
}

static int raise_seen(const struct addr *seen, uint64_t id, uint32_t instead)
{
	uint32_t a = reserve(40000);
	struct addr home = port(40000);
	struct msg_tunnel_key m = key_of(a, 40000, id);

	m.udp = m.far.natted = 1;
	m.far.at.port = 4777;
	assert_int_equal(esp_own_end(ESP_MEDIA, &home, seen, 4501,
				     said.reserved.spi[0], &m.near), 0);
	key(m);
	return raise_it(a, id, instead);
}

/* What it made of us is over with the reload, for keys that come later. */
static void a_nat_that_changes(void **state)
{
	struct settings s = { .tunnel = { .udp = 4501 } };
	struct addr one, other;
	uint32_t a;

	(void)state;
	keys_of_a_nat_are_in_udp(true);
	addr_parse("198.51.100.7", &one);
	addr_parse("198.51.100.8", &other);
	assert_int_equal(raise_seen(&one, 10, 0), 0);
	a = said.raised.tunnel;
	s.tunnel.seen[0] = other;
	tunnels_reload(t, &s);
	assert_int_equal(raise_seen(&one, 11, a), E_AUTH);
	assert_int_equal(raise_seen(&other, 12, a), 0);
	tunnels_clear(t);
}

static void a_nat_before_the_far_end(void **state)
{
	(void)state;
	keys_of_a_nat_are_in_udp(false);
}

static void a_key_is_one_tunnels(void **state)
{
	uint32_t a = reserve(40000), b;
	struct msg_tunnel_key m = key_of(a, 40000, 1);

	(void)state;
	b = reserve(40002);
	ask(b, 1, 0);
	key(m);
	assert_int_equal(said.raised.tunnel, b);
	assert_int_equal(said.raised.err, E_AUTH);
	assert_int_equal(raise_it(a, 1, 0), 0);
	key(m); /* its id came before */
	assert_int_equal(counts().refused_keys, 1);
	drop(a);
	drop(b);
}

static void an_id_counts_once(void **state)
{
	uint32_t a = reserve(40000);
	struct msg_tunnel_key m = key_of(a, 40000, 9);

	(void)state;
	gone(9); /* before it came */
	key(m);
	assert_int_equal(counts().held, 0);
	assert_int_equal(raise_it(a, 9, 0), E_NOTFOUND);
	key(key_of(a, 40000, 10));
	gone(10);
	assert_int_equal(raise_it(a, 10, 0), E_NOTFOUND);
	m = key_of(a, 40000, 11);
	m.key_id = (EPOCH - (UINT64_C(1) << 32)) | 11; /* an older keeper */
	key(m);
	assert_int_equal(counts().held, 0);
	drop(a);
}

static void keys_that_wait_are_bounded(void **state)
{
	uint32_t a = reserve(40000);

	(void)state;
	for (uint64_t id = 1; id <= 20; id++)
		key(key_of(a, 40000, id));
	assert_int_equal(counts().held, 8);
	assert_int_equal(counts().refused_keys, 12);
	assert_int_equal(raise_it(a, 3, 0), 0); /* the winner of a fork */
	assert_int_equal(counts().held, 0);
	assert_int_equal(raise_it(a, 4, 0), E_STATE);
	key(key_of(a, 40000, 30)); /* a branch that is late */
	assert_int_equal(counts().held, 0);
	drop(a);
}

static void what_the_kernel_refuses_is_told(void **state)
{
	uint32_t a = reserve(40000);

	(void)state;
	key(key_of(a, 40000, 1));
	maker.raise_err = E_EXISTS;
	assert_int_equal(raise_it(a, 1, 0), E_EXISTS);
	assert_non_null(strstr(said.raised.reason, "mock"));
	maker.raise_err = 0;
	assert_int_equal(raise_it(a, 1, 0), E_NOTFOUND); /* it is used up */
	key(key_of(a, 40000, 2));
	assert_int_equal(raise_it(a, 2, 0), 0);
	drop(a);
}

static void new_keys_take_over(void **state)
{
	uint32_t a = up(40000, 1), b = reserve(40000), c;
	uint64_t us;

	(void)state;
	key(key_of(b, 40000, 2));
	assert_int_equal(raise_it(b, 2, a), 0);
	assert_int_equal(maker.raised, 2);
	us = tunnels_tick(t);
	assert_int_equal(us, 10000000);
	c = reserve(40000);
	key(key_of(c, 40000, 3));
	assert_int_equal(raise_it(c, 3, a), E_STATE); /* replaced already */
	now += us;
	assert_int_equal(tunnels_tick(t), UINT64_MAX);
	assert_int_equal(maker.raised, 1);
	assert_int_equal(raise_it(c, 3, b), 0);
	drop(c); /* and what it replaced */
	assert_int_equal(maker.there, 0);
}

static uint32_t answered(unsigned at, uint64_t id, uint32_t instead)
{
	uint32_t tunnel = reserve(at);

	key(key_of(tunnel, at, id));
	ask_proven(tunnel, id, instead);
	assert_int_equal(said.raised.err, 0);
	return tunnel;
}

/* Who answered sends by the old ones until the far end has the new ones. */
static void new_keys_send_when_heard(void **state)
{
	uint32_t a = up(40000, 1), b = answered(40000, 2, a);
	uint64_t us = tunnels_tick(t);

	(void)state;
	assert_true(sends(a) && !sends(b));
	assert_true(us <= 100000);
	now += us;
	us = tunnels_tick(t);
	assert_true(us <= 100000 && sends(a));
	maker.heard = true;
	now += us;
	us = tunnels_tick(t);
	assert_true(sends(b) && !sends(a));
	assert_true(us > 9000000 && us < 10000000); /* a's grace */
	maker.heard = false;
	/* a far end that is silent is not waited for for ever */
	a = answered(40000, 3, b);
	for (uint64_t end = now + 10000000 / 3; now < end; now += us) {
		us = tunnels_tick(t);
		assert_true(sends(b));
	}
	tunnels_tick(t);
	assert_true(sends(a));
	drop(a);
	assert_int_equal(maker.there, 0);
}

/* The old ones go first, or newer ones come: what waited sends. */
static void what_waits_to_send_is_not_forgotten(void **state)
{
	uint32_t a = up(40000, 1), b = answered(40000, 2, a), c;

	(void)state;
	drop(a);
	assert_true(sends(b));
	c = answered(40000, 3, b);
	a = answered(40000, 4, c);
	assert_true(sends(c) && !sends(b) && !sends(a));
	gone(3); /* it is replaced: it has its grace */
	assert_true(sends(c));
	gone(4);
	assert_int_equal(said.event.event, TUNNEL_EVENT_GONE);
	assert_int_equal(said.event.tunnel, a);
	assert_int_equal(maker.there, 0);
}

static void who_cannot_send_is_gone(void **state)
{
	uint32_t a = up(40000, 1), b = answered(40000, 2, a), c;

	(void)state;
	maker.turn_err = E_FULL;
	maker.heard = true;
	now += tunnels_tick(t);
	tunnels_tick(t);
	assert_int_equal(said.event.event, TUNNEL_EVENT_GONE);
	assert_int_equal(said.event.tunnel, b);
	assert_int_equal(maker.there, 0);
	a = up(40000, 3);
	c = reserve(40000);
	key(key_of(c, 40000, 4));
	assert_int_equal(raise_it(c, 4, a), E_FULL);
	assert_true(sends(a));
	assert_int_equal(maker.there, 1);
	maker.turn_err = 0;
	maker.heard = false;
	drop(a);
}

static void only_the_same_port_is_replaced(void **state)
{
	uint32_t a = up(40000, 1), b = reserve(40002);

	(void)state;
	key(key_of(b, 40002, 2));
	assert_int_equal(raise_it(b, 2, a), E_STATE);
	assert_int_equal(raise_it(b, 2, 99), E_STATE);
	assert_int_equal(raise_it(b, 2, b), E_STATE);
	assert_int_equal(raise_it(b, 2, 0), 0);
	drop(a);
	drop(b);
}

static void event(uint32_t tunnel, enum tunnel_event e)
{
	for (size_t i = 0; i < MAKER_PAIRS; i++)
		if (maker.pair[i].owner &&
		    maker.pair[i].spi == 0x1000 + tunnel)
			maker.event_owner = maker.pair[i].owner;
	assert_non_null(maker.event_owner);
	maker.event = e;
	assert_int_equal(tunnels_events(t), 0);
}

/* The engine gave up before it heard that new keys are in force: it is told
 * that the old ones are not. */
static void who_was_late_hears_of_it(void **state)
{
	uint32_t a = up(40000, 1), b = answered(40000, 2, a);

	(void)state;
	drop(b);
	assert_int_equal(said.event.event, TUNNEL_EVENT_GONE);
	assert_int_equal(said.event.tunnel, a);
	assert_int_equal(maker.there, 0);
}

/* The old one is no more, and the new one cannot send: it is gone, too. */
static void who_cannot_take_over_is_gone(void **state)
{
	uint32_t a = up(40000, 1), b = answered(40000, 2, a);

	(void)state;
	maker.turn_err = E_FULL;
	event(a, TUNNEL_EVENT_GONE);
	now += tunnels_tick(t);
	tunnels_tick(t);
	assert_int_equal(said.event.event, TUNNEL_EVENT_GONE);
	assert_int_equal(said.event.tunnel, b);
	assert_int_equal(maker.there, 0);
	maker.turn_err = 0;
}

static void events_are_told(void **state)
{
	uint32_t a = up(40000, 1), b, old;
	unsigned n = said.n;

	(void)state;
	event(a, TUNNEL_EVENT_SOFT);
	assert_int_equal(said.event.event, TUNNEL_EVENT_SOFT);
	event(a, TUNNEL_EVENT_SOFT); /* of the other direction */
	assert_int_equal(said.n, n + 1);
	old = a;
	b = reserve(40000);
	key(key_of(b, 40000, 2));
	assert_int_equal(raise_it(b, 2, old), 0);
	n = said.n;
	event(old, TUNNEL_EVENT_GONE); /* nobody misses it */
	assert_int_equal(said.n, n);
	assert_int_equal(maker.there, 1);
	event(b, TUNNEL_EVENT_GONE);
	assert_int_equal(said.event.event, TUNNEL_EVENT_GONE);
	assert_int_equal(said.event.tunnel, b);
	assert_int_equal(maker.there, 0);
	a = up(40000, 3);
	gone(3);
	assert_int_equal(said.event.tunnel, a);
	assert_int_equal(maker.there, 0);
	maker.events_err = E_IO;
	assert_int_equal(tunnels_events(t), E_IO);
}

static void messages_come_from_whom_they_must(void **state)
{
	struct msg_tunnel_reserve m = { .call = CALL, .n = 0 };
	struct msg_tunnel_raise r = { 1, 0, 0, 0, 0 };
	struct msg_tunnel_key k = { .key_id = 0 };
	struct msg_key_gone g = { 0 };

	(void)state;
	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m,
			      sizeof m), E_FORMAT);
	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RAISE, 1, &r, sizeof r),
			 E_FORMAT);
	assert_int_equal(give(PROC_KEEPER, MSG_TUNNEL_KEY, 1, &k, sizeof k),
			 E_FORMAT);
	k.key_id = 1;
	memset(&k.near.natted, 2, 1);
	assert_int_equal(give(PROC_KEEPER, MSG_TUNNEL_KEY, 1, &k, sizeof k),
			 E_FORMAT);
	assert_int_equal(give(PROC_KEEPER, MSG_TUNNEL_KEY_GONE, 1, &g,
			      sizeof g), E_FORMAT);
	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_KEY, 1, &k, sizeof k),
			 E_STATE);
	assert_int_equal(give(PROC_KEEPER, MSG_TUNNEL_RAISE, 1, &r, sizeof r),
			 E_STATE);
	assert_int_equal(give(PROC_ENGINE, MSG_STREAM_DEL, 1, &r, sizeof r),
			 E_STATE);
}

/* -- the list ------------------------------------------------------------- */

static json_t *list_after(uint32_t after)
{
	struct msg_tunnel_list m = { .after = after };
	json_t *o;

	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_LIST, 6, &m, sizeof m),
			 0);
	assert_int_equal(said.listed.err, 0);
	assert_int_equal(said.listed.len, strlen(said.text));
	assert_true(said.listed.len + sizeof said.listed <= IPC_BODY_MAX);
	o = json_loads(said.text, 0, NULL);
	assert_non_null(o);
	return o;
}

static const char *text(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void the_list_says_what_there_is(void **state)
{
	json_t *o, *one, *in;

	(void)state;
	up(40000, 1);
	reserve(40002);
	now += 100 * 1000000;
	o = list_after(0);
	assert_int_equal(json_array_size(json_object_get(o, "tunnels")), 2);
	one = json_array_get(json_object_get(o, "tunnels"), 0);
	in = json_object_get(one, "in");
	assert_string_equal(text(one, "call"), "4d");
	assert_string_equal(text(one, "peer"), "b");
	assert_string_equal(text(one, "state"), "raised");
	assert_string_equal(text(one, "local"), "10.1.1.1:40000");
	assert_string_equal(text(one, "remote"), "10.2.2.2:50000");
	assert_string_equal(text(one, "suite"), "AES_128_GCM");
	assert_string_equal(text(in, "spi"), "0x00001001");
	assert_int_equal(json_integer_value(json_object_get(in, "packets")),
			 3);
	assert_int_equal(json_integer_value(json_object_get(one, "left_s")),
			 3500);
	one = json_array_get(json_object_get(o, "tunnels"), 1);
	assert_string_equal(text(one, "state"), "reserved");
	assert_int_equal(json_integer_value(
		json_object_get(o, "block_policies")), 12);
	assert_int_equal(json_integer_value(
		json_object_get(o, "foreign_count")), 40);
	assert_int_equal(json_array_size(json_object_get(o, "foreign")), 32);
	one = json_object_get(o, "foreign_policies");
	assert_int_equal(json_array_size(one), 32);
	assert_string_equal(json_string_value(json_array_get(one, 0)),
			    "10.1.0.0/16 to 0.0.0.0/0, priority 7");
	json_decref(o);
	tunnels_clear(t);
}

/* In UDP to where, and from where it was heard, too. */
static void the_list_says_where_udp_goes(void **state)
{
	json_t *o, *one;

	(void)state;
	maker.port = 61001;
	addr_parse("10.3.3.3:4501", &maker.elsewhere);
	up(40000, 1);
	o = list_after(0);
	one = json_array_get(json_object_get(o, "tunnels"), 0);
	assert_string_equal(text(one, "udp"), "10.2.2.2:61001");
	assert_string_equal(text(one, "elsewhere"), "10.3.3.3:4501");
	json_decref(o);
	maker.port = 0;
	maker.elsewhere = (struct addr){ 0 };
	o = list_after(0);
	one = json_array_get(json_object_get(o, "tunnels"), 0);
	assert_null(json_object_get(one, "udp"));
	assert_null(json_object_get(one, "elsewhere"));
	json_decref(o);
	tunnels_clear(t);
}

/* Whichever of the two is due first. */
static void the_maker_has_its_time(void **state)
{
	(void)state;
	maker.tick_again_us = 3000000;
	assert_int_equal(tunnels_tick(t), 3000000);
	assert_int_equal(maker.ticked_us, now);
	ask(reserve(40000), 1, 0); /* waits for its key */
	maker.tick_again_us = TUNNEL_PARK_US + 1;
	assert_int_equal(tunnels_tick(t), TUNNEL_PARK_US);
	maker.tick_again_us = 7;
	assert_int_equal(tunnels_tick(t), 7);
	now += TUNNEL_PARK_US;
	assert_int_equal(tunnels_tick(t), 7);
	maker.tick_again_us = 0;
	assert_int_equal(tunnels_tick(t), UINT64_MAX);
	tunnels_clear(t);
}

/* More than a message holds: in portions, each tunnel once. */
static void a_long_list_comes_in_portions(void **state)
{
	size_t n = 0, portions = 0;
	uint32_t after = 0;

	(void)state;
	for (unsigned i = 0; i < 600; i++)
		up(40000 + 2 * i, 1 + i);
	do {
		json_t *o = list_after(after);

		n += json_array_size(json_object_get(o, "tunnels"));
		json_decref(o);
		after = said.listed.next;
		portions++;
	} while (!(after & TUNNEL_USE_BIT)); /* charon's are next */
	assert_int_equal(n, 600);
	assert_true(portions > 1);
	tunnels_clear(t);
	assert_int_equal(maker.there, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)
	const struct CMUnitTest tests[] = {
		TEST(either_order), TEST(a_raise_does_not_wait_for_ever),
		TEST(what_is_dropped_answers),
		TEST(ports_are_ours_and_one_calls),
		TEST(keys_are_for_what_they_say), TEST(a_key_is_one_tunnels),
		TEST(a_nat_before_us), TEST(a_nat_that_changes),
		TEST(a_nat_before_the_far_end),
		TEST(an_id_counts_once), TEST(keys_that_wait_are_bounded),
		TEST(what_the_kernel_refuses_is_told),
		TEST(new_keys_take_over),
		TEST(new_keys_send_when_heard),
		TEST(what_waits_to_send_is_not_forgotten),
		TEST(who_cannot_send_is_gone),
		TEST(who_cannot_take_over_is_gone),
		TEST(who_was_late_hears_of_it),
		TEST(only_the_same_port_is_replaced),
 TEST(events_are_told),
		TEST(messages_come_from_whom_they_must),
		TEST(the_list_says_what_there_is),
		TEST(the_list_says_where_udp_goes),
		TEST(the_maker_has_its_time),
		TEST(a_long_list_comes_in_portions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
