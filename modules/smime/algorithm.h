/* algorithm.h - which algorithms of CMS are taken, which are sent (RFC 8551
 * section 2, RFC 5753, RFC 5084, RFC 3560). One table a kind; what 2004 used
 * (3DES, SHA-1, RSA PKCS #1 v1.5 for keys) is taken with "legacy" only. */
#ifndef CALLSEAL_SMIME_ALGORITHM_H
#define CALLSEAL_SMIME_ALGORITHM_H

#include <openssl/cms.h>
#include <stdbool.h>

enum smime_cipher { /* of the content; the order is that of our liking */
	SMIME_AES_128_GCM,
	SMIME_AES_256_GCM,
	SMIME_AES_128_CBC,
	SMIME_AES_192_CBC,
	SMIME_AES_256_CBC,
	SMIME_3DES_CBC,
	SMIME_CIPHERS
};

/* Names for the log: "AES-128-GCM". */
const char *smime_cipher_name(enum smime_cipher c);
/* Whether it authenticates, too (AuthEnvelopedData, RFC 5083). */
bool smime_cipher_aead(enum smime_cipher c);
/* NULL: that one is not sent. */
const EVP_CIPHER *smime_cipher_evp(enum smime_cipher c);
int smime_cipher_nid(enum smime_cipher c);

/* What came; E_POLICY: not taken. NIDs are OpenSSL's. */
int smime_take_cipher(int nid, bool legacy, enum smime_cipher *out);
int smime_take_digest(int nid, bool legacy);
/* The signature's algorithm with the digest's. */
int smime_take_signature(int nid, int digest, bool legacy);
/* How the key for the content reached us. */
int smime_take_recipient(CMS_RecipientInfo *ri, bool legacy);

/* The digest that goes with a key of ours: SHA-256, on P-384 SHA-384; "sha-256"
 * for micalg (RFC 5751 3.4.3.2). */
const EVP_MD *smime_digest_for(const EVP_PKEY *key);
const char *smime_micalg(const EVP_MD *md);

#endif
