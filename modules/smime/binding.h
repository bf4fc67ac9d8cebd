/* binding.h - is what was sealed meant for the message that it came in? A
 * whole message within (RFC 3261 23.4), or an authenticated identity body
 * (AIB, RFC 3893) beside the content. Replays within the window of Date are
 * for the caller to find. */
#ifndef CALLSEAL_SMIME_BINDING_H
#define CALLSEAL_SMIME_BINDING_H

#include "daemon/base/buf.h"
#include "modules/smime/fragment.h"

/* When it came, and how far its Date may be off. */
struct smime_when {
	uint64_t wall_us, window_us;
};

/* Compares a message that was sealed (message/sip) with the one around it.
 * encrypted: what RFC 3261 23.4.1.2 lets differ may differ; the inner value is
 * the true one. Of From and To at least the tags must fit. Fields that RFC 3261
 * does not define are not compared: take none of them from outside.
 * SMIME_MISMATCH names the field. */
int smime_tunnel_check(const struct smime_fragment *inner,
		       const struct smime_fragment *outer, bool encrypted,
		       struct smime_when when, struct smime_fault *why);

/* Writes an AIB for a message as a MIME entity, to be signed: From, To,
 * Contact, Date, Call-ID, CSeq. In that of a response (section 6) From is the
 * responder, whose URI that is, and To is left out. The first line of a
 * response goes along where there is no responder. SMIME_OURS: a field is
 * missing. */
int smime_aib_write(const struct smime_fragment *of, const char *responder,
		    struct buf *out, struct smime_fault *why);
/* Checks an AIB whose signature was checked. Each field of it must be in the
 * message, with the same value; From and To with the same URI, and the same tag
 * if the AIB has one. From, Date, Call-ID and CSeq must be there, Contact if
 * the message has it, To in a request. responder: as above; NULL for requests.
 * SMIME_MISMATCH. */
int smime_aib_check(const struct smime_fragment *aib,
		    const struct smime_fragment *of, const char *responder,
		    struct smime_when when, struct smime_fault *why);

#endif
