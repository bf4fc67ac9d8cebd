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

/* What the message around a sealed one need not show. */
enum smime_veil {
	SMIME_VEIL_NONE,   /* it is only signed */
	SMIME_VEIL_FIELDS, /* what RFC 3261 23.4.1.2 lets be encrypted may
	                      differ or be missing; the inner value counts */
	SMIME_VEIL_FROM,   /* From, too, but for its tag */
	SMIME_VEIL_TO,     /* To, too, the same way */
	SMIME_VEIL_PARTIES /* both */
};

/* Compares a message that was sealed (message/sip) with the one around it.
 * Fields that RFC 3261 does not define are not compared, but for a few of which
 * signalling takes the outer one: take no other of them from outside.
 * SMIME_MISMATCH names the field. */
int smime_tunnel_check(const struct smime_fragment *inner,
		       const struct smime_fragment *outer, enum smime_veil veil,
		       struct smime_when when, struct smime_fault *why);
/* Whether a field, by its long name, is nothing that a sealed message can say:
 * it is about its body, or proxies change it, or it is of one transaction. */
bool smime_tunnel_leaves(struct mime_bytes name);

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
