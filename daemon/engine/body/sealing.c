/* sealing.c - whether a call is sealed, and what it falls back to.
 *
 * require: sealed from the first byte, forbid: plain. Between them the first
 * offer decides, once for the whole dialog:
 *
 *   need     an offer of ours                 an offer of the far end
 *   prefer   by rungs: RTP/SAVP with keys;    RTP/SAVP, or RTP/AVP with keys
 *            RTP/AVP with keys (RFC 8643);    (RFC 8643): sealed; else plain,
 *            plain, if the keeper lets it     if the keeper lets it
 *   allow    plain                            the same, whatever was before
 *
 * On the second rung the answer decides: with keys the call is sealed, without
 * it is plain, if the keeper lets it. The keeper remembers who was sealed
 * before (daemon/keeper/memory/best.c), so that a forged refusal or answer
 * leads nobody into the clear who need not be there. A rung is left only by a
 * refusal that a far end without our means would give, before any answer. An
 * emergency call has no need = "require": first it offers keys that may be left
 * out, so that everybody can answer; to whom refuses that, sealed, and then
 * plain, whatever was before. Our
 * offer in a response cannot be refused by its receiver: it is on the second
 * rung. What may then change in the dialog is as with require and forbid. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

bool call_sealed(const struct call *c)
{
	return c->sealing == SEALING_YES || c->sealing == SEALING_MAYBE;
}

bool call_savp(const struct call *c)
{
	return c->sealing == SEALING_YES && !c->avp;
}

bool call_takes_fax(const struct call *c)
{
	return (c->tunnelled && !c->within) || c->sealing == SEALING_NO;
}

/* Those of a method that may not be used here are as good as none. */
static bool has_keys(const struct call *c, const struct job *j,
		     const struct sdp_keys *k)
{
	const struct profile *p = call_profile(c);

	for (size_t i = 0; p && i < p->n_keying; i++)
		if ((protocol_of(p->keying[i]) == PROTOCOL_SDES
			     ? k->n_crypto : k->n_mikey) &&
		    protocol_permits(p, p->keying[i], j->q.secured))
			return true;
	return false;
}

/* Whether we have a method for offers on this way. */
static bool has_method(const struct call *c)
{
	const struct profile *p = call_profile(c);

	for (size_t i = 0; p && i < p->n_keying; i++)
		if (protocol_permits(p, p->keying[i], c->secured))
			return true;
	return false;
}

static void open_by_theirs(struct call *c, const struct job *j)
{
	const struct sdp *s = &j->sdp;
	bool secure = false, keys = has_keys(c, j, &s->keys);

	for (unsigned i = 0; i < s->n; i++) {
		const struct sdp_media *m = &s->media[i];

		if (!m->port || !m->rtp)
			continue;
		secure = secure || m->secure;
		keys = keys || has_keys(c, j, &m->keys);
	}
	c->sealing = secure || keys ? SEALING_YES : SEALING_NO;
	c->avp = !secure;
}

static void open_by_ours(struct call *c)
{
	if (c->from == OUTSIDE && c->rung == RUNG_SEALED)
		c->rung = RUNG_OPPORTUNISTIC;
	if (c->emergency && c->rung == RUNG_SEALED && !c->pressed)
		c->rung = RUNG_OPPORTUNISTIC;
	if (c->need == NEED_ALLOW || c->need == NEED_FORBID || !has_method(c))
		c->rung = RUNG_PLAIN;
	c->sealing = c->rung == RUNG_SEALED ? SEALING_YES :
		     c->rung == RUNG_PLAIN ? SEALING_NO : SEALING_MAYBE;
	c->avp = c->rung == RUNG_OPPORTUNISTIC;
}

void sealing_offer(struct call *c, struct job *j)
{
	if (c->sealing != SEALING_OPEN)
		return;
	if (j->q.from == OUTSIDE)
		open_by_theirs(c, j);
	else
		open_by_ours(c);
	j->plain = c->sealing == SEALING_NO && c->need == NEED_PREFER &&
		   !c->emergency;
}

