/* recall.h - what a peer said of itself when it last answered an offer of ours,
 * in the keeper's memory: a hint which one message the next offer needs
 * (alternatives.h). It decides nothing: both lists are in every offer, and the
 * rule gives the choice. */
#ifndef CALLSEAL_KEEPER_RECALL_H
#define CALLSEAL_KEEPER_RECALL_H

#include "daemon/keeper/clerk/clerk.h"
#include "daemon/keeper/rank.h"

/* False: nothing is known, or it cannot be read. */
bool recall_get(const struct clerk_services *s, const char *peer,
		struct rank_lists *out);
/* After an answer that was accepted. One without lists (ranked is false) is of
 * a far end that does not know them: then it has the one method and suite. */
void recall_put(const struct clerk_services *s, const char *peer,
		const struct keying_result *res);
/* What was recalled did not lead to a call: the next offer has everything. */
void recall_forget(const struct clerk_services *s, const char *peer);

#endif
