/* bypass.c - see bypass.h. In what comes, UDP is let through to our own ports
 * of SIP alone: by the far end's port anybody could reach those of media. */
#include "modules/xfrm/tunnel/bypass.h"

#include "daemon/base/err.h"
#include "daemon/uri.h"

#include <netinet/in.h>

#define SIP 5060 /* RFC 3261 19.1.2 */
#define SIPS 5061
#define SOLICITATION 135 /* RFC 4861 4.3, 4.4 */
#define ADVERTISEMENT 136

/* -- what ----------------------------------------------------------------- */

static int add(struct bypass *b, uint8_t proto, enum bypass_side side,
	       uint16_t port)
{
	const struct bypass_rule rule = { proto, (uint8_t)side, port };

	for (size_t i = 0; i < b->n; i++)
		if (b->rule[i].proto == proto && b->rule[i].side == side &&
		    b->rule[i].port == port)
			return 0;
	if (b->n == BYPASS_MOST)
		return E_FULL;
	b->rule[b->n++] = rule;
	return 0;
}

static int add_ours(struct bypass *b, const struct settings *s)
{
	const struct face_settings *f = &s->face[OUTSIDE];
	int r = 0;

	for (size_t i = 0; !r && i < f->n_listen; i++) {
		uint16_t port = f->listen[i].addr.port;

		r = add(b, IPPROTO_UDP, BYPASS_OURS, port);
		if (!r)
			r = add(b, IPPROTO_TCP, BYPASS_OURS, port);
		if (!r)
			r = add(b, IPPROTO_TCP, BYPASS_THEIRS, port);
	}
	if (!r && s->tunnel.udp)
		r = add(b, IPPROTO_UDP, BYPASS_OURS, s->tunnel.udp);
	return r;
}

static int add_routes(struct bypass *b, const struct peer *p)
{
	int r = 0;

	for (size_t i = 0; !r && i < p->n_routes; i++) {
		uint16_t port = uri_port(p->routes[i]);

		if (port)
			r = add(b, IPPROTO_TCP, BYPASS_THEIRS, port);
	}
	return r;
}

int bypass_read(const struct settings *s, const struct policy *policy,
		struct bypass *out)
{
	const struct peer *p;
	int r;

	*out = (struct bypass){ .n = 0 };
	r = add(out, IPPROTO_ICMPV6, BYPASS_TYPE, SOLICITATION);
	if (!r)
		r = add(out, IPPROTO_ICMPV6, BYPASS_TYPE, ADVERTISEMENT);
	if (!r)
		r = add(out, IPPROTO_TCP, BYPASS_THEIRS, SIP);
	if (!r)
		r = add(out, IPPROTO_TCP, BYPASS_THEIRS, SIPS);
	if (!r)
		r = add_ours(out, s);
	for (size_t i = 0; !r && (p = policy_at(policy, i)); i++)
		if (p->profile->media == MEDIA_ESP)
			r = add_routes(out, p);
	return r;
}

/* -- in the kernel -------------------------------------------------------- */

/* The type of ICMP stands where others have the source's port. */
static struct ipsec_policy policy_of(const struct xfrm *x,
				     const struct bypass_rule *rule,
				     const struct net *src,
				     const struct net *dst, enum ipsec_dir dir)
{
	bool source = rule->side == BYPASS_TYPE ||
		      (rule->side == BYPASS_OURS) == (dir == IPSEC_OUT);
	struct ipsec_policy p = {
		.sel = { .src = *src, .dst = *dst, .proto = rule->proto },
		.dir = (uint8_t)dir, .action = IPSEC_BYPASS,
		.priority = range_priority(xfrm_range(x), IPSEC_BYPASS, 0) };

	if (source) {
		p.sel.sport = rule->port;
		p.sel.sport_mask = UINT16_MAX;
	} else {
		p.sel.dport = rule->port;
		p.sel.dport_mask = UINT16_MAX;
	}
	return p;
}

int bypass_raise(struct xfrm *x, const struct bypass *b,
		 const struct addr *near, const struct net *far,
		 uint32_t *slot, size_t *n, struct xfrm_why *why)
{
	uint8_t bits = near->family == 4 ? 32 : 128;
	struct net ours = { *near, bits };
	struct ipsec_policy both[2];
	struct xfrm_wanted w = { .policy = both, .n_policy = 2 };
	struct xfrm_why ignored;
	int r = 0;

	*n = 0;
	for (size_t i = 0; !r && i < b->n; i++) {
		const struct bypass_rule *rule = &b->rule[i];

		if (rule->side == BYPASS_TYPE && near->family == 4)
			continue;
		both[0] = policy_of(x, rule, far, &ours, IPSEC_IN);
		both[1] = policy_of(x, rule, &ours, far, IPSEC_OUT);
		r = xfrm_raise(x, &w, slot + *n, why);
		*n += r ? 0 : 2;
	}
	if (r) {
		xfrm_drop(x, slot, *n, &ignored);
		*n = 0;
	}
	return r;
}
