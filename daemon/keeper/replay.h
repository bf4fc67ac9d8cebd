/* replay.h - the replay cache: which keying messages were accepted, and in
 * which INVITE, as long as their timestamps could be accepted again (RFC 3830
 * 5.4). Kept in a file, so that a restart forgets nothing. */
#ifndef CALLSEAL_KEEPER_REPLAY_H
#define CALLSEAL_KEEPER_REPLAY_H

#include "daemon/message.h"

#include <stddef.h>
#include <stdint.h>

/* One message and where it came in. */
struct replay_case {
	const uint8_t *hash; /* SHA-256 of the message */
	const struct msg_key_origin *origin;
	const char *peer;
	uint64_t now_us; /* UTC */
};

struct replay;

/* fd is an open file (read and write; borrowed) or -1: memory only. What the
 * file holds is read and what is over is cut out. most bounds the entries;
 * window_us is how long a message stays acceptable. An empty file is a first
 * start; one that cannot be trusted makes every message refused that may have
 * been seen before, which is all for one window. */
int replay_new(int fd, size_t most, uint64_t window_us, uint64_t now_us,
	       struct replay **out);
void replay_free(struct replay *r);
/* Another window from now on. */
void replay_window(struct replay *r, uint64_t window_us, uint64_t now_us);

enum replay_verdict {
	REPLAY_NEW,
	REPLAY_BRANCH, /* the same INVITE on a further branch: legal */
	REPLAY_SEEN    /* refuse it */
};

enum replay_verdict replay_check(const struct replay *r,
				 const struct replay_case *c);
/* Remembers an accepted message of that timestamp (UTC). Nothing must be
 * answered before this succeeded. E_EXPIRED: it is so old that it may have
 * been seen and forgotten. E_FULL, E_NOMEM, E_IO. */
int replay_add(struct replay *r, const struct replay_case *c,
	       uint64_t stamp_us);
size_t replay_count(const struct replay *r);

#endif
