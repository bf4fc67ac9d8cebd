/* request.h - requests outside a call: MESSAGE, OPTIONS, PUBLISH, SUBSCRIBE,
 * REFER, NOTIFY, and the dialog that a subscription is. */
#ifndef CALLSEAL_SIP_REQUEST_H
#define CALLSEAL_SIP_REQUEST_H

#include "modules/sip/sip.h"

struct requests;

int requests_new(struct sip *s, struct requests **out);
/* Forgets what is on its way and every subscription. NULL is allowed. */
void requests_free(struct requests *r);
/* Whether a request that belongs to no dialog passes, by method and face. What
 * is for ourselves does not: it names no user, or is OPTIONS. */
bool request_passes(const struct sip_face *f, const sip_t *sip);
/* Whether it leaves a subscription. */
bool request_subscribes(sip_method_t m);
/* Takes such a request, answers it sooner or later; as an nta_request_f's
 * result. proof is taken: of admission_proof(). */
int request_outside(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		    char *proof);
/* How many are open, subscriptions among them. */
size_t requests_count(const struct requests *r);

#endif
