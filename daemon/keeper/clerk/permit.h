/* permit.h - what the keeper's own policy says to a request. */
#ifndef CALLSEAL_KEEPER_PERMIT_H
#define CALLSEAL_KEEPER_PERMIT_H

#include "daemon/keeper/clerk/clerk.h"

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
/* The texts alone, and the call. */
int permit_names(const struct msg_key_party *party);
/* Finds the peer, or says why not and what helps: E_POLICY. */
int permit_peer(const struct clerk_services *s,
		const struct msg_key_party *party, const struct peer **out,
		struct keying_fault *fault);
/* The same for bodies, which have a policy of their own (profile, body). */
int permit_bodies(const struct clerk_services *s,
		  const struct msg_key_party *party, const struct peer **out,
		  struct keying_fault *fault);
/* Our certificates, for a peer whose profile uses them. E_POLICY. */
int permit_credential(const struct clerk_services *s, const struct peer *peer,
		      const struct credential **out,
		      struct keying_fault *fault);
struct permit_ask {
	const struct peer *peer;
	const struct keying_bytes *offer; /* NULL: ours is to be made */
	bool secured; /* the hop carries SIP over verified TLS */
};

/* Method and key. The method is the first of the profile's that can be used
 * here; for an offer of the far end the one of them that takes it, if any
 * does, but never another than the first where the profile is static. */
int permit_method(const struct clerk_services *s,
		  const struct permit_ask *ask, struct permit *out,
		  struct keying_fault *fault);

/* Every method of the profile, best first. */
struct permits {
	size_t n;
	struct permit item[KEYING_METHODS_MAX];
};

/* Those that are built in and have their key; only the first of the profile
 * where it is static. */
void permit_all(const struct clerk_services *s, const struct peer *peer,
		struct permits *out);

#endif
