/* discover.h - who can do IPsec, found out beforehand by OPTIONS (RFC 3261 11,
 * RFC 3264 section 9): what we say of ourselves to the next hops of our peers,
 * and what they say. The signalling module sends and answers; engine thread.
 *
 * What they say is no more than whoever answered says: it shows, and with
 * discover = "require" it refuses a call; nothing else comes of it. Where ike =
 * "discover", it is also where charon looks for a peer that has to prove itself
 * there as anywhere. */
#ifndef CALLSEAL_DISCOVER_H
#define CALLSEAL_DISCOVER_H

#include "daemon/engine/sdp/sdpcan.h"
#include "daemon/policy.h"

#include <jansson.h>

struct engine;
struct ipc_msg;

/* What one server said last. */
struct discovery {
	uint64_t at_us; /* wall clock; 0: nothing yet */
	const char *why; /* static: it cannot be read, can is all zero; NULL */
	struct sdp_can can;
};

/* What to answer with. */
struct capable {
	struct buf sdp; /* the caller frees it */
	bool before;    /* preconditions are used with them (RFC 3312 12) */
};

/* An OPTIONS for us from there, which may have SDP in its answer. E_NOTFOUND:
 * no next hop of a peer with tunnels is at that address, and there is nothing
 * to say; E_STATE: our end of IKE is not known yet; E_NOMEM. */
int engine_capable(struct engine *e, const struct addr *source,
		   struct capable *out);
/* A server of the next hop, as it is configured, has answered a question. */
void engine_discovered(struct engine *e, const char *hop);

/* For the core only: */

enum discovered { DISCOVERED_NOTHING, DISCOVERED_YES, DISCOVERED_NO };

/* Whether it can do what the peer's profile wants; d may be NULL. */
enum discovered discover_judge(const struct peer *p, const struct discovery *d);
/* As callseal-control(7) has it, into the object of a server. */
void discover_show(json_t *server, const struct peer *p,
		   const struct discovery *d);
/* The tunnel process told our end of IKE for a peer. E_FORMAT, E_NOMEM. */
int discover_ours(struct engine *e, const struct ipc_msg *msg);
/* Another tunnel process: it knows nothing of what was found. */
void discover_again(struct engine *e);
void discover_free(struct engine *e);

#endif
