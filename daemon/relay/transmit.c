/* transmit.c - the sealed leg's own RTP numbering. See transmit.h.
 *
 * index.c decides which index a packet gets; this adds the timestamp and
 * RTCP. While one source goes on undisturbed, differences of sequence numbers
 * and of timestamps pass as they are. When the source changes (or restarts),
 * our timestamp goes on by the time that passed: to the far end it is one
 * source with a gap (RFC 3550 section 5.1: timestamps follow the sampling
 * clock). */
#include "daemon/relay/transmit.h"

#include "daemon/base/err.h"
#include "daemon/relay/rtcp.h"

#include <string.h>

#define CLOCK_USUAL 8000

void transmit_init(struct transmit *t, uint32_t ssrc, uint16_t first,
		   uint32_t clock_hz)
{
	memset(t, 0, sizeof *t);
	index_tx_init(&t->index, first);
	t->ssrc = ssrc;
	t->clock_hz = clock_hz ? clock_hz : CLOCK_USUAL;
}

/* What our timestamp is now, if the clock ran on since the last packet. */
static uint32_t ran_on(const struct transmit *t, uint64_t now_us)
{
	uint64_t gone_us = now_us > t->at_us ? now_us - t->at_us : 0;
	uint32_t ticks = (uint32_t)(gone_us * t->clock_hz / 1000000);

	return t->timestamp + (ticks ? ticks : 1);
}

int transmit_rtp(struct transmit *t, uint8_t *pkt, const struct rtp *h,
		 uint64_t now_us, uint64_t *index)
{
	bool moved = false;
	int r = index_tx_rtp(&t->index, h->ssrc, h->seq, index, &moved);

	if (r)
		return r;
	if (moved && t->at_us)
		t->add = ran_on(t, now_us) - h->timestamp;
	if (*index + 1 == t->index.next) {
		t->timestamp = h->timestamp + t->add;
		t->at_us = now_us ? now_us : 1;
	}
	rtp_put_seq(pkt, (uint16_t)*index);
	rtp_put_timestamp(pkt, h->timestamp + t->add);
	rtp_put_ssrc(pkt, t->ssrc);
	return 0;
}

static bool map_source(void *arg, enum rtcp_whose whose, uint32_t ssrc,
		       struct rtcp_new *to)
{
	const struct transmit *t = arg;

	(void)ssrc;
	if (whose != RTCP_SENDER)
		return false; /* the far end's SSRC is the same on both legs */
	*to = (struct rtcp_new){ .ssrc = t->ssrc, .add_timestamp = t->add };
	return true;
}

struct farewell {
	const struct transmit *t;
	bool stale;
};

static void look_for_bye(void *arg, const struct rtcp_part *part)
{
	struct farewell *f = arg;
	uint32_t ssrc;

	if (part->type != RTCP_BYE || part->body_len < 4)
		return;
	ssrc = (uint32_t)part->body[0] << 24 | (uint32_t)part->body[1] << 16 |
	       (uint32_t)part->body[2] << 8 | part->body[3];
	if (f->t->index.bound && ssrc != f->t->index.source)
		f->stale = true;
}

int transmit_rtcp(struct transmit *t, uint8_t *pkt, size_t len, uint32_t *index)
{
	struct farewell f = { t, false };
	int r = rtcp_walk(pkt, len, look_for_bye, &f);

	if (!r && f.stale)
		r = E_REPLAY; /* it would end our one source */
	if (!r)
		r = index_tx_rtcp(&t->index, index);
	if (!r)
		r = rtcp_rewrite(pkt, len, map_source, t);
	return r;
}

static bool map_told(void *arg, enum rtcp_whose whose, uint32_t ssrc,
		     struct rtcp_new *to)
{
	const struct transmit *t = arg;

	if (whose != RTCP_SUBJECT || ssrc != t->ssrc || !t->index.bound)
		return false;
	*to = (struct rtcp_new){ .ssrc = t->index.source,
				 .add_seq = 0 - index_tx_shift(&t->index) };
	return true;
}

int transmit_told(const struct transmit *t, uint8_t *pkt, size_t len)
{
	return rtcp_rewrite(pkt, len, map_told, (void *)t);
}
