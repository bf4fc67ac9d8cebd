/* pair.c - see pair.h. Pairs of a group (group.h) have one reqid: the inbound
 * policy takes any SA of it, so what still comes under the keys of another pair
 * is heard, and the outbound one is turned from SPI to SPI. What a line of
 * media is raised with is reserved under its port's reqid; what all calls share
 * gets the group's once the far end is known. */
#include "modules/xfrm/tunnel/pair.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"
#include "daemon/tunnelnets.h"
#include "modules/xfrm/tunnel/block.h"
#include "modules/xfrm/tunnel/follow.h"
#include "modules/xfrm/tunnel/foreign.h"
#include "modules/xfrm/tunnel/group.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "xfrm"
#define TRIES 8
#define SEQUENCES UINT32_MAX /* packets of an SA (RFC 4303 3.3.3) */

static int tell(struct tunnel_why *why, int r, const char *text)
{
	snprintf(why->text, sizeof why->text, "%s", text);
	return r;
}

static struct addr host_of(const struct addr *a)
{
	struct addr host = *a;

	host.port = 0;
	return host;
}

/* -- reserving ------------------------------------------------------------ */

static bool can(void *state, uint8_t family, enum esp_suite suite)
{
	const struct pairs *p = state;
	const bool *has = family == 4 ? p->probe.ip4 : p->probe.ip6;

	if (suite != ESP_NONE)
		return suite < ESP_SUITES && has[suite];
	for (int i = 0; i < ESP_SUITES; i++)
		if (has[i])
			return true;
	return false;
}

/* The far end is not known yet, so the source is any. */
static int reserve_spi(struct pairs *p, struct tunnel_pair *t,
		       struct tunnel_why *why)
{
	struct ipsec_sa sa = { .dst = host_of(&t->local),
			       .src = { .family = t->local.family },
			       .reqid = t->reqid, .mode = ESP_TRANSPORT };
	struct xfrm_why x;
	int r = E_EXISTS;

	for (int i = 0; r == E_EXISTS && i < TRIES; i++) {
		r = xfrm_spi(p->x, &sa.spi);
		if (r)
			return tell(why, r, "no SPI is left");
		r = xfrm_reserve(p->x, &sa, &t->sa[IPSEC_IN], &x);
	}
	if (r)
		return tell(why, r, x.text);
	t->spi = sa.spi;
	return 0;
}

static int reserve(void *state, const struct addr *local,
		   const struct tunnel_pair *with, void *owner,
		   struct tunnel_pair **out, uint32_t *spi,
		   struct tunnel_why *why)
{
	struct pairs *p = state;
	struct tunnel_pair *t = calloc(1, sizeof *t);
	int r;

	if (!t)
		return tell(why, E_NOMEM, "no memory");
	t->owner = owner;
	t->local = *local;
	t->reqid = with ? with->reqid : 0;
	r = with ? 0 : xfrm_reqid(p->x, &t->reqid);
	r = r ? tell(why, r, "no reqid is left") : reserve_spi(p, t, why);
	if (r) {
		free(t);
		return r;
	}
	t->next = p->first;
	p->first = t;
	*spi = t->spi;
	*out = t;
	return 0;
}

/* -- what is wanted ------------------------------------------------------- */

struct wanted {
	struct ipsec_sa sa[2];
	struct ipsec_policy policy[IPSEC_DIRS * PAIR_SELECTORS];
	struct xfrm_wanted w;
};
_Static_assert(2 + IPSEC_DIRS * PAIR_SELECTORS <= XFRM_MOST, "room for all");

static struct ipsec_selector selector_of(const struct esp_selector *s,
					 const struct esp_selector *d)
{
	return (struct ipsec_selector){
		.src = s->net, .dst = d->net,
		.sport = s->port, .sport_mask = s->mask,
		.dport = d->port, .dport_mask = d->mask,
		.proto = s->protocol };
}

/* New keys are wanted an eighth before the end, as with SRTP. */
static struct ipsec_life life_of(const struct msg_tunnel_key *k)
{
	uint64_t bytes = (uint64_t)k->life_kib * 1024;

