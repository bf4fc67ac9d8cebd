/* packet.c - the way of one packet through a stream. See packet.h.
 *
 * inside -> outside: is it from the phone, is it RTP, is there a key that may
 *   send, number it anew, seal, send.
 * outside -> inside: is it RTP, which key opens it, was it seen before, does
 *   the tag verify, only then remember the index and look at where it came
 *   from; send it on with the header it has.
 * A plain stream is passed on as it is, once its source is right. So is one
 * that goes in a tunnel, but that its far end never moves by itself: the kernel
 * lets in what is from where signalling said, and what the phone sends waits
 * until the tunnel may be used, be it before signalling has told its address.
 *
 * Each step decides by itself to drop: there is no way from a sealed stream's
 * input to an output that does not go through seal() or unseal(). RFC 3711
 * section 3.3, RFC 3550, RFC 5761. */
#include "daemon/relay/packet.h"

#include "daemon/base/err.h"
#include "daemon/relay/rtcp.h"
#include "daemon/relay/rtp.h"

#include <stdlib.h>
#include <string.h>

/* One packet with what was found out about it. */
struct pass {
	struct stream *s;
	struct packet *p;
	enum face from;
	enum component kind; /* what it is, not where it came in */
	struct learn *source;
};

/* Counts why a packet goes no further. */
static int drop(struct pass *d, int err)
{
	struct msg_face_stats *st = &d->s->stats[d->from];

	switch (err) {
	case E_AUTH:
		st->dropped_auth++;
		break;
	case E_REPLAY:
		st->dropped_replay++;
		break;
	case E_STATE:
		st->dropped_no_key++;
		break;
	case E_POLICY:
		st->dropped_source++;
		break;
	case E_EXISTS:
		st->dropped_index++;
		break;
	default:
		st->dropped_format++;
	}
	return err;
}

/* -- sealing -------------------------------------------------------------- */

static int seal_rtp(struct stream *s, struct packet *p)
{
	uint64_t index;
	struct rtp h;
	int r = rtp_parse(p->data, p->len, &h);

	if (r)
		return r;
	r = transmit_rtp(&s->tx, p->data, &h, p->now_us, &index);
	if (!r)
		r = s->env->transform->protect_rtp(s->send.t, p->data, &p->len,
						   h.hdr_len, index);
	return r;
}

static int seal_rtcp(struct stream *s, struct packet *p)
{
	uint32_t index;
	int r = transmit_rtcp(&s->tx, p->data, p->len, &index);

	return r ? r : s->env->transform->protect_rtcp(s->send.t, p->data,
						       &p->len, index);
}

static int seal(struct pass *d)
{
	struct stream *s = d->s;
	int r;

	if (!s->send.t)
		return drop(d, E_STATE);
	if (d->p->len + TRANSFORM_ROOM > PACKET_MAX)
		return drop(d, E_FORMAT);
	if (stream_spent(&s->send.life, d->kind))
		r = E_STATE;
	else
		r = d->kind == RTP ? seal_rtp(s, d->p) : seal_rtcp(s, d->p);
	if (r == E_STATE) {
		s->tell |= STREAM_TELL_SPENT;
		return drop(d, E_EXISTS);
	}
	if (r == E_REPLAY)
		return drop(d, E_EXISTS);
	if (r)
		return drop(d, r);
	stream_used(s, &s->send.life, d->kind);
	return 0;
}

/* -- opening -------------------------------------------------------------- */

static int open_rtp(struct pass *d, struct stream_recv *k, const struct rtp *h,
		    uint64_t *index)
{
	int r = index_rx_rtp(&k->rx, h->ssrc, h->seq, index);

	if (!r)
		r = d->s->env->transform->open_rtp(k->t, d->p->data,
						   &d->p->len, h->hdr_len,
						   *index);
	if (!r)
		r = index_rx_rtp_done(&k->rx, h->ssrc, *index);
	return r;
}

static int open_rtcp(struct pass *d, struct stream_recv *k, uint32_t ssrc,
		     uint64_t *index)
{
	uint32_t i;
	int r = d->s->env->transform->open_rtcp(k->t, d->p->data, &d->p->len,
						&i);

	if (!r)
		r = index_rx_rtcp_done(&k->rx, ssrc, i);
	if (!r)
		r = transmit_told(&d->s->tx, d->p->data, d->p->len);
	if (!r)
		*index = i;
	return r;
}

