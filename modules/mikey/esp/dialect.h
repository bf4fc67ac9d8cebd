/* dialect.h - MIKEY that keys ESP as a program of 2005 spoke it: map type 7 and
 * security protocol 7, neither of which was ever registered. Taken and answered
 * with mikey.legacy, never offered. doc/MIKEY-IPSEC.md has its numbers. */
#ifndef CALLSEAL_MIKEY_ESP_DIALECT_H
#define CALLSEAL_MIKEY_ESP_DIALECT_H

#include "modules/mikey/message.h"

struct mikey_incoming;

/* One crypto session: SPI, source and destination, IPv4. */
struct mikey_2005_id {
	uint32_t spi;         /* 0: to be filled in by who receives on it */
	uint8_t from[4], to[4]; /* network order; zeros: not known */
};

/* What a session of map type 7 says; E_FORMAT. */
int mikey_2005_get(const struct mikey_cs *cs, struct mikey_2005_id *out);
/* Its SPI and its data, into which cs then points. */
void mikey_2005_put(const struct mikey_2005_id *id, uint8_t spi[static 4],
		    uint8_t data[static 8], struct mikey_cs *cs);

/* As mikey_esp_check() and mikey_esp_back(), for such an offer. */
int mikey_esp_2005_check(struct mikey_incoming *in);
void mikey_esp_2005_back(struct mikey_incoming *in, struct mikey_message *m);

#endif