	return (struct ipsec_life){
		.soft_bytes = bytes - bytes / 8, .hard_bytes = bytes,
		.soft_packets = SEQUENCES - SEQUENCES / 8,
		.hard_packets = SEQUENCES,
		.soft_s = k->life_s - k->life_s / 8, .hard_s = k->life_s };
}

/* One SA for all selectors says nothing of them: its policies do. */
static struct ipsec_selector sa_selector(const struct esp_end *src,
					 const struct esp_end *dst,
					 unsigned scope)
{
	return scope == ESP_NET ? (struct ipsec_selector){ .proto = 0 }
				: selector_of(&src->sel[0], &dst->sel[0]);
}

static struct ipsec_encap encap_of(const struct group *g,
				   const struct msg_tunnel_key *k,
				   enum ipsec_dir dir)
{
	uint16_t near = k->near.at.port, far = follow_port(g, k);

	if (!k->udp)
		return (struct ipsec_encap){ 0, 0 };
	return dir == IPSEC_IN ? (struct ipsec_encap){ far, near }
			       : (struct ipsec_encap){ near, far };
}

static struct ipsec_sa sa_of(const struct group *g,
			     const struct msg_tunnel_key *k,
			     enum ipsec_dir dir)
{
	const struct esp_end *src = dir == IPSEC_IN ? &k->far : &k->near;
	const struct esp_end *dst = dir == IPSEC_IN ? &k->near : &k->far;

	return (struct ipsec_sa){
		.src = host_of(&src->at), .dst = host_of(&dst->at),
		.spi = dst->spi, .reqid = g->reqid, .mode = k->mode,
		.window = k->window, .life = life_of(k),
		.encap = encap_of(g, k, dir),
		.again_s = k->udp && dir == IPSEC_IN ? FOLLOW_AGAIN_S : 0,
		.sel = sa_selector(src, dst, k->scope),
		.key = dir == IPSEC_IN ? k->in : k->out };
}

/* What is behind us comes by what is passed on, too. */
static int dirs_of(const struct group *g)
{
	return g->scope == ESP_NET ? IPSEC_DIRS : IPSEC_OUT + 1;
}

/* Smaller scopes go before larger ones. */
static struct ipsec_policy policy_of(const struct pairs *p,
				     const struct group *g, size_t i,
				     const struct ipsec_sa *sa,
				     enum ipsec_dir dir)
{
	return (struct ipsec_policy){
		.sel = dir == IPSEC_OUT ? g->out[i]
					: ipsec_selector_turned(&g->out[i]),
		.dir = (uint8_t)dir, .action = IPSEC_PROTECT,
		.priority = range_priority(xfrm_range(p->x), IPSEC_PROTECT,
					   g->scope - ESP_MEDIA),
		.src = sa->src, .dst = sa->dst,
		.spi = dir == IPSEC_OUT ? sa->spi : 0, .reqid = sa->reqid,
		.mode = sa->mode };
}

/* The policies are there already where another pair sends by them. */
static void want(struct wanted *u, const struct pairs *p,
		 const struct group *g, const struct msg_tunnel_key *k)
{
	size_t n = 0;

	for (int dir = IPSEC_IN; dir <= IPSEC_OUT; dir++)
		u->sa[dir] = sa_of(g, k, dir);
	for (int dir = IPSEC_IN; dir < dirs_of(g) && !g->sender; dir++)
		for (size_t i = 0; i < g->n; i++)
			u->policy[n++] = policy_of(
				p, g, i, &u->sa[dir == IPSEC_OUT], dir);
	u->w = (struct xfrm_wanted){ u->sa, 2, u->policy, n };
}

/* -- checks --------------------------------------------------------------- */

static bool takes_own(const struct pairs *p, const struct net *n)
{
	for (int i = 0; i < 2; i++)
		if (p->media[i].family && net_contains(n, &p->media[i]))
			return true;
	for (size_t i = 0; i < p->n_sip; i++)
		if (net_contains(n, &p->sip[i]))
			return true;
	return false;
}

