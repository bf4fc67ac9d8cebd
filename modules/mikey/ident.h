/* ident.h - comparing identities: a SIP URI against an ID payload. */
#ifndef CALLSEAL_MIKEY_IDENT_H
#define CALLSEAL_MIKEY_IDENT_H

#include "modules/mikey/message.h"

#include <stdbool.h>

/* Whether both name the same user at the same host. "sip:", "sips:" or no
 * scheme (an NAI), parameters, headers and the scheme's default port make no
 * difference; the user is compared with its escapes resolved, the host
 * without regard to case. Anything else is compared byte by byte. */
bool mikey_same_identity(struct mikey_bytes a, struct mikey_bytes b);
/* Whether both name a user at the same host and port. Nothing but visible
 * characters is taken for a name here. */
bool mikey_same_domain(struct mikey_bytes a, struct mikey_bytes b);
/* The ID payload's data as a printable text, cut to fit. Returns out. */
const char *mikey_identity_text(struct mikey_bytes id, char *out, size_t size);

#endif
