/* algorithm.c - which algorithms of CMS are taken, which are sent. See
 * algorithm.h.
 *
 * Signatures by RSA PKCS #1 v1.5 with SHA-256 are no legacy: RFC 8551 2.2 has
 * them as a MUST. Keys under it are: their padding is what Bleichenbacher asks
 * about. OAEP with SHA-1, its default, counts as SHA-1. */
#include "modules/smime/algorithm.h"

#include "daemon/base/err.h"

#include <openssl/objects.h>
#include <openssl/rsa.h>

#define N(a) (sizeof(a) / sizeof *(a))

static const struct cipher {
	int nid;
	const char *name;
	const EVP_CIPHER *(*evp)(void); /* NULL: not sent */
	bool aead, legacy;
} ciphers[SMIME_CIPHERS] = {
	[SMIME_AES_128_GCM] = { NID_aes_128_gcm, "AES-128-GCM",
				EVP_aes_128_gcm, true, false },
	[SMIME_AES_256_GCM] = { NID_aes_256_gcm, "AES-256-GCM",
				EVP_aes_256_gcm, true, false },
	[SMIME_AES_128_CBC] = { NID_aes_128_cbc, "AES-128-CBC",
				EVP_aes_128_cbc, false, false },
	[SMIME_AES_192_CBC] = { NID_aes_192_cbc, "AES-192-CBC", NULL, false,
				false },
	[SMIME_AES_256_CBC] = { NID_aes_256_cbc, "AES-256-CBC",
				EVP_aes_256_cbc, false, false },
	[SMIME_3DES_CBC] = { NID_des_ede3_cbc, "3DES-CBC", NULL, false, true },
};

struct row {
	int nid;
	bool legacy;
};

static const struct row digests[] = {
	{ NID_sha256, false }, { NID_sha384, false }, { NID_sha512, false },
	{ NID_sha1, true },
};

/* What signs; the digest is looked at by itself. */
static const struct row signers[] = {
	{ NID_rsaEncryption, false }, { NID_rsassaPss, false },
	{ NID_X9_62_id_ecPublicKey, false },
};

static const struct row agreements[] = {
	{ NID_dhSinglePass_stdDH_sha256kdf_scheme, false },
	{ NID_dhSinglePass_stdDH_sha384kdf_scheme, false },
	{ NID_dhSinglePass_stdDH_sha512kdf_scheme, false },
	{ NID_dhSinglePass_stdDH_sha1kdf_scheme, true },
};

static const struct row wraps[] = {
	{ NID_id_aes128_wrap, false }, { NID_id_aes192_wrap, false },
	{ NID_id_aes256_wrap, false },
	{ NID_id_smime_alg_CMS3DESwrap, true },
};

static int take(const struct row *rows, size_t n, int nid, bool legacy)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].nid == nid)
			return rows[i].legacy && !legacy ? E_POLICY : 0;
	return E_POLICY;
}

const char *smime_cipher_name(enum smime_cipher c)
{
	return ciphers[c].name;
}

bool smime_cipher_aead(enum smime_cipher c)
{
	return ciphers[c].aead;
}

const EVP_CIPHER *smime_cipher_evp(enum smime_cipher c)
{
	return ciphers[c].evp ? ciphers[c].evp() : NULL;
}

int smime_cipher_nid(enum smime_cipher c)
{
	return ciphers[c].nid;
}

int smime_take_cipher(int nid, bool legacy, enum smime_cipher *out)
{
	for (size_t i = 0; i < SMIME_CIPHERS; i++) {
		if (ciphers[i].nid != nid || (ciphers[i].legacy && !legacy))
			continue;
		*out = (enum smime_cipher)i;
		return 0;
	}
	return E_POLICY;
}

int smime_take_digest(int nid, bool legacy)
{
	return take(digests, N(digests), nid, legacy);
}

/* "rsaEncryption" leaves the digest open, "sha256WithRSAEncryption" must name
 * the same. */
