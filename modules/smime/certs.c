/* certs.c - a body of certificates only. See certs.h. Who signed it would be
 * one more certificate to believe: it has no signer, and one with a signer is
 * none of these. */
#include "modules/smime/certs.h"

#include "daemon/base/err.h"
#include "daemon/keeper/certs/certname.h"
#include "daemon/keeper/certs/credential_cms.h"
#include "daemon/mime/base64.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>


/* -- writing -------------------------------------------------------------- */

static int put_certs(STACK_OF(X509) *own, struct buf *der,
		     struct smime_fault *why)
{
	const unsigned flags = CMS_BINARY | CMS_DETACHED | CMS_PARTIAL;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, own, NULL, flags);
	int r;

	if (!cms)
		return smime_fault(why, smime_cms_reason(SMIME_BROKEN),
				   "our certificates cannot be written");
	r = smime_cms_write(cms, der, why);
	CMS_ContentInfo_free(cms);
	return r;
}

int smime_certs_write(const struct smime_terms *t, bool base64,
		      struct smime_sealed *out, struct smime_fault *why)
{
	struct smime_sealed s = {
		.type = "application/pkcs7-mime;smime-type=certs-only;"
			"name=smime.p7c",
		.disposition = "attachment;handling=optional;"
			       "filename=smime.p7c",
		.transfer = base64 ? "base64" : "binary",
		.body = buf_of(MIME_BODY_MAX),
	};
	STACK_OF(X509) *own = credential_own(t->credential);
	struct buf der = buf_of(MIME_BODY_MAX);
	int r;

	if (sk_X509_num(own) < 1)
		return smime_fault(why, SMIME_OURS, "there is no certificate "
				   "of ours");
	ERR_clear_error();
	r = put_certs(own, &der, why);
	if (!r && base64)
		mime_base64_write(&s.body, (struct mime_bytes){ der.data,
								der.len });
	else if (!r)
		buf_put(&s.body, der.data, der.len);
	buf_free(&der);
	if (!r && s.body.err)
		r = smime_fault(why, SMIME_BROKEN, "%s",
				err_text(s.body.err));
	if (r)
		smime_sealed_free(&s);
	else
		*out = s;
	return r;
}

/* -- reading -------------------------------------------------------------- */

static bool may_receive(X509 *x)
{
	uint32_t use = X509_get_key_usage(x);

	return use & (EVP_PKEY_get_base_id(X509_get0_pubkey(x)) ==
				      EVP_PKEY_RSA
			      ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT);
}

static X509 *find(STACK_OF(X509) *all, const char *id)
{
	for (int i = 0; i < sk_X509_num(all); i++) {
		X509 *x = sk_X509_value(all, i);

		if (certname_holds(x, id) && may_receive(x))
			return x;
	}
	return NULL;
}

static int believe(const struct smime_terms *t, const struct smime_card *card,
		   const char *id, struct pin *pin, struct smime_fault *why)
{
	const EVP_PKEY *key = X509_get0_pubkey(smime_card_leaf(card));
	const struct credential_ask ask = {
		key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC
			? CERTIFICATE_AGREES : CERTIFICATE_ENCRYPTS,
		id, t->wall_us, t->trust };
	struct credential_fault fault = { "" };
	struct certificate *c = NULL;
	size_t n;
	const struct der *chain = smime_card_chain(card, &n);
	int r = credential_verify(t->credential, chain, n, &ask, &c, &fault);

	if (r)
		return smime_fault(why, r == E_NOMEM ? SMIME_BROKEN
						     : SMIME_SIGNER_REFUSED,
				   "%s", fault.text);
	*pin = *certificate_pin(c);
	certificate_free(c);
	return 0;
}

static int choose(const struct smime_terms *t, CMS_ContentInfo *cms,
		  const char *id, struct smime_card **out, struct pin *pin,
		  struct smime_fault *why)
{
	struct smime_card *card = NULL;
	STACK_OF(X509) *all;
	X509 *leaf;
	int r;

	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
	    sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) > 0)
		return smime_fault(why, SMIME_UNSUPPORTED, "it is not of "
				   "certificates only");
	all = CMS_get1_certs(cms);
	leaf = find(all, id);
	r = leaf ? smime_card_of(leaf, all, &card, why)
		 : smime_fault(why, SMIME_SIGNER_REFUSED, "none of its "
			       "certificates can be encrypted for as %.80s",
			       id);
	sk_X509_pop_free(all, X509_free);
	if (!r)
		r = believe(t, card, id, pin, why);
	if (r)
		smime_card_free(card);
	else
		*out = card;
	return r;
}

int smime_certs_read(const struct smime_terms *t, const struct mime_part *part,
		     const char *id, struct smime_card **out, struct pin *pin,
		     struct smime_fault *why)
{
	struct buf der = buf_of(MIME_BODY_MAX);
	CMS_ContentInfo *cms = NULL;
	int r;

	if (!mime_type_is(&part->type, "application/pkcs7-mime") &&
	    !mime_type_is(&part->type, "application/x-pkcs7-mime"))
		return smime_fault(why, SMIME_UNSUPPORTED, "it is not of "
				   "certificates only");
	r = mime_decode(part, &der);
	if (r)
		r = smime_fault(why, r == E_UNSUPPORTED ? SMIME_UNSUPPORTED
				: r == E_NOMEM ? SMIME_BROKEN
					       : SMIME_MALFORMED,
				"its MIME cannot be read: %s", err_text(r));
	else
		r = smime_cms_read((struct mime_bytes){ der.data, der.len },
				   &cms, why);
	buf_free(&der);
	if (!r)
		r = choose(t, cms, id, out, pin, why);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return r;
}
