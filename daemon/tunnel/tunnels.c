/* tunnels.c - what engine and keeper ask the tunnel process for. See tunnels.h.
 *
 *   TUNNEL_RESERVE: an SPI and an id for a port
 *   TUNNEL_KEY and TUNNEL_RAISE, in either order: the tunnel is up
 *   TUNNEL_DROP, TUNNEL_KEY_GONE, the end of an SA: it is gone
 *
 * The first of KEY and RAISE waits for the other: a RAISE until TUNNEL_PARK_US
 * have passed, a key as long as its tunnel is there or until KEY_GONE, for a
 * phone may ring for minutes. With both, the kernel raises it at once, and
 * charon in its own time, within which the RAISE goes on waiting.
 *
 * The engine is not believed: whom a tunnel reaches, and how, is the keeper's
 * word, for that call, that id and our own end as it was reserved. A key that
 * is bound to anything else is never used, and its bytes are wiped at once.
 *
 * New keys are a tunnel of their own for the same port, raised instead of the
 * one in force, whose SAs still receive for media.grace (turn.c). */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"
#include "daemon/tunnel/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "tunnel"

static uint64_t now_us(const struct tunnels *c)
{
	return clock_mono_us(c->conf.clock);
}

static void until(struct tunnels *c, struct tunnel *t, uint64_t us)
{
	t->until_us = now_us(c) + us;
	if (t->until_us < c->due_us)
		c->due_us = t->until_us;
}

static void tell(struct tunnels *c, enum message type, uint64_t id,
		 const void *body, size_t len)
{
	struct ipc_msg m = { .body = (void *)(uintptr_t)body, .len = len };

	c->conf.tell(c->conf.user, type, id, &m);
}

/* -- keys that wait ------------------------------------------------------- */

static struct held **held_at(struct tunnels *c, uint64_t key_id)
{
	struct held **at = &c->held;

	while (*at && (*at)->m.key_id != key_id)
		at = &(*at)->next;
	return at;
}

static void held_drop(struct tunnels *c, struct held **at)
{
	struct held *h = *at;
	struct place *p = table_find(c, h->m.tunnel);

	*at = h->next;
	c->n_held--;
	if (p)
		p->tunnel->n_held--;
	wipe(h, sizeof *h);
	free(h);
}

static void held_drop_all(struct tunnels *c, const struct tunnel *t)
{
	struct held **at = &c->held;

	while (*at)
		if ((*at)->m.tunnel == t->id)
			held_drop(c, at);
		else
			at = &(*at)->next;
}

/* -- answers and the end -------------------------------------------------- */

static void answer(struct tunnels *c, uint32_t id, uint64_t ticket, int err,
		   const char *why)
{
	struct msg_tunnel_raised m = { .tunnel = id, .err = err };

	if (err)
		snprintf(m.reason, sizeof m.reason, "%s",
			 why ? why : err_text(err));
	tell(c, MSG_TUNNEL_RAISED, ticket, &m, sizeof m);
}

static void unpark(struct tunnels *c, struct tunnel *t, int err,
		   const char *why)
{
	t->waits = t->raising = false;
	c->n_waits--;
	answer(c, t->id, t->ticket, err, why);
}

static void tunnel_del(struct tunnels *c, struct tunnel *t)
{
	if (t->waits)
		unpark(c, t, E_CLOSED, "the tunnel was dropped");
	held_drop_all(c, t);
	turn_from(c, t);
	if (t->pair)
		t->maker->drop(t->maker->state, t->pair);
	table_remove(c, t);
}

/* What it replaced has no use without it, or without the last of those that
 * share a place. */
static void drop_with_replaced(struct tunnels *c, struct tunnel *t)
{
	struct tunnel *other = *table_port(c, &t->local), *next;
	bool last = t->state == TUNNEL_RAISED && !share_next(c, t);

	t->turn_us = 0;
	for (; other && last; other = next) {
		next = other->next;
		if (other->state == TUNNEL_REPLACED &&
		    (!share_is(t) || share_same(other, t)))
			tunnel_del(c, other);
	}
	tunnel_del(c, t);
}

