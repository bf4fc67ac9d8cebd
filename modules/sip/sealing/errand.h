/* errand.h - a request of our own to the outside, of which no txn knows: BYE,
 * PRACK, or the ACK of an answer to our own offer. It outlives leg, pair and
 * call. */
#ifndef CALLSEAL_SIP_ERRAND_H
#define CALLSEAL_SIP_ERRAND_H

#include "modules/sip/sip.h"

/* Whether such a request goes on this leg as the keeper signs it: then it needs
 * a Date before it is completed (sealed.h). */
bool errand_is_sealed(const struct leg *leg, sip_method_t method);
/* Sends it, complete but for its seal; takes msg. A challenge to it is
 * answered. branch: of an ACK, that of its INVITE; else NULL. Who cannot be
 * reached, or what the keeper does not sign, is said in the log. */
void errand_send(struct leg *leg, msg_t *msg, const char *branch);
/* Forgets those that are on their way; at the end. */
void errands_forget(struct sip *s);

#endif
