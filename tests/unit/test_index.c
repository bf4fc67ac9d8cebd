/* test_index.c - estimating indexes, replay windows, fresh indexes. */
#include "daemon/base/err.h"
#include "daemon/relay/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SSRC 0x11223344u
#define ROC(roc, seq) ((uint64_t)(roc) << 16 | (seq))

/* Takes a packet as the relay does; returns the index or fails the test. */
static uint64_t receive(struct index_rx *rx, uint32_t ssrc, uint16_t seq)
{
	uint64_t index = 0;

	assert_int_equal(index_rx_rtp(rx, ssrc, seq, &index), 0);
	assert_int_equal(index_rx_rtp_done(rx, ssrc, index), 0);
	return index;
}

static void assert_refused(struct index_rx *rx, uint16_t seq, int err)
{
	uint64_t index = 77;

	assert_int_equal(index_rx_rtp(rx, SSRC, seq, &index), err);
	assert_int_equal(index, 77);
}

/* Every distance to the highest index, from appendix A as it is printed. */
static void the_guess_is_that_of_appendix_a(void **state)
{
	static const uint16_t tops[] = { 0, 1, 100, 32766, 32767, 32768, 32769,
					 60000, 65534, 65535 };

	(void)state;
	for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
		int32_t s_l = tops[i], roc = 5;
		struct index_rx rx;

		index_rx_init(&rx);
		index_rx_expect(&rx, SSRC, (uint32_t)roc);
		receive(&rx, SSRC, tops[i]);
		for (int32_t seq = 0; seq < 65536; seq++) {
			int32_t v = roc;
			uint64_t want, got = 0;
			int r;

			if (s_l < 32768)
				v -= seq - s_l > 32768;
			else
				v += s_l - 32768 > seq;
			want = ROC(v, seq);
			r = index_rx_rtp(&rx, SSRC, (uint16_t)seq, &got);
			if (want > ROC(roc, s_l) - 900 && want != ROC(roc, s_l))
				assert_int_equal(r, 0);
			if (!r)
				assert_true(got == want);
			else
				assert_true(want <= ROC(roc, s_l));
		}
	}
}

static void the_roc_grows_at_each_wrap(void **state)
{
	struct index_rx rx;

	(void)state;
	index_rx_init(&rx);
	for (uint64_t i = 65000; i < 65000 + 5 * 65536; i++)
		assert_true(receive(&rx, SSRC, (uint16_t)i) == i);
}

static void the_roc_survives_great_losses(void **state)
{
	struct index_rx rx;

	(void)state;
	index_rx_init(&rx);
	for (uint64_t i = 3; i < 50 * 65536; i += 32767)
		assert_true(receive(&rx, SSRC, (uint16_t)i) == i);
}

static void disorder_round_the_wrap_is_put_right(void **state)
{
	struct index_rx rx;

	(void)state;
	index_rx_init(&rx);
	assert_true(receive(&rx, SSRC, 65533) == 65533);
	assert_true(receive(&rx, SSRC, 1) == ROC(1, 1));
	assert_true(receive(&rx, SSRC, 65535) == 65535);
	assert_true(receive(&rx, SSRC, 0) == ROC(1, 0));
	assert_true(receive(&rx, SSRC, 65534) == 65534);
	assert_true(receive(&rx, SSRC, 2) == ROC(1, 2));
	for (unsigned i = 0; i < 3; i++)
		assert_refused(&rx, (uint16_t)i, E_REPLAY);
	for (unsigned i = 65533; i < 65536; i++)
		assert_refused(&rx, (uint16_t)i, E_REPLAY);
}

/* ROC -1 does not exist: 65535 after 0 can only be far ahead. */
static void nothing_is_before_roc_0(void **state)
{
	struct index_rx rx;
	uint64_t index;

	(void)state;
	index_rx_init(&rx);
	assert_true(receive(&rx, SSRC, 0) == 0);
	assert_int_equal(index_rx_rtp(&rx, SSRC, 65535, &index), 0);
	assert_true(index == 65535);
	assert_true(receive(&rx, SSRC, 5) == 5);
	assert_true(receive(&rx, SSRC, 3) == 3);
}

static void nothing_is_behind_the_last_roc(void **state)
{
	struct index_rx rx;

	(void)state;
	index_rx_init(&rx);
	assert_int_equal(index_rx_expect(&rx, SSRC, UINT32_MAX), 0);
	assert_true(receive(&rx, SSRC, 65535) == INDEX_RTP_LIMIT - 1);
	assert_refused(&rx, 0, E_STATE);
	assert_refused(&rx, 65535, E_REPLAY);
	assert_true(receive(&rx, SSRC, 65534) == INDEX_RTP_LIMIT - 2);
	assert_int_equal(index_rx_rtp_done(&rx, SSRC, INDEX_RTP_LIMIT),
			 E_STATE);
}

