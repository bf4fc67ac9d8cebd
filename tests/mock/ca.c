/* ca.c - see ca.h. */
#include "tests/mock/ca.h"
#include "tests/mock/ca_keys.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define YEAR (365L * 86400)
#define KEYS 16
#define FIXED (sizeof ca_rsa_2048 / sizeof *ca_rsa_2048)

#define must(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "ca: %s\n", #x); \
			abort(); \
		} \
	} while (0)

/* The base64 of a PKCS #8 key. */
static EVP_PKEY *read_key(const char *text)
{
	uint8_t der[2048];
	const uint8_t *p = der;
	int len = EVP_DecodeBlock(der, (const uint8_t *)text,
				  (int)strlen(text));

	must(len > 0);
	return d2i_AutoPrivateKey(NULL, &p, len);
}

static EVP_PKEY *rsa_key(unsigned which, unsigned bits)
{
	if (bits == 2048 && which < FIXED && ca_rsa_2048[which])
		return read_key(ca_rsa_2048[which]);
	return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
}

EVP_PKEY *ca_key(unsigned which, const char *type, unsigned bits)
{
	static EVP_PKEY *kept[KEYS];

	must(which < KEYS);
	if (!kept[which])
		kept[which] = strcmp(type, "RSA")
				      ? EVP_PKEY_Q_keygen(NULL, NULL, "EC",
							  type)
				      : rsa_key(which, bits);
	must(kept[which]);
	return kept[which];
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	if (!value)
		return;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

static void set_name(X509_NAME *name, const char *text)
{
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					(const uint8_t *)text, -1, -1, 0));
}

static X509 *begin(EVP_PKEY *key, const char *name, const struct ca_order *o)
{
	static long serial = 1;
	X509 *x = X509_new();
	long from = o->from_s ? o->from_s : -YEAR;
	long to = o->to_s ? o->to_s : YEAR;

	must(x && X509_set_version(x, X509_VERSION_3));
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	ASN1_TIME_set(X509_getm_notBefore(x), CA_NOW + from);
	ASN1_TIME_set(X509_getm_notAfter(x), CA_NOW + to);
	must(X509_set_pubkey(x, key));
	set_name(X509_get_subject_name(x), name);
	return x;
}

static void finish(X509 *x, X509 *issuer, EVP_PKEY *key,
		   const struct ca_order *o)
{
	must(X509_set_issuer_name(x, X509_get_subject_name(issuer)));
	extend(x, issuer, NID_basic_constraints,
	       o->authority ? "critical,CA:TRUE" : "CA:FALSE");
	extend(x, issuer, NID_key_usage, o->usage);
	extend(x, issuer, NID_ext_key_usage, o->extended);
	extend(x, issuer, NID_subject_alt_name, o->san);
	extend(x, issuer, NID_subject_key_identifier,
	       o->key_id ? "hash" : NULL);
	must(X509_sign(x, key, o->hash ? o->hash : EVP_sha256()));
}

struct ca ca_make(unsigned which, const char *name)
{
	const struct ca_order o = { .authority = true,
				    .usage = "keyCertSign,cRLSign" };
	struct ca ca = { .key = ca_key(which, "RSA", 2048) };

	ca.cert = begin(ca.key, name, &o);
	finish(ca.cert, ca.cert, ca.key, &o);
	return ca;
}

X509 *ca_issue(const struct ca *by, EVP_PKEY *key, const char *name,
	       const struct ca_order *order)
{
	X509 *x = begin(key, name, order);

	finish(x, by->cert, by->key, order);
	return x;
}

X509_CRL *ca_revoke(const struct ca *by, X509 *x, long to_s)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, CA_NOW - YEAR);
	X509_REVOKED *gone;

	must(crl && t && X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(by->cert));
	X509_CRL_set1_lastUpdate(crl, t);
	if (x) {
		gone = X509_REVOKED_new();
		X509_REVOKED_set_serialNumber(gone, X509_get_serialNumber(x));
		X509_REVOKED_set_revocationDate(gone, t);
		must(X509_CRL_add0_revoked(crl, gone));
	}
	ASN1_TIME_set(t, CA_NOW + to_s);
	X509_CRL_set1_nextUpdate(crl, t);
	ASN1_TIME_free(t);
	must(X509_CRL_sign(crl, by->key, EVP_sha256()));
	return crl;
}

void ca_free(struct ca *ca)
{
	X509_free(ca->cert);
	ca->cert = NULL;
}

int ca_file(X509 *a, X509 *b, EVP_PKEY *key, X509_CRL *crl)
{
	FILE *f = tmpfile();
	int fd;

	must(f);
	must(!a || PEM_write_X509(f, a));
	must(!b || PEM_write_X509(f, b));
	must(!key || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
	must(!crl || PEM_write_X509_CRL(f, crl));
	fflush(f);
	fd = dup(fileno(f));
	must(fd >= 0);
	fclose(f);
	return fd;
}

void ca_add(struct credential *c, enum credential_part part, const char *peer,
	    int fd)
{
	struct credential_fault why = { "" };

	if (credential_read(c, part, peer, fd, &why)) {
		fprintf(stderr, "ca: %s\n", why.text);
		abort();
	}
	close(fd);
}

struct credential *ca_credential(X509 *cert, X509 *issuer, EVP_PKEY *key,
				 const struct ca *ca)
{
	struct credential *c;

	must(!credential_new(&c));
	ca_add(c, CREDENTIAL_CERT, "", ca_file(cert, issuer, NULL, NULL));
	ca_add(c, CREDENTIAL_KEY, "", ca_file(NULL, NULL, key, NULL));
	ca_add(c, CREDENTIAL_CA, "", ca_file(ca->cert, NULL, NULL, NULL));
	return c;
}
