/* verified.h - chains that were verified, so that the next call of the same far
 * end need not do it again. Private to the credential store, of which each has
 * its own: what a reload brings begins with none. */
#ifndef CALLSEAL_KEEPER_VERIFIED_H
#define CALLSEAL_KEEPER_VERIFIED_H

#include "daemon/keeper/certs/credential.h"

#include <openssl/evp.h>

struct verified;

/* Seconds since 1970 in which a verification holds: from <= now < until. */
struct span {
	long long from_s, until_s;
};

struct verified *verified_new(void); /* NULL: no memory */
void verified_free(struct verified *v); /* NULL allowed */
void verified_clear(struct verified *v);
/* What was verified. */
struct verified_case {
	bool configured; /* for a peer, whose name is the one part */
	const struct der *part; /* else the certificates of the chain */
	size_t n;
	const struct credential_ask *ask;
};

/* Its name: a hash of all of it but the time. E_NOMEM. */
int verified_key(const struct verified_case *of, uint8_t key[static 32]);
/* The leaf's key, one more reference; NULL: not verified, or not now. */
EVP_PKEY *verified_find(const struct verified *v, const uint8_t *key,
			uint64_t wall_us);
/* Takes a reference of its own. The oldest makes room. */
void verified_add(struct verified *v, const uint8_t *key, struct span span,
		  EVP_PKEY *leaf);

#endif
