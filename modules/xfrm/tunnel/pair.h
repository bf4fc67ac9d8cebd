/* pair.h - two SAs, of a line of media, for all between two ends or between the
 * networks behind them, and their policies: what the role "tunnel"
 * (daemon/tunnel/tunnel.h) asks of the kernel. */
#ifndef CALLSEAL_XFRM_PAIR_H
#define CALLSEAL_XFRM_PAIR_H

#include "daemon/tunnel/tunnel.h"
#include "modules/xfrm/probe.h"
#include "modules/xfrm/selector.h"
#include "modules/xfrm/tunnel/bypass.h"
#include "modules/xfrm/tunnel/keep.h"

#define PAIR_GATES_MAX (2 + LISTEN_MAX)
#define PAIR_SIP_MAX 16
/* What lies behind one end, with each that lies behind the other. */
#define PAIR_SELECTORS (ESP_SELECTORS_MAX * ESP_SELECTORS_MAX)

/* What may lie behind a peer's end, by our own configuration (ESP_NET). */
struct pair_peer {
	char name[NAME_TEXT];
	struct net net[TUNNEL_NETS_MAX];
	size_t n;
};

struct pairs {
	struct xfrm *x;
	struct probe probe;
	struct tunnel_pair *first;
	struct group *groups;
	struct bypass bypass;
	struct addr media[2];          /* of the outside, IPv4 and IPv6 */
	struct addr sip[PAIR_SIP_MAX]; /* where we listen */
	size_t n_sip;
	struct addr gate[PAIR_GATES_MAX]; /* ours of the outside, each once */
	size_t n_gates;
	struct tunnel_settings own;
	struct pair_peer *peer; /* owned */
	size_t n_peers;
	int door[2]; /* door.h, IPv4 and IPv6; -1: none. The module's */
	struct keeps keeps;
	bool shadowed; /* another program's policy may go before ours */
};

/* The record of the role, on these. */
struct tunnel_maker pairs_maker(struct pairs *p);
/* Reads own and peer. E_NOMEM. */
int pairs_read(struct pairs *p, const struct settings *s,
	       const struct policy *policy);
/* What is still there leaves only memory: a sweep removes it. */
void pairs_free(struct pairs *p);

#endif
