/* odd.c - children that misbehave on demand: linked with the parent's own
 * objects in place of the real ones, they show what it does about them. The
 * environment says what is odd: ODD_ENGINE, ODD_KEEPER, ODD_RELAY, ODD_TUNNEL =
 * a word of habits below. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/child.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define PAIRS 8

struct watched {
	struct ipc *ipc; /* NULL: free */
	bool write;
};

struct odd {
	struct child *child;
	enum process self;
	const char *habit;
	struct watched watched[PAIRS];
	bool stop, deaf;
};

/* -- habits --------------------------------------------------------------- */

static void accuse_relay(struct odd *o)
{
	child_accuse(o->child, PROC_RELAY, E_FORMAT, MSG_KEY);
}

static void be_ready_twice(struct odd *o)
{
	child_send(o->child, PROC_PARENT, MSG_READY, 0, NULL, 0, NULL, 0);
}

static void be_deaf(struct odd *o)
{
	o->deaf = true;
}

static void crash(struct odd *o)
{
	(void)o;
	abort();
}

static const struct {
	const char *word;
	void (*once_running)(struct odd *o);
} habits[] = {
	{ "accuse-relay", accuse_relay },
	{ "ready-twice", be_ready_twice },
	{ "deaf", be_deaf },
	{ "crash", crash },
};

/* -- an ordinary loop ----------------------------------------------------- */

static int init(struct child *c, void **state, enum process self,
		const char *variable)
{
	struct odd *o = calloc(1, sizeof *o);
	const char *habit = getenv(variable);

	if (!o)
		return E_NOMEM;
	o->child = c;
	o->self = self;
	o->habit = habit ? habit : "";
	*state = o;
	return 0;
}

static int init_engine(struct child *c, void **state)
{
	return init(c, state, PROC_ENGINE, "ODD_ENGINE");
}

static int init_keeper(struct child *c, void **state)
{
	return init(c, state, PROC_KEEPER, "ODD_KEEPER");
}

static int init_relay(struct child *c, void **state)
{
	return init(c, state, PROC_RELAY, "ODD_RELAY");
}

static int init_tunnel(struct child *c, void **state)
{
	return init(c, state, PROC_TUNNEL, "ODD_TUNNEL");
}

static int prepare(void *state)
{
	struct odd *o = state;

	if (!strcmp(o->habit, "wrong-conf"))
		return E_CONF;
	return strcmp(o->habit, "no-start") ? 0 : E_IO;
}

static int watch(void *state, struct ipc *ipc, void **out)
{
	struct odd *o = state;

	for (size_t i = 0; i < PAIRS; i++)
		if (!o->watched[i].ipc) {
			o->watched[i] = (struct watched){ ipc, false };
			*out = &o->watched[i];
			return 0;
		}
	return E_FULL;
}

static void watch_write(void *state, void *watched, bool write)
{
	(void)state;
	((struct watched *)watched)->write = write;
}

static void unwatch(void *state, void *watched)
{
	(void)state;
	((struct watched *)watched)->ipc = NULL;
}

static int handle(void *state, enum process from, struct ipc_msg *msg)
{
	(void)state;
	(void)from;
	(void)msg;
	return 0;
}

static void sibling(void *state, enum process p, uint32_t epoch)
{
	struct odd *o = state;

	if (epoch && p == PROC_KEEPER && !strcmp(o->habit, "accuse-keeper"))
		child_accuse(o->child, p, E_FORMAT, MSG_KEY);
	log_info("odd", "sibling %s %s", process_name(p),
		 epoch ? "came" : "went");
}

static int reload(void *state)
{
	struct odd *o = state;

	if (!strcmp(o->habit, "die-in-reload"))
		abort();
	return strcmp(o->habit, "no-reload") ? 0 : E_NOMEM;
}

static void stop(void *state)
{
	struct odd *o = state;

	o->stop = !o->deaf;
}

static void step(struct odd *o)
{
	struct pollfd fd[PAIRS];
	struct watched *w;

	for (size_t i = 0; i < PAIRS; i++) {
		w = &o->watched[i];
		fd[i].fd = w->ipc ? ipc_fd(w->ipc) : -1;
		fd[i].events = w->write ? POLLIN | POLLOUT : POLLIN;
	}
	if (poll(fd, PAIRS, -1) < 0)
		return;
	for (size_t i = 0; i < PAIRS; i++) {
		w = &o->watched[i];
		if (w->ipc && fd[i].revents & POLLOUT)
			ipc_write(w->ipc);
		if (w->ipc && fd[i].revents)
			ipc_read(w->ipc);
	}
}

static void run(void *state)
{
	struct odd *o = state;

	for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
		if (!strcmp(o->habit, habits[i].word))
			habits[i].once_running(o);
	while (!o->stop)
		step(o);
}

static void fini(void *state)
{
	free(state);
}

#define ODD_OPS(process, its_init) { \
	.self = process, .init = its_init, .prepare = prepare, \
	.watch = watch, .watch_write = watch_write, .unwatch = unwatch, \
	.handle = handle, .sibling = sibling, .reload = reload, \
	.stop = stop, .run = run, .fini = fini }

const struct child_ops engine_ops = ODD_OPS(PROC_ENGINE, init_engine);
const struct child_ops keeper_ops = ODD_OPS(PROC_KEEPER, init_keeper);
const struct child_ops relay_ops = ODD_OPS(PROC_RELAY, init_relay);
const struct child_ops tunnel_ops = ODD_OPS(PROC_TUNNEL, init_tunnel);
