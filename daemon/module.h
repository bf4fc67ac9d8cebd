/* module.h - the record by which a process knows a module.
 *
 * A module is one folder under modules/, one constant record, one process.
 * configure writes the tables (daemon/modules.c); nothing is loaded at run
 * time. start() registers role records in the process's core; the code that
 * uses a role finds the record by the role's name and never names a module.
 * Modules do not include each other's headers. */
#ifndef CALLSEAL_MODULE_H
#define CALLSEAL_MODULE_H

#include "daemon/base/conf.h"
#include "daemon/process.h"

#include <stdio.h>

struct core; /* the roles registered in one process, and its services */

struct module {
	const char *name;          /* folder = config group = log tag */
	enum process process;
	const char *const *needs;  /* roles, NULL-terminated, or NULL */
	const char *const *provides;
	const struct conf_group *const *groups; /* its config groups, or NULL */
	/* Checks what the key tables cannot; pure. May be NULL. */
	int (*check)(const struct conf *c, struct conf_err *err);
	/* Whether this machine can do it at all, for --check: nothing stays of
	 * the trial. 0, or why not and the cure; E_POLICY: this process has
	 * not the right to try. May be NULL. */
	int (*try)(char *why, size_t len);
	/* All or nothing; *state is the module's own. */
	int (*start)(struct core *core, const struct conf *c, void **state);
	/* 0, or E_RESTART if only a restart can apply it. May be NULL. */
	int (*reload)(void *state, const struct conf *c);
	/* Take no new calls. May be NULL. */
	void (*drain)(void *state);
	/* Frees all, wipes secrets. */
	void (*stop)(void *state);
};

/* All modules of a process, NULL-terminated, in the order configure gave. */
const struct module *const *modules_of(enum process p);

/* Registers a record under (role, name); both borrowed for ever. E_EXISTS. */
int core_register(struct core *core, const char *role, const char *name,
		  const void *record);
/* The record; name NULL: the first of that role. NULL when absent. */
const void *core_find(const struct core *core, const char *role,
		      const char *name);
/* The process's own state, which its modules share (struct engine *, ...). */
void *core_process(const struct core *core);

/* A core for one process. process_state is borrowed. */
int core_new(void *process_state, struct core **out);
void core_free(struct core *core);
/* Starts every module of p in order of needs, logs the order; on failure
 * stops those started. E_NOTFOUND names an unmet need in the log. */
int core_start(struct core *core, enum process p, const struct conf *c);
int core_reload(struct core *core, const struct conf *c);
void core_drain(struct core *core);
void core_stop(struct core *core);

#endif
