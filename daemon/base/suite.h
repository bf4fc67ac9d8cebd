/* suite.h - the SRTP crypto suites, one row each, and a stream's key. */
#ifndef CALLSEAL_SUITE_H
#define CALLSEAL_SUITE_H

#include <stdint.h>

/* Values travel between processes; append only. */
enum suite {
	SUITE_NONE = 0,
	SUITE_AES_CM_128_HMAC_SHA1_80 = 1, /* RFC 3711, RFC 4568 6.2.1 */
	SUITE_AES_CM_128_HMAC_SHA1_32 = 2,
	SUITE_AEAD_AES_128_GCM = 3, /* RFC 7714 */
	SUITE_AEAD_AES_256_GCM = 4,
	SUITE_AES_192_CM_HMAC_SHA1_80 = 5, /* RFC 6188 */
	SUITE_AES_192_CM_HMAC_SHA1_32 = 6,
	SUITE_AES_256_CM_HMAC_SHA1_80 = 7,
	SUITE_AES_256_CM_HMAC_SHA1_32 = 8,
	SUITE_F8_128_HMAC_SHA1_80 = 9, /* RFC 3711 4.1.2, RFC 4568 6.2.3 */
	SUITE_NULL_HMAC_SHA1_80 = 10,  /* RFC 3711 4.1: authenticated only */
	SUITE_NULL_HMAC_SHA1_32 = 11,
	SUITE_COUNT
};

struct suite_info {
	const char *name;      /* as RFC 4568, 6188 and 7714 register it */
	uint8_t key_len;       /* bytes, master key and session cipher key; of
	                          the NULL suites the master key alone */
	uint8_t salt_len;      /* bytes of master salt: 14, or 12 with GCM */
	uint8_t auth_len;      /* bytes of session authentication key, or 0 */
	uint8_t rtp_tag_len;   /* bytes added to an RTP packet */
	uint8_t rtcp_tag_len;  /* bytes added to RTCP, without its index word */
	uint8_t aead;          /* 1 for the GCM suites */
	uint8_t f8;            /* 1: AES in f8 mode */
	uint8_t mikey_encr;    /* SP parameter 0: 0 NULL, 1 AES-CM, 2 AES-F8,
	                          6 GCM */
	uint8_t mikey_auth;    /* SP parameter 2: 1 HMAC-SHA-1, 0 with GCM */
	uint8_t readable;      /* 1: nothing is encrypted (no suite of SDES) */
};

/* The row of a suite; NULL for SUITE_NONE and unknown values. */
const struct suite_info *suite_info(unsigned suite);
/* By its registered name, letter case ignored, or with "AES_" before an
 * "F8_..." that has none; SUITE_NONE when unknown. */
enum suite suite_by_name(const char *name);
/* NULL-terminated names of all suites, for the configuration's choices; F8 is
 * there by both of its names. */
extern const char *const suite_names[];

#define SRTP_KEY_MAX 32
#define SRTP_SALT_MAX 14
#define SRTP_MKI_MAX 8
#define KDR_MAX 25 /* a rate of 2^24 packets */

/* A master key of SRTP for one direction of one stream. Secret: wipe() it. */
struct srtp_key {
	uint16_t suite;   /* enum suite */
	uint8_t key_len;  /* as suite_info() says */
	uint8_t salt_len;
	uint8_t mki_len;  /* 0: no MKI in packets */
	uint8_t kdr;      /* key derivation rate, RFC 3711 4.3.1: 0 is 0, n is
	                     2^(n-1), at most KDR_MAX */
	uint8_t pad[2];
	uint8_t key[SRTP_KEY_MAX];
	uint8_t salt[SRTP_SALT_MAX];
	uint8_t mki[SRTP_MKI_MAX];
	uint8_t pad2[2];
	uint64_t lifetime; /* packets, of SRTP and of SRTCP each (RFC 4568
	                      6.1); 0: RFC 3711's 2^48 and 2^31 */
};

#endif
