/* ipc_wire.h - what ipc.c and the message table share. Nobody else includes
 * it. */
#ifndef CALLSEAL_IPC_WIRE_H
#define CALLSEAL_IPC_WIRE_H

#include "daemon/ipc.h"

/* In front of every struct; its size keeps the struct aligned. */
struct ipc_header {
	uint32_t type; /* enum message */
	uint32_t zero;
	uint64_t id;
};

struct message_sizes {
	size_t body, tail;
};

/* 0, or how a message breaks the table: E_UNSUPPORTED for an unknown type,
 * E_POLICY for a wrong direction, E_FORMAT for sizes, texts and counts. */
int message_check(enum message type, enum process from, enum process to,
		  const void *body, struct message_sizes size);
/* Whether it carries a descriptor: then exactly one, else none. */
bool message_has_fd(enum message type);

#endif
