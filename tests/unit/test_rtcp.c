/* test_rtcp.c - walking and rewriting compound RTCP. */
#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/relay/rtcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define PHONE 0x11111111u
#define FAR 0x22222222u
#define OTHER 0x33333333u
#define NEW_PHONE 0xaaaaaaaau
#define NEW_FAR 0xbbbbbbbbu
#define ADD_TS 0x1000u
#define ADD_SEQ 0xfffffff0u /* -16 */

static void header(struct buf *b, unsigned count, unsigned type, unsigned words)
{
	buf_u8(b, (uint8_t)(0x80 | count));
	buf_u8(b, (uint8_t)type);
	buf_u16(b, (uint16_t)words);
}

static void report(struct buf *b, uint32_t ssrc, uint32_t highest)
{
	buf_u32(b, ssrc);
	buf_u32(b, 0x01000002); /* lost */
	buf_u32(b, highest);
	buf_u32(b, 3); /* jitter */
	buf_u32(b, 4); /* LSR */
	buf_u32(b, 5); /* DLSR */
}

static void sr(struct buf *b, uint32_t ssrc, uint32_t ts, uint32_t far,
	       uint32_t highest)
{
	header(b, 1, RTCP_SR, 12);
	buf_u32(b, ssrc);
	buf_u64(b, 0x0102030405060708); /* NTP */
	buf_u32(b, ts);
	buf_u32(b, 100); /* packets */
	buf_u32(b, 16000); /* bytes */
	report(b, far, highest);
}

static void sdes(struct buf *b, uint32_t ssrc)
{
	header(b, 1, RTCP_SDES, 3);
	buf_u32(b, ssrc);
	buf_u8(b, 1);
	buf_u8(b, 4);
	buf_text(b, "a@b.");
	buf_u16(b, 0);
}

static void bye(struct buf *b, uint32_t ssrc)
{
	header(b, 1, RTCP_BYE, 3);
	buf_u32(b, ssrc);
	buf_u8(b, 7);
	buf_text(b, "leaving");
}

static void app(struct buf *b, uint32_t ssrc)
{
	header(b, 0, RTCP_APP, 3);
	buf_u32(b, ssrc);
	buf_text(b, "test");
	buf_u32(b, FAR); /* its contents are its own */
}

static void nack(struct buf *b, uint32_t sender, uint32_t media, uint16_t first)
{
	header(b, 1, RTCP_RTPFB, 4);
	buf_u32(b, sender);
	buf_u32(b, media);
	buf_u16(b, first);
	buf_u16(b, 0x8001);
	buf_u16(b, (uint16_t)(first + 50));
	buf_u16(b, 0);
}

static void fir(struct buf *b, uint32_t sender, uint32_t entry)
{
	header(b, 4, RTCP_PSFB, 4);
	buf_u32(b, sender);
	buf_u32(b, 0);
	buf_u32(b, entry);
	buf_u32(b, 0x07000000);
}

static void xr(struct buf *b, uint32_t sender, uint32_t media, uint16_t begin)
{
	header(b, 0, RTCP_XR, 25);
	buf_u32(b, sender);
	buf_u32(b, 0x01000003); /* loss run lengths */
	buf_u32(b, media);
	buf_u16(b, begin);
	buf_u16(b, (uint16_t)(begin + 9));
	buf_u32(b, 0x80010000);
	buf_u32(b, 0x04000002); /* receiver reference time */
	buf_u64(b, 0x1122334455667788);
	buf_u32(b, 0x05000003); /* DLRR */
	buf_u32(b, media);
	buf_u64(b, 0);
	buf_u32(b, 0x06000009); /* statistics summary */
	buf_u32(b, media);
	buf_u16(b, begin);
	buf_u16(b, (uint16_t)(begin + 9));
	for (int i = 0; i < 7; i++)
		buf_u32(b, 9);
	buf_u32(b, 0x0e000001); /* one that RFC 3611 does not know */
	buf_u32(b, media);
	buf_u32(b, 0xff000000); /* one without contents */
}

