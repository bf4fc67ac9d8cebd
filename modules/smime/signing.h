/* signing.h - SignedData with one signer (RFC 5652 section 5). */
#ifndef CALLSEAL_SMIME_SIGNING_H
#define CALLSEAL_SMIME_SIGNING_H

#include "modules/smime/capability.h"
#include "modules/smime/card.h"
#include "modules/smime/cms.h"
#include "modules/smime/terms.h"

struct smime_signing {
	bool opaque;       /* the content goes inside */
	bool certificates; /* ours go with it; else it only refers to them */
	bool key_id;       /* refers by subject key identifier, if ours has one,
	                      not by issuer and serial number */
	bool capabilities; /* tells what can be sent to us */
};

/* Signs by our key: SHA-256 (SHA-384 on P-384); RSA PKCS #1 v1.5, or PSS where
 * credential_pss() says so. *micalg is static text. SMIME_OURS: our key is no
 * good. */
int smime_sign(const struct smime_terms *t, const struct smime_signing *how,
	       struct mime_bytes content, struct buf *der, const char **micalg,
	       struct smime_fault *why);

struct smime_checking {
	/* Whose the signature must be, a SIP URI. NULL: who() tells it. */
	const char *id;
	/* From the content, whose signature fits but proves nothing yet. NULL:
	 * it names nobody, which is refused. The result is borrowed until the
	 * check returns. */
	const char *(*who)(struct mime_bytes content, void *user);
	void *user;
	/* Where the certificate came along and does not hold for id: it may be
	 * this one's (NULL: nobody's), else whose it is by itself. */
	const char *also;
	bool anybody;
	/* Where a certificate is looked for that the message refers to: */
	const struct smime_card *const *known;
	size_t n_known;
	const char *peer; /* whose configured one counts, at last; or NULL */
	bool legacy;
};

struct smime_signer {
	struct certificate *certificate; /* owned; who it is was checked */
	struct smime_card *card; /* owned; NULL: the one that is configured */
	char other[IDENTITY_TEXT]; /* whose it is, if not id's; else "" */
	struct pin pin;       /* to be kept if all else is fine (trust.h) */
	bool sent;            /* the message brought its certificate */
	struct smime_capabilities capabilities;
	int digest;           /* OpenSSL's NID */
};

/* Checks the one signature and whose it is. detached: the content, for a
 * signature that has none inside; else NULL, and *inside gets the content,
 * which lives as long as cms. Nothing is set on failure: SMIME_WRONG_SIGNATURE,
 * SMIME_SIGNER_UNKNOWN, SMIME_SIGNER_REFUSED, SMIME_WEAK, SMIME_UNSUPPORTED,
 * SMIME_MALFORMED. */
int smime_check(const struct smime_terms *t, const struct smime_checking *how,
		CMS_ContentInfo *cms, const struct mime_bytes *detached,
		struct mime_bytes *inside, struct smime_signer *out,
		struct smime_fault *why);
void smime_signer_free(struct smime_signer *s);

#endif
