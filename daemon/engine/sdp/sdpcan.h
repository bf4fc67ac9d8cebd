/* sdpcan.h - what the description in a 200 to OPTIONS says of IPsec: IKE (RFC
 * 6193, in the form of RFC 3264 section 9), and ESP that MIKEY keys
 * (doc/MIKEY-IPSEC.md). Pure; any thread.
 *
 * Nobody has signed it: it can be shown, or be a reason not to call, and
 * protects nothing. */
#ifndef CALLSEAL_SDPCAN_H
#define CALLSEAL_SDPCAN_H

#include "daemon/base/addr.h"
#include "daemon/base/buf.h"
#include "daemon/print.h"

struct sdp_can {
	bool ike, esp;
	struct addr ike_at, esp_at; /* without a port; family 0: not said */
	struct prints certs;        /* of IKE */
};

/* All of it is read; what it says nothing of cannot be done. E_FORMAT,
 * E_UNSUPPORTED: *why (static text) tells. */
int sdp_can_read(const void *data, size_t len, struct sdp_can *out,
		 const char **why);
/* Appends a whole description; id is of its own. at: the address of o=.
 * E_ARG, E_NOMEM, E_SPACE. */
int sdp_can_write(const struct sdp_can *can, uint64_t id,
		  const struct addr *at, struct buf *out);

#endif
