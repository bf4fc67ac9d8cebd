/* test_tunnels_shared.c - tunnels that calls to one far end have in common:
 * which of them sends, and what is left when one goes. */
#include "daemon/base/err.h"
#include "tests/unit/tunnels_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

/* Of that call, to 10.2.2.LAST; its key is not there yet. */
static struct msg_tunnel_key host_key(uint64_t call, uint64_t id, uint8_t last)
{
	static const struct addr none;
	struct addr near = port(0), far = { .family = 4,
					    .ip = { 10, 2, 2, last } };
	struct msg_tunnel_key m;

	assert_int_equal(reserve_of(call, 0), 0);
	m = key_of(said.reserved.tunnel[0], 40000, id);
	m.call = call;
	m.scope = ESP_HOST;
	assert_int_equal(esp_own_end(ESP_HOST, &near, &none, 0,
				     said.reserved.spi[0], &m.near), 0);
	assert_int_equal(esp_own_end(ESP_HOST, &far, &none, 0,
				     0x7000 + (uint32_t)id, &m.far), 0);
	return m;
}

static uint32_t host_up(uint64_t call, uint64_t id, uint8_t last)
{
	struct msg_tunnel_key m = host_key(call, id, last);

	key(m);
	assert_int_equal(raise_it(m.tunnel, id, 0), 0);
	return m.tunnel;
}

static uint32_t host_answered(uint64_t call, uint64_t id, uint8_t last)
{
	struct msg_tunnel_key m = host_key(call, id, last);

	key(m);
	ask_proven(m.tunnel, id, 0);
	assert_int_equal(said.raised.err, 0);
	return m.tunnel;
}

/* The newest sends; when it goes an older one does, and it still hears for the
 * grace. */
static void calls_share_a_tunnel(void **state)
{
	uint32_t a = host_up(1, 1, 2), b = host_up(2, 2, 2),
		 other = host_up(3, 3, 9);

	(void)state;
	assert_true(sends(b) && !sends(a) && sends(other));
	drop(b);
	assert_true(sends(a));
	assert_int_equal(maker.there, 3);
	drop(b); /* it goes by itself */
	gone(2);
	assert_int_equal(maker.there, 3);
	now += tunnels_tick(t);
	tunnels_tick(t);
	assert_int_equal(maker.there, 2);
	assert_true(sends(a) && sends(other));
	b = host_up(4, 4, 2);
	assert_true(sends(b) && !sends(a));
	drop(a); /* an older one goes: nothing turns */
	assert_true(sends(b));
	gone(4); /* the last one: nothing waits */
	assert_int_equal(said.event.tunnel, b);
	assert_int_equal(maker.there, 1);
	drop(other);
}

/* The keeper's word and the engine's come in either order, and both say that
 * the call is over. */
static void whose_key_goes_still_hears(void **state)
{
	uint32_t a = host_up(1, 1, 2), b = host_up(2, 2, 2);

	(void)state;
	gone(2);
	assert_int_equal(said.event.tunnel, b);
	assert_true(sends(a));
	drop(b);
	assert_int_equal(maker.there, 2);
	drop(a); /* and with the last all that is left */
	assert_int_equal(maker.there, 0);
}

/* What was answered waits; what is known to be there goes before it. */
static void a_shared_tunnel_sends_when_heard(void **state)
{
	uint32_t a = host_up(1, 1, 2), b = host_up(2, 2, 2),
		 c = host_answered(3, 3, 2);

	(void)state;
	assert_true(sends(b));
	drop(b);
	assert_true(sends(a));
	maker.heard = true;
	now += tunnels_tick(t);
	tunnels_tick(t);
	assert_true(sends(c));
	maker.heard = false;
	b = host_answered(4, 4, 2);
	a = host_up(5, 5, 2); /* newer: b does not turn back from it */
	assert_true(sends(a));
	now += 10000000;
	tunnels_tick(t);
	assert_true(sends(a));
	drop(a);
	assert_true(sends(b));
	tunnels_clear(t);
	assert_int_equal(maker.there, 0);
}

/* Where only one is left that waits, it waits no longer. */
static void the_last_does_not_wait(void **state)
{
	uint32_t a = host_up(1, 1, 2), b = host_answered(2, 2, 2), c;

	(void)state;
	assert_true(sends(a));
	drop(a);
	assert_true(sends(b));
	c = host_answered(3, 3, 9); /* the first of its place */
	assert_true(sends(c));
	drop(b);
	drop(c);
	assert_int_equal(maker.there, 0);
}

