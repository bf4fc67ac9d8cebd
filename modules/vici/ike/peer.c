/* peer.c - what charon must have of a peer before a tunnel to it is raised: the
 * key, then the connection with all its children; then what charon has by that
 * name already is taken over. See ike.h. */
#include "modules/vici/ike/inside.h"

#include "daemon/base/err.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_certs(struct vici_bytes certs[static IKE_CERTS_MAX])
{
	for (unsigned i = 0; i < IKE_CERTS_MAX; i++)
		free((void *)certs[i].p);
}

static void free_shown(struct shown shown[static 2])
{
	for (unsigned side = 0; side < 2; side++) {
		free_certs(shown[side].certs);
		free_certs(shown[side].cas);
	}
}

static void release(struct peer *p)
{
	free_shown(p->shown);
	free(p->ours);
	free(p->theirs);
	free(p->beside);
	end_free(p->end);
	free(p->proposal);
	free(p);
}

void peer_free(struct peer *p)
{
	struct peer **at = &p->m->peers;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	while (p->children)
		child_free(p->children);
	p->dead = true;
	if (!p->pending)
		release(p);
}

struct peer *peer_find(const struct ike *m, struct vici_text conn)
{
	struct peer *p = m->peers;

	while (p && !vici_text_is(conn, p->name))
		p = p->next;
	return p;
}

struct peer *peer_named(const struct ike *m, const char *name)
{
	struct peer *p = m->peers;

	while (p && strcmp(p->bare, name))
		p = p->next;
	return p;
}

struct child *peer_child(const struct peer *p, struct vici_text name)
{
	struct child *c = p->children;

	while (c && (!*c->sa_name || !vici_text_is(name, c->sa_name)))
		c = c->next;
	return c;
}

/* -- what is copied -------------------------------------------------------- */

static int copy_certs(const struct vici_bytes **list, size_t n,
		      struct vici_bytes copies[static IKE_CERTS_MAX])
{
	uint8_t *copy;

	if (n > IKE_CERTS_MAX)
		return E_ARG;
	for (size_t i = 0; i < n; i++) {
		copy = malloc((*list)[i].len + 1);
		if (!copy)
			return E_NOMEM;
		memcpy(copy, (*list)[i].p, (*list)[i].len);
		copies[i] = (struct vici_bytes){ copy, (*list)[i].len };
	}
	*list = copies;
	return 0;
}

static int copy_side(struct peer *p, unsigned side, struct vici_side *s)
{
	int r = copy_certs(&s->certs, s->n_certs, p->shown[side].certs);

	return r ? r : copy_certs(&s->cas, s->n_cas, p->shown[side].cas);
}

static int copy_text(const char **text, char **copy)
{
	if (!*text)
		return 0;
	*text = *copy = strdup(*text);
	return *copy ? 0 : E_NOMEM;
}

static int fill(struct peer *p, const struct ike_peer *from)
{
	int r;

	if (from->once && end_new(p->m, &p->end))
		return E_NOMEM;
	p->conf = *from;
	snprintf(p->name, sizeof p->name, "%s%s", p->m->settings->prefix,
		 from->name);
	p->bare = p->conf.name = p->name + strlen(p->m->settings->prefix);
	r = copy_text(&p->conf.ours.id, &p->ours);
	if (!r)
		r = copy_text(&p->conf.theirs.id, &p->theirs);
	if (!r)
		r = copy_text(&p->conf.proposal, &p->proposal);
	if (!r)
		r = copy_text(&p->conf.beside, &p->beside);
	if (!r)
		r = copy_side(p, 0, &p->conf.ours);
	return r ? r : copy_side(p, 1, &p->conf.theirs);
}

static bool is_psk(const struct ike_peer *p)
{
	return p->ours.auth == VICI_AUTH_PSK || p->theirs.auth == VICI_AUTH_PSK;
}

static bool same_key(const struct ike_peer *a, const struct ike_peer *b)
{
	return is_psk(a) && is_psk(b) && !strcmp(a->ours.id, b->ours.id) &&
	       !strcmp(a->theirs.id, b->theirs.id);
}

