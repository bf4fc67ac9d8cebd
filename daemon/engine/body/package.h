/* package.h - a keying message beside SDP and not in it: multipart/mixed of
 * application/sdp and application/mikey, the form in which tunnels are keyed
 * (doc/MIKEY-IPSEC.md). The engine itself knows one form only, a=key-mgmt in
 * SDP (RFC 4567); here the one becomes the other. Pure; no thread is
 * involved. */
#ifndef CALLSEAL_ENGINE_PACKAGE_H
#define CALLSEAL_ENGINE_PACKAGE_H

#include "daemon/base/buf.h"
#include "daemon/mime/keyed.h"

/* The body's SDP with its keying message on session level; appended to out.
 * type is the whole Content-Type. E_FORMAT, also for SDP that has keying
 * messages of its own; E_UNSUPPORTED (415); E_NOTFOUND: no keying message, or
 * no SDP; E_SPACE. old: as mime_keyed_read() has it. */
int package_open(const char *type, const void *body, size_t len, bool *old,
		 struct buf *out);

/* The reverse, of SDP that we wrote: the package is appended to out, its
 * Content-Type put in type. E_NOTFOUND: the SDP has no keying message on
 * session level; E_FORMAT; what out says. */
int package_close(enum mime_keyed_form form, const void *sdp, size_t len,
		  struct buf *out, char type[static MIME_KEYED_TYPE]);

#endif
