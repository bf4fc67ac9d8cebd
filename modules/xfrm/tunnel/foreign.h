/* foreign.h - what other programs let past the tunnels. */
#ifndef CALLSEAL_XFRM_FOREIGN_H
#define CALLSEAL_XFRM_FOREIGN_H

#include "modules/xfrm/xfrm.h"

/* Looks for policies of others that let UDP from or to those ports of that
 * address of ours pass in clear. One that goes before the policies of tunnels
 * would have their packets: E_EXISTS, why tells of it. One that goes before
 * those that shut the ports only matters where no tunnel is: it is logged. */
int foreign_check(struct xfrm *x, const struct addr *host, unsigned first,
		  unsigned last, struct xfrm_why *why);
/* The same of all that goes to or comes from a network, through us, too. */
int foreign_check_net(struct xfrm *x, const struct net *net,
		      struct xfrm_why *why);

#endif
