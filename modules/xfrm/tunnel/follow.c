/* follow.c - see follow.h.
 *
 * Whose NAT gives it another port than it says is known by the first authentic
 * packet, and followed in place: keys and sequence numbers stay. Only the ends
 * that say there is a NAT before them are followed, for of others a packet from
 * elsewhere can only be a copy that somebody sent on (RFC 7296 2.23), and only
 * to another port: an address is what the keying message said and our
 * configuration allows, it is in selectors and policies, and a key is not
 * installed for another one. A new address comes by new keys, which its owner
 * has to offer; so such a source is told, and nothing is sent there.
 *
 * Of the pairs of a group the one that was heard gets the port inbound, and the
 * one that sends outbound. The others get it when they are heard, or turned to:
 * so an event costs two requests, however many calls share a place. */
#include "modules/xfrm/tunnel/follow.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/xfrm/tunnel/door.h"

#include <errno.h>
#include <string.h>

#define TAG "xfrm"

/* -- what is before us ---------------------------------------------------- */

/* Where a keep-alive goes for g from now on; family 0: there is no need. */
static void keep(struct pairs *p, struct group *g, const struct addr *far)
{
	if (addr_equal(&g->kept, far))
		return;
	if (g->kept.family)
		keeps_remove(&p->keeps, &g->kept);
	g->kept = *far;
	if (far->family && keeps_add(&p->keeps, far)) {
		log_error(TAG, "no memory for keep-alives: the NAT before us "
			  "may forget a tunnel");
		g->kept = (struct addr){ 0 };
	}
}

/* RFC 3948 4, RFC 3947 3.2: who is behind a NAT sends them. */
static void keep_open(struct pairs *p, struct group *g)
{
	struct addr far = g->far;

	far.port = g->port;
	keep(p, g, g->near_natted && g->port ? &far : &(struct addr){ 0 });
}

static void send_keep(void *user, const struct addr *far)
{
	const struct pairs *p = user;
	char text[ADDR_TEXT];

	if (door_keep(p->door[far->family == 6], far))
		log_debug(TAG, "no keep-alive to %s: %s", addr_text(far, text),
			  strerror(errno));
}

uint64_t follow_tick(struct pairs *p, uint64_t now_us)
{
	return keeps_tick(&p->keeps, now_us, send_keep, p);
}

/* -- coming and going ----------------------------------------------------- */

static uint16_t said_by(const struct msg_tunnel_key *k)
{
	return k->udp ? k->far.at.port : 0;
}

uint16_t follow_port(const struct group *g, const struct msg_tunnel_key *k)
{
	return said_by(k) == g->said ? g->port : said_by(k);
}

void follow_begin(struct pairs *p, struct group *g,
		  const struct msg_tunnel_key *k)
{
	g->port = follow_port(g, k);
	g->said = said_by(k);
	g->near_natted = k->near.natted;
	g->far_natted = k->far.natted;
	keep_open(p, g);
}

void follow_end(struct pairs *p, struct group *g)
{
	keep(p, g, &(struct addr){ 0 });
}

/* -- what is before them -------------------------------------------------- */

/* Told the first, second, fourth, ... time. */
static bool is_told(struct group *g)
{
	unsigned n = ++g->moves;

	return !(n & (n - 1));
}

/* t's SA of that direction gets the far end's port. */
static int lead(struct pairs *p, struct tunnel_pair *t, enum ipsec_dir dir,
		uint16_t port, struct xfrm_why *why)
{
	struct ipsec_sa sa = t->as[dir];
	uint16_t *at = dir == IPSEC_IN ? &sa.encap.sport : &sa.encap.dport;
	int r;

	if (*at == port)
		return 0;
	*at = port;
	r = xfrm_follow(p->x, t->sa[dir], &sa, why);
	if (!r)
		t->as[dir] = sa;
	return r;
}

int follow_turn(struct pairs *p, struct tunnel_pair *t, struct xfrm_why *why)
{
	const struct group *g = t->group;
	bool in_udp = t->as[IPSEC_OUT].encap.dport;

	return in_udp && g->port ? lead(p, t, IPSEC_OUT, g->port, why) : 0;
}

/* The sender first: should the rest fail, the next packet tells it again. */
static void move(struct pairs *p, struct tunnel_pair *t, uint16_t port)
{
	struct group *g = t->group;
	struct addr far = g->far;
	char text[ADDR_TEXT];
	uint16_t old = g->port;
	struct xfrm_why why;
	int r = 0;

	g->port = far.port = port;
	if (g->sender)
		r = follow_turn(p, g->sender, &why);
	if (!r)
		r = lead(p, t, IPSEC_IN, port, &why);
	if (r) {
		g->port = old;
		log_error(TAG, "%s", why.text);
		return;
	}
	g->elsewhere = (struct addr){ 0 };
	keep_open(p, g);
	if (old != port && is_told(g))
		log_info(TAG, "a NAT before %s: ESP in UDP goes to %s, no "
			 "longer to port %u", g->peer, addr_text(&far, text),
			 old);
}

static void refuse(struct group *g, const struct addr *from)
{
	char text[ADDR_TEXT], said[ADDR_TEXT];

	if (addr_equal(&g->elsewhere, from))
		return;
	g->elsewhere = *from;
	if (is_told(g))
		log_info(TAG, "ESP of %s comes from %s, and goes to %s all the "
			 "same: %s", g->peer, addr_text(from, text),
			 addr_host(&g->far, said),
			 g->far_natted ? "a new address takes new keys, which "
					 "the far end must offer"
				       : "the far end says that no NAT is "
					 "before it");
}

void follow_event(struct pairs *p, struct tunnel_pair *t,
		  const struct xfrm_event *e)
{
	struct group *g = t->group;
	struct addr from = e->reply->sa.src;

	from.port = e->reply->sa.encap.sport;
	if (!t->as[IPSEC_IN].encap.sport || t->sa[IPSEC_IN] != e->slot)
		return;
	if (!g->far_natted || !addr_same_host(&from, &g->far))
		refuse(g, &from);
	else if (from.port != t->as[IPSEC_IN].encap.sport)
		move(p, t, from.port);
}
