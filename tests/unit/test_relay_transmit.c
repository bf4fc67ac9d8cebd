/* test_relay_transmit.c - the sealed leg's own numbering: what passes
 * untouched, what a phone may do to it, RTCP on both sides. */
#include "daemon/base/err.h"
#include "daemon/relay/rtcp.h"
#include "daemon/relay/transmit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define OURS 0xaabbccddu
#define PHONE 0x01020304u
#define FAR 0x99999999u

struct out {
	int r;
	uint64_t index;
	struct rtp h;
	uint8_t pkt[32];
};

static void put(uint8_t *p, size_t n, uint32_t v)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

static uint32_t get(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* A packet of a source at a time, with marker and payload type 101. */
static struct out pass(struct transmit *t, uint32_t ssrc, uint16_t seq,
		       uint32_t timestamp, uint64_t now_us)
{
	struct out o = { 0 };
	struct rtp h;

	memset(o.pkt, 'x', sizeof o.pkt);
	put(o.pkt, 2, 0x80e5);
	put(o.pkt + 2, 2, seq);
	put(o.pkt + 4, 4, timestamp);
	put(o.pkt + 8, 4, ssrc);
	assert_int_equal(rtp_parse(o.pkt, sizeof o.pkt, &h), 0);
	o.r = transmit_rtp(t, o.pkt, &h, now_us, &o.index);
	assert_int_equal(rtp_parse(o.pkt, sizeof o.pkt, &o.h), 0);
	return o;
}

static void one_source_passes_with_its_steps(void **state)
{
	struct transmit t;
	struct out first, o;

	(void)state;
	transmit_init(&t, OURS, 30000, 8000);
	first = pass(&t, PHONE, 65000, 7, 1000000);
	assert_int_equal(first.r, 0);
	assert_int_equal(first.index, 30000);
	assert_int_equal(first.h.timestamp, 7);
	for (uint32_t i = 1; i < 70000; i += 1 + i % 3) {
		o = pass(&t, PHONE, (uint16_t)(65000 + i), 7 + 160 * i,
			 1000000 + i);
		assert_int_equal(o.r, 0);
		assert_int_equal(o.index, 30000 + i);
		assert_int_equal(o.h.seq, (uint16_t)(30000 + i));
		assert_int_equal(o.h.timestamp, 7 + 160 * i);
		assert_int_equal(o.h.ssrc, OURS);
		assert_int_equal(o.h.marker, 1);
		assert_int_equal(o.h.payload_type, 101);
		assert_int_equal(o.pkt[12], 'x');
	}
}

static void disorder_is_kept_and_copies_are_not(void **state)
{
	static const uint16_t order[] = { 10, 12, 11, 13, 17, 15, 16, 14, 18 };
	struct transmit t;

	(void)state;
	transmit_init(&t, OURS, 100, 8000);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		struct out o = pass(&t, PHONE, order[i], order[i], 1);

		assert_int_equal(o.r, 0);
		assert_int_equal(o.index, 100 + order[i] - 10);
		assert_int_equal(o.h.timestamp, order[i]);
		o = pass(&t, PHONE, order[i], order[i], 1);
		assert_int_equal(o.r, E_REPLAY);
		assert_int_equal(o.h.ssrc, PHONE); /* nothing was written */
	}
}

static void a_new_source_goes_on_in_time(void **state)
{
	struct transmit t;
	struct out o;

	(void)state;
	transmit_init(&t, OURS, 100, 8000);
	pass(&t, PHONE, 500, 16000, 1000000);
	o = pass(&t, PHONE + 1, 9, 99, 1500000);
	assert_int_equal(o.r, 0);
	assert_int_equal(o.index, 101);
	assert_int_equal(o.h.timestamp, 16000 + 4000);
	o = pass(&t, PHONE + 1, 10, 99 + 160, 1520000);
	assert_int_equal(o.index, 102);
	assert_int_equal(o.h.timestamp, 16000 + 4160);
	/* and back again: the first source is a new one by now */
	o = pass(&t, PHONE, 501, 16160, 1540000);
	assert_int_equal(o.index, 103);
	assert_int_equal(o.h.timestamp, 16000 + 4160 + 160);
}

