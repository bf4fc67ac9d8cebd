/* module.c - the roles registered in one process, and its modules' lives. See
 * module.h.
 *
 * A module starts once every role it needs is there: registered by the
 * process itself, or provided by a module that runs already. They stop in
 * reverse. Nothing starts by halves: one failure stops all. */
#include "daemon/module.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"

#include <stdlib.h>
#include <string.h>

#define ROLES_MAX 64
#define MODULES_MAX 32

struct role {
	const char *role, *name;
	const void *record;
};

struct running {
	const struct module *module;
	void *state;
};

struct core {
	void *process_state;
	struct role roles[ROLES_MAX];
	size_t n_roles, own_roles; /* own: there before the modules */
	bool started;
	struct running running[MODULES_MAX]; /* in order of start */
	size_t n_running;
};

int core_new(void *process_state, struct core **out)
{
	struct core *core = calloc(1, sizeof *core);

	if (!core)
		return E_NOMEM;
	core->process_state = process_state;
	*out = core;
	return 0;
}

void core_free(struct core *core)
{
	if (core)
		core_stop(core);
	free(core);
}

void *core_process(const struct core *core)
{
	return core->process_state;
}

int core_register(struct core *core, const char *role, const char *name,
		  const void *record)
{
	if (core_find(core, role, name))
		return E_EXISTS;
	if (core->n_roles == ROLES_MAX)
		return E_FULL;
	core->roles[core->n_roles++] = (struct role){ role, name, record };
	return 0;
}

const void *core_find(const struct core *core, const char *role,
		      const char *name)
{
	const struct role *r = core->roles;

	for (size_t i = 0; i < core->n_roles; i++, r++)
		if (!strcmp(r->role, role) &&
		    (!name || !strcmp(r->name, name)))
			return r->record;
	return NULL;
}

/* -- starting ------------------------------------------------------------- */

static bool lists(const char *const *roles, const char *role)
{
	for (; roles && *roles; roles++)
		if (!strcmp(*roles, role))
			return true;
	return false;
}

static bool is_there(const struct core *core, const char *role)
{
	if (core_find(core, role, NULL))
		return true;
	for (size_t i = 0; i < core->n_running; i++)
		if (lists(core->running[i].module->provides, role))
			return true;
	return false;
}

/* The first role that m needs and that is not there; NULL when none. */
static const char *unmet(const struct core *core, const struct module *m)
{
	for (const char *const *need = m->needs; need && *need; need++)
		if (!is_there(core, *need))
			return *need;
	return NULL;
}

static bool runs(const struct core *core, const struct module *m)
{
	for (size_t i = 0; i < core->n_running; i++)
		if (core->running[i].module == m)
			return true;
	return false;
}

static int start_one(struct core *core, const struct module *m,
		     const struct conf *c)
{
	void *state = NULL;
	int r;

	if (core->n_running == MODULES_MAX)
		return E_FULL;
	r = m->start ? m->start(core, c, &state) : 0;
	if (r) {
		log_error(m->name, "did not start: %s", err_text(r));
		return r;
	}
	core->running[core->n_running++] = (struct running){ m, state };
	return 0;
}

/* Starts the first module that can be; *more says whether any is left. */
static int start_next(struct core *core, const struct module *const *all,
		      const struct conf *c, bool *more)
{
	const struct module *waits = NULL;

	for (; *all; all++) {
		if (runs(core, *all))
			continue;
		*more = true;
		if (!unmet(core, *all))
			return start_one(core, *all, c);
		waits = waits ? waits : *all;
	}
	*more = waits != NULL;
	if (!waits)
		return 0;
	log_error(waits->name, "needs the role \"%s\", which nothing provides",
		  unmet(core, waits));
	return E_NOTFOUND;
}

static void log_order(const struct core *core, enum process p)
{
	struct buf text = buf_of(512);

	for (size_t i = 0; i < core->n_running; i++)
		buf_printf(&text, " %s", core->running[i].module->name);
	log_info(process_name(p), "modules, in order:%s", buf_string(&text));
	buf_free(&text);
}

int core_start(struct core *core, enum process p, const struct conf *c)
{
	bool more = true;
	int r;

	core->own_roles = core->n_roles;
	core->started = true;
	while (more)
		if ((r = start_next(core, modules_of(p), c, &more))) {
			core_stop(core);
			return r;
		}
	log_order(core, p);
	return 0;
}

/* -- running -------------------------------------------------------------- */

int core_reload(struct core *core, const struct conf *c)
{
	int one, r = 0;

	for (size_t i = 0; i < core->n_running; i++) {
		const struct running *run = &core->running[i];

		one = run->module->reload ?
			run->module->reload(run->state, c) : 0;
		if (one && (!r || r == E_RESTART))
			r = one;
	}
	return r;
}

void core_drain(struct core *core)
{
	for (size_t i = core->n_running; i-- > 0;)
		if (core->running[i].module->drain)
			core->running[i].module->drain(core->running[i].state);
}

void core_stop(struct core *core)
{
	while (core->n_running) {
		struct running *run = &core->running[--core->n_running];

		if (run->module->stop)
			run->module->stop(run->state);
	}
	if (core->started)
		core->n_roles = core->own_roles;
	core->started = false;
}
