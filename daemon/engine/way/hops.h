/* hops.h - which next hops work: the role "hops" in the engine's core. Whoever
 * sends to them (the signalling module) registers one record; the core asks it
 * where a call goes that has a choice. Engine thread only. */
#ifndef CALLSEAL_HOPS_H
#define CALLSEAL_HOPS_H

#include <jansson.h>

#define SERVERS_MAX 32 /* of one call */

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
};

#endif
