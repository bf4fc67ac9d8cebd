/* foreign.c - see foreign.h. Only when the process starts: to look through all
 * policies with each call would cost more than the tunnel. What is added later
 * is not seen; while a tunnel is up it can do nothing, unless it is put before
 * ours on purpose. */
#include "modules/xfrm/tunnel/foreign.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/xfrm/ask.h"
#include "modules/xfrm/tunnel/block.h"

#include <netinet/in.h>
#include <stdio.h>

struct look {
	const struct range *range;
	struct ipsec_selector port[BLOCK_PREFIXES_MAX]; /* as what leaves */
	size_t n;
	struct ipsec_policy before; /* the tunnels */
	bool any;
};

static bool meets(const struct look *l, const struct ipsec_policy *p)
{
	struct ipsec_selector out = p->dir == IPSEC_OUT ? p->sel
				    : ipsec_selector_turned(&p->sel);

	for (size_t i = 0; i < l->n; i++)
		if (ipsec_selectors_meet(&l->port[i], &out))
			return true;
	return false;
}

static void tell(const struct ipsec_policy *p, char *text, size_t len)
{
	char src[ADDR_TEXT], dst[ADDR_TEXT];

	snprintf(text, len, "another program lets what goes from %s/%u to "
		 "%s/%u pass in clear (\"ip xfrm policy\", priority %u)",
		 addr_host(&p->sel.src.base, src), p->sel.src.bits,
		 addr_host(&p->sel.dst.base, dst), p->sel.dst.bits,
		 p->priority);
}

static void see(void *user, const struct ipsec_policy *p)
{
	struct look *l = user;
	char text[2 * ADDR_TEXT + 160];

	if (p->action != IPSEC_BYPASS || p->dir > IPSEC_OUT ||
	    range_of_policy(p) != RANGE_NONE || !meets(l, p))
		return;
	if (p->priority < range_priority(l->range, IPSEC_PROTECT, 0)) {
		l->before = *p;
		l->any = true;
	} else if (p->priority < range_priority(l->range, IPSEC_BLOCK, 0)) {
		tell(p, text, sizeof text);
		log_error("xfrm", "%s, that of tunnel.ports, too, while no "
			  "tunnel is up", text);
	}
}

int foreign_check(struct xfrm *x, const struct addr *host, unsigned first,
		  unsigned last, struct xfrm_why *why)
{
	struct block_prefix p[BLOCK_PREFIXES_MAX];
	struct look l = { .range = xfrm_range(x),
			  .n = block_prefixes(first, last, p) };
	struct addr any = { .family = host->family }, own = *host;
	char text[2 * ADDR_TEXT + 160];
	int r;

	own.port = 0;
	for (size_t i = 0; i < l.n; i++)
		l.port[i] = (struct ipsec_selector){
			.src = { own, host->family == 4 ? 32 : 128 },
			.dst = { any, 0 }, .proto = IPPROTO_UDP,
			.sport = p[i].port, .sport_mask = p[i].mask };
	r = xfrm_policies(x, see, &l, why);
	if (r || !l.any)
		return r;
	tell(&l.before, text, sizeof text);
	return ask_failed(why, E_EXISTS, "%s, before any tunnel: that of "
			  "tunnel.ports must not be in it", text);
}
