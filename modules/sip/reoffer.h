/* reoffer.h - offers between the gateway and the outside alone: new keys for a
 * call, of which the inside sees nothing. */
#ifndef CALLSEAL_SIP_REOFFER_H
#define CALLSEAL_SIP_REOFFER_H

#include "modules/sip/sip.h"

/* As signalling.reoffer(). */
int reoffer_begin(struct pair *pair);
/* Answers an offer of the outside that the core keeps from the inside. */
void reoffer_answer(struct txn *t);

#endif
