/* ikelines.h - IKE in the outside's SDP (RFC 6193), where the profile has
 * ike_sdp: what it says never goes inside. For the files of this folder and
 * ikeclient.c. Engine thread. */
#ifndef CALLSEAL_ENGINE_IKELINES_H
#define CALLSEAL_ENGINE_IKELINES_H

#include "daemon/engine/inside.h"
#include "daemon/engine/sdp/sdpike.h"
#include "daemon/message.h"

/* What an offer and its answer say, as it stands in the outside's SDP. */
struct ike_lines {
	struct sdp_ike offer, answer;
	bool agreed; /* both ends have it: begins is set ... */
	unsigned branch; /* ... and where the far end answered, whose it is */
	enum tunnel_begins begins;
};

/* Our first offer: room for the line, before it is read. E_NOMEM. */
int ikelines_prepare(struct call *c, struct job *j);
/* An offer that was read: the line is hidden, and j->deal->ike is made when
 * IKE is to be in this offer. As job_fail(). */
int ikelines_offer(struct call *c, struct job *j);
/* The same of an answer. */
int ikelines_answer(const struct call *c, struct job *j);
/* What the outside answers to our answer, which went to it as an offer (ike =
 * "before"): E_POLICY, E_AUTH, E_FORMAT, E_UNSUPPORTED: it is not what was
 * agreed, or *why (static text) tells. */
int ikelines_agrees(const struct call *c, const struct sdp *s,
		    const char **why);
/* Whether an offer of the outside has it that the far end begins. */
bool ikelines_far_begins(const struct job *j);
/* What is asked of the tunnel process for this body; nothing without IKE. */
void ikelines_ask(const struct job *j, struct msg_tunnel_use *m);
/* It told our end. As job_fail(). */
int ikelines_told(const struct call *c, struct job *j,
		  const struct msg_ike_sdp *ours);
/* Whether a line from outside is of IKE, and not hidden from the inside. */
bool ikelines_seen(const struct call *c, const struct job *j, unsigned line);
/* Our section for the line, appended; nothing where it stays rejected.
 * E_NOMEM, E_SPACE, E_ARG. */
int ikelines_write(const struct job *j, struct buf *out);

#endif
