/* whose.h - who is named in a whole message where the header around it names
 * nobody: it has to be known before anybody can be believed. */
#ifndef CALLSEAL_SMIME_WHOSE_H
#define CALLSEAL_SMIME_WHOSE_H

#include "daemon/keeper/bodies.h"
#include "daemon/message.h"
#include "modules/smime/fault.h"
#include "modules/smime/terms.h"

/* The sender of a message by its first line and header fields: From of a
 * request, To of a response, as "sip:user@host". SMIME_MALFORMED. */
int smime_sender(struct mime_bytes head, char out[static IDENTITY_TEXT],
		 struct smime_fault *why);

/* Between whom a message goes, and in which dialog, by its header fields; it
 * may lack the first line. SMIME_MALFORMED. */
int smime_names(struct mime_bytes head, struct bodies_names *out,
		struct smime_fault *why);

/* The sender of one that is encrypted for us, and signed within that. Nothing
 * is checked but that it decrypts: smime_open() does the rest, for him. Whoever
 * asked must not learn why it failed. */
int smime_whose(const struct smime_terms *t, bool legacy,
		const struct mime_fields *fields, struct mime_bytes body,
		char out[static IDENTITY_TEXT], struct smime_fault *why);

#endif
