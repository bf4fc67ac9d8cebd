/* stamp.h - timestamps (RFC 3830 4.2.8, 6.6): NTP form of our clock's time
 * and back. */
#ifndef CALLSEAL_MIKEY_STAMP_H
#define CALLSEAL_MIKEY_STAMP_H

#include "modules/mikey/message.h"

#include <stdint.h>

/* Microseconds since 1970 UTC as a 64-bit NTP timestamp; below gives the
 * part finer than a microsecond (used modulo), so that two messages of one
 * microsecond differ. */
uint64_t mikey_stamp_of(uint64_t wall_us, uint32_t below);
/* The microseconds since 1970 that an NTP timestamp means: the NTP era is
 * the one that brings it closest to now_us. */
uint64_t mikey_stamp_us(uint64_t stamp, uint64_t now_us);
/* The 64 bits of a T payload of any type, as the initial vector of a KEMAC has
 * them: a counter gets zeros in front (6.6), NTP-UTC-32 behind (RFC 6043
 * 6.3). */
uint64_t mikey_stamp_bits(const struct mikey_payload *t);
/* How far two times are apart. */
uint64_t mikey_apart_us(uint64_t a, uint64_t b);

#endif
