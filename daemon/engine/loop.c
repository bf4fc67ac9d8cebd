/* loop.c - the engine's event loop on Sofia's su_root. See loop.h.
 *
 * A foreign loop cannot carry Sofia's sockets (the header it would need is
 * not installed), so Sofia's carries ours. su_root_register() gives the first
 * argument of a callback to the root's magic and the last to ours; a
 * descriptor is known by the index which register returned, and its event
 * mask is changed in place.
 *
 * Sofia's own su_root_run() spins: it counts in whole milliseconds, and in the
 * last one before a timer is due it polls without waiting (with transactions
 * lingering after a load: 6 % of a CPU). So we run it step by step, and when
 * some steps running said "now" wait up to a millisecond for events on Sofia's
 * epoll descriptor, which must be found among those that su_root_create()
 * opened.
 *
 * Its timers go by the wall clock: a step of it would end every transaction
 * that is open, or leave it without repetitions for as long. The library lets
 * itself be given another time by a variable that no header declares (configure
 * pins its version); it gets one that never steps. */
#include "daemon/engine/loop.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sofia-sip/su.h>
#include <sofia-sip/su_wait.h>

#define FD_LOOK 256 /* descriptors below this are looked at */
#define STEP_MAX_MS 1000
#define HASTY_STEPS 4

/* Called with the wall clock in *now. */
extern void (*_su_time)(su_time_t *now);

struct loop {
	su_root_t *root;
	int outer;    /* an epoll that holds Sofia's; -1: not found */
	bool stopped; /* also before loop_run() */
};

struct loop_watch {
	struct loop *loop;
	loop_fd_fn fn;
	void *user;
	int fd;
	int index; /* in the root */
	int busy;  /* inside fn */
	bool gone; /* unwatched while busy */
};

struct loop_timer {
	su_timer_t *timer;
	loop_timer_fn fn;
	void *user;
};

static void note_open(bool open[FD_LOOK])
{
	int fd;

	for (fd = 0; fd < FD_LOOK; fd++)
		open[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* Only an epoll descriptor can tell that it does not have another. */
static bool is_epoll(int fd, int other)
{
	return epoll_ctl(fd, EPOLL_CTL_DEL, other, NULL) < 0 && errno == ENOENT;
}

/* An epoll descriptor with Sofia's in it, or -1. */
static int find_epoll(const bool before[FD_LOOK])
{
	struct epoll_event ev = { .events = EPOLLIN };
	int outer = epoll_create1(EPOLL_CLOEXEC);
	int other = eventfd(0, EFD_CLOEXEC), fd;
	bool found = false;

	for (fd = 0; outer >= 0 && other >= 0 && !found && fd < FD_LOOK; fd++)
		if (!before[fd] && fd != outer && is_epoll(fd, other))
			found = !epoll_ctl(outer, EPOLL_CTL_ADD, fd, &ev);
	if (other >= 0)
		close(other);
	if (!found && outer >= 0)
		close(outer);
	return found ? outer : -1;
}

/* Since 1900, as all of Sofia's, but only its differences count. */
static void steady(su_time_t *now)
{
	uint64_t us = clock_mono_us(&clock_system);

	now->tv_sec = SU_TIME_EPOCH + (unsigned long)(us / 1000000);
	now->tv_usec = (unsigned long)(us % 1000000);
}

int loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof *l);
	bool open[FD_LOOK];

	if (!l)
		return E_NOMEM;
	if (su_init()) {
		free(l);
		return E_INTERNAL;
	}
	_su_time = steady;
	note_open(open);
	l->root = su_root_create(NULL);
	if (!l->root) {
		su_deinit();
		free(l);
		return E_NOMEM;
	}
	su_root_threading(l->root, 0);
	l->outer = find_epoll(open);
	*out = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->outer >= 0)
		close(l->outer);
	su_root_destroy(l->root);
	su_deinit();
	free(l);
}

void loop_run(struct loop *l)
{
	struct epoll_event ev;
	unsigned hasty = 0;

	if (l->outer < 0 && !l->stopped)
		su_root_run(l->root);
	while (!l->stopped) {
		if (su_root_step(l->root, STEP_MAX_MS))
			hasty = 0; /* nothing happened, it did wait */
		else if (++hasty % HASTY_STEPS == 0)
			epoll_wait(l->outer, &ev, 1, 1);
	}
	l->stopped = false;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
	su_root_break(l->root);
}

void loop_step(struct loop *l, unsigned ms)
{
	su_root_step(l->root, (su_duration_t)ms);
}

void *loop_root(struct loop *l)
{
	return l->root;
}

static int on_events(su_root_magic_t *magic, su_wait_t *wait,
		     su_wakeup_arg_t *arg)
{
	struct loop_watch *w = (struct loop_watch *)arg;
	int events = su_wait_events(wait, w->fd);
	/* A closed or failed descriptor reads as readable, so that the reader
	 * meets the end itself. */
	bool in = events & (SU_WAIT_IN | SU_WAIT_ERR | SU_WAIT_HUP);
	bool out = events & SU_WAIT_OUT;

	(void)magic;
	w->busy++;
	w->fn(w->user, in, out);
	w->busy--;
	if (w->gone && !w->busy)
		free(w);
	return 0;
}

int loop_watch(struct loop *l, int fd, loop_fd_fn fn, void *user,
	       struct loop_watch **out)
{
	struct loop_watch *w = calloc(1, sizeof *w);
	su_wait_t wait[1] = { SU_WAIT_INIT };

	if (!w)
		return E_NOMEM;
	w->loop = l;
	w->fn = fn;
	w->user = user;
	w->fd = fd;
	if (su_wait_create(wait, fd, SU_WAIT_IN)) {
		free(w);
		return E_IO;
	}
	w->index = su_root_register(l->root, wait, on_events,
				    (su_wakeup_arg_t *)w, 0);
	if (w->index < 0) {
		su_wait_destroy(wait);
		free(w);
		return E_NOMEM;
	}
	*out = w;
	return 0;
}

void loop_watch_write(struct loop_watch *w, bool write)
{
	su_root_eventmask(w->loop->root, w->index, w->fd,
			  SU_WAIT_IN | (write ? SU_WAIT_OUT : 0));
}

void loop_unwatch(struct loop_watch *w)
{
	if (!w || w->gone)
		return;
	su_root_deregister(w->loop->root, w->index);
	w->gone = true;
	if (!w->busy)
		free(w);
}

static void on_timer(su_root_magic_t *magic, su_timer_t *timer,
		     su_timer_arg_t *arg)
{
	struct loop_timer *t = (struct loop_timer *)arg;

	(void)magic;
	(void)timer;
	t->fn(t->user);
}

int loop_timer_new(struct loop *l, loop_timer_fn fn, void *user,
		   struct loop_timer **out)
{
	struct loop_timer *t = calloc(1, sizeof *t);

	if (!t)
		return E_NOMEM;
	t->fn = fn;
	t->user = user;
	t->timer = su_timer_create(su_root_task(l->root), 0);
	if (!t->timer) {
		free(t);
		return E_NOMEM;
	}
	*out = t;
	return 0;
}

void loop_timer_set(struct loop_timer *t, unsigned ms)
{
	su_timer_set_interval(t->timer, on_timer, (su_timer_arg_t *)t,
			      (su_duration_t)ms);
}

void loop_timer_stop(struct loop_timer *t)
{
	su_timer_reset(t->timer);
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	su_timer_destroy(t->timer);
	free(t);
}
