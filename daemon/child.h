/* child.h - what every child process shares: it starts with one pair to the
 * parent, receives its configuration, descriptors and pairs to its siblings,
 * starts its modules, confines itself, says ready, and runs its loop.
 *
 * The loop differs (su_root, libevent), so the process gives an adaptor. */
#ifndef CALLSEAL_CHILD_H
#define CALLSEAL_CHILD_H

#include "daemon/base/conf.h"
#include "daemon/base/secret.h"
#include "daemon/ipc.h"
#include "daemon/module.h"
#include "daemon/policy.h"
#include "daemon/process.h"
#include "daemon/settings.h"

struct child;
struct credential;
struct digest_users;

/* One process's own part. Every function gets the state that init gave. */
struct child_ops {
	enum process self;
	/* Makes the process's state with its loop; nothing is confined yet.
	 * Registers nothing, opens nothing that needs configuration. */
	int (*init)(struct child *c, void **state);
	/* The configuration is there, modules are started next: build what
	 * they need. */
	int (*prepare)(void *state);
	/* Watches the descriptor of an ipc end; called for each new pair. */
	int (*watch)(void *state, struct ipc *ipc, void **watch);
	void (*watch_write)(void *state, void *watch, bool write);
	void (*unwatch)(void *state, void *watch);
	/* A sibling's message. As ipc_ops.handle. */
	int (*handle)(void *state, enum process from, struct ipc_msg *msg);
	/* A sibling is there (epoch is new) or gone (epoch 0). */
	void (*sibling)(void *state, enum process p, uint32_t epoch);
	/* A new configuration passed all checks: apply it. 0 or E_RESTART. */
	int (*reload)(void *state);
	/* End in order, then leave run(). */
	void (*stop)(void *state);
	/* The parent is gone, and so may be the siblings; NULL: as stop. */
	void (*orphaned)(void *state);
	/* The loop; returns when stopped. */
	void (*run)(void *state);
	void (*fini)(void *state);
};

/* Runs a whole child on descriptor fd (the pair to the parent); returns the
 * exit status. */
int child_main(const struct child_ops *ops, int fd, bool sandbox);

/* For the process's own code: */
struct core *child_core(struct child *c);
const struct conf *child_conf(const struct child *c);
const struct settings *child_settings(const struct child *c);
const struct policy *child_policy(const struct child *c);
uint32_t child_epoch(const struct child *c); /* our own */
/* How often this process was started again since the parent runs; *signal: by
 * which it ended last, 0: by itself. */
unsigned child_restarts(const struct child *c, unsigned *signal);
/* A file that the parent opened for us (struct msg_file), borrowed; -1. */
int child_file(const struct child *c, const char *name);
/* Keeper: the pre-shared key of a peer, read once; NULL when none. */
const struct secret *child_psk(const struct child *c, const char *peer);
/* Keeper: the password of an account; NULL when none. */
const struct secret *child_password(const struct child *c,
				    const char *account);
/* Keeper: certificates and our private key; NULL when none are configured. */
const struct credential *child_credential(const struct child *c);
/* Keeper: the accounts that may register; NULL when there are none. */
const struct digest_users *child_users(const struct child *c);
/* Sends to a sibling; E_CLOSED when it is not there. See ipc_send(). */
int child_send(struct child *c, enum process to, enum message type,
	       uint64_t id, const void *body, size_t len, const void *tail,
	       size_t tail_len);
/* Tells the parent that process p broke the rules of its pair. */
void child_accuse(struct child *c, enum process p, int err, enum message type);
/* Engine: the operator asks for a reload. */
void child_ask_reload(struct child *c);

extern const struct child_ops engine_ops, keeper_ops, relay_ops, tunnel_ops;

#endif