static void all(struct buf *b, int mapped)
{
	uint32_t phone = mapped ? NEW_PHONE : PHONE;
	uint32_t far = mapped ? NEW_FAR : FAR;
	uint32_t add = mapped ? ADD_SEQ : 0;

	sr(b, phone, 0xfffff800 + (mapped ? ADD_TS : 0), far, 0x00010005 + add);
	sdes(b, phone);
	app(b, phone);
	nack(b, phone, far, (uint16_t)(8 + add));
	fir(b, phone, far);
	xr(b, phone, far, (uint16_t)(65530 + add));
	bye(b, phone);
	assert_int_equal(b->err, 0);
}

struct seen {
	unsigned sender, subject, parts;
	uint8_t types[16];
};

static bool map(void *arg, enum rtcp_whose whose, uint32_t ssrc,
		struct rtcp_new *to)
{
	struct seen *s = arg;

	if (whose == RTCP_SENDER)
		s->sender++;
	else
		s->subject++;
	if (whose == RTCP_SENDER && ssrc == PHONE)
		*to = (struct rtcp_new){ NEW_PHONE, ADD_TS, 0 };
	else if (whose == RTCP_SUBJECT && ssrc == FAR)
		*to = (struct rtcp_new){ NEW_FAR, 0, ADD_SEQ };
	else
		return false;
	return true;
}

/* XR's unknown block keeps its SSRC: put the old one back to compare. */
static void a_compound_is_rewritten(void **state)
{
	struct buf in = buf_of(1000), want = buf_of(1000);
	struct seen s = { 0 };
	uint8_t *unknown;

	(void)state;
	all(&in, 0);
	all(&want, 1);
	unknown = want.data + want.len - 16 - 8;
	assert_int_equal(unknown[0], 0xbb);
	memset(unknown, 0x22, 4);
	assert_int_equal(rtcp_rewrite(in.data, in.len, map, &s), 0);
	assert_int_equal(in.len, want.len);
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] != want.data[i])
			fail_msg("byte %zu: %02x, not %02x", i, in.data[i],
				 want.data[i]);
	}
	assert_int_equal(s.sender, 7);
	assert_int_equal(s.subject, 7);
	buf_free(&in);
	buf_free(&want);
}

static void unmapped_ssrcs_stay(void **state)
{
	struct buf in = buf_of(1000), want = buf_of(1000);
	struct seen s = { 0 };

	(void)state;
	sr(&in, OTHER, 5, OTHER, 6);
	sr(&want, OTHER, 5, OTHER, 6);
	nack(&in, OTHER, OTHER, 1);
	nack(&want, OTHER, OTHER, 1);
	assert_int_equal(rtcp_rewrite(in.data, in.len, map, &s), 0);
	assert_memory_equal(in.data, want.data, in.len);
	assert_int_equal(s.sender + s.subject, 4);
	buf_free(&in);
	buf_free(&want);
}

static void count_part(void *arg, const struct rtcp_part *part)
{
	struct seen *s = arg;

	assert_in_range(s->parts, 0, 15);
	s->types[s->parts++] = part->type;
	if (part->type == RTCP_SDES || part->type == RTCP_BYE)
		assert_int_equal(part->ssrc, 0);
	else
		assert_int_equal(part->ssrc, PHONE);
}

static void parts_come_in_order(void **state)
{
	static const uint8_t types[] = { RTCP_SR, RTCP_SDES, RTCP_APP,
					 RTCP_RTPFB, RTCP_PSFB, RTCP_XR,
					 RTCP_BYE };
	struct buf in = buf_of(1000);
	struct seen s = { 0 };

	(void)state;
	all(&in, 0);
	assert_int_equal(rtcp_walk(in.data, in.len, count_part, &s), 0);
	assert_int_equal(s.parts, sizeof types);
	assert_memory_equal(s.types, types, sizeof types);
	buf_free(&in);
}

