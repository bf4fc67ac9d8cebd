/* bypass.h - what stays out of a tunnel that would take all between two hosts:
 * signalling, which must never go in by one end and not by the other, ESP in
 * UDP itself, and what finds a neighbour. */
#ifndef CALLSEAL_XFRM_BYPASS_H
#define CALLSEAL_XFRM_BYPASS_H

#include "daemon/policy.h"
#include "daemon/settings.h"
#include "modules/xfrm/xfrm.h"

#define BYPASS_MOST 64

enum bypass_side {
	BYPASS_OURS,   /* to that port of ours, and from it */
	BYPASS_THEIRS, /* to that port of theirs, and from it: where we connect;
	                  no UDP, which media are */
	BYPASS_TYPE    /* of ICMPv6, either way */
};

struct bypass_rule {
	uint8_t proto, side; /* side: enum bypass_side */
	uint16_t port;
};

struct bypass {
	size_t n;
	struct bypass_rule rule[BYPASS_MOST];
};

/* Where we listen for SIP outside, by UDP and TCP; what we connect to: 5060,
 * 5061, our own ports, and those in the routes of peers with media = "esp".
 * E_FULL: they are more than BYPASS_MOST. */
int bypass_read(const struct settings *s, const struct policy *policy,
		struct bypass *out);
/* Policies of them between a host of ours and what is far, which go before all
 * others: slot has room for two of each rule, *n counts them. On failure there
 * are none. */
int bypass_raise(struct xfrm *x, const struct bypass *b,
		 const struct addr *near, const struct net *far,
		 uint32_t *slot, size_t *n, struct xfrm_why *why);

#endif