/* New keys of a call are its own affair, but what sends is the newest. */
static void new_keys_of_a_shared_tunnel(void **state)
{
	uint32_t a = host_up(1, 1, 2), b = host_up(2, 2, 2);
	struct msg_tunnel_key m = host_key(1, 3, 2);

	(void)state;
	key(m);
	/* not of another call's */
	assert_int_equal(raise_it(m.tunnel, 3, b), E_STATE);
	assert_int_equal(raise_it(m.tunnel, 3, a), 0);
	assert_true(sends(m.tunnel));
	now += 10000000;
	tunnels_tick(t);
	assert_int_equal(maker.there, 2); /* a is gone */
	a = m.tunnel;
	m = host_key(1, 4, 9); /* the far end of the first call moved */
	key(m);
	assert_int_equal(raise_it(m.tunnel, 4, a), 0);
	assert_true(sends(m.tunnel) && sends(b));
	tunnels_clear(t);
	assert_int_equal(maker.there, 0);
}

/* The kernel does not turn: nothing leaves any more, and all are told. */
static void who_cannot_turn_is_gone(void **state)
{
	uint32_t b;
	unsigned n;

	(void)state;
	host_up(1, 1, 2);
	host_up(2, 2, 2);
	b = host_up(3, 3, 2);
	n = said.n;
	maker.turn_err = E_FULL;
	gone(3);
	assert_int_equal(said.event.tunnel, b);
	now += tunnels_tick(t);
	tunnels_tick(t);
	assert_int_equal(said.n, n + 3);
	assert_int_equal(maker.there, 0);
	maker.turn_err = 0;
}

/* It turns out while the clock is looked at: there is work at once. */
static void what_cannot_turn_is_told_soon(void **state)
{
	uint32_t a = host_up(1, 1, 2);
	struct msg_tunnel_key m = host_key(1, 3, 2);

	(void)state;
	key(m);
	ask_proven(m.tunnel, 3, a);
	assert_int_equal(said.raised.err, 0);
	maker.turn_err = E_FULL;
	maker.heard = true;
	now += tunnels_tick(t);
	assert_in_range(tunnels_tick(t), 0, 1000000);
	assert_int_equal(said.event.tunnel, m.tunnel);
	assert_int_equal(tunnels_tick(t), UINT64_MAX);
	assert_int_equal(maker.there, 0);
	maker.turn_err = 0;
	maker.heard = false;
}

static void scopes_are_not_mixed(void **state)
{
	struct msg_tunnel_reserve m = { .call = CALL, .n = 1,
					.scope = ESP_HOST };
	struct msg_tunnel_key k;

	(void)state;
	m.local[0] = port(40000);
	give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m, sizeof m);
	assert_int_equal(said.reserved.err, E_POLICY);
	addr_parse("10.9.9.9", &m.local[0]);
	give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m, sizeof m);
	assert_int_equal(said.reserved.err, E_POLICY);
	m.local[0] = port(0);
	m.scope = ESP_MEDIA;
	give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m, sizeof m);
	assert_int_equal(said.reserved.err, E_POLICY);
	m.scope = ESP_NET + 1;
	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m,
			      sizeof m), E_FORMAT);
	m.scope = ESP_HOST;
	m.n = 2;
	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m,
			      sizeof m), E_FORMAT);
	k = host_key(CALL, 1, 2);
	k.scope = ESP_MEDIA;
	key(k);
	assert_int_equal(raise_it(k.tunnel, 1, 0), E_AUTH);
	k = host_key(CALL, 2, 2);
	k.mode = ESP_TUNNEL;
	key(k);
	assert_int_equal(raise_it(k.tunnel, 2, 0), E_AUTH);
	k = host_key(CALL, 3, 2);
	k.far.sel[0].net.bits = 24;
	k.far.sel[0].net.base.ip[3] = 0;
	key(k);
	assert_int_equal(raise_it(k.tunnel, 3, 0), E_AUTH);
	assert_int_equal(reserve_of(CALL, 0), 0);
	assert_int_equal(reserve_of(CALL, 0), E_FULL); /* of one call */
	assert_int_equal(reserve_of(CALL + 1, 0), 0);
	tunnels_clear(t);
}