/* Only where one part ends may the compound be cut; nothing is written and
 * nobody asked when it is refused. */
static void cuts_are_refused_untouched(void **state)
{
	struct buf in = buf_of(1000), copy = buf_of(1000);
	unsigned good = 0;

	(void)state;
	all(&in, 0);
	all(&copy, 0);
	for (size_t n = 0; n < in.len; n++) {
		struct seen s = { 0 };

		if (!rtcp_walk(in.data, n, NULL, NULL)) {
			good++;
			continue;
		}
		assert_int_equal(rtcp_walk(in.data, n, count_part, &s),
				 E_FORMAT);
		assert_int_equal(rtcp_rewrite(in.data, n, map, &s), E_FORMAT);
		assert_int_equal(s.sender + s.subject + s.parts, 0);
		assert_memory_equal(in.data, copy.data, in.len);
	}
	assert_int_equal(good, 6);
	buf_free(&in);
	buf_free(&copy);
}

static int walk(struct buf *b)
{
	int r;

	assert_int_equal(b->err, 0);
	r = rtcp_walk(b->data, b->len, NULL, NULL);
	buf_free(b);
	return r;
}

static void counts_must_fit(void **state)
{
	static const struct {
		unsigned type, count, words;
		int r;
	} rows[] = {
		{ RTCP_SR, 0, 6, 0 },       { RTCP_SR, 0, 5, E_FORMAT },
		{ RTCP_SR, 1, 11, E_FORMAT }, { RTCP_SR, 1, 14, 0 },
		{ RTCP_RR, 0, 1, 0 },       { RTCP_RR, 0, 0, E_FORMAT },
		{ RTCP_RR, 1, 7, 0 },       { RTCP_RR, 2, 7, E_FORMAT },
		{ RTCP_RR, 31, 187, 0 },    { RTCP_SDES, 0, 0, 0 },
		{ RTCP_SDES, 1, 1, E_FORMAT }, { RTCP_SDES, 1, 2, 0 },
		{ RTCP_SDES, 2, 2, E_FORMAT }, { RTCP_SDES, 1, 3, E_FORMAT },
		{ RTCP_BYE, 0, 0, 0 },      { RTCP_BYE, 1, 0, E_FORMAT },
		{ RTCP_BYE, 2, 2, 0 },      { RTCP_APP, 0, 1, E_FORMAT },
		{ RTCP_APP, 0, 2, 0 },      { RTCP_RTPFB, 1, 1, E_FORMAT },
		{ RTCP_RTPFB, 1, 2, 0 },    { RTCP_RTPFB, 3, 3, E_FORMAT },
		{ RTCP_RTPFB, 3, 4, 0 },    { RTCP_PSFB, 1, 2, 0 },
		{ RTCP_PSFB, 4, 3, E_FORMAT }, { RTCP_PSFB, 15, 3, 0 },
		{ RTCP_XR, 0, 0, E_FORMAT }, { RTCP_XR, 0, 1, 0 },
		{ 195, 3, 1, 0 },           { 191, 0, 1, E_FORMAT },
		{ 224, 0, 1, E_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = buf_of(1000);
		int r;

		header(&b, rows[i].count, rows[i].type, rows[i].words);
		for (unsigned w = 0; w < rows[i].words; w++)
			buf_u32(&b, 0);
		r = walk(&b);
		if (r != rows[i].r)
			fail_msg("row %zu gave %d", i, r);
	}
}

static void xr_blocks_must_fit(void **state)
{
	static const struct {
		uint32_t block;
		unsigned words; /* behind the block's header */
		int r;
	} rows[] = {
		{ 0x01000002, 2, 0 },        { 0x01000001, 1, E_FORMAT },
		{ 0x01000003, 2, E_FORMAT }, { 0x05000000, 0, 0 },
		{ 0x05000002, 2, E_FORMAT }, { 0x05000006, 6, 0 },
		{ 0x06000008, 8, E_FORMAT }, { 0x06000009, 9, 0 },
		{ 0x07000008, 8, 0 },        { 0x07000007, 7, E_FORMAT },
		{ 0x00000000, 0, 0 },        { 0x0800ffff, 3, E_FORMAT },
		{ 0x08000001, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = buf_of(1000);
		int r;

		header(&b, 0, RTCP_XR, 2 + rows[i].words);
		buf_u32(&b, PHONE);
		buf_u32(&b, rows[i].block);
		for (unsigned w = 0; w < rows[i].words; w++)
			buf_u32(&b, 0);
		r = walk(&b);
		if (r != rows[i].r)
			fail_msg("row %zu gave %d", i, r);
	}
}

static void padding_is_for_the_last_part(void **state)
{
	struct buf b = buf_of(100);

	(void)state;
	header(&b, 0, RTCP_RR, 2);
	buf_u32(&b, PHONE);
	buf_u32(&b, 4);
	b.data[0] |= 0x20;
	assert_int_equal(rtcp_walk(b.data, b.len, NULL, NULL), 0);
	for (unsigned n = 0; n < 256; n++) {
		b.data[11] = (uint8_t)n;
		assert_int_equal(rtcp_walk(b.data, b.len, NULL, NULL),
				 n == 4 ? 0 : E_FORMAT);
	}
	b.data[11] = 4;
	header(&b, 0, RTCP_RR, 1);
	buf_u32(&b, PHONE);
	assert_int_equal(rtcp_walk(b.data, b.len, NULL, NULL), E_FORMAT);
	buf_free(&b);
}

static void a_bye_reason_must_fit(void **state)
{
	struct buf b = buf_of(100);

	(void)state;
	bye(&b, PHONE);
	for (unsigned n = 0; n < 256; n++) {
		b.data[8] = (uint8_t)n;
		assert_int_equal(rtcp_walk(b.data, b.len, NULL, NULL),
				 n <= 7 ? 0 : E_FORMAT);
	}
	buf_free(&b);
}

static void an_sdes_item_must_fit(void **state)
{
	struct buf b = buf_of(100);

	(void)state;
	sdes(&b, PHONE);
	for (unsigned n = 0; n < 256; n++) {
		int r;

		b.data[9] = (uint8_t)n;
		r = rtcp_walk(b.data, b.len, NULL, NULL);
		/* shorter ones leave text that reads as more items */
		if (n == 4 || n == 5)
			assert_int_equal(r, 0);
		else if (n > 5)
			assert_int_equal(r, E_FORMAT);
	}
	buf_free(&b);
}

static void rtcp_is_told_from_rtp(void **state)
{
	uint8_t p[2];

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		for (unsigned t = 0; t < 256; t++) {
			p[0] = (uint8_t)v;
			p[1] = (uint8_t)t;
			assert_int_equal(rtcp_is(p, 2), v >> 6 == 2 &&
					 t >= 192 && t <= 223);
		}
	}
	assert_false(rtcp_is(p, 1));
	assert_false(rtcp_is(NULL, 0));
	assert_int_equal(rtcp_walk(NULL, 0, NULL, NULL), E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_compound_is_rewritten),
		cmocka_unit_test(unmapped_ssrcs_stay),
		cmocka_unit_test(parts_come_in_order),
		cmocka_unit_test(cuts_are_refused_untouched),
		cmocka_unit_test(counts_must_fit),
		cmocka_unit_test(xr_blocks_must_fit),
		cmocka_unit_test(padding_is_for_the_last_part),
		cmocka_unit_test(a_bye_reason_must_fit),
		cmocka_unit_test(an_sdes_item_must_fit),
		cmocka_unit_test(rtcp_is_told_from_rtp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
