/* keying_esp.h - what a keying agrees on when it keys ESP, alone or with SRTP
 * in it: part of the terms and of the result of keying.h. Keeper process. */
#ifndef CALLSEAL_KEYING_ESP_H
#define CALLSEAL_KEYING_ESP_H

#include "daemon/base/esp.h"
#include "daemon/message.h"

#define ESP_TUNNELS_MAX STREAM_MAX /* one for each line of media */
#define ESP_NETS_MAX 16
#define ESP_FRESH_MAX 32 /* bytes */
#define ESP_LIFE_MIN_S 60 /* nobody can make new keys any faster */

/* What one side brings. Everything is borrowed for the call. */
struct esp_terms {
	const enum esp_suite *suites; /* allowed, best first */
	size_t n_suites;
	bool ike; /* IKE raises them, by a pre-shared key for each; then mode
	             is ESP_TUNNEL and scope ESP_MEDIA */
	enum esp_mode mode;   /* both sides must want the same */
	enum esp_scope scope; /* likewise */
	size_t n;             /* tunnels: 1, or with ESP_MEDIA one for each
	                         line, up to ESP_TUNNELS_MAX */
	const struct esp_end *near; /* n of them, ours. Their SPIs are
	                               reserved by whoever installs them */
	uint32_t life_s;   /* after which the keys are no longer used */
	uint32_t life_kib; /* likewise; 0: any number of bytes */
	uint16_t window;   /* offerer: packets of replay window, for both */
	/* ESP_HOST, ESP_NET: networks that the far end's address, or its
	 * networks, must lie in, up to ESP_NETS_MAX; without one none does. */
	const struct net *nets;
	size_t n_nets;
	bool srtp; /* the streams of the terms are keyed, too, by the same
	              exchange: SRTP goes in the tunnels, or nothing does */
};

/* Two SAs. Holds secrets. */
struct esp_tunnel {
	struct esp_end near, far;
	bool udp; /* in UDP, from near.at's port to far.at's and back */
	struct esp_key in, out;
	/* How a keying of MIKEY's derives them; of no use to others. */
	uint8_t cs_in, cs_out;
	uint8_t fresh_len;
	uint8_t fresh[ESP_FRESH_MAX];
};

/* What came out. n is 0 when SRTP alone was keyed. Holds secrets: wipe it. */
struct esp_result {
	size_t n;
	enum tunnel_ike ike; /* who raises them; keys are as in struct
	                        msg_tunnel_key then */
	enum esp_suite suite;
	enum esp_mode mode;
	enum esp_scope scope;
	uint32_t life_s, life_kib; /* ours or the offer's, the shorter */
	uint16_t window;
	uint8_t auth_len;  /* bytes of integrity key */
	bool legacy;       /* in the dialect of 2005 */
	struct esp_tunnel tunnel[ESP_TUNNELS_MAX];
};

#endif
