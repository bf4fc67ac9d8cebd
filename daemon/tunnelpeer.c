/* tunnelpeer.c - see tunnelpeer.h. */
#include "daemon/tunnelpeer.h"

#include "daemon/base/err.h"
#include "daemon/policy.h"
#include "daemon/tunnelnets.h"
#include "daemon/uri.h"

#include <string.h>

int tunnelpeer_nets(const struct conf_node *n, const char *name,
		    const char *key, struct net *out, size_t *count,
		    struct conf_err *err)
{
	size_t most = conf_texts(n, key);

	if (most > TUNNEL_NETS_MAX)
		return conf_fail(err, n, "peers: %s: %s has %zu entries; "
				 "allowed: up to %d", name, key, most,
				 TUNNEL_NETS_MAX);
	for (*count = 0; *count < most; (*count)++) {
		if (net_parse(conf_text_at(n, key, *count), &out[*count]))
			return conf_fail(err, n, "peers: %s: %s: \"%.60s\" is "
					 "no ADDRESS/BITS", name, key,
					 conf_text_at(n, key, *count));
		net_trim(&out[*count]);
	}
	return 0;
}

static int read_nets(const struct conf_node *n, const char *name,
		     struct tunnel_peer *p, struct conf_err *err)
{
	int r = tunnelpeer_nets(n, name, "ike_nets", p->nets, &p->n_nets, err);

	if (!r && !p->n_nets && !p->discover)
		p->nets[p->n_nets++] = (struct net){
			p->at, p->at.family == 4 ? 32 : 128
		};
	return r;
}

static int read_cert(const struct conf_node *n, const char *name,
		     struct tunnel_peer *p, struct conf_err *err)
{
	const char *cert = conf_text(n, "ike_cert"), *ca = conf_text(n,
								     "ike_ca");

	if (*cert && *ca)
		return conf_fail(err, n, "peers: %s: ike_cert takes one "
				 "certificate and ike_ca all of a CA; set one "
				 "of them", name);
	p->ca = *ca;
	p->cert = *ca ? ca : cert;
	return 0;
}

int tunnelpeer_read(const struct conf_node *n, const char *name,
		   struct tunnel_peer *out, struct conf_err *err)
{
	struct tunnel_peer p = { .id = conf_text(n, "ike_id") };
	const char *at = conf_text(n, "ike");
	int r = read_cert(n, name, &p, err);

	if (r)
		return r;
	p.discover = !strcmp(at, "discover");
	if (*at && !p.discover && (addr_parse(at, &p.at) || p.at.port ||
		    addr_is_any(&p.at)))
		return conf_fail(err, n, "peers: %s: ike: \"%.60s\" is no "
				 "address of a host", name, at);
	if (p.discover && !*p.id)
		return conf_fail(err, n, "peers: %s: ike = \"discover\" takes "
				 "an ike_id: an address that anybody may claim "
				 "to have proves nobody", name);
	if (!p.at.family && !p.discover &&
	    (*p.id || *p.cert || conf_texts(n, "ike_nets")))
		return conf_fail(err, n, "peers: %s: ike_id, ike_nets, "
				 "ike_cert and ike_ca say more of the far end "
				 "that ike names; set ike = \"ADDRESS\", or "
				 "leave them out", name);
	if (strpbrk(p.id, "*%"))
		return conf_fail(err, n, "peers: %s: ike_id: \"%.60s\" would "
				 "be anybody to charon; name one identity",
				 name, p.id);
	r = p.at.family || p.discover ? read_nets(n, name, &p, err) : 0;
	if (!r)
		*out = p;
	return r;
}

/* -- what ESP is for ------------------------------------------------------ */

static bool overlap(const struct net *x, const struct net *y)
{
	return net_contains(x, &y->base) || net_contains(y, &x->base);
}

static bool nets_meet(const struct peer *a, const struct peer *b)
{
	bool meet = false;

	for (size_t i = 0; i < a->n_esp_nets * b->n_esp_nets; i++)
		meet = meet || overlap(&a->esp_nets[i / b->n_esp_nets],
				       &b->esp_nets[i % b->n_esp_nets]);
	return meet;
}

/* The kernel takes no policy twice. */
static bool meets_itself(const struct peer *p)
{
	for (size_t i = 1; i < p->n_esp_nets; i++)
		for (size_t k = 0; k < i; k++)
			if (overlap(&p->esp_nets[i], &p->esp_nets[k]))
				return true;
	return false;
}

/* One's media would go by another's keys. */
static int check_apart(const struct conf_node *n, const struct peer *peer,
		       const struct peer *others, size_t count,
		       struct conf_err *err)
{
	for (size_t i = 0; i < count; i++)
		if (nets_meet(&others[i], peer))
			return conf_fail(err, n, "peers: %s: its esp_nets "
					 "overlap with those of %s; a gateway "
					 "is one peer's", peer->name,
					 others[i].name);
	return 0;
}

int tunnelpeer_check(const struct conf_node *n, const struct peer *peer,
		     const struct peer *others, size_t count,
		     struct conf_err *err)
{
	bool wide = peer->profile->esp_scope != ESP_MEDIA;

	if (wide != (peer->n_esp_nets != 0))
		return conf_fail(err, n, "peers: %s: esp_nets = [ \"ADDRESS/"
				 "BITS\" ] and a profile with esp_scope = "
				 "\"host\" or \"net\" go together; set both "
				 "or none", peer->name);
	for (size_t i = 0; i < peer->n_esp_nets; i++)
		if (!peer->esp_nets[i].bits)
			return conf_fail(err, n, "peers: %s: esp_nets names "
					 "all addresses there are; say where "
					 "the far end is", peer->name);
	if (tunnelpeer_is_net(peer) && meets_itself(peer))
		return conf_fail(err, n, "peers: %s: two of its esp_nets "
				 "overlap; leave the smaller one out",
				 peer->name);
	return check_apart(n, peer, others, count, err);
}

