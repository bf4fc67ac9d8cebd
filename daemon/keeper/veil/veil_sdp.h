/* veil_sdp.h - the keys of a whole description veiled and shown: the values of
 * a=crypto (RFC 4568), and k=clear: (clear.h), which the engine knows as an
 * a=crypto, too. */
#ifndef CALLSEAL_KEEPER_VEIL_SDP_H
#define CALLSEAL_KEEPER_VEIL_SDP_H

#include "daemon/keeper/veil/veil.h"

/* Appends sdp, of which no key is left. A k=clear: that is for lines without an
 * a=crypto becomes one of theirs if clear says so; all other k= lines are left
 * out. E_FORMAT: clear, and a k= of another form; E_SPACE, E_INTERNAL. */
int veil_sdp_hide(const struct veil *v, const struct veil_for *f, bool clear,
		  struct mime_bytes sdp, struct buf *out);
/* Appends sdp with its veiled values as they were. E_AUTH: a value that is not
 * veiled, is not ours, or is for somebody else; E_FORMAT. */
int veil_sdp_show(const struct veil *v, struct veil_for *f,
		  struct mime_bytes sdp, struct buf *out);

#endif
