/* hold.h - packets of a phone that wait until its stream's tunnel may be used,
 * the first perhaps until its answer has told where it sends from.
 *
 * Bounded in time, packets and bytes, and all holds together in bytes: what
 * comes when it is full, or waits too long, costs the oldest. Memory is had for
 * what is in it only. One thread; the room is shared by those of all. */
#ifndef CALLSEAL_HOLD_H
#define CALLSEAL_HOLD_H

#include "daemon/base/addr.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As long as a call waits for its tunnel: charon has eight seconds for it, its
 * far end ten. An ACK that is lost once comes half a second later (RFC 3261
 * 13.3.1.4, T1), one that is lost three times after three and a half. */
#define HOLD_US UINT64_C(10000000)
/* That time of speech in packets of 20 ms, with RTCP. */
#define HOLD_PACKETS 512
#define HOLD_BYTES (128 * 1024)
/* Of all streams: 150 that wait for all that time, 1000 for a second and a
 * half. */
#define HOLD_ROOM (32 * 1024 * 1024)

/* What all holds have in memory. All zero at first. */
struct hold_room {
	atomic_size_t bytes;
};

struct held {
	struct held *next;
	uint64_t at_us;    /* when it came */
	struct addr from;  /* counts where nothing was said of its source yet */
	bool early;        /* so it is */
	uint8_t component; /* of the port where it came in */
	size_t len;
	uint8_t data[];
};

/* All zero at first, but for the room. */
struct hold {
	struct hold_room *room;     /* borrowed; NULL: without end */
	struct held *first, **last; /* the oldest first */
	size_t n, bytes;
};

/* Copies one in. Returns how many had to go, this one among them where there
 * is no room for any. E_NOMEM, E_SPACE: it was not taken. */
int hold_put(struct hold *h, const struct held *what, const uint8_t *data);
/* Drops what waits too long; how many. */
unsigned hold_age(struct hold *h, uint64_t now_us);
/* The oldest, now the caller's to free(); NULL: none. */
struct held *hold_take(struct hold *h);
void hold_clear(struct hold *h);

#endif
