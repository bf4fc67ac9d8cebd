/* sdptext.h - taking a description apart into lines and words: what sdp.c and
 * sdpwrite.c share. Everything is borrowed from the description. */
#ifndef CALLSEAL_SDPTEXT_H
#define CALLSEAL_SDPTEXT_H

#include "daemon/engine/sdp/sdp.h"

/* Takes the next line off rest: line without its end, eol its end (empty for
 * a last line without one). False at the end. */
bool sdp_next_line(struct sdp_text *rest, struct sdp_text *line,
		   struct sdp_text *eol);
/* Takes the next word off t; empty at the end. */
struct sdp_text sdp_word(struct sdp_text *t);
/* Name and value of an "a=" line; the value is empty without a colon. */
struct sdp_text sdp_attribute(struct sdp_text line, struct sdp_text *value);
/* "IN IP4 192.0.2.1". E_FORMAT; E_UNSUPPORTED for a name or multicast. */
int sdp_address(struct sdp_text t, struct addr *out);

/* sdpcap.c: the values of a=acap, a=pcfg and a=acfg that are ours; false for
 * all others. */
bool sdp_get_capability(struct sdp_text v, struct sdp_capability *out);
bool sdp_get_config(struct sdp_text v, struct sdp_config *out);
bool sdp_get_chosen(struct sdp_text v, struct sdp_config *out);
void sdp_put_capabilities(struct buf *out, const struct sdp_also *a,
			  const char *eol);
void sdp_put_configs(struct buf *out, const struct sdp_also *a,
		     const char *eol);
void sdp_put_chosen(struct buf *out, const struct sdp_config *c,
		    const char *eol);

#endif
