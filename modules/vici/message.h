/* message.h - VICI messages: what strongSwan's control protocol carries in its
 * packets (packet.h). A message is a tree of named sections with keys and
 * lists in them, sent as a flat run of elements; values are plain bytes.
 *
 * Pure functions: no socket, no clock, and nothing is allocated when reading.
 * A writer and a reader remember their first failure (see buf.h). */
#ifndef CALLSEAL_VICI_MESSAGE_H
#define CALLSEAL_VICI_MESSAGE_H

#include "daemon/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VICI_NAME_MAX 255            /* bytes of a name */
#define VICI_VALUE_MAX 65535         /* bytes of a value */
#define VICI_DEPTH_MAX 16            /* open sections; strongSwan needs 5 */
#define VICI_PACKET_MAX (512 * 1024) /* bytes; strongSwan closes past that */

/* Bytes of a message, borrowed: no NUL behind them, and a value may hold any
 * byte. */
struct vici_text {
	const char *p;
	size_t len;
};

bool vici_text_is(struct vici_text t, const char *s);
/* Nothing but digits of that base (10 or 16), at most max. E_FORMAT. */
int vici_text_u64(struct vici_text t, unsigned base, uint64_t max,
		  uint64_t *out);

enum vici_type {
	VICI_END, /* of the message; never on the wire */
	VICI_SECTION,
	VICI_SECTION_END,
	VICI_KEY,
	VICI_LIST,
	VICI_ITEM,
	VICI_LIST_END,
	VICI_TYPES
};

struct vici_element {
	enum vici_type type;
	struct vici_text name;  /* SECTION, KEY, LIST; see vici_name_read() */
	struct vici_text value; /* KEY, ITEM */
};

/* Reads from borrowed bytes. A copy of it reads on by itself. */
struct vici_reader {
	struct reader in;
	unsigned depth; /* sections that are open */
	bool list;      /* inside one */
	int err;
};

struct vici_reader vici_reader_of(const void *message, size_t len);
/* The next element; VICI_END, as often as asked, when all was read and is
 * closed. E_FORMAT for what is malformed, not balanced or too deep, then and
 * ever after. */
int vici_next(struct vici_reader *r, struct vici_element *out);
/* Behind a SECTION or LIST that vici_next() has just given: goes behind its
 * end. */
int vici_skip(struct vici_reader *r);
/* Whether the whole message is well-formed: 0 or E_FORMAT. */
int vici_check(const void *message, size_t len);

/* Writes behind what is in out, which is borrowed. E_ARG for a name that is
 * empty, too long or not printable (strongSwan never answers a request with
 * such a one), for what is not balanced and for too long values. */
struct vici_writer {
	struct buf *out;
	unsigned depth;
	bool list;
	int err;
};

struct vici_writer vici_writer_of(struct buf *out);
void vici_section(struct vici_writer *w, const char *name);
void vici_section_end(struct vici_writer *w);
void vici_key(struct vici_writer *w, const char *name, const void *value,
	      size_t len);
void vici_key_text(struct vici_writer *w, const char *name, const char *value);
void vici_key_number(struct vici_writer *w, const char *name, int64_t value);
void vici_list(struct vici_writer *w, const char *name);
void vici_item(struct vici_writer *w, const void *value, size_t len);
void vici_list_end(struct vici_writer *w);
/* A list of one text. */
void vici_list_of(struct vici_writer *w, const char *name, const char *item);
/* 0 if all was written and is closed; else the first failure. */
int vici_finish(const struct vici_writer *w);

/* What is written: 1 to VICI_NAME_MAX printable characters of ASCII. */
bool vici_name_ok(const char *name, size_t len);
/* What is read may have other letters, since somebody else names his
 * connections, but no control characters and not nothing. */
bool vici_name_read(struct vici_text name);

#endif
