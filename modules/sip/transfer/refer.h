/* refer.h - what a REFER asks (RFC 3515, 5589), and how who sent it hears what
 * comes of it. */
#ifndef CALLSEAL_SIP_REFER_H
#define CALLSEAL_SIP_REFER_H

#include "modules/sip/sip.h"

/* Whom its receiver is to call; NULL when that is said twice: we and the phone
 * might read different ones. Borrowed from sip. */
const url_t *refer_target(const sip_t *sip);

/* Texts are of the home that they were read into. */
struct refer {
	url_t *whom;  /* without headers */
	const char *uri; /* the same */
	const char *by;  /* the sender's own URI */
	const sip_replaces_t *replaces; /* the call that it takes; or NULL */
};

/* False: it wants something else than a call, or one of the calls that pass
 * through here, which only the far end can join; or no memory. */
bool refer_read(su_home_t *home, const struct leg *leg, const sip_t *sip,
		struct refer *out);

/* Tells the sender, whose REFER had that CSeq, of a response (RFC 3515 2.4.5).
 */
void refer_notify(struct leg *leg, uint32_t cseq, int status);

#endif
