/* pem.h - certificates and keys in PEM, read from a descriptor that the parent
 * opened. */
#ifndef CALLSEAL_PEM_H
#define CALLSEAL_PEM_H

#include <openssl/x509.h>
#include <stdbool.h>

/* All certificates of a file, in order; *key: whether a private key lies in it,
 * too. The caller frees the stack. E_FORMAT: none, or a broken one; E_SPACE:
 * over 1 MiB; E_IO, E_NOMEM. The descriptor stays open, at any offset. */
int pem_certs(int fd, STACK_OF(X509) **out, bool *key);
/* The private key of a file, without a passphrase. Its text is wiped. */
int pem_key(int fd, EVP_PKEY **out);

#endif
