/* rate.h - how often a peer may make the keeper work. */
#ifndef CALLSEAL_KEEPER_RATE_H
#define CALLSEAL_KEEPER_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_SLOTS 256

/* The slot of a peer in whatever is counted by peer. */
unsigned rate_slot(const char *peer);

/* Token buckets by hash of the peer's name: peers that fall together share
 * one, so nothing has to be allocated or forgotten. Zeroed to begin with. */
struct rate {
	struct {
		uint64_t then_us; /* when it was last filled, monotonic */
		double tokens;
	} slot[RATE_SLOTS];
};

/* Takes cost tokens of the peer's bucket, even below zero; false when it was
 * empty before. */
bool rate_take(struct rate *r, const char *peer, unsigned cost,
	       uint64_t now_us);

#endif
