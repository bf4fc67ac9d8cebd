/* loop.h - the engine's event loop. loop.c alone knows that it is Sofia's
 * su_root; everything else in the engine watches descriptors and sets timers
 * through these calls. One thread. */
#ifndef CALLSEAL_LOOP_H
#define CALLSEAL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_watch;
struct loop_timer;

typedef void (*loop_fd_fn)(void *user, bool readable, bool writable);
typedef void (*loop_timer_fn)(void *user);

int loop_new(struct loop **out);
void loop_free(struct loop *l);
/* Runs until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Runs what is due for at most ms milliseconds: for tests. */
void loop_step(struct loop *l, unsigned ms);
/* The su_root_t, for modules/sip only. */
void *loop_root(struct loop *l);

/* Watches fd (borrowed) for reading, and for writing when write is set. */
int loop_watch(struct loop *l, int fd, loop_fd_fn fn, void *user,
	       struct loop_watch **out);
void loop_watch_write(struct loop_watch *w, bool write);
void loop_unwatch(struct loop_watch *w); /* NULL is allowed */

/* A one-shot timer, unarmed; may be set again at any time, also from fn. */
int loop_timer_new(struct loop *l, loop_timer_fn fn, void *user,
		   struct loop_timer **out);
void loop_timer_set(struct loop_timer *t, unsigned ms); /* replaces */
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is allowed */

#endif
