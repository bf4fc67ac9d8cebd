/* tree.c - a body taken apart into its parts. See tree.h.
 *
 * The parts lie in one array, level by level, so that the parts of one
 * multipart stand side by side and nothing recurses. A line that begins with
 * "--" and the boundary is a boundary; one that goes on after that with
 * anything but "--" and white space is malformed, since readers differ on it.
 * What stands before the first boundary and behind the last is passed over. */
#include "config.h" /* memmem() */

#include "daemon/mime/tree.h"

#include "daemon/base/err.h"
#include "daemon/mime/base64.h"

#include <string.h>

#define BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */

static const struct kind {
	const char *name;
	enum mime_multi multi;
} kinds[] = {
	{ "multipart/mixed", MIME_MIXED },
	{ "multipart/alternative", MIME_ALTERNATIVE },
	{ "multipart/digest", MIME_DIGEST },
	{ "multipart/parallel", MIME_PARALLEL },
	{ "multipart/related", MIME_RELATED },
	{ "multipart/signed", MIME_SIGNED },
	{ "multipart/encrypted", MIME_ENCRYPTED },
	{ "multipart/*", MIME_MIXED },
};

static enum mime_multi multi_of(const struct mime_type *t)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (mime_type_is(t, kinds[i].name))
			return kinds[i].multi;
	return MIME_SINGLE;
}

/* -- boundaries ----------------------------------------------------------- */

struct boundary {
	char text[2 + BOUNDARY_MAX + 1]; /* with its "--" */
	size_t len;
};

static int boundary_of(const struct mime_part *p, struct boundary *out)
{
	static const char also[] = "'()+_,-./:=? "; /* bcharsnospace, space */
	char *text = out->text + 2;
	size_t len;

	if (mime_param(p->type.params, "boundary", text, BOUNDARY_MAX + 1))
		return E_FORMAT;
	len = strlen(text);
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= '0' && text[i] <= '9') ||
		      (text[i] >= 'A' && text[i] <= 'Z') ||
		      (text[i] >= 'a' && text[i] <= 'z') ||
		      strchr(also, text[i])))
			return E_FORMAT;
	if (!len || text[len - 1] == ' ')
		return E_FORMAT;
	memcpy(out->text, "--", 2);
	out->len = len + 2;
	return 0;
}

/* A boundary's place: its line begins at from (its CRLF included, which
 * belongs to it) and what follows the line begins at to. */
struct mark {
	size_t from, to;
	bool last;
};

/* What is behind the boundary's text, on the same line. */
static int mark_end(struct mime_bytes body, size_t at, struct mark *m)
{
	m->last = body.len - at >= 2 && !memcmp(body.p + at, "--", 2);
	if (m->last)
		at += 2;
	while (at < body.len && (body.p[at] == ' ' || body.p[at] == '\t'))
		at++;
	if (body.len - at >= 2 && !memcmp(body.p + at, "\r\n", 2))
		m->to = at + 2;
	else if (m->last && at == body.len)
		m->to = at;
	else
		return E_FORMAT;
	return 0;
}

/* The next boundary whose line begins at "at", which is the beginning of a
 * line, or later. E_FORMAT: there is none. */
static int find_mark(struct mime_bytes body, size_t at,
		     const struct boundary *b, struct mark *m)
{
	const uint8_t *hit;

	for (size_t from = at; from < body.len; from = m->from + 1) {
		hit = memmem(body.p + from, body.len - from, b->text, b->len);
		if (!hit)
			return E_FORMAT;
		m->from = (size_t)(hit - body.p);
		if (m->from == at)
			return mark_end(body, at + b->len, m);
		if (m->from >= at + 2 && !memcmp(hit - 2, "\r\n", 2)) {
			m->from -= 2;
			return mark_end(body, m->from + 2 + b->len, m);
		}
	}
	return E_FORMAT;
}

/* -- one entity ----------------------------------------------------------- */

/* Head and body of an entity; one that begins with an empty line has no
 * fields. */
static int split_entity(struct mime_bytes raw, struct mime_bytes *head,
			struct mime_bytes *body)
{
	const uint8_t *end;

