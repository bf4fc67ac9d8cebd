/* envelope.h - EnvelopedData and AuthEnvelopedData (RFC 5652 6, RFC 5083). */
#ifndef CALLSEAL_SMIME_ENVELOPE_H
#define CALLSEAL_SMIME_ENVELOPE_H

#include "modules/smime/algorithm.h"
#include "modules/smime/card.h"
#include "modules/smime/cms.h"
#include "modules/smime/kek.h"
#include "modules/smime/terms.h"

#define SMIME_RECIPIENTS 16 /* of a message that is taken */

/* Whom it is for. */
struct smime_to {
	const struct smime_card *card; /* that may receive keys */
	const char *id;                /* whose it must be: a SIP URI */
	const char *peer;              /* where card is NULL: whose configured
	                                  one counts */
};

struct smime_envelope {
	enum smime_cipher cipher;
	const struct smime_to *to;
	size_t n_to;
	const struct smime_kek *kek; /* beside them, or instead; NULL: none */
	bool key_id; /* name recipients by subject key identifier, if they
	                have one: shorter than issuer and serial number */
};

/* Encrypts for all of them: RSA by OAEP with SHA-256 (RFC 3560), P-256 and
 * P-384 by key agreement (RFC 5753, SHA-256 or SHA-384). Each certificate is
 * verified first: SMIME_SIGNER_REFUSED. SMIME_OURS: nobody to encrypt for, or
 * a cipher that is not sent. */
int smime_encrypt(const struct smime_terms *t, const struct smime_envelope *e,
		  struct mime_bytes content, struct buf *der,
		  struct smime_fault *why);

struct smime_unwrap {
	const struct smime_kek *kek;
	size_t n_kek;
	bool legacy;
};

struct smime_unwrapped {
	enum smime_cipher cipher;
	const struct smime_kek *kek; /* the one that opened it, or NULL */
};

/* Decrypts what is for us, into out (nothing on failure). SMIME_UNDECIPHERABLE,
 * SMIME_WEAK, SMIME_TOO_LARGE. Without AEAD the content is not authentic. */
int smime_decrypt(const struct smime_terms *t, const struct smime_unwrap *u,
		  CMS_ContentInfo *cms, struct buf *out,
		  struct smime_unwrapped *how, struct smime_fault *why);

#endif
