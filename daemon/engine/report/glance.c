/* glance.c - what the keeper has, for the operator's eyes: a question to it,
 * and its answer back to who asked. The engine only passes it on; orders that
 * change something do not come this way (daemon/parent/orders.c). */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>

#define GLANCES_MAX 16

struct glance {
	struct glance *next;
	uint64_t id;
	uint64_t until_us; /* monotonic */
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
	free(g);
}

int engine_glance(struct engine *e, enum show what, glance_fn fn, void *user,
		  uint64_t token)
{
	const struct msg_show m = { .what = what };
	struct glance *g;
	int r;

	if (e->n_glances == GLANCES_MAX)
		return E_FULL;
	g = calloc(1, sizeof *g);
	if (!g)
		return E_NOMEM;
	*g = (struct glance){ .next = e->glances, .id = ++e->last_glance,
			      .fn = fn, .user = user, .token = token,
			      .until_us = clock_mono_us(e->clock) +
					  KEEPER_DEADLINE_MS * 1000ull };
	r = child_send(e->child, PROC_KEEPER, MSG_SHOW, g->id, &m, sizeof m,
		       NULL, 0);
	if (r) {
		free(g);
		return r;
	}
	e->glances = g;
	e->n_glances++;
	engine_glance_soon(e);
	return 0;
}

void glance_forget(struct engine *e, void *user)
{
	for (struct glance *g = e->glances; g; g = g->next)
		if (g->user == user)
			g->fn = NULL;
}

bool glance_tick(struct engine *e, bool lost)
{
	uint64_t now = clock_mono_us(e->clock);
	struct glance **at = &e->glances;

	while (*at)
		if (lost || now >= (*at)->until_us)
			answer(e, at, lost ? E_CLOSED : E_TIMEOUT, NULL);
		else
			at = &(*at)->next;
	return e->glances;
}

int glance_handle(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_shown *m = msg->body;
	struct glance **at = &e->glances;
	json_t *what;

	while (*at && (*at)->id != msg->id)
		at = &(*at)->next;
	if (!*at)
		return 0; /* its time was over */
	what = m->err ? NULL : json_loadb((const char *)msg->tail,
					  msg->tail_len, 0, NULL);
	answer(e, at, m->err ? m->err : json_is_object(what) ? 0 : E_FORMAT,
	       what);
	json_decref(what);
	return 0;
}
