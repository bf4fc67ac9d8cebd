/* envelope.c - EnvelopedData and AuthEnvelopedData. See envelope.h.
 *
 * Whether the key for the content could be opened, whether padding or tag were
 * right: all are one reason and one text. For RSA PKCS #1 v1.5 (legacy) OpenSSL
 * puts a random key in the place of one that does not open.
 *
 * OpenSSL gives plaintext out before the tag was checked; it stays in out,
 * which is wiped when the tag is wrong. A GCM tag is as long as the sender
 * made it, so its length is checked, too (RFC 5084 3.2).
 *
 * Not done: authenticated attributes of AuthEnvelopedData, which OpenSSL 3.0
 * leaves out of what the tag covers (such a message does not open); passwords
 * as recipients; static Diffie-Hellman. */
#include "modules/smime/envelope.h"

#include "daemon/base/err.h"
#include "daemon/keeper/certs/credential_cms.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#define TAG_MIN 12   /* RFC 5084 3.2 */
#define NONCE_LEN 12 /* recommended there; all else costs GHASH its safety */

/* -- sealing -------------------------------------------------------------- */

static int set_oaep(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

static bool on_curve(X509 *x)
{
	return EVP_PKEY_get_base_id(X509_get0_pubkey(x)) == EVP_PKEY_EC;
}

static X509 *leaf_of(const struct smime_terms *t, const struct smime_to *to)
{
	STACK_OF(X509) *own = to->card || !to->peer ? NULL :
		credential_known(t->credential, to->peer);

	if (to->card)
		return smime_card_leaf(to->card);
	return own ? sk_X509_value(own, 0) : NULL;
}

static int check_to(const struct smime_terms *t, const struct smime_to *to,
		    X509 *x, struct smime_fault *why)
{
	const struct credential_ask ask = {
		on_curve(x) ? CERTIFICATE_AGREES : CERTIFICATE_ENCRYPTS,
		to->id, t->wall_us, t->trust };
	struct credential_fault fault = { "" };
	struct certificate *c = NULL;
	size_t n = 0;
	const struct der *chain = to->card ? smime_card_chain(to->card, &n)
					   : NULL;
	int r = chain ? credential_verify(t->credential, chain, n, &ask, &c,
					  &fault)
		      : credential_peer(t->credential, to->peer, &ask, &c,
					&fault);

	certificate_free(c);
	return r ? smime_fault(why, r == E_NOMEM ? SMIME_BROKEN
						 : SMIME_SIGNER_REFUSED,
			       "cannot encrypt: %s", fault.text) : 0;
}

static int add_to(const struct smime_terms *t, const struct smime_envelope *e,
		  const struct smime_to *to, CMS_ContentInfo *cms,
		  struct smime_fault *why)
{
	X509 *x = leaf_of(t, to);
	CMS_RecipientInfo *ri = NULL;
	EVP_PKEY_CTX *ctx;
	unsigned flags = CMS_KEY_PARAM;
	int r;

	if (!x)
		return smime_fault(why, SMIME_SIGNER_REFUSED, "cannot encrypt: "
				   "no certificate of the far end is known; "
				   "set its peer's cert");
	r = check_to(t, to, x, why);
	if (!r && e->key_id && X509_get0_subject_key_id(x))
		flags |= CMS_USE_KEYID;
	if (!r)
		ri = CMS_add1_recipient_cert(cms, x, flags);
	ctx = ri ? CMS_RecipientInfo_get0_pkey_ctx(ri) : NULL;
	if (!r && (!ctx || !(on_curve(x) ? EVP_PKEY_CTX_set_ecdh_kdf_md(ctx,
			smime_digest_for(X509_get0_pubkey(x))) > 0
					 : set_oaep(ctx))))
		r = smime_fault(why, smime_cms_reason(SMIME_BROKEN),
				"a recipient cannot be added");
	return r;
}

static int add_kek(const struct smime_kek *k, CMS_ContentInfo *cms,
		   struct smime_fault *why)
{
	unsigned char *key = OPENSSL_memdup(k->key.bytes, k->key.len);
	unsigned char *id = OPENSSL_memdup(k->id, k->id_len);

	if (key && id && CMS_add0_recipient_key(cms, NID_undef, key,
						k->key.len, id, k->id_len,
						NULL, NULL, NULL))
		return 0; /* it owns both */
	OPENSSL_clear_free(key, k->key.len);
	OPENSSL_free(id);
	return smime_fault(why, smime_cms_reason(SMIME_BROKEN),
			   "a session key cannot be used");
}

static int finish(CMS_ContentInfo *cms, struct mime_bytes content,
		  struct buf *der, struct smime_fault *why)
{
	BIO *in = BIO_new_mem_buf(content.p, (int)content.len);
	int r = in && CMS_final(cms, in, NULL, CMS_BINARY) == 1 ? 0
		: smime_fault(why, smime_cms_reason(SMIME_BROKEN),
			      "cannot encrypt");

	BIO_free(in);
	return r ? r : smime_cms_write(cms, der, why);
}

int smime_encrypt(const struct smime_terms *t, const struct smime_envelope *e,
		  struct mime_bytes content, struct buf *der,
		  struct smime_fault *why)
{
	const EVP_CIPHER *cipher = smime_cipher_evp(e->cipher);
	CMS_ContentInfo *cms;
	int r = 0;

	if (!cipher || (!e->n_to && !e->kek))
		return smime_fault(why, SMIME_OURS, "cannot encrypt: %s",
				   cipher ? "there is nobody to encrypt for"
					  : "the cipher is not sent");
	ERR_clear_error();
	cms = CMS_encrypt(NULL, NULL, cipher, CMS_BINARY | CMS_PARTIAL);
	if (!cms)
		return smime_fault(why, smime_cms_reason(SMIME_BROKEN),
				   "cannot encrypt");
	for (size_t i = 0; i < e->n_to && !r; i++)
		r = add_to(t, e, &e->to[i], cms, why);
	if (!r && e->kek)
		r = add_kek(e->kek, cms, why);
	if (!r)
		r = finish(cms, content, der, why);
	CMS_ContentInfo_free(cms);
	return r;
}

/* -- opening -------------------------------------------------------------- */

static int closed(struct smime_fault *why)
{
	return smime_fault(why, smime_cms_reason(SMIME_UNDECIPHERABLE),
			   "it is not encrypted for us, or was changed");
}

static bool is_for(CMS_RecipientInfo *ri, X509 *x)
{
	STACK_OF(CMS_RecipientEncryptedKey) *keys;

	if (CMS_RecipientInfo_type(ri) == CMS_RECIPINFO_TRANS)
		return !CMS_RecipientInfo_ktri_cert_cmp(ri, x);
	if (CMS_RecipientInfo_type(ri) != CMS_RECIPINFO_AGREE)
		return false;
	keys = CMS_RecipientInfo_kari_get0_reks(ri);
	for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++)
		if (!CMS_RecipientEncryptedKey_cert_cmp(
			    sk_CMS_RecipientEncryptedKey_value(keys, i), x))
			return true;
	return false;
}

