/* signature.h - one signature with a key that is at hand. Private to the
 * credential store: it speaks of OpenSSL's types. */
#ifndef CALLSEAL_KEEPER_SIGNATURE_H
#define CALLSEAL_KEEPER_SIGNATURE_H

#include "daemon/keeper/certs/credential_inside.h"

/* "P-256", "P-384"; NULL for all else, RSA too. */
const char *signature_curve(const EVP_PKEY *key);
/* Bytes of a signature by that key. */
size_t signature_len(const EVP_PKEY *key);
/* Signs n runs of bytes; out has signature_len() bytes. E_UNSUPPORTED: the key
 * makes none of that type. */
int signature_make(EVP_PKEY *key, enum signature type, const struct der *run,
		   size_t n, uint8_t *out);
/* E_AUTH when it is not the key's over those runs; E_UNSUPPORTED as above. */
int signature_check(EVP_PKEY *key, unsigned type, const struct der *run,
		    size_t n, struct der sig);

#endif
