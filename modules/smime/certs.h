/* certs.h - a body of certificates only (RFC 8551 3.8): what a 493 carries (RFC
 * 3261 23.2), or an answer to who wants to seal for us. */
#ifndef CALLSEAL_SMIME_CERTS_H
#define CALLSEAL_SMIME_CERTS_H

#include "daemon/mime/tree.h"
#include "modules/smime/card.h"
#include "modules/smime/seal.h"

/* Our whole chain as a body; the caller frees what is set. SMIME_OURS. */
int smime_certs_write(const struct smime_terms *t, bool base64,
		      struct smime_sealed *out, struct smime_fault *why);
/* The certificate of id in such a part, one that may receive keys and is
 * believed for that identity. pin: by which pin, if by one (trust.h); the
 * caller frees *out. The body is not signed and does not say whom the
 * certificates belong to: they do. SMIME_SIGNER_REFUSED: none fits. */
int smime_certs_read(const struct smime_terms *t, const struct mime_part *part,
		     const char *id, struct smime_card **out, struct pin *pin,
		     struct smime_fault *why);

#endif
