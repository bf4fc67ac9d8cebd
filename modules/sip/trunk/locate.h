/* locate.h - the servers that a SIP URI stands for, by DNS (RFC 3263). Sofia
 * would look them up by itself, but tries the next one only after 32 seconds,
 * under the same branch, and remembers nothing. Engine thread. */
#ifndef CALLSEAL_SIP_LOCATE_H
#define CALLSEAL_SIP_LOCATE_H

#include "daemon/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCATED_MAX 16

struct locator;
struct locate;

struct located {
	char *uri;       /* with ";transport=" and the address as ";maddr=" */
	uint64_t rank;   /* lower ones first */
	unsigned group;  /* addresses of one target, in order; below 32 */
	unsigned weight; /* of the group among its rank (RFC 2782) */
};

/* n is 0 when nothing was found. list is borrowed for the call, before which
 * the search has ended. ttl_s: how long the answer holds. */
typedef void (*locate_fn)(void *user, const struct located *list, size_t n,
			  unsigned ttl_s);

/* root is the su_root_t; listen says which transports and address families
 * there are, and is borrowed. */
int locator_new(void *root, const struct face_settings *listen,
		struct locator **out);
void locator_free(struct locator *l); /* NULL is allowed */

/* Whether there is anything to look up: not for addresses. */
bool locate_wanted(const char *uri);
/* Begins; fn is called once, later. A URI without TLS finds no TLS servers.
 * E_ARG, E_IO (no DNS), E_NOMEM: fn is not called. */
int locate(struct locator *l, const char *uri, locate_fn fn, void *user,
	   struct locate **out);
/* fn will not be called. NULL is allowed. */
void locate_cancel(struct locate *s);

#endif
