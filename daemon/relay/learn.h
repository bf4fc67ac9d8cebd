/* learn.h - where media goes, and from where it is taken.
 *
 * One struct for each face and component (RTP, RTCP) of a stream. Signalling
 * says the first address; packets may correct it within narrow rules, since a
 * phone or far end may send from another port than it told. Plain struct,
 * nothing to free. One thread. */
#ifndef CALLSEAL_LEARN_H
#define CALLSEAL_LEARN_H

#include "daemon/base/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define LEARN_LOCK 5 /* packets from one address, then it stays */
#define LEARN_MOVE 4 /* packets in a row that make a new address count */
#define LEARN_WINDOW_US UINT64_C(10000000) /* sealed: time for a move */

struct learn {
	struct addr set;   /* as signalling said; family 0: none */
	struct addr now;   /* where media goes; family 0: nowhere */
	struct addr maybe; /* who may take over */
	uint64_t until_us; /* sealed: no move behind this */
	uint64_t top;      /* sealed: highest index of any packet */
	uint8_t run;       /* packets in a row from maybe */
	uint8_t seen;      /* packets from now, up to LEARN_LOCK */
};

/* An address came by signalling. The one that is known already only opens the
 * learning again; another one replaces what was learnt. */
void learn_set(struct learn *l, const struct addr *a, uint64_t now_us);
/* A packet without authentication: whether to take it. may_move says that
 * from is where this face may send at all. */
bool learn_plain(struct learn *l, const struct addr *from, bool may_move);
/* A packet that was authenticated, with its index. It is taken anyway; this
 * decides only where ours go. */
void learn_sealed(struct learn *l, const struct addr *from, uint64_t index,
		  uint64_t now_us);
/* A copy of a packet that was seen: it shows that from is still there. */
void learn_copy(struct learn *l, const struct addr *from);

#endif
