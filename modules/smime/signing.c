/* signing.c - SignedData with one signer. See signing.h.
 *
 * Who signed is believed before the signature is checked, so that nobody's
 * odd key costs us anything; only where the content itself names the signer is
 * the content looked at in between, and what it names proves nothing until the
 * signature does.
 *
 * A signature without signed attributes is legacy: one with them could be
 * turned into it (RFC 5652 section 5.4 signs either the attributes or the
 * content, and nothing tells which). The attribute content-type must be there
 * and tell the truth (11.1).
 *
 * Not done: several signers, countersignatures, revocation lists that come
 * along, signing-time on receipt (Date is what is checked, by whoever has the
 * message). */
#include "modules/smime/signing.h"

#include "daemon/base/err.h"
#include "daemon/keeper/certs/certname.h"
#include "daemon/keeper/certs/credential_cms.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#define DIGESTS_MAX 4 /* that a message lists; one is needed */

/* -- signing -------------------------------------------------------------- */

static int set_pss(CMS_SignerInfo *si)
{
	EVP_PKEY_CTX *ctx = CMS_SignerInfo_get0_pkey_ctx(si);

	return ctx &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx,
						RSA_PSS_SALTLEN_DIGEST) > 0;
}

/* OpenSSL would ask the machine's clock. */
static int put_time(CMS_SignerInfo *si, uint64_t wall_us)
{
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)(wall_us / 1000000));
	int ok = t && CMS_signed_add1_attr_by_NID(si, NID_pkcs9_signingTime,
						  ASN1_STRING_type(t), t,
						  -1) == 1;

	ASN1_TIME_free(t);
	return ok;
}

static int put_chain(const struct credential *c, CMS_ContentInfo *cms)
{
	STACK_OF(X509) *own = credential_own(c);
	int ok = 1;

	for (int i = 0; i < sk_X509_num(own) && ok; i++)
		ok = CMS_add1_cert(cms, sk_X509_value(own, i));
	return ok;
}

static int add_signer(const struct smime_terms *t,
		      const struct smime_signing *how, CMS_ContentInfo *cms)
{
	X509 *leaf = credential_leaf(t->credential);
	EVP_PKEY *key = credential_private(t->credential);
	unsigned flags = CMS_NOCERTS | CMS_NOSMIMECAP | CMS_BINARY;
	bool pss = credential_signature(t->credential) == SIGNATURE_PSS;
	CMS_SignerInfo *si;

	if (how->key_id && X509_get0_subject_key_id(leaf))
		flags |= CMS_USE_KEYID;
	if (pss)
		flags |= CMS_KEY_PARAM;
	si = CMS_add1_signer(cms, leaf, key, smime_digest_for(key), flags);
	return si && (!pss || set_pss(si)) && put_time(si, t->wall_us) &&
	       (!how->capabilities || !smime_capabilities_put(si)) &&
	       (!how->certificates || put_chain(t->credential, cms));
}

int smime_sign(const struct smime_terms *t, const struct smime_signing *how,
	       struct mime_bytes content, struct buf *der, const char **micalg,
	       struct smime_fault *why)
{
	unsigned flags = CMS_BINARY | CMS_PARTIAL |
			 (how->opaque ? 0 : CMS_DETACHED);
	CMS_ContentInfo *cms;
	BIO *in;
	int r = 0;

	if (!credential_proves(t->credential))
		return smime_fault(why, SMIME_OURS, "there is no certificate "
				   "of ours to sign with");
	ERR_clear_error();
	cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	in = BIO_new_mem_buf(content.p, (int)content.len);
	if (!cms || !in || !add_signer(t, how, cms) ||
	    CMS_final(cms, in, NULL, flags) != 1)
		r = smime_fault(why, smime_cms_reason(SMIME_BROKEN),
				"cannot sign");
	if (!r)
		r = smime_cms_write(cms, der, why);
	if (!r)
		*micalg = smime_micalg(smime_digest_for(
			credential_private(t->credential)));
	BIO_free(in);
	CMS_ContentInfo_free(cms);
	return r;
}

/* -- the signer's certificate --------------------------------------------- */

void smime_signer_free(struct smime_signer *s)
{
	certificate_free(s->certificate);
	smime_card_free(s->card);
	*s = (struct smime_signer){ .certificate = NULL };
}

static X509 *leaf_among(CMS_SignerInfo *si, STACK_OF(X509) *all)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (!CMS_SignerInfo_cert_cmp(si, sk_X509_value(all, i)))
			return sk_X509_value(all, i);
	return NULL;
}

/* What the message brings: the leaf, then all others in whatever order. */
static int take_sent(CMS_ContentInfo *cms, CMS_SignerInfo *si,
		     struct smime_signer *s, struct smime_fault *why)
{
	STACK_OF(X509) *all = CMS_get1_certs(cms);
	X509 *leaf = leaf_among(si, all);
	int r = leaf ? smime_card_of(leaf, all, &s->card, why) : 0;

