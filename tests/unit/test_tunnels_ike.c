/* test_tunnels_ike.c - tunnels that charon raises by a call's key: they come in
 * their own time, fail, are dropped meanwhile, wait for the far end, take the
 * place of others, and go. */
#include "daemon/base/err.h"
#include "tests/unit/tunnels_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint32_t number_of(uint32_t tunnel)
{
	for (size_t i = 0; i < MAKER_PAIRS; i++)
		if (charon.pair[i].owner && charon.pair[i].spi ==
		    said.reserved.spi[0] && said.reserved.tunnel[0] == tunnel)
			return charon.pair[i].spi;
	fail_msg("tunnel %u is not the last one", tunnel);
	return 0;
}

static int reserve_ike(unsigned at)
{
	struct msg_tunnel_reserve m = { .call = CALL, .n = 1,
					.scope = ESP_MEDIA, .ike = 1 };

	m.local[0] = port(at);
	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 3, &m,
			      sizeof m), 0);
	return said.reserved.err;
}

static struct msg_tunnel_key ike_key_of(uint32_t tunnel, unsigned at,
					uint64_t id, enum tunnel_ike ike)
{
	struct msg_tunnel_key m = key_of(tunnel, at, id);

	m.ike = ike;
	m.mode = ESP_TUNNEL;
	m.in.key_len = TUNNEL_PSK;
	m.in.auth_len = TUNNEL_NAME;
	m.in.salt_len = 0;
	m.out = (struct esp_key){ .suite = m.in.suite };
	return m;
}

/* With its key, and asked for; its number. */
static uint32_t begin(unsigned at, uint64_t id, enum tunnel_ike ike,
		      uint32_t instead, uint32_t *tunnel)
{
	uint32_t number;
	unsigned n;

	assert_int_equal(reserve_ike(at), 0);
	*tunnel = said.reserved.tunnel[0];
	number = number_of(*tunnel);
	key(ike_key_of(*tunnel, at, id, ike));
	n = said.n;
	if (instead)
		ask_proven(*tunnel, id, instead);
	else
		ask(*tunnel, id, 0);
	assert_int_equal(said.n, n); /* charon is at it */
	assert_int_equal(counts().held, 0);
	return number;
}

static bool is_gone(uint32_t tunnel)
{
	return said.event.tunnel == tunnel &&
	       said.event.event == TUNNEL_EVENT_GONE;
}

static void up_in_its_own_time(void **state)
{
	uint32_t a, number = begin(40000, 1, TUNNEL_IKE_BEGINS, 0, &a);
	unsigned n = said.n;

	(void)state;
	assert_int_equal(charon.last.ike, TUNNEL_IKE_BEGINS);
	assert_int_equal(tunnels_tick(t), UINT64_MAX);
	now += 2 * TUNNEL_PARK_US; /* its time is the maker's */
	tunnels_tick(t);
	ask(a, 1, 0);
	assert_int_equal(said.raised.err, E_STATE);
	assert_int_equal(said.n, n + 1);
	maker_raised(&charon, number, 0, true);
	assert_int_equal(said.n, n + 2);
	assert_int_equal(said.id, 4);
	assert_int_equal(said.raised.tunnel, a);
	assert_int_equal(said.raised.err, 0);
	maker_told(&charon, number, TUNNEL_EVENT_GONE);
	assert_true(is_gone(a));
	assert_int_equal(charon.there, 0);
	assert_int_equal(maker.there, 0);
}

static void it_fails_with_the_reason(void **state)
{
	uint32_t a, number = begin(40000, 1, TUNNEL_IKE_BEGINS, 0, &a);

	(void)state;
	maker_raised(&charon, number, E_STATE, false);
	assert_int_equal(said.raised.err, E_STATE);
	assert_string_equal(said.raised.reason, "the mock says so");
	assert_int_equal(charon.there, 0);
	drop(a); /* gone: no fault */
	charon.raise_err = E_EXISTS;
	assert_int_equal(reserve_ike(40002), 0);
	a = said.reserved.tunnel[0];
	key(ike_key_of(a, 40002, 2, TUNNEL_IKE_BEGINS));
	assert_int_equal(raise_it(a, 2, 0), E_EXISTS);
	drop(a);
}

static void what_is_at_work_can_be_dropped(void **state)
{
	uint32_t a;

	(void)state;
	begin(40000, 1, TUNNEL_IKE_BEGINS, 0, &a);
	drop(a);
	assert_int_equal(said.raised.err, E_CLOSED);
	assert_int_equal(charon.there, 0);
	begin(40000, 2, TUNNEL_IKE_WAITS, 0, &a);
	gone(2); /* the keeper takes it back */
	assert_int_equal(said.raised.err, E_NOTFOUND);
	assert_int_equal(charon.there, 0);
	begin(40000, 3, TUNNEL_IKE_BEGINS, 0, &a);
	tunnels_clear(t);
	assert_int_equal(charon.there, 0);
}

