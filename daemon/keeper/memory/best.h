/* best.h - the best protection that a far end managed, in the keeper's memory:
 * where a profile prefers sealing, whom we once sealed a call with is not
 * spoken to in clear, or one forged refusal would be enough. Keeper. */
#ifndef CALLSEAL_KEEPER_BEST_H
#define CALLSEAL_KEEPER_BEST_H

#include "daemon/keeper/clerk/clerk.h"
#include "daemon/keeper/memory/memory.h"

/* The record's name for a far end of a peer: the peer's, and the host of its
 * identity. "" where nothing is to be remembered (no peer that prefers). */
void best_name(const struct peer *peer, const char *remote_id,
	       char out[static MEMORY_NAME_TEXT]);
/* A call with it was sealed: it answered an offer of ours with keys, however
 * much that proves, or it proved a credential by an offer of its own. (Of the
 * unproven offers that come in none counts: anybody could send one, and so
 * keep others from plain calls.) Losses are logged: the next call raises
 * again, and while there is no place best_plain() allows nothing. */
void best_raise(const struct clerk_services *s, const char *name);
/* Whether the call of a plain request may be plain, by our own policy and
 * memory: 0 or E_POLICY with the reason and the cure. */
int best_plain(const struct clerk_services *s, const struct msg_key_plain *m,
	       struct keying_fault *why);

#endif