static const struct smime_kek *kek_of(CMS_RecipientInfo *ri,
				      const struct smime_unwrap *u)
{
	ASN1_OCTET_STRING *id = NULL;

	if (CMS_RecipientInfo_type(ri) != CMS_RECIPINFO_KEK ||
	    CMS_RecipientInfo_kekri_get0_id(ri, NULL, &id, NULL, NULL,
					    NULL) != 1)
		return NULL;
	for (size_t i = 0; i < u->n_kek; i++)
		if (u->kek[i].id_len == (size_t)ASN1_STRING_length(id) &&
		    !memcmp(u->kek[i].id, ASN1_STRING_get0_data(id),
			    u->kek[i].id_len))
			return &u->kek[i];
	return NULL;
}

static int open_by_kek(CMS_ContentInfo *cms, CMS_RecipientInfo *ri,
		       const struct smime_kek *k, struct smime_fault *why)
{
	unsigned char *key = OPENSSL_memdup(k->key.bytes, k->key.len);

	if (!key)
		return smime_fault(why, SMIME_BROKEN, "out of memory");
	if (CMS_RecipientInfo_set0_key(ri, key, k->key.len) != 1) {
		OPENSSL_clear_free(key, k->key.len);
		return closed(why);
	}
	return CMS_RecipientInfo_decrypt(cms, ri) == 1 ? 0 : closed(why);
}

/* Which recipients are we? Each that is must be by an algorithm that is taken,
 * since OpenSSL chooses among them. */