/* Without a peer of that name there is nothing that it may have behind it. */
static void rules_of_nets(const struct pairs *p, const char *peer,
			  struct selector_rules *rules)
{
	rules->near = p->own.nets;
	rules->n_near = p->own.n_nets;
	rules->n_far = 0;
	for (size_t i = 0; i < p->n_peers; i++)
		if (!strcmp(p->peer[i].name, peer)) {
			rules->far = p->peer[i].net;
			rules->n_far = p->peer[i].n;
		}
}

static int check_selectors(const struct pairs *p,
			   const struct selector_rules *rules,
			   const struct group *like, struct tunnel_why *why)
{
	const char *text;
	int r = 0;

	for (size_t i = 0; !r && i < like->n; i++) {
		if (takes_own(p, &like->out[i].dst))
			return tell(why, E_POLICY,
				    "the far end's address is ours");
		r = selector_check(&like->out[i], rules, &text);
		if (r)
			tell(why, r, text);
	}
	return r;
}

/* The far side is what the keeper verified: one host, or networks that our own
 * configuration lets it have. Ours is what we have. */
static int check(const struct pairs *p, const struct tunnel_pair *t,
		 const struct group *like, struct tunnel_why *why)
{
	uint8_t bits = t->local.family == 4 ? 32 : 128;
	struct net near = { host_of(&t->local), bits };
	struct net far = { like->far, bits };
	struct selector_rules rules = {
		.scope = like->scope, .near = &near, .n_near = 1, .far = &far,
		.n_far = 1, .sip = p->sip, .n_sip = p->n_sip };

	if (takes_own(p, &far))
		return tell(why, E_POLICY, "the far end's address is ours");
	if (like->scope == ESP_NET && tunnelnets_has(&p->own, &like->far))
		return tell(why, E_POLICY, "the far end's address is behind "
			    "us");
	if (like->scope == ESP_NET)
		rules_of_nets(p, like->peer, &rules);
	return check_selectors(p, &rules, like, why);
}

/* -- raising -------------------------------------------------------------- */

static int install(struct pairs *p, struct tunnel_pair *t, struct group *g,
		   const struct wanted *u, struct tunnel_why *why)
{
	uint32_t slot[XFRM_MOST] = { 0 };
	struct xfrm_why x;
	int r = xfrm_raise(p->x, &u->w, slot, &x);

	if (r) {
		if (!ledger_find_sa(xfrm_ledger(p->x), &u->sa[IPSEC_IN].dst,
				    t->spi))
			t->sa[IPSEC_IN] = 0; /* it went with the failure */
		return tell(why, r, x.text);
	}
	memcpy(t->sa, slot, sizeof t->sa);
	if (u->w.n_policy) {
		for (size_t i = 0; i < u->w.n_policy; i++)
			g->policy[i / g->n][i % g->n] = slot[2 + i];
		g->sender = t;
	}
	t->reqid = g->reqid;
	t->far_spi = u->sa[IPSEC_OUT].spi;
	for (int dir = IPSEC_IN; dir <= IPSEC_OUT; dir++) {
		uint16_t suite = u->sa[dir].key.suite;

		t->as[dir] = u->sa[dir];
		wipe(&t->as[dir].key, sizeof t->as[dir].key);
		t->as[dir].key.suite = suite;
	}
	t->group = g;
	g->pairs++;
	return 0;
}

static struct group place_of(const struct tunnel_pair *t,
			     const struct msg_tunnel_key *k)
{
	struct group g = {
		.reqid = t->reqid, .scope = k->scope,
		.near = host_of(&k->near.at), .far = host_of(&k->far.at) };

	for (size_t i = 0; i < k->near.n; i++)
		for (size_t j = 0; j < k->far.n; j++)
			g.out[g.n++] = selector_of(&k->near.sel[i],
						   &k->far.sel[j]);
	_Static_assert(sizeof g.peer == sizeof k->peer, "a peer's name");
	memcpy(g.peer, k->peer, sizeof g.peer - 1);
	return g;
}

