/* bundle.h - several keying messages of one offer in one tail of a message
 * between engine and keeper: the actual one first, alternatives behind it.
 *
 * One message goes as it is, more are packed, behind a zero byte; a message
 * that begins with one (none of MIKEY or SDES does) is packed, too, so that
 * nobody outside can make a bundle. Pure; any thread. */
#ifndef CALLSEAL_BUNDLE_H
#define CALLSEAL_BUNDLE_H

#include "daemon/base/buf.h"
#include "daemon/message.h"

#include <stddef.h>
#include <stdint.h>

#define BUNDLE_MAX 8 /* messages; a profile has no more methods */

struct bundle_item {
	const uint8_t *data; /* borrowed */
	size_t len;
};

struct bundle {
	size_t n;
	struct bundle_item item[BUNDLE_MAX];
};

/* Appends them; E_ARG for none, too many, an empty one or one over
 * KEYING_MAX. */
int bundle_pack(const struct bundle *b, struct buf *out);
/* The messages in a tail, which out borrows. E_FORMAT: malformed, with bytes
 * behind it, or an empty one; E_UNSUPPORTED: more than BUNDLE_MAX. */
int bundle_unpack(const uint8_t *data, size_t len, struct bundle *out);

#endif
