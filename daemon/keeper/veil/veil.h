/* veil.h - keys that stand in a description (a=crypto, k=) on their way through
 * the engine: the keeper encrypts each of their values for itself, so that
 * nobody else reads or makes one, and takes the veil off again where the value
 * goes into a sealed body or into an exchange of keys.
 *
 * A veiled value is a text, "veiled:" and hexadecimal digits. It is the same
 * for the same value, as a repeated answer must be (AES-SIV, RFC 5297). It is
 * bound to whom it is for, so that the key of one call gets into no other's
 * body, and to whose it is: a far end's does not come back as ours. No state
 * but the key, which dies with the keeper. */
#ifndef CALLSEAL_KEEPER_VEIL_H
#define CALLSEAL_KEEPER_VEIL_H

#include "daemon/base/buf.h"
#include "daemon/mime/field.h"

#include <stdbool.h>
#include <stdint.h>

struct veil {
	uint8_t key[64]; /* secret */
};

enum veil_whose { VEIL_OURS, VEIL_THEIRS };

struct veil_for {
	uint8_t name[32]; /* veil_name() */
	enum veil_whose whose;
	uint8_t note; /* what is known of its sender, as the user has it */
};

/* E_INTERNAL. */
int veil_draw(struct veil *v);
/* Of a call with a far end, by the peer it falls to. E_INTERNAL. */
int veil_name(uint64_t call, const char *peer, const char *remote_id,
	      uint8_t out[static 32]);
/* By its outer form alone. */
bool veil_is(struct mime_bytes value);
/* Appends the veiled value. Failures of memory stay in out; E_INTERNAL. */
int veil_hide(const struct veil *v, const struct veil_for *f,
	      struct mime_bytes value, struct buf *out);
/* Appends the value, and sets f->note. E_AUTH: not of this keeper's making, or
 * for somebody else; E_FORMAT. */
int veil_show(const struct veil *v, struct veil_for *f,
	      struct mime_bytes veiled, struct buf *out);
/* The same for values one a line (LF between them), as SDES has them. The note
 * is that of the last. */
int veil_hide_lines(const struct veil *v, const struct veil_for *f,
		    struct mime_bytes values, struct buf *out);
int veil_show_lines(const struct veil *v, struct veil_for *f,
		    struct mime_bytes veiled, struct buf *out);

#endif
