/* tunnel.c - the tunnel process: ESP in the kernel for calls whose profile has
 * media = "esp", tunnels of charon's for those with media = "ike", be it one
 * for all calls to a peer or (ike = "call") each call's own. This file is its
 * loop; start reading here.
 *
 *   tunnels.c   what engine and keeper ask for
 *   table.c     tunnels by id, key and port
 *   turn.c      which of several to one place sends
 *   share.c     those that calls have in common
 *   list.c      what the operator sees
 *   tunnel.h    the role that does it: modules/xfrm/tunnel, modules/vici
 *   uses.c      which call uses which of charon's tunnels
 *   uselist.c   what the operator sees of those
 *   standing.h  the role that raises those: modules/vici
 *
 * Once it is confined it can ask the kernel's XFRM over the sockets that its
 * module opened, connect to charon's socket, and nothing else; the first takes
 * CAP_NET_ADMIN, which no other child has. */
#include "daemon/tunnel/tunnel.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/child.h"
#include "daemon/ipcwatch.h"
#include "daemon/tunnel/tunnels.h"
#include "daemon/tunnel/uses.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG "tunnel"

struct tunnel_process {
	struct child *child;
	struct event_base *base;
	struct event *timer;  /* of what waits */
	struct event *events; /* of the kernel */
	struct tunnels *tunnels; /* NULL: no peer's calls key any */
	struct uses *uses;       /* NULL: none has media = "ike" */
	uint32_t engine;      /* epoch of the last one, 0: none yet */
};

struct child *tunnel_child(struct tunnel_process *p)
{
	return p->child;
}

static void tell(void *user, enum message type, uint64_t id,
		 const struct ipc_msg *m)
{
	struct tunnel_process *p = user;
	int err = child_send(p->child, PROC_ENGINE, type, id, m->body, m->len,
			     m->tail, m->tail_len);

	/* an engine that is gone asks again when it is back */
	if (err && err != E_CLOSED)
		log_error(TAG, "%s for the engine is lost: %s",
			  message_name(type), err_text(err));
}

/* Ends as a crash would: what is in the kernel stays, the ports shut, until the
 * parent has started the next one. An end in order opens them, and must come
 * when the relay sends no more. */
static void break_off(const char *why)
{
	log_error(TAG, "%s", why);
	_exit(EXIT_FAILURE);
}

static int tell_any(void *user, enum process to, enum message type,
		    uint64_t id, const void *body, size_t len,
		    const char *tail)
{
	struct tunnel_process *p = user;
	int r = child_send(p->child, to, type, id, body, len, tail,
			   tail ? strlen(tail) : 0);

	/* without it the engine would let media go on: it stops all of them
	 * when this process is gone */
	if (r && r != E_CLOSED && type == MSG_TUNNEL_EVENT)
		break_off("the engine cannot be told of tunnels that are gone");
	return r;
}

/* Sets the timer for what waits longest. */
static void plan(struct tunnel_process *p)
{
	uint64_t us = p->tunnels ? tunnels_tick(p->tunnels) : UINT64_MAX;
	struct timeval t = { .tv_sec = (time_t)(us / 1000000),
			     .tv_usec = (suseconds_t)(us % 1000000) };

	if (us != UINT64_MAX)
		event_add(p->timer, &t);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	plan(arg);
}

/* Deaf, it would not know of tunnels that are no more. */
static void on_events(evutil_socket_t fd, short what, void *arg)
{
	struct tunnel_process *p = arg;

	(void)fd;
	(void)what;
	if (tunnels_events(p->tunnels))
		break_off("the kernel's events cannot be read any more");
	plan(p);
}

/* charon's, of calls. */
static void on_raised(void *user, void *owner, int err, const char *why)
{
	struct tunnel_process *p = user;

	tunnels_ears.raised(p->tunnels, owner, err, why);
	plan(p);
}

static void on_told(void *user, void *owner, enum tunnel_event e,
		    const char *why)
{
	struct tunnel_process *p = user;

	tunnels_ears.event(p->tunnels, owner, e, why);
	plan(p);
}

static const struct tunnel_ears ears = { on_raised, on_told };

/* -- child_ops ------------------------------------------------------------ */

