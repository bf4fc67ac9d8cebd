/* offer.c - reading an offer: which of its lines can pass, whether it may
 * pass at all under the call's profile, and whether it needs new keys.
 *
 * RFC 3264 for the offer, RFC 4567 4.1.2 for a=key-mgmt. A line passes when
 * it is RTP to an address of ours' family, secured exactly where the profile
 * wants it; others go on with port 0. An offer with lines none of which
 * passes is refused. Beside RTP there is T.38 over UDPTL, in a tunnel or where
 * the call is plain. SRTP cannot protect it: a fax that wants to change to T.38
 * in a call that SRTP seals hears 488 and stays with audio. The keys in force
 * stay when the same side offers again as many lines (and, from outside, the
 * same keying message).
 *
 * An offer may hold a=key-mgmt and a=crypto (RFC 4568 section 7.5): the first
 * method of the profile whose protocol is there decides, the other protocol's
 * attributes are then as good as absent. With a=crypto each line is keyed for
 * itself, and one without is rejected. */
#include "daemon/base/err.h"
#include "daemon/engine/body/ikelines.h"

#include <stdlib.h>
#include <string.h>

/* Whether protection is wanted on the leg the offer came in on. */
static bool wants_secure(const struct call *c, const struct job *j)
{
	return call_savp(c) && j->q.from == OUTSIDE;
}

/* Whether its packets may go as this call's do. */
static bool fits(const struct call *c, const struct job *j,
		 const struct sdp_media *m)
{
	return m->fax ? call_takes_fax(c)
		      : m->rtp && m->secure == wants_secure(c, j);
}

static bool passes(const struct call *c, const struct job *j,
		   const struct sdp_media *m)
{
	const struct addr *media =
		engine_settings(c->engine)->face[j->q.from].media;

	if (!m->port || m->n_ports != 1 || !call_sees(c, m) || !fits(c, j, m))
		return false;
	return media[m->addr.family == 6].family != 0;
}

static bool any_mikey(const struct sdp *s)
{
	bool any = s->keys.n_mikey > 0;

	for (unsigned i = 0; i < s->n; i++)
		any = any || s->media[i].keys.n_mikey;
	return any;
}

/* Why an offer whose lines all fail is refused: the first active line
 * decides. 0 when no line is active: then nothing needs to pass. */
static int why_none(const struct call *c, struct job *j)
{
	const struct sdp_media *m = j->sdp.media;

	for (unsigned i = 0; i < j->sdp.n; i++, m++) {
		if (!m->port)
			continue;
		if (m->rtp && wants_secure(c, j) && !m->secure)
			return job_fail(j, STAGE_UNSEALED, E_POLICY,
					"a plain offer where sealing is "
					"required");
		if (m->rtp && !call_savp(c) && m->secure)
			return job_fail(j, STAGE_SEALED, E_POLICY,
					"a sealed offer in a plain call, or "
					"where the profile forbids sealing");
		if (fits(c, j, m) && call_sees(c, m) && m->n_ports == 1)
			return job_fail(j, STAGE_OFFER, E_POLICY,
					"no media address of this family");
		return job_fail(j, STAGE_OFFER, E_UNSUPPORTED,
				m->fax ? "T.38: UDPTL cannot be sealed by "
					 "SRTP, the fax may go on as audio"
				       : "no line can be relayed");
	}
	return 0;
}

static int choose_lines(const struct call *c, struct job *j)
{
	unsigned n = 0;
	int r;

	if ((c->need == NEED_FORBID || call_bare(c)) && any_mikey(&j->sdp))
		return job_fail(j, STAGE_SEALED, E_POLICY,
				"a keying offer where the profile forbids "
				"sealing");
	for (unsigned i = 0; i < j->sdp.n && n < STREAM_MAX; i++)
		if (!dual_hides(c, i) && passes(c, j, &j->sdp.media[i])) {
			j->deal->usable |= 1u << i;
			n++;
		}
	if (call_direct(c) && (r = direct_alone(c, j)))
		return r;
	return n ? 0 : why_none(c, j);
}

