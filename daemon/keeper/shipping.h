/* shipping.h - keys on their way: ids are given, keys are kept in the call's
 * docket and sent to the relay. */
#ifndef CALLSEAL_KEEPER_SHIPPING_H
#define CALLSEAL_KEEPER_SHIPPING_H

#include "daemon/keeper/clerk/clerk.h"
#include "daemon/keeper/docket.h"

struct shipping {
	const struct clerk_services *services;
	struct dockets *dockets;
	uint32_t epoch, counter;
};

/* A new id; E_FULL after 2^32 of an epoch. */
int shipping_id(struct shipping *s, uint64_t *out);
/* Keeps and sends both keys of each line of a result, or none; ids has room
 * for STREAM_MAX. A relay that is not there gets them when it comes. */
int shipping_add(struct shipping *s, uint64_t call,
		 const struct msg_key_line *line,
		 const struct keying_result *res, struct msg_key_ids *ids);
/* Forgets the keys of n lines and tells the relay. */
void shipping_drop(struct shipping *s, uint64_t call,
		   const struct msg_key_ids *ids, size_t n);
/* Tells the relay that a key is gone; a key_gone_fn, user is s. */
void shipping_gone(void *user, uint64_t key_id);
/* Sends all live keys, to a relay that was started again. */
int shipping_again(struct shipping *s);

#endif
