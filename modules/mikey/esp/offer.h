/* offer.h - an offer of ours that keys ESP, and what its answer says. */
#ifndef CALLSEAL_MIKEY_ESP_OFFER_H
#define CALLSEAL_MIKEY_ESP_OFFER_H

#include "modules/mikey/esp/pair.h"
#include "modules/mikey/esp/policy.h"
#include "modules/mikey/esp/within.h"

/* What an offer must remember; nothing secret. */
struct mikey_esp_offer {
	size_t n; /* tunnels; 0: it keys SRTP */
	struct mikey_esp_bounds bounds;
	struct mikey_esp_side near[ESP_TUNNELS_MAX];
	/* one for each suite, best first; their numbers count from 0 */
	size_t n_policies;
	struct mikey_esp_policy policy[ESP_SUITES];
	/* the same as the message has it */
	uint8_t spi[ESP_TUNNELS_MAX][MIKEY_ESP_SPI];
	uint8_t data[ESP_TUNNELS_MAX][MIKEY_ESP_DATA_MAX];
	uint8_t data_len[ESP_TUNNELS_MAX];
	uint8_t number[ESP_SUITES];
	uint8_t params[ESP_SUITES][MIKEY_ESP_POLICY_ROOM];
	uint8_t params_len[ESP_SUITES];
	struct mikey_within within; /* SRTP in them; n 0: none */
};

/* Fills it by terms that mikey_terms() has checked; draws nonces. */
int mikey_esp_offer_draw(const struct keying_terms *terms,
			 struct mikey_esp_offer *o);
/* Sets the map of m and its sessions. Points into o. */
void mikey_esp_offer_map(const struct mikey_esp_offer *o,
			 struct mikey_message *m);
/* Adds the policies. Points into o. */
void mikey_esp_offer_policies(const struct mikey_esp_offer *o,
			      struct mikey_message *m);
/* Takes what an authenticated answer m says, tunnels and streams or none; keys
 * are still missing. E_FORMAT for other sessions than the offer's, E_AUTH for
 * our own end changed, E_UNSUPPORTED for an end that we do not take. */
int mikey_esp_offer_answered(const struct mikey_esp_offer *o,
			     const struct mikey_message *m,
			     struct keying_result *out,
			     struct keying_fault *fault);

#endif
