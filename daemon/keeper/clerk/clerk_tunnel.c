/* clerk_tunnel.c - requests for a peer whose media go in ESP (media = "esp", or
 * "esp+srtp", where they are SRTP there, keyed by the same messages):
 * one tunnel for each line of SDP, for exactly its flows, or with esp_scope =
 * "host" one for everything between the two ends, in transport mode; or with
 * "net" one between the networks behind both, in tunnel mode. The engine says
 * no more of it than the SPI that was reserved and the relay's port, or our
 * address; all else is our own policy's. With ike = "call" charon raises
 * those of lines, by a key of the call's, in tunnel mode: it has no other where
 * it does ESP itself. doc/MIKEY-IPSEC.md. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"
#include "daemon/tunnelnets.h"

#include <stdio.h>
#include <string.h>

static bool is_tunnel(const struct msg_key_line *line)
{
	return line->tunnel || line->spi || line->local.family;
}

/* Where a line's media arrive, or all of us, which has no port. */
static bool in_range(const struct tunnel_settings *t, enum esp_scope scope,
		     const struct addr *local)
{
	return scope != ESP_MEDIA || (local->port >= t->port_min &&
				      local->port < t->port_max);
}

/* One for all lines of SRTP, too, or for each. */
static size_t tunnels_of(const struct profile *f,
			 const struct msg_key_party *p)
{
	return f->srtp_within && f->esp_scope != ESP_MEDIA ? 1 : p->n;
}

/* Of our end. IKE does encapsulation in UDP by itself. */
static int take_line(const struct clerk *c, struct request *q,
		     const struct profile *f, size_t i)
{
	const struct msg_key_line *line = &q->party->line[i];
	const struct tunnel_settings *t = &c->limits.tunnel;
	enum esp_scope scope = f->esp_scope;
	struct esp_end *near = &q->esp.near[i];

	if (line->tunnel && in_range(t, scope, &line->local) &&
	    !tunnelnets_end(t, scope, &line->local, line->spi, near)) {
		if (f->ike_call)
			near->at.port = 0;
		return 0;
	}
	snprintf(q->fault.text, sizeof q->fault.text, "line %zu has no tunnel "
		 "with an SPI and %s", i + 1, scope == ESP_MEDIA
		 ? "a port of tunnel.ports" : "an address of ours");
	return E_POLICY;
}

/* Of the lines from that one on. */
static int no_tunnels(struct request *q, const struct peer *peer, size_t from)
{
	for (size_t i = from; i < q->party->n; i++)
		if (is_tunnel(&q->party->line[i])) {
			snprintf(q->fault.text, sizeof q->fault.text, "peer "
				 "%.48s has no tunnels (its profile does not "
				 "say media = \"esp\", nor ike = "
				 "\"call\"), or one for all lines",
				 peer->name);
			return E_POLICY;
		}
	return 0;
}

/* What old peers alone have is taken and never offered. */
static size_t suites_of(const struct profile *f, bool ours,
			enum esp_suite out[static ESP_SUITES])
{
	size_t n = 0, all = f->negotiate == NEGOTIATE_STATIC && f->n_esp
			    ? 1 : f->n_esp;

	for (size_t i = 0; i < all; i++)
		if (!ours || !esp_suite_info(f->esp[i])->legacy)
			out[n++] = f->esp[i];
	return n;
}

static int fill_terms(const struct clerk *c, struct request *q,
		      const struct peer *peer)
{
	const struct profile *f = peer->profile;
	struct request_esp *e = &q->esp;

	e->terms = (struct esp_terms){
		.suites = e->suites,
		.n_suites = suites_of(f, !q->offer, e->suites),
		.ike = f->ike_call,
		.mode = f->ike_call || f->esp_scope == ESP_NET
				? ESP_TUNNEL : ESP_TRANSPORT,
		.scope = f->esp_scope,
		.nets = peer->esp_nets, .n_nets = peer->n_esp_nets,
		.n = tunnels_of(f, q->party), .near = e->near,
		.srtp = f->srtp_within,
		.life_s = c->limits.tunnel.life_s,
		.window = c->limits.tunnel.window,
	};
	e->wanted = true;
	if (e->terms.n_suites)
		return 0;
	snprintf(q->fault.text, sizeof q->fault.text, "profile %.48s has "
		 "suites of old peers alone (esp): their calls are taken, "
		 "ours need another one", f->name);
	return E_POLICY;
}

int request_lines(const struct clerk *c, struct request *q,
		  const struct peer *peer)
{
	size_t n = tunnels_of(peer->profile, q->party);
	int r = 0;

	if (!profile_keys_tunnels(peer->profile))
		return no_tunnels(q, peer, 0);
	for (size_t i = 0; i < n && !r; i++)
		r = take_line(c, q, peer->profile, i);
	if (!r)
		r = no_tunnels(q, peer, n);
	return r ? r : fill_terms(c, q, peer);
}

bool request_esp_first(struct request *q, unsigned suite)
{
	enum esp_suite *s = q->esp.suites;
	size_t i = 0;

	while (i < q->esp.terms.n_suites && s[i] != suite)
		i++;
	if (i == q->esp.terms.n_suites)
		return false;
	memmove(&s[1], &s[0], i * sizeof *s);
	s[0] = (enum esp_suite)suite;
	return true;
}

struct keyed_lines request_keyed(const struct request *q)
{
	size_t n = q->party->n;

	if (!q->esp.wanted)
		return (struct keyed_lines){ .streams = n };
	return (struct keyed_lines){ .tunnels = q->esp.terms.n,
				     .streams = q->esp.terms.srtp ? n : 0 };
}

int tunnel_result(struct keyed_lines want, struct keying_result *res)
{
	if (res->n != want.streams || res->esp.n != want.tunnels)
		return E_INTERNAL;
	if (!want.streams)
		res->facts.suite = SUITE_NONE;
	if (want.tunnels)
		res->facts.esp = (uint8_t)res->esp.suite;
	return 0;
}

void tunnel_far(const struct keying_result *res, struct addr far[STREAM_MAX],
		struct net behind[ESP_SELECTORS_MAX])
{
	for (size_t i = 0; i < res->esp.n; i++) {
		const struct esp_end *e = &res->esp.tunnel[i].far;
		bool nets = res->esp.scope == ESP_NET;

		far[i] = nets ? e->at : e->sel[0].net.base;
		far[i].port = e->sel[0].port;
		for (size_t k = 0; nets && k < e->n; k++)
			behind[k] = e->sel[k].net;
	}
}
