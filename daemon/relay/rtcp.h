/* rtcp.h - walking and rewriting a plain compound RTCP packet.
 *
 * Known: SR, RR, SDES, BYE, APP (RFC 3550), transport and payload feedback
 * (RFC 4585, RFC 5104), XR (RFC 3611). Others are walked over untouched. The
 * first packet need not be a report: reduced-size RTCP (RFC 5506) passes. */
#ifndef CALLSEAL_RTCP_H
#define CALLSEAL_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rtcp_type {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_SDES = 202,
	RTCP_BYE = 203,
	RTCP_APP = 204,
	RTCP_RTPFB = 205,
	RTCP_PSFB = 206,
	RTCP_XR = 207
};

/* Tells RTCP from RTP on one port by RFC 5761 section 4: version 2 and a
 * second byte of 192 to 223. Looks no further, so it works for SRTCP too. */
bool rtcp_is(const uint8_t *pkt, size_t len);

/* One packet of a compound. Pointers are borrowed from the packet. */
struct rtcp_part {
	uint8_t type;  /* enum rtcp_type, or another value */
	uint8_t count; /* the five bits: report count, format, subtype */
	uint32_t ssrc; /* of the sender; 0 when there is none (SDES, BYE) */
	const uint8_t *body; /* behind the 4-byte header */
	size_t body_len;     /* without padding */
};

/* Gives each part in order to fn, which may be NULL. Everything is checked
 * before the first call. E_FORMAT for anything cut, overlong or misplaced. */
typedef void (*rtcp_part_fn)(void *arg, const struct rtcp_part *part);
int rtcp_walk(const uint8_t *pkt, size_t len, rtcp_part_fn fn, void *arg);

/* Whose SSRC stands somewhere: the one who sends this RTCP (SR, RR, XR, APP,
 * feedback sender, SDES chunks, BYE), or one who is told about (report
 * blocks, media source and entries of feedback, XR blocks). */
enum rtcp_whose { RTCP_SENDER, RTCP_SUBJECT };

/* What to write in place of an SSRC. Sums are modulo the field's size. */
struct rtcp_new {
	uint32_t ssrc;
	uint32_t add_timestamp; /* to the RTP timestamp of this sender's SR */
	uint32_t add_seq; /* to sequence numbers told about this subject:
			   * extended highest (reports), NACK, XR ranges */
};

/* Fills *to and returns true, or returns false to leave ssrc as it is. */
typedef bool (*rtcp_map_fn)(void *arg, enum rtcp_whose whose, uint32_t ssrc,
			    struct rtcp_new *to);
/* Rewrites all SSRCs of a compound in place; its length stays. On E_FORMAT
 * nothing was changed and map not called. */
int rtcp_rewrite(uint8_t *pkt, size_t len, rtcp_map_fn map, void *arg);

#endif
