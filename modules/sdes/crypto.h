/* crypto.h - the value of one a=crypto attribute (RFC 4568 sections 4, 6, 9):
 * its bytes and what they say. Pure; any thread.
 *
 * Syntax only: whether a suite, a lifetime or a parameter can be used is for
 * usable.h. What is malformed is refused whole, trailing bytes included. */
#ifndef CALLSEAL_SDES_CRYPTO_H
#define CALLSEAL_SDES_CRYPTO_H

#include "daemon/base/buf.h"
#include "daemon/base/suite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_KEYS_MAX 8   /* of one attribute; more are refused */
#define CRYPTO_SUITE_MAX 48 /* letters of a suite's name */
#define CRYPTO_MKI_MAX 128  /* bytes, section 6.1 */
#define CRYPTO_BYTES_MAX 48 /* of key and salt: more than any suite has */

/* One inline key parameter. */
struct crypto_key {
	uint8_t bytes[CRYPTO_BYTES_MAX]; /* key, then salt */
	size_t len;
	uint64_t lifetime;  /* packets; 0: not said */
	unsigned mki_len;   /* bytes in a packet; 0: none */
	uint8_t mki[CRYPTO_MKI_MAX]; /* the first mki_len, big-endian */
};

enum crypto_flags {
	CRYPTO_UNENCRYPTED_SRTP = 1,
	CRYPTO_UNENCRYPTED_SRTCP = 2,
	CRYPTO_UNAUTHENTICATED_SRTP = 4,
};

enum crypto_fec { CRYPTO_FEC_NONE, CRYPTO_FEC_SRTP, CRYPTO_SRTP_FEC };

/* Secret: wipe it. */
struct crypto {
	uint32_t tag;                /* 1..999999999, or 0 */
	char suite[CRYPTO_SUITE_MAX + 1];
	size_t n_keys;               /* 1 at least */
	struct crypto_key key[CRYPTO_KEYS_MAX];
	unsigned kdr;                /* 1..24: a rate of 2^kdr; 0: not said */
	unsigned flags;              /* enum crypto_flags */
	enum crypto_fec fec_order;
	size_t n_fec_keys;
	struct crypto_key fec_key[CRYPTO_KEYS_MAX];
	uint32_t window;             /* WSH, 64 at least; 0: not said */
	bool foreign;                /* a parameter that we do not know and
	                                that may not be ignored */
};

/* Reads a value: what stands behind "a=crypto:". *why: static text. E_FORMAT;
 * E_UNSUPPORTED: more than we hold, or a key method other than inline. */
int crypto_read(const char *text, size_t len, struct crypto *out,
		const char **why);
/* Appends the value. E_NOMEM, E_SPACE. */
int crypto_write(const struct crypto *c, struct buf *out);

#endif