bool sealing_answer(const struct call *c, struct job *j)
{
	bool keys = has_keys(c, j, &j->sdp.keys);

	if (c->sealing != SEALING_MAYBE)
		return false;
	for (unsigned i = 0; i < j->sdp.n; i++)
		keys = keys || (j->branch->end[i].accepted &&
				has_keys(c, j, &j->sdp.media[i].keys));
	j->branch->clear = !keys;
	j->plain = !keys && !c->emergency;
	return !keys;
}

void sealing_agreed(struct call *c, const struct branch *b)
{
	if (c->sealing == SEALING_MAYBE)
		c->sealing = b->clear ? SEALING_NO : SEALING_YES;
}

bool sealing_gives_way(struct call *c, struct job *j)
{
	if (!c->emergency || j->q.role != BODY_OFFER || j->q.from != INSIDE ||
	    c->deal || c->pending || c->state == CALL_UP ||
	    c->rung == RUNG_PLAIN || c->need != NEED_PREFER)
		return false;
	LOG_CALL(c, LOG_CLASS_ERROR, "audit: emergency call: it cannot be "
		 "sealed, and goes out in clear");
	if (j->deal)
		keyclient_drop(c, j->deal);
	deal_free(j->deal);
	j->deal = NULL;
	media_release(c);
	c->rung = RUNG_PLAIN;
	c->pressed = true;
	c->sealing = SEALING_OPEN;
	j->lines = 0;
	j->n = j->waiting = 0;
	j->rekey = j->plain = false;
	j->no = (struct refusal){ 0 };
	j->step = STEP_READ;
	return true;
}

/* -- rungs ---------------------------------------------------------------- */

/* Refusals of a far end that does not know or want what was offered. */
static bool leads_down(int status)
{
	static const int lower[] = { 415, 488, 606 };

	for (size_t i = 0; i < sizeof lower / sizeof *lower; i++)
		if (lower[i] == status)
			return true;
	return false;
}

/* Once a call: an offer by what the keeper remembers of the peer, which was
 * no longer true, is made again with everything, as well protected. */
static bool was_recalled(const struct call *c)
{
	return c->pending && c->pending->recalled && !c->again;
}

/* Nobody has answered the call's first offer yet. */
static bool unanswered(const struct call *c)
{
	return c->from == INSIDE && c->state != CALL_UP && c->won < 0 &&
	       !c->deal && !c->job && !c->queue;
}

static bool may_retry(const struct call *c, int status)
{
	return leads_down(status) &&
	       (was_recalled(c) ||
		(c->need == NEED_PREFER && c->rung != RUNG_PLAIN));
}

/* The next attempt's form. */
static const char *step_down(struct call *c)
{
	static const char *const rungs[] = {
		[RUNG_SEALED] = "", "with keys that may be left out",
		"in clear, if it may be"
	};

	if (was_recalled(c)) {
		c->again = true;
		return "with every method, since it no longer does what it "
		       "did";
	}
	if (c->emergency && c->rung == RUNG_OPPORTUNISTIC) {
		c->pressed = true;
		c->rung = RUNG_SEALED;
		return "sealed";
	}
	c->rung = c->pressed ? RUNG_PLAIN : c->rung + 1;
	return rungs[c->rung];
}

void sealing_anew(struct call *c)
{
	if (c->pending) {
		keyclient_drop(c, c->pending);
		deal_free(c->pending);
		c->pending = NULL;
	}
	media_release(c);
	if (c->need == NEED_PREFER)
		c->sealing = SEALING_OPEN;
}

void call_offer_again(struct call *c)
{
	if (!c->deal) {
		sealing_anew(c);
	} else if (c->pending && c->pending->offerer == INSIDE) {
		keyclient_drop(c, c->pending);
		deal_free(c->pending);
		c->pending = NULL;
	}
}

bool call_retry(struct call *c, int status)
{
	if (!unanswered(c))
		return false;
	if (bodyclient_retry(c, status)) {
		sealing_anew(c);
		return true;
	}
	if (!may_retry(c, status))
		return false;
	LOG_CALL(c, LOG_CLASS_REMOTE, "peer %s refused with %d: offered again "
		 "%s", c->peer, status, step_down(c));
	sealing_anew(c);
	return true;
}
