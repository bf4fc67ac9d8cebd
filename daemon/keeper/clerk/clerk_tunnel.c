/* clerk_tunnel.c - requests for a peer whose media go in ESP (media = "esp"):
 * one tunnel for each line of SDP, in transport mode, for exactly its flows.
 * The engine says no more of it than the SPI that was reserved and the relay's
 * port; all else is our own policy's. doc/MIKEY-IPSEC.md. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"

#include <stdio.h>
#include <string.h>

static bool is_tunnel(const struct msg_key_line *line)
{
	return line->tunnel || line->spi || line->local.family;
}

static bool in_range(const struct tunnel_settings *t, const struct addr *local)
{
	return local->port >= t->port_min && local->port < t->port_max;
}

/* Of our end. */
static int take_line(const struct clerk *c, struct request *q, size_t i)
{
	const struct msg_key_line *line = &q->party->line[i];
	const struct tunnel_settings *t = &c->limits.tunnel;

	if (line->tunnel && in_range(t, &line->local) &&
	    !esp_own_end(ESP_MEDIA, &line->local,
			 &t->seen[line->local.family == 6], t->udp,
			 line->spi, &q->esp.near[i]))
		return 0;
	snprintf(q->fault.text, sizeof q->fault.text, "line %zu has no tunnel "
		 "with an SPI and a port of tunnel.ports", i + 1);
	return E_POLICY;
}

static int no_tunnels(struct request *q, const struct peer *peer)
{
	for (size_t i = 0; i < q->party->n; i++)
		if (is_tunnel(&q->party->line[i])) {
			snprintf(q->fault.text, sizeof q->fault.text, "peer "
				 "%.48s has no tunnels (its profile does not "
				 "say media = \"esp\")", peer->name);
			return E_POLICY;
		}
	return 0;
}

static void fill_terms(const struct clerk *c, struct request *q,
		       const struct profile *f)
{
	struct request_esp *e = &q->esp;

	memcpy(e->suites, f->esp, sizeof e->suites);
	e->terms = (struct esp_terms){
		.suites = e->suites,
		.n_suites = f->negotiate == NEGOTIATE_STATIC && f->n_esp
			    ? 1 : f->n_esp,
		.mode = ESP_TRANSPORT, .scope = ESP_MEDIA,
		.n = q->party->n, .near = e->near,
		.life_s = c->limits.tunnel.life_s,
		.window = c->limits.tunnel.window,
	};
	e->wanted = true;
}

int request_lines(const struct clerk *c, struct request *q,
		  const struct peer *peer)
{
	int r = 0;

	if (peer->profile->media != MEDIA_ESP)
		return no_tunnels(q, peer);
	for (size_t i = 0; i < q->party->n && !r; i++)
		r = take_line(c, q, i);
	if (!r)
		fill_terms(c, q, peer->profile);
	return r;
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

int tunnel_result(bool wanted, size_t n, struct keying_result *res)
{
	if (wanted ? res->n || res->esp.n != n : res->esp.n > 0)
		return E_INTERNAL;
	if (wanted) {
		res->facts.suite = SUITE_NONE;
		res->facts.esp = (uint8_t)res->esp.suite;
	}
	return 0;
}

void tunnel_far(const struct keying_result *res, struct addr far[STREAM_MAX])
{
	for (size_t i = 0; i < res->esp.n; i++) {
		const struct esp_end *e = &res->esp.tunnel[i].far;

		far[i] = e->sel[0].net.base;
		far[i].port = e->sel[0].port;
	}
}