static int tunnel_init(struct child *c, void **state)
{
	struct tunnel_process *p = calloc(1, sizeof *p);

	if (!p)
		return E_NOMEM;
	json_object_seed(0); /* from a file, which cannot be opened later */
	p->child = c;
	p->base = event_base_new();
	if (!p->base) {
		free(p);
		return E_NOMEM;
	}
	*state = p;
	return 0;
}

static int tunnel_watch(void *state, struct ipc *ipc, void **out)
{
	struct tunnel_process *p = state;
	struct ipcwatch *w;
	int err = ipcwatch_new(p->base, ipc, &w);

	if (!err)
		*out = w;
	return err;
}

static void tunnel_watch_write(void *state, void *watch, bool write)
{
	(void)state;
	ipcwatch_write(watch, write);
}

static void tunnel_unwatch(void *state, void *watch)
{
	(void)state;
	ipcwatch_free(watch);
}

/* Of a configuration newer than the process. */
static int refuse_use(struct tunnel_process *p, const struct ipc_msg *msg)
{
	const struct msg_tunnel_use *m = msg->body;
	struct msg_tunnel_used reply = { .err = E_RESTART };

	if (msg->type != MSG_TUNNEL_USE)
		return 0;
	reply.ask = m->ask;
	snprintf(reply.reason, sizeof reply.reason, "the peer got media = "
		 "\"ike\" by a reload: restart the service");
	tell_any(p, PROC_ENGINE, MSG_TUNNEL_USED, msg->id, &reply,
		 sizeof reply, NULL);
	return 0;
}

static int refuse_reserve(struct tunnel_process *p, const struct ipc_msg *msg)
{
	struct msg_tunnel_reserved reply = { .err = E_RESTART };

	snprintf(reply.reason, sizeof reply.reason, "the peer got its way of "
		 "media by a reload: restart the service");
	tell_any(p, PROC_ENGINE, MSG_TUNNEL_RESERVED, msg->id, &reply,
		 sizeof reply, NULL);
	return 0;
}

static int tunnel_handle(void *state, enum process from, struct ipc_msg *msg)
{
	struct tunnel_process *p = state;
	int err;

	if (uses_takes(msg) || (!p->tunnels && msg->type == MSG_TUNNEL_LIST))
		return p->uses ? uses_message(p->uses, msg)
			       : refuse_use(p, msg);
	if (!p->tunnels && msg->type == MSG_TUNNEL_RESERVE)
		return refuse_reserve(p, msg);
	err = p->tunnels ? tunnels_message(p->tunnels, from, msg) : E_STATE;
	plan(p);
	return err;
}

/* Tunnels outlive the keeper; a new one has new key ids. */
static void tunnel_sibling(void *state, enum process s, uint32_t epoch)
{
	struct tunnel_process *p = state;

	if (s == PROC_KEEPER && epoch && p->uses)
		uses_keeper(p->uses);
	if (s != PROC_ENGINE || !epoch)
		return;
	/* on a new link the same engine, too, has ended what it had */
	if (p->engine) {
		log_info(TAG, "a new link to the engine: the tunnels of the "
			 "old one end");
		if (p->tunnels)
			tunnels_clear(p->tunnels);
		if (p->uses)
			uses_clear(p->uses);
	}
	p->engine = epoch;
	if (p->uses)
		uses_engine(p->uses);
}

/* The relay may send for a moment yet. */
static void tunnel_orphaned(void *state)
{
	(void)state;
	break_off("without a parent the ports of tunnels stay shut");
}

static void tunnel_stop(void *state)
{
	struct tunnel_process *p = state;

	event_base_loopbreak(p->base);
}

/* A suite that some profile wants and this kernel lacks fails call by call, but
 * is told now; old peers know no IPv6. */
static void warn_suite(const struct tunnel_process *p,
		       const struct tunnel_maker *maker,
		       const struct peer *peer, enum esp_suite suite)
{
	const struct addr *media =
		child_settings(p->child)->face[OUTSIDE].media;
	const struct esp_suite_info *info = esp_suite_info(suite);

	for (int i = 0; i < 2; i++)
		if (media[i].family && !(info->legacy && i) &&
		    !maker->can(maker->state, media[i].family, suite))
			log_error(TAG, "peer %s: this kernel has no %s over "
				  "IPv%d; leave it out of its profile's esp",
				  peer->name, info->name, media[i].family);
}