int smime_take_signature(int nid, int digest, bool legacy)
{
	int own = NID_undef, key = nid;

	OBJ_find_sigid_algs(nid, &own, &key);
	if (own != NID_undef && own != digest)
		return E_POLICY;
	return take(signers, N(signers), key, legacy);
}

static int nid_of(const X509_ALGOR *a)
{
	return a ? OBJ_obj2nid(a->algorithm) : NID_undef;
}

/* The algorithm that stands in another's parameters. */
static X509_ALGOR *inner(const X509_ALGOR *a)
{
	const unsigned char *p;

	if (!a->parameter || a->parameter->type != V_ASN1_SEQUENCE)
		return NULL;
	p = a->parameter->value.sequence->data;
	return d2i_X509_ALGOR(NULL, &p, a->parameter->value.sequence->length);
}

static int take_oaep(const X509_ALGOR *a, bool legacy)
{
	RSA_OAEP_PARAMS *o = NULL;
	X509_ALGOR *mask = NULL;
	const unsigned char *p;
	int hash, mgf, r = E_POLICY;

	if (a->parameter && a->parameter->type == V_ASN1_SEQUENCE) {
		p = a->parameter->value.sequence->data;
		o = d2i_RSA_OAEP_PARAMS(NULL, &p,
			a->parameter->value.sequence->length);
	}
	if (o) { /* RFC 4055 4.1: what is absent is SHA-1 */
		mask = o->maskGenFunc ? inner(o->maskGenFunc) : NULL;
		hash = o->hashFunc ? nid_of(o->hashFunc) : NID_sha1;
		mgf = o->maskGenFunc ? nid_of(mask) : NID_sha1;
		r = take(digests, N(digests), hash, legacy);
		if (!r)
			r = take(digests, N(digests), mgf, legacy);
	}
	X509_ALGOR_free(mask);
	RSA_OAEP_PARAMS_free(o);
	return r;
}

static int take_transport(CMS_RecipientInfo *ri, bool legacy)
{
	X509_ALGOR *a = NULL;

	if (CMS_RecipientInfo_ktri_get0_algs(ri, NULL, NULL, &a) != 1)
		return E_POLICY;
	if (nid_of(a) == NID_rsaesOaep)
		return take_oaep(a, legacy);
	return nid_of(a) == NID_rsaEncryption && legacy ? 0 : E_POLICY;
}

static int take_agreement(CMS_RecipientInfo *ri, bool legacy)
{
	X509_ALGOR *a = NULL, *wrap;
	int r;

	if (CMS_RecipientInfo_kari_get0_alg(ri, &a, NULL) != 1 || !a)
		return E_POLICY;
	r = take(agreements, N(agreements), nid_of(a), legacy);
	if (r)
		return r;
	wrap = inner(a);
	r = take(wraps, N(wraps), nid_of(wrap), legacy);
	X509_ALGOR_free(wrap);
	return r;
}

static int take_shared(CMS_RecipientInfo *ri, bool legacy)
{
	X509_ALGOR *a = NULL;

	if (CMS_RecipientInfo_kekri_get0_id(ri, &a, NULL, NULL, NULL,
					    NULL) != 1)
		return E_POLICY;
	return take(wraps, N(wraps), nid_of(a), legacy);
}

int smime_take_recipient(CMS_RecipientInfo *ri, bool legacy)
{
	switch (CMS_RecipientInfo_type(ri)) {
	case CMS_RECIPINFO_TRANS:
		return take_transport(ri, legacy);
	case CMS_RECIPINFO_AGREE:
		return take_agreement(ri, legacy);
	case CMS_RECIPINFO_KEK:
		return take_shared(ri, legacy);
	default:
		return E_POLICY;
	}
}

const EVP_MD *smime_digest_for(const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

const char *smime_micalg(const EVP_MD *md)
{
	return EVP_MD_get_type(md) == NID_sha384 ? "sha-384" : "sha-256";
}