static void only_authenticated_packets_count(void **state)
{
	struct index_rx rx, before;
	uint64_t index;

	(void)state;
	index_rx_init(&rx);
	receive(&rx, SSRC, 100);
	before = rx;
	for (unsigned s = 0; s < 65536; s += 7)
		index_rx_rtp(&rx, SSRC, (uint16_t)s, &index);
	index_rx_rtp(&rx, SSRC + 1, 5, &index);
	index_rx_rtcp(&rx, SSRC + 1, 5);
	assert_memory_equal(&rx, &before, sizeof rx);
}

static void two_copies_under_way_pass_once(void **state)
{
	struct index_rx rx;
	uint64_t a, b;

	(void)state;
	index_rx_init(&rx);
	assert_int_equal(index_rx_rtp(&rx, SSRC, 9, &a), 0);
	assert_int_equal(index_rx_rtp(&rx, SSRC, 9, &b), 0);
	assert_int_equal(index_rx_rtp_done(&rx, SSRC, a), 0);
	assert_int_equal(index_rx_rtp_done(&rx, SSRC, b), E_REPLAY);
}

static void the_window_remembers(void **state)
{
	struct index_rx rx;

	(void)state;
	index_rx_init(&rx);
	for (unsigned i = 20000; i < 24000; i += 2)
		receive(&rx, SSRC, (uint16_t)i);
	for (unsigned i = 23998 - INDEX_RTP_WINDOW; i < 23999; i += 2)
		assert_refused(&rx, (uint16_t)i, E_REPLAY);
	for (unsigned i = 23999 - INDEX_RTP_WINDOW; i < 23999; i += 2)
		assert_true(receive(&rx, SSRC, (uint16_t)i) == i);
	for (unsigned i = 20001; i < 23999 - INDEX_RTP_WORDS * 64; i += 2)
		assert_refused(&rx, (uint16_t)i, E_REPLAY);
}

/* Against a list of all that was seen, with jumps of every size. */
static void the_window_agrees_with_a_full_list(void **state)
{
	static uint8_t seen[1 << 20];
	struct index_rx rx;
	uint64_t top = 1000;

	(void)state;
	srandom(3711);
	index_rx_init(&rx);
	receive(&rx, SSRC, 1000);
	seen[top] = 1;
	for (int i = 0; i < 200000; i++) {
		long back = random() % 1200, ahead = random() % 60;
		uint64_t want = random() % 2 ? top - (uint64_t)back :
					       top + (uint64_t)ahead;
		uint64_t got = 0;
		int r;

		if (random() % 1000 == 0)
			want = top + (uint64_t)(random() % 3000);
		if (want >= sizeof seen || want > top + 30000)
			continue;
		r = index_rx_rtp(&rx, SSRC, (uint16_t)want, &got);
		if (r == E_REPLAY) {
			assert_true(seen[want] ||
				    want + INDEX_RTP_WINDOW <= top);
			continue;
		}
		assert_int_equal(r, 0);
		assert_true(got == want && !seen[want]);
		assert_int_equal(index_rx_rtp_done(&rx, SSRC, got), 0);
		seen[want] = 1;
		top = want > top ? want : top;
	}
	assert_true(top > 100000);
}

static void a_jump_forgets_what_is_older(void **state)
{
	struct index_rx rx;
	uint64_t i = 0;

	(void)state;
	index_rx_init(&rx);
	for (unsigned n = 0; n < 3000; n++)
		receive(&rx, SSRC, (uint16_t)n);
	receive(&rx, SSRC, 30000);
	for (unsigned n = 30000 - INDEX_RTP_WINDOW; n < 30000; n++) {
		assert_int_equal(index_rx_rtp(&rx, SSRC, (uint16_t)n, &i), 0);
		assert_true(i == n);
	}
	assert_refused(&rx, 2999, E_REPLAY);
}

static void sources_are_apart_and_few(void **state)
{
	struct index_rx rx;
	uint64_t index;

	(void)state;
	index_rx_init(&rx);
	for (uint32_t s = 0; s < INDEX_SSRC_MAX; s++) {
		assert_true(receive(&rx, s, 40000) == 40000);
		assert_true(receive(&rx, s, 65000) == 65000);
		assert_true(receive(&rx, s, (uint16_t)s) == ROC(1, s));
		assert_int_equal(index_rx_rtcp_done(&rx, s, 5), 0);
	}
	assert_int_equal(index_rx_rtp(&rx, 99, 1, &index), E_FULL);
	assert_int_equal(index_rx_rtp_done(&rx, 99, 1), E_FULL);
	assert_int_equal(index_rx_rtcp(&rx, 99, 1), E_FULL);
	assert_int_equal(index_rx_rtcp_done(&rx, 99, 1), E_FULL);
	assert_int_equal(index_rx_expect(&rx, 99, 1), E_FULL);
	for (uint32_t s = 0; s < INDEX_SSRC_MAX; s++)
		assert_true(receive(&rx, s, 500) == ROC(1, 500));
}

