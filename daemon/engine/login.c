/* login.c - whether a phone knows its password: a question to the keeper,
 * which alone has them, and its answer back to who asked. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

#define LOGINS_MAX 4096

struct login {
	struct login *next;
	uint64_t id;
	uint64_t until_us; /* monotonic */
	login_fn fn;
	void *user;
};

static void answer(struct engine *e, struct login **at, int err,
		   const char *rspauth)
{
	struct login *l = *at;

	*at = l->next;
	if (!l->next)
		e->logins_end = at;
	e->n_logins--;
	if (l->fn)
		l->fn(l->user, err, rspauth);
	free(l);
}

int engine_login(struct engine *e, const char *method,
		 const struct digest_credentials *c, login_fn fn, void *user)
{
	struct msg_digest_check m = { .credentials = *c };
	struct login *l;
	int r;

	if (e->n_logins == LOGINS_MAX || strlen(method) >= sizeof m.method)
		return E_FULL;
	strcpy(m.method, method);
	l = calloc(1, sizeof *l);
	if (!l)
		return E_NOMEM;
	*l = (struct login){ .id = ++e->last_login, .fn = fn, .user = user,
			     .until_us = clock_mono_us(e->clock) +
					 KEEPER_DEADLINE_MS * 1000ull };
	r = child_send(e->child, PROC_KEEPER, MSG_DIGEST_CHECK, l->id, &m,
		       sizeof m, NULL, 0);
	if (r) {
		free(l);
		return r;
	}
	if (!e->logins)
		e->logins_end = &e->logins;
	*e->logins_end = l;
	e->logins_end = &l->next;
	e->n_logins++;
	engine_glance_soon(e);
	return 0;
}

void engine_login_forget(struct engine *e, void *user)
{
	for (struct login *l = e->logins; l; l = l->next)
		if (l->user == user)
			l->fn = NULL;
}

bool login_tick(struct engine *e, bool lost)
{
	uint64_t now = clock_mono_us(e->clock);

	while (e->logins && (lost || now >= e->logins->until_us))
		answer(e, &e->logins, lost ? E_CLOSED : E_TIMEOUT, NULL);
	return e->logins;
}

int login_handle(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_digest_checked *m = msg->body;
	struct login **at = &e->logins;

	while (*at && (*at)->id != msg->id)
		at = &(*at)->next;
	if (*at) /* else its time was over */
		answer(e, at, m->err, m->rspauth);
	return 0;
}
