/* replaces.h - dialogs that a message names (RFC 3891 Replaces, also within a
 * Refer-To: attended transfer, RFC 5589): each side of the gateway knows a
 * call by other names. */
#ifndef CALLSEAL_SIP_REPLACES_H
#define CALLSEAL_SIP_REPLACES_H

#include "modules/sip/sip.h"

/* Whether an INVITE that came in on f may replace the call that it names. From
 * outside only if the core would let the outside lead that call's phone to
 * who now calls. A dialog that is not ours is nobody's concern here. */
bool replaces_allowed(const struct sip_face *f, const sip_t *sip);
/* Adds Replaces to a request that came in on face f and leaves on the other,
 * with the names that its dialog has there; one that is not ours passes as it
 * came. The same for Refer-To, which is then COPY_NO_REFER_TO's to leave out:
 * replaces_refers() tells whether it names a dialog of ours. False: no memory.
 */
bool replaces_add(const struct sip_face *f, const sip_t *sip, msg_t *msg);
/* The Replaces among the headers of a URI; NULL: none. */
const sip_replaces_t *replaces_wanted(su_home_t *home, const url_t *uri);
bool replaces_refers(const struct sip_face *f, const sip_t *sip);

#endif