static void fill_ends(struct job *j)
{
	const struct sdp_media *m = j->sdp.media;
	struct endpoint *end = j->deal->end;

	j->deal->n = j->sdp.n;
	for (unsigned i = 0; i < j->sdp.n; i++, m++, end++) {
		end->accepted = j->deal->usable >> i & 1;
		end->fax = m->fax;
		end->mux = m->rtcp_mux && !m->fax;
		end->held = m->direction != SDP_SENDRECV ||
			    addr_is_any(&m->addr);
		end->direction = m->direction;
		end->rtp = m->addr;
		end->rtcp = m->rtcp;
	}
}

/* How many keying messages there are on each level, over the usable lines. */
struct levels {
	unsigned lines, session, media, most;
	uint32_t crypto; /* a bit for each line with a=crypto */
};

static struct levels count_levels(const struct job *j)
{
	struct levels v = { .session = j->sdp.keys.n_mikey,
			    .most = j->sdp.keys.n_mikey };

	for (unsigned i = 0; i < j->sdp.n; i++) {
		if (!(j->deal->usable >> i & 1))
			continue;
		v.lines++;
		v.media += j->sdp.media[i].keys.n_mikey > 0;
		if (j->sdp.media[i].keys.n_crypto)
			v.crypto |= 1u << i;
		if (j->sdp.media[i].keys.n_mikey > v.most)
			v.most = j->sdp.media[i].keys.n_mikey;
	}
	return v;
}

static int keep_text(struct deal *d, struct sdp_text t)
{
	struct exchange *x = &d->exchange[d->n_exchanges++];

	x->offer = strndup(t.p, t.len);
	return x->offer ? 0 : E_NOMEM;
}

/* The message of a level and its alternatives, which line names. */
static int keep_mikey(struct deal *d, const struct sdp_keys *k,
		      const struct sdp_media *line)
{
	struct sdp_text also[SDP_ALSO_MAX];
	struct sdp_config config[SDP_ALSO_MAX];
	unsigned n = sdp_alternatives(k, line, also, config);
	int r = keep_text(d, k->mikey);

	for (unsigned i = 0; i < n && !r; i++)
		r = exchange_add(&d->exchange[d->n_exchanges - 1], also[i],
				 &config[i]);
	return r;
}

/* A line's a=crypto, best first. */
static int keep_crypto(struct deal *d, const struct sdp_keys *k)
{
	struct buf text = buf_of(KEYING_MAX);
	int r;

	for (unsigned i = 0; i < k->n_crypto; i++) {
		if (i)
			buf_u8(&text, '\n');
		buf_put(&text, k->crypto[i].p, k->crypto[i].len);
	}
	r = text.err;
	if (!r)
		r = keep_text(d, (struct sdp_text){ (const char *)text.data,
						    text.len });
	buf_free(&text);
	return r;
}

static int take_texts(struct job *j)
{
	struct deal *d = j->deal;
	int r = 0;

	if (!d->media_level)
		return keep_mikey(d, &j->sdp.keys, &j->sdp.media[
				  d->alone ? 0 : __builtin_ctz(d->usable)]);
	for (unsigned i = 0; !r && i < j->sdp.n; i++) {
		const struct sdp_keys *k = &j->sdp.media[i].keys;

		if (!(d->usable >> i & 1))
			continue;
		r = d->protocol == PROTOCOL_SDES
			? keep_crypto(d, k)
			: keep_mikey(d, k, &j->sdp.media[i]);
	}
	return r;
}

/* Exactly one message for each level. */
static int check_mikey(struct job *j, const struct levels *v)
{
	if (v->most > 1)
		return job_fail(j, STAGE_KEY_ANSWER, E_FORMAT,
				"more than one a=key-mgmt:mikey on a level");
	if (v->session ? v->media : v->media != v->lines)
		return job_fail(j, STAGE_KEY_ANSWER, E_UNSUPPORTED,
				"a=key-mgmt:mikey on some lines only");
	j->deal->media_level = !v->session;
	return 0;
}

/* A line without any is rejected (RFC 4568 5.1.2), the others live. */
static void choose_crypto(struct job *j, const struct levels *v)
{
	j->deal->media_level = true;
	j->deal->usable &= v->crypto;
	for (unsigned i = 0; i < j->sdp.n; i++)
		j->deal->end[i].accepted = j->deal->usable >> i & 1;
}

static bool in_offer(enum protocol p, const struct levels *v)
{
	return p == PROTOCOL_SDES ? v->crypto != 0 : v->session || v->media;
}

