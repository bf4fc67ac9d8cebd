/* field.c - the header fields of a MIME entity. See field.h.
 *
 * Strict where two readers could differ: lines end in CRLF, a field or a
 * parameter stands there once, no control characters, no comments in
 * parentheses (RFC 822 has them, SIP's grammar of Content-Type has none). One
 * liberty: a value without quotes may hold "=", "/", "?" and the like, as
 * boundaries of old programs do; it ends at ";" or white space all the same.
 * Not done: the parameter extensions of RFC 2231, whose names with "*" are
 * parameters like others here. */
#include "daemon/mime/field.h"

#include "daemon/base/err.h"

#include <string.h>
#include <strings.h>

#define FIELDS_MAX 32 /* lines of one entity's head, folded ones counted once */

struct mime_bytes mime_text(const char *s)
{
	return (struct mime_bytes){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

bool mime_is(struct mime_bytes a, const char *text)
{
	return a.len == strlen(text) &&
	       (!a.len || !strncasecmp((const char *)a.p, text, a.len));
}

/* -- characters ----------------------------------------------------------- */

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* RFC 2045 5.1: any CHAR but space, CTLs and tspecials. */
static bool is_token(uint8_t c)
{
	return c > 0x20 && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

/* What a value without quotes may hold here. */
static bool is_loose(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != ';' && c != '"' && c != '\\' &&
	       c != ',' && c != '(' && c != ')';
}

static void drop(struct mime_bytes *t, size_t n)
{
	if (n)
		t->p += n; /* which is NULL when it is absent */
	t->len -= n;
}

/* White space, folded lines too. */
static void skip_space(struct mime_bytes *t)
{
	for (;;) {
		if (t->len && is_space(*t->p))
			drop(t, 1);
		else if (t->len > 2 && t->p[0] == '\r' && t->p[1] == '\n' &&
			 is_space(t->p[2]))
			drop(t, 3);
		else
			return;
	}
}

static struct mime_bytes take(struct mime_bytes *t, bool (*of)(uint8_t))
{
	struct mime_bytes word = { t->p, 0 };

	while (word.len < t->len && of(t->p[word.len]))
		word.len++;
	drop(t, word.len);
	return word;
}

static bool take_char(struct mime_bytes *t, uint8_t c)
{
	if (!t->len || *t->p != c)
		return false;
	drop(t, 1);
	return true;
}

/* From quote to quote, both included; empty when there is no end. */
static struct mime_bytes take_quoted(struct mime_bytes *t)
{
	struct mime_bytes word = { t->p, 0 };
	size_t n = 1;

	for (; n < t->len && t->p[n] != '"'; n++) {
		if (t->p[n] == '\\')
			n++;
		if (n >= t->len || t->p[n] < 0x20 || t->p[n] == 0x7f)
			return word;
	}
	if (n >= t->len)
		return word;
	word.len = n + 1;
	drop(t, word.len);
	return word;
}

/* -- the lines ------------------------------------------------------------ */

static size_t line_end(struct mime_bytes t)
{
	const uint8_t *lf = t.len ? memchr(t.p, '\n', t.len) : NULL;

	return lf ? (size_t)(lf - t.p) + 1 : 0;
}

/* One line, and those folded into it, without the last CRLF. */
static int take_line(struct mime_bytes *rest, struct mime_bytes *line)
{
	size_t n = 0, more;

	do {
		more = line_end((struct mime_bytes){ rest->p + n,
						     rest->len - n });
		if (more < 2 || rest->p[n + more - 2] != '\r')
			return E_FORMAT;
		n += more;
	} while (n < rest->len && is_space(rest->p[n]));
	*line = (struct mime_bytes){ rest->p, n - 2 };
	drop(rest, n);
	return 0;
}

static struct mime_bytes trim(struct mime_bytes t)
{
	skip_space(&t);
	while (t.len && strchr(" \t\r\n", t.p[t.len - 1]))
		t.len--;
	return t;
}

/* NUL, and a CR or LF that does not fold, are nowhere. */
static bool is_clean(struct mime_bytes t)
{
	for (size_t i = 0; i < t.len; i++) {
		if (t.p[i] == '\r' && i + 2 < t.len && t.p[i + 1] == '\n' &&
		    is_space(t.p[i + 2]))
			i++;
		else if ((t.p[i] < 0x20 && t.p[i] != '\t') || t.p[i] == 0x7f)
			return false;
	}
	return true;
}

static int read_field(struct mime_bytes line, struct mime_fields *out)
{
	const struct {
		const char *name;
		struct mime_bytes *value;
	} known[] = {
		{ "Content-Type", &out->type },
		{ "Content-Disposition", &out->disposition },
		{ "Content-Transfer-Encoding", &out->transfer },
		{ "Content-ID", &out->id },
	};
	struct mime_bytes name = take(&line, is_token);

	skip_space(&line);
	if (!name.len || !take_char(&line, ':') || !is_clean(line))
		return E_FORMAT;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!mime_is(name, known[i].name))
			continue;
		if (known[i].value->p)
			return E_FORMAT;
		*known[i].value = trim(line);
		if (!known[i].value->len)
			return E_FORMAT;
	}
	return 0;
}

int mime_fields_read(struct mime_bytes head, struct mime_fields *out)
{
	struct mime_fields f = { .type = { NULL, 0 } };
	struct mime_bytes line;
	int r = 0;

	if (head.len > MIME_HEAD_MAX)
		return E_SPACE;
	for (size_t n = 0; head.len && !r; n++) {
		if (n == FIELDS_MAX)
			return E_SPACE;
		r = take_line(&head, &line);
		if (!r)
			r = read_field(line, &f);
	}
	if (!r)
		*out = f;
	return r;
}

int mime_field_find(struct mime_bytes head, const char *name,
		    struct mime_bytes *value)
{
	struct mime_bytes line, own, found = { NULL, 0 };

