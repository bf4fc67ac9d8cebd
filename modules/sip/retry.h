/* retry.h - a first INVITE that the far end refused is made again, as the core
 * wants it: a call that prefers to be sealed, but need not be. */
#ifndef CALLSEAL_SIP_RETRY_H
#define CALLSEAL_SIP_RETRY_H

#include "modules/sip/sip.h"

/* For a final response of the called side to t. True: t is on its way again,
 * by a new dialog, and the caller hears nothing of this response. */
bool retry_invite(struct txn *t, const sip_t *sip);

#endif
