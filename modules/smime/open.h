/* open.h - the body of a SIP message is opened (RFC 3261 section 23, RFC 8551
 * section 3): signatures checked, envelopes decrypted, layer by layer, until
 * something else is there. All or nothing: on failure no content is seen. */
#ifndef CALLSEAL_SMIME_OPEN_H
#define CALLSEAL_SMIME_OPEN_H

#include "daemon/mime/tree.h"
#include "modules/smime/envelope.h"
#include "modules/smime/signing.h"

#define SMIME_LAYERS 3 /* sign, encrypt, sign: RFC 8551 3.7 knows no more */

enum smime_need {
	SMIME_NEED_SIGNED = 1,
	SMIME_NEED_ENCRYPTED = 2,
	SMIME_NEED_HIDDEN = 4 /* no signature outside of the encryption */
};

struct smime_open {
	struct smime_terms terms;
	struct smime_checking checking; /* its legacy is the one for all */
	const struct smime_kek *kek;
	size_t n_kek;
	unsigned need; /* enum smime_need, a mask: SMIME_MISSING */
};

struct smime_layer {
	bool encrypted;           /* else signed */
	enum smime_cipher cipher; /* of an encrypted one */
	const struct smime_kek *kek; /* it was under this session key */
	bool detached;            /* multipart/signed */
};

struct smime_opened {
	size_t n;
	struct smime_layer layer[SMIME_LAYERS]; /* the outermost first */
	bool is_signed; /* by signer: that of the outermost signature */
	bool others;    /* some signature is another's than id's */
	bool encrypted;
	bool authentic; /* the content cannot have been changed on the way: it
	                   is under a signature or AEAD */
	struct smime_signer signer;
	struct buf text[SMIME_LAYERS]; /* owned, wiped */
	size_t texts;
	/* What is within, taken apart. Borrowed from text[], or from the body
	 * and fields that were opened. */
	struct mime content;
};

/* Opens a body. fields are those of the SIP header. Also what is not sealed at
 * all comes out as content with no layer, unless need forbids. The caller
 * frees. */
int smime_open(const struct smime_open *how, const struct mime_fields *fields,
	       struct mime_bytes body, struct smime_opened *out,
	       struct smime_fault *why);
/* Opens one part of a body that is taken apart already: an AIB beside SDP. */
int smime_open_part(const struct smime_open *how, const struct mime_part *part,
		    struct smime_opened *out, struct smime_fault *why);
/* The session key that came with the content. E_NOTFOUND: none did; E_POLICY:
 * the content was not both signed and encrypted; E_FORMAT. The caller wipes
 * it. */
int smime_opened_kek(const struct smime_opened *o, struct smime_kek *out);
void smime_opened_free(struct smime_opened *o);

#endif
