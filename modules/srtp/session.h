/* session.h - session keys from a master key (RFC 3711 section 4.3). */
#ifndef CALLSEAL_SRTP_SESSION_H
#define CALLSEAL_SRTP_SESSION_H

#include "daemon/base/suite.h"

#define SESSION_AUTH_MAX 20
#define SESSION_SALT_LEN 14 /* a shorter salt has zeroes behind it */

/* The session keys of RTP or of RTCP. Secret: wipe() it. */
struct session {
	uint8_t key[SRTP_KEY_MAX];
	uint8_t salt[SESSION_SALT_LEN];
	uint8_t auth[SESSION_AUTH_MAX];
};

/* 0 when suite, lengths and MKI of a master key fit together; E_UNSUPPORTED
 * for an unknown suite, E_ARG for the rest. */
int session_check(const struct srtp_key *key);
/* Derives both sets with a key derivation rate of 0. E_INTERNAL when the
 * cipher fails, E_NOMEM. */
int session_derive(const struct srtp_key *key, struct session *rtp,
		   struct session *rtcp);

#endif