	if (raw.len >= 2 && !memcmp(raw.p, "\r\n", 2)) {
		*head = (struct mime_bytes){ raw.p, 0 };
		*body = (struct mime_bytes){ raw.p + 2, raw.len - 2 };
		return 0;
	}
	end = raw.len ? memmem(raw.p, raw.len, "\r\n\r\n", 4) : NULL;
	if (!end)
		return E_FORMAT;
	*head = (struct mime_bytes){ raw.p, (size_t)(end - raw.p) + 2 };
	*body = (struct mime_bytes){ end + 4, raw.len - head->len - 2 };
	return 0;
}

static int read_part(struct mime_part *p, const char *type)
{
	int r = mime_type_read(p->fields.type.len ? p->fields.type
						  : mime_text(type), &p->type);

	if (!r)
		r = mime_disposition_read(p->fields.disposition,
					  &p->disposition);
	if (!r)
		r = mime_transfer_read(p->fields.transfer, &p->transfer);
	if (r)
		return r;
	p->multi = multi_of(&p->type);
	if (p->multi && p->transfer != MIME_IDENTITY)
		return E_FORMAT; /* RFC 2045 6.4 */
	return 0;
}

static int read_raw(struct mime_part *p, const char *type)
{
	struct mime_bytes head;
	int r = split_entity(p->raw, &head, &p->body);

	if (!r)
		r = mime_fields_read(head, &p->fields);
	return r ? r : read_part(p, type);
}

/* -- the tree ------------------------------------------------------------- */

static int add_part(struct mime *m, size_t of, struct mime_bytes raw)
{
	struct mime_part *up = &m->part[of], *p;

	if (m->n == MIME_PARTS)
		return E_SPACE;
	p = &m->part[m->n++];
	*p = (struct mime_part){ .raw = raw, .depth = up->depth + 1 };
	up->n++;
	return read_raw(p, up->multi == MIME_DIGEST ? "message/rfc822"
						    : "text/plain");
}

static int split_part(struct mime *m, size_t of)
{
	struct mime_part *p = &m->part[of];
	struct mime_bytes raw;
	struct boundary b;
	struct mark at, next;
	int r;

	if (p->depth == MIME_DEPTH)
		return E_SPACE;
	p->first = m->n;
	r = boundary_of(p, &b);
	if (!r)
		r = find_mark(p->body, 0, &b, &at);
	if (!r && at.last)
		r = E_FORMAT; /* no part at all */
	while (!r && !at.last) {
		r = find_mark(p->body, at.to, &b, &next);
		if (r)
			break;
		raw.p = p->body.p + at.to;
		raw.len = next.from - at.to;
		r = add_part(m, of, raw);
		at = next;
	}
	if (!r && p->multi >= MIME_SIGNED && p->n != 2)
		r = E_FORMAT;
	return r;
}

static int split_all(struct mime *m)
{
	int r = 0;

	for (size_t i = 0; i < m->n && !r; i++)
		if (m->part[i].multi)
			r = split_part(m, i);
	if (r)
		m->n = 0;
	return r;
}

int mime_read(const struct mime_fields *outer, struct mime_bytes body,
	      struct mime *out)
{
	struct mime_part *root = &out->part[0];
	int r;

	out->n = 0;
	if (body.len > MIME_BODY_MAX)
		return E_SPACE;
	if (!outer->type.len)
		return E_FORMAT; /* RFC 3261 20.15 */
	*root = (struct mime_part){ .raw = body, .body = body,
				    .fields = *outer };
	r = read_part(root, NULL);
	if (r)
		return r;
	out->n = 1;
	return split_all(out);
}

int mime_read_entity(struct mime_bytes entity, struct mime *out)
{
	struct mime_part *root = &out->part[0];
	int r;

	out->n = 0;
	if (entity.len > MIME_BODY_MAX)
		return E_SPACE;
	*root = (struct mime_part){ .raw = entity };
	r = read_raw(root, "text/plain");
	if (r)
		return r;
	out->n = 1;
	return split_all(out);
}

bool mime_plain(const struct mime_part *p)
{
	return p->transfer == MIME_IDENTITY;
}

int mime_decode(const struct mime_part *p, struct buf *out)
{
	if (p->transfer == MIME_FOREIGN)
		return E_UNSUPPORTED;
	if (p->transfer == MIME_BASE64)
		return mime_base64_read(p->body, out);
	buf_put(out, p->body.p, p->body.len);
	return out->err;
}
