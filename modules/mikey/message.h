/* message.h - a MIKEY message (RFC 3830 section 6) as a struct.
 *
 * The codec is pure and allocates nothing: a decoded message points into the
 * bytes it came from, which must outlive it; bounds below. All modes share
 * it; what a mode demands (which payloads, in which order) is the mode's own
 * check. */
#ifndef CALLSEAL_MIKEY_MESSAGE_H
#define CALLSEAL_MIKEY_MESSAGE_H

#include "daemon/base/buf.h"
#include "daemon/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIKEY_MESSAGE_MAX KEYING_MAX /* bytes */
#define MIKEY_CS_MAX 64              /* crypto sessions; the wire allows 255 */
#define MIKEY_PAYLOADS_MAX 32

enum mikey_data_type {
	MIKEY_PSK_INIT = 0, /* RFC 3830 6.1 */
	MIKEY_PSK_VERIFY = 1,
	MIKEY_PK_INIT = 2,
	MIKEY_PK_VERIFY = 3,
	MIKEY_DH_INIT = 4,
	MIKEY_DH_RESPONSE = 5,
	MIKEY_ERROR = 6,
	MIKEY_DHHMAC_INIT = 7, /* RFC 4650 */
	MIKEY_DHHMAC_RESPONSE = 8,
	MIKEY_RSAR_INIT = 9, /* RFC 4738 */
	MIKEY_RSAR_RESPONSE = 10
};

enum mikey_payload_type {
	MIKEY_LAST = 0,
	MIKEY_KEMAC = 1,
	MIKEY_PKE = 2,
	MIKEY_DH = 3,
	MIKEY_SIGN = 4,
	MIKEY_T = 5,
	MIKEY_ID = 6,
	MIKEY_CERT = 7,
	MIKEY_CHASH = 8,
	MIKEY_V = 9,
	MIKEY_SP = 10,
	MIKEY_RAND = 11,
	MIKEY_ERR = 12,
	MIKEY_KEY_DATA = 20, /* only inside a KEMAC */
	MIKEY_EXTENSION = 21
};

enum mikey_map {
	MIKEY_MAP_SRTP,
	MIKEY_MAP_EMPTY,
	MIKEY_MAP_GENERIC,
	MIKEY_MAP_2005 = 7 /* never registered: esp/dialect.h */
};
enum mikey_encr {
	MIKEY_ENCR_NULL,
	MIKEY_ENCR_AES_CM_128,
	MIKEY_ENCR_AES_KW_128,
	MIKEY_ENCR_AES_CM_256
};
enum mikey_mac_alg { MIKEY_MAC_NULL, MIKEY_MAC_SHA1, MIKEY_MAC_SHA256 };
enum mikey_stamp {
	MIKEY_TS_UTC,
	MIKEY_TS_NTP,
	MIKEY_TS_COUNTER,
	MIKEY_TS_UTC_32
};
enum mikey_id_type { MIKEY_ID_NAI, MIKEY_ID_URI, MIKEY_ID_BYTES };
enum mikey_extension {
	MIKEY_EXT_VENDOR,
	MIKEY_EXT_SDP_IDS,
	MIKEY_EXT_TESLA,
	MIKEY_EXT_KEY_ID /* RFC 4563 */
};

struct mikey_bytes {
	const uint8_t *p;
	size_t len;
};

/* A crypto session. SRTP-ID uses policy, ssrc, roc; GENERIC-ID (RFC 6043
 * 6.1.1) the rest, that of 2005 policy, spi and data. The id counts from 1 but
 * with GENERIC-ID. */
struct mikey_cs {
	uint8_t id;
	uint8_t policy;
	uint32_t ssrc, roc;
	uint8_t protocol;
	uint8_t s; /* GENERIC-ID's S flag: ROC and SEQ in data */
	struct mikey_bytes policies, data, spi;
};

/* Key validity (6.14): 0 none, 1 SPI or MKI, 2 interval. */
struct mikey_kv {
	uint8_t type;
	struct mikey_bytes spi;      /* type 1 */
	struct mikey_bytes from, to; /* type 2 */
};

/* Any payload: they all are a selector and some bytes. */
struct mikey_payload {
	uint8_t type;   /* enum mikey_payload_type */
	uint8_t kind;   /* KEMAC: encr alg; PKE: cache; DH: group; SIGN: S type;
			   T: TS type; ID, CERT, extension: type; CHASH: hash
			   func; V: auth alg; SP: prot type; ERR: error no */
	uint16_t extra; /* SP: policy no; ERR, DH: the reserved bits */
	struct mikey_bytes data;
	uint8_t mac_alg;        /* KEMAC */
	struct mikey_bytes mac; /* KEMAC */
	struct mikey_kv kv;     /* DH */
	size_t at, len;         /* where it lies in the decoded bytes */
};

struct mikey_message {
	uint8_t data_type;
	uint8_t v;   /* the initiator asks for a verification */
	uint8_t prf; /* 0 MIKEY-1, 1 PRF-HMAC-SHA-256 */
	uint32_t csb_id;
	uint8_t map; /* enum mikey_map */
	uint8_t n_cs;
	struct mikey_cs cs[MIKEY_CS_MAX];
	size_t n;
	struct mikey_payload payload[MIKEY_PAYLOADS_MAX];
	size_t failed_at; /* offset of the failure, when decoding fails */
};

/* Decodes all of it: E_FORMAT when malformed, truncated, over-long or with a
 * payload too often; E_UNSUPPORTED for a version, map, payload or algorithm
 * whose length is unknown, or more than the bounds hold. On failure *m holds
 * what was read before (for explain.h), never for use. */
int mikey_decode(const uint8_t *bytes, size_t len, struct mikey_message *m);
/* The data type in the header, without decoding; -1: not MIKEY. */
int mikey_data_type(const uint8_t *bytes, size_t len);
/* Appends the wire form; next payload fields follow from the order. Fails
 * through out->err, or with E_ARG for what cannot be on the wire. */
int mikey_encode(const struct mikey_message *m, struct buf *out);

/* The i-th payload (from 0) of a type; NULL when there are fewer. */
const struct mikey_payload *mikey_find(const struct mikey_message *m,
				       enum mikey_payload_type type, size_t i);
/* Adds an empty payload to a message that is being made, at most
 * MIKEY_PAYLOADS_MAX: the caller knows how many it adds. */
struct mikey_payload *mikey_add(struct mikey_message *m,
				enum mikey_payload_type type, uint8_t kind);

#endif
