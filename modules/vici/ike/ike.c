/* ike.c - tunnels that charon raises. See ike.h. This file joins the others to
 * the VICI client:
 *
 *   use.c     who uses which tunnel, and who is told what
 *   child.c   a tunnel from wanted to gone
 *   hear.c    why one did not come
 *   peer.c    what charon must have of a peer: key, connection
 *   end.c     calls' peers that are over
 *   adopt.c   what charon has already
 *   stamp.c   by what that was raised
 *   name.c    children by their selectors */
#include "modules/vici/ike/inside.h"

#include "daemon/base/err.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vici_then ike_then(struct ike *m, vici_result_fn done, void *user)
{
	return (struct vici_then){ m->settings->ask_ms, done, user };
}

void ike_why(char out[static IKE_WHY_TEXT], int err,
	     const struct vici_result *result)
{
	const struct vici_text *said = &result->errmsg;

	if (said->len)
		snprintf(out, IKE_WHY_TEXT, "charon: %.*s", (int)said->len,
			 said->p);
	else
		snprintf(out, IKE_WHY_TEXT, "charon: %s", err_text(err));
}

/* -- events ---------------------------------------------------------------- */

static void on_child_up(struct peer *p, const struct vici_event *ev)
{
	struct child *c = peer_child(p, ev->child.name);

	if (c)
		child_gained(c, 0, ev->ike.id, &ev->child);
	else if (p->listed) /* else it may be known by then */
		child_end_sa(p->m, ev->child.id);
}

static void on_child_rekey(struct peer *p, const struct vici_event *ev)
{
	struct child *c = peer_child(p, ev->new_child.name);

	if (c)
		child_gained(c, ev->child.id, ev->ike.id, &ev->new_child);
	else if (p->listed)
		child_end_sa(p->m, ev->new_child.id);
}

static void on_child_down(struct peer *p, const struct vici_event *ev)
{
	struct child *c = peer_child(p, ev->child.name);

	if (c)
		child_lost(c, ev->child.id, 0);
}

static void on_ike_down(struct peer *p, const struct vici_event *ev)
{
	struct child *next;

	for (struct child *c = p->children; c; c = next) {
		next = c->next;
		child_lost(c, 0, ev->ike.id);
	}
	hear_ike_down(p, &ev->ike);
}

static void on_ike_rekey(struct peer *p, const struct vici_event *ev)
{
	for (struct child *c = p->children; c; c = c->next)
		child_moved(c, ev->ike.id, ev->new_ike.id);
}

static void on_ike_up(struct peer *p, const struct vici_event *ev)
{
	(void)p;
	(void)ev; /* its children have events of their own */
}

static void on_event(void *user, const char *name, const void *message,
		     size_t len)
{
	static void (*const handlers[])(struct peer *,
					const struct vici_event *) = {
		[VICI_IKE_UP] = on_ike_up, [VICI_IKE_DOWN] = on_ike_down,
		[VICI_IKE_REKEY] = on_ike_rekey,
		[VICI_CHILD_UP] = on_child_up,
		[VICI_CHILD_DOWN] = on_child_down,
		[VICI_CHILD_REKEY] = on_child_rekey
	};
	struct ike *m = user;
	struct vici_event ev;
	struct peer *p;

	if (!strcmp(name, VICI_LOG_EVENT)) {
		hear_line(m, message, len);
		return;
	}
	if (vici_event_read(name, message, len, m->settings->prefix, &ev) ||
	    !ev.ike.ours)
		return;
	p = peer_find(m, ev.ike.conn);
	if (p)
		handlers[ev.kind](p, &ev);
}

/* -- charon ---------------------------------------------------------------- */

static void wanted_anew(struct peer *p)
{
	struct child *next;

	for (struct child *c = p->children; c; c = next) {
		next = c->next;
		child_wanted(c);
	}
}

static void on_up(void *user, const struct vici_version *version)
{
	struct ike *m = user;
	unsigned ms = m->settings->sweep_ms;
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	*m->trouble = 0;
	event_add(m->sweep, &t);
	adopt_sweep_once(m);
	for (struct peer *p = m->peers; p; p = p->next)
		wanted_anew(p);
	m->ops->charon(m->user, true, version->text);
}

static void on_down(void *user, const struct vici_down *down)
{
	struct ike *m = user;

	snprintf(m->trouble, sizeof m->trouble, "charon: %s", down->why);
	event_del(m->sweep);
	end_forget(m);
	for (struct peer *p = m->peers; p; p = p->next) {
		hear_forget(p);
		peer_forget(p, m->trouble);
	}
	m->ops->charon(m->user, false, down->why);
}

static const struct vici_client_ops client_ops = { on_up, on_down, on_event };

static const char *const events[] = {
	VICI_EVENT_NAMES, VICI_LOG_EVENT, NULL
};

static void on_end_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end_go_on(arg);
}

/* -- life ------------------------------------------------------------------ */

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	use_pay(arg);
	child_begin_queued(arg);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	adopt_sweep(arg);
}

int ike_new(struct event_base *base, const struct ike_settings *settings,
	    const struct ike_ops *ops, void *user, struct ike **out)
{
	struct ike *m;
	int r = E_NOMEM;

	if (!*settings->prefix || strlen(settings->prefix) >
	    VICI_NAME_MAX - IKE_NAME_MAX)
		return E_ARG;
	m = calloc(1, sizeof *m);
	if (!m)
		return E_NOMEM;
	m->settings = settings;
	m->ops = ops;
	m->user = user;
	m->base = base;
	m->owed_end = &m->owed;
	m->ends_end = &m->ends;
	strcpy(m->trouble, "charon was not asked yet");
	m->client_settings = settings->client;
	m->client_settings.events = events;
	m->tell = evtimer_new(base, on_tell, m);
	m->sweep = evtimer_new(base, on_sweep, m);
	m->end_again = evtimer_new(base, on_end_again, m);
	if (m->tell && m->sweep && m->end_again)
		r = vici_client_new(base, &m->client_settings, &client_ops, m,
				    &m->client);
	if (r)
		ike_free(m);
	else
		*out = m;
	return r;
}

void ike_free(struct ike *m)
{
	if (!m)
		return;
	while (m->peers)
		peer_free(m->peers); /* those with requests go with these: */
	vici_client_free(m->client);
	end_forget(m);
	use_free_all(m);
	if (m->tell)
		event_free(m->tell);
	if (m->sweep)
		event_free(m->sweep);
	if (m->end_again)
		event_free(m->end_again);
	free(m);
}

const char *ike_trouble(const struct ike *m)
{
	return *m->trouble ? m->trouble : NULL;
}

int ike_list(struct ike *m, vici_ike_fn each, vici_result_fn done, void *user)
{
	struct vici_listing listing = {
		.prefix = m->settings->prefix, .each = each
	};
	struct vici_then then = ike_then(m, done, user);

	return vici_list_sas(m->client, &listing, &then);
}
