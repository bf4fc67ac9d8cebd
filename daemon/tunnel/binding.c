/* binding.c - whether a key is for a tunnel: for that call, for our own end as
 * it was reserved, and of a kind that can be raised. See inside.h. */
#include "daemon/tunnel/inside.h"

static bool same_selector(const struct esp_selector *s,
			  const struct esp_selector *q)
{
	return s->net.bits == q->net.bits &&
	       addr_equal(&s->net.base, &q->net.base) && s->port == q->port &&
	       s->mask == q->mask && s->protocol == q->protocol;
}

/* b is ours, and sound. */
static bool same_end(const struct esp_end *a, const struct esp_end *b)
{
	bool same = a->spi == b->spi && addr_equal(&a->at, &b->at) &&
		    a->natted == b->natted && a->n == b->n;

	for (size_t i = 0; same && i < b->n; i++)
		same = same_selector(&a->sel[i], &b->sel[i]);
	return same;
}

/* By our own settings: what a NAT makes of us, and our port. */
static bool takes_udp(const struct esp_end *near,
		      const struct msg_tunnel_key *m)
{
	bool wanted = near->natted || m->far.natted;

	return m->udp == wanted && (!wanted || (near->at.port &&
						m->far.at.port));
}

/* By who is to raise it. */
static const char *kind_wrong(const struct tunnels *c, const struct tunnel *t,
			      const struct msg_tunnel_key *m)
{
	const struct esp_suite_info *info = esp_suite_info(m->in.suite);
	bool ike = t->maker == c->conf.charon;

	if (m->in.suite != m->out.suite || !info)
		return "its suite is none";
	if (ike != (m->ike != TUNNEL_IKE_NONE))
		return "the kernel is to raise it and not IKE, or the other "
		       "way round";
	if (m->mode != (ike || t->scope == ESP_NET ? ESP_TUNNEL
						   : ESP_TRANSPORT))
		return "the mode is not the scope's";
	if (ike && (m->udp || info->legacy || m->in.key_len != TUNNEL_PSK ||
		    m->in.auth_len != TUNNEL_NAME || m->in.salt_len ||
		    m->out.key_len || m->out.auth_len || m->out.salt_len))
		return "it is no key of IKE";
	return NULL;
}

const char *binding_wrong(const struct tunnels *c, const struct tunnel *t,
			  const struct msg_tunnel_key *m)
{
	struct esp_end near;
	const char *why;

	if (m->call != t->call)
		return "the key is another call's";
	if (tunnelnets_end(&c->own, t->scope, &t->local, t->spi, &near) ||
	    !same_end(&m->near, &near))
		return "the key is for another end than ours";
	if (m->scope != t->scope)
		return "the key is for another scope";
	why = kind_wrong(c, t, m);
	if (why)
		return why;
	if (esp_end_check(&m->far, t->scope, m->mode, &why))
		return "the far end of it is unsound";
	if (m->far.at.family != near.at.family)
		return "the two ends are of two families";
	if (!takes_udp(&near, m))
		return "it is in UDP and need not be, or not and must be";
	if (!m->life_s)
		return "it has no end";
	return NULL;
}