static void who_waits_hears_that_it_is_up(void **state)
{
	uint32_t a, number = begin(40000, 1, TUNNEL_IKE_WAITS, 0, &a);
	unsigned n = said.n;

	(void)state;
	maker_raised(&charon, number, 0, false);
	assert_int_equal(said.raised.err, 0);
	assert_int_equal(said.n, n + 1);
	maker_told(&charon, number, TUNNEL_EVENT_UP);
	assert_int_equal(said.n, n + 2);
	assert_int_equal(said.event.tunnel, a);
	assert_int_equal(said.event.event, TUNNEL_EVENT_UP);
	gone(1);
	assert_true(is_gone(a));
	assert_int_equal(charon.there, 0);
}

static void who_waits_in_vain_hears_that_too(void **state)
{
	uint32_t a, number = begin(40000, 1, TUNNEL_IKE_WAITS, 0, &a);

	(void)state;
	maker_raised(&charon, number, 0, false);
	maker_told(&charon, number, TUNNEL_EVENT_GONE);
	assert_true(is_gone(a));
	assert_int_equal(charon.there, 0);
}

/* What is sent goes by the old one until the new one is up, then that goes. */
static void new_keys_wait_for_the_far_end(void **state)
{
	uint32_t a, b, first = begin(40000, 1, TUNNEL_IKE_WAITS, 0, &a), next;

	(void)state;
	maker_raised(&charon, first, 0, false);
	maker_told(&charon, first, TUNNEL_EVENT_UP);
	next = begin(40000, 2, TUNNEL_IKE_WAITS, a, &b);
	maker_raised(&charon, next, 0, false);
	assert_int_equal(said.raised.err, 0);
	now += UINT64_C(60000000);
	tunnels_tick(t);
	assert_int_equal(charon.there, 2);
	maker_told(&charon, next, TUNNEL_EVENT_UP);
	assert_int_equal(said.event.tunnel, b);
	assert_int_equal(said.event.event, TUNNEL_EVENT_UP);
	tunnels_tick(t);
	assert_int_equal(charon.there, 2);
	now += UINT64_C(10000000);
	tunnels_tick(t);
	assert_int_equal(charon.there, 1);
	maker_told(&charon, next, TUNNEL_EVENT_GONE);
	assert_true(is_gone(b));
}

/* The old one goes before: nothing is left that could send. */
static void without_the_old_one_nothing_sends(void **state)
{
	uint32_t a, b, first = begin(40000, 1, TUNNEL_IKE_WAITS, 0, &a), next;

	(void)state;
	maker_raised(&charon, first, 0, false);
	maker_told(&charon, first, TUNNEL_EVENT_UP);
	next = begin(40000, 2, TUNNEL_IKE_WAITS, a, &b);
	maker_raised(&charon, next, 0, false);
	maker_told(&charon, first, TUNNEL_EVENT_GONE);
	tunnels_tick(t);
	assert_true(is_gone(b));
	assert_int_equal(charon.there, 0);
}

/* The first is up; the far end raises neither of the next two, or the last. */
static uint32_t three(uint32_t *last, uint32_t number[3])
{
	uint32_t first, second;

	number[0] = begin(40000, 1, TUNNEL_IKE_WAITS, 0, &first);
	maker_raised(&charon, number[0], 0, false);
	maker_told(&charon, number[0], TUNNEL_EVENT_UP);
	number[1] = begin(40000, 2, TUNNEL_IKE_WAITS, first, &second);
	maker_raised(&charon, number[1], 0, false);
	number[2] = begin(40000, 3, TUNNEL_IKE_WAITS, second, last);
	maker_raised(&charon, number[2], 0, false);
	assert_int_equal(said.raised.err, 0);
	now += UINT64_C(60000000);
	tunnels_tick(t);
	assert_int_equal(charon.there, 3);
	return first;
}

static void the_last_of_several_takes_the_place_of_all(void **state)
{
	uint32_t last, number[3];

	(void)state;
	three(&last, number);
	maker_told(&charon, number[2], TUNNEL_EVENT_UP);
	assert_int_equal(said.event.tunnel, last);
	tunnels_tick(t);
	now += UINT64_C(10000000);
	tunnels_tick(t);
	assert_int_equal(charon.there, 1);
	drop(last);
}

static void without_the_first_none_of_several_sends(void **state)
{
	uint32_t last, number[3];

	(void)state;
	three(&last, number);
	maker_told(&charon, number[0], TUNNEL_EVENT_GONE);
	for (int i = 0; i < 3; i++)
		tunnels_tick(t);
	assert_true(is_gone(last));
	assert_int_equal(charon.there, 0);
}

