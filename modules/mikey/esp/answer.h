/* answer.h - an offer that came in and keys ESP, held against our terms. */
#ifndef CALLSEAL_MIKEY_ESP_ANSWER_H
#define CALLSEAL_MIKEY_ESP_ANSWER_H

#include "modules/mikey/esp/pair.h"

struct mikey_incoming;

/* What the steps find out; nothing secret. */
struct mikey_esp_answer {
	struct esp_result got; /* all but the keys */
	uint8_t policy_no;     /* chosen */
	/* what we fill in, as the response has it */
	uint8_t spi[ESP_TUNNELS_MAX][MIKEY_ESP_SPI];
	uint8_t data[ESP_TUNNELS_MAX][MIKEY_ESP_DATA_MAX];
	uint8_t data_len[ESP_TUNNELS_MAX];
	uint8_t addresses[2][8]; /* dialect.h */
};

/* Whether the terms have that suite; if not, the fault says so. */
int mikey_esp_allow(struct mikey_incoming *in, enum esp_suite suite);
/* Sessions, ends and policy of the offer, which is authenticated. 0 or the
 * fault. */
int mikey_esp_check(struct mikey_incoming *in);
/* The map of the response: our ends filled in, one policy for each session.
 * Points into in. */
void mikey_esp_back(struct mikey_incoming *in, struct mikey_message *m);
/* Adds the chosen policy as the offer has it. */
void mikey_esp_add_policy(const struct mikey_incoming *in,
			  struct mikey_message *m);

#endif