/* Nobody needs it any more. What other calls' packets are under way in still
 * hears, for their far end may not know yet. */
static void retire(struct tunnels *c, struct tunnel *t)
{
	if (t->state != TUNNEL_RAISED || !share_next(c, t)) {
		drop_with_replaced(c, t);
		return;
	}
	turn_from(c, t);
	t->turn_us = 0;
	t->state = TUNNEL_REPLACED;
	until(c, t, c->grace_us);
}

void tunnels_clear(struct tunnels *c)
{
	while (c->n)
		tunnel_del(c, c->places[c->n - 1].tunnel);
}

/* -- TUNNEL_RESERVE ------------------------------------------------------- */

static const struct tunnel_maker *maker_of(const struct tunnels *c,
					   const struct msg_tunnel_reserve *m)
{
	return m->ike ? c->conf.charon : c->conf.maker;
}

/* Another call's tunnel on that port would share its policies. */
static int check_port(const struct tunnels *c,
		      const struct msg_tunnel_reserve *m,
		      const struct addr *local, const char **why)
{
	const struct tunnel_maker *maker = maker_of(c, m);
	struct tunnel **chain = table_port(c, local);
	unsigned n = 0;

	*why = "the peer got its way of media by a reload: restart the "
	       "service";
	if (!maker)
		return E_RESTART;
	*why = "not a port of tunnel.ports on an outside.media address";
	if (!chain || !local->port != (m->scope != ESP_MEDIA))
		return E_POLICY;
	*why = "the kernel has no ESP for this kind of address";
	if (!maker->can(maker->state, local->family, ESP_NONE))
		return E_UNSUPPORTED;
	*why = "the port has a tunnel of another call";
	for (const struct tunnel *t = *chain; t; t = t->next) {
		if ((t->call != m->call && m->scope == ESP_MEDIA) ||
		    t->maker != maker)
			return E_EXISTS;
		n += t->call == m->call;
	}
	*why = "too many tunnels for one port";
	return n < PORT_TUNNELS ? 0 : E_FULL;
}

static int reserve_one(struct tunnels *c, const struct msg_tunnel_reserve *m,
		       unsigned i, struct tunnel **out, struct tunnel_why *why)
{
	const struct addr *local = &m->local[i];
	const struct tunnel_maker *maker = maker_of(c, m);
	const char *text;
	struct tunnel *t, *first = NULL;
	int r = check_port(c, m, local, &text);

	if (!r) {
		if (m->scope == ESP_MEDIA)
			first = *table_port(c, local);
		text = "no memory, or no id";
		r = table_add(c, m->call, local, &t);
	}
	if (r) {
		snprintf(why->text, sizeof why->text, "%s", text);
		return r;
	}
	t->scope = m->scope;
	t->maker = maker;
	r = maker->reserve(maker->state, local, first ? first->pair : NULL, t,
			   &t->pair, &t->spi, why);
	if (r)
		tunnel_del(c, t);
	else
		*out = t;
	return r;
}

static int on_reserve(struct tunnels *c, const struct ipc_msg *msg)
{
	const struct msg_tunnel_reserve *m = msg->body;
	struct msg_tunnel_reserved a = { .err = 0 };
	struct tunnel *t[STREAM_MAX];
	struct tunnel_why why = { "" };

	if (!m->n || m->n > STREAM_MAX ||
	    m->scope < ESP_MEDIA || m->scope > ESP_NET || m->ike > 1 ||
	    (m->ike && m->scope != ESP_MEDIA) ||
	    (m->scope != ESP_MEDIA && m->n > 1))
		return E_FORMAT;
	while (!a.err && a.n < m->n) {
		a.err = reserve_one(c, m, a.n, &t[a.n], &why);
		if (a.err)
			break;
		a.tunnel[a.n] = t[a.n]->id;
		a.spi[a.n] = t[a.n]->spi;
		a.n++;
	}
	if (a.err) {
		log_line(LOG_CLASS_ERROR, TAG, m->call, "no tunnel: %s",
			 why.text);
		while (a.n)
			tunnel_del(c, t[--a.n]);
		a = (struct msg_tunnel_reserved){ .err = a.err };
		snprintf(a.reason, sizeof a.reason, "%.*s",
			 (int)sizeof a.reason - 1, why.text);
	}
	tell(c, MSG_TUNNEL_RESERVED, msg->id, &a, sizeof a);
	return 0;
}

