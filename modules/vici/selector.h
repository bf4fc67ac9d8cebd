/* selector.h - traffic selectors as strongSwan writes and reads them:
 * "10.0.0.0/24", "10.0.0.1/32[udp/40000-40001]". Pure functions. */
#ifndef CALLSEAL_VICI_SELECTOR_H
#define CALLSEAL_VICI_SELECTOR_H

#include "daemon/base/addr.h"
#include "modules/vici/message.h"

#define VICI_SELECTOR_TEXT 96 /* room for vici_selector_text() */
#define VICI_SELECTORS 4      /* of one side that are kept */

struct vici_selector {
	struct net net;
	uint8_t protocol;         /* 17: UDP; 0: any */
	uint16_t port, port_last; /* 0 and 65535: any; else a range */
};

/* What an SA has. odd: there were more, or one that a struct cannot hold, so
 * that whoever compares must take it for different. */
struct vici_selectors {
	struct vici_selector list[VICI_SELECTORS];
	unsigned n;
	bool odd;
};

bool vici_selector_equal(const struct vici_selector *a,
			 const struct vici_selector *b);
/* In the same order; what is odd equals nothing. */
bool vici_selectors_equal(const struct vici_selectors *a,
			  const struct vici_selectors *b);
/* Whether every packet that outer does not take, inner does not either. */
bool vici_selector_within(const struct vici_selector *inner,
			  const struct vici_selector *outer);
/* Whether some packet is of both. */
bool vici_selectors_meet(const struct vici_selector *a,
			 const struct vici_selector *b);
/* E_ARG for ports without a protocol, an empty range or no net. */
int vici_selector_text(const struct vici_selector *s,
		       char out[static VICI_SELECTOR_TEXT]);
/* E_UNSUPPORTED for what the struct cannot hold: address ranges, "dynamic",
 * ICMP types, ports by a service's name. */
int vici_selector_read(struct vici_text text, struct vici_selector *out);
/* The items of a list whose start vici_next() has just given, to its end. */
int vici_selectors_read(struct vici_reader *r, struct vici_selectors *out);

#endif