	while (head.len) {
		if (take_line(&head, &line))
			return E_FORMAT;
		own = take(&line, is_token);
		skip_space(&line);
		if (!mime_is(own, name) || !take_char(&line, ':'))
			continue;
		if (found.p || !is_clean(line))
			return E_FORMAT;
		found = trim(line);
	}
	if (!found.p)
		return E_NOTFOUND;
	*value = found;
	return 0;
}

/* -- parameters ----------------------------------------------------------- */

/* ";" name "=" value. E_NOTFOUND at the end. */
static int next_param(struct mime_bytes *t, struct mime_bytes *name,
		      struct mime_bytes *value)
{
	skip_space(t);
	if (!t->len)
		return E_NOTFOUND;
	if (!take_char(t, ';'))
		return E_FORMAT;
	skip_space(t);
	if (!t->len) /* "a/b;" is common */
		return E_NOTFOUND;
	*name = take(t, is_token);
	skip_space(t);
	if (!name->len || !take_char(t, '='))
		return E_FORMAT;
	skip_space(t);
	*value = t->len && *t->p == '"' ? take_quoted(t) : take(t, is_loose);
	return value->len ? 0 : E_FORMAT;
}

static bool same(struct mime_bytes a, struct mime_bytes b)
{
	return a.len == b.len &&
	       !strncasecmp((const char *)a.p, (const char *)b.p, a.len);
}

/* Well-formed, each name once. */
static int check_params(struct mime_bytes params)
{
	struct mime_bytes left = params, name, value, other;
	int r, again;

	while (!(r = next_param(&left, &name, &value))) {
		struct mime_bytes behind = left;

		while (!(again = next_param(&behind, &other, &value)))
			if (same(name, other))
				return E_FORMAT;
		if (again != E_NOTFOUND)
			return again;
	}
	return r == E_NOTFOUND ? 0 : r;
}

static int copy_value(struct mime_bytes v, char *out, size_t size)
{
	bool quoted = *v.p == '"';
	size_t n = 0, end = quoted ? v.len - 1 : v.len;

	for (size_t i = quoted; i < end; i++) {
		if (quoted && v.p[i] == '\\')
			i++;
		if (n + 1 >= size)
			return E_SPACE;
		out[n++] = (char)v.p[i];
	}
	out[n] = 0;
	return 0;
}

int mime_param(struct mime_bytes params, const char *name, char *out,
	       size_t size)
{
	struct mime_bytes own, value;
	int r;

	while (!(r = next_param(&params, &own, &value)))
		if (mime_is(own, name))
			return copy_value(value, out, size);
	return r;
}

/* -- the fields ----------------------------------------------------------- */

int mime_type_read(struct mime_bytes value, struct mime_type *out)
{
	struct mime_type t;

	skip_space(&value);
	t.type = take(&value, is_token);
	if (!t.type.len || !take_char(&value, '/'))
		return E_FORMAT;
	t.subtype = take(&value, is_token);
	if (!t.subtype.len)
		return E_FORMAT;
	t.params = value;
	if (check_params(t.params))
		return E_FORMAT;
	*out = t;
	return 0;
}

bool mime_type_is(const struct mime_type *t, const char *name)
{
	const char *slash = strchr(name, '/');

	return slash && t->type.len == (size_t)(slash - name) &&
	       !strncasecmp((const char *)t->type.p, name, t->type.len) &&
	       (!strcmp(slash, "/*") || mime_is(t->subtype, slash + 1));
}

int mime_disposition_read(struct mime_bytes value,
			  struct mime_disposition *out)
{
	struct mime_disposition d = { .required = true };
	char handling[16];
	int r;

	if (!value.len) {
		*out = d;
		return 0;
	}
	skip_space(&value);
	d.type = take(&value, is_token);
	if (!d.type.len || check_params(value))
		return E_FORMAT;
	r = mime_param(value, "handling", handling, sizeof handling);
	if (!r && !strcasecmp(handling, "optional"))
		d.required = false; /* all else, also what is unknown, binds */
	*out = d;
	return 0;
}

int mime_transfer_read(struct mime_bytes value, enum mime_transfer *out)
{
	static const struct {
		const char *name;
		enum mime_transfer transfer;
	} known[] = {
		{ "binary", MIME_IDENTITY }, { "8bit", MIME_IDENTITY },
		{ "7bit", MIME_IDENTITY }, { "base64", MIME_BASE64 },
	};
	struct mime_bytes word, rest = value;

	skip_space(&rest);
	word = take(&rest, is_token);
	skip_space(&rest);
	if (rest.len || (value.len && !word.len))
		return E_FORMAT;
	*out = value.len ? MIME_FOREIGN : MIME_IDENTITY;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (mime_is(word, known[i].name))
			*out = known[i].transfer;
	return 0;
}
