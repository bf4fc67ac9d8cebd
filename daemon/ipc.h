/* ipc.h - one end of a pair between two processes: a SOCK_SEQPACKET socket,
 * one message a datagram, checked against the message table before anybody
 * sees it.
 *
 * The loop belongs to the caller: ipc_fd() is watched for reading always and
 * for writing while ipc_wants_write(); then ipc_read() / ipc_write(). Sending
 * tries at once and queues what does not fit, up to a bound. One thread. */
#ifndef CALLSEAL_IPC_H
#define CALLSEAL_IPC_H

#include "daemon/message.h"
#include "daemon/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPC_BODY_MAX (128 * 1024) /* bytes of one message */

/* A message as it arrived. body and tail are borrowed for the call of the
 * handler, aligned for any struct, and may be written to (wipe them). fd is
 * -1 or a descriptor that the handler takes. */
struct ipc_msg {
	enum message type;
	uint64_t id;
	void *body;
	size_t len;          /* of the struct */
	const uint8_t *tail; /* directly behind it */
	size_t tail_len;
	int fd;
};

struct ipc_ops {
	/* MSG_HELLO comes first, here too, and only once. */
	/* Returns 0, or negative if the message broke the rules (wrong state
	 * or values): the pair is closed and reported. An unknown id or a
	 * stale epoch is no such case: count it and return 0. */
	int (*handle)(void *user, struct ipc_msg *msg);
	/* The pair is unusable: E_CLOSED when the other end went away, else
	 * how the peer broke the rules; type is the message that did or 0.
	 * The ipc must not be freed inside. */
	void (*closed)(void *user, int err, enum message type);
	/* Whether to watch for writing has changed. */
	void (*want)(void *user, bool write);
};

struct ipc;

/* Takes the socket. ops is borrowed for the ipc's life. */
int ipc_new(int fd, enum process self, enum process peer,
	    const struct ipc_ops *ops, void *user, struct ipc **out);
void ipc_free(struct ipc *ipc);
int ipc_fd(const struct ipc *ipc);
/* The epoch in the peer's MSG_HELLO; 0 before it came. */
uint32_t ipc_epoch(const struct ipc *ipc);
/* How many messages were refused with E_FULL. */
uint64_t ipc_refused(const struct ipc *ipc);
bool ipc_wants_write(const struct ipc *ipc);
/* Reads what is there (a bounded number of messages) and calls the handler. */
void ipc_read(struct ipc *ipc);
void ipc_write(struct ipc *ipc);

/* Sends a struct and an optional tail; the bytes are copied. fd is -1 or a
 * descriptor that is passed and, on success, closed here. E_FULL when the
 * queue is full (counted), E_ARG when the table does not allow it, E_STATE
 * when MSG_HELLO was not sent first, E_CLOSED when nobody will read it. */
int ipc_send(struct ipc *ipc, enum message type, uint64_t id, const void *body,
	     size_t len, const void *tail, size_t tail_len, int fd);

/* A pair of connected sockets, close-on-exec, non-blocking, with room for
 * IPC_BODY_MAX. */
int ipc_socketpair(int fd[2]);

const char *message_name(enum message type);

/* Checks one datagram against the table: type, direction, sizes, tail length.
 * data must be aligned for uint64_t. The parser that the fuzzer drives. */
int ipc_check(void *data, size_t len, enum process from, enum process to,
	      struct ipc_msg *out);

#endif
