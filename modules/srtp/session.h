/* session.h - session keys from a master key (RFC 3711 section 4.3). */
#ifndef CALLSEAL_SRTP_SESSION_H
#define CALLSEAL_SRTP_SESSION_H

#include "daemon/base/suite.h"

#include <openssl/evp.h>
#include <stdint.h>

#define SESSION_AUTH_MAX 20
#define SESSION_SALT_LEN 14 /* a shorter salt has zeroes behind it */

enum session_kind { SESSION_RTP, SESSION_RTCP };

/* The session keys of RTP or of RTCP. Secret: wipe() it. */
struct session {
	uint64_t r; /* index DIV key derivation rate that they belong to */
	uint8_t key[SRTP_KEY_MAX];
	uint8_t salt[SESSION_SALT_LEN];
	uint8_t auth[SESSION_AUTH_MAX];
};

/* A master key that session keys are derived from; all zero: not open. */
struct derivation {
	EVP_CIPHER_CTX *cipher;
	const struct suite_info *suite;
	uint8_t salt[SESSION_SALT_LEN];
};

/* 0 when suite, lengths, MKI and key derivation rate of a master key fit
 * together; E_UNSUPPORTED for an unknown suite, E_ARG for the rest. */
int session_check(const struct srtp_key *key);

/* key is copied. As session_check(), E_NOMEM, E_INTERNAL. */
int derivation_open(struct derivation *d, const struct srtp_key *key);
/* Wipes; one that is not open is allowed. */
void derivation_close(struct derivation *d);
/* The session keys for r. E_INTERNAL when the cipher fails. */
int derivation_run(struct derivation *d, enum session_kind kind, uint64_t r,
		   struct session *out);

/* Both sets for r = 0: all there is without a key derivation rate. */
int session_derive(const struct srtp_key *key, struct session *rtp,
		   struct session *rtcp);

#endif
