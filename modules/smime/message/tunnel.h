/* tunnel.h - a whole SIP message as what is sealed (message/sip, RFC 3261
 * 23.4): written as a MIME entity, and read again beside the message that it
 * came in. */
#ifndef CALLSEAL_SMIME_TUNNEL_H
#define CALLSEAL_SMIME_TUNNEL_H

#include "daemon/base/buf.h"
#include "daemon/mime/tree.h"
#include "modules/smime/binding.h"
#include "modules/smime/kek.h"

/* A message to be sealed. Borrowed. */
struct smime_tunnel {
	struct mime_bytes head;   /* first line and header fields, lines with
	                             CRLF; nothing about the body */
	struct mime_bytes fields; /* its Content- fields, the same way */
	struct mime_bytes body;   /* with no fields: SDP, or nothing */
	const struct smime_kek *carry; /* goes along; or NULL */
};

/* The entity. Failures stay in out. */
void smime_tunnel_write(const struct smime_tunnel *t, struct buf *out);

/* What was within. */
struct smime_tunnelled {
	struct buf head;   /* first line and header fields, lines with CRLF, in
	                      one line each, but those that
	                      smime_tunnel_leaves(); owned */
	struct buf entity; /* its body with the fields of it; owned, wiped */
	bool bare;         /* it has no body */
	uint64_t stamp_us; /* its Date, UTC */
};

/* Takes a sealed part apart that must be a message, and that of the message
 * around it, whose head that is (by smime_tunnel_check()). Nothing is set on
 * failure; the caller frees. */
int smime_tunnel_read(const struct mime_part *part, struct mime_bytes around,
		      enum smime_veil veil, struct smime_when when,
		      struct smime_tunnelled *out, struct smime_fault *why);
void smime_tunnelled_free(struct smime_tunnelled *t);

#endif
