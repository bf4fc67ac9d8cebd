/* accounts.h - our registrations at peers: the role "accounts" in the engine's
 * core, for the operator's eyes. Engine thread only. */
#ifndef CALLSEAL_ACCOUNTS_H
#define CALLSEAL_ACCOUNTS_H

#include <jansson.h>

struct accounts_role {
	const char *name;
	void *user;
	/* All accounts: an array of objects, see callseal-control(7). The
	 * caller owns it; NULL: no memory. */
	json_t *(*list)(void *user);
};

#endif
