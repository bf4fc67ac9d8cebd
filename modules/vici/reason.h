/* reason.h - why charon raised no tunnel: what a line of its log says, which
 * VICI has as the event "log". charon has no other way to tell it.
 *
 * What a line is worth: charon wrote it, but of an exchange with somebody who
 * may not be proved yet. Texts for the operator hold none of the far end's
 * bytes. Pure functions. */
#ifndef CALLSEAL_VICI_REASON_H
#define CALLSEAL_VICI_REASON_H

#include "modules/vici/message.h"

#define VICI_LOG_EVENT "log"

/* Of an IKE_SA; texts are borrowed from the message. */
struct vici_line {
	struct vici_text conn; /* the configuration's name, if it is known */
	uint32_t ike_id;       /* charon's; other ends' lines have others */
	struct vici_text text;
};

/* E_NOTFOUND for a line that is of no IKE_SA, E_FORMAT. */
int vici_line_read(const void *message, size_t len, struct vici_line *out);

struct vici_reason {
	bool begins;  /* this end begins something in that IKE_SA */
	bool over;    /* what it began there will not come */
	bool check;   /* this end does not believe or want the other */
	unsigned weight; /* 0: no reason; the greatest of an attempt counts */
	const char *why; /* static, for the operator; NULL: no reason */
};

/* All false for a line that says nothing of the kind. */
struct vici_reason vici_reason_of(struct vici_text line);

#endif
