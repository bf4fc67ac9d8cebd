/* control.h - the relay's main thread without its loop: what engine and
 * keeper ask for, turned into orders for the workers, and their answers.
 * Main thread only. */
#ifndef CALLSEAL_CONTROL_H
#define CALLSEAL_CONTROL_H

#include "daemon/base/clock.h"
#include "daemon/ipc.h"
#include "daemon/relay/transform.h"
#include "daemon/settings.h"

/* How long a STREAM_SET waits for the keys that it names. */
#define CONTROL_PARK_US UINT64_C(5000000)

struct control;

struct control_conf {
	const struct settings *settings; /* what is needed is copied */
	const struct clock *clock;       /* borrowed */
	/* A message for the engine. */
	void (*tell)(void *user, enum message type, uint64_t id,
		     const void *body, size_t len);
	/* Whether the relay's own policy has a peer that may go in clear;
	 * if not, the engine gets no stream that is not sealed. */
	bool (*may_clear)(void *user);
	/* Whether it has a peer whose media go in a tunnel, sealed within or
	 * bare: only then does the kernel guard tunnel.ports, and without that
	 * a stream in a tunnel would be one in clear; and where every tunnel
	 * is to have SRTP within, a bare one is what nobody wants. */
	bool (*may_tunnel)(void *user, bool sealed);
	void *user;
};

/* Opens the workers' loops: before the process is confined. */
int control_new(const struct control_conf *conf, struct control **out);
/* Starts the workers' threads: after it was confined. Once. */
int control_start(struct control *c, const struct transform *t);
/* Ends threads and streams, wipes keys. */
void control_free(struct control *c);
/* "epoll", "uring": which one was taken. */
const char *control_loop(const struct control *c);
/* Readable when workers answered: then control_answers(). */
int control_fd(const struct control *c);
void control_answers(struct control *c);
/* A message of engine or keeper. As ipc_ops.handle. */
int control_message(struct control *c, enum process from,
		    const struct ipc_msg *msg);
/* Another engine than before: it knows none of our streams. */
void control_clear(struct control *c);
/* Fails what waited too long. Returns in how many microseconds it wants to be
 * called again; UINT64_MAX: not at all. */
uint64_t control_tick(struct control *c);
/* For tests and status. */
struct control_counts {
	uint64_t streams;       /* there now */
	uint64_t late;          /* messages about what is gone */
	uint64_t refused_keys;  /* wrong binding or second install */
};
void control_counts(const struct control *c, struct control_counts *out);

#endif
