/* policy.h - the parameters of a security policy for ESP, of our profile (doc/
 * MIKEY-IPSEC.md) and of the dialect of 2005. */
#ifndef CALLSEAL_MIKEY_ESP_POLICY_H
#define CALLSEAL_MIKEY_ESP_POLICY_H

#include "daemon/base/buf.h"
#include "daemon/base/esp.h"
#include "modules/mikey/message.h"

#include <stdbool.h>

/* Values of "Prot type" (RFC 3830 6.10). 241 to 255 are for private use. */
#define MIKEY_PROTOCOL_SRTP 0
#define MIKEY_PROTOCOL_ESP 241
#define MIKEY_PROTOCOL_IKE 242 /* ESP, too: IKE raises it, by a key of ours */
#define MIKEY_PROTOCOL_2005 7

/* The protocol of our profile's sessions and policies. */
static inline uint8_t mikey_esp_protocol(bool ike)
{
	return ike ? MIKEY_PROTOCOL_IKE : MIKEY_PROTOCOL_ESP;
}

/* Whether a protocol is one of our profile's. */
static inline bool mikey_esp_is_ours(unsigned protocol)
{
	return protocol == MIKEY_PROTOCOL_ESP || protocol == MIKEY_PROTOCOL_IKE;
}

struct mikey_esp_policy {
	enum esp_suite suite;
	enum esp_mode mode;
	enum esp_scope scope;
	uint32_t life_s, life_kib; /* 0: the policy says nothing of it */
	uint16_t window;           /* likewise */
	uint8_t auth_len;          /* bytes of integrity key */
};

#define MIKEY_ESP_POLICY_ROOM 48 /* bytes that mikey_esp_policy_put() makes */

/* Reads all parameters of that protocol, each of which must be there once.
 * E_FORMAT: a length that is not the parameter's; E_UNSUPPORTED: a value that
 * we do not do, or an unknown parameter. *why then says what (static text). */
int mikey_esp_policy_get(unsigned protocol, struct mikey_bytes params,
			 struct mikey_esp_policy *out, const char **why);
/* Appends those of our profile. */
void mikey_esp_policy_put(struct buf *b, const struct mikey_esp_policy *p);
/* What a parameter means, for explain.h; NULL when unknown. */
const char *mikey_esp_policy_name(unsigned protocol, unsigned type);

#endif
