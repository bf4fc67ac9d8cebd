/* loop.c - the engine's loop for tests, on poll(), without Sofia. Small
 * numbers of watches and timers; real time. See daemon/engine/loop.h. */
#include "daemon/engine/loop.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"

#include <poll.h>
#include <stdlib.h>

#define POLL_MAX 64

struct loop {
	struct loop_watch *watches;
	struct loop_timer *timers;
	bool stopped;
};

struct loop_watch {
	struct loop_watch *next;
	struct loop *loop;
	int fd; /* -1: unwatched, freed by the loop */
	bool write;
	loop_fd_fn fn;
	void *user;
};

struct loop_timer {
	struct loop_timer *next;
	struct loop *loop;
	uint64_t due_us; /* 0: unarmed */
	loop_timer_fn fn;
	void *user;
};

int loop_new(struct loop **out)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : E_NOMEM;
}

static void sweep(struct loop *l)
{
	struct loop_watch **slot = &l->watches, *w;

	while ((w = *slot))
		if (w->fd < 0) {
			*slot = w->next;
			free(w);
		} else {
			slot = &w->next;
		}
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	sweep(l);
	free(l);
}

static void run_timers(struct loop *l)
{
	uint64_t now = clock_mono_us(&clock_system);
	struct loop_timer *t = l->timers, *next;

	for (; t; t = next) {
		next = t->next;
		if (!t->due_us || now < t->due_us)
			continue;
		t->due_us = 0;
		t->fn(t->user);
	}
}

static int until_timer(const struct loop *l, unsigned ms)
{
	uint64_t now = clock_mono_us(&clock_system), left;
	const struct loop_timer *t = l->timers;

	for (; t; t = t->next) {
		if (!t->due_us)
			continue;
		left = t->due_us > now ? (t->due_us - now) / 1000 + 1 : 0;
		if (left < ms)
			ms = (unsigned)left;
	}
	return (int)ms;
}

void loop_step(struct loop *l, unsigned ms)
{
	struct loop_watch *watch[POLL_MAX], *w = l->watches;
	struct pollfd fds[POLL_MAX];
	nfds_t n = 0;

	for (; w && n < POLL_MAX; w = w->next) {
		if (w->fd < 0)
			continue;
		fds[n].fd = w->fd;
		fds[n].events = (short)(POLLIN | (w->write ? POLLOUT : 0));
		fds[n].revents = 0;
		watch[n++] = w;
	}
	if (poll(fds, n, until_timer(l, ms)) > 0)
		for (nfds_t i = 0; i < n; i++)
			if (watch[i]->fd >= 0 && fds[i].revents)
				watch[i]->fn(watch[i]->user,
					fds[i].revents & ~POLLOUT,
					fds[i].revents & POLLOUT);
	run_timers(l);
	sweep(l);
}

void loop_run(struct loop *l)
{
	while (!l->stopped)
		loop_step(l, 1000);
	l->stopped = false;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}

void *loop_root(struct loop *l)
{
	(void)l;
	return NULL;
}

int loop_watch(struct loop *l, int fd, loop_fd_fn fn, void *user,
	       struct loop_watch **out)
{
	struct loop_watch *w = calloc(1, sizeof *w);

	if (!w)
		return E_NOMEM;
	*w = (struct loop_watch){ l->watches, l, fd, false, fn, user };
	l->watches = w;
	*out = w;
	return 0;
}

void loop_watch_write(struct loop_watch *w, bool write)
{
	w->write = write;
}

void loop_unwatch(struct loop_watch *w)
{
	if (w)
		w->fd = -1;
}

int loop_timer_new(struct loop *l, loop_timer_fn fn, void *user,
		   struct loop_timer **out)
{
	struct loop_timer *t = calloc(1, sizeof *t);

	if (!t)
		return E_NOMEM;
	*t = (struct loop_timer){ l->timers, l, 0, fn, user };
	l->timers = t;
	*out = t;
	return 0;
}

void loop_timer_set(struct loop_timer *t, unsigned ms)
{
	t->due_us = clock_mono_us(&clock_system) + ms * 1000ull + 1;
}

void loop_timer_stop(struct loop_timer *t)
{
	t->due_us = 0;
}

void loop_timer_free(struct loop_timer *t)
{
	struct loop_timer **slot;

	if (!t)
		return;
	for (slot = &t->loop->timers; *slot != t; slot = &(*slot)->next)
		;
	*slot = t->next;
	free(t);
}
