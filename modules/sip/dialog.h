/* dialog.h - requests in a leg's dialog, from their first byte to a transaction
 * that is relayed. */
#ifndef CALLSEAL_SIP_DIALOG_H
#define CALLSEAL_SIP_DIALOG_H

#include "modules/sip/sip.h"

/* Sofia's callback for requests in a leg's dialog. */
int dialog_on_request(struct leg *leg, nta_leg_t *dialog, nta_incoming_t *irq,
		      const sip_t *sip);

#endif
