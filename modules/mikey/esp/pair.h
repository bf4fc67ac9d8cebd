/* pair.h - our end and the far end's of all tunnels, held against each other
 * and against our terms: the same on both sides of an exchange. */
#ifndef CALLSEAL_MIKEY_ESP_PAIR_H
#define CALLSEAL_MIKEY_ESP_PAIR_H

#include "daemon/keeper/keying.h"
#include "modules/mikey/esp/end.h"

/* What a far end may be. */
struct mikey_esp_bounds {
	bool ike; /* IKE raises the tunnel: no SPI, no port of UDP is told */
	enum esp_mode mode;
	enum esp_scope scope;
	size_t n_nets;
	struct net nets[ESP_NETS_MAX];
};

/* The terms must be complete and each of our ends sound; suites of old peers
 * only with legacy. E_POLICY, E_ARG. */
int mikey_esp_terms(const struct esp_terms *t, bool legacy,
		    struct keying_fault *fault);
/* Their part of it, copied; mikey_esp_terms() has checked them. */
struct mikey_esp_bounds mikey_esp_bounds_of(const struct esp_terms *t);
/* Whether the far end of tunnel i (out->n are there before it) may be that:
 * sound, of our end's family, another host, within our bounds, and without
 * anything that is ours or an earlier tunnel's. Then it becomes tunnel i. */
int mikey_esp_pair_add(const struct mikey_esp_side *near,
		       const struct mikey_esp_side *far,
		       const struct mikey_esp_bounds *b,
		       struct esp_result *out, const char **why);

#endif
