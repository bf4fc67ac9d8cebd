/* stamp.c - NTP timestamps (RFC 3830 4.2.8). Seconds since 1900 in 32 bits
 * overflow in February 2036; only the distance to our own clock is used, so
 * that the overflow passes unnoticed. */
#include "modules/mikey/stamp.h"

#define UNIX_IN_NTP 2208988800u /* seconds from 1900 to 1970 */
#define SECOND_US 1000000u

uint64_t mikey_stamp_of(uint64_t wall_us, uint32_t below)
{
	uint64_t s = wall_us / SECOND_US + UNIX_IN_NTP;
	uint64_t us = wall_us % SECOND_US;
	uint64_t from = (us << 32) / SECOND_US;
	uint64_t to = ((us + 1) << 32) / SECOND_US;

	/* the first unit above the start still reads as this microsecond */
	return s << 32 | (from + 1 + below % (to - from - 1));
}

uint64_t mikey_stamp_us(uint64_t stamp, uint64_t now_us)
{
	uint32_t now_s = (uint32_t)(now_us / SECOND_US + UNIX_IN_NTP);
	int32_t ahead = (int32_t)((uint32_t)(stamp >> 32) - now_s);
	int64_t s = (int64_t)(now_us / SECOND_US) + ahead;
	uint64_t us = ((stamp & 0xffffffff) * SECOND_US) >> 32;

	return s < 0 ? 0 : (uint64_t)s * SECOND_US + us;
}

uint64_t mikey_stamp_bits(const struct mikey_payload *t)
{
	struct reader r = reader_of(t->data.p, t->data.len);

	if (t->kind == MIKEY_TS_COUNTER)
		return reader_u32(&r);
	if (t->kind == MIKEY_TS_UTC_32)
		return (uint64_t)reader_u32(&r) << 32;
	return reader_u64(&r);
}

uint64_t mikey_apart_us(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}
