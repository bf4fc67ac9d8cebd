/* sessions.h - the session keys of a call whose messages are sealed whole (RFC
 * 3261 23.4): one of our making and one of the far end's. Keeper. */
#ifndef CALLSEAL_KEEPER_SESSIONS_H
#define CALLSEAL_KEEPER_SESSIONS_H

#include "daemon/keeper/bodies.h"

/* Zero: there are none. Whoever owns it wipes it. */
struct sessions {
	struct bodies_session key[BODIES_SESSIONS]; /* ours first, if any */
	size_t n;
	bool ours;
	bool shared; /* the far end has used ours */
	bool anew;   /* they were lost, once */
	char whom[IDENTITY_TEXT]; /* with whom they are shared; "": none yet */
};

/* Sets what seals the next message: a key that the far end has, else one of
 * ours, which it gets along with it. anew: it has lost what it had, which
 * counts once in a call. Borrowed as long as s stays so. Without random numbers
 * none is set. */
void sessions_seal(struct sessions *s, bool anew, struct bodies_terms *t);
/* Sets those that may open one. Borrowed the same way. Both forget what was
 * shared with another far end than t's: a call that is redirected. */
void sessions_open(struct sessions *s, struct bodies_terms *t);
/* Takes what a message that is believed brought and showed; it was opened by
 * those of sessions_open(). */
void sessions_opened(struct sessions *s, const struct bodies_opened *o);

#endif
