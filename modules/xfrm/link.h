/* link.h - the sockets to the kernel's XFRM. One thread; every call here ends
 * within a second.
 *
 * The kernel works on a request within the sendmsg() that brings it, so its
 * answers lie in the socket when that returns. Requests therefore simply wait
 * (loading a kernel module for an algorithm takes longest: probe at the start).
 * Events come when they come: give their descriptor to a loop. */
#ifndef CALLSEAL_XFRM_LINK_H
#define CALLSEAL_XFRM_LINK_H

#include "modules/xfrm/reply.h"
#include "modules/xfrm/request.h"

struct link;

/* In the network namespace of the calling thread. On failure *why is what to
 * tell the operator (static text). E_UNSUPPORTED: this kernel has no XFRM;
 * E_POLICY: CAP_NET_ADMIN is missing; E_NOMEM, E_IO. */
int link_open(struct link **out, const char **why);
void link_close(struct link *l); /* NULL is allowed */

#define LINK_BATCH 64 /* requests in one batch */

/* Each reply but the acknowledgement of a request that was done; i counts the
 * requests from 0. r is borrowed. */
typedef void (*link_fn)(void *user, size_t i, const struct reply *r);

/* Sends n requests in one sendmsg() and waits for all their ends. done[i] is
 * set for each: 0, or the errno of its refusal. fn may be NULL; it must not run
 * anything itself. 0: all were answered, in whichever way. E_LOST: answers were
 * lost, and what was done must be found out; E_TIMEOUT likewise. done[i] is
 * then -1 for those. E_ARG, E_NOMEM, E_IO: nothing was sent, done is as it
 * was. */
int link_run(struct link *l, const struct request *q, size_t n, int *done,
	     link_fn fn, void *user);

/* Readable when events are there. Owned by the link. */
int link_events_fd(const struct link *l);
/* Gives fn each event that is there (EXPIRE, ACQUIRE, MOVED, and of policies
 * that others add, change or remove), at most 64 at a time.
 * E_LOST: some were lost since the buffer ran over, and those after it will
 * come; look at what there is. E_IO: the socket is broken. */
int link_events(struct link *l, void (*fn)(void *user, const struct reply *r),
		void *user);

#endif
