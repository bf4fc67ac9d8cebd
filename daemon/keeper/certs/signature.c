/* signature.c - one signature with a key that is at hand. See signature.h.
 *
 * RSA signs SHA-1, MIKEY's default hash (RFC 3830 4.2.1): the SIGN payload has
 * no field for another. The salt of PSS is as long as the hash. ECDSA, which
 * RFC 3830 does not know, has a private type and the hash of its curve
 * (doc/MIKEY-ECC.md): SHA-256 for P-256, SHA-384 for P-384; its bytes are r
 * and s, each as long as the curve's order, so that a signature's length is
 * known before it is made. */
#include "daemon/keeper/certs/signature.h"

#include "daemon/base/err.h"
#include "daemon/keeper/pace.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <string.h>

#define ECDSA_DER_MAX 128 /* two integers of 48 bytes and their heads */

static const struct curve {
	int nid;
	const char *name, *hash;
	size_t bytes; /* of r and of s */
} curves[] = {
	{ NID_X9_62_prime256v1, "P-256", "SHA256", 32 },
	{ NID_secp384r1, "P-384", "SHA384", 48 },
};

static const struct curve *curve_of(const EVP_PKEY *key)
{
	char name[64];
	int nid;

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
					   name, sizeof name, NULL) != 1)
		return NULL;
	nid = OBJ_txt2nid(name);
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
		if (curves[i].nid == nid)
			return &curves[i];
	return NULL;
}

const char *signature_curve(const EVP_PKEY *key)
{
	const struct curve *c = curve_of(key);

	return c ? c->name : NULL;
}

size_t signature_len(const EVP_PKEY *key)
{
	const struct curve *c = curve_of(key);

	return c ? 2 * c->bytes : (size_t)EVP_PKEY_get_size(key);
}

/* The hash, or NULL for a type that the key does not make. */
static const char *hash_for(const EVP_PKEY *key, unsigned type)
{
	const struct curve *c = curve_of(key);

	if (type == SIGNATURE_ECDSA)
		return c ? c->hash : NULL;
	return !c && (type == SIGNATURE_PKCS1 || type == SIGNATURE_PSS)
		       ? "SHA1" : NULL;
}

static int set_padding(EVP_PKEY_CTX *ctx, unsigned type)
{
	if (type != SIGNATURE_PSS)
		return 1;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx,
						RSA_PSS_SALTLEN_DIGEST) > 0;
}

static int begin(EVP_PKEY *key, unsigned type, bool sign, EVP_MD_CTX **out)
{
	const char *hash = hash_for(key, type);
	EVP_PKEY_CTX *pctx = NULL;
	EVP_MD_CTX *ctx;
	int ok;

	if (!hash)
		return E_UNSUPPORTED;
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return credential_error(E_NOMEM);
	ok = sign ? EVP_DigestSignInit_ex(ctx, &pctx, hash, NULL, NULL, key,
					  NULL)
		  : EVP_DigestVerifyInit_ex(ctx, &pctx, hash, NULL, NULL, key,
					    NULL);
	if (ok == 1 && set_padding(pctx, type)) {
		*out = ctx;
		return 0;
	}
	EVP_MD_CTX_free(ctx);
	return credential_error(E_NOMEM);
}

/* -- r and s -------------------------------------------------------------- */

static int to_fixed(const uint8_t *der, size_t len, size_t bytes, uint8_t *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	int r = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)bytes) >
			       0 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + bytes,
			     (int)bytes) > 0 ? 0 : credential_error(E_NOMEM);

	ECDSA_SIG_free(sig);
	return r;
}

static int from_fixed(struct der sig, size_t bytes, uint8_t *der, size_t *len)
{
	BIGNUM *r = BN_bin2bn(sig.p, (int)bytes, NULL);
	BIGNUM *s = BN_bin2bn(sig.p + bytes, (int)bytes, NULL);
	ECDSA_SIG *both = ECDSA_SIG_new();
	int n = -1;

	if (r && s && both && ECDSA_SIG_set0(both, r, s) == 1) {
		r = s = NULL; /* both owns them */
		n = i2d_ECDSA_SIG(both, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(both);
	if (n <= 0)
		return credential_error(E_NOMEM);
	*len = (size_t)n;
	return 0;
}

/* -- signing -------------------------------------------------------------- */

static int finish(EVP_MD_CTX *ctx, const struct curve *c, size_t room,
		  uint8_t *out)
{
	uint8_t der[ECDSA_DER_MAX];
	size_t len = c ? sizeof der : room;

	pace_let_others();
	if (EVP_DigestSignFinal(ctx, c ? der : out, &len) != 1)
		return credential_error(E_INTERNAL);
	return c ? to_fixed(der, len, c->bytes, out) : 0;
}

int signature_make(EVP_PKEY *key, enum signature type, const struct der *run,
		   size_t n, uint8_t *out)
{
	EVP_MD_CTX *ctx = NULL;
	int r = begin(key, type, true, &ctx);

	for (size_t i = 0; i < n && !r; i++)
		if (EVP_DigestSignUpdate(ctx, run[i].p, run[i].len) != 1)
			r = credential_error(E_INTERNAL);
	if (!r)
		r = finish(ctx, curve_of(key), signature_len(key), out);
	EVP_MD_CTX_free(ctx);
	return r;
}

int signature_check(EVP_PKEY *key, unsigned type, const struct der *run,
		    size_t n, struct der sig)
{
	const struct curve *c = curve_of(key);
	uint8_t der[ECDSA_DER_MAX];
	EVP_MD_CTX *ctx = NULL;
	int r = begin(key, type, false, &ctx);

	if (!r && c && sig.len != 2 * c->bytes)
		r = E_AUTH;
	for (size_t i = 0; i < n && !r; i++)
		if (EVP_DigestVerifyUpdate(ctx, run[i].p, run[i].len) != 1)
			r = credential_error(E_INTERNAL);
	if (!r && c) {
		r = from_fixed(sig, c->bytes, der, &sig.len);
		sig.p = der;
	}
	pace_let_others();
	if (!r && EVP_DigestVerifyFinal(ctx, sig.p, sig.len) != 1)
		r = credential_error(E_AUTH);
	EVP_MD_CTX_free(ctx);
	return r;
}
