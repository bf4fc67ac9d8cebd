/* ca.h - certificates made at run time: an issuer, what it issues and revokes,
 * and credential stores of it. Aborts when OpenSSL fails: tests only. */
#ifndef CALLSEAL_TEST_CA_H
#define CALLSEAL_TEST_CA_H

#include "daemon/keeper/certs/credential.h"

#include <openssl/x509.h>

#define CA_NOW 1900000000 /* s since 1970: the tests' time */

struct ca {
	EVP_PKEY *key;
	X509 *cert;
};

/* What a certificate shall be; zeroes give a good one. */
struct ca_order {
	const char *san;       /* "URI:sip:b.example"; NULL: none */
	const char *usage;     /* keyUsage; NULL: none */
	const char *extended;  /* extendedKeyUsage; NULL: none */
	long from_s, to_s;     /* relative to CA_NOW; 0: long before, after */
	bool authority;        /* may issue */
	bool key_id;           /* with a subject key identifier */
	const EVP_MD *hash;    /* NULL: SHA-256 */
};

/* A key: "RSA" with bits, or on a curve ("P-256"). Kept for the process by
 * number; new but for the RSA keys in ca_keys.h. */
EVP_PKEY *ca_key(unsigned which, const char *type, unsigned bits);
/* A self-signed issuer with the which-th key. */
struct ca ca_make(unsigned which, const char *name);
X509 *ca_issue(const struct ca *by, EVP_PKEY *key, const char *name,
	       const struct ca_order *order);
/* A revocation list with that certificate (NULL: empty), next update to_s
 * after CA_NOW. */
X509_CRL *ca_revoke(const struct ca *by, X509 *x, long to_s);
void ca_free(struct ca *ca);

/* An open file with the PEM of what is not NULL. */
int ca_file(X509 *a, X509 *b, EVP_PKEY *key, X509_CRL *crl);
/* A store that proves with cert and key (issuer behind it unless NULL) and
 * believes ca. */
struct credential *ca_credential(X509 *cert, X509 *issuer, EVP_PKEY *key,
				 const struct ca *ca);
/* Reads one part more. */
void ca_add(struct credential *c, enum credential_part part, const char *peer,
	    int fd);

#endif
