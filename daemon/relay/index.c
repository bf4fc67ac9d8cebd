/* index.c - which index a packet has, and whether it may pass. See index.h.
 *
 * Receive: RFC 3711 3.3.1 and appendix A guess the index from the 16 bits on
 * the wire; 3.3.2 wants the replay list looked at before authentication and
 * changed only after it, hence the two functions. Where the RFC's guess would
 * be a ROC of -1, ROC 0 is tried instead: nothing earlier can exist.
 *
 * Transmit: the plain side may repeat or restart its sequence numbers, and a
 * repeated index under one key would be a two-time pad (or, with GCM, give
 * away the authentication key: RFC 7714 section 8.4). The same ring of bits
 * that finds replays on the one side proves here that an index is fresh. What
 * looks like a restart must be two packets in a row, as in RFC 3550 A.1.
 *
 * The ring is the one of RFC 6479: sliding clears whole words, so a jump
 * costs no shifting; a packet touches one or two words whatever the size. */
#include "daemon/relay/index.h"

#include "daemon/base/err.h"

#include <stddef.h>
#include <string.h>

/* words is a power of two. next is the index behind the highest marked, 0 when
 * nothing is. */
static bool ring_seen(const uint64_t *bits, unsigned words, uint64_t next,
		      uint64_t index)
{
	uint64_t word = index / 64;

	if (index >= next)
		return false;
	if ((next - 1) / 64 - word >= words)
		return true; /* too old to know */
	return bits[word & (words - 1)] >> (index % 64) & 1;
}

static void ring_mark(uint64_t *bits, unsigned words, uint64_t *next,
		      uint64_t index)
{
	uint64_t word = index / 64;

	if (index >= *next) {
		uint64_t fresh = *next ? (*next - 1) / 64 + 1 : 0;

		if (word >= words && fresh < word - words + 1)
			fresh = word - words + 1;
		for (; fresh <= word; fresh++)
			bits[fresh & (words - 1)] = 0;
		*next = index + 1;
	}
	bits[word & (words - 1)] |= UINT64_C(1) << (index % 64);
}

/* RFC 3711 appendix A, on whole indexes: the one nearest to top that ends in
 * seq; at a distance of just 2^15 the ROC stays as it is. */
static uint64_t nearest(uint64_t top, uint16_t seq)
{
	int32_t diff = (int16_t)(uint16_t)(seq - (uint16_t)top);

	if (diff == INT16_MIN && (uint16_t)top < 0x8000)
		diff = 0x8000;
	if (diff < 0 && (uint64_t)-diff > top)
		return seq; /* nothing is before ROC 0 */
	return top + (uint64_t)(int64_t)diff;
}

/* -- receive side --------------------------------------------------------- */

void index_rx_init(struct index_rx *rx)
{
	memset(rx, 0, sizeof *rx);
}

/* E_NOTFOUND when there is room for ssrc, E_FULL when there is none. */
static int find(const struct index_rx *rx, uint32_t ssrc, unsigned *at)
{
	for (unsigned i = 0; i < rx->count; i++) {
		if (rx->sources[i].ssrc == ssrc) {
			*at = i;
			return 0;
		}
	}
	return rx->count < INDEX_SSRC_MAX ? E_NOTFOUND : E_FULL;
}

static int find_or_add(struct index_rx *rx, uint32_t ssrc,
		       struct index_source **out)
{
	unsigned at;
	int r = find(rx, ssrc, &at);

	if (r == E_FULL)
		return r;
	if (r) {
		at = rx->count++;
		rx->sources[at] = (struct index_source){ .ssrc = ssrc };
	}
	*out = &rx->sources[at];
	return 0;
}

int index_rx_expect(struct index_rx *rx, uint32_t ssrc, uint32_t roc)
{
	struct index_source *s;
	int r = find_or_add(rx, ssrc, &s);

	if (r)
		return r;
	if (s->rtp_next)
		return E_STATE;
	s->roc = roc;
	return 0;
}

static int check_rtp(const struct index_source *s, uint64_t index)
{
	if (index >= INDEX_RTP_LIMIT)
		return E_STATE;
	if (ring_seen(s->rtp_bits, INDEX_RTP_WORDS, s->rtp_next, index))
		return E_REPLAY;
	return 0;
}

