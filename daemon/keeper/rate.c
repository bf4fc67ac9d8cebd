/* rate.c - token buckets. A busy peer's calls pass (2000 a second). An offer
 * that is not authentic costs what a call costs and no more: anybody can send
 * one in the peer's name, and must not block the peer so. (Nobody guesses 128
 * bits at any rate; what is spared is the keeper's time.) */
#include "daemon/keeper/rate.h"

#define PER_SECOND 2000
#define BURST 4000

unsigned rate_slot(const char *peer)
{
	uint32_t h = 0x811c9dc5u;

	for (; *peer; peer++)
		h = (h ^ (uint8_t)*peer) * 0x01000193u;
	return h % RATE_SLOTS;
}

bool rate_take(struct rate *r, const char *peer, unsigned cost,
	       uint64_t now_us)
{
	unsigned i = rate_slot(peer);
	double t = r->slot[i].tokens;
	bool had;

	if (!r->slot[i].then_us)
		t = BURST;
	else
		t += (double)(now_us - r->slot[i].then_us) * PER_SECOND / 1e6;
	if (t > BURST)
		t = BURST;
	had = t > 0;
	if (t > -BURST)
		t -= cost;
	r->slot[i].tokens = t;
	r->slot[i].then_us = now_us ? now_us : 1;
	return had;
}
