/* end.h - one end of a tunnel as it stands in a crypto session map: the session
 * data of our profile (doc/MIKEY-IPSEC.md). */
#ifndef CALLSEAL_MIKEY_ESP_END_H
#define CALLSEAL_MIKEY_ESP_END_H

#include "daemon/base/buf.h"
#include "daemon/base/esp.h"
#include "modules/mikey/message.h"

#define MIKEY_ESP_NONCE 16 /* bytes */
#define MIKEY_ESP_SPI 4
/* bytes of the longest session data: head, an IPv6 address, selectors */
#define MIKEY_ESP_DATA_MAX (6 + 16 + MIKEY_ESP_NONCE + ESP_SELECTORS_MAX * 23)

struct mikey_esp_side {
	struct esp_end end;
	uint8_t nonce[MIKEY_ESP_NONCE];
};

/* Reads all of it: E_FORMAT for a wrong length anywhere, E_UNSUPPORTED for
 * another version or family. Whether the end is sound is esp_end_check()'s. */
int mikey_esp_end_get(struct mikey_bytes data, struct mikey_bytes spi,
		      struct mikey_esp_side *out);
/* Writes both fields; returns the bytes of data, or a negative error. */
int mikey_esp_end_put(const struct mikey_esp_side *side,
		      uint8_t spi[static MIKEY_ESP_SPI],
		      uint8_t data[static MIKEY_ESP_DATA_MAX]);
/* That end with a nonce of its own. E_INTERNAL. */
int mikey_esp_end_draw(const struct esp_end *end, struct mikey_esp_side *out);

#endif