static int raise_pair(void *state, struct tunnel_pair *t,
		      struct tunnel_pair *instead,
		      const struct msg_tunnel_key *k, struct tunnel_why *why)
{
	struct pairs *p = state;
	struct group like = place_of(t, k), *g;
	struct wanted u;
	int r = check(p, t, &like, why);

	if (!r)
		r = foreign_raise(p, why);
	if (!r && instead && k->scope == ESP_MEDIA &&
	    instead->reqid != t->reqid)
		r = tell(why, E_ARG, "it was not reserved for the same port");
	if (!r)
		r = group_join(p, &like, instead ? instead->group : NULL, &g,
			       why);
	if (r)
		return r;
	want(&u, p, g, k);
	r = install(p, t, g, &u, why);
	wipe(&u, sizeof u);
	if (!r)
		follow_begin(p, g, k);
	group_settle(p, g);
	return r;
}

static bool sends(void *state, const struct tunnel_pair *t)
{
	(void)state;
	return t->group && t->group->sender == t;
}

static int turn(void *state, struct tunnel_pair *t, struct tunnel_why *why)
{
	struct pairs *p = state;
	struct group *g = t->group;
	struct xfrm_why x, ignored;
	size_t i = 0;
	int r = 0;

	if (sends(p, t))
		return 0;
	if (!g || !g->sender)
		return tell(why, E_STATE, "there is nothing to take over");
	r = follow_turn(p, t, &x);
	if (r)
		return tell(why, r, x.text);
	while (!r && i < g->n)
		r = xfrm_turn(p->x, g->policy[IPSEC_OUT][i++], t->far_spi, &x);
	if (r) { /* those before it go back: both SAs are there */
		for (i--; i--;)
			xfrm_turn(p->x, g->policy[IPSEC_OUT][i],
				  g->sender->far_spi, &ignored);
		return tell(why, r, x.text);
	}
	g->sender = t;
	return 0;
}

static bool heard(void *state, const struct tunnel_pair *t)
{
	const struct pairs *p = state;
	uint64_t packets;

	return !xfrm_packets(p->x, t->sa[IPSEC_IN], &packets) && packets;
}

/* What is to be removed with it. The policies, if it still sends by them, even
 * if there are others in the group: what leaves must not meet an SA that is
 * gone. */
static void leave(struct tunnel_pair *t, uint32_t slot[static XFRM_MOST])
{
	struct group *g = t->group;

	memcpy(slot, t->sa, sizeof t->sa);
	if (g && g->sender == t) {
		memcpy(slot + 2, g->policy, sizeof g->policy);
		memset(g->policy, 0, sizeof g->policy);
		g->sender = NULL;
	}
	if (g)
		g->pairs--;
}

static void drop(void *state, struct tunnel_pair *t)
{
	struct pairs *p = state;
	struct tunnel_pair **at = &p->first;
	uint32_t slot[XFRM_MOST] = { 0 };
	struct xfrm_why why;

	leave(t, slot);
	if (xfrm_drop(p->x, slot, XFRM_MOST, &why))
		log_error(TAG, "%s; it goes with the next start", why.text);
	if (t->group)
		group_settle(p, t->group);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	free(t);
}

void pairs_free(struct pairs *p)
{
	struct tunnel_pair *t;
	struct group *g;

	while ((t = p->first)) {
		p->first = t->next;
		free(t);
	}
	while ((g = p->groups)) {
		p->groups = g->next;
		free(g->bypass);
		free(g);
	}
	keeps_free(&p->keeps);
	free(p->peer);
	p->peer = NULL;
}

int pairs_read(struct pairs *p, const struct settings *s,
	       const struct policy *policy)
{
	const struct peer *peer;

	p->own = s->tunnel;
	p->keeps.every_us = (uint64_t)s->tunnel.keepalive_s * 1000000;
	p->n_peers = 0;
	p->peer = calloc(policy_count(policy) + 1, sizeof *p->peer);
	for (size_t i = 0; p->peer && (peer = policy_at(policy, i)); i++) {
		struct pair_peer *to = &p->peer[p->n_peers];

		if (!tunnelpeer_is_net(peer))
			continue;
		memcpy(to->name, peer->name, sizeof to->name);
		memcpy(to->net, peer->esp_nets, sizeof to->net);
		to->n = peer->n_esp_nets;
		p->n_peers++;
	}
	return p->peer ? 0 : E_NOMEM;
}

