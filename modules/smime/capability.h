/* capability.h - SMIMECapabilities (RFC 8551 2.5.2): what a signer tells of
 * what can be sent to it. */
#ifndef CALLSEAL_SMIME_CAPABILITY_H
#define CALLSEAL_SMIME_CAPABILITY_H

#include "modules/smime/algorithm.h"

/* What a far end said, or with told false, that it said nothing. */
struct smime_capabilities {
	bool told;
	unsigned ciphers; /* 1 << enum smime_cipher */
	bool oaep;        /* RSA-OAEP with SHA-256 */
};

/* Adds ours to a signature that is not made yet. E_NOMEM, E_INTERNAL. */
int smime_capabilities_put(CMS_SignerInfo *si);
/* Those of a signature that was checked. Unreadable ones count as none. */
void smime_capabilities_get(CMS_SignerInfo *si,
			    struct smime_capabilities *out);
/* What to encrypt with: the first of ours that it has; AES-128-CBC when it
 * told nothing, which every S/MIME program of these days opens. */
enum smime_cipher smime_cipher_for(const struct smime_capabilities *c);

#endif
