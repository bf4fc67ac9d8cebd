/* ipsec.h - what we tell the kernel of ESP (RFC 4303): selectors, SAs and
 * policies (RFC 4301 4.4), by value, in host order. Pure.
 *
 * Suites and keys are daemon/base/esp.h's. */
#ifndef CALLSEAL_XFRM_IPSEC_H
#define CALLSEAL_XFRM_IPSEC_H

#include "daemon/base/addr.h"
#include "daemon/base/esp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel calls the parts of a suite: aead, or encr and auth. */
struct ipsec_algorithms {
	const char *aead, *encr, *auth; /* NULL: not that way */
};

/* NULL for ESP_NONE and values that are none. */
const struct ipsec_algorithms *ipsec_algorithms(unsigned suite);

/* A packet matches when (its port & mask) == port. Mask 0 is any port; 0xfffe
 * is an even port and the next: RTP and RTCP in one selector. Both nets are of
 * one family; family 0 in src means no selector at all. */
struct ipsec_selector {
	struct net src, dst;
	uint16_t sport, sport_mask, dport, dport_mask;
	uint8_t proto; /* IPPROTO_UDP; 0: any */
};

/* 0: no limit. The soft ones give an event, at the hard ones the kernel deletes
 * the SA. Seconds count from its installation. */
struct ipsec_life {
	uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets;
	uint32_t soft_s, hard_s;
};

/* Network order on the wire, host order here. Ports 0: no encapsulation in UDP
 * (RFC 3948). A socket of ours on the own port must have UDP_ENCAP set. */
struct ipsec_encap {
	uint16_t sport, dport;
};

/* One direction. Named in the kernel by spi and dst. */
struct ipsec_sa {
	struct addr src, dst; /* outer addresses; ports are ignored */
	uint32_t spi, reqid;
	uint8_t mode;    /* enum esp_mode */
	bool esn;        /* sequence numbers of 64 bits: RFC 4303 2.2.1 */
	uint16_t window; /* packets of replay window, 1..ESP_WINDOW_MAX */
	struct ipsec_encap encap;
	/* Inbound, in UDP: seconds until one and the same other source is told
	 * again (struct reply, REPLY_MOVED); 0: each packet tells it. */
	uint8_t again_s;
	struct ipsec_life life;
	struct ipsec_selector sel; /* src.base.family 0: as policies say */
	struct esp_key key;
};

enum ipsec_dir { IPSEC_IN, IPSEC_OUT, IPSEC_FWD, IPSEC_DIRS };

enum ipsec_action {
	IPSEC_PROTECT, /* through an SA of reqid, or not at all */
	IPSEC_BYPASS,  /* in clear, whatever other policies say */
	IPSEC_BLOCK,   /* dropped */
	IPSEC_ACTIONS
};

/* Named in the kernel by selector and direction. */
struct ipsec_policy {
	struct ipsec_selector sel;
	uint8_t dir, action; /* enum ipsec_dir, enum ipsec_action */
	uint32_t priority;   /* lower goes first: range_priority() */
	/* IPSEC_PROTECT only: the SA wanted. spi 0: any of reqid (inbound). The
	 * addresses count in tunnel mode and with an spi. */
	struct addr src, dst;
	uint32_t spi, reqid;
	uint8_t mode;
};

/* 0, or E_ARG and *why (static text): what the kernel would take wrong or in
 * another sense. Says nothing about whether it is wise: selector.h. */
int ipsec_sa_check(const struct ipsec_sa *sa, const char **why);
int ipsec_policy_check(const struct ipsec_policy *p, const char **why);
int ipsec_selector_check(const struct ipsec_selector *s, const char **why);
bool ipsec_selector_equal(const struct ipsec_selector *a,
			const struct ipsec_selector *b);
/* That of what goes the other way. */
struct ipsec_selector ipsec_selector_turned(const struct ipsec_selector *s);
/* Whether a packet can match both. */
bool ipsec_selectors_meet(const struct ipsec_selector *a,
			const struct ipsec_selector *b);

#endif