/* -- what happens --------------------------------------------------------- */

struct hearing {
	struct pairs *p;
	tunnel_event_fn fn;
	void *user;
};

static struct tunnel_pair *of_slot(const struct pairs *p, uint32_t slot)
{
	struct tunnel_pair *t = p->first;

	while (t && (!slot || (t->sa[IPSEC_IN] != slot &&
			       t->sa[IPSEC_OUT] != slot)))
		t = t->next;
	return t;
}

/* The one that sends by that reqid. */
static struct tunnel_pair *of_reqid(const struct pairs *p, uint32_t reqid)
{
	struct tunnel_pair *t = p->first;

	while (t && (t->reqid != reqid || !sends(NULL, t)))
		t = t->next;
	return t;
}

/* A packet that met no SA: somebody else removed it. */
static void hear(void *user, const struct xfrm_event *e)
{
	struct hearing *h = user;
	struct tunnel_pair *t = e->kind == XFRM_ACQUIRE
					? of_reqid(h->p, e->reqid)
					: of_slot(h->p, e->slot);

	if (e->kind == XFRM_FOREIGN)
		foreign_hear(h->p, e->reply ? &e->reply->policy : NULL, h->fn,
			     h->user);
	else if (e->kind == XFRM_REMOVED)
		foreign_removed(h->p, e->n, e->err, e->why, h->fn, h->user);
	else if (t && t->group && e->kind == XFRM_MOVED)
		follow_event(h->p, t, e);
	else if (t && t->group)
		h->fn(h->user, t->owner, e->kind == XFRM_SOFT
					 ? TUNNEL_EVENT_SOFT
					 : TUNNEL_EVENT_GONE);
}

static uint64_t tick(void *state, uint64_t now_us)
{
	return follow_tick(state, now_us);
}

static int events_fd(void *state)
{
	return xfrm_events_fd(((struct pairs *)state)->x);
}

static int events(void *state, tunnel_event_fn fn, void *user)
{
	struct pairs *p = state;
	struct hearing h = { p, fn, user };

	return xfrm_events(p->x, hear, &h);
}

/* -- lists ---------------------------------------------------------------- */

struct listing {
	const struct pairs *p;
	tunnel_sa_fn fn;
	void *user;
};

static void show(void *user, uint32_t slot, const struct reply *r)
{
	struct listing *l = user;
	const struct tunnel_pair *t = of_slot(l->p, slot);
	struct tunnel_sa sa = {
		.spi = r->sa.spi, .src = r->sa.src, .dst = r->sa.dst,
		.bytes = r->use.bytes, .packets = r->use.packets,
		.dropped = r->use.dropped,
		.out = t && t->sa[IPSEC_OUT] == slot,
		.port = t && t->sa[IPSEC_OUT] == slot ? r->sa.encap.dport : 0,
		.elsewhere = t && t->group ? t->group->elsewhere
					   : (struct addr){ 0 },
	};

	if (t || !slot)
		l->fn(l->user, t ? t->owner : NULL, &sa);
}

static int list(void *state, tunnel_sa_fn fn, void *user, unsigned *blocks,
		struct tunnel_why *why)
{
	struct pairs *p = state;
	struct listing l = { p, fn, user };
	struct xfrm_why x;
	int r;

	*blocks = block_count(p->x);
	r = xfrm_list(p->x, show, &l, &x);
	return r ? tell(why, r, x.text) : 0;
}

static int foreign(void *state, tunnel_foreign_fn fn, void *user,
		   struct tunnel_why *why)
{
	return foreign_list(state, fn, user, why);
}

struct tunnel_maker pairs_maker(struct pairs *p)
{
	return (struct tunnel_maker){
		.state = p, .can = can, .reserve = reserve,
		.raise = raise_pair, .sends = sends, .turn = turn,
		.heard = heard, .drop = drop, .tick = tick,
		.events_fd = events_fd,
		.events = events,
		.list = list, .foreign = foreign };
}
