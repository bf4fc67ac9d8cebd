/* forward.h - a request outside a call goes on to the other face. */
#ifndef CALLSEAL_SIP_FORWARD_H
#define CALLSEAL_SIP_FORWARD_H

#include "modules/sip/request/talk.h"

/* sip is the request of a->irq, as it came. a may be over when it returns:
 * refused. */
void forward(struct ask *a, const sip_t *sip);
/* The same after it was sent and not wanted as it was. */
void forward_again(struct ask *a);

#endif
