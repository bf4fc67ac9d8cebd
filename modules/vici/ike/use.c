/* use.c - who uses which tunnel, and what he is told. See ike.h.
 *
 * Nobody is called back from where something happens, but from the loop a
 * moment later (use_pay), so that callbacks may change whatever they like.
 * Until then a use holds what it is owed; a later thing replaces an earlier
 * one, but for the end of what was up: what comes back within the same turn was
 * gone all the same, and something may have left in clear. */
#include "modules/vici/ike/inside.h"

#include "daemon/base/err.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void owe(struct ike *m, struct use *u, const struct ike_event *news)
{
	bool gone = u->owed && u->news.news == IKE_GONE;

	u->back = gone && news->news == IKE_UP;
	if (u->back)
		return;
	u->news = *news;
	if (gone)
		u->news.news = IKE_GONE;
	u->news.use = u->id;
	u->news.standing = u->standing;
	if (!u->standing)
		u->news.retry_ms = 0;
	snprintf(u->why, sizeof u->why, "%s", news->why ? news->why : "");
	if (!u->owed) {
		u->owed = true;
		*m->owed_end = u;
		m->owed_end = &u->owed_next;
	}
	event_active(m->tell, EV_TIMEOUT, 0);
}

static void detach(struct use *u)
{
	struct child *c = u->child;

	u->child = NULL;
	c->uses--;
	c->active -= !u->passive;
	c->standing -= u->standing;
}

void use_tell(struct child *c, const struct ike_event *news)
{
	struct ike *m = c->peer->m;

	for (struct use *u = m->uses; u; u = u->next) {
		if (u->child != c)
			continue;
		owe(m, u, news);
		if (news->news > IKE_UP && !u->standing)
			detach(u);
	}
}

static void unlink_use(struct ike *m, struct use *u)
{
	struct use **at = &m->uses;

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	free(u);
}

static struct use *next_owed(struct ike *m)
{
	struct use *u = m->owed;

	if (!u)
		return NULL;
	m->owed = u->owed_next;
	if (!m->owed)
		m->owed_end = &m->owed;
	u->owed_next = NULL;
	u->owed = false;
	return u;
}

static void ask_keys(struct ike *m)
{
	struct peer *p = m->peers;

	while (p) {
		if (!p->asking) {
			p = p->next;
			continue;
		}
		p->asking = false;
		m->ops->need_key(m->user, p->bare);
		p = m->peers; /* the list may have changed */
	}
}

void use_pay(struct ike *m)
{
	struct ike_event news;
	char why[IKE_WHY_TEXT];
	struct use *u;
	bool dropped;

	while ((u = next_owed(m))) {
		news = u->news;
		memcpy(why, u->why, sizeof why);
		news.why = why;
		dropped = u->dropped;
		if (!u->child)
			unlink_use(m, u);
		else if (u->back)
			owe(m, u, &(struct ike_event){ .news = IKE_UP });
		if (!dropped)
			m->ops->event(m->user, &news);
	}
	ask_keys(m);
}

void use_free_all(struct ike *m)
{
	while (m->uses)
		unlink_use(m, m->uses);
}

/* -- ike.h ----------------------------------------------------------------- */

/* Those of calls are of one port, and so of one call, with all that its newest
 * tunnel has come after. */
static bool may_meet(const struct peer *p, const struct peer *o)
{
	return o == p ||
	       (p->conf.once && o->conf.once && p->conf.beside) ||
	       (p->conf.beside && !strcmp(p->conf.beside, o->bare)) ||
	       (o->conf.beside && !strcmp(o->conf.beside, p->bare));
}

static bool other_meets(const struct peer *p, const struct ike_want *want)
{
	for (const struct peer *o = p->m->peers; o; o = o->next)
		for (const struct child *c = o->children;
		     c && !may_meet(p, o); c = c->next)
			if (child_meets(c, want))
				return true;
	return false;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* The child that a use is to have: one that is there, or a new one. */
static int find_child(struct peer *p, const struct ike_want *want,
		      struct child **out)
{
	char name[VICI_NAME_MAX + 1 - IKE_STAMP];
	struct child *c = p->children;
	size_t n = 0;

	if (child_name(want, name))
		return E_ARG;
	while (c && strcmp(c->name, name))
		c = c->next;
	if (c) {
		*out = c;
		return same(c->proposal, want->proposal) ? 0 : E_EXISTS;
	}
	if (other_meets(p, want))
		return E_EXISTS;
	for (c = p->children; c; c = c->next)
		n++;
	return n < VICI_CHILDREN_MAX ? child_new(p, want, name, out) : E_FULL;
}

static void attach(struct use *u, struct child *c)
{
	u->child = c;
	c->uses++;
	c->active += !u->passive;
	c->standing += u->standing;
}

int ike_use(struct ike *m, const struct ike_want *want, uint64_t *use)
{
	struct peer *p = peer_named(m, want->peer);
	struct child *c;
	struct use *u;
	int r;

	if (!p)
		return E_NOTFOUND;
	if (*m->trouble && !want->standing)
		return E_CLOSED;
	u = calloc(1, sizeof *u);
	if (!u)
		return E_NOMEM;
	r = find_child(p, want, &c);
	if (r) {
		free(u);
		return r;
	}
	*use = u->id = ++m->last_use;
	u->standing = want->standing;
	u->passive = want->passive;
	u->next = m->uses;
	m->uses = u;
	attach(u, c);
	if (c->state == CHILD_UP)
		owe(m, u, &(struct ike_event){ .news = IKE_UP });
	child_wanted(c);
	return 0;
}

void ike_drop(struct ike *m, uint64_t use)
{
	struct use *u = m->uses;
	struct child *c;

	while (u && u->id != use)
		u = u->next;
	if (!u || u->dropped)
		return;
	c = u->child;
	if (c)
		detach(u);
	u->dropped = true;
	if (!u->owed)
		unlink_use(m, u);
	if (c)
		child_unwanted(c);
}
