/* seal.h - a MIME entity becomes the body of a SIP message (RFC 3261 section
 * 23, RFC 8551 section 3). doc/SMIME.md shows each form on the wire. */
#ifndef CALLSEAL_SMIME_SEAL_H
#define CALLSEAL_SMIME_SEAL_H

#include "modules/smime/envelope.h"
#include "modules/smime/signing.h"

enum smime_form {
	SMIME_SIGN,         /* multipart/signed, the content readable */
	SMIME_SIGN_OPAQUE,  /* application/pkcs7-mime, signed-data */
	SMIME_ENCRYPT,      /* application/pkcs7-mime: proves nobody */
	SMIME_ENCRYPT_SIGN, /* encrypted, that is signed: shows the signer */
	SMIME_SIGN_ENCRYPT, /* signed, that is encrypted: hides the signer */
	SMIME_OPAQUE_ENCRYPT, /* the same, by an opaque signature: shorter */
	SMIME_FORMS
};

struct smime_seal {
	struct smime_terms terms;
	enum smime_form form;
	struct smime_envelope envelope;
	struct smime_signing signing; /* opaque: the form says it */
	bool base64; /* for ways that are not clean for 8 bits */
	bool terse;  /* no file names, nor what is so without being said:
	                binary, and to be handled (RFC 3261 20.11) */
};

#define SMIME_TYPE_TEXT 192

struct smime_sealed {
	char type[SMIME_TYPE_TEXT];           /* Content-Type */
	const char *disposition, *transfer;   /* or NULL; static text */
	struct buf body;                      /* owned */
};

/* Seals a whole entity: fields, empty line, body. Nothing is set on failure;
 * the caller frees what is. */
int smime_seal(const struct smime_seal *how, struct mime_bytes entity,
	       struct smime_sealed *out, struct smime_fault *why);
void smime_sealed_free(struct smime_sealed *s);

#endif