/* They have no port, so an engine gone wild finds no end in those. */
static void as_many_as_ports(void **state)
{
	size_t n = 0;

	(void)state;
	while (n < 5000 && !reserve_of(CALL + n, 0))
		n++;
	assert_int_equal(n, 4 * 1200);
	assert_int_equal(said.reserved.err, E_FULL);
	tunnels_clear(t);
	assert_int_equal(reserve_of(CALL, 0), 0);
	tunnels_clear(t);
}

/* -- networks ------------------------------------------------------------- */

/* From 10.1.7.0/24 and 10.1.8.0/24 to that network behind 10.2.2.2. */
static struct msg_tunnel_key net_key(uint64_t call, uint64_t id, uint8_t net)
{
	struct msg_tunnel_reserve m = { .call = call, .n = 1,
					.scope = ESP_NET };
	struct msg_tunnel_key k;

	m.local[0] = port(0);
	give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 1, &m, sizeof m);
	assert_int_equal(said.reserved.err, 0);
	k = key_of(said.reserved.tunnel[0], 40000, id);
	k.call = call;
	k.scope = ESP_NET;
	k.mode = ESP_TUNNEL;
	k.near = (struct esp_end){ .spi = said.reserved.spi[0],
		.at = port(0), .n = 2, .sel = {
		{ .net = { { .family = 4, .ip = { 10, 1, 7 } }, 24 } },
		{ .net = { { .family = 4, .ip = { 10, 1, 8 } }, 24 } } } };
	k.far = (struct esp_end){ .spi = 0x7000 + (uint32_t)id,
		.at = { .family = 4, .ip = { 10, 2, 2, 2 } }, .n = 1, .sel = {
		{ .net = { { .family = 4, .ip = { 10, 3, net } }, 24 } } } };
	return k;
}

static void networks_are_ours_and_theirs(void **state)
{
	struct msg_tunnel_key k = net_key(CALL, 1, 7);
	unsigned n = 1;

	(void)state;
	key(k);
	assert_int_equal(raise_it(k.tunnel, n, 0), 0);
	assert_int_equal(maker.last.far.sel[0].net.base.ip[2], 7);
	for (unsigned wrong = 0; wrong < 7; wrong++) {
		k = net_key(CALL + 1 + wrong, ++n, 7);
		if (wrong == 0)
			k.near.n = 1;
		else if (wrong == 1)
			k.near.sel[1].net.base.ip[2] = 9;
		else if (wrong == 2)
			k.near.sel[1].net.bits = 8;
		else if (wrong == 3)
			k.mode = ESP_TRANSPORT;
		else if (wrong == 4)
			k.far.sel[0].net = (struct net){ { .family = 4 }, 0 };
		else if (wrong == 5)
			k.scope = ESP_HOST;
		else
			k.far.n = 0;
		key(k);
		assert_int_equal(raise_it(k.tunnel, n, 0), E_AUTH);
	}
}

/* The far end names its networks as it likes. */
static void the_order_of_networks_is_nothing(void **state)
{
	struct msg_tunnel_key k;
	uint32_t a = 0;

	(void)state;
	for (uint8_t call = 1; call <= 2; call++) {
		k = net_key(call, call, call == 1 ? 7 : 8);
		k.far.sel[k.far.n] = k.far.sel[0];
		k.far.sel[k.far.n++].net.base.ip[2] = call == 1 ? 8 : 7;
		key(k);
		assert_int_equal(raise_it(k.tunnel, call, 0), 0);
		a = call == 1 ? k.tunnel : a;
	}
	assert_true(sends(k.tunnel) && !sends(a));
	drop(k.tunnel);
	assert_true(sends(a));
	drop(a);
	assert_int_equal(maker.there, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)
	const struct CMUnitTest tests[] = {
		TEST(calls_share_a_tunnel), TEST(whose_key_goes_still_hears),
		TEST(a_shared_tunnel_sends_when_heard),
		TEST(the_last_does_not_wait),
		TEST(new_keys_of_a_shared_tunnel),
		TEST(who_cannot_turn_is_gone),
		TEST(what_cannot_turn_is_told_soon), TEST(scopes_are_not_mixed),
		TEST(as_many_as_ports),
		TEST(networks_are_ours_and_theirs),
		TEST(the_order_of_networks_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