static void a_restart_is_placed_behind(void **state)
{
	struct transmit t;
	struct out o = { 0 };

	(void)state;
	transmit_init(&t, OURS, 0, 8000);
	for (uint16_t i = 0; i < 100; i++)
		pass(&t, PHONE, (uint16_t)(5000 + i), i * 160u, i * 20000u);
	/* the same numbers once more: copies, until two in a row show that
	 * the phone began anew */
	for (uint16_t i = 0; i < 100; i++)
		o = pass(&t, PHONE, (uint16_t)(5000 + i), i * 160u,
			 3000000 + i * 20000u);
	assert_int_equal(o.r, 0);
	assert_int_equal(o.index, 100 + 98);
	assert_true(o.h.timestamp > 99 * 160);
}

static void sr_follows_the_stream(void **state)
{
	uint8_t sr[28 + 8] = { 0x80, RTCP_SR, 0, 6 };
	struct transmit t;
	struct out o;
	uint32_t index;

	(void)state;
	transmit_init(&t, OURS, 100, 8000);
	pass(&t, PHONE, 1, 1000, 1000000);
	o = pass(&t, PHONE + 1, 1, 5000, 2000000);
	assert_int_equal(o.h.timestamp, 9000);
	put(sr + 4, 4, PHONE + 1);
	put(sr + 16, 4, 5160);
	assert_int_equal(transmit_rtcp(&t, sr, 28, &index), 0);
	assert_int_equal(index, 0);
	assert_int_equal(get(sr + 4), OURS);
	assert_int_equal(get(sr + 16), 9160);
	/* with a BYE of the source that is followed, then of the old one */
	put(sr + 28, 4, 0x81cb0001);
	put(sr + 32, 4, PHONE + 1);
	assert_int_equal(transmit_rtcp(&t, sr, 36, &index), 0);
	assert_int_equal(index, 1);
	assert_int_equal(get(sr + 32), OURS);
	put(sr + 32, 4, PHONE);
	assert_int_equal(transmit_rtcp(&t, sr, 36, &index), E_REPLAY);
	assert_int_equal(transmit_rtcp(&t, sr, 27, &index), E_FORMAT);
}

static void reports_come_back_in_the_phones_numbers(void **state)
{
	uint8_t rr[32] = { 0x81, RTCP_RR, 0, 7 };
	struct transmit t;
	struct out o;

	(void)state;
	transmit_init(&t, OURS, 100, 8000);
	put(rr + 4, 4, FAR);
	put(rr + 8, 4, OURS);
	assert_int_equal(transmit_told(&t, rr, sizeof rr), 0);
	assert_int_equal(get(rr + 8), OURS); /* nothing was sent yet */
	o = pass(&t, PHONE, 40000, 1000, 1000000);
	put(rr + 16, 4, (uint32_t)o.index + 3);
	assert_int_equal(transmit_told(&t, rr, sizeof rr), 0);
	assert_int_equal(get(rr + 4), FAR);
	assert_int_equal(get(rr + 8), PHONE);
	assert_int_equal(get(rr + 16), 40003);
	/* a report about somebody else */
	put(rr + 8, 4, FAR + 1);
	assert_int_equal(transmit_told(&t, rr, sizeof rr), 0);
	assert_int_equal(get(rr + 8), FAR + 1);
	assert_int_equal(get(rr + 16), 40003);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_source_passes_with_its_steps),
		cmocka_unit_test(disorder_is_kept_and_copies_are_not),
		cmocka_unit_test(a_new_source_goes_on_in_time),
		cmocka_unit_test(a_restart_is_placed_behind),
		cmocka_unit_test(sr_follows_the_stream),
		cmocka_unit_test(reports_come_back_in_the_phones_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
