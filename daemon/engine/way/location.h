/* location.h - where registered phones are: the role "location" in the
 * engine's core. Whoever keeps registrations (today the signalling module, for
 * those that pass through) registers one record; the core asks it for calls
 * inwards, for the route of calls outwards, and for the operator's list.
 * Engine thread only. */
#ifndef CALLSEAL_LOCATION_H
#define CALLSEAL_LOCATION_H

#include "daemon/base/addr.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCATION_TEXT 384

/* How to reach a phone. */
struct location_way {
	char account[LOCATION_TEXT];  /* "sip:user@host" that it registered */
	char target[LOCATION_TEXT];   /* Request-URI for it */
	char next_hop[LOCATION_TEXT]; /* SIP URI to send to, or "" */
	bool nat; /* its target cannot be reached, next_hop can */
	uint16_t q; /* how much it is preferred (RFC 3261 20.10), to 1000 */
};

struct location {
	const char *name;
	void *user; /* for each of these */
	/* The phones that an inward call to this Request-URI is for, of one
	 * account, the one that it prefers first: their number, at most room,
	 * or E_NOTFOUND. */
	int (*find)(void *user, const char *uri, struct location_way *out,
		    size_t room);
	/* The phones of an account, by its own name, wherever they registered,
	 * as find() does. */
	int (*phones)(void *user, const char *account, struct location_way *out,
		      size_t room);
	/* The routes (value of a Route header, RFC 3608) for calls of this
	 * From URI that come from source; "" when it has none. Valid until the
	 * engine's loop goes on. */
	const char *(*routes)(void *user, const char *caller,
			      const struct addr *source);
	/* All registrations: an array of objects, see callseal-control(7). The
	 * caller owns it; NULL: no memory. */
	json_t *(*list)(void *user);
};

#endif