/* With one key for both directions (k=) what we sent ourselves would open, and
 * its SSRC in two directions would be one keystream twice. With two, who sends
 * us back what we said (an echo) may keep the SSRC. */
static bool usable(const struct stream *s, const struct stream_recv *k,
		   uint32_t ssrc, uint64_t now_us)
{
	if (k->mutual && ssrc == s->tx.ssrc)
		return false;
	if (k->until_us && k->until_us <= now_us)
		return false;
	return !k->ssrc || k->ssrc == ssrc;
}

static int open_by(struct pass *d, struct stream_recv *k, const struct rtp *h,
		   uint64_t *index)
{
	int r;

	if (stream_spent(&k->life, d->kind))
		return E_STATE;
	r = d->kind == RTP ? open_rtp(d, k, h, index)
			   : open_rtcp(d, k, h->ssrc, index);
	if (r)
		return r;
	stream_used(d->s, &k->life, d->kind);
	if (k == d->s->recv[0])
		stream_proven(d->s, d->p->now_us);
	return 0;
}

/* Tries the keys from the newest on. What fails under one may be right under
 * the next: that one gets the bytes as they came. */
static int open_any(struct pass *d, const struct rtp *h, uint64_t *index)
{
	struct stream_recv *const *keys = d->s->recv;
	const size_t len = d->p->len;
	bool kept = keys[0] && keys[1];
	int r, worst = keys[0] ? E_AUTH : E_STATE;

	if (kept)
		memcpy(d->p->spare, d->p->data, len);
	for (unsigned i = 0, tries = 0; i < STREAM_RECV_MAX && keys[i]; i++) {
		if (!usable(d->s, keys[i], h->ssrc, d->p->now_us))
			continue;
		if (tries++) {
			memcpy(d->p->data, d->p->spare, len);
			d->p->len = len;
		}
		r = open_by(d, keys[i], h, index);
		if (!r)
			return 0;
		if (r != E_AUTH)
			worst = r;
	}
	return worst;
}

static int unseal(struct pass *d)
{
	struct stream *s = d->s;
	struct packet *p = d->p;
	struct rtp h = { 0 };
	uint64_t index = 0;
	int r = 0;

	if (!s->recv[0])
		return drop(d, E_STATE);
	if (d->kind == RTP)
		r = rtp_parse_sealed(p->data, p->len, &h);
	else if (p->len >= 8 && rtcp_is(p->data, p->len))
		memcpy(&h.ssrc, p->data + 4, sizeof h.ssrc);
	else
		r = E_FORMAT;
	if (r)
		return drop(d, E_FORMAT);
	if (d->kind == RTCP)
		h.ssrc = __builtin_bswap32(h.ssrc);
	r = open_any(d, &h, &index);
	if (r == E_REPLAY)
		learn_copy(d->source, &p->from);
	if (r == E_STATE)
		r = E_EXISTS; /* not "no key", but one that is used up */
	if (r)
		return drop(d, r);
	if (d->kind == RTP)
		s->far_ssrc = h.ssrc;
	learn_sealed(d->source, &p->from, index, p->now_us);
	return 0;
}

/* -- plain ---------------------------------------------------------------- */

static int known_source(struct pass *d)
{
	bool may_move = d->from == OUTSIDE ? !d->s->tunnel
					   : env_allows(d->s->env, &d->p->from);

	if (!learn_plain(d->source, &d->p->from, may_move))
		return drop(d, E_POLICY);
	return 0;
}

/* -- the way -------------------------------------------------------------- */

static enum component kind_of(const struct media_port *in,
			      const struct packet *p)
{
	if (in->component == RTCP)
		return RTCP;
	return in->stream->mux[in->face] && rtcp_is(p->data, p->len) ? RTCP :
								       RTP;
}

/* 0, or why it must not go on; changes the bytes of a sealed stream. */
static int treat(struct pass *d)
{
	int r;

	if (d->s->sealed && d->from == OUTSIDE)
		return unseal(d);
	r = known_source(d);
	return r || !d->s->sealed ? r : seal(d);
}

