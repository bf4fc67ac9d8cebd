/* tree.h - a body taken apart into its parts (RFC 2046 section 5.1, RFC 3261
 * 7.4). Nothing is copied: a part's raw bytes are exactly those between two
 * boundaries, which is what a signature covers (RFC 1847 2.1). */
#ifndef CALLSEAL_MIME_TREE_H
#define CALLSEAL_MIME_TREE_H

#include "daemon/base/buf.h"
#include "daemon/mime/field.h"

#define MIME_BODY_MAX (128 * 1024) /* bytes of a whole body */
#define MIME_PARTS 32              /* of a whole body, the root counted */
#define MIME_DEPTH 5               /* multiparts within each other */

enum mime_multi {
	MIME_SINGLE,      /* no multipart */
	MIME_MIXED,       /* also each kind that is unknown (RFC 2046 5.1.3) */
	MIME_ALTERNATIVE, /* RFC 2046 5.1.4 */
	MIME_DIGEST,      /* 5.1.5: mixed, of message/rfc822 by default */
	MIME_PARALLEL,    /* 5.1.6 */
	MIME_RELATED,     /* RFC 2387 */
	MIME_SIGNED,      /* RFC 1847 2.1: always two parts */
	MIME_ENCRYPTED    /* RFC 1847 2.2: always two parts */
};

struct mime_part {
	struct mime_bytes raw;    /* head and body; of the root: the body */
	struct mime_bytes body;   /* as it stands there, encoded */
	struct mime_fields fields;
	struct mime_type type;    /* by default as the RFCs have it */
	struct mime_disposition disposition;
	enum mime_transfer transfer;
	enum mime_multi multi;
	unsigned depth;           /* of the root: 0 */
	size_t first, n;          /* its parts: part[first] to first + n - 1 */
};

struct mime {
	size_t n;
	struct mime_part part[MIME_PARTS]; /* part[0] is the root */
};

/* Reads a body whose fields stand in a SIP header. All is borrowed, from the
 * body and from the fields' values. E_FORMAT, E_SPACE (past a limit), and the
 * RFC's rules: a multipart has a boundary, at least one part, an end, and no
 * transfer encoding; signed and encrypted have two parts. */
int mime_read(const struct mime_fields *outer, struct mime_bytes body,
	      struct mime *out);
/* The same for an entity that brings its own fields: the content of a
 * signature or an envelope. Its root's raw is all of it. */
int mime_read_entity(struct mime_bytes entity, struct mime *out);
/* The body of a part, its transfer encoding taken off. E_UNSUPPORTED: by an
 * encoding that is not known; E_FORMAT; what out says. */
int mime_decode(const struct mime_part *p, struct buf *out);
/* Whether it may be taken as it stands: mime_decode() would change nothing. */
bool mime_plain(const struct mime_part *p);

#endif
