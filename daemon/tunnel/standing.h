/* standing.h - the role "standing": tunnels that charon keeps to peers, for
 * calls whose profile has media = "ike". uses.c asks for it, a module of the
 * tunnel process does it. One thread. */
#ifndef CALLSEAL_STANDING_H
#define CALLSEAL_STANDING_H

#include "daemon/base/secret.h"
#include "daemon/policy.h"
#include "daemon/settings.h"

struct event_base;

/* Called from the loop only. */
struct standing_ops {
	/* Answer by key(), now or later. */
	void (*need_key)(void *user, const char *peer);
	/* A peer's tunnel is no more. */
	void (*gone)(void *user, const char *peer);
	/* It is up as before, but may take less: see covers(). */
	void (*changed)(void *user, const char *peer);
};

struct standing {
	void *state; /* of each function */
	/* Begins to raise those of all peers with media = "ike"; it is borrowed
	 * until end(). */
	int (*begin)(void *state, struct event_base *base,
		     const struct settings *settings,
		     const struct policy *policy,
		     const struct standing_ops *ops, void *user);
	void (*end)(void *state);
	/* NULL: there is none. Another one than before ends the tunnel, which
	 * is raised anew with it. */
	void (*key)(void *state, const char *peer, const struct secret *key);
	/* NULL while the peer's tunnel is up, else why not; borrowed until the
	 * loop goes on. */
	const char *(*trouble)(void *state, const char *peer);
	/* Whether it is up and takes UDP between these. */
	bool (*covers)(void *state, const char *peer, const struct addr *local,
		       const struct addr *remote);
};

#endif
