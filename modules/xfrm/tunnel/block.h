/* block.h - policies that let nothing through a range of UDP ports, or to and
 * from a network. */
#ifndef CALLSEAL_XFRM_BLOCK_H
#define CALLSEAL_XFRM_BLOCK_H

#include "modules/xfrm/xfrm.h"

#define BLOCK_PREFIXES_MAX 30 /* that any range of ports needs */

/* Ports with (port & mask) == port. */
struct block_prefix {
	uint16_t port, mask;
};

/* The fewest that cover first..last (host order, none else); their number. */
size_t block_prefixes(unsigned first, unsigned last,
		      struct block_prefix out[static BLOCK_PREFIXES_MAX]);
/* From now on no UDP leaves those ports of that address of ours, nor comes to
 * them, but by policies that go before (range.h): takes over what a sweep kept.
 * On failure some may be there. */
int block_ports(struct xfrm *x, const struct addr *host, unsigned first,
		unsigned last, struct xfrm_why *why);
/* The same of all that goes from anywhere here to a network, or comes or is
 * passed on from it. */
int block_net(struct xfrm *x, const struct net *net, struct xfrm_why *why);
/* Removes those that an earlier run had and that nobody took over. */
int block_forget(struct xfrm *x, struct xfrm_why *why);
/* How many there are, of both kinds. */
unsigned block_count(const struct xfrm *x);

#endif
