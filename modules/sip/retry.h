/* retry.h - a first INVITE that came to nothing is made again, as the core
 * wants it: less protected, where a call prefers to be sealed, but need not
 * be; or by another next hop. */
#ifndef CALLSEAL_SIP_RETRY_H
#define CALLSEAL_SIP_RETRY_H

#include "modules/sip/sip.h"

/* For a final response of the called side to t. True: t is on its way again,
 * by a new dialog, and the caller hears nothing of this response. */
bool retry_invite(struct txn *t, const sip_t *sip);
/* The same when the next hop does not serve: a response says so, or sip is
 * NULL or Sofia's own. */
bool retry_elsewhere(struct txn *t, const sip_t *sip);
/* The INVITE was sent: its next hop has a short time to say anything at all,
 * if there is another one. */
void retry_await(struct txn *t);

/* The same for a redirection that is followed (calls.redirect). */
bool retry_redirected(struct txn *t, const sip_t *sip);
/* True: the response is a 493 with certificates, which the keeper looks at;
 * txn_go_on() follows. */
bool retry_learns(struct txn *t, const sip_t *sip);
/* For a final response to a request in a call. True: it was a 493, and the
 * request goes out again, sealed anew. */
bool retry_sealed(struct txn *t, const sip_t *sip);

#endif