static void a_known_roc_starts_a_source(void **state)
{
	struct index_rx rx;

	(void)state;
	index_rx_init(&rx);
	assert_int_equal(index_rx_expect(&rx, SSRC, 7), 0);
	assert_int_equal(index_rx_expect(&rx, SSRC, 8), 0);
	assert_true(receive(&rx, SSRC, 9) == ROC(8, 9));
	assert_int_equal(index_rx_expect(&rx, SSRC, 9), E_STATE);
	assert_true(receive(&rx, SSRC, 65535) == ROC(7, 65535));
}

static void srtcp_has_its_own_window(void **state)
{
	struct index_rx rx;

	(void)state;
	index_rx_init(&rx);
	receive(&rx, SSRC, 5);
	assert_int_equal(index_rx_rtcp(&rx, SSRC, 5), 0);
	for (uint32_t i = 1000; i < 2000; i += 2)
		assert_int_equal(index_rx_rtcp_done(&rx, SSRC, i), 0);
	for (uint32_t i = 1999 - INDEX_RTCP_WINDOW; i < 1998; i++) {
		assert_int_equal(index_rx_rtcp(&rx, SSRC, i),
				 i % 2 ? 0 : E_REPLAY);
		assert_int_equal(index_rx_rtcp_done(&rx, SSRC, i),
				 i % 2 ? 0 : E_REPLAY);
	}
	assert_int_equal(index_rx_rtcp(&rx, SSRC, 1001), E_REPLAY);
	assert_int_equal(index_rx_rtcp(&rx, SSRC, 0), E_REPLAY);
	assert_int_equal(index_rx_rtcp_done(&rx, SSRC, INDEX_RTCP_LIMIT - 1),
			 0);
	assert_int_equal(index_rx_rtcp(&rx, SSRC, INDEX_RTCP_LIMIT), E_STATE);
	assert_int_equal(index_rx_rtcp(&rx, 1, INDEX_RTCP_LIMIT), E_STATE);
	assert_int_equal(index_rx_rtcp_done(&rx, 1, INDEX_RTCP_LIMIT), E_STATE);
	assert_int_equal(rx.count, 1);
}

/* -- transmit ------------------------------------------------------------- */

static uint64_t send_as(struct index_tx *tx, uint32_t ssrc, uint16_t seq,
			bool moves)
{
	uint64_t index = 0;
	bool moved = !moves;

	assert_int_equal(index_tx_rtp(tx, ssrc, seq, &index, &moved), 0);
	assert_int_equal(moved, moves);
	return index;
}

static void assert_kept(struct index_tx *tx, uint16_t seq, int err)
{
	uint64_t index = 77;
	bool moved = true;

	assert_int_equal(index_tx_rtp(tx, SSRC, seq, &index, &moved), err);
	assert_int_equal(index, 77);
	assert_true(moved);
}

static void order_and_gaps_of_the_source_stay(void **state)
{
	struct index_tx tx;

	(void)state;
	index_tx_init(&tx, 300);
	assert_true(send_as(&tx, SSRC, 65534, true) == 300);
	assert_true(send_as(&tx, SSRC, 65535, false) == 301);
	assert_true(send_as(&tx, SSRC, 1, false) == 303);
	assert_true(send_as(&tx, SSRC, 0, false) == 302);
	assert_kept(&tx, 0, E_REPLAY);
	assert_true(send_as(&tx, SSRC, 5, false) == 307);
	/* seen from RTCP, where the source has wrapped once */
	assert_int_equal((uint32_t)(0x10005 + index_tx_shift(&tx)), 307);
}

static void our_index_passes_the_wraps(void **state)
{
	struct index_tx tx;

	(void)state;
	index_tx_init(&tx, 32000);
	send_as(&tx, SSRC, 7, true);
	for (uint64_t i = 1; i < 4 * 65536; i++)
		assert_true(send_as(&tx, SSRC, (uint16_t)(7 + i), false) ==
			    32000 + i);
}

static void a_new_source_goes_behind(void **state)
{
	struct index_tx tx;

	(void)state;
	index_tx_init(&tx, 0);
	assert_true(send_as(&tx, SSRC, 500, true) == 0);
	assert_kept(&tx, 499, E_REPLAY); /* before index 0 */
	assert_true(send_as(&tx, SSRC, 501, false) == 1);
	assert_true(send_as(&tx, SSRC + 1, 501, true) == 2);
	assert_true(send_as(&tx, SSRC + 1, 502, false) == 3);
	assert_true(send_as(&tx, SSRC, 502, true) == 4);
}

