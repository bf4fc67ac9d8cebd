/* permit.h - what the keeper's own policy says to a request. */
#ifndef CALLSEAL_KEEPER_PERMIT_H
#define CALLSEAL_KEEPER_PERMIT_H

#include "daemon/keeper/clerk.h"

/* A keying message of the far end; borrowed. */
struct keying_bytes {
	const uint8_t *data;
	size_t len;
};

/* Everything that a request may use; borrowed from the services. */
struct permit {
	const struct peer *peer;
	const struct secret *psk;            /* NULL when the method ... */
	const struct credential *credential; /* ... needs the other */
	const struct keying *method;
};

/* E_FORMAT if the party breaks the rules of the pair (counts, texts). */
int permit_form(const struct msg_key_party *party);
/* Finds peer, method and key, or says why not and what helps: E_POLICY. The
 * method is the first of the profile's; for an offer of the far end (NULL:
 * ours is to be made) the one of them that takes it, if any does. */
int permit(const struct clerk_services *s, const struct msg_key_party *party,
	   const struct keying_bytes *offer, struct permit *out,
	   struct keying_fault *fault);

#endif
