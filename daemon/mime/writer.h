/* writer.h - writing entities and multiparts (RFC 2045, 2046 5.1.1). */
#ifndef CALLSEAL_MIME_WRITER_H
#define CALLSEAL_MIME_WRITER_H

#include "daemon/base/buf.h"
#include "daemon/mime/field.h"

#define MIME_BOUNDARY_TEXT 17 /* with its NUL */

/* The fields of an entity; NULL: without it. */
struct mime_head {
	const char *type, *disposition, *transfer, *id;
};

/* The fields and the empty line behind them. Failures stay in out. */
void mime_put_fields(struct buf *out, const struct mime_head *head);
/* Fields, empty line, body. With transfer "base64" the body is encoded. */
void mime_put_entity(struct buf *out, const struct mime_head *head,
		     struct mime_bytes body);
/* A random boundary that none of the parts holds. E_INTERNAL. */
int mime_boundary(char out[static MIME_BOUNDARY_TEXT],
		  const struct mime_bytes *part, size_t n);
/* The body of a multipart: each part is a whole entity, taken as it is. */
void mime_put_multipart(struct buf *out, const char *boundary,
			const struct mime_bytes *part, size_t n);

#endif
