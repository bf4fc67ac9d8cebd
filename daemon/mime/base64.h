/* base64.h - base64 as a transfer encoding (RFC 2045 6.8). */
#ifndef CALLSEAL_MIME_BASE64_H
#define CALLSEAL_MIME_BASE64_H

#include "daemon/base/buf.h"
#include "daemon/mime/field.h"

/* Lines of 76 characters, each with its CRLF. Failures stay in out. */
void mime_base64_write(struct buf *out, struct mime_bytes data);
/* Adds what text stands for. White space may be anywhere; every other
 * character outside the alphabet, a missing or misplaced pad and bits that are
 * not 0 behind the end are E_FORMAT, since readers differ on them. */
int mime_base64_read(struct mime_bytes text, struct buf *out);

#endif
