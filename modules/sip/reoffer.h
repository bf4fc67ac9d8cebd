/* reoffer.h - offers between the gateway and the outside alone: new keys for a
 * call, of which the inside sees nothing. */
#ifndef CALLSEAL_SIP_REOFFER_H
#define CALLSEAL_SIP_REOFFER_H

#include "modules/sip/sip.h"

/* As signalling.reoffer(). */
int reoffer_begin(struct pair *pair);
/* Answers an offer of the outside that the core keeps from the inside. */
void reoffer_answer(struct txn *t);
/* Answers a request of the outside that has no description and concerns nobody
 * inside with a 200 that is signed. */
void reoffer_accept(struct txn *t);

/* How long an offer on this leg waits after a 491 (RFC 3261 14.1). */
unsigned reoffer_glare_ms(const struct leg *leg);
/* A refusal (NULL: none came) that anybody on the way could have made, in a
 * call of which he cannot make a BYE: it does not end the call. */
bool reoffer_proves_nothing(const struct txn *t, const sip_t *sip);
/* Somebody's offer is not answered yet, or its 2xx not acknowledged. */
bool reoffer_is_open(const struct pair *pair);

#endif
