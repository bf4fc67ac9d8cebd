/* hidden.h - who is in a call and is not named in its header outside (hide of a
 * profile): the true From, To and Request-URI are in the whole message within
 * (whole.h). */
#ifndef CALLSEAL_SIP_HIDDEN_H
#define CALLSEAL_SIP_HIDDEN_H

#include "modules/sip/sip.h"

/* Whom the header of the pair's messages on that leg does not name; inside
 * nobody is hidden. */
enum hide hidden_on(const struct pair *pair, const struct leg *leg);

/* From of a hidden caller, as RFC 3323 4.1.1.3 has it; NULL: no memory. */
sip_from_t *hidden_from(su_home_t *home);
/* To and Request-URI of a hidden callee: a token at the place to which the call
 * goes. It is made of the dialog's Call-ID alone, which is random, so it
 * differs from call to call, says nothing, and fits no other message. NULL: no
 * memory, or a place without a host. */
sip_to_t *hidden_to(su_home_t *home, const char *target, const char *call_id);
const char *hidden_target(su_home_t *home, const char *target,
			  const char *call_id);

/* Whom a first INVITE does not name: the callee only if both tokens fit it. */
enum hide hidden_in(const sip_t *invite);

/* Why a request of the inside cannot leave hidden; NULL: it can. */
const char *hidden_refuses(const struct pair *pair, const struct leg *to,
			   const sip_t *sip);
/* Takes off a failure, which nobody seals, what tells of the inside. */
void hidden_failure(msg_t *msg);

#endif
