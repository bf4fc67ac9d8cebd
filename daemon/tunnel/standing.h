/* standing.h - the role "standing": tunnels that charon keeps to peers, for
 * calls whose profile has media = "ike", or raises while there are calls.
 * uses.c asks for it, a module of the tunnel process does it. One thread. */
#ifndef CALLSEAL_STANDING_H
#define CALLSEAL_STANDING_H

#include "daemon/base/secret.h"
#include "daemon/message.h"
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
	/* What want() was to bring: up, or why not, and then it is over. */
	void (*wanted)(void *user, uint64_t want, const char *trouble);
};

/* A pair of SAs that charon has, or an IKE_SA without one. Texts are borrowed
 * for the call. */
struct standing_sa {
	const char *peer;       /* NULL: it is none of ours */
	const char *connection; /* charon's name of it */
	const char *state;
	struct addr local, remote; /* the ends of IKE, as far as known */
	bool raised;               /* else there is no pair: nothing below */
	const char *child, *suite; /* in charon's words */
	const char *takes_local, *takes_remote; /* selectors */
	bool transport;
	uint32_t spi_in, spi_out;
	uint64_t bytes_in, bytes_out, packets_in, packets_out;
	int64_t left_s; /* until its keys are at their end; 0: no end */
};

typedef void (*standing_sa_fn)(void *user, const struct standing_sa *sa);
/* err: E_CLOSED and others when not all were given. */
typedef void (*standing_listed_fn)(void *user, int err);

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
	/* NULL while the peer's tunnel is up, or could be raised for a call
	 * (ike = "after"), else why not; borrowed until the loop goes on. */
	const char *(*trouble)(void *state, const char *peer);
	/* For the operator, borrowed likewise: NULL while it is up, or nobody
	 * wants it; else why it is not, or did not come when last wanted. */
	const char *(*down)(void *state, const char *peer);
	/* Whether it is up. */
	bool (*up)(void *state, const char *peer);
	/* What SDP may tell of our end of IKE, without a port (RFC 6193). */
	void (*ours)(void *state, const char *peer, struct msg_ike_sdp *out);
	/* NULL if what the far end's SDP tells of its end fits what is known of
	 * it, else why not; borrowed likewise. */
	const char *(*differs)(void *state, const char *peer,
			       const struct msg_ike_sdp *far);
	/* Where a peer with ike = "discover" says that its end of IKE is. It
	 * is looked for there at once, but while a tunnel to another address is
	 * up, or calls wait for one, that address holds. NULL, or why it is not
	 * taken (static). */
	const char *(*found)(void *state, const char *peer,
			     const struct msg_ike_sdp *far);
	/* Whether it is up and takes UDP between these. */
	bool (*covers)(void *state, const char *peer, const struct addr *local,
		       const struct addr *remote);
	/* A call wants the tunnel of a peer with ike = "after": it is raised if
	 * it is not up, or with wait the far end's is waited for; wanted()
	 * follows. Several calls share one. An error: nothing follows;
	 * E_CLOSED: charon is not there. */
	int (*want)(void *state, const char *peer, bool wait, uint64_t *want);
	/* With the last one that is given back it ends. One that is over is
	 * passed over. */
	void (*unwant)(void *state, uint64_t want);
	/* Gives each pair to fn, then calls done, from the loop or from end().
	 * An error: neither is called. */
	int (*list)(void *state, standing_sa_fn fn, standing_listed_fn done,
		    void *user);
};

#endif
