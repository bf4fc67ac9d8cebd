/* test_rtp.c - the header of an RTP packet. */
#include "daemon/base/err.h"
#include "daemon/relay/rtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* P, X, two CSRCs, M, type 101; extension 0xbede of one word; four bytes of
 * payload, three of padding. */
static const uint8_t full[] = {
	0xb2, 0xe5, 0x12, 0x34, 0x00, 0x01, 0x02, 0x03, 0xca, 0xfe, 0xba, 0xbe,
	0, 0, 0, 1, 0, 0, 0, 2,
	0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0,
	'a', 'b', 'c', 'd',
	0, 0, 3
};

static void every_field_is_found(void **state)
{
	struct rtp h;

	(void)state;
	assert_int_equal(rtp_parse(full, sizeof full, &h), 0);
	assert_int_equal(h.payload_type, 101);
	assert_int_equal(h.marker, 1);
	assert_int_equal(h.csrc_count, 2);
	assert_int_equal(h.padded, 1);
	assert_int_equal(h.seq, 0x1234);
	assert_int_equal(h.timestamp, 0x00010203);
	assert_int_equal(h.ssrc, 0xcafebabe);
	assert_int_equal(h.ext_profile, 0xbede);
	assert_int_equal(h.ext_off, 24);
	assert_int_equal(h.ext_len, 4);
	assert_int_equal(h.hdr_len, 28);
	assert_int_equal(h.payload_len, 4);
	assert_int_equal(h.pad_len, 3);
}

static void the_least_packet_is_a_header(void **state)
{
	uint8_t pkt[12] = { 0x80 };
	struct rtp h;

	(void)state;
	assert_int_equal(rtp_parse(pkt, sizeof pkt, &h), 0);
	assert_int_equal(h.hdr_len, 12);
	assert_int_equal(h.payload_len, 0);
	assert_int_equal(h.ext_off, 0);
}

/* The out-parameter must stay as it was. */
static void refused(const uint8_t *pkt, size_t len)
{
	struct rtp h, before;

	memset(&before, 0xa5, sizeof before);
	h = before;
	assert_int_equal(rtp_parse(pkt, len, &h), E_FORMAT);
	assert_memory_equal(&h, &before, sizeof h);
}

static void every_cut_of_the_header_is_refused(void **state)
{
	struct rtp h;

	(void)state;
	for (size_t n = 0; n < 28; n++) {
		refused(full, n);
		assert_int_equal(rtp_parse_sealed(full, n, &h), E_FORMAT);
	}
	refused(full, 28); /* P without a byte of padding */
	assert_int_equal(rtp_parse_sealed(full, 28, &h), 0);
}

static void other_versions_are_refused(void **state)
{
	uint8_t pkt[12] = { 0 };

	(void)state;
	for (unsigned v = 0; v < 4; v++) {
		if (v == 2)
			continue;
		pkt[0] = (uint8_t)(v << 6);
		refused(pkt, sizeof pkt);
	}
}

static void padding_must_fit(void **state)
{
	uint8_t pkt[sizeof full];
	struct rtp h;

	(void)state;
	memcpy(pkt, full, sizeof pkt);
	for (unsigned n = 0; n < 256; n++) {
		pkt[sizeof pkt - 1] = (uint8_t)n;
		if (n >= 1 && n <= 7) {
			assert_int_equal(rtp_parse(pkt, sizeof pkt, &h), 0);
			assert_int_equal(h.pad_len, n);
			assert_int_equal(h.payload_len, 7 - n);
		} else {
			refused(pkt, sizeof pkt);
		}
		/* encrypted padding means nothing */
		assert_int_equal(rtp_parse_sealed(pkt, sizeof pkt, &h), 0);
		assert_int_equal(h.pad_len, 0);
		assert_int_equal(h.payload_len, 7);
		assert_int_equal(h.padded, 1);
	}
}

static void an_extension_must_fit(void **state)
{
	uint8_t pkt[20] = { 0x90 };
	struct rtp h;

	(void)state;
	pkt[15] = 1;
	assert_int_equal(rtp_parse(pkt, sizeof pkt, &h), 0);
	assert_int_equal(h.hdr_len, 20);
	pkt[15] = 2;
	refused(pkt, sizeof pkt);
	pkt[14] = 0xff;
	refused(pkt, sizeof pkt);
}

static void fields_are_written_in_place(void **state)
{
	uint8_t pkt[sizeof full];
	struct rtp h;

	(void)state;
	memcpy(pkt, full, sizeof pkt);
	rtp_put_seq(pkt, 0xabcd);
	rtp_put_timestamp(pkt, 0x89abcdef);
	rtp_put_ssrc(pkt, 0x01020304);
	assert_int_equal(rtp_parse(pkt, sizeof pkt, &h), 0);
	assert_int_equal(h.seq, 0xabcd);
	assert_int_equal(h.timestamp, 0x89abcdef);
	assert_int_equal(h.ssrc, 0x01020304);
	assert_memory_equal(pkt, full, 2);
	assert_memory_equal(pkt + 12, full + 12, sizeof full - 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_found),
		cmocka_unit_test(the_least_packet_is_a_header),
		cmocka_unit_test(every_cut_of_the_header_is_refused),
		cmocka_unit_test(other_versions_are_refused),
		cmocka_unit_test(padding_must_fit),
		cmocka_unit_test(an_extension_must_fit),
		cmocka_unit_test(fields_are_written_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
