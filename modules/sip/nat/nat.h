/* nat.h - ends behind a NAT: where they really are. */
#ifndef CALLSEAL_SIP_NAT_H
#define CALLSEAL_SIP_NAT_H

#include "modules/sip/sip.h"

#define NAT_HOP 96 /* room for a SIP URI of an address */

/* Where requests for the sender of this request have to go, if its Contact
 * cannot be reached for a NAT in between: a SIP URI in out. False, and nothing
 * is written: by its Contact, or its route set. */
bool nat_hop(const struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
	     char out[static NAT_HOP]);

#endif
