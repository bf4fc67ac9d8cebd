/* transmit.h - the sealed leg's own RTP numbering.
 *
 * The relay owns SSRC, sequence numbers and timestamps of what it seals, so
 * that the plain side can repeat, restart or step back without an index being
 * used twice under a key. RTCP is rewritten to match, both ways. It lives as
 * long as its stream, over changes of key (RFC 3711 section 3.3.1: a new key
 * does not reset the index). Plain struct, nothing to free. One thread. */
#ifndef CALLSEAL_TRANSMIT_H
#define CALLSEAL_TRANSMIT_H

#include "daemon/relay/index.h"
#include "daemon/relay/rtp.h"

struct transmit {
	struct index_tx index;
	uint32_t ssrc;      /* ours */
	uint32_t clock_hz;  /* of the RTP timestamp */
	uint32_t add;       /* our timestamp minus the source's */
	uint32_t timestamp; /* ours, of the packet with the highest index */
	uint64_t at_us;     /* when that was sent; 0: never */
};

/* first: the first sequence number, random and below 2^15. */
void transmit_init(struct transmit *t, uint32_t ssrc, uint16_t first,
		   uint32_t clock_hz);
/* Gives a packet of the plain side its index and rewrites its header; all
 * else stays as it is. On failure the packet is unchanged and must be
 * dropped: E_REPLAY for a copy, E_STATE when the key is used up. */
int transmit_rtp(struct transmit *t, uint8_t *pkt, const struct rtp *h,
		 uint64_t now_us, uint64_t *index);
/* The same for a compound RTCP packet of the plain side. E_FORMAT; E_REPLAY
 * for the end (BYE) of a source that is no longer followed. */
int transmit_rtcp(struct transmit *t, uint8_t *pkt, size_t len,
		  uint32_t *index);
/* Rewrites what the far end tells about us into what the source knows of
 * itself. E_FORMAT. */
int transmit_told(const struct transmit *t, uint8_t *pkt, size_t len);

#endif