static int sound(const struct ike *m, const struct ike_peer *peer)
{
	size_t len = strlen(peer->name);

	if (len > IKE_NAME_MAX || !vici_name_ok(peer->name, len) ||
	    !peer->remote.family || !peer->ours.id || !peer->theirs.id ||
	    peer->once == !!strncmp(peer->name, IKE_ONCE, strlen(IKE_ONCE)))
		return E_ARG;
	for (const struct peer *p = m->peers; p; p = p->next)
		if (!strcmp(p->bare, peer->name) || same_key(&p->conf, peer))
			return E_EXISTS;
	return 0;
}

int ike_peer_add(struct ike *m, const struct ike_peer *peer)
{
	int r = sound(m, peer);
	struct peer *p = r ? NULL : calloc(1, sizeof *p);

	if (r)
		return r;
	if (!p)
		return E_NOMEM;
	p->m = m;
	r = fill(p, peer);
	if (r) {
		release(p);
		return r;
	}
	p->listed = p->conf.once; /* there is nothing to take over */
	p->next = m->peers;
	m->peers = p;
	return 0;
}

/* -- loading --------------------------------------------------------------- */

static void failed(struct peer *p, int err, const char *why)
{
	struct child *next;

	p->state = PEER_OUT;
	for (struct child *c = p->children; c; c = next) {
		next = c->next;
		c->loaded = false;
		if (c->state == CHILD_LOADING)
			child_failed(c, err, why);
	}
}

/* The end of a request: false when there is nothing to go on with. */
static bool goes_on(struct peer *p, int err, const struct vici_result *result)
{
	char why[IKE_WHY_TEXT];

	p->pending--;
	if (p->dead) {
		if (!p->pending)
			release(p);
		return false;
	}
	if (!err)
		return p->state == PEER_LOADING;
	ike_why(why, err, result);
	failed(p, err, why);
	return false;
}

static void sent(struct peer *p, int r)
{
	if (r)
		failed(p, r, err_text(r));
	else
		p->pending++;
}

/* What the old key raised must not outlive it. */
static void renew(struct peer *p)
{
	peer_end_all(p);
	peer_forget(p, is_psk(&p->conf)
		    ? "the pre-shared key is another one now"
		    : "a certificate is another one now");
}

static void be_in(struct peer *p)
{
	struct child *next;

	p->state = PEER_IN;
	if (p->stale) {
		renew(p);
		return;
	}
	for (struct child *c = p->children; c; c = next) {
		next = c->next;
		if (c->loaded)
			child_ready(c);
	}
	if (p->dirty)
		peer_load(p);
}

static void on_listed(void *user, int err, const struct vici_result *result)
{
	struct peer *p = user;

	if (!goes_on(p, err, result))
		return;
	p->listed = true;
	be_in(p);
}

static void on_loaded(void *user, int err, const struct vici_result *result)
{
	struct peer *p = user;

	if (!goes_on(p, err, result))
		return;
	if (p->listed)
		be_in(p);
	else
		sent(p, adopt_peer(p, on_listed));
}

/* The children of the load; whoever comes later makes it dirty. */
static int take_children(struct peer *p, struct vici_child *out, size_t *n)
{
	int r = 0;

	for (struct child *c = p->children; c && !r; c = c->next) {
		r = stamp_child(c);
		c->loaded = true;
		out[(*n)++] = c->conf;
	}
	p->dirty = false;
	return r;
}

static void load_conn(struct peer *p)
{
	const struct ike_peer *from = &p->conf;
	struct vici_child *children = calloc(VICI_CHILDREN_MAX,
					     sizeof *children);
	struct vici_then then = ike_then(p->m, on_loaded, p);
	struct vici_conn conn = {
		.name = p->name, .local = from->local, .remote = from->remote,
		.proposal = from->proposal, .ours = from->ours,
		.theirs = from->theirs, .children = children,
		.rekey_s = from->rekey_s, .dpd_s = from->dpd_s,
		.encap = from->encap
	};

	int r = children ? 0 : E_NOMEM;

	p->state = PEER_LOADING;
	p->stale = p->stale && is_psk(&p->conf); /* these are the new ones */
	if (!r)
		r = take_children(p, children, &conn.n_children);
	if (!r)
		r = vici_load_conn(p->m->client, &conn, &then);
	sent(p, r);
	free(children);
}

static void on_keyed(void *user, int err, const struct vici_result *result)
{
	struct peer *p = user;

	if (!goes_on(p, err, result))
		return;
	p->keyed = true;
	load_conn(p);
}

