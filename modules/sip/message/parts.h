/* parts.h - the description in a body of several parts (RFC 3261 7.4.1, RFC
 * 2046 5.1, RFC 2387), where a phone wants bare SDP. */
#ifndef CALLSEAL_SIP_PARTS_H
#define CALLSEAL_SIP_PARTS_H

#include "modules/sip/sip.h"

/* The one application/sdp that counts, its transfer encoding taken off, as a
 * text without NUL; the caller wipes and frees *sdp. What else is in it and may
 * be passed over is (daemon/mime/choice.h). 0, or the status to refuse with:
 * 415 (a part that is required is not understood, or no description is there),
 * 400 (malformed, or several), 500. */
int parts_description(const sip_t *sip, char **sdp, size_t *len);

#endif