struct ours {
	CMS_RecipientInfo *shared;
	const struct smime_kek *kek;
	bool certificate;
};

static int find_ours(CMS_ContentInfo *cms, const struct smime_unwrap *u,
		     X509 *leaf, struct ours *out, struct smime_fault *why)
{
	STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);
	const struct smime_kek *kek;

	*out = (struct ours){ .shared = NULL };
	if (sk_CMS_RecipientInfo_num(all) > SMIME_RECIPIENTS)
		return smime_fault(why, SMIME_TOO_LARGE, "it is encrypted for "
				   "too many");
	for (int i = 0; i < sk_CMS_RecipientInfo_num(all); i++) {
		CMS_RecipientInfo *ri = sk_CMS_RecipientInfo_value(all, i);
		bool own = leaf && is_for(ri, leaf);

		kek = kek_of(ri, u);
		if (!own && !kek)
			continue;
		if (smime_take_recipient(ri, u->legacy))
			return smime_fault(why, SMIME_WEAK, "its key is "
					   "encrypted by an algorithm that is "
					   "not taken");
		out->certificate = out->certificate || own;
		if (kek && !out->kek) {
			out->kek = kek;
			out->shared = ri;
		}
	}
	return 0;
}

static int unlock(const struct smime_terms *t, const struct smime_unwrap *u,
		  CMS_ContentInfo *cms, const struct smime_kek **kek,
		  struct smime_fault *why)
{
	X509 *leaf = credential_leaf(t->credential);
	struct ours ours;
	int r = find_ours(cms, u, leaf, &ours, why);

	if (r)
		return r;
	*kek = ours.kek;
	if (ours.kek)
		return open_by_kek(cms, ours.shared, ours.kek, why);
	if (ours.certificate &&
	    CMS_decrypt_set1_pkey(cms, credential_private(t->credential),
				  leaf) == 1)
		return 0;
	return closed(why);
}

static int check_cipher(BIO *bio, bool legacy, enum smime_cipher *out,
			struct smime_fault *why)
{
	EVP_CIPHER_CTX *ctx = NULL;

	BIO_get_cipher_ctx(bio, &ctx);
	if (!ctx || smime_take_cipher(EVP_CIPHER_CTX_get_nid(ctx), legacy,
				      out))
		return smime_fault(why, SMIME_WEAK, "its cipher is not taken");
	if (smime_cipher_aead(*out) &&
	    (EVP_CIPHER_CTX_get_tag_length(ctx) < TAG_MIN ||
	     EVP_CIPHER_CTX_get_iv_length(ctx) != NONCE_LEN))
		return smime_fault(why, SMIME_WEAK, "its tag is too short, or "
				   "its nonce not of 12 bytes");
	return 0;
}

static int read_all(BIO *bio, BIO *cipher, struct buf *out,
		    struct smime_fault *why)
{
	uint8_t part[4096];
	int n, r = 0;

	while ((n = BIO_read(bio, part, sizeof part)) > 0)
		buf_put(out, part, (size_t)n);
	wipe(part, sizeof part);
	if (n < 0 || BIO_get_cipher_status(cipher) <= 0)
		r = closed(why);
	else if (out->err)
		r = smime_fault(why, out->err == E_SPACE ? SMIME_TOO_LARGE
							 : SMIME_BROKEN,
				"%s", err_text(out->err));
	return r;
}

int smime_decrypt(const struct smime_terms *t, const struct smime_unwrap *u,
		  CMS_ContentInfo *cms, struct buf *out,
		  struct smime_unwrapped *how, struct smime_fault *why)
{
	struct smime_unwrapped by = { .kek = NULL };
	BIO *bio, *cipher;
	int r;

	ERR_clear_error();
	r = unlock(t, u, cms, &by.kek, why);
	if (r)
		return r;
	bio = CMS_dataInit(cms, NULL);
	cipher = bio ? BIO_find_type(bio, BIO_TYPE_CIPHER) : NULL;
	r = cipher ? check_cipher(cipher, u->legacy, &by.cipher, why)
		   : closed(why);
	if (!r)
		r = read_all(bio, cipher, out, why);
	BIO_free_all(bio);
	ERR_clear_error();
	if (r)
		buf_clear(out);
	else
		*how = by;
	return r;
}