static void give_key(struct peer *p, const struct secret *key)
{
	struct vici_then then = ike_then(p->m, on_keyed, p);
	const char *const owners[] = { p->conf.ours.id, p->conf.theirs.id };
	struct vici_psk psk = { .id = p->name, .key = key, .owners = owners,
				.n_owners = 2 };
	int r = stamp_key(p, key, &p->key_stamp);

	p->state = PEER_LOADING;
	p->stale = false;
	sent(p, r ? r : vici_load_psk(p->m->client, &psk, &then));
}

/* None is no news while the one that charon has may do. */
static void other_key(struct peer *p, const struct secret *key)
{
	uint16_t stamp;

	if (!key || !(p->keyed || p->state == PEER_LOADING) ||
	    !is_psk(&p->conf) || stamp_key(p, key, &stamp))
		return;
	p->stale = stamp != p->key_stamp;
	if (p->stale && p->state != PEER_LOADING)
		renew(p);
}

void ike_key(struct ike *m, const char *peer, const struct secret *key)
{
	struct peer *p = peer_named(m, peer);

	if (p && p->state != PEER_KEY) {
		other_key(p, key);
	} else if (p) {
		p->asking = false;
		if (key)
			give_key(p, key);
		else
			failed(p, E_AUTH, "no pre-shared key for this peer");
	}
}

int ike_peer_certs(struct ike *m, const char *name,
		   const struct vici_side *ours,
		   const struct vici_side *theirs)
{
	struct peer *p = peer_named(m, name), was;
	int r;

	if (!p)
		return E_NOTFOUND;
	was = *p;
	memset(p->shown, 0, sizeof p->shown);
	p->conf.ours = *ours;
	p->conf.ours.id = was.conf.ours.id;
	p->conf.theirs = *theirs;
	p->conf.theirs.id = was.conf.theirs.id;
	r = copy_side(p, 0, &p->conf.ours);
	if (!r)
		r = copy_side(p, 1, &p->conf.theirs);
	if (r) { /* its conf points into itself: the same place */
		free_shown(p->shown);
		*p = was;
		return r;
	}
	free_shown(was.shown);
	p->stale = p->state == PEER_LOADING;
	if (!p->stale)
		renew(p);
	return 0;
}

void peer_load(struct peer *p)
{
	if (p->state == PEER_LOADING)
		return; /* and is dirty then */
	if (is_psk(&p->conf) && !p->keyed) {
		p->state = PEER_KEY;
		p->asking = true;
		event_active(p->m->tell, EV_TIMEOUT, 0);
		return;
	}
	load_conn(p);
}

/* -- ending ---------------------------------------------------------------- */

static void nothing(void *user, int err, const struct vici_result *result)
{
	(void)user;
	(void)err;
	(void)result;
}

void peer_end_all(struct peer *p)
{
	struct ike *m = p->m;
	struct vici_which which = { .conn = p->name };
	struct vici_then then = ike_then(m, nothing, NULL);

	if (*m->trouble)
		return; /* charon has nothing of us when it is back */
	vici_terminate(m->client, &which, true, &then);
	vici_unload_conn(m->client, p->name, &then);
	if (p->keyed)
		vici_unload_psk(m->client, p->name, &then);
}

void peer_forget_key(struct peer *p)
{
	struct vici_then then = ike_then(p->m, nothing, NULL);

	if (p->conf.once && p->keyed && !p->forgot)
		p->forgot = !vici_unload_psk(p->m->client, p->name, &then);
}

void peer_forget(struct peer *p, const char *why)
{
	struct child *next;

	p->state = PEER_OUT;
	p->keyed = p->dirty = p->asking = p->stale = false;
	p->listed = p->conf.once;
	for (struct child *c = p->children; c; c = next) {
		next = c->next;
		child_charon_gone(c, why);
	}
}

/* Nobody has that name again. A key may be on its way to charon. */
static void end_once(struct peer *p)
{
	const struct child *c = p->children;
	struct ending *e = p->end;

	p->end = NULL;
	end_conn(p->m, e, p->name, is_psk(&p->conf) && !p->forgot,
		 c && c->n_sas);
}

int ike_peer_del(struct ike *m, const char *name)
{
	struct peer *p = peer_named(m, name);

	if (!p)
		return E_NOTFOUND;
	for (const struct child *c = p->children; c; c = c->next)
		if (c->uses)
			return E_STATE;
	if (p->conf.once)
		end_once(p);
	else
		peer_end_all(p);
	peer_free(p);
	return 0;
}
