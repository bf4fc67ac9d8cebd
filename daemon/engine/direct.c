/* direct.c - calls whose media go from phone to phone (esp_scope = "net"): the
 * kernel routes them through a tunnel between the networks behind both
 * gateways, and descriptions pass with the phones' own addresses. There is no
 * stream of the relay, so nobody can hold a packet back, count it, or learn
 * where a NAT sends it.
 *
 * Each place that a description names must therefore be in the tunnel: ours in
 * tunnel.nets, theirs in what their keying message has behind them, which is
 * proven as SDP is not. What is elsewhere would leave in clear, or not arrive:
 * the kernel shuts the networks, not all the world.
 *
 * The tunnel is raised by the early answer, before the phone rings: by who
 * answers with the offer, by who offered when the 183 is there. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"
#include "daemon/tunnelnets.h"

static const struct tunnel_settings *own(const struct call *c)
{
	return &engine_settings(c->engine)->tunnel;
}

/* -- where the tunnel ends ------------------------------------------------ */

static bool has_nets(const struct call *c, uint8_t family)
{
	for (size_t i = 0; i < own(c)->n_nets; i++)
		if (own(c)->nets[i].base.family == family)
			return true;
	return false;
}

/* Of the family of the first line that passes; without one of any that we have
 * networks of. Ports are none: it is not for one line. */
static const struct addr *end_for(const struct call *c, const struct job *j)
{
	const struct addr *media =
		engine_settings(c->engine)->face[OUTSIDE].media;
	uint32_t lines = j->deal->usable;

	if (lines)
		return &media[j->sdp.media[__builtin_ctz(lines)].addr.family
			      == 6];
	return has_nets(c, media[0].family) ? &media[0] : &media[1];
}

int direct_place(struct call *c, struct job *j)
{
	struct addr end;

	if (j->q.role != BODY_OFFER || (!j->deal->usable && !j->deal->alone))
		return 0;
	end = *end_for(c, j);
	end.port = 0;
	if (!end.family || !has_nets(c, end.family))
		return job_fail(j, STAGE_OFFER, E_POLICY,
				"no address of outside.media, or no network of "
				"tunnel.nets, of the phone's kind of address");
	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		c->line[i].local[INSIDE] = c->line[i].local[OUTSIDE] = end;
	return 0;
}

/* -- what a description leads to ------------------------------------------ */

const struct net *direct_behind(const struct call *c, const struct job *j)
{
	const struct deal *d = job_deal(j);

	if (j->branch && j->branch->behind[0].bits)
		return j->branch->behind;
	return d->behind[0].bits ? d->behind : c->behind;
}

static bool is_behind_far(const struct call *c, const struct job *j,
			  const struct addr *a)
{
	const struct net *behind = direct_behind(c, j);

	for (size_t i = 0; i < ESP_SELECTORS_MAX; i++)
		if (behind[i].bits && net_contains(&behind[i], a))
			return true;
	return false;
}

/* Nothing goes to no address at all, the old form of hold. */
static bool is_within(const struct call *c, const struct job *j, enum face f,
		      const struct addr *a)
{
	if (addr_is_any(a))
		return true;
	return a->family == c->line[0].local[OUTSIDE].family &&
	       (f == INSIDE ? tunnelnets_has(own(c), a)
			    : is_behind_far(c, j, a));
}

static bool end_fits(const struct call *c, const struct job *j, enum face f,
		     const struct endpoint *end)
{
	return is_within(c, j, f, &end->rtp) &&
	       (!end->rtcp.family || is_within(c, j, f, &end->rtcp));
}

static int check(struct call *c, struct job *j, enum face f,
		 const struct endpoint *end)
{
	if (end_fits(c, j, f, end))
		return 0;
	return job_fail(j, STAGE_TUNNEL, E_POLICY, f == INSIDE
			? "the phone's address for media is not in tunnel.nets"
			: "SDP names an address for media that is not behind "
			  "the far end by its keying message");
}

int direct_bind(struct call *c, struct job *j)
{
	const struct deal *d = job_deal(j);
	enum face other = d->offerer == INSIDE ? OUTSIDE : INSIDE;
	bool answer = j->q.role == BODY_ANSWER;
	int r = 0;

	for (unsigned i = 0; i < d->n && !r && !j->early; i++) {
		if (!(answer ? j->branch->end[i].accepted : deal_takes(d, i)))
			continue;
		r = check(c, j, d->offerer, &d->end[i]);
		if (!r && answer)
			r = check(c, j, other, &j->branch->end[i]);
	}
	return r;
}

/* -- a tunnel alone ------------------------------------------------------- */

int direct_alone(const struct call *c, struct job *j)
{
	const struct profile *p = call_profile(c);
	const struct deal *old = c->deal;

	if (j->sdp.n || (old && !old->alone))
		return 0;
	if (!p || !p->esp_alone)
		return job_fail(j, STAGE_OFFER, E_UNSUPPORTED,
				"no line of media, and the profile has no "
				"esp_alone = \"allow\"");
	j->deal->alone = true;
	return 0;
}
