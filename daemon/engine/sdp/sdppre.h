/* sdppre.h - security preconditions in SDP (RFC 3312, 4032, 5027): the lines
 * of each m= line, and the tables by which two sides come to one view of them.
 * The type is "sec", the status "e2e" (RFC 5027 section 3). Pure; any thread.
 */
#ifndef CALLSEAL_SDPPRE_H
#define CALLSEAL_SDPPRE_H

#include "daemon/engine/sdp/sdp.h"

/* Directions as whoever wrote them sees them; a bit each. */
#define SDP_PRE_SEND 1u
#define SDP_PRE_RECV 2u
#define SDP_PRE_BOTH (SDP_PRE_SEND | SDP_PRE_RECV)

enum sdp_strength { SDP_STRENGTH_NONE, SDP_STRENGTH_OPTIONAL,
		    SDP_STRENGTH_MANDATORY };

/* What one m= line says. */
struct sdp_pre {
	bool there;         /* it has curr and des of our type */
	unsigned current;   /* directions */
	unsigned confirm;   /* directions of a=conf; 0: none is wanted */
	enum sdp_strength desired[2]; /* [0] send, [1] recv */
	bool strange;       /* it must meet what we do not know (section 9) */
};

/* Of each m= line of a description that was read. E_FORMAT; *why is then
 * static text. */
int sdp_pre_read(const struct sdp *s, struct sdp_pre out[static SDP_LINES_MAX],
		 const char **why);
/* Whether an attribute is one of a=curr, a=des, a=conf, of any type. */
bool sdp_pre_is(struct sdp_text name);
/* Appends the lines of section 5.1.1, each with eol; out->err tells. Both
 * directions are desired as mandatory. */
void sdp_pre_write(unsigned current, unsigned confirm, const char *eol,
		   struct buf *out);
/* Appends what a 580 says of a description (section 8): no line is taken, and
 * which precondition of each but that of IKE (RFC 6193) was not met, or, of
 * another type, is not known (section 9). */
int sdp_pre_refuse(const struct sdp *s, struct buf *out);

/* The local status table of one m= line (section 5); all zero: nothing is met,
 * nothing was said. Directions are our own. */
struct sdp_status {
	unsigned current; /* directions with "yes" */
	unsigned confirm; /* those that the far end wants to hear of */
	unsigned told;    /* those that it knows to be "yes" */
	bool agreed;      /* the far end spoke of it */
};

/* Takes what the far end wrote, as its offer or its answer; known are the
 * directions that we know by ourselves to be as have says (local
 * information). */
void sdp_status_take(struct sdp_status *s, const struct sdp_pre *theirs,
		     bool answer, unsigned known, unsigned have);
/* We know it by ourselves now. */
void sdp_status_have(struct sdp_status *s, unsigned have);
bool sdp_status_met(const struct sdp_status *s);
/* Whether an offer with the news is due (section 7): it was asked for, and all
 * of it is met, or the far end does not know that all is. */
bool sdp_status_due(const struct sdp_status *s);

#endif
