/* clear.h - SDP's k= line (RFC 4566 5.12; RFC 8866 forbids it) as old SIPsec
 * end points use it: "k=clear:" and 60 hex digits, an SRTP master key and salt
 * for AES_CM_128_HMAC_SHA1_80, the same in both directions. Legacy only, and
 * only in a body that is encrypted and signed: the caller sees to both. */
#ifndef CALLSEAL_KEEPER_CLEAR_H
#define CALLSEAL_KEEPER_CLEAR_H

#include "daemon/base/buf.h"
#include "daemon/mime/field.h"

#include <stdbool.h>

#define CLEAR_KEY 16
#define CLEAR_SALT 14
#define CLEAR_KEYS 8 /* of one description */
#define CLEAR_TEXT (6 + 2 * (CLEAR_KEY + CLEAR_SALT)) /* "clear:" and digits */

struct clear_key {
	int line; /* the m= line that it is for, from 0; -1: the session */
	uint8_t key[CLEAR_KEY], salt[CLEAR_SALT];
};

/* The next line of a description with its end, of *end bytes: CRLF, or LF alone
 * as old programs write. */
struct mime_bytes clear_line(struct mime_bytes *rest, size_t *end);
/* What stands behind "k=": by its outer form; its key, but for the line
 * (E_FORMAT); and written. The caller wipes the key. */
bool clear_is(struct mime_bytes value);
int clear_value(struct mime_bytes value, struct clear_key *k);
void clear_write(const struct clear_key *k, struct buf *out);
/* Reads the keys, and adds the description without its k= lines to out, so that
 * no key goes further. E_FORMAT: a k= line of any other form, or a second one
 * at a level; E_SPACE: too many. Nothing is set then, but out may have been
 * written to. The caller wipes the keys. */
int clear_read(struct mime_bytes sdp, struct clear_key keys[static CLEAR_KEYS],
	       size_t *n, struct buf *out);

#endif
