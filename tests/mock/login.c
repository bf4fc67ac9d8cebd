/* login.c - see login.h. */
#include "tests/mock/login.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/keeper/digest/judge.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct asked {
	struct asked *next;
	struct msg_digest_check m;
	login_fn fn;
	void *user;
};

struct mock_login {
	struct engine *e;
	struct judge *judge;
	struct digest_users *users;
	struct loop_timer *timer;
	struct asked *asked, **end;
	unsigned late_ms;
	int err;
};

static void on_timer(void *user)
{
	struct mock_login *l = user;
	char rspauth[DIGEST_HEX] = "";
	struct judge_terms t = {
		.users = l->users, .own = &l->e->settings.registrar,
		.local = l->e->settings.register_mode == REGISTER_LOCAL,
		.now_us = clock_mono_us(&clock_system),
	};
	struct asked *a;
	int r;

	while ((a = l->asked)) {
		l->asked = a->next;
		if (!a->next)
			l->end = &l->asked;
		r = l->err ? l->err : judge_check(l->judge, &t, &a->m, rspauth);
		if (a->fn)
			a->fn(a->user, r, rspauth);
		free(a);
	}
}

static int login(struct engine *e, const char *method,
		 const struct digest_credentials *c, login_fn fn, void *user)
{
	struct mock_login *l = e->logins;
	struct asked *a = calloc(1, sizeof *a);

	if (!a)
		return E_NOMEM;
	a->m.credentials = *c;
	snprintf(a->m.method, sizeof a->m.method, "%s", method);
	a->fn = fn;
	a->user = user;
	*l->end = a;
	l->end = &a->next;
	loop_timer_set(l->timer, l->late_ms);
	return 0;
}

static void forget(struct engine *e, void *user)
{
	struct mock_login *l = e->logins;

	for (struct asked *a = l->asked; a; a = a->next)
		if (a->user == user)
			a->fn = NULL;
}

int mock_login_open(struct engine *e, const char *path)
{
	const struct registrar_settings *own = &e->settings.registrar;
	struct mock_login *l = calloc(1, sizeof *l);
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	char why[256];

	l->e = e;
	l->end = &l->asked;
	r = digest_users_read(fd, own->domain, own->hashes, &l->users, why);
	close(fd);
	if (r)
		fprintf(stderr, "siprelay: %s: %s\n", path, why);
	if (r || judge_new(&l->judge) ||
	    loop_timer_new(e->loop, on_timer, l, &l->timer))
		return E_CONF;
	e->logins = l;
	e->login = login;
	e->forget = forget;
	return 0;
}

void mock_login_close(struct engine *e)
{
	struct mock_login *l = e->logins;
	struct asked *a;

	if (!l)
		return;
	while ((a = l->asked)) {
		l->asked = a->next;
		free(a);
	}
	loop_timer_free(l->timer);
	judge_free(l->judge);
	digest_users_free(l->users);
	free(l);
}

void mock_login_late(struct engine *e, unsigned ms)
{
	struct mock_login *l = e->logins;

	l->late_ms = ms;
}

void mock_login_err(struct engine *e, int err)
{
	struct mock_login *l = e->logins;

	l->err = err;
}
