/* control.h - the control module's own structs. Engine thread. */
#ifndef CALLSEAL_CONTROL_H
#define CALLSEAL_CONTROL_H

#include "daemon/base/buf.h"
#include "daemon/engine/engine.h"

#define REQUEST_MAX 4096             /* bytes of one request line */
#define REPLY_MAX (16 * 1024 * 1024) /* bytes that may wait for a client */
#define CLIENTS_MAX 16
#define SLOW_MS 10000 /* a client that takes nothing for so long is dropped */

/* One connection. Requests are answered in order, one at a time. */
struct client {
	struct client *next;
	struct control *control;
	uint64_t token;  /* never reused */
	int fd;
	struct loop_watch *watch;
	struct loop_timer *slow;
	char in[REQUEST_MAX];
	size_t in_len;
	struct buf out;
	size_t out_off;  /* written already */
	bool waiting;    /* an answer comes later */
	uint64_t call;   /* what it is about */
	const char *glance; /* member of the reply that comes */
	bool input_over; /* it sends no more; closed when all is written */
	bool dead;
	bool measured;   /* the counters came before anybody waited */
	unsigned tries;
};

struct control {
	struct engine *engine;
	int fd; /* lent by the child */
	struct loop_watch *watch;
	struct client *clients;
	unsigned n_clients;
	uint64_t last_token;
};

/* client.c: takes fd, also on failure. */
int client_new(struct control *control, int fd);
/* The answer that command_run() left for later (takes the reference); goes on
 * with what the client sent meanwhile. The client may be gone afterwards. */
void client_reply_late(struct client *c, json_t *reply);
void client_free(struct client *c);

/* command.c: runs one request line; the reply, or NULL if it comes later by
 * client_reply_late(), the client's waiting flag being set. */
json_t *command_run(struct client *c, const char *line, size_t len);
/* {"ok":false,"error":text} */
json_t *command_error(const char *text);

#endif
