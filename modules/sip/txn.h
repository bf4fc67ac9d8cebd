/* txn.h - the transaction relay: a request from one leg becomes a request on
 * the other, its responses go back. */
#ifndef CALLSEAL_SIP_TXN_H
#define CALLSEAL_SIP_TXN_H

#include "modules/sip/filter.h"
#include "modules/sip/sip.h"

/* A txn of the pair for this request; NULL: no memory. irq is bound to it. */
struct txn *txn_new(struct leg *from, struct leg *to, nta_incoming_t *irq,
		    const sip_t *sip);
/* One for a request of our own to that leg: nobody asked for it. NULL: no
 * memory. */
struct txn *txn_own(struct leg *to, sip_method_t method);
/* Whether the core lets the outside send the phone to this URI; NULL: nowhere
 * known. */
bool txn_may_lead(const struct pair *pair, const url_t *uri);

/* filter.c's results. body NULL or empty: none. */
void txn_pass(struct passage *p, const struct body *body);
/* The message that goes on, complete but for its body, which is to be sealed
 * first; the caller's. NULL: no memory, or it can go nowhere. */
msg_t *txn_build(struct passage *p);
/* Sends p->out, that message with its body. */
void txn_pass_built(struct passage *p);
void txn_refused(struct passage *p, const struct refusal *no);

/* What a response's callback has to act on: its status; 0: nothing. 100 says
 * nothing, nor does a provisional one to any method but INVITE (RFC 4320 4.1),
 * nor one that its own final response overtook, which Sofia hands up under the
 * status of the latter. sip NULL: a failure of Sofia's own making. */
int txn_status(nta_outgoing_t *orq, const sip_t *sip);
/* Sofia's callback for the response to a request that was relayed. */
int txn_response(struct txn *t, nta_outgoing_t *orq, const sip_t *sip);
/* Sends the INVITE p to one of several phones. False: no says why not. */
bool txn_send(struct txn *prong, const struct passage *p,
	      const struct body *body, struct refusal *no);

/* Answers the request with a refusal, if it has no final answer yet. */
void txn_refuse(struct txn *t, const struct refusal *no);

/* The pair ends: answers what is open, cancels or acknowledges what is out. */
void txn_end(struct txn *t, const struct refusal *no);
/* Nothing is left to wait for; pair_sweep() frees it. */
void txn_done(struct txn *t);
void txn_free(struct txn *t);
/* Goes on with a response that waited (retry_learns()). */
void txn_go_on(struct txn *t);

#endif
