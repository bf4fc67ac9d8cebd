/* block.c - see block.h. The kernel matches ports by a mask, so a range is cut
 * into blocks of a power of two that begin at a multiple of themselves. */
#include "modules/xfrm/tunnel/block.h"

#include "daemon/base/err.h"

#include <netinet/in.h>

size_t block_prefixes(unsigned first, unsigned last,
		      struct block_prefix out[static BLOCK_PREFIXES_MAX])
{
	size_t n = 0;

	while (first <= last && first <= UINT16_MAX) {
		unsigned size = 1;

		while (!(first & (2 * size - 1)) &&
		       first + 2 * size - 1 <= last)
			size *= 2;
		out[n++] = (struct block_prefix){ (uint16_t)first,
						  (uint16_t)~(size - 1) };
		first += size;
	}
	return n;
}

static struct ipsec_policy policy_of(const struct xfrm *x,
				     const struct addr *host,
				     const struct block_prefix *p,
				     enum ipsec_dir dir)
{
	struct addr own = *host, any = { .family = host->family };
	struct net near = { own, host->family == 4 ? 32 : 128 };
	struct net all = { any, 0 };
	struct ipsec_policy out = {
		.sel = { .src = dir == IPSEC_OUT ? near : all,
			 .dst = dir == IPSEC_OUT ? all : near,
			 .proto = IPPROTO_UDP },
		.dir = (uint8_t)dir, .action = IPSEC_BLOCK,
		.priority = range_priority(xfrm_range(x), IPSEC_BLOCK, 0) };

	out.sel.src.base.port = out.sel.dst.base.port = 0;
	if (dir == IPSEC_OUT) {
		out.sel.sport = p->port;
		out.sel.sport_mask = p->mask;
	} else {
		out.sel.dport = p->port;
		out.sel.dport_mask = p->mask;
	}
	return out;
}

int block_ports(struct xfrm *x, const struct addr *host, unsigned first,
		unsigned last, struct xfrm_why *why)
{
	struct block_prefix p[BLOCK_PREFIXES_MAX];
	size_t n = block_prefixes(first, last, p);
	struct ipsec_policy both[2];
	struct xfrm_wanted w = { .policy = both, .n_policy = 2 };
	uint32_t slot[2];
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		both[0] = policy_of(x, host, &p[i], IPSEC_IN);
		both[1] = policy_of(x, host, &p[i], IPSEC_OUT);
		r = xfrm_raise(x, &w, slot, why);
	}
	return r;
}

/* From wherever: what a packet filter makes of a source (masquerading) must not
 * lead past the tunnel. So the selector is also never that of a tunnel, and the
 * kernel has room for both. */
int block_net(struct xfrm *x, const struct net *net, struct xfrm_why *why)
{
	struct net all = { { .family = net->base.family }, 0 };
	struct ipsec_policy p[IPSEC_DIRS];
	struct xfrm_wanted w = { .policy = p, .n_policy = IPSEC_DIRS };
	uint32_t slot[IPSEC_DIRS];

	for (int dir = IPSEC_IN; dir < IPSEC_DIRS; dir++)
		p[dir] = (struct ipsec_policy){
			.sel = { .src = dir == IPSEC_OUT ? all : *net,
				 .dst = dir == IPSEC_OUT ? *net : all },
			.dir = (uint8_t)dir, .action = IPSEC_BLOCK,
			.priority = range_priority(xfrm_range(x), IPSEC_BLOCK,
						   0) };
	return xfrm_raise(x, &w, slot, why);
}

static bool is_block(const struct ledger_record *r)
{
	return r->kind == LEDGER_POLICY && r->policy.action == IPSEC_BLOCK;
}

int block_forget(struct xfrm *x, struct xfrm_why *why)
{
	const struct ledger *l = xfrm_ledger(x);
	int r = 0, e;

	for (uint32_t s = 0; (s = ledger_next(l, s));)
		if (ledger_at(l, s)->kept) {
			e = xfrm_drop(x, &s, 1, why);
			r = e ? e : r;
		}
	return r;
}

unsigned block_count(const struct xfrm *x)
{
	const struct ledger *l = xfrm_ledger(x);
	unsigned n = 0;

	for (uint32_t s = 0; (s = ledger_next(l, s));)
		n += is_block(ledger_at(l, s));
	return n;
}
