/* keep.h - when keep-alives are due (RFC 3948 4): one for each far end of ESP
 * in UDP, however many tunnels lead there, while there is one. Pure; the clock
 * is passed in. One thread. */
#ifndef CALLSEAL_XFRM_KEEP_H
#define CALLSEAL_XFRM_KEEP_H

#include "daemon/base/addr.h"

struct keep;

struct keeps {
	struct keep *first;
	uint64_t every_us;
};

/* One more that needs far (address and port) kept; the first is due at once.
 * E_NOMEM. */
int keeps_add(struct keeps *k, const struct addr *far);
/* One less; far was added. */
void keeps_remove(struct keeps *k, const struct addr *far);
typedef void (*keep_fn)(void *user, const struct addr *far);
/* Gives fn those that are due. Returns in how many microseconds the next one
 * is; UINT64_MAX: none will be. */
uint64_t keeps_tick(struct keeps *k, uint64_t now_us, keep_fn fn, void *user);
void keeps_free(struct keeps *k);

#endif
