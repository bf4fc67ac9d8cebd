/* reliable.h - reliable provisional responses that we send (RFC 3262). */
#ifndef CALLSEAL_SIP_RELIABLE_H
#define CALLSEAL_SIP_RELIABLE_H

#include "modules/sip/sip.h"

/* One of t's, not sent yet; it hangs off t. NULL: no memory. leg as in struct
 * reliable. */
struct reliable *reliable_new(struct txn *t, struct leg *leg);
/* Sends msg, which is taken, reliably to where t's request came from; fn is
 * called as Sofia does. False: it was not sent. */
bool reliable_send(struct reliable *r, nta_prack_f *fn, msg_t *msg);
/* Something that t sent so is not acknowledged yet. */
bool reliable_waits(const struct txn *t);
/* For the gate, with each request that comes in: true when it is a PRACK that
 * Sofia could not tell to its branch; then msg is taken. */
bool reliable_prack(struct sip_face *f, msg_t *msg);

#endif
