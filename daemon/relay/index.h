/* index.h - which index a packet has, and whether it may pass.
 *
 * SRTP numbers packets with 48 bits (ROC << 16 | SEQ), SRTCP with 31. The
 * receive side estimates and remembers them; the transmit side makes sure
 * that no index is ever used twice under one key. RFC 3711 sections 3.3.1,
 * 3.3.2, 3.4, 9.2 and appendix A. Plain structs without pointers: nothing is
 * allocated, there is nothing to free. One thread. */
#ifndef CALLSEAL_INDEX_H
#define CALLSEAL_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#define INDEX_RTP_LIMIT (UINT64_C(1) << 48)  /* packets per key */
#define INDEX_RTCP_LIMIT (UINT32_C(1) << 31)
#define INDEX_SSRC_MAX 8 /* sources accepted under one key */

/* Windows are rings of 64-bit words; one word less than the ring is sure to
 * be remembered behind the highest index: 960 packets of RTP, 192 of RTCP. */
#define INDEX_RTP_WORDS 16
#define INDEX_RTCP_WORDS 4
#define INDEX_RTP_WINDOW ((INDEX_RTP_WORDS - 1) * 64)
#define INDEX_RTCP_WINDOW ((INDEX_RTCP_WORDS - 1) * 64)

/* One source under a receive key. next is the index behind the highest that
 * was authenticated, 0 for none. */
struct index_source {
	uint32_t ssrc;
	uint32_t roc; /* to start with; of no meaning once rtp_next is set */
	uint64_t rtp_next;
	uint64_t rtcp_next;
	uint64_t rtp_bits[INDEX_RTP_WORDS];
	uint64_t rtcp_bits[INDEX_RTCP_WORDS];
};

/* The receive side of one key. */
struct index_rx {
	unsigned count;
	struct index_source sources[INDEX_SSRC_MAX];
};

void index_rx_init(struct index_rx *rx);
/* Announces a source and the ROC it starts with, as the key exchange told.
 * Only before its first packet: else E_STATE. E_FULL. */
int index_rx_expect(struct index_rx *rx, uint32_t ssrc, uint32_t roc);
/* Before authentication: the index to try for a packet. Changes nothing.
 * E_REPLAY when seen or older than the window; E_FULL when ssrc would be one
 * source too many; E_STATE when the index space of the key is used up. */
int index_rx_rtp(const struct index_rx *rx, uint32_t ssrc, uint16_t seq,
		 uint64_t *index);
/* After authentication: remembers the index that index_rx_rtp() gave. The
 * same failures again, since two copies may have been under way at once; the
 * packet must then be dropped. */
int index_rx_rtp_done(struct index_rx *rx, uint32_t ssrc, uint64_t index);
/* The same for SRTCP, where the packet carries its index. */
int index_rx_rtcp(const struct index_rx *rx, uint32_t ssrc, uint32_t index);
int index_rx_rtcp_done(struct index_rx *rx, uint32_t ssrc, uint32_t index);

/* The transmit side of one key, with the one SSRC we send under it. The inner
 * source's sequence numbers are extended to 64 bits; ours are those plus
 * shift, so that gaps and order stay visible to the receiver. */
struct index_tx {
	uint64_t next;       /* behind the highest index used */
	uint64_t bits[INDEX_RTP_WORDS];
	uint64_t source_top; /* highest extended number of the source */
	uint64_t shift;
	uint32_t source;     /* SSRC of the source that is followed */
	uint32_t rtcp_next;
	uint16_t stray;      /* the number that would prove a restart */
	bool bound;          /* a source is followed */
	bool has_stray;
};

/* first is the sequence number of the first packet; RFC 3711 3.3.1 wants it
 * random and below 2^15. */
void index_tx_init(struct index_tx *tx, uint16_t first);

/* The index for a packet of the inner source, which must then be sent with
 * sequence number (uint16_t)index or not at all: it is used up. A source that
 * reorders keeps its order and gaps; one that changes its SSRC, jumps or
 * starts again is placed behind all that was sent (*moved is then true: the
 * timestamp needs a new offset too). E_REPLAY: a copy or too old, drop it.
 * E_STATE: the key is used up, a new one is needed. */
int index_tx_rtp(struct index_tx *tx, uint32_t ssrc, uint16_t seq,
		 uint64_t *index, bool *moved);
/* The next SRTCP index. E_STATE after 2^31 packets. */
int index_tx_rtcp(struct index_tx *tx, uint32_t *index);
/* What to add to a sequence number of the source to get ours, modulo 2^16
 * (or, for RTCP's extended numbers, 2^32). */
uint32_t index_tx_shift(const struct index_tx *tx);

#endif
