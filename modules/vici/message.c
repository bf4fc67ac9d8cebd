/* message.c - VICI messages. See message.h.
 *
 * An element is a type octet, then for some a name (one octet of length) and
 * for some a value (two octets, big-endian). One table says which; reader and
 * writer keep the same two facts, how many sections are open and whether a
 * list is, and refuse what does not fit them. Keys of one section should have
 * different names: whoever looks for a key checks that (fields.c). */
#include "modules/vici/message.h"

#include "daemon/base/err.h"
#include "daemon/base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	bool name, value;
	bool in_list; /* stands in lists, and only there */
} kinds[VICI_TYPES] = {
	[VICI_SECTION] = { .name = true },
	[VICI_KEY] = { .name = true, .value = true },
	[VICI_LIST] = { .name = true },
	[VICI_ITEM] = { .value = true, .in_list = true },
	[VICI_LIST_END] = { .in_list = true },
};

bool vici_text_is(struct vici_text t, const char *s)
{
	return t.len == strlen(s) && !memcmp(t.p, s, t.len);
}

int vici_text_u64(struct vici_text t, unsigned base, uint64_t max,
		  uint64_t *out)
{
	uint64_t v = 0;
	int d;

	if (!t.len)
		return E_FORMAT;
	for (size_t i = 0; i < t.len; i++) {
		d = hex_digit(t.p[i]);
		if (d < 0 || (unsigned)d >= base || (unsigned)d > max ||
		    v > (max - (unsigned)d) / base)
			return E_FORMAT;
		v = v * base + (unsigned)d;
	}
	*out = v;
	return 0;
}

bool vici_name_ok(const char *name, size_t len)
{
	if (!len || len > VICI_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			return false;
	return true;
}

bool vici_name_read(struct vici_text name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((uint8_t)name.p[i] < 0x20 || name.p[i] == 0x7f)
			return false;
	return name.len > 0;
}

/* What an element does to depth and list; false when it may not stand here. */
static bool account(enum vici_type type, unsigned *depth, bool *list)
{
	if (kinds[type].in_list != *list)
		return false;
	if (type == VICI_LIST || type == VICI_LIST_END)
		*list = type == VICI_LIST;
	if (type == VICI_SECTION)
		return (*depth)++ < VICI_DEPTH_MAX;
	if (type == VICI_SECTION_END && !*depth)
		return false;
	*depth -= type == VICI_SECTION_END;
	return true;
}

/* -- reading --------------------------------------------------------------- */

struct vici_reader vici_reader_of(const void *message, size_t len)
{
	return (struct vici_reader){ .in = reader_of(message, len) };
}

static int fail(struct vici_reader *r)
{
	r->err = E_FORMAT;
	return E_FORMAT;
}

static struct vici_text read_text(struct reader *in, size_t len)
{
	return (struct vici_text){ (const char *)reader_bytes(in, len), len };
}

int vici_next(struct vici_reader *r, struct vici_element *out)
{
	struct vici_element e = { VICI_END, { "", 0 }, { "", 0 } };

	if (r->err)
		return r->err;
	if (!r->in.len) {
		if (r->depth || r->list)
			return fail(r);
		*out = e;
		return 0;
	}
	e.type = reader_u8(&r->in);
	if (e.type == VICI_END || e.type >= VICI_TYPES ||
	    !account(e.type, &r->depth, &r->list))
		return fail(r);
	if (kinds[e.type].name)
		e.name = read_text(&r->in, reader_u8(&r->in));
	if (kinds[e.type].value)
		e.value = read_text(&r->in, reader_u16(&r->in));
	if (r->in.err || (kinds[e.type].name && !vici_name_read(e.name)))
		return fail(r);
	*out = e;
	return 0;
}

int vici_skip(struct vici_reader *r)
{
	unsigned outside = r->list ? r->depth : r->depth - 1;
	struct vici_element e = { 0 };
	int x = r->err;

	while (!x && (r->list || r->depth > outside))
		x = vici_next(r, &e);
	return x;
}

int vici_check(const void *message, size_t len)
{
	struct vici_reader r = vici_reader_of(message, len);
	struct vici_element e;
	int x;

	do
		x = vici_next(&r, &e);
	while (!x && e.type != VICI_END);
	return x;
}

/* -- writing --------------------------------------------------------------- */

struct vici_writer vici_writer_of(struct buf *out)
{
	return (struct vici_writer){ .out = out };
}

static void put(struct vici_writer *w, enum vici_type type, const char *name,
		const void *value, size_t len)
{
	size_t name_len = name ? strlen(name) : 0;

	if (w->err)
		return;
	if (!account(type, &w->depth, &w->list) || len > VICI_VALUE_MAX ||
	    (name && !vici_name_ok(name, name_len))) {
		w->err = E_ARG;
		return;
	}
	buf_u8(w->out, (uint8_t)type);
	if (name) {
		buf_u8(w->out, (uint8_t)name_len);
		buf_put(w->out, name, name_len);
	}
	if (kinds[type].value) {
		buf_u16(w->out, (uint16_t)len);
		buf_put(w->out, value, len);
	}
	w->err = w->out->err;
}

void vici_section(struct vici_writer *w, const char *name)
{
	put(w, VICI_SECTION, name, NULL, 0);
}

void vici_section_end(struct vici_writer *w)
{
	put(w, VICI_SECTION_END, NULL, NULL, 0);
}

void vici_key(struct vici_writer *w, const char *name, const void *value,
	      size_t len)
{
	put(w, VICI_KEY, name, value, len);
}

void vici_key_text(struct vici_writer *w, const char *name, const char *value)
{
	put(w, VICI_KEY, name, value, strlen(value));
}

void vici_key_number(struct vici_writer *w, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, value);
	vici_key_text(w, name, text);
}

void vici_list(struct vici_writer *w, const char *name)
{
	put(w, VICI_LIST, name, NULL, 0);
}

void vici_item(struct vici_writer *w, const void *value, size_t len)
{
	put(w, VICI_ITEM, NULL, value, len);
}

void vici_list_end(struct vici_writer *w)
{
	put(w, VICI_LIST_END, NULL, NULL, 0);
}

void vici_list_of(struct vici_writer *w, const char *name, const char *item)
{
	vici_list(w, name);
	vici_item(w, item, strlen(item));
	vici_list_end(w);
}

int vici_finish(const struct vici_writer *w)
{
	if (w->err)
		return w->err;
	return w->depth || w->list ? E_ARG : 0;
}
