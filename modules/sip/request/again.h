/* again.h - a request outside a call that goes out once more: with our account
 * where it was challenged, with our certificates to who does not know them, by
 * another next hop where one does not serve. */
#ifndef CALLSEAL_SIP_AGAIN_H
#define CALLSEAL_SIP_AGAIN_H

#include "modules/sip/request/talk.h"

/* For a final response, or a failure: then sip is NULL or Sofia's own. True:
 * the phone does not hear of it, at least not yet; a may be over. */
bool again(struct ask *a, const sip_t *sip);
/* It was sent: its next hop has a short time to say anything at all, if there
 * is another one. */
void again_await(struct ask *a);

#endif
