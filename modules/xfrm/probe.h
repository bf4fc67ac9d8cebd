/* probe.h - what this kernel's ESP can do, found out by trying. */
#ifndef CALLSEAL_XFRM_PROBE_H
#define CALLSEAL_XFRM_PROBE_H

#include "modules/xfrm/xfrm.h"

struct probe {
	/* [enum esp_suite]: SAs of that family can be added */
	bool ip4[ESP_SUITES], ip6[ESP_SUITES];
	bool esn_gcm, esn_cbc; /* extended sequence numbers, 128 bits */
	bool encap;            /* in UDP over IPv4 */
	/* What is missing and the cure, one line; "" when nothing is. */
	char text[512];
};

/* Adds an SA of each kind between addresses that nobody has (RFC 5737, RFC
 * 3849) and deletes it at once. The kernel loads modules for it, so this may
 * take a second: at the start. E_UNSUPPORTED: there is no ESP at all; E_POLICY:
 * CAP_NET_ADMIN is missing; why says it plainly. */
int probe_all(struct xfrm *x, struct probe *out, struct xfrm_why *why);

#endif
