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
	struct ipsec_selector shut[BLOCK_PREFIXES_MAX]; /* as what leaves */
	size_t n;
	unsigned rank; /* of tunnels that it is for */
	int last;      /* of enum ipsec_dir that counts */
	const char *what;
	struct ipsec_policy before; /* the tunnels */
	bool any;
};

static bool meets(const struct look *l, const struct ipsec_policy *p)
{
	struct ipsec_selector out = p->dir == IPSEC_OUT ? p->sel
				    : ipsec_selector_turned(&p->sel);

	for (size_t i = 0; i < l->n; i++)
		if (ipsec_selectors_meet(&l->shut[i], &out))
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

	if (p->action != IPSEC_BYPASS || p->dir > l->last ||
	    range_of_policy(p) != RANGE_NONE || !meets(l, p))
		return;
	if (p->priority < range_priority(l->range, IPSEC_PROTECT, l->rank)) {
		l->before = *p;
		l->any = true;
	} else if (p->priority < range_priority(l->range, IPSEC_BLOCK, 0)) {
		tell(p, text, sizeof text);
		log_error("xfrm", "%s, that of %s, too, while no tunnel is "
			  "up", text, l->what);
	}
}

static int run(struct xfrm *x, struct look *l, struct xfrm_why *why)
{
	char text[2 * ADDR_TEXT + 160];
	int r = xfrm_policies(x, see, l, why);

	if (r || !l->any)
		return r;
	tell(&l->before, text, sizeof text);
	return ask_failed(why, E_EXISTS, "%s, before any tunnel: that of %s "
			  "must not be in it", text, l->what);
}

int foreign_check(struct xfrm *x, const struct addr *host, unsigned first,
		  unsigned last, struct xfrm_why *why)
{
	struct block_prefix p[BLOCK_PREFIXES_MAX];
	struct look l = { .range = xfrm_range(x),
			  .n = block_prefixes(first, last, p),
			  .last = IPSEC_OUT, .what = "tunnel.ports" };
	struct addr any = { .family = host->family }, own = *host;

	own.port = 0;
	for (size_t i = 0; i < l.n; i++)
		l.shut[i] = (struct ipsec_selector){
			.src = { own, host->family == 4 ? 32 : 128 },
			.dst = { any, 0 }, .proto = IPPROTO_UDP,
			.sport = p[i].port, .sport_mask = p[i].mask };
	return run(x, &l, why);
}

int foreign_check_net(struct xfrm *x, const struct net *net,
		      struct xfrm_why *why)
{
	struct look l = { .range = xfrm_range(x), .n = 1,
			  .rank = ESP_NET - ESP_MEDIA, .last = IPSEC_FWD,
			  .what = "esp_nets of peers" };

	l.shut[0] = (struct ipsec_selector){
		.src = { { .family = net->base.family }, 0 }, .dst = *net };
	return run(x, &l, why);
}
