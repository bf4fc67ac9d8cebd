/* fragment.h - the headers of a SIP message or of a piece of one (message/sip,
 * RFC 3261 27.5; message/sipfrag, RFC 3420). Only as much as comparing takes;
 * nothing is copied. */
#ifndef CALLSEAL_SMIME_FRAGMENT_H
#define CALLSEAL_SMIME_FRAGMENT_H

#include "daemon/mime/field.h"
#include "modules/smime/fault.h"

#define SMIME_FIELDS 96 /* header fields of a message */

struct smime_fragment {
	struct mime_bytes start; /* the first line; absent in a fragment */
	size_t n;
	struct smime_field {
		struct mime_bytes name, value; /* a compact name written out */
	} field[SMIME_FIELDS];
	struct mime_bytes body;
};

/* Lines end in CRLF; the last may lack it where no body follows. whole: the
 * first line must be there. SMIME_MALFORMED, SMIME_TOO_LARGE. */
int smime_fragment_read(struct mime_bytes text, bool whole,
			struct smime_fragment *out, struct smime_fault *why);
/* The value of the nth field (from 0) of that name, absent when there is none.
 * The name is the long one. */
struct mime_bytes smime_fragment_get(const struct smime_fragment *f,
				     const char *name, size_t nth);
/* Whether a message's first line, or what begins with it, is a response's. */
bool smime_is_status(struct mime_bytes start);
/* Equal but for white space, runs of which count as one. */
bool smime_same_value(struct mime_bytes a, struct mime_bytes b);
/* The URI of a From, To or Contact, and the value of its tag parameter (absent:
 * there is none). E_FORMAT. */
int smime_address_read(struct mime_bytes value, struct mime_bytes *uri,
		       struct mime_bytes *tag);

#endif
