/* print.h - fingerprints of certificates, as session descriptions have them
 * (RFC 4572 section 5): whoever reads SDP and whoever holds certificates are
 * two processes. Pure; any thread. */
#ifndef CALLSEAL_PRINT_H
#define CALLSEAL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINTS_MAX 8 /* of one kind; more are left out */
#define PRINT_MAX 64 /* bytes of one */

/* Hash functions, weakest first. */
enum print_hash {
	PRINT_NONE, /* unknown or MD2, MD5: of no use */
	PRINT_SHA1,
	PRINT_SHA224,
	PRINT_SHA256,
	PRINT_SHA384,
	PRINT_SHA512,
	PRINT_HASHES
};

struct print {
	enum print_hash hash;
	size_t len; /* the hash's */
	uint8_t bytes[PRINT_MAX];
};

struct prints {
	struct print list[PRINTS_MAX];
	unsigned n;
	unsigned unknown; /* of hash functions that are of no use here */
};

/* "SHA-1", ...; NULL for PRINT_NONE and what is none. */
const char *print_hash_name(enum print_hash hash);
/* Bytes; 0 likewise. */
size_t print_hash_len(enum print_hash hash);

/* Of a certificate (DER) or a pre-shared key. E_ARG, E_NOMEM. */
int print_of(enum print_hash hash, const void *data, size_t len,
	     struct print *out);
bool print_equal(const struct print *a, const struct print *b);
/* Whether they are what they say, for one who was sent them. */
bool prints_sound(const struct prints *p);
/* Whether data has one of these fingerprints: one by the strongest hash among
 * them, since a weaker one beside it would only help a forger; SHA-1 alone
 * counts with sha1 only. No fingerprint: false. */
bool prints_match(const struct prints *p, const void *data, size_t len,
		  bool sha1);

#endif
