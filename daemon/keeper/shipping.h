/* shipping.h - keys on their way: ids are given, keys are kept in the call's
 * docket and sent to the relay, or those of tunnels to the tunnel process. */
#ifndef CALLSEAL_KEEPER_SHIPPING_H
#define CALLSEAL_KEEPER_SHIPPING_H

#include "daemon/keeper/clerk/clerk.h"
#include "daemon/keeper/docket.h"

struct shipping {
	const struct clerk_services *services;
	struct dockets *dockets;
	uint32_t epoch, counter;
};

/* What keys are bound to. Borrowed. */
struct shipping_for {
	uint64_t call;
	const char *peer; /* its name in the policy */
	const struct msg_key_line *line; /* as many as the result has */
};

/* A new id; E_FULL after 2^32 of an epoch. */
int shipping_id(struct shipping *s, uint64_t *out);
/* Keeps and sends all keys of a result, or none: two of each stream, one of
 * each tunnel, which is the line's that stands at its place. ids has room for
 * STREAM_MAX. A relay that is not there gets them when it comes; a tunnel
 * process that is not there never does: E_CLOSED. */
int shipping_add(struct shipping *s, const struct shipping_for *what,
		 const struct keying_result *res, struct msg_key_ids *ids);
/* Forgets the keys of n lines and tells whoever has them. */
void shipping_drop(struct shipping *s, uint64_t call,
		   const struct msg_key_ids *ids, size_t n);
/* Tells that a key is gone; a key_gone_fn, user is s. */
void shipping_gone(void *user, enum process holder, uint64_t key_id);
/* Sends all live keys of streams, to a relay that was started again. */
int shipping_again(struct shipping *s);

#endif
