/* best.h - the best protection that a far end managed, in the keeper's memory:
 * where a profile prefers sealing, whom we once sealed a call with is not
 * spoken to in clear, or one forged refusal would be enough. Keeper. */
#ifndef CALLSEAL_KEEPER_BEST_H
#define CALLSEAL_KEEPER_BEST_H

#include "daemon/keeper/clerk.h"
#include "daemon/keeper/memory.h"

/* The record's name for a far end of a peer: the peer's, and the host of its
 * identity. "" where nothing is to be remembered (no peer that prefers). */
void best_name(const struct peer *peer, const char *remote_id,
	       char out[static MEMORY_NAME_TEXT]);
/* It proved a credential. Losses are logged: the next call raises again. */
void best_raise(const struct clerk_services *s, const char *name);
/* Whether the call of a plain request may be plain, by our own policy and
 * memory: 0 or E_POLICY with the reason and the cure. */
int best_plain(const struct clerk_services *s, const struct msg_key_plain *m,
	       struct keying_fault *why);

#endif