/* The protocol of the first method that is there in the offer, and may be. */
static int choose_protocol(const struct call *c, struct job *j,
			   const struct levels *v)
{
	const struct profile *p = call_profile(c);
	bool exposed = false;

	for (size_t i = 0; p && i < p->n_keying; i++) {
		if (!in_offer(protocol_of(p->keying[i]), v))
			continue;
		if (protocol_permits(p, p->keying[i], j->q.secured)) {
			j->deal->protocol = protocol_of(p->keying[i]);
			j->deal->hop = protocol_hop(p);
			return 0;
		}
		exposed = true;
	}
	if (exposed)
		return job_fail(j, STAGE_EXPOSED, E_POLICY,
				"a=crypto that did not come by verified TLS");
	return job_fail(j, STAGE_UNSEALED, E_POLICY,
			"none of the profile's ways of keying is there where "
			"sealing is required");
}

/* The far end's keying messages. */
static int find_keys(const struct call *c, struct job *j)
{
	struct levels v = count_levels(j);
	int r = choose_protocol(c, j, &v);

	if (r)
		return r;
	if (j->deal->protocol == PROTOCOL_SDES)
		choose_crypto(j, &v);
	else
		r = check_mikey(j, &v);
	if (!r && (r = take_texts(j)))
		job_fail(j, STAGE_OFFER, r, NULL);
	return r;
}

static bool same_texts(const struct deal *a, const struct deal *b)
{
	if (a->n_exchanges != b->n_exchanges || a->protocol != b->protocol ||
	    a->media_level != b->media_level)
		return false;
	for (unsigned i = 0; i < a->n_exchanges; i++)
		if (!exchange_same(&a->exchange[i], &b->exchange[i]))
			return false;
	return true;
}

/* Whether the keys in force serve this offer too. */
static bool keys_stay(const struct call *c, const struct job *j)
{
	const struct deal *old = c->deal, *d = j->deal;

	if (rekey_rides(c, j))
		return false;
	return old && old->offerer == d->offerer && old->n == d->n &&
	       old->usable == d->usable &&
	       (d->offerer == INSIDE || same_texts(old, d));
}

static bool is_elsewhere(const struct deal *d, const struct endpoint *old)
{
	for (unsigned i = 0; i < d->n; i++)
		if (d->end[i].accepted && old[i].accepted &&
		    (!addr_equal(&d->end[i].rtp, &old[i].rtp) ||
		     !addr_equal(&d->end[i].rtcp, &old[i].rtcp)))
			return true;
	return false;
}

/* By an address that is none, too (RFC 3264 8.4). */
static bool is_held_so(const struct deal *d, const struct endpoint *old)
{
	for (unsigned i = 0; i < d->n; i++)
		if (d->end[i].accepted && d->end[i].held != old[i].held)
			return false;
	return true;
}

/* Whether an offer of the outside repeats what the outside said last, but for
 * its keys, and where its gateway is: the phone knows ours alone, unless media
 * go from phone to phone. */
static bool is_keys_only(const struct call *c, const struct job *j)
{
	const struct deal *old = c->deal;
	const struct endpoint *end;
	const uint8_t *rest;
	bool theirs;

	if (!j->rekey || j->q.from != OUTSIDE || c->state != CALL_UP || !old ||
	    !old->active || old->n != j->deal->n)
		return false;
	theirs = old->offerer == OUTSIDE;
	rest = theirs ? old->rest_digest : old->active->rest_digest;
	end = theirs ? old->end : old->active->end;
	j->deal->moved = is_elsewhere(j->deal, end);
	return !memcmp(rest, j->deal->rest_digest, 32) &&
	       is_held_so(j->deal, end) &&
	       !(j->deal->moved && call_direct(c));
}

/* Our own keying message: on which level the configuration wants it. */
static bool level_is_media(const struct call *c)
{
	const struct conf *conf = child_conf(c->engine->child);

	return !strcmp(conf_text(conf_one(conf, "mikey"), "level"), "media");
}

/* Whether our offer may be keyed so. New keys in a running call come by the
 * protocol of the old ones (RFC 4567 4.1.2), where that is still allowed. */
static bool may_offer(const struct call *c, const struct profile *p, size_t i,
		      bool same)
{
	return protocol_permits(p, p->keying[i], c->secured) &&
	       (!same || protocol_of(p->keying[i]) == c->deal->protocol);
}

