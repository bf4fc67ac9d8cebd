/* challenge.h - requests of a call that the outside challenged, answered by an
 * account of ours. See auth.h. */
#ifndef CALLSEAL_SIP_CHALLENGE_H
#define CALLSEAL_SIP_CHALLENGE_H

#include "modules/sip/sip.h"

/* For a response to t. True: it is a challenge that we answer; the response
 * goes no further, and again is called once, later, unless t is done with
 * before: to send the request anew with t->auth, or, if not good, to do with
 * the response what would have been done without us. */
bool challenge_answer(struct txn *t, const sip_t *sip,
		      void (*again)(struct txn *t, bool good));
/* What challenge_answer() wants for a request that was relayed. */
void challenge_relay(struct txn *t, bool good);
/* Whether it is a 401 or 407 of the far side's own; sip may be NULL. */
bool challenge_is(const sip_t *sip);

#endif