/* -- raising -------------------------------------------------------------- */

static void note(struct tunnel *t, const struct msg_tunnel_key *m)
{
	t->life_s = m->life_s;
	t->suite = m->in.suite;
	t->mode = m->mode;
	t->far = m->far;
	memcpy(t->peer, m->peer, sizeof t->peer);
}

/* The one that it is raised instead of; NULL: there is none (any more). */
static struct tunnel *replaced(const struct tunnels *c, const struct tunnel *t)
{
	struct place *p = t->wanted.instead ? table_find(c, t->wanted.instead)
					    : NULL;

	return p ? p->tunnel : NULL;
}

/* Its keys are used; there: its SPI, too. */
static void raise_failed(struct tunnels *c, struct tunnel *t, int err,
			 const char *why, bool there)
{
	log_line(LOG_CLASS_ERROR, TAG, t->call, "tunnel %u cannot be raised: "
		 "%s", t->id, why);
	unpark(c, t, err, why);
	if (there)
		tunnel_del(c, t);
}

/* t has taken the place of all that sent until then: also of what an earlier
 * one, which the far end never raised, was to take it from. */
static void begin_grace(struct tunnels *c, const struct tunnel *t)
{
	struct tunnel *o = *table_port(c, &t->local);

	for (; o; o = o->next)
		if (o != t && o->state == TUNNEL_REPLACED &&
		    o->until_us == UINT64_MAX)
			until(c, o, c->grace_us);
}

/* What is sent goes by it until t has taken its place, which takes the far end
 * where that is to begin IKE. */
static void replace(struct tunnels *c, struct tunnel *t, struct tunnel *old)
{
	old->state = TUNNEL_REPLACED;
	old->until_us = UINT64_MAX;
	if (!turn_waits(c, t))
		begin_grace(c, t);
	if (share_is(t) && !share_same(t, old)) /* it moved */
		turn_from(c, old);
}

static void raise_done(struct tunnels *c, struct tunnel *t)
{
	struct tunnel *old = replaced(c, t);
	struct tunnel_why why = { "" };
	int r = 0;

	t->state = TUNNEL_RAISED;
	t->raised_us = now_us(c);
	if (old || share_is(t))
		r = turn_begin(c, t, &why);
	if (r) {
		raise_failed(c, t, r, why.text, true);
		return;
	}
	held_drop_all(c, t);
	table_find(c, t->id)->key_id = t->wanted.key_id;
	if (old)
		replace(c, t, old);
	unpark(c, t, 0, NULL);
}

/* All is there. The key is used, whatever comes of it. */
static void raise_now(struct tunnels *c, struct tunnel *t, struct tunnel *old,
		      struct held **at)
{
	struct tunnel_why why = { "" };
	int r;

	/* which may not send yet itself; what waits for the far end goes on */
	if (old && !turn_waits(c, old))
		turn_now(c, old);
	r = t->maker->raise(t->maker->state, t->pair, old ? old->pair : NULL,
			    &(*at)->m, &why);
	if (!r || r == E_AGAIN)
		note(t, &(*at)->m);
	held_drop(c, at);
	if (r == E_AGAIN)
		t->raising = true; /* on_raised() goes on */
	else if (r)
		raise_failed(c, t, r, why.text, false);
	else
		raise_done(c, t);
}

/* 0: it was raised, or cannot be, and the engine knows. E_AGAIN: its key did
 * not come yet. */