/* A phone may send as soon as its answer leaves (RFC 3264 5.1), and be faster
 * than that answer, which waits for SAs. Once those are there, what has no
 * source has none to come: the RTCP of a fax. What is to be sealed has to wait
 * for its key as well. */
static bool is_early(const struct pass *d)
{
	return d->from == INSIDE && d->s->tunnel && !d->s->open &&
	       (d->s->sealed || !d->source->now.family) &&
	       env_allows(d->s->env, &d->p->from);
}

/* What waits is on its way as soon as the tunnel may be used. */
static int hold(struct pass *d, const struct media_port *in, bool early)
{
	struct stream *s = d->s;
	const struct held one = { .at_us = d->p->now_us, .from = d->p->from,
				  .early = early, .component = in->component,
				  .len = d->p->len };
	uint64_t *lost = &s->stats[INSIDE].dropped_no_key;
	int r;

	*lost += hold_age(&s->hold, d->p->now_us);
	r = hold_put(&s->hold, &one, d->p->data);
	if (r < 0)
		return drop(d, E_STATE);
	*lost += (unsigned)r;
	return E_AGAIN;
}

static void count_in(struct pass *d, size_t len)
{
	struct msg_face_stats *st = &d->s->stats[d->from];

	d->s->heard_us[d->from] = d->p->now_us;
	st->packets_in++;
	st->bytes_in += len;
	st->rtcp_in += d->kind == RTCP;
}

static void count_out(struct pass *d)
{
	struct msg_face_stats *st = &d->s->stats[!d->from];

	st->packets_out++;
	st->bytes_out += d->p->len;
	st->rtcp_out += d->kind == RTCP;
	d->s->tell |= d->from == INSIDE ? STREAM_TELL_FIRST_INSIDE :
					  STREAM_TELL_FIRST_OUTSIDE;
}

static int go_on(struct pass *d, struct packet_way *out)
{
	struct stream *s = d->s;
	enum face to = d->from == INSIDE ? OUTSIDE : INSIDE;
	enum component by = s->mux[to] ? RTP : d->kind;

	if (!s->remote[to][by].now.family)
		return E_NOTFOUND; /* signalling has not told yet */
	out->port = &s->port[to][by];
	out->to = &s->remote[to][by].now;
	count_out(d);
	return 0;
}

int packet_relay(const struct media_port *in, struct packet *p,
		 struct packet_way *out)
{
	struct stream *s = in->stream;
	struct pass d = { .s = s, .p = p, .from = in->face };
	enum face to = in->face == INSIDE ? OUTSIDE : INSIDE;
	size_t len = p->len;
	int r;

	d.kind = kind_of(in, p);
	d.source = &s->remote[in->face][in->component];
	if (!len || len > PACKET_MAX)
		return drop(&d, E_FORMAT);
	if (is_early(&d))
		return hold(&d, in, true);
	r = treat(&d);
	if (r)
		return r;
	count_in(&d, len);
	if (to == OUTSIDE && s->tunnel && !s->open)
		return hold(&d, in, false);
	return go_on(&d, out);
}

/* 0, or why it goes no further: an early one from somewhere else. */
static int pass_held(struct pass *d, const struct held *h,
		     struct packet_way *out)
{
	struct stream *s = d->s;
	const struct media_port *in = &s->port[INSIDE][h->component];
	int r = 0;

	d->p->len = h->len;
	d->p->from = h->from;
	memcpy(d->p->data, h->data, h->len);
	d->kind = kind_of(in, d->p);
	d->source = &s->remote[INSIDE][h->component];
	if (h->early) {
		r = treat(d);
		if (!r)
			count_in(d, h->len);
	}
	return r ? r : go_on(d, out);
}

bool packet_held(struct stream *s, struct packet *p, struct packet_way *out)
{
	struct pass d = { .s = s, .p = p, .from = INSIDE };
	struct held *h;
	int r = E_NOTFOUND;

	if (!s->open)
		return false;
	s->stats[INSIDE].dropped_no_key += hold_age(&s->hold, p->now_us);
	while (r && (h = hold_take(&s->hold))) {
		r = pass_held(&d, h, out);
		free(h);
	}
	return !r;
}
