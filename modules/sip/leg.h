/* leg.h - one SIP dialog of a pair. */
#ifndef CALLSEAL_SIP_LEG_H
#define CALLSEAL_SIP_LEG_H

#include "modules/sip/sip.h"

/* The leg on which the first INVITE came in; it hangs off the pair. */
struct leg *leg_caller(struct pair *pair, struct sip_face *f,
		       nta_incoming_t *irq, const sip_t *sip);
/* Where the first request of a leg goes. */
struct leg_to {
	const url_t *hop;
	bool sips; /* its Request-URI is a sips: URI */
	const char *nat; /* a SIP URI, for further requests, too; or "" */
};
/* The first leg to the called side, before anyone answered. */
struct leg *leg_called(struct pair *pair, struct sip_face *f, const sip_t *sip,
		       const struct leg_to *to);
/* The dialog with whom a transfer goes to, as REFER says; in no list of the
 * pair yet, of which it is to take old's place. */
struct leg *leg_referred(const struct leg *old, const sip_t *refer,
			 const url_t *whom, const struct leg_to *to);
/* A 2xx to t's INVITE, which made the leg. */
void leg_answered(struct leg *leg, const struct txn *t, const sip_t *sip);
/* It is the pair's leg in place of old, with which all is over but a BYE. */
void leg_swap(struct leg *old, struct leg *leg);
/* A response from a branch that we have no room for (BRANCHES_MAX). */
bool leg_too_many(const struct txn *t, const sip_t *sip);
/* The leg of the branch that this response to the first INVITE came from, made
 * when its tag is new (RFC 3261 12.1.2). NULL: no memory, or no tag. */
struct leg *leg_branch(struct txn *t, const sip_t *sip);
/* Where requests in its dialog go, a SIP URI, or "" (by the dialog). */
const char *leg_hop(const struct leg *leg);
/* A 2xx or an accepted request refreshes where the other end is reached.
 * first: the route set is taken from this 2xx, too (RFC 3261 13.2.2.4). */
void leg_retarget(struct leg *leg, const sip_t *sip, bool first);
/* The same by this request in the dialog, which gets a 2xx. One that is
 * refused refreshes nothing: whoever forged it would get the next BYE. */
void leg_accepted(struct leg *leg, nta_incoming_t *irq);
/* Which methods the other end allows, if the message says it, and whether it
 * takes another From. */
void leg_note_allow(struct leg *leg, const sip_t *sip);
/* All other branches lose their dialogs; nta answers their late 2xx with ACK
 * and BYE, and what they still ask gets 481. Those of other phones keep them:
 * their late 2xx are ours to answer (invite_late_response()). */
void leg_won(struct leg *leg);
/* The branches of this INVITE, which came to nothing, lose their dialogs; the
 * pair's last one stays, for there is always one. */
void leg_lost(struct txn *t);
/* Sends the ACK of t's 2xx: with the headers of from if not NULL, and a body
 * if not NULL. */
void leg_ack(struct leg *leg, struct txn *t, const sip_t *from,
	     const struct body *body);
/* The same in two steps, for one that is sealed: complete but for its body
 * (NULL: it cannot leave); sent, which takes msg. */
msg_t *leg_ack_build(struct leg *leg, struct txn *t, const sip_t *from);
void leg_ack_send(struct leg *leg, struct txn *t, msg_t *msg);
/* Acknowledges a reliable response that our other leg cannot take. */
void leg_prack(struct leg *leg, uint32_t rseq, uint32_t cseq);
/* Completes a request of our own in its dialog and sends it, if it may leave;
 * takes msg. Nobody hears of its response. */
void leg_say(struct leg *leg, msg_t *msg, sip_method_t method,
	     const char *name);
void leg_bye(struct leg *leg, int status, const char *cause);
void leg_free(struct leg *leg); /* NULL is allowed */
/* A Reason header's value (RFC 3326). The cause is for the inside only: it may
 * tell the outside more of us than it should know. */
void leg_reason(const struct leg *leg, int status, const char *cause,
		char *out, size_t room);

#endif
