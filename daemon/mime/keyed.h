/* keyed.h - a body that brings a keying message beside SDP and not in it:
 * multipart/mixed of application/sdp and application/mikey (doc/
 * MIKEY-IPSEC.md). Pure; no thread is involved. */
#ifndef CALLSEAL_MIME_KEYED_H
#define CALLSEAL_MIME_KEYED_H

#include "daemon/mime/tree.h"

/* Appends SDP and the keying message, transfer encodings taken off, to two
 * empty buffers, whose bounds are the caller's; on failure both are empty. A
 * body without SDP leaves that one empty.
 *
 * old, unless it is NULL: the form of 2005 is taken, too, which does not say of
 * its base64 that it is, and ends its parts with empty lines; whether it is
 * that one is put there.
 *
 * E_NOTFOUND: no application/mikey in it; E_UNSUPPORTED (415): no
 * multipart/mixed, a required part of another type, one of the two deeper in
 * it, or an unknown encoding; E_FORMAT: malformed, or one of the two twice;
 * E_SPACE: past a bound. */
int mime_keyed_read(const struct mime_fields *outer, struct mime_bytes body,
		    bool *old, struct buf *sdp, struct buf *mikey);

enum mime_keyed_form {
	MIME_KEYED_BASE64,
	MIME_KEYED_BINARY, /* shorter; needs a path that is clean of bytes */
	MIME_KEYED_2005    /* the answer to an offer of that form */
};

#define MIME_KEYED_TYPE 64 /* bytes of a Content-Type, with its NUL */

/* Appends the body and gives its Content-Type. E_ARG: SDP holds the one
 * boundary that the form of 2005 has. E_INTERNAL, or what out says. */
int mime_keyed_write(enum mime_keyed_form form, struct mime_bytes sdp,
		     struct mime_bytes mikey, struct buf *out,
		     char type[static MIME_KEYED_TYPE]);

#endif
