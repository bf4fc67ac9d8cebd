/* extract.h - the MIKEY messages in what somebody captured or wrote down. */
#ifndef CALLSEAL_EXTRACT_H
#define CALLSEAL_EXTRACT_H

#include <stddef.h>
#include <stdint.h>

#define EXTRACT_TEXT 128

/* One message, or what should have been one. Borrowed for the call. */
struct extracted {
	const uint8_t *data; /* NULL: see fault */
	size_t len;
	char where[EXTRACT_TEXT]; /* "line 12 (session): a=key-mgmt"; "" for
	                             a message alone */
	size_t at;                /* byte of the input where it begins */
	char fault[EXTRACT_TEXT]; /* what is wrong, and at which byte */
};

typedef void (*extract_fn)(void *user, const struct extracted *e);

/* Calls fn for each message in the input, in order: a message alone as bytes,
 * base64 or a hex dump; in an SDP line, a description or whole SIP messages
 * each a=key-mgmt:mikey, each a=acap of one (RFC 5939), and each body of type
 * application/mikey; or a hex dump of those. Returns how many there were, the
 * broken ones too; E_NOMEM. When there was none, why says what was looked
 * for (fault text, EXTRACT_TEXT bytes). */
int extract(const uint8_t *in, size_t len, extract_fn fn, void *user,
	    char *why);

#endif
