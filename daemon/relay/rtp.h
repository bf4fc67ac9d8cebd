/* rtp.h - the header of an RTP packet (RFC 3550 section 5.1). */
#ifndef CALLSEAL_RTP_H
#define CALLSEAL_RTP_H

#include <stddef.h>
#include <stdint.h>

#define RTP_HEADER_LEN 12 /* without CSRCs and extension */

/* Offsets are in bytes from the first byte of the packet. */
struct rtp {
	uint8_t payload_type; /* 7 bits */
	uint8_t marker;       /* 0 or 1 */
	uint8_t csrc_count;
	uint8_t padded;       /* the P bit, 0 or 1 */
	uint16_t seq;
	uint16_t ext_profile; /* defined when ext_off is not 0 */
	uint32_t timestamp;
	uint32_t ssrc;
	size_t ext_off;     /* first byte of extension data; 0: no extension */
	size_t ext_len;     /* bytes of extension data */
	size_t hdr_len;     /* header, CSRCs and extension: where payload is */
	size_t payload_len; /* without padding */
	size_t pad_len;     /* padding with its count byte; 0 for none */
};

/* Parses a plain packet. E_FORMAT when it is cut, of another version, or its
 * padding does not fit. */
int rtp_parse(const uint8_t *pkt, size_t len, struct rtp *out);
/* Parses the header of a protected packet: what follows it (padding, MKI and
 * tag too) is encrypted, counted as payload and not looked into. */
int rtp_parse_sealed(const uint8_t *pkt, size_t len, struct rtp *out);

/* Write one header field. pkt holds at least RTP_HEADER_LEN bytes. */
void rtp_put_seq(uint8_t *pkt, uint16_t seq);
void rtp_put_timestamp(uint8_t *pkt, uint32_t timestamp);
void rtp_put_ssrc(uint8_t *pkt, uint32_t ssrc);

#endif
