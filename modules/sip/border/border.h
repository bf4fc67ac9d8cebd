/* border.h - who says what of the caller across the boundary between the
 * inside and a network that is trusted with it or not (RFC 3323, 3325): flags
 * for headers_copy(), and what Privacy asks for. */
#ifndef CALLSEAL_SIP_BORDER_H
#define CALLSEAL_SIP_BORDER_H

#include "modules/sip/sip.h"

/* A message that crosses. */
struct crossing {
	enum face from;
	bool trusted; /* the far end's network, by its profile (asserted) */
	bool known;   /* or its address, by outside.trusted */
	bool names;   /* keys are agreed in the caller's name: From stays */
};

struct crossing border_crossing(const struct pair *pair, enum face from);

/* From of who is not to be named. */
#define BORDER_ANONYMOUS "\"Anonymous\" <sip:anonymous@anonymous.invalid>"

#define BORDER_FLAGS 0xff00u /* of headers_copy()'s */
/* What of the message stays behind. asked: what the sender asked for before in
 * the same dialog, and from now on; NULL: nothing. */
unsigned border_flags(const struct crossing *x, const sip_t *sip,
		      unsigned *asked);
/* For headers_copy(). */
bool border_stops(unsigned flags, const msg_header_t *h, const char *name);
/* Adds what Privacy still asks of those behind us, after border_flags(). False:
 * no memory. */
bool border_privacy(msg_t *to, const sip_t *from, const struct crossing *x,
		    unsigned flags);
/* Whether its sender wants nobody to be told who it is. */
bool border_unnamed(const sip_t *sip);
/* Why a request must not go on: its sender insists on something that we cannot
 * do (RFC 3323 section 5). NULL: it may. */
const char *border_refuses(const struct crossing *x, const sip_t *sip);
/* The From of a request that leaves, without tag; NULL: no memory. */
sip_from_t *border_from(su_home_t *home, const struct crossing *x,
			const sip_t *sip);

#endif
