/* tunnelpeer.c - see tunnelpeer.h. */
#include "daemon/tunnelpeer.h"

#include "daemon/base/err.h"
#include "daemon/policy.h"

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
	for (*count = 0; *count < most; (*count)++)
		if (net_parse(conf_text_at(n, key, *count), &out[*count]))
			return conf_fail(err, n, "peers: %s: %s: \"%.60s\" is "
					 "no ADDRESS/BITS", name, key,
					 conf_text_at(n, key, *count));
	return 0;
}

static int read_nets(const struct conf_node *n, const char *name,
		     struct tunnel_peer *p, struct conf_err *err)
{
	int r = tunnelpeer_nets(n, name, "ike_nets", p->nets, &p->n_nets, err);

	if (!r && !p->n_nets)
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
	if (*at && (addr_parse(at, &p.at) || p.at.port ||
		    addr_is_any(&p.at)))
		return conf_fail(err, n, "peers: %s: ike: \"%.60s\" is no "
				 "address of a host", name, at);
	if (!p.at.family && (*p.id || *p.cert || conf_texts(n, "ike_nets")))
		return conf_fail(err, n, "peers: %s: ike_id, ike_nets, "
				 "ike_cert and ike_ca say more of the far end "
				 "that ike names; set ike = \"ADDRESS\", or "
				 "leave them out", name);
	if (strpbrk(p.id, "*%"))
		return conf_fail(err, n, "peers: %s: ike_id: \"%.60s\" would "
				 "be anybody to charon; name one identity",
				 name, p.id);
	r = p.at.family ? read_nets(n, name, &p, err) : 0;
	if (!r)
		*out = p;
	return r;
}

/* -- what ESP is for ------------------------------------------------------ */

static bool nets_meet(const struct peer *a, const struct peer *b)
{
	bool meet = false;

	for (size_t i = 0; i < a->n_esp_nets * b->n_esp_nets; i++) {
		const struct net *x = &a->esp_nets[i / b->n_esp_nets];
		const struct net *y = &b->esp_nets[i % b->n_esp_nets];

		meet = meet || net_contains(x, &y->base) ||
		       net_contains(y, &x->base);
	}
	return meet;
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
				 "\"host\" go together; set both or none",
				 peer->name);
	for (size_t i = 0; i < peer->n_esp_nets; i++)
		if (!peer->esp_nets[i].bits)
			return conf_fail(err, n, "peers: %s: esp_nets names "
					 "all addresses there are; say where "
					 "the far end is", peer->name);
	return check_apart(n, peer, others, count, err);
}

/* -- a reload -------------------------------------------------------------- */

static const struct peer *ike_peer(const struct policy *policy,
				   const char *name)
{
	const struct peer *p = policy_peer(policy, name);

	return p && p->profile->media == MEDIA_IKE ? p : NULL;
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
		if (p->profile->media == MEDIA_IKE &&
		    !same_peer(p, ike_peer(in, p->name)))
			return false;
	return true;
}

bool tunnelpeers_same(const struct policy *a, const struct policy *b)
{
	return all_in(a, b) && all_in(b, a);
}
