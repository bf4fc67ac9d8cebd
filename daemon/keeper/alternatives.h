/* alternatives.h - the keeper's part of the negotiation by priority (rank.h):
 * which messages an offer of ours has, and which of a far end's we answer. No
 * key is used before that message is proven by its method. */
#ifndef CALLSEAL_KEEPER_ALTERNATIVES_H
#define CALLSEAL_KEEPER_ALTERNATIVES_H

#include "daemon/bundle.h"
#include "daemon/keeper/clerk/permit.h"
#include "daemon/keeper/rank.h"

/* One message of an offer. */
struct alternative {
	const struct keying *method;
	struct keying_pending *pending; /* owned */
	uint32_t bundle; /* CSB ID, by which its answer is known */
	bool early;      /* it fixes the keys of a suite, for every branch */
};

void alternatives_drop(const struct alternative *alt, size_t n);

/* -- our offer ------------------------------------------------------------ */

/* All is borrowed. */
struct alternatives_ask {
	const struct clerk_services *services;
	const struct peer *peer;
	const struct keying_terms *terms; /* keys and ranks are filled in */
	/* What the peer said of itself when it last answered: the offer then
	 * has the message alone to which both lists lead. NULL: all of them. */
	const struct rank_lists *theirs;
};

struct alternatives_made {
	size_t n;
	struct alternative alt[BUNDLE_MAX]; /* the actual one first; owned */
	struct keying_result early; /* of the actual one; secret: wipe it */
	bool recalled; /* what the peer said made it the only one */
};

/* Whether a method takes part in the negotiation: those of MIKEY do. */
bool alternatives_apply(const struct keying *k);
/* Makes the messages into tail, packed (bundle.h). An alternative that cannot
 * be made (no certificate of the peer, say) is left out, of the lists, too;
 * that the actual one can not is the failure. */
int alternatives_offer(const struct alternatives_ask *ask, struct buf *tail,
		       struct alternatives_made *out,
		       struct keying_fault *fault);

/* -- theirs --------------------------------------------------------------- */

struct alternatives_pick {
	bool ranked; /* else the offer has no lists, and the rest is zero */
	bool by_rank; /* both sides go by the sum of ranks */
	size_t i;    /* which of its messages */
	struct permit permit;
	enum suite suite;
	uint8_t id[RANK_HASH];     /* what the whole offer is known by */
	uint8_t ext[RANK_EXT_MAX]; /* for our response */
	size_t ext_len;
};

/* By the rule. Holds the offer against its own hash and refuses when a message
 * was taken out, put in, exchanged or moved (E_AUTH), and when the message that
 * the lists lead to is not there (E_UNSUPPORTED): it never falls back to
 * another one. Nothing is authenticated here. */
int alternatives_choose(const struct clerk_services *s,
			const struct peer *peer, const struct bundle *offer,
			struct alternatives_pick *out,
			struct keying_fault *fault);

#endif
