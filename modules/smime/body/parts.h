/* parts.h - which parts of what was sealed count: a description, or words, and
 * beside it the fragment that binds it (RFC 3893). Private to the module. */
#ifndef CALLSEAL_SMIME_PARTS_H
#define CALLSEAL_SMIME_PARTS_H

#include "daemon/keeper/bodies.h"
#include "daemon/mime/tree.h"
#include "modules/smime/fault.h"

/* The parts that count: one SDP, at most one fragment. bare: SDP may not be
 * there. */
int body_pick(const struct mime *m, bool bare, struct buf *sdp,
	      struct buf *frag, struct smime_fault *f);
/* Words, with the headers about them. bound: they have a fragment beside them,
 * and nothing else; bare: or that is alone. */
int body_pick_words(const struct mime *m, bool bound, bool bare,
		    struct bodies_opened *out, struct buf *frag,
		    struct smime_fault *f);

#endif