static size_t find_method(const struct call *c, const struct profile *p,
			  bool same)
{
	size_t i = 0;

	while (i < p->n_keying && !may_offer(c, p, i, same))
		i++;
	return i;
}

/* The first method that the way allows makes our offers; the keeper's policy
 * says the same. */
static int plan_offer(const struct call *c, struct job *j)
{
	const struct profile *p = call_profile(c);
	struct deal *d = j->deal;
	size_t i = p ? find_method(c, p, call_facts(c) != NULL) : 0;

	if (p && i == p->n_keying)
		i = find_method(c, p, false);
	if (!p || i == p->n_keying)
		return job_fail(j, STAGE_EXPOSED, E_POLICY,
				"the call would not leave by verified TLS, "
				"and the profile has no way of keying but "
				"sdes");
	d->protocol = protocol_of(p->keying[i]);
	d->hop = protocol_hop(p);
	d->media_level = d->protocol == PROTOCOL_SDES ||
			 (level_is_media(c) && !c->tunnelled);
	d->n_exchanges = d->media_level
		? (unsigned)__builtin_popcount(d->usable) : 1;
	return 0;
}

/* What comes again over another way than before may be shown to everybody:
 * RFC 4568 leaves the hiding to each message's own transport. */
static bool is_exposed(const struct call *c, const struct job *j)
{
	const struct deal *d = c->pending ? c->pending : c->deal;

	return j->q.from == OUTSIDE && d && d->protocol == PROTOCOL_SDES &&
	       d->hop && !j->q.secured;
}

static int plan_keys(struct call *c, struct job *j)
{
	struct deal *d = j->deal;
	int r = 0;

	if (!call_sealed(c) || !(d->usable || d->alone))
		return 0;
	if (d->offerer == OUTSIDE && (r = find_keys(c, j)))
		return r;
	j->rekey = !keys_stay(c, j);
	j->keys_only = is_keys_only(c, j);
	if (!j->rekey) {
		deal_clear_exchanges(d);
		if (deal_keep(d, c->deal))
			return job_fail(j, STAGE_OFFER, E_NOMEM, NULL);
		return 0;
	}
	return d->offerer == INSIDE ? plan_offer(c, j) : 0;
}

static bool repeats(const struct deal *d, const struct job *j,
		    const uint8_t digest[32])
{
	return d && d->offerer == j->q.from && !memcmp(d->digest, digest, 32);
}

int offer_read(struct call *c, struct job *j)
{
	const char *why = NULL;
	uint8_t digest[32];
	int r = ikelines_prepare(c, j);

	if (!r)
		r = dual_restore(c, j);
	if (!r)
		r = sdp_read(j->data, j->q.body.len, &j->sdp, &why);
	if (r)
		return job_fail(j, STAGE_OFFER, r, why);
	media_nat(c, j);
	if ((r = before_read(c, j)))
		return r;
	if ((r = sdp_digest(&j->sdp, digest)))
		return job_fail(j, STAGE_OFFER, r, NULL);
	if (is_exposed(c, j))
		return job_fail(j, STAGE_EXPOSED, E_POLICY, "an offer in a "
				"call keyed by sdes that did not come by "
				"verified TLS");
	if (!rekey_rides(c, j) && !before_lacks(c))
		j->again = repeats(c->deal, j, digest) ? c->deal
			 : repeats(c->pending, j, digest) ? c->pending : NULL;
	if ((j->repeat = j->again != NULL))
		return 0;
	j->deal = deal_new(j->q.from);
	if (!j->deal)
		return job_fail(j, STAGE_OFFER, E_NOMEM, NULL);
	memcpy(j->deal->digest, digest, sizeof digest);
	j->deal->origin = j->q.origin;
	if ((r = sdp_digest_rest(&j->sdp, j->deal->rest_digest)))
		return job_fail(j, STAGE_OFFER, r, NULL);
	sealing_offer(c, j);
	if ((r = ikelines_offer(c, j)) || (r = choose_lines(c, j)))
		return r;
	if ((r = dual_find(c, j)))
		return job_fail(j, STAGE_OFFER, r, NULL);
	fill_ends(j);
	return plan_keys(c, j);
}