static int try_raise(struct tunnels *c, struct tunnel *t)
{
	const struct msg_tunnel_raise *m = &t->wanted;
	struct held **at = held_at(c, m->key_id);
	struct tunnel *old = replaced(c, t);

	if (!*at && !spent_seen(c->spent, m->key_id))
		return E_AGAIN;
	if (m->instead && (!old || old->call != t->call ||
			   old->state != TUNNEL_RAISED ||
			   old->scope != t->scope ||
			   old->maker != t->maker ||
			   !addr_equal(&old->local, &t->local)))
		unpark(c, t, E_STATE, "what it is to replace is not up");
	else if (!*at)
		unpark(c, t, E_NOTFOUND, "its key is gone");
	else if ((*at)->m.tunnel != t->id)
		unpark(c, t, E_AUTH, "its key is another tunnel's");
	else if ((*at)->wrong)
		unpark(c, t, E_AUTH, (*at)->wrong);
	else
		raise_now(c, t, old, at);
	return 0;
}

static int on_raise(struct tunnels *c, const struct ipc_msg *msg)
{
	const struct msg_tunnel_raise *m = msg->body;
	struct place *p = table_find(c, m->tunnel);
	struct tunnel *t = p ? p->tunnel : NULL;

	if (!m->key_id)
		return E_FORMAT;
	if (!t) {
		c->counts.late++;
		answer(c, m->tunnel, msg->id, E_NOTFOUND, NULL);
		return 0;
	}
	if (t->state != TUNNEL_RESERVED || t->raising) {
		answer(c, t->id, msg->id, E_STATE, "it was raised before");
		return 0;
	}
	if (t->waits) /* the newer word counts */
		unpark(c, t, E_STATE, "it was asked for again");
	t->waits = true;
	c->n_waits++;
	t->ticket = msg->id;
	t->wanted = *m;
	if (try_raise(c, t) == E_AGAIN)
		until(c, t, TUNNEL_PARK_US);
	return 0;
}

/* -- the keeper's --------------------------------------------------------- */

/* Another process made it: it may hold any octet. */
static bool is_bool(const bool *b)
{
	uint8_t octet;

	memcpy(&octet, b, sizeof octet);
	return octet <= 1;
}

static int hold(struct tunnels *c, struct tunnel *t,
		const struct msg_tunnel_key *m, const char *wrong)
{
	struct held *h;

	if (t->n_held == TUNNEL_KEYS)
		return E_FULL;
	h = calloc(1, sizeof *h);
	if (!h)
		return E_NOMEM;
	h->m = *m;
	h->wrong = wrong;
	if (!wrong) {
		esp_end_behind(t->scope, &t->local, &h->m.near);
	} else {
		wipe(&h->m.in, sizeof h->m.in);
		wipe(&h->m.out, sizeof h->m.out);
	}
	h->next = c->held;
	c->held = h;
	t->n_held++;
	c->n_held++;
	return 0;
}

/* Whoever waits for that key, its own tunnel or one that may not have it. */
static void wake(struct tunnels *c, uint64_t key_id)
{
	for (size_t i = 0; i < c->n && c->n_waits; i++) {
		struct tunnel *t = c->places[i].tunnel;

		if (t->waits && !t->raising && t->wanted.key_id == key_id)
			try_raise(c, t);
	}
}

/* Of those that charon is raising with it. */
static void take_back(struct tunnels *c, uint64_t key_id)
{
	for (size_t i = c->n; i-- && c->n_waits;) {
		struct tunnel *t = c->places[i].tunnel;

		if (t->raising && t->wanted.key_id == key_id)
			raise_failed(c, t, E_NOTFOUND, "its key is gone", true);
	}
}

static void refuse_key(struct tunnels *c, const struct msg_tunnel_key *m,
		       const char *why)
{
	c->counts.refused_keys++;
	log_line(LOG_CLASS_BUG, TAG, m->call, "key %llx of tunnel %u is "
		 "refused: %s", (unsigned long long)m->key_id, m->tunnel, why);
}

static int on_key(struct tunnels *c, const struct ipc_msg *msg)
{
	const struct msg_tunnel_key *m = msg->body;
	struct place *p = table_find(c, m->tunnel);
	const char *wrong;
	int r;

	if (!m->key_id || !is_bool(&m->near.natted) ||
	    !is_bool(&m->far.natted) || m->ike > TUNNEL_IKE_WAITS)
		return E_FORMAT;
	if (spent_mark(c->spent, m->key_id)) {
		refuse_key(c, m, "its id came before");
		return 0;
	}
	if (!p || p->tunnel->state != TUNNEL_RESERVED) {
		/* dropped meanwhile, or another branch of a fork has it */
		c->counts.late++;
	} else {
		wrong = binding_wrong(c, p->tunnel, m);
		r = hold(c, p->tunnel, m, wrong);
		if (wrong || r)
			refuse_key(c, m, wrong ? wrong : err_text(r));
	}
	wake(c, m->key_id);
	return 0;
}

