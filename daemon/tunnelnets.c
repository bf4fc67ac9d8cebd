/* tunnelnets.c - our end of a tunnel by the group "tunnel", and what is behind
 * us. See tunnelnets.h. */
#include "daemon/tunnelnets.h"

#include "daemon/base/err.h"

bool tunnelnets_has(const struct tunnel_settings *t, const struct addr *a)
{
	for (size_t i = 0; i < t->n_nets; i++)
		if (net_contains(&t->nets[i], a))
			return true;
	return false;
}

bool tunnelnets_meet(const struct tunnel_settings *t, const struct net *n)
{
	for (size_t i = 0; i < t->n_nets; i++)
		if (net_contains(n, &t->nets[i].base))
			return true;
	return tunnelnets_has(t, &n->base);
}

int tunnelnets_end(const struct tunnel_settings *t, enum esp_scope scope,
		  const struct addr *local, uint32_t spi, struct esp_end *out)
{
	bool nets = scope == ESP_NET;
	struct esp_end e;
	int r = esp_own_end(nets ? ESP_HOST : scope, local,
			    &t->seen[local->family == 6], t->udp, spi, &e);

	if (!r && nets)
		r = esp_net_end(t->nets, t->n_nets, &e);
	if (!r)
		*out = e;
	return r;
}
