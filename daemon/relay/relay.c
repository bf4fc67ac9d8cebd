/* relay.c - the relay process: forwards media, turning RTP into SRTP and
 * back. This file is its main thread's loop; start reading here.
 *
 *   control.c   what engine and keeper ask for; streams' entries
 *   keyring.c      keys by id: parked, installed, tombstones
 *   ports.c     pairs of media ports, and their sockets
 *   worker.c    a thread that owns streams: orders, time, events
 *   epoll.c, uring.c   how a worker receives and sends
 *   stream.c    a stream's state: addresses, keys in force
 *   packet.c    the way of one packet
 *   learn.c, transmit.c, index.c, rtp.c, rtcp.c   its steps
 *   mailbox.c   messages between the threads
 *   tunnel/     packets that wait for a tunnel (hold.c)
 *
 * The main thread runs libevent for the pairs to engine, keeper and parent,
 * and never touches a packet. Rings are opened before the process is
 * confined, threads started after it, so that they are confined, too. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/child.h"
#include "daemon/ipcwatch.h"
#include "daemon/relay/control.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct relay {
	struct child *child;
	struct event_base *base;
	struct event *answers; /* of the workers */
	struct event *timer;   /* of what is parked */
	struct control *control;
	const char *transform; /* its name; lives as long as its conf */
	uint32_t engine;       /* epoch of the last one, 0: none yet */
};

static void tell(void *user, enum message type, uint64_t id, const void *body,
		 size_t len)
{
	struct relay *r = user;
	int err = child_send(r->child, PROC_ENGINE, type, id, body, len, NULL,
			     0);

	/* an engine that is gone asks again when it is back */
	if (err && err != E_CLOSED)
		log_error("relay", "%s for the engine is lost: %s",
			  message_name(type), err_text(err));
}

static bool may_clear(void *user)
{
	struct relay *r = user;
	const struct policy *p = child_policy(r->child);

	for (size_t i = 0; i < policy_count(p); i++)
		if (policy_at(p, i)->profile->need != NEED_REQUIRE)
			return true;
	return false;
}

static bool may_tunnel(void *user, bool sealed)
{
	struct relay *r = user;
	const struct policy *p = child_policy(r->child);
	const struct profile *f;

	for (size_t i = 0; i < policy_count(p); i++) {
		f = policy_at(p, i)->profile;
		if (f->media != MEDIA_SRTP && f->srtp_within == sealed)
			return true;
	}
	return false;
}

/* Sets the timer for what waits longest. */
static void plan(struct relay *r)
{
	uint64_t us = control_tick(r->control);
	struct timeval t = { .tv_sec = (time_t)(us / 1000000),
			     .tv_usec = (suseconds_t)(us % 1000000) };

	if (us != UINT64_MAX)
		event_add(r->timer, &t);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	plan(arg);
}

static void on_answers(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	(void)fd;
	(void)what;
	control_answers(r->control);
}

/* -- child_ops ------------------------------------------------------------ */

/* Each call takes eight sockets. */
static void raise_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l))
		log_error("relay", "the limit of open files stays");
}

static int relay_init(struct child *c, void **state)
{
	struct relay *r = calloc(1, sizeof *r);

	if (!r)
		return E_NOMEM;
	r->child = c;
	r->base = event_base_new();
	if (!r->base) {
		free(r);
		return E_NOMEM;
	}
	raise_files();
	*state = r;
	return 0;
}

static int relay_prepare(void *state)
{
	struct relay *r = state;
	struct control_conf conf = {
		.settings = child_settings(r->child), .clock = &clock_system,
		.tell = tell, .may_clear = may_clear,
		.may_tunnel = may_tunnel, .user = r,
	};
	int err = control_new(&conf, &r->control);

	if (err)
		return err;
	r->transform = conf.settings->transform;
	r->timer = evtimer_new(r->base, on_timer, r);
	r->answers = event_new(r->base, control_fd(r->control),
			       EV_READ | EV_PERSIST, on_answers, r);
	if (!r->timer || !r->answers || event_add(r->answers, NULL))
		return E_NOMEM;
	return 0;
}

static int relay_watch(void *state, struct ipc *ipc, void **out)
{
	struct relay *r = state;
	struct ipcwatch *w;
	int err = ipcwatch_new(r->base, ipc, &w);

	if (!err)
		*out = w;
	return err;
}

static void relay_watch_write(void *state, void *watch, bool write)
{
	(void)state;
	ipcwatch_write(watch, write);
}

static void relay_unwatch(void *state, void *watch)
{
	(void)state;
	ipcwatch_free(watch);
}

static int relay_handle(void *state, enum process from, struct ipc_msg *msg)
{
	struct relay *r = state;
	int err = control_message(r->control, from, msg);

	plan(r);
	return err;
}

static void relay_sibling(void *state, enum process p, uint32_t epoch)
{
	struct relay *r = state;

	/* Where the relay alone keeps streams in their tunnel, nobody could
	 * stop them now; their calls end with the engine anyhow. */
	if (p == PROC_ENGINE && !epoch &&
	    child_settings(r->child)->tunnel.open)
		control_clear(r->control);
	if (p != PROC_ENGINE || !epoch)
		return; /* calls outlive it; a new keeper has new key ids */
	if (r->engine && r->engine != epoch) {
		log_info("relay", "a new engine: the old one's streams end");
		control_clear(r->control);
	}
	r->engine = epoch;
}

static void relay_stop(void *state)
{
	struct relay *r = state;

	event_base_loopbreak(r->base);
}

static void relay_run(void *state)
{
	struct relay *r = state;
	const struct transform *t = core_find(child_core(r->child),
					      "transform", r->transform);
	int err = t ? control_start(r->control, t) : E_NOTFOUND;

	if (err)
		log_error("relay", "transform %s: %s", r->transform,
			  err_text(err));
	else
		event_base_dispatch(r->base);
	/* before the modules stop: keys are theirs */
	if (r->answers)
		event_del(r->answers);
	control_free(r->control);
	r->control = NULL;
}

static void relay_fini(void *state)
{
	struct relay *r = state;

	control_free(r->control);
	if (r->answers)
		event_free(r->answers);
	if (r->timer)
		event_free(r->timer);
	event_base_free(r->base);
	free(r);
}

const struct child_ops relay_ops = {
	.self = PROC_RELAY,
	.init = relay_init, .prepare = relay_prepare,
	.watch = relay_watch, .watch_write = relay_watch_write,
	.unwatch = relay_unwatch,
	.handle = relay_handle, .sibling = relay_sibling,
	.stop = relay_stop, .run = relay_run, .fini = relay_fini,
};
