/* registrar.h - the registrar of our own (register = "local"; RFC 3261 10.3).
 */
#ifndef CALLSEAL_SIP_REGISTRAR_H
#define CALLSEAL_SIP_REGISTRAR_H

#include "modules/sip/sip.h"

/* A REGISTER from inside; as an nta_request_f's result. */
int registrar_request(struct sip_face *f, nta_incoming_t *irq,
		      const sip_t *sip);
/* Whether a REGISTER is for us, and what can be seen of it without knowing who
 * sends it is fine: he is asked next. */
bool registrar_asks(const struct sip_face *f, const sip_t *sip);

#endif
