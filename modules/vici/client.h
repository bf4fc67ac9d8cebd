/* client.h - an asynchronous client of strongSwan's VICI socket on libevent.
 *
 * It connects, asks for the version, registers for the events of its settings,
 * and is then "up": requests go out one after the other, since an answer does
 * not say what it answers. When the connection is lost, or one request is not
 * answered in time (some bad input gets no answer at all, and neither does
 * anything while charon hangs), the connection is closed, everything pending
 * fails, and after a pause it begins anew, events included. So nothing is ever
 * sent twice, and what was loaded into a charon that went away is to be loaded
 * again by whoever is told "up".
 *
 * The loop belongs to the caller; nothing blocks; one thread. Callbacks come
 * from the loop only, never from inside vici_client_new() or _request(). Every
 * function may be called inside every callback, vici_client_free() too. */
#ifndef CALLSEAL_VICI_CLIENT_H
#define CALLSEAL_VICI_CLIENT_H

#include "modules/vici/message.h"
#include "modules/vici/version.h"

struct event_base;

/* Requests that may be pending, and their octets together: past either,
 * E_FULL. */
#define VICI_QUEUE_MAX 256
#define VICI_QUEUE_BYTES (4 * 1024 * 1024)

struct vici_down {
	int err; /* E_CLOSED, E_TIMEOUT, E_FORMAT: it talked nonsense, E_IO,
		  * E_NOMEM, E_UNSUPPORTED: too old, or lacks an event */
	const char *why; /* one line for the log; borrowed for the call */
	bool was_up;
	unsigned retry_ms; /* until the next attempt */
};

struct vici_client_ops {
	void (*up)(void *user, const struct vici_version *version);
	/* A connection or an attempt ended. Whatever was pending has been
	 * answered before. */
	void (*down)(void *user, const struct vici_down *down);
	/* Only while up; the message is well-formed and borrowed for the
	 * call. */
	void (*event)(void *user, const char *name, const void *message,
		      size_t len);
};

/* All is borrowed and outlives the client. */
struct vici_client_settings {
	const char *path;           /* of charon's socket */
	const char *const *events;  /* names, NULL-terminated; or NULL */
	unsigned greet_ms;          /* from connecting to up, at most */
	unsigned retry_min_ms;      /* first pause; doubled each time */
	unsigned retry_max_ms;
	unsigned steady_ms;         /* once up so long, the first pause again */
};

#define VICI_CLIENT_DEFAULTS { .path = "/run/charon.vici", .greet_ms = 3000, \
	.retry_min_ms = 200, .retry_max_ms = 10000, .steady_ms = 30000 }

struct vici_client;

/* Begins to connect as soon as the loop runs. E_ARG when the path does not fit
 * a socket address or a name is none, E_NOMEM. */
int vici_client_new(struct event_base *base,
		    const struct vici_client_settings *settings,
		    const struct vici_client_ops *ops, void *user,
		    struct vici_client **out);
/* Answers all that is pending with E_CLOSED before it returns; nothing is
 * called any more after that. NULL is allowed. */
void vici_client_free(struct vici_client *c);
bool vici_client_is_up(const struct vici_client *c);
/* Requests without an answer yet. */
unsigned vici_client_pending(const struct vici_client *c);

/* err is 0 and message (borrowed for the call) the response, well-formed; or
 * E_UNSUPPORTED: charon knows no such command or event, E_TIMEOUT, E_CLOSED,
 * E_FORMAT; message is then empty. */
typedef void (*vici_done_fn)(void *user, int err, const void *message,
			     size_t len);
typedef void (*vici_each_fn)(void *user, const void *message, size_t len);

struct vici_request {
	const char *command;
	const struct buf *message; /* copied; NULL: empty */
	const char *stream; /* the event that the command streams, or NULL;
			     * borrowed until the answer: a literal */
	unsigned timeout_ms; /* from now on; one that has not left by then
			      * costs nobody else anything */
	vici_each_fn each;  /* each streamed event; may be NULL */
	vici_done_fn done;  /* once, if vici_client_request() gave 0 */
	void *user;
};

/* E_STATE while not up: nothing waits for a charon that is not there. E_FULL,
 * E_ARG, E_SPACE, E_NOMEM. The copy of the message is wiped. */
int vici_client_request(struct vici_client *c, const struct vici_request *rq);

#endif
