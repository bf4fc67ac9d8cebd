/* tunnelpeer.h - what the group "peers" says of an end of IKE, and of what
 * tunnels may be for. See callseal.conf(5). */
#ifndef CALLSEAL_TUNNELPEER_H
#define CALLSEAL_TUNNELPEER_H

#include "daemon/base/addr.h"
#include "daemon/base/conf.h"
#include "daemon/tunneling.h"

#include <stdbool.h>

#define TUNNEL_NETS_MAX 4
#define TUNNEL_OWN_MAX 32

struct peer;
struct policy;

/* A peer to which charon keeps a tunnel; of one whose calls have their own it
 * is all 0. */
struct tunnel_peer {
	struct addr at;  /* its end of IKE; family 0: none ... */
	bool discover;   /* ... but where OPTIONS finds it (ike = "discover") */
	const char *id;  /* its identity, or "": its address */
	const char *cert; /* by what it is believed, "file:PATH"; "": by the
	                     psk */
	bool ca; /* that is the CA of it */
	struct net nets[TUNNEL_NETS_MAX]; /* where its media arrive */
	size_t n_nets;   /* one at least, but where it is found: what is 0 is
	                    then its address */
};

/* The list of networks that key of an entry of peers is, which has that name;
 * up to TUNNEL_NETS_MAX, or err says why not. */
int tunnelpeer_nets(const struct conf_node *n, const char *name,
		    const char *key, struct net *out, size_t *count,
		    struct conf_err *err);
/* What begins with "ike" in an entry of peers, which has that name. */
int tunnelpeer_read(const struct conf_node *n, const char *name,
		    struct tunnel_peer *out, struct conf_err *err);
/* Whether the peer's esp_nets are there where its tunnels are for more than
 * media, which must be told where it is, and none of the others' meets them. */
int tunnelpeer_check(const struct conf_node *n, const struct peer *peer,
		     const struct peer *others, size_t count,
		     struct conf_err *err);
/* Whether its tunnels are between networks. */
bool tunnelpeer_is_net(const struct peer *p);
/* Addresses of ours; borrowed. */
struct tunnelpeer_own {
	size_t n;
	const struct addr *at[TUNNEL_OWN_MAX];
};
/* Whether what such peers have behind them is apart from what we have and are;
 * n is the group "tunnel". */
int tunnelpeers_check(const struct conf_node *n, const struct policy *policy,
		      const struct tunnel_settings *t,
		      const struct tunnelpeer_own *own, struct conf_err *err);
/* Whether both have the same such peers, with the same networks. */
bool tunnelpeers_same_nets(const struct policy *a, const struct policy *b);
/* Whether SIP stays out of the tunnels for more than media, as they are kept
 * clear since `now` began, by the routes of next: none has a new port. */
bool tunnelpeers_same_ports(const struct policy *now,
			    const struct policy *next);
/* Whether both have the same peers with media = "ike" and a tunnel for all
 * their calls, with the same key, ends,
 * time and suites: charon's tunnels are those of the start. */
bool tunnelpeers_same(const struct policy *a, const struct policy *b);

#endif