/* It went while charon was at the new one. */
static void the_new_one_needs_no_old_one(void **state)
{
	uint32_t a, b, first = begin(40000, 1, TUNNEL_IKE_BEGINS, 0, &a), next;

	(void)state;
	maker_raised(&charon, first, 0, true);
	next = begin(40000, 2, TUNNEL_IKE_BEGINS, a, &b);
	maker_told(&charon, first, TUNNEL_EVENT_GONE);
	assert_true(is_gone(a));
	maker_raised(&charon, next, 0, true);
	assert_int_equal(said.raised.err, 0);
	assert_int_equal(charon.there, 1);
	drop(b);
}

static void each_kind_has_keys_of_its_own(void **state)
{
	static const struct {
		size_t offset;
		uint8_t flip;
	} rows[] = {
#define FIELD(f) { offsetof(struct msg_tunnel_key, f), 1 }
		FIELD(ike), FIELD(mode), FIELD(udp), FIELD(in.key_len),
		FIELD(in.auth_len), FIELD(in.salt_len), FIELD(out.key_len),
		FIELD(out.auth_len), FIELD(out.salt_len), FIELD(out.suite),
		FIELD(near.spi),
	};
	struct msg_tunnel_key m;
	uint32_t a;

	(void)state;
	assert_int_equal(reserve_ike(40000), 0);
	a = said.reserved.tunnel[0];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		m = ike_key_of(a, 40000, 10 + i, TUNNEL_IKE_BEGINS);
		((uint8_t *)&m)[rows[i].offset] ^= rows[i].flip;
		key(m);
		assert_int_equal(raise_it(a, 10 + i, 0), E_AUTH);
		gone(10 + i);
	}
	m = ike_key_of(a, 40000, 50, TUNNEL_IKE_BEGINS);
	m.in.suite = m.out.suite = ESP_3DES_CBC_SHA1;
	key(m);
	assert_int_equal(raise_it(a, 50, 0), E_AUTH);
	key(key_of(a, 40000, 51)); /* the kernel's */
	assert_int_equal(raise_it(a, 51, 0), E_AUTH);
	assert_int_equal(reserve_of(CALL, 40000), E_EXISTS);
	drop(a);
	a = reserve(40000);
	key(ike_key_of(a, 40000, 52, TUNNEL_IKE_BEGINS));
	assert_int_equal(raise_it(a, 52, 0), E_AUTH);
	m = ike_key_of(a, 40000, 53, TUNNEL_IKE_WAITS + 1);
	assert_int_equal(give(PROC_KEEPER, MSG_TUNNEL_KEY, 0, &m, sizeof m),
			 E_FORMAT);
	drop(a);
	assert_int_equal(charon.there + maker.there, 0);
}

static void only_lines_of_media(void **state)
{
	struct msg_tunnel_reserve m = { .call = CALL, .n = 1,
					.scope = ESP_HOST, .ike = 1 };

	(void)state;
	m.local[0] = port(0);
	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 3, &m,
			      sizeof m), E_FORMAT);
	m.scope = ESP_MEDIA;
	m.ike = 2;
	m.local[0] = port(40000);
	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 3, &m,
			      sizeof m), E_FORMAT);
}

static void list(const char *has, bool is)
{
	struct msg_tunnel_list m = { 0 };

	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_LIST, 8, &m, sizeof m),
			 0);
	if (is != !!strstr(said.text, has))
		fail_msg("%s: %s", has, said.text);
}

static void the_operator_sees_which_wait(void **state)
{
	uint32_t a, number = begin(40000, 1, TUNNEL_IKE_WAITS, 0, &a);

	(void)state;
	list("\"state\":\"reserved\"", true);
	list("\"in\":", false);
	maker_raised(&charon, number, 0, false);
	list("\"state\":\"awaited\"", true);
	maker_told(&charon, number, TUNNEL_EVENT_UP);
	list("\"state\":\"raised\"", true);
	list("\"in\":", false);
	drop(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(up_in_its_own_time),
		TEST(it_fails_with_the_reason),
		TEST(what_is_at_work_can_be_dropped),
		TEST(who_waits_hears_that_it_is_up),
		TEST(who_waits_in_vain_hears_that_too),
		TEST(new_keys_wait_for_the_far_end),
		TEST(without_the_old_one_nothing_sends),
		TEST(the_last_of_several_takes_the_place_of_all),
		TEST(without_the_first_none_of_several_sends),
		TEST(the_new_one_needs_no_old_one),
		TEST(each_kind_has_keys_of_its_own),
		TEST(only_lines_of_media),
		TEST(the_operator_sees_which_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