static int check_net(const struct conf_node *n, const struct peer *peer,
		     const struct tunnel_settings *t,
		     const struct tunnelpeer_own *own, struct conf_err *err)
{
	for (size_t i = 0; i < peer->n_esp_nets; i++) {
		if (tunnelnets_meet(t, &peer->esp_nets[i]))
			return conf_fail(err, n, "peers: %s: its esp_nets "
					 "overlap with tunnel.nets; what is "
					 "behind us is not behind it",
					 peer->name);
		for (size_t k = 0; k < own->n; k++)
			if (net_contains(&peer->esp_nets[i], own->at[k]))
				return conf_fail(err, n, "peers: %s: one of "
						 "our own addresses is in its "
						 "esp_nets", peer->name);
	}
	return 0;
}

int tunnelpeers_check(const struct conf_node *n, const struct policy *policy,
		      const struct tunnel_settings *t,
		      const struct tunnelpeer_own *own, struct conf_err *err)
{
	const struct peer *p;
	bool any = false;
	int r = 0;

	for (size_t i = 0; !r && (p = policy_at(policy, i)); i++)
		if (tunnelpeer_is_net(p)) {
			any = true;
			r = check_net(n, p, t, own, err);
		}
	if (!r && any != (t->n_nets != 0))
		r = conf_fail(err, n, "tunnel.nets = [ \"ADDRESS/BITS\" ] and "
			      "a peer's profile with esp_scope = \"net\" go "
			      "together; set both or none");
	return r;
}

/* -- a reload -------------------------------------------------------------- */

static const struct peer *ike_peer(const struct policy *policy,
				   const char *name)
{
	const struct peer *p = policy_peer(policy, name);

	return p && profile_stands(p->profile) ? p : NULL;
}

static bool same_nets(const struct tunnel_peer *a, const struct tunnel_peer *b)
{
	bool same = a->n_nets == b->n_nets;

	for (size_t i = 0; same && i < a->n_nets; i++)
		same = net_equal(&a->nets[i], &b->nets[i]);
	return same;
}

static bool same_peer(const struct peer *a, const struct peer *b)
{
	return b && addr_equal(&a->ike.at, &b->ike.at) &&
	       a->ike.discover == b->ike.discover &&
	       !strcmp(a->ike.id, b->ike.id) && !strcmp(a->psk, b->psk) &&
	       !strcmp(a->ike.cert, b->ike.cert) && a->ike.ca == b->ike.ca &&
	       same_nets(&a->ike, &b->ike) &&
	       a->profile->ike_after == b->profile->ike_after &&
	       a->profile->n_esp == b->profile->n_esp &&
	       !memcmp(a->profile->esp, b->profile->esp,
		       sizeof a->profile->esp);
}

static bool all_in(const struct policy *from, const struct policy *in)
{
	const struct peer *p;

	for (size_t i = 0; (p = policy_at(from, i)); i++)
		if (profile_stands(p->profile) &&
		    !same_peer(p, ike_peer(in, p->name)))
			return false;
	return true;
}

/* The kernel keeps shut what such peers' networks are. */
static bool nets_in(const struct policy *from, const struct policy *in)
{
	const struct peer *p, *q;

	for (size_t i = 0; (p = policy_at(from, i)); i++) {
		if (!tunnelpeer_is_net(p))
			continue;
		q = policy_peer(in, p->name);
		if (!q || !tunnelpeer_is_net(q) ||
		    q->n_esp_nets != p->n_esp_nets)
			return false;
		for (size_t k = 0; k < p->n_esp_nets; k++)
			if (!net_equal(&p->esp_nets[k], &q->esp_nets[k]))
				return false;
	}
	return true;
}

bool tunnelpeers_same_nets(const struct policy *a, const struct policy *b)
{
	return nets_in(a, b) && nets_in(b, a);
}

/* Those of SIP are always clear. */
static bool has_port(const struct policy *policy, uint16_t port)
{
	const struct peer *p;

	if (!port || port == 5060 || port == 5061)
		return true;
	for (size_t i = 0; (p = policy_at(policy, i)); i++)
		for (size_t k = 0; p->profile->media == MEDIA_ESP &&
				   k < p->n_routes; k++)
			if (uri_port(p->routes[k]) == port)
				return true;
	return false;
}

static bool has_wide(const struct policy *policy)
{
	const struct peer *p;

	for (size_t i = 0; (p = policy_at(policy, i)); i++)
		if (p->profile->media == MEDIA_ESP &&
		    p->profile->esp_scope != ESP_MEDIA)
			return true;
	return false;
}

bool tunnelpeers_same_ports(const struct policy *now,
			    const struct policy *next)
{
	const struct peer *p;

	for (size_t i = 0; has_wide(next) && (p = policy_at(next, i)); i++)
		for (size_t k = 0; p->profile->media == MEDIA_ESP &&
				   k < p->n_routes; k++)
			if (!has_port(now, uri_port(p->routes[k])))
				return false;
	return true;
}

bool tunnelpeer_is_net(const struct peer *p)
{
	return p->profile->media == MEDIA_ESP &&
	       p->profile->esp_scope == ESP_NET;
}

bool tunnelpeers_same(const struct policy *a, const struct policy *b)
{
	return all_in(a, b) && all_in(b, a);
}
