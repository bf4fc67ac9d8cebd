/* hops.h - which next hops work: the role "hops" in the engine's core. Whoever
 * sends to them (the signalling module) registers one record; the core asks it
 * where a call goes that has a choice. Engine thread only. */
#ifndef CALLSEAL_HOPS_H
#define CALLSEAL_HOPS_H

#include "daemon/base/addr.h"

#include <jansson.h>
#include <stdbool.h>

#define SERVERS_MAX 32 /* of one call */

struct discovery; /* discover.h */

struct hops {
	const char *name;
	void *user; /* for each of these */
	/* The servers for which n configured next hops (SIP URIs) stand, as
	 * SIP URIs in the order in which to try them: those that failed lately
	 * last, those known to be down not at all. How many; 0: all are down.
	 * The texts are valid until the engine's loop goes on. */
	size_t (*servers)(void *user, const char *const *hops, size_t n,
			  const char *out[static SERVERS_MAX]);
	/* What is known of the servers of one configured next hop: an array of
	 * objects, see callseal-control(7). The caller owns it; NULL: no
	 * memory. */
	json_t *(*state)(void *user, const char *hop);
	/* Whether one of the servers of a configured next hop has that address,
	 * whatever the ports. */
	bool (*serves)(void *user, const char *hop, const struct addr *at);
	/* What a server, as servers() names it, said last when asked what it
	 * can do; NULL: there is none. Borrowed until the loop goes on. */
	const struct discovery *(*said)(void *user, const char *server);
};

#endif
