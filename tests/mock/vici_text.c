/* vici_text.c - VICI messages as lines of text. See vici_text.h. */
#include "tests/mock/vici_text.h"

#include "daemon/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 4096

/* The next word; false at the end or when it is too long. */
static bool word(const char **p, char out[static WORD_MAX])
{
	size_t n;

	*p += strspn(*p, " \t\n");
	n = strcspn(*p, " \t\n");
	if (!n || n >= WORD_MAX)
		return false;
	memcpy(out, *p, n);
	out[n] = 0;
	*p += n;
	return true;
}

/* "0x..." to octets in place. */
static size_t unhex(char *value)
{
	size_t n = strlen(value) / 2 - 1;
	unsigned octet;

	if (strncmp(value, "0x", 2))
		return strlen(value);
	for (size_t i = 0; i < n; i++) {
		if (sscanf(value + 2 + 2 * i, "%2x", &octet) != 1)
			return 0;
		value[i] = (char)octet;
	}
	return n;
}

static int element(struct vici_writer *w, const char **p, char *name)
{
	static char value[WORD_MAX], sign[WORD_MAX];

	if (!strcmp(name, "}")) {
		vici_section_end(w);
	} else if (!strcmp(name, "]")) {
		vici_list_end(w);
	} else if (w->list) {
		vici_item(w, name, unhex(name));
	} else if (!word(p, sign)) {
		return E_FORMAT;
	} else if (!strcmp(sign, "{")) {
		vici_section(w, name);
	} else if (!strcmp(sign, "[")) {
		vici_list(w, name);
	} else if (!strcmp(sign, "=") && word(p, value)) {
		vici_key(w, name, value, unhex(value));
	} else {
		return E_FORMAT;
	}
	return 0;
}

int vici_from_text(struct buf *out, const char *text)
{
	struct vici_writer w = vici_writer_of(out);
	static char name[WORD_MAX];
	int r = 0;

	while (!r && word(&text, name))
		r = element(&w, &text, name);
	if (!r && text[strspn(text, " \t\n")])
		r = E_FORMAT;
	return r ? r : vici_finish(&w);
}

static void put_value(struct buf *out, struct vici_text t)
{
	bool plain = vici_name_ok(t.p, t.len) && !memchr(t.p, ' ', t.len) &&
		     strncmp(t.p, "0x", 2);

	if (plain) {
		buf_put(out, t.p, t.len);
		return;
	}
	buf_text(out, "0x");
	for (size_t i = 0; i < t.len; i++)
		buf_printf(out, "%02x", (uint8_t)t.p[i]);
}

const char *vici_to_text(struct buf *out, const void *message, size_t len)
{
	static const char *const signs[VICI_TYPES] = {
		[VICI_SECTION] = " {", [VICI_SECTION_END] = "}",
		[VICI_KEY] = " = ", [VICI_LIST] = " [", [VICI_LIST_END] = "]",
		[VICI_ITEM] = "",
	};
	struct vici_reader r = vici_reader_of(message, len);
	struct vici_element e;

	buf_clear(out);
	while (!vici_next(&r, &e) && e.type != VICI_END) {
		if (out->len)
			buf_text(out, " ");
		buf_put(out, e.name.p, e.name.len);
		buf_text(out, signs[e.type]);
		if (e.type == VICI_KEY || e.type == VICI_ITEM)
			put_value(out, e.value);
	}
	return buf_string(out);
}
