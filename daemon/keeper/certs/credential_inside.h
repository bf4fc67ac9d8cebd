/* credential_inside.h - private to credential.c and certificate.c. */
#ifndef CALLSEAL_KEEPER_CREDENTIAL_INSIDE_H
#define CALLSEAL_KEEPER_CREDENTIAL_INSIDE_H

#include "daemon/keeper/certs/credential.h"
#include "daemon/keeper/certs/verified.h"

#include <openssl/x509.h>

/* A chain that was configured for a peer. */
struct known {
	struct known *next;
	char peer[NAME_TEXT];
	STACK_OF(X509) *chain;
};

struct credential {
	unsigned owners; /* beside the first */
	STACK_OF(X509) *own; /* the leaf first */
	struct der own_der[CHAIN_MAX];
	EVP_PKEY *key;
	bool pss; /* how an RSA key signs */
	X509_STORE *store;
	size_t anchors, lists; /* in the store */
	struct known *known;
	struct verified *verified; /* by what is above; owned */
};

/* Writes the reason; returns err. */
int credential_fault(struct credential_fault *why, int err, const char *fmt,
		     ...) __attribute__((format(printf, 3, 4)));
/* err, or E_NOMEM if that is what OpenSSL's queue of errors tells. Empties
 * the queue. */
int credential_error(int err);
/* 0 for an RSA key that is long enough, or one on P-256 or P-384;
 * E_UNSUPPORTED. */
int credential_key_kind(const EVP_PKEY *key, struct credential_fault *why);

#endif
