/* fork.h - a call inwards that is for several phones of one account: each gets
 * an INVITE of its own, the first to answer has the call (RFC 3261 16.7). */
#ifndef CALLSEAL_SIP_FORK_H
#define CALLSEAL_SIP_FORK_H

#include "modules/sip/filter.h"
#include "modules/sip/sip.h"

/* t, the first INVITE of its pair, is to be forked if the core has several
 * phones for it. False: no memory. */
bool fork_begin(struct txn *t);
/* t goes to several phones; its own orq is that of whoever answered. */
bool fork_is(const struct txn *t);
/* In place of sending t's INVITE: to all phones whose turn it is. */
void fork_send(struct passage *p, const struct body *body);
/* Sofia's callback for the INVITE of one of them. */
int fork_response(struct txn *prong, nta_outgoing_t *orq, const sip_t *sip);
/* A provisional response of one of several phones goes on without its SDP: the
 * caller sees one dialog, in which the first answer would bind. */
bool fork_hushes(const struct txn *t, const sip_t *sip);

/* The pair ends: those that still ring are cancelled. */
void fork_end(struct pair *pair, const struct refusal *no);
/* Some phone has not said the last word yet. */
bool fork_busy(const struct pair *pair);
/* As pair_give_up(), of phones that were cancelled. */
void fork_give_up(struct pair *pair, uint64_t now_us);
void fork_free(struct pair *pair);

#endif
