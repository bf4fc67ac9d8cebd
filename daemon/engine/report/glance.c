/* glance.c - what the keeper or the tunnel process has, for the operator's
 * eyes: a question to it, and its answer back to who asked. The engine only
 * passes it on; orders that change something do not come this way
 * (daemon/parent/orders.c). Tunnels come in portions, and are put together. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>

#define GLANCES_MAX 16

struct glance {
	struct glance *next;
	uint64_t id;
	uint64_t until_us; /* monotonic */
	enum process of;   /* who is asked */
	json_t *so_far;    /* of several portions, or NULL */
	glance_fn fn;
	void *user;
	uint64_t token;
};

static void answer(struct engine *e, struct glance **at, int err, json_t *what)
{
	struct glance *g = *at;

	*at = g->next;
	e->n_glances--;
	if (g->fn)
		g->fn(g->user, g->token, err, what);
	json_decref(g->so_far);
	free(g);
}

static void wait_for(struct engine *e, struct glance *g)
{
	g->until_us = clock_mono_us(e->clock) + KEEPER_DEADLINE_MS * 1000ull;
}

/* The first of these to wait: asked under its id, it is given an answer. */
static int begin(struct engine *e, const struct glance *like,
		 enum message type, const void *body, size_t len)
{
	struct glance *g;
	int r;

	if (e->n_glances == GLANCES_MAX)
		return E_FULL;
	g = calloc(1, sizeof *g);
	if (!g)
		return E_NOMEM;
	*g = *like;
	g->next = e->glances;
	g->id = ++e->last_glance;
	wait_for(e, g);
	r = child_send(e->child, g->of, type, g->id, body, len, NULL, 0);
	if (r) {
		free(g);
		return r;
	}
	e->glances = g;
	e->n_glances++;
	engine_glance_soon(e);
	return 0;
}

int engine_glance(struct engine *e, enum show what, glance_fn fn, void *user,
		  uint64_t token)
{
	const struct msg_show m = { .what = what };
	const struct glance like = { .fn = fn, .user = user, .token = token,
				     .of = PROC_KEEPER };

	return begin(e, &like, MSG_SHOW, &m, sizeof m);
}

int engine_tunnels(struct engine *e, glance_fn fn, void *user, uint64_t token)
{
	const struct msg_tunnel_list m = { 0 };
	const struct glance like = { .fn = fn, .user = user, .token = token,
				     .of = PROC_TUNNEL };

	return begin(e, &like, MSG_TUNNEL_LIST, &m, sizeof m);
}

void glance_forget(struct engine *e, void *user)
{
	for (struct glance *g = e->glances; g; g = g->next)
		if (g->user == user)
			g->fn = NULL;
}

bool glance_tick(struct engine *e, unsigned gone)
{
	uint64_t now = clock_mono_us(e->clock);
	struct glance **at = &e->glances;

	while (*at) {
		bool lost = gone & 1u << (*at)->of;

		if (lost || now >= (*at)->until_us)
			answer(e, at, lost ? E_CLOSED : E_TIMEOUT, NULL);
		else
			at = &(*at)->next;
	}
	return e->glances;
}

/* NULL: its time was over. */
static struct glance **find(struct engine *e, enum process of, uint64_t id)
{
	struct glance **at = &e->glances;

	while (*at && ((*at)->id != id || (*at)->of != of))
		at = &(*at)->next;
	return *at ? at : NULL;
}

static json_t *object_of(const struct ipc_msg *msg)
{
	json_t *o = json_loadb((const char *)msg->tail, msg->tail_len, 0, NULL);

	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

int glance_handle(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_shown *m = msg->body;
	struct glance **at = find(e, PROC_KEEPER, msg->id);
	json_t *what;

	if (!at)
		return 0;
	what = m->err ? NULL : object_of(msg);
	answer(e, at, m->err ? m->err : what ? 0 : E_FORMAT, what);
	json_decref(what);
	return 0;
}

/* All portions have tunnels; what else each has, the first one that has it
 * says. Takes it. E_FORMAT. */
static int put_together(struct glance *g, json_t *portion)
{
	json_t *all = json_object_get(g->so_far, "tunnels");
	json_t *more = json_object_get(portion, "tunnels");
	int r = 0;

	if (!json_is_array(more) || (all && json_array_extend(all, more)))
		r = E_FORMAT;
	else if (all)
		json_object_update_missing(g->so_far, portion);
	else
		g->so_far = json_incref(portion);
	json_decref(portion);
	return r;
}

int glance_listed(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_tunnel_listed *m = msg->body;
	const struct msg_tunnel_list more = { .after = m->next };
	struct glance **at = find(e, PROC_TUNNEL, msg->id);
	int r = m->err;

	if (!at)
		return 0;
	if (!r)
		r = put_together(*at, object_of(msg));
	if (!r && m->next) {
		wait_for(e, *at);
		r = child_send(e->child, PROC_TUNNEL, MSG_TUNNEL_LIST, msg->id,
			       &more, sizeof more, NULL, 0);
		if (!r)
			return 0;
	}
	answer(e, at, r, r ? NULL : (*at)->so_far);
	return 0;
}
