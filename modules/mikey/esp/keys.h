/* keys.h - from a TGK to the ESP keys of all tunnels (RFC 3830 4.1.3). */
#ifndef CALLSEAL_MIKEY_ESP_KEYS_H
#define CALLSEAL_MIKEY_ESP_KEYS_H

#include "daemon/keeper/keying.h"
#include "modules/mikey/kdf.h"
#include "modules/mikey/kemac.h"

#define MIKEY_ESP_ENCR 0x15798CEFu /* labels' constants (4.1.3) */
#define MIKEY_ESP_AUTH 0x1B5C7973u

/* The longest RAND that leaves room for what our profile puts behind it. */
#define MIKEY_ESP_RAND_MAX (MIKEY_RAND_MAX - ESP_FRESH_MAX)

/* Fills in and out of each tunnel, or what IKE has of it in their place. Suite,
 * crypto sessions and fresh bytes are set. root->key is the TGK. */
int mikey_esp_keys(const struct mikey_root *root, struct esp_result *esp);
/* The root with both nonces of a tunnel, if it has some, behind RAND: by it no
 * answer leads to keys that another led to. rand is room for that. E_ARG: RAND
 * is too long. */
int mikey_esp_fresh(const struct mikey_root *root, const struct esp_tunnel *t,
		    uint8_t rand[static MIKEY_RAND_MAX],
		    struct mikey_root *out);
/* Whether keys that the far end sent will do: one TGK, without salt or
 * validity, as long as the cipher's key, or IKE's pre-shared one.
 * E_UNSUPPORTED. */
int mikey_esp_keys_check(const struct mikey_keys *keys,
			 const struct esp_result *esp,
			 struct keying_fault *fault);
/* The length of TGK that fits all suites of the terms, but not less than
 * MIKEY's own least. */
size_t mikey_esp_tgk_len(const struct esp_terms *t);

#endif