	sk_X509_pop_free(all, X509_free);
	s->sent = s->card != NULL;
	return r;
}

static void take_known(const struct smime_checking *how, CMS_SignerInfo *si,
		       struct smime_signer *s)
{
	for (size_t i = 0; i < how->n_known && !s->card; i++)
		if (!CMS_SignerInfo_cert_cmp(si, smime_card_leaf(
						     how->known[i])))
			s->card = smime_card_keep(how->known[i]);
}

/* *leaf is borrowed: from s, or from the credential. */
static int find_leaf(const struct smime_terms *t,
		     const struct smime_checking *how, CMS_ContentInfo *cms,
		     CMS_SignerInfo *si, struct smime_signer *s, X509 **leaf,
		     struct smime_fault *why)
{
	int r = take_sent(cms, si, s, why);

	if (r)
		return r;
	if (!s->card)
		take_known(how, si, s);
	*leaf = s->card ? smime_card_leaf(s->card)
		: how->peer ? leaf_among(si, credential_known(t->credential,
							      how->peer))
			    : NULL;
	return *leaf ? 0 : smime_fault(why,
				       smime_cms_reason(SMIME_SIGNER_UNKNOWN),
				       "the signer's certificate is neither "
				       "in the message nor known");
}

/* -- checking ------------------------------------------------------------- */

/* Of a kind and size that may be used at all. */
static int check_kind(X509 *leaf, struct smime_fault *why)
{
	struct credential_fault fault = { "" };

	if (!credential_kind(X509_get0_pubkey(leaf), &fault))
		return 0;
	return smime_fault(why, smime_cms_reason(SMIME_SIGNER_REFUSED),
			   "the signer's certificate is refused: %s",
			   fault.text);
}

static int believe(const struct smime_terms *t,
		   const struct smime_checking *how, const char *id,
		   struct smime_signer *s, struct smime_fault *why)
{
	const struct credential_ask ask = { CERTIFICATE_SIGNS, id, t->wall_us,
					    t->trust };
	struct credential_fault fault = { "" };
	size_t n = 0;
	const struct der *chain = s->card ? smime_card_chain(s->card, &n)
					  : NULL;
	int r = n ? credential_verify(t->credential, chain, n, &ask,
				      &s->certificate, &fault)
		  : credential_peer(t->credential, how->peer, &ask,
				    &s->certificate, &fault);

	if (r)
		return smime_fault(why, r == E_NOMEM ? SMIME_BROKEN
						     : SMIME_SIGNER_REFUSED,
				   "%s", fault.text);
	s->pin = *certificate_pin(s->certificate);
	return 0;
}

static int check_algorithms(CMS_SignerInfo *si, bool legacy,
			    struct smime_signer *s, struct smime_fault *why)
{
	X509_ALGOR *digest = NULL, *signature = NULL;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, &signature);
	s->digest = OBJ_obj2nid(digest->algorithm);
	if (smime_take_digest(s->digest, legacy) ||
	    smime_take_signature(OBJ_obj2nid(signature->algorithm), s->digest,
				 legacy))
		return smime_fault(why, SMIME_WEAK, "its signature is by an "
				   "algorithm that is not taken");
	if (!legacy && CMS_signed_get_attr_count(si) <= 0)
		return smime_fault(why, SMIME_WEAK, "its signature is without "
				   "signed attributes");
	return 0;
}

/* RFC 5652 11.1; and we sign and read MIME, which is id-data. */
static int check_type(CMS_ContentInfo *cms, CMS_SignerInfo *si,
		      struct smime_fault *why)
{
	const ASN1_OBJECT *type = CMS_get0_eContentType(cms), *told;

	if (OBJ_obj2nid(type) != NID_pkcs7_data)
		return smime_fault(why, SMIME_UNSUPPORTED, "what is signed is "
				   "no MIME");
	if (CMS_signed_get_attr_count(si) <= 0)
		return 0;
	told = CMS_signed_get0_data_by_OBJ(
		si, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);
	if (!told || OBJ_cmp(told, type))
		return smime_fault(why, smime_cms_reason(SMIME_MALFORMED),
				   "its content-type attribute is missing or "
				   "wrong");
	return 0;
}

/* OpenSSL hashes by each digest that the message lists, as often as it does. */
static bool is_short(BIO *chain)
{
	size_t n = 0;

	for (; (chain = BIO_find_type(chain, BIO_TYPE_MD)) && n <= DIGESTS_MAX;
	     n++)
		chain = BIO_next(chain);
	return n <= DIGESTS_MAX;
}

