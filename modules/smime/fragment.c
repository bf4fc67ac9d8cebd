/* fragment.c - the headers of a SIP message or of a piece of one. See
 * fragment.h. */
#include "config.h" /* memmem() */

#include "modules/smime/fragment.h"

#include "daemon/base/err.h"

#include <string.h>
#include <strings.h>

#define N(a) (sizeof(a) / sizeof *(a))

/* RFC 3261 7.3.3 and 20, RFC 4916's and others' have none. */
static const struct compact {
	char letter;
	const char *name;
} compacts[] = {
	{ 'c', "Content-Type" }, { 'e', "Content-Encoding" }, { 'f', "From" },
	{ 'i', "Call-ID" }, { 'k', "Supported" }, { 'l', "Content-Length" },
	{ 'm', "Contact" }, { 's', "Subject" }, { 't', "To" }, { 'v', "Via" },
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || (c && strchr("-.!%*_+`'~", c));
}

static struct mime_bytes name_of(struct mime_bytes t)
{
	for (size_t i = 0; t.len == 1 && i < N(compacts); i++)
		if ((*t.p | 0x20) == compacts[i].letter)
			return mime_text(compacts[i].name);
	return t;
}

static void drop(struct mime_bytes *t, size_t n)
{
	t->p += n;
	t->len -= n;
}

/* One line and those folded into it, without the last CRLF. */
static int take_line(struct mime_bytes *rest, struct mime_bytes *line)
{
	const uint8_t *end;
	size_t n = 0;

	do {
		end = memmem(rest->p + n, rest->len - n, "\r\n", 2);
		n = end ? (size_t)(end - rest->p) + 2 : rest->len;
	} while (end && n < rest->len && is_space(rest->p[n]) && n > 2);
	*line = (struct mime_bytes){ rest->p, end ? n - 2 : n };
	drop(rest, n);
	for (size_t i = 0; i < line->len; i++) {
		uint8_t c = line->p[i];
		bool fold = i + 2 < line->len && c == '\r' &&
			    line->p[i + 1] == '\n';

		if (fold)
			i++;
		else if ((c < 0x20 && c != '\t') || c == 0x7f)
			return E_FORMAT;
	}
	return 0;
}

static struct mime_bytes trim(struct mime_bytes t)
{
	while (t.len && strchr(" \t\r\n", *t.p))
		drop(&t, 1);
	while (t.len && strchr(" \t\r\n", t.p[t.len - 1]))
		t.len--;
	return t;
}

/* E_NOTFOUND: it has no colon behind a name, so it may be the first line. */
static int read_field(struct mime_bytes line, struct smime_field *out)
{
	size_t n = 0, at;

	while (n < line.len && is_token(line.p[n]))
		n++;
	for (at = n; at < line.len && is_space(line.p[at]); at++)
		;
	if (!n || at >= line.len || line.p[at] != ':')
		return E_NOTFOUND;
	out->name = name_of((struct mime_bytes){ line.p, n });
	out->value = trim((struct mime_bytes){ line.p + at + 1,
					       line.len - at - 1 });
	return 0;
}

static int read_lines(struct mime_bytes text, struct smime_fragment *f)
{
	struct mime_bytes line;
	int r = 0;

	for (size_t i = 0; text.len && !r; i++) {
		r = take_line(&text, &line);
		if (r || !line.len)
			break;
		if (f->n == SMIME_FIELDS)
			return E_SPACE;
		r = read_field(line, &f->field[f->n]);
		f->n += !r;
		if (r && !i) {
			f->start = line;
			r = 0;
		}
	}
	f->body = text;
	return r;
}

int smime_fragment_read(struct mime_bytes text, bool whole,
			struct smime_fragment *out, struct smime_fault *why)
{
	int r;

	out->n = 0;
	out->start = out->body = (struct mime_bytes){ NULL, 0 };
	r = read_lines(text, out);
	if (!r && ((whole && !out->start.len) || !out->n))
		r = E_FORMAT;
	if (!r)
		return 0;
	out->n = 0;
	return smime_fault(why, r == E_SPACE ? SMIME_TOO_LARGE
					     : SMIME_MALFORMED,
			   "the SIP message within cannot be read");
}

struct mime_bytes smime_fragment_get(const struct smime_fragment *f,
				     const char *name, size_t nth)
{
	for (size_t i = 0; i < f->n; i++)
		if (mime_is(f->field[i].name, name) && !nth--)
			return f->field[i].value;
	return (struct mime_bytes){ NULL, 0 };
}

/* -- values --------------------------------------------------------------- */

/* The next character, white space of any length as one space; 0 at the end. */
static uint8_t next(struct mime_bytes *t)
{
	uint8_t c;

	if (!t->len)
		return 0;
	c = *t->p;
	drop(t, 1);
	if (!strchr(" \t\r\n", c))
		return c;
	while (t->len && strchr(" \t\r\n", *t->p))
		drop(t, 1);
	return ' ';
}

bool smime_is_status(struct mime_bytes start)
{
	static const char version[] = "SIP/2.0 ";
	size_t n = sizeof version - 1;

	return start.len >= n && !memcmp(start.p, version, n);
}

bool smime_same_value(struct mime_bytes a, struct mime_bytes b)
{
	uint8_t c;

	if (!a.p != !b.p)
		return false;
	do {
		c = next(&a);
		if (c != next(&b))
			return false;
	} while (c);
	return true;
}

/* Behind a display name between quotes. */
static int skip_quoted(struct mime_bytes *t)
{
	size_t i = 1;

	if (!t->len || *t->p != '"')
		return 0;
	for (; i < t->len && t->p[i] != '"'; i++)
		if (t->p[i] == '\\')
			i++;
	if (i >= t->len)
		return E_FORMAT;
	drop(t, i + 1);
	return 0;
}

static const uint8_t *find(struct mime_bytes t, uint8_t c)
{
	return t.len ? memchr(t.p, c, t.len) : NULL;
}

/* ";tag=value" among the parameters. */
static int find_tag(struct mime_bytes t, struct mime_bytes *tag)
{
	*tag = (struct mime_bytes){ NULL, 0 };
	while (t.len) {
		const uint8_t *end;
		struct mime_bytes one;

		if (*t.p != ';')
			return E_FORMAT;
		drop(&t, 1);
		end = find(t, ';');
		one.p = t.p;
		one.len = end ? (size_t)(end - t.p) : t.len;
		drop(&t, one.len);
		one = trim(one);
		if (one.len < 4 || strncasecmp((const char *)one.p, "tag", 3))
			continue;
		drop(&one, 3);
		one = trim(one);
		if (!one.len || *one.p != '=')
			continue;
		drop(&one, 1);
		if (tag->p)
			return E_FORMAT;
		*tag = trim(one);
	}
	return 0;
}

int smime_address_read(struct mime_bytes value, struct mime_bytes *uri,
		       struct mime_bytes *tag)
{
	struct mime_bytes t = trim(value);
	const uint8_t *open, *end;

	if (!t.len || skip_quoted(&t))
		return E_FORMAT;
	open = find(t, '<');
	if (open) {
		drop(&t, (size_t)(open - t.p) + 1);
		end = find(t, '>');
		if (!end)
			return E_FORMAT;
	} else {
		end = find(t, ';');
		end = end ? end : t.p + t.len;
	}
	*uri = trim((struct mime_bytes){ t.p, (size_t)(end - t.p) });
	drop(&t, (size_t)(end - t.p) + (open ? 1 : 0));
	return uri->len ? find_tag(trim(t), tag) : E_FORMAT;
}