static void a_restart_is_two_in_a_row(void **state)
{
	struct index_tx tx;

	(void)state;
	index_tx_init(&tx, 10);
	for (unsigned s = 2000; s < 5000; s++)
		send_as(&tx, SSRC, (uint16_t)s, s == 2000);
	assert_kept(&tx, 2000, E_REPLAY); /* far behind */
	assert_true(send_as(&tx, SSRC, 2001, true) == 3010);
	assert_true(send_as(&tx, SSRC, 2002, false) == 3011);
	assert_kept(&tx, 2001, E_REPLAY); /* near */
	assert_true(send_as(&tx, SSRC, 2003, false) == 3012);
	assert_kept(&tx, 2002, E_REPLAY); /* not in a row: 2003 came between */
	assert_true(send_as(&tx, SSRC, 2004, false) == 3013);
}

static void doubled_packets_go_once(void **state)
{
	struct index_tx tx;

	(void)state;
	index_tx_init(&tx, 10);
	for (unsigned s = 100; s < 400; s++) {
		send_as(&tx, SSRC, (uint16_t)s, s == 100);
		assert_kept(&tx, (uint16_t)s, E_REPLAY);
	}
	assert_true(tx.next == 310);
}

/* Whatever a source does, no index comes twice. */
static void no_index_comes_twice(void **state)
{
	static uint8_t used[1 << 22];
	struct index_tx tx;
	uint16_t seq = 0;
	uint64_t index;
	bool moved;
	unsigned sent = 0;

	(void)state;
	srandom(7714);
	index_tx_init(&tx, 20000);
	for (int i = 0; i < 400000; i++) {
		long dice = random() % 1000;
		uint32_t ssrc = dice ? SSRC : (uint32_t)random() % 3;

		if (dice < 3)
			seq = (uint16_t)random();
		else if (dice < 100)
			seq = (uint16_t)(seq - random() % 30);
		else
			seq++;
		if (index_tx_rtp(&tx, ssrc, seq, &index, &moved))
			continue;
		if (index >= sizeof used)
			break;
		assert_false(used[index]);
		used[index] = 1;
		sent++;
	}
	assert_true(sent > 10000);
}

static void a_used_up_key_refuses(void **state)
{
	struct index_tx tx;
	uint32_t index;

	(void)state;
	index_tx_init(&tx, 0);
	tx.next = INDEX_RTP_LIMIT - 2;
	assert_true(send_as(&tx, SSRC, 5, true) == INDEX_RTP_LIMIT - 2);
	assert_true(send_as(&tx, SSRC, 6, false) == INDEX_RTP_LIMIT - 1);
	for (uint16_t s = 7; s < 20; s++)
		assert_kept(&tx, s, E_STATE);
	assert_int_equal(tx.next == INDEX_RTP_LIMIT, 1);
	tx.bound = false;
	assert_kept(&tx, 8, E_STATE);

	index_tx_init(&tx, 0);
	assert_int_equal(index_tx_rtcp(&tx, &index), 0);
	assert_int_equal(index, 0);
	assert_int_equal(index_tx_rtcp(&tx, &index), 0);
	assert_int_equal(index, 1);
	tx.rtcp_next = INDEX_RTCP_LIMIT - 1;
	assert_int_equal(index_tx_rtcp(&tx, &index), 0);
	assert_int_equal(index, INDEX_RTCP_LIMIT - 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(index_tx_rtcp(&tx, &index), E_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_guess_is_that_of_appendix_a),
		cmocka_unit_test(the_roc_grows_at_each_wrap),
		cmocka_unit_test(the_roc_survives_great_losses),
		cmocka_unit_test(disorder_round_the_wrap_is_put_right),
		cmocka_unit_test(nothing_is_before_roc_0),
		cmocka_unit_test(nothing_is_behind_the_last_roc),
		cmocka_unit_test(only_authenticated_packets_count),
		cmocka_unit_test(two_copies_under_way_pass_once),
		cmocka_unit_test(the_window_remembers),
		cmocka_unit_test(the_window_agrees_with_a_full_list),
		cmocka_unit_test(a_jump_forgets_what_is_older),
		cmocka_unit_test(sources_are_apart_and_few),
		cmocka_unit_test(a_known_roc_starts_a_source),
		cmocka_unit_test(srtcp_has_its_own_window),
		cmocka_unit_test(order_and_gaps_of_the_source_stay),
		cmocka_unit_test(our_index_passes_the_wraps),
		cmocka_unit_test(a_new_source_goes_behind),
		cmocka_unit_test(a_restart_is_two_in_a_row),
		cmocka_unit_test(doubled_packets_go_once),
		cmocka_unit_test(no_index_comes_twice),
		cmocka_unit_test(a_used_up_key_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
