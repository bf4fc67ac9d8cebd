/* transfer.h - a call that a phone of ours sends on to another one (REFER,
 * RFC 3515), where the gateway does that itself (calls.refer = "handle"). */
#ifndef CALLSEAL_SIP_TRANSFER_H
#define CALLSEAL_SIP_TRANSFER_H

#include "modules/sip/filter.h"
#include "modules/sip/sip.h"

/* A REFER in a dialog of a phone's: true when it is taken, and irq with it;
 * else it passes as ever. */
bool transfer_begin(struct leg *leg, nta_incoming_t *irq, const sip_t *sip);
/* A request in the dialog of who is called, or the BYE of who has sent the call
 * on: the status for it; 0: it is any other. */
int transfer_request(struct leg *leg, sip_method_t method);

/* What came of an offer that txn_refuse() and others would answer (t->joins):
 * refused, or answered by sip with body, for whom it came from. */
void transfer_refused(struct txn *t, int status);
void transfer_answered(struct txn *t, const sip_t *sip,
		       const struct body *body);
/* As challenge_relay(). */
void transfer_again(struct txn *t, bool good);

/* As those of fork.h. */
void transfer_end(struct pair *pair);
bool transfer_busy(const struct pair *pair);
void transfer_give_up(struct pair *pair, uint64_t now_us);
void transfer_free(struct pair *pair);

#endif
