/* credential_cms.h - what CMS needs of the credential store, since OpenSSL's
 * CMS takes certificates and keys, not bytes to sign. For modules/smime only:
 * it speaks of OpenSSL's types. All is borrowed, as long as the store is
 * neither read into nor freed. */
#ifndef CALLSEAL_KEEPER_CREDENTIAL_CMS_H
#define CALLSEAL_KEEPER_CREDENTIAL_CMS_H

#include "daemon/keeper/certs/credential.h"

#include <openssl/x509.h>

/* Our own certificate and its private key; NULL when there is none. */
X509 *credential_leaf(const struct credential *c);
EVP_PKEY *credential_private(const struct credential *c);
/* Our whole chain, the leaf first; NULL. */
STACK_OF(X509) *credential_own(const struct credential *c);
/* The chain that is configured for a peer, the leaf first; NULL. */
STACK_OF(X509) *credential_known(const struct credential *c, const char *peer);
/* Whether a key is of a kind that is taken at all; what certificates bring is
 * asked before it costs anything. 0, E_UNSUPPORTED. */
int credential_kind(const EVP_PKEY *key, struct credential_fault *why);

#endif