/* Hashes the content, then compares; >= 1 when all fits. */
static int compare(CMS_SignerInfo *si, BIO *chain)
{
	uint8_t part[4096];
	int n;

	if (!is_short(chain))
		return 0;
	do
		n = BIO_read(chain, part, sizeof part);
	while (n > 0);
	if (n < 0)
		return 0;
	if (CMS_signed_get_attr_count(si) > 0 && CMS_SignerInfo_verify(si) <= 0)
		return 0;
	return CMS_SignerInfo_verify_content(si, chain);
}

/* Not CMS_verify(), which loses memory when it does not like the digest. */
static int run_check(CMS_ContentInfo *cms, CMS_SignerInfo *si, X509 *leaf,
		     const struct mime_bytes *detached,
		     struct smime_fault *why)
{
	BIO *in = detached ? BIO_new_mem_buf(detached->p, (int)detached->len)
			   : NULL;
	BIO *chain = in || !detached ? CMS_dataInit(cms, in) : NULL;
	bool ok = false;

	CMS_SignerInfo_set1_signer_cert(si, leaf);
	if (chain)
		ok = compare(si, chain) > 0;
	else
		BIO_free(in);
	BIO_free_all(chain); /* in with it */
	if (ok)
		return 0;
	return smime_fault(why, smime_cms_reason(SMIME_WRONG_SIGNATURE),
			   "the signature is wrong: the content was changed, "
			   "or is another's");
}

/* The content inside, or that there is none. */
static int content_of(CMS_ContentInfo *cms, const struct mime_bytes *detached,
		      struct mime_bytes *out, struct smime_fault *why)
{
	ASN1_OCTET_STRING **inside = CMS_get0_content(cms);
	bool has = inside && *inside;

	if (has == (detached != NULL))
		return smime_fault(why, SMIME_MALFORMED, "%s",
				   has ? "a detached signature has content"
				       : "a signature has no content");
	*out = detached ? *detached : (struct mime_bytes){
		ASN1_STRING_get0_data(*inside),
		(size_t)ASN1_STRING_length(*inside) };
	return 0;
}

static int the_signer(CMS_ContentInfo *cms, CMS_SignerInfo **out,
		      struct smime_fault *why)
{
	STACK_OF(CMS_SignerInfo) *all = CMS_get0_SignerInfos(cms);

	if (sk_CMS_SignerInfo_num(all) != 1)
		return smime_fault(why, SMIME_UNSUPPORTED, "it has %d "
				   "signatures; one is wanted",
				   sk_CMS_SignerInfo_num(all));
	*out = sk_CMS_SignerInfo_value(all, 0);
	return 0;
}

/* Whose it has to be: NULL where id stays. */
static const char *other_than(const struct smime_checking *how, const char *id,
			      X509 *leaf, struct smime_signer *s)
{
	if (!id || !s->card || certname_holds(leaf, id))
		return NULL;
	if (how->also && certname_holds(leaf, how->also))
		snprintf(s->other, sizeof s->other, "%s", how->also);
	else if (!how->anybody || !s->sent || !certname_own(leaf, s->other))
		return NULL;
	return s->other;
}

/* Whose it must be, and whether he is believed. */
static int check_leaf(const struct smime_terms *t,
		      const struct smime_checking *how,
		      struct mime_bytes content, X509 *leaf,
		      struct smime_signer *s, struct smime_fault *why)
{
	const char *id = how->id, *other;
	int r = check_kind(leaf, why);

	if (!r && !id && how->who)
		id = how->who(content, how->user);
	other = r ? NULL : other_than(how, how->id, leaf, s);
	if (other)
		id = other;
	if (!r && !id)
		r = smime_fault(why, SMIME_SIGNER_REFUSED, "nothing says whose "
				"the signature must be");
	return r ? r : believe(t, how, id, s, why);
}

int smime_check(const struct smime_terms *t, const struct smime_checking *how,
		CMS_ContentInfo *cms, const struct mime_bytes *detached,
		struct mime_bytes *inside, struct smime_signer *out,
		struct smime_fault *why)
{
	struct smime_signer s = { .certificate = NULL };
	struct mime_bytes content;
	CMS_SignerInfo *si = NULL;
	X509 *leaf = NULL;
	int r;

	ERR_clear_error();
	r = the_signer(cms, &si, why);
	if (!r)
		r = content_of(cms, detached, &content, why);
	if (!r)
		r = check_algorithms(si, how->legacy, &s, why);
	if (!r)
		r = check_type(cms, si, why);
	if (!r)
		r = find_leaf(t, how, cms, si, &s, &leaf, why);
	if (!r)
		r = check_leaf(t, how, content, leaf, &s, why);
	if (!r)
		r = run_check(cms, si, leaf, detached, why);
	ERR_clear_error();
	if (r) {
		smime_signer_free(&s);
		return r;
	}
	smime_capabilities_get(si, &s.capabilities);
	*out = s;
	if (inside)
		*inside = content;
	return 0;
}
