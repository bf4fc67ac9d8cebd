/* reveal.h - a first INVITE from outside whose header names nobody (hidden.h):
 * before it is a call the keeper says who sends it and whom it is for. */
#ifndef CALLSEAL_SIP_REVEAL_H
#define CALLSEAL_SIP_REVEAL_H

#include "modules/sip/sip.h"

/* What was within, if the header around it named nobody. */
struct revealed {
	msg_t *msg; /* From and To count, and the Request-URI where the callee
	               is hidden, too; NULL: nothing */
	enum hide hidden;
};

/* Takes an INVITE that a profile's hide may be about; once it is known, or
 * refused, invite_revealed() goes on with it. False: it is no such one. */
bool reveal_begin(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip);
/* The module stops. */
void reveal_free(struct sip *s);

#endif