static void tell_event(struct tunnels *c, const struct tunnel *t,
		       enum tunnel_event e)
{
	struct msg_tunnel_event m = { t->id, e };

	tell(c, MSG_TUNNEL_EVENT, 0, &m, sizeof m);
}

static void tell_gone(struct tunnels *c, const struct tunnel *t,
		      const char *why)
{
	if (t->state != TUNNEL_RAISED)
		return;
	log_line(LOG_CLASS_INFO, TAG, t->call, "tunnel %u is gone: %s", t->id,
		 why);
	tell_event(c, t, TUNNEL_EVENT_GONE);
}

static void lost(struct tunnels *c, struct tunnel *t, const char *why)
{
	tell_gone(c, t, why);
	drop_with_replaced(c, t);
}

/* Whoever drops what has just replaced another may never have heard that it did
 * (its answer came late), and believe in the old one still. */
static void tell_replaced(struct tunnels *c, const struct tunnel *t)
{
	struct tunnel *old = replaced(c, t);

	if (old && old->state == TUNNEL_REPLACED)
		tell_event(c, old, TUNNEL_EVENT_GONE);
}

static int on_drop(struct tunnels *c, const struct ipc_msg *msg)
{
	const struct msg_tunnel_drop *m = msg->body;
	struct place *p = table_find(c, m->tunnel);

	if (!p) {
		c->counts.late++;
		return 0;
	}
	tell_replaced(c, p->tunnel);
	if (!share_is(p->tunnel) ||
	    p->tunnel->state != TUNNEL_REPLACED) /* else it goes anyway */
		retire(c, p->tunnel);
	return 0;
}

static int on_key_gone(struct tunnels *c, const struct ipc_msg *msg)
{
	const struct msg_key_gone *m = msg->body;
	struct held **at = held_at(c, m->key_id);
	struct place *p;

	if (!m->key_id)
		return E_FORMAT;
	spent_mark(c->spent, m->key_id); /* should it still come */
	if (*at)
		held_drop(c, at);
	wake(c, m->key_id);
	take_back(c, m->key_id);
	p = table_find_key(c, m->key_id);
	if (p && p->tunnel->state == TUNNEL_RAISED) { /* else it has grace */
		tell_gone(c, p->tunnel, "the keeper took its key back");
		retire(c, p->tunnel);
	}
	return 0;
}

/* -- dispatch ------------------------------------------------------------- */

static const struct {
	enum process from;
	int (*handle)(struct tunnels *c, const struct ipc_msg *msg);
} handlers[MSG_COUNT] = {
	[MSG_TUNNEL_KEY] = { PROC_KEEPER, on_key },
	[MSG_TUNNEL_KEY_GONE] = { PROC_KEEPER, on_key_gone },
	[MSG_TUNNEL_RESERVE] = { PROC_ENGINE, on_reserve },
	[MSG_TUNNEL_RAISE] = { PROC_ENGINE, on_raise },
	[MSG_TUNNEL_DROP] = { PROC_ENGINE, on_drop },
	[MSG_TUNNEL_LIST] = { PROC_ENGINE, list_answer },
};

int tunnels_message(struct tunnels *c, enum process from,
		    const struct ipc_msg *msg)
{
	if (!handlers[msg->type].handle || handlers[msg->type].from != from)
		return E_STATE;
	return handlers[msg->type].handle(c, msg);
}

static void on_event(void *user, void *owner, enum tunnel_event e)
{
	struct tunnels *c = user;
	struct tunnel *t = owner;

	if (e == TUNNEL_EVENT_GONE) {
		lost(c, t, "its keys are at their end, or somebody removed "
		     "it, or has a policy before its own; \"ip xfrm state\" "
		     "and \"ip xfrm policy\" show what is there");
	} else if (t->state == TUNNEL_RAISED && !t->told) {
		t->told = true;
		tell_event(c, t, e);
	}
}

