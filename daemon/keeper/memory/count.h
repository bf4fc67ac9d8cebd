/* count.h - the counters of far ends that have no clock (RFC 3830 5.4): kept in
 * the keeper's memory, so that no message is taken twice, whenever it comes. */
#ifndef CALLSEAL_KEEPER_COUNT_H
#define CALLSEAL_KEEPER_COUNT_H

#include "daemon/keeper/keying.h"
#include "daemon/keeper/memory/memory.h"

/* Whose counter: a peer's and, where a certificate proves it, an identity's. */
struct count_owner {
	const char *peer;
	const char *id; /* NULL: the peer's key is all that is proven */
};

/* Its last counter; not set: there was none, for sure. E_LOST: may be. */
int count_last(const struct memory *m, const struct count_owner *o,
	       struct keying_counter *out);
/* Remembers it. Nothing must be answered before this succeeded. E_FULL (also
 * without a memory), E_NOMEM, E_IO. */
int count_keep(struct memory *m, const struct count_owner *o,
	       struct keying_counter last, uint64_t wall_us);

#endif
