/* esp.h - what two ends of an ESP tunnel (RFC 4303) must know of each other:
 * algorithms, ends, selectors, keys. By value, no thread is involved. */
#ifndef CALLSEAL_ESP_H
#define CALLSEAL_ESP_H

#include "daemon/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values travel between processes; append only. */
enum esp_suite {
	ESP_NONE = 0,
	ESP_AES_128_GCM = 1, /* RFC 4106, ICV of 16 bytes */
	ESP_AES_256_GCM = 2,
	ESP_AES_128_CBC_SHA256 = 3, /* RFC 3602 with RFC 4868's
	                               HMAC-SHA-256-128 */
	ESP_AES_256_CBC_SHA256 = 4,
	ESP_AES_128_CBC_SHA1 = 5, /* HMAC-SHA-1-96 (RFC 2404): old peers' */
	ESP_AES_256_CBC_SHA1 = 6,
	ESP_3DES_CBC_SHA1 = 7, /* RFC 2451: old peers' */
	ESP_SUITES
};

struct esp_suite_info {
	const char *name;
	uint8_t encr;     /* IKEv2 transform of type 1 (RFC 7296 3.3.2) */
	uint8_t integ;    /* of type 3; 0: the cipher does it */
	uint8_t key_len;  /* bytes */
	uint8_t salt_len; /* bytes behind the key (RFC 4106 8.1); 0: none */
	uint8_t auth_len; /* bytes of integrity key; 0: none */
	uint8_t icv_len;  /* bytes at a packet's end */
	uint8_t legacy;   /* 1: taken from old peers, never offered */
};

/* The row of a suite; NULL for ESP_NONE and unknown values. */
const struct esp_suite_info *esp_suite_info(unsigned suite);
/* By its name, letter case ignored; ESP_NONE when unknown. */
enum esp_suite esp_suite_by_name(const char *name);

enum esp_mode { ESP_TRANSPORT = 1, ESP_TUNNEL = 2 };

/* What a tunnel is for. */
enum esp_scope {
	ESP_MEDIA = 1, /* exactly the flows of one line of SDP */
	ESP_HOST = 2,  /* everything between the two ends */
	ESP_NET = 3    /* the networks behind them; tunnel mode */
};

#define ESP_SPI_MIN 256 /* RFC 4303 2.1: 0 to 255 are reserved */
#define ESP_WINDOW_MIN 32 /* packets (3.4.3) */
#define ESP_WINDOW_MAX 4096
#define ESP_SELECTORS_MAX 4

/* One end's part of a traffic selector (RFC 4301 4.4.1.1). */
struct esp_selector {
	struct net net;   /* no port, no bits behind the prefix */
	uint16_t port;    /* host order */
	uint16_t mask;    /* bits of the port that count: 0 any, 0xffff one,
	                     0xfffe an even one and the next (RTP, RTCP) */
	uint8_t protocol; /* of IP; 0: any */
};

/* One end: what it receives on. */
struct esp_end {
	uint32_t spi;    /* inbound; ESP_SPI_MIN or more */
	struct addr at;  /* where ESP arrives; the port is that of UDP
	                    encapsulation (RFC 3948), 0: it does none */
	bool natted;     /* it wants encapsulation: a NAT is before it */
	size_t n;        /* 1..ESP_SELECTORS_MAX, what lies behind it */
	struct esp_selector sel[ESP_SELECTORS_MAX];
};

/* Our end of a line of media (ESP_MEDIA, transport mode): UDP to this port and
 * the next, RTP's and RTCP's. The port is even. E_ARG. */
int esp_media_end(const struct addr *local, uint32_t spi, struct esp_end *out);

/* Our end of a tunnel of that scope as the far end sees it: of ESP_MEDIA as
 * esp_media_end() has it, of ESP_HOST all of local, which has no port then.
 * seen: what a NAT before us makes of our address, port for port; its family is
 * 0 where there is none. udp: our port of ESP in UDP, 0: none. E_ARG also for a
 * NAT without such a port, and for ESP_NET: its end is one of ESP_HOST
 * after esp_net_end(). */
int esp_own_end(enum esp_scope scope, const struct addr *local,
		const struct addr *seen, unsigned udp, uint32_t spi,
		struct esp_end *out);
/* Behind *e are then those of the networks that are of its family, and not the
 * end itself. E_ARG: there is none of them, or an unsound one. */
int esp_net_end(const struct net *nets, size_t n, struct esp_end *e);
/* Such an end as our own kernel has it: with local's address. Networks behind
 * it stay as they are. */
void esp_end_behind(enum esp_scope scope, const struct addr *local,
		    struct esp_end *e);
/* Whether the address is one of those behind the end. */
bool esp_end_has(const struct esp_end *e, const struct addr *a);

/* Whether an end is sound by itself, for a scope and a mode: *why (static text)
 * says what is not. E_ARG. */
int esp_end_check(const struct esp_end *e, enum esp_scope scope,
		  enum esp_mode mode, const char **why);
/* Whether two selectors have an address, port and protocol in common. */
bool esp_selectors_meet(const struct esp_selector *a,
			const struct esp_selector *b);

#define ESP_KEY_MAX 32
#define ESP_SALT_MAX 4
#define ESP_AUTH_MAX 32

/* The keys of one direction. Secret: wipe() it. To be installed once and never
 * again: the IV of GCM is the sequence number (RFC 4106 3.1). */
struct esp_key {
	uint16_t suite;   /* enum esp_suite */
	uint8_t key_len;  /* bytes used; as esp_suite_info() says, but that an
	                     old peer may have a shorter auth */
	uint8_t salt_len;
	uint8_t auth_len;
	uint8_t pad[3];
	uint8_t key[ESP_KEY_MAX];
	uint8_t salt[ESP_SALT_MAX];
	uint8_t auth[ESP_AUTH_MAX];
};

#endif