/* It takes the place of what has sent meanwhile. */
static void come_up(struct tunnels *c, struct tunnel *t)
{
	if (t->state != TUNNEL_RAISED)
		return;
	turn_now(c, t);
	begin_grace(c, t);
	tell_event(c, t, TUNNEL_EVENT_UP);
}

static void hear_raised(void *user, void *owner, int err, const char *why)
{
	struct tunnels *c = user;
	struct tunnel *t = owner;

	if (!t->raising)
		return;
	t->raising = false;
	if (err)
		raise_failed(c, t, err, why, true);
	else
		raise_done(c, t);
}

static void hear_event(void *user, void *owner, enum tunnel_event e,
		       const char *why)
{
	if (e == TUNNEL_EVENT_GONE)
		lost(user, owner, why);
	else if (e == TUNNEL_EVENT_UP)
		come_up(user, owner);
}

const struct tunnel_ears tunnels_ears = { hear_raised, hear_event };

int tunnels_events(struct tunnels *c)
{
	return c->conf.maker->events(c->conf.maker->state, on_event, c);
}

static void tick_all(struct tunnels *c, uint64_t now)
{
	c->due_us = UINT64_MAX;
	for (size_t i = c->n; i--;) {
		struct tunnel *t = c->places[i].tunnel;

		if (turn_tick(c, t, now)) {
			lost(c, t, "it cannot send");
			i = i < c->n ? i : c->n; /* others went with it */
			continue;
		}
		if ((!t->waits || t->raising) && t->state != TUNNEL_REPLACED)
			continue;
		if (t->until_us > now)
			c->due_us = t->until_us < c->due_us ? t->until_us
							    : c->due_us;
		else if (t->waits)
			unpark(c, t, E_TIMEOUT, "the keeper sent no key for "
			       "it");
		else
			tunnel_del(c, t);
	}
}

uint64_t tunnels_tick(struct tunnels *c)
{
	const struct tunnel_maker *maker = c->conf.maker;
	uint64_t now = now_us(c), own = UINT64_MAX, makers;

	if (c->due_us <= now)
		tick_all(c, now);
	if (c->due_us != UINT64_MAX) /* 0: it came due by that */
		own = c->due_us > now ? c->due_us - now : 0;
	makers = maker ? maker->tick(maker->state, now) : UINT64_MAX;
	return own < makers ? own : makers;
}

void tunnels_counts(const struct tunnels *c, struct tunnels_counts *out)
{
	*out = c->counts;
	out->tunnels = c->n;
	out->held = c->n_held;
}

/* -- life ----------------------------------------------------------------- */

int tunnels_new(const struct tunnels_conf *conf, struct tunnels **out)
{
	const struct settings *s = conf->settings;
	size_t pairs = (s->tunnel.port_max - s->tunnel.port_min + 1) / 2;
	struct tunnels *c = calloc(1, sizeof *c);

	if (!c)
		return E_NOMEM;
	c->conf = *conf;
	c->conf.settings = NULL;
	c->due_us = UINT64_MAX;
	memcpy(c->media, s->face[OUTSIDE].media, sizeof c->media);
	c->own = s->tunnel;
	c->grace_us = (uint64_t)s->media_grace_s * 1000000;
	c->ports[0] = calloc(pairs, sizeof *c->ports[0]);
	c->ports[1] = calloc(pairs, sizeof *c->ports[1]);
	c->spent = calloc(1, sizeof *c->spent);
	if (!c->ports[0] || !c->ports[1] || !c->spent) {
		tunnels_free(c);
		return E_NOMEM;
	}
	*out = c;
	return 0;
}

void tunnels_reload(struct tunnels *c, const struct settings *s)
{
	memcpy(c->own.seen, s->tunnel.seen, sizeof c->own.seen);
}

void tunnels_free(struct tunnels *c)
{
	if (!c)
		return;
	tunnels_clear(c);
	free(c->places);
	free(c->ports[0]);
	free(c->ports[1]);
	free(c->spent);
	free(c);
}
