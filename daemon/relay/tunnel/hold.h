/* hold.h - packets of a phone that wait until its stream's tunnel may be used,
 * the first perhaps until its answer has told where it sends from.
 *
 * Bounded in time, packets and bytes: what comes when it is full, or waits too
 * long, costs the oldest. Memory is had for what is in it only. One thread. */
#ifndef CALLSEAL_HOLD_H
#define CALLSEAL_HOLD_H

#include "daemon/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An ACK that is lost once comes half a second later (RFC 3261 13.3.1.4, T1),
 * one that is lost twice after a second and a half. */
#define HOLD_US UINT64_C(2000000)
#define HOLD_PACKETS 128
#define HOLD_BYTES (64 * 1024)

struct held {
	struct held *next;
	uint64_t at_us;    /* when it came */
	struct addr from;  /* counts where nothing was said of its source yet */
	bool early;        /* so it is */
	uint8_t component; /* of the port where it came in */
	size_t len;
	uint8_t data[];
};

/* All zero at first. */
struct hold {
	struct held *first, **last; /* the oldest first */
	size_t n, bytes;
};

/* Copies one in. Returns how many others had to go. E_NOMEM, E_SPACE: it was
 * not taken. */
int hold_put(struct hold *h, const struct held *what, const uint8_t *data);
/* Drops what waits too long; how many. */
unsigned hold_age(struct hold *h, uint64_t now_us);
/* The oldest, now the caller's to free(); NULL: none. */
struct held *hold_take(struct hold *h);
void hold_clear(struct hold *h);

#endif
