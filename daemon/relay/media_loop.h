/* media_loop.h - how a worker waits for packets and sends them: one small
 * record, two ways (epoll.c, uring.c). All but open() and close() run on the
 * worker's thread. */
#ifndef CALLSEAL_MEDIA_LOOP_H
#define CALLSEAL_MEDIA_LOOP_H

#include "daemon/base/addr.h"
#include "daemon/relay/packet.h"
#include "daemon/relay/stream.h"

#include <stdint.h>

struct media; /* a loop's own state */

/* What a loop calls. */
struct media_user {
	/* A packet came in on port; len 0 and above PACKET_MAX are refused
	 * there. On 0 it is to be sent as way says, before anything else is
	 * done with the stream. */
	int (*packet)(void *user, struct media_port *port, struct packet *p,
		      struct packet_way *way);
	/* wake_fd is readable: take the mail. Ports may come and go. */
	void (*mail)(void *user);
	void *user;
	int wake_fd;
	const struct clock *clock;
};

struct media_loop {
	const char *name; /* the value of media.loop */
	/* What the kernel must allow is asked for here, before the process is
	 * confined; the main thread. u is copied. E_UNSUPPORTED: take another
	 * loop. */
	int (*open)(const struct media_user *u, struct media **out);
	/* The thread that will run the loop says so, once. */
	int (*begin)(struct media *m);
	/* Receives on the port from now on; port->slot is the loop's. */
	int (*add)(struct media *m, struct media_port *port);
	/* No more of it. The caller may close the socket at once. */
	void (*remove)(struct media *m, struct media_port *port);
	/* One round: waits up to wait_ms, then handles what is there. */
	int (*step)(struct media *m, unsigned wait_ms);
	void (*close)(struct media *m);
};

extern const struct media_loop media_epoll, media_uring;

#endif