static void warn_suites(const struct tunnel_process *p,
			const struct tunnel_maker *maker)
{
	const struct peer *peer;

	for (size_t i = 0;
	     (peer = policy_at(child_policy(p->child), i)); i++)
		for (size_t k = 0; peer->profile->media == MEDIA_ESP &&
				   k < peer->profile->n_esp; k++)
			warn_suite(p, maker, peer, peer->profile->esp[k]);
}

static int hear_kernel(struct tunnel_process *p,
		       const struct tunnel_maker *maker)
{
	warn_suites(p, maker);
	p->events = event_new(p->base, maker->events_fd(maker->state),
			      EV_READ | EV_PERSIST, on_events, p);
	return !p->events || event_add(p->events, NULL) ? E_NOMEM : 0;
}

/* Of calls: whoever raises them. */
static int begin_own(struct tunnel_process *p)
{
	const struct policy *policy = child_policy(p->child);
	const struct core *core = child_core(p->child);
	bool esp = policy_uses(policy, MEDIA_ESP);
	bool ike = policy_ike_calls(policy);
	struct tunnels_conf conf = {
		.settings = child_settings(p->child), .clock = &clock_system,
		.maker = esp ? core_find(core, "tunnel", "xfrm") : NULL,
		.charon = ike ? core_find(core, "tunnel", "charon") : NULL,
		.tell = tell, .user = p,
		.list_then = p->uses ? TUNNEL_USE_BIT : 0,
	};
	int r = esp == !conf.maker || ike == !conf.charon
		? E_NOTFOUND : tunnels_new(&conf, &p->tunnels);

	if (r)
		return r;
	p->timer = evtimer_new(p->base, on_timer, p);
	if (!p->timer)
		return E_NOMEM;
	if (ike)
		conf.charon->listen(conf.charon->state, &ears, p);
	return esp ? hear_kernel(p, conf.maker) : 0;
}

static int begin_ike(struct tunnel_process *p)
{
	struct uses_conf conf = {
		.standing = core_find(child_core(p->child), "standing", NULL),
		.base = p->base, .settings = child_settings(p->child),
		.policy = child_policy(p->child), .tell = tell_any, .user = p,
	};

	int r = conf.standing ? uses_new(&conf, &p->uses) : E_NOTFOUND;

	if (!r && p->engine)
		uses_engine(p->uses);
	return r;
}

static bool wants_own(const struct policy *policy)
{
	return policy_uses(policy, MEDIA_ESP) || policy_ike_calls(policy);
}

static int begin(struct tunnel_process *p)
{
	const struct policy *policy = child_policy(p->child);
	int r = 0;

	if (policy_uses(policy, MEDIA_IKE))
		r = begin_ike(p);
	if (!r && wants_own(policy))
		r = begin_own(p);
	return r;
}

/* The parent has asked before whether this is the same process still. */
static int tunnel_reload(void *state)
{
	struct tunnel_process *p = state;
	const struct policy *policy = child_policy(p->child);
	bool same = wants_own(policy) == (p->tunnels != NULL) &&
		    policy_uses(policy, MEDIA_IKE) == (p->uses != NULL);

	if (p->tunnels)
		tunnels_reload(p->tunnels, child_settings(p->child));
	if (same && p->uses) /* certificates are read anew */
		uses_engine(p->uses);
	return same ? 0 : E_RESTART; /* and each kind is asked for by itself */
}

static void tunnel_run(void *state)
{
	struct tunnel_process *p = state;
	int r = begin(p);

	if (r)
		break_off(err_text(r));
	event_base_dispatch(p->base);
	/* before the modules stop, whose the pairs and the descriptor are */
	if (p->events)
		event_free(p->events);
	p->events = NULL;
	tunnels_free(p->tunnels);
	p->tunnels = NULL;
	uses_free(p->uses);
	p->uses = NULL;
}

static void tunnel_fini(void *state)
{
	struct tunnel_process *p = state;

	if (p->timer)
		event_free(p->timer);
	event_base_free(p->base);
	free(p);
}

const struct child_ops tunnel_ops = {
	.self = PROC_TUNNEL,
	.init = tunnel_init,
	.watch = tunnel_watch, .watch_write = tunnel_watch_write,
	.unwatch = tunnel_unwatch,
	.handle = tunnel_handle, .sibling = tunnel_sibling,
	.reload = tunnel_reload,
	.stop = tunnel_stop, .orphaned = tunnel_orphaned,
	.run = tunnel_run, .fini = tunnel_fini,
};