int index_rx_rtp(const struct index_rx *rx, uint32_t ssrc, uint16_t seq,
		 uint64_t *index)
{
	const struct index_source *s;
	uint64_t i = seq;
	unsigned at;
	int r = find(rx, ssrc, &at);

	if (r == E_FULL)
		return r;
	if (!r) {
		s = &rx->sources[at];
		i = s->rtp_next ? nearest(s->rtp_next - 1, seq) :
				  (uint64_t)s->roc << 16 | seq;
		r = check_rtp(s, i);
		if (r)
			return r;
	}
	*index = i;
	return 0;
}

int index_rx_rtp_done(struct index_rx *rx, uint32_t ssrc, uint64_t index)
{
	struct index_source *s;
	int r = find_or_add(rx, ssrc, &s);

	if (!r)
		r = check_rtp(s, index);
	if (!r)
		ring_mark(s->rtp_bits, INDEX_RTP_WORDS, &s->rtp_next, index);
	return r;
}

static int check_rtcp(const struct index_source *s, uint32_t index)
{
	if (index >= INDEX_RTCP_LIMIT)
		return E_STATE;
	if (ring_seen(s->rtcp_bits, INDEX_RTCP_WORDS, s->rtcp_next, index))
		return E_REPLAY;
	return 0;
}

int index_rx_rtcp(const struct index_rx *rx, uint32_t ssrc, uint32_t index)
{
	unsigned at;
	int r = find(rx, ssrc, &at);

	if (r == E_NOTFOUND)
		return index < INDEX_RTCP_LIMIT ? 0 : E_STATE;
	return r ? r : check_rtcp(&rx->sources[at], index);
}

int index_rx_rtcp_done(struct index_rx *rx, uint32_t ssrc, uint32_t index)
{
	struct index_source *s;
	int r;

	if (index >= INDEX_RTCP_LIMIT)
		return E_STATE;
	r = find_or_add(rx, ssrc, &s);
	if (!r)
		r = check_rtcp(s, index);
	if (!r)
		ring_mark(s->rtcp_bits, INDEX_RTCP_WORDS, &s->rtcp_next, index);
	return r;
}

/* -- transmit side -------------------------------------------------------- */

void index_tx_init(struct index_tx *tx, uint16_t first)
{
	memset(tx, 0, sizeof *tx);
	tx->next = first;
}

/* Uses index up, or refuses it. */
static int take(struct index_tx *tx, uint64_t index)
{
	if (index >= INDEX_RTP_LIMIT)
		return E_STATE;
	if (ring_seen(tx->bits, INDEX_RTP_WORDS, tx->next, index))
		return E_REPLAY;
	ring_mark(tx->bits, INDEX_RTP_WORDS, &tx->next, index);
	return 0;
}

/* Follows a source from now on, behind all that was sent. */
static int move(struct index_tx *tx, uint32_t ssrc, uint16_t seq,
		uint64_t *index)
{
	uint64_t i = tx->next;
	int r = take(tx, i);

	if (r)
		return r;
	tx->bound = true;
	tx->has_stray = false;
	tx->source = ssrc;
	/* far from 0, so that going back never borrows */
	tx->source_top = UINT64_C(1) << 32 | seq;
	tx->shift = i - tx->source_top;
	*index = i;
	return 0;
}

/* Goes on with the source. E_REPLAY for what cannot be sent any more. */
static int follow(struct index_tx *tx, uint16_t seq, uint64_t *index)
{
	uint64_t number = nearest(tx->source_top, seq);
	uint64_t i = number + tx->shift;
	int r;

	if (number < tx->source_top && i >= tx->next)
		return E_REPLAY; /* it would be before index 0 */
	r = take(tx, i);
	if (r)
		return r;
	if (number > tx->source_top)
		tx->source_top = number;
	tx->has_stray = false;
	*index = i;
	return 0;
}

int index_tx_rtp(struct index_tx *tx, uint32_t ssrc, uint16_t seq,
		 uint64_t *index, bool *moved)
{
	bool restarted = tx->has_stray && seq == tx->stray;
	int r;

	if (tx->bound && ssrc == tx->source) {
		r = follow(tx, seq, index);
		if (!r)
			*moved = false;
		if (r != E_REPLAY)
			return r;
		if (!restarted) {
			tx->has_stray = true;
			tx->stray = (uint16_t)(seq + 1);
			return r;
		}
	}
	r = move(tx, ssrc, seq, index);
	if (!r)
		*moved = true;
	return r;
}

int index_tx_rtcp(struct index_tx *tx, uint32_t *index)
{
	if (tx->rtcp_next >= INDEX_RTCP_LIMIT)
		return E_STATE;
	*index = tx->rtcp_next++;
	return 0;
}

uint32_t index_tx_shift(const struct index_tx *tx)
{
	return (uint32_t)tx->shift;
}
