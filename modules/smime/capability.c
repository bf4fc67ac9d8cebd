/* capability.c - SMIMECapabilities. See capability.h.
 *
 * OpenSSL's own list names ciphers that are not taken here, and has no AES-GCM
 * nor OAEP. */
#include "modules/smime/capability.h"

#include "daemon/base/err.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof *(a))

static const enum smime_cipher ours[] = {
	SMIME_AES_128_GCM, SMIME_AES_256_GCM, SMIME_AES_128_CBC,
	SMIME_AES_256_CBC,
};

/* RSAES-OAEP-params of SHA-256 (RFC 4055 4.1), as every program writes them. */
static const unsigned char oaep_sha256[] = {
	0x30, 0x2f, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06,
	0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d,
	0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
	0x00,
};

static bool push(STACK_OF(X509_ALGOR) *all, ASN1_OBJECT *oid,
		 const unsigned char *der, size_t len)
{
	X509_ALGOR *a = X509_ALGOR_new();
	ASN1_STRING *s = der ? ASN1_STRING_new() : NULL;
	bool ok = a && oid && (s || !der) &&
		  (!der || ASN1_STRING_set(s, der, (int)len)) &&
		  X509_ALGOR_set0(a, oid, der ? V_ASN1_SEQUENCE : V_ASN1_UNDEF,
				  s);

	if (!ok) {
		ASN1_STRING_free(s);
		ASN1_OBJECT_free(oid);
	}
	if (ok && sk_X509_ALGOR_push(all, a))
		return true;
	X509_ALGOR_free(a);
	return false;
}

int smime_capabilities_put(CMS_SignerInfo *si)
{
	STACK_OF(X509_ALGOR) *all = sk_X509_ALGOR_new_null();
	bool ok = all != NULL;

	for (size_t i = 0; i < N(ours) && ok; i++)
		ok = push(all, OBJ_nid2obj(smime_cipher_nid(ours[i])), NULL,
			  0);
	ok = ok && push(all, OBJ_nid2obj(NID_rsaesOaep), oaep_sha256,
			sizeof oaep_sha256) &&
	     CMS_add_smimecap(si, all) == 1;
	sk_X509_ALGOR_pop_free(all, X509_ALGOR_free);
	return ok ? 0 : E_NOMEM;
}

static void note(const X509_ALGOR *a, struct smime_capabilities *out)
{
	int nid = OBJ_obj2nid(a->algorithm);
	enum smime_cipher c;

	if (!smime_take_cipher(nid, true, &c))
		out->ciphers |= 1u << c;
	if (nid == NID_rsaesOaep && a->parameter &&
	    a->parameter->type == V_ASN1_SEQUENCE &&
	    a->parameter->value.sequence->length == sizeof oaep_sha256 &&
	    !memcmp(a->parameter->value.sequence->data, oaep_sha256,
		    sizeof oaep_sha256))
		out->oaep = true;
}

void smime_capabilities_get(CMS_SignerInfo *si, struct smime_capabilities *out)
{
	const ASN1_OBJECT *oid = OBJ_nid2obj(NID_SMIMECapabilities);
	const ASN1_STRING *s = CMS_signed_get0_data_by_OBJ(
		si, oid, -3, V_ASN1_SEQUENCE);
	const unsigned char *p = s ? ASN1_STRING_get0_data(s) : NULL;
	STACK_OF(X509_ALGOR) *all = p ? d2i_X509_ALGORS(
		NULL, &p, ASN1_STRING_length(s)) : NULL;

	*out = (struct smime_capabilities){ .told = all != NULL };
	for (int i = 0; i < sk_X509_ALGOR_num(all); i++)
		note(sk_X509_ALGOR_value(all, i), out);
	sk_X509_ALGOR_pop_free(all, X509_ALGOR_free);
	ERR_clear_error();
}

enum smime_cipher smime_cipher_for(const struct smime_capabilities *c)
{
	for (size_t i = 0; i < N(ours); i++)
		if (c->told && c->ciphers & 1u << ours[i])
			return ours[i];
	return SMIME_AES_128_CBC;
}
