/* foreign.h - what other programs let past the tunnels. */
#ifndef CALLSEAL_XFRM_FOREIGN_H
#define CALLSEAL_XFRM_FOREIGN_H

#include "modules/xfrm/tunnel/pair.h"

/* Looks for policies of others that let UDP from or to those ports of that
 * address of ours pass in clear. One that goes before the policies of tunnels
 * would have their packets: E_EXISTS, why tells of it. One that goes before
 * those that shut the ports only matters where no tunnel is: it is logged. */
int foreign_check(struct xfrm *x, const struct addr *host, unsigned first,
		  unsigned last, struct xfrm_why *why);
/* The same of all that goes to or comes from a network, through us, too. */
int foreign_check_net(struct xfrm *x, const struct net *net,
		      struct xfrm_why *why);

/* Another program has added policy, or changed it (NULL: there may be any):
 * fn is told that raised pairs are gone whose packets it has now, and the log
 * what to do. fn may drop pairs. */
void foreign_hear(struct pairs *p, const struct ipsec_policy *policy,
		  tunnel_event_fn fn, void *user);
/* It has removed n policies of ours. They are back, and the log says so; with
 * err perhaps not all, for that reason: fn is told that all pairs are gone. */
void foreign_removed(struct pairs *p, unsigned n, int err, const char *reason,
		     tunnel_event_fn fn, void *user);
/* Whether a tunnel may be raised: E_EXISTS while a policy that was heard of
 * goes before it. */
int foreign_raise(struct pairs *p, struct tunnel_why *why);
/* All of those policies, as tunnel_maker.foreign has it. */
int foreign_list(struct pairs *p, tunnel_foreign_fn fn, void *user,
		 struct tunnel_why *why);

#endif
