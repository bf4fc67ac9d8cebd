/* tunneling.h - the config group "tunnel": media in ESP. See
 * callseal.conf(5). */
#ifndef CALLSEAL_TUNNELING_H
#define CALLSEAL_TUNNELING_H

#include "daemon/base/addr.h"
#include "daemon/base/conf.h"
#include "daemon/base/esp.h"

#include <stdbool.h>
#include <stdint.h>

#define TUNNEL_OWN_NETS (2 * ESP_SELECTORS_MAX) /* IPv4 and IPv6 */

struct tunnel_settings {
	/* UDP ports for media that go in ESP and not otherwise, even .. odd;
	 * none of media.ports. */
	unsigned port_min, port_max;
	uint32_t life_s;  /* of a key */
	uint16_t window;  /* packets of replay window */
	bool open;        /* shut = "relay": the kernel keeps no port shut */
	uint16_t udp;     /* our port of ESP in UDP (RFC 3948); 0: none */
	uint32_t keepalive_s; /* between keep-alives to one far end */
	struct addr seen[2]; /* outside.public: what a NAT makes of us */
	/* Behind us, for tunnels between networks: */
	struct net nets[TUNNEL_OWN_NETS];
	size_t n_nets;
};

extern const struct conf_group tunnel_group;

/* All but seen, which settings_read() knows. */
int tunneling_read(const struct conf *c, struct tunnel_settings *out,
		   struct conf_err *err);

#endif
