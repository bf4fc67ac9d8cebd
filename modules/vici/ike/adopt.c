/* adopt.c - what charon has already when we come: the tunnels that somebody
 * wants, and that were raised as we would, are taken over, and what nobody
 * knows is ended later. See ike.h. */
#include "modules/vici/ike/inside.h"

#include <stdio.h>
#include <string.h>

static void nothing(void *user, int err, const struct vici_result *result)
{
	(void)user;
	(void)err;
	(void)result;
}

/* Whether one of its children is up and as we would raise it. */
static bool is_known(const struct peer *p, struct vici_ike ike)
{
	struct vici_child_sa sa;

	while (!vici_ike_child(&ike, &sa))
		if (sa.state == VICI_CHILD_INSTALLED &&
		    peer_child(p, sa.name))
			return true;
	return false;
}

/* Another key or configuration: charon would raise more under it. */
static void end_ike_sa(struct ike *m, uint32_t id)
{
	struct vici_which which = { .ike_id = id };
	struct vici_then then = ike_then(m, nothing, NULL);

	vici_terminate(m->client, &which, true, &then);
}

static void each_of_peer(void *user, struct vici_ike *ike)
{
	struct peer *p = user;
	struct vici_child_sa sa;
	struct child *c;

	if (p->dead || !vici_text_is(ike->conn, p->name) ||
	    ike->state != VICI_IKE_ESTABLISHED)
		return;
	if (!is_known(p, *ike)) {
		end_ike_sa(p->m, ike->id);
		return;
	}
	while (!vici_ike_child(ike, &sa)) {
		c = peer_child(p, sa.name);
		if (!c || sa.state != VICI_CHILD_INSTALLED)
			continue;
		c->begun = ike->initiator; /* as far as anybody knows */
		child_gained(c, 0, ike->id, &sa);
	}
}

int adopt_peer(struct peer *p, vici_result_fn done)
{
	struct vici_listing listing = {
		.prefix = p->m->settings->prefix, .conn = p->name,
		.each = each_of_peer, .busy_too = true
	};
	struct vici_then then = ike_then(p->m, done, p);

	return vici_list_sas(p->m->client, &listing, &then);
}

/* -- what nobody knows ----------------------------------------------------- */

static void end_ike(struct ike *m, const struct vici_ike *ike)
{
	struct vici_then then = ike_then(m, nothing, NULL);
	char name[VICI_NAME_MAX + 1];

	snprintf(name, sizeof name, "%.*s", (int)ike->conn.len, ike->conn.p);
	end_ike_sa(m, ike->id);
	vici_unload_conn(m->client, name, &then);
}

static void end_children(struct peer *p, struct vici_ike *ike)
{
	struct vici_child_sa sa;

	while (!vici_ike_child(ike, &sa))
		if (sa.state == VICI_CHILD_INSTALLED &&
		    !peer_child(p, sa.name))
			child_end_sa(p->m, sa.id);
}

static void each_of_all(void *user, struct vici_ike *ike)
{
	struct ike *m = user;
	struct peer *p = ike->ours ? peer_find(m, ike->conn) : NULL;

	if (!ike->ours)
		return;
	if (!p)
		end_ike(m, ike);
	else if (p->listed) /* else its children have no names yet */
		end_children(p, ike);
}

void adopt_sweep(struct ike *m)
{
	struct vici_listing listing = {
		.prefix = m->settings->prefix, .each = each_of_all,
		.busy_too = true
	};
	struct vici_then then = ike_then(m, nothing, m);

	vici_list_sas(m->client, &listing, &then);
}

/* -- of calls ------------------------------------------------------------- */

/* Of a process before this one: this one knows all of its own. */
static void end_once(struct ike *m, struct vici_text name)
{
	size_t n = strlen(m->settings->prefix), k = strlen(IKE_ONCE);
	struct ending *e;
	char text[VICI_NAME_MAX + 1];

	if (!vici_is_ours(name, m->settings->prefix) || name.len < n + k ||
	    memcmp(name.p + n, IKE_ONCE, k) || name.len > VICI_NAME_MAX ||
	    peer_find(m, name) || end_has(m, name))
		return;
	snprintf(text, sizeof text, "%.*s", (int)name.len, name.p);
	if (!end_new(m, &e))
		end_conn(m, e, text, true, false);
}

static void each_name(void *user, struct vici_text name)
{
	end_once(user, name);
}

static void each_sa(void *user, struct vici_ike *ike)
{
	end_once(user, ike->conn);
}

void adopt_sweep_once(struct ike *m)
{
	struct vici_listing listing = {
		.prefix = m->settings->prefix, .each = each_sa,
		.busy_too = true
	};
	struct vici_then then = ike_then(m, nothing, m);

	vici_list_conns(m->client, each_name, &then);
	vici_list_psks(m->client, each_name, &then);
	vici_list_sas(m->client, &listing, &then);
}
