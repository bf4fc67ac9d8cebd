/* uses.h - which call's media use which of charon's tunnels. What the engine
 * asks for, held against the role "standing". One thread. */
#ifndef CALLSEAL_USES_H
#define CALLSEAL_USES_H

#include "daemon/ipc.h"
#include "daemon/tunnel/standing.h"

struct uses;

struct uses_conf {
	const struct standing *standing; /* borrowed */
	struct event_base *base;
	const struct settings *settings;
	const struct policy *policy;
	/* A message for a sibling, its tail, if any, behind the struct. */
	int (*tell)(void *user, enum process to, enum message type,
		    uint64_t id, const void *body, size_t len,
		    const char *tail);
	void *user;
};

/* Begins to raise the tunnels. */
int uses_new(const struct uses_conf *conf, struct uses **out);
void uses_free(struct uses *u);
/* Whether a message is for this part alone: TUNNEL_USE, TUNNEL_DROP of what it
 * gave, IKE_KEYED, IKE_FOUND, TUNNEL_LIST after TUNNEL_USE_BIT. Another
 * TUNNEL_LIST is answered, too. */
bool uses_takes(const struct ipc_msg *msg);
/* As ipc_ops.handle. */
int uses_message(struct uses *u, const struct ipc_msg *msg);
/* Another engine than before: it knows none of them. */
void uses_clear(struct uses *u);
/* An engine is there: it is told our ends of IKE. Again whenever they may be
 * others. */
void uses_engine(struct uses *u);
/* Another keeper: what it was asked is asked again. */
void uses_keeper(struct uses *u);
size_t uses_count(const struct uses *u); /* for tests */

#endif
