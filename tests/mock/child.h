/* child.h - a child process's services for tests: its configuration from a
 * text, and what it sends caught in a queue instead of a socket. Give it
 * modules_of() by linking tests/mock/child.c, which knows a "mikey" group. */
#ifndef CALLSEAL_MOCK_CHILD_H
#define CALLSEAL_MOCK_CHILD_H

#include "daemon/child.h"

#define MOCK_SENT_MAX 256
#define MOCK_BODY_MAX 4096

struct mock_sent {
	enum process to;
	enum message type;
	uint64_t id;
	size_t len, tail_len;
	/* union: aligned for every message struct */
	union {
		uint64_t align;
		uint8_t bytes[MOCK_BODY_MAX];
	} body;
	uint8_t tail[MOCK_BODY_MAX];
};

/* Aborts the test on a wrong configuration. process_state for the core is
 * given later, by mock_child_core(). */
struct child *mock_child_new(const char *conf);
void mock_child_core(struct child *c, void *process_state);
/* Another configuration, before the process is told. The old one is freed. */
void mock_child_conf(struct child *c, const char *conf);
void mock_child_free(struct child *c);
/* child_send() to p returns err from now on (0: works). */
void mock_child_refuse(struct child *c, enum process p, int err);
/* What child_file() gives for a name. */
void mock_child_file(struct child *c, const char *name, int fd);
/* Takes the oldest message of this type (MSG_NONE: of any) out of the queue;
 * NULL when there is none. Valid until the next call. */
const struct mock_sent *mock_child_take(struct child *c, enum message type);
size_t mock_child_count(const struct child *c, enum message type);
unsigned mock_child_reloads(const struct child *c);

#endif
