/* pair.h - two SAs, of a line of media or for all between two ends, and their
 * policies: what the role "tunnel" (daemon/tunnel/tunnel.h) asks of the
 * kernel. */
#ifndef CALLSEAL_XFRM_PAIR_H
#define CALLSEAL_XFRM_PAIR_H

#include "daemon/tunnel/tunnel.h"
#include "modules/xfrm/probe.h"
#include "modules/xfrm/selector.h"
#include "modules/xfrm/tunnel/bypass.h"

#define PAIR_OWN_MAX 8 /* addresses of ours */
#define PAIR_SIP_MAX 16

struct pairs {
	struct xfrm *x;
	struct probe probe;
	struct tunnel_pair *first;
	struct group *groups;
	struct bypass bypass;
	struct addr media[2];          /* of the outside, IPv4 and IPv6 */
	struct addr sip[PAIR_SIP_MAX]; /* where we listen */
	size_t n_sip;
};

/* The record of the role, on these. */
struct tunnel_maker pairs_maker(struct pairs *p);
/* What is still there leaves only memory: a sweep removes it. */
void pairs_free(struct pairs *p);

#endif
