/* tunnelnets.h - our end of a tunnel, and the networks behind us
 * (tunnel.nets). */
#ifndef CALLSEAL_TUNNELNETS_H
#define CALLSEAL_TUNNELNETS_H

#include "daemon/tunneling.h"

/* Our end of a tunnel of that scope, as the far end sees it: esp_own_end(), or
 * with ESP_NET with the networks of local's family behind it. E_ARG. */
int tunnelnets_end(const struct tunnel_settings *t, enum esp_scope scope,
		  const struct addr *local, uint32_t spi, struct esp_end *out);
/* Whether an address, or some of a network, is behind us. */
bool tunnelnets_has(const struct tunnel_settings *t, const struct addr *a);
bool tunnelnets_meet(const struct tunnel_settings *t, const struct net *n);

#endif
