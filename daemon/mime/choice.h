/* choice.h - which parts of a body count (RFC 2046 5.1, RFC 2387, RFC 3261
 * 20.11). */
#ifndef CALLSEAL_MIME_CHOICE_H
#define CALLSEAL_MIME_CHOICE_H

#include "daemon/mime/tree.h"

/* Whether the asker understands a part. It is asked about each part that is no
 * multipart, and about multipart/signed and /encrypted as a whole. */
typedef bool (*mime_knows_fn)(const struct mime_part *p, void *user);

/* Chooses from a whole tree; out gets the parts, in their order there.
 *
 *   mixed, parallel, digest   every part; one that is not understood is left
 *                             out if its handling is optional
 *   alternative               the last that is understood
 *   related                   its root: by "start", else the first; the
 *                             others are what the root refers to
 *   signed, encrypted         the whole, if it is understood
 *
 * E_UNSUPPORTED (415): a required part is not understood; E_FORMAT: "start"
 * names no part; E_SPACE: more than room. */
int mime_choose(const struct mime *m, mime_knows_fn knows, void *user,
		const struct mime_part **out, size_t room, size_t *n);
/* The part with that Content-ID (without its angle brackets), or NULL. */
const struct mime_part *mime_by_id(const struct mime *m, const char *id);

#endif
