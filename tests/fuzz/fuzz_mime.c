/* fuzz_mime.c - any bytes as a MIME entity: each part must lie in its
 * multipart, behind the one before it, and what is written from the parts must
 * be read as the same parts. */
#include "daemon/mime/choice.h"
#include "daemon/mime/writer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

static void check_part(const struct mime *m, const struct mime_part *p)
{
	const uint8_t *at = p->body.p;

	must(!p->multi == !p->n && p->depth <= MIME_DEPTH);
	must(p->body.p >= p->raw.p &&
	     p->body.p + p->body.len == p->raw.p + p->raw.len);
	for (size_t i = p->first; i < p->first + p->n; i++) {
		must(i < m->n && m->part[i].depth == p->depth + 1);
		must(m->part[i].raw.p >= at);
		at = m->part[i].raw.p + m->part[i].raw.len;
		must(at <= p->body.p + p->body.len);
	}
}

static void write_again(const struct mime *m, const struct mime_part *p)
{
	static struct mime again;
	struct mime_bytes part[MIME_PARTS];
	struct buf out = buf_of(2 * MIME_BODY_MAX);
	char boundary[MIME_BOUNDARY_TEXT];

	for (size_t i = 0; i < p->n; i++)
		part[i] = m->part[p->first + i].raw;
	must(!mime_boundary(boundary, part, p->n));
	buf_printf(&out, "Content-Type: multipart/x;boundary=%s\r\n\r\n",
		   boundary);
	mime_put_multipart(&out, boundary, part, p->n);
	must(!out.err);
	if (out.len <= MIME_BODY_MAX) {
		must(!mime_read_entity((struct mime_bytes){
			out.data, out.len }, &again));
		must(again.part[0].n == p->n);
		for (size_t i = 0; i < p->n; i++)
			must(again.part[1 + i].raw.len == part[i].len &&
			     !memcmp(again.part[1 + i].raw.p, part[i].p,
				     part[i].len));
	}
	buf_free(&out);
}

static bool knows(const struct mime_part *p, void *user)
{
	(void)user;
	return mime_type_is(&p->type, "application/sdp") ||
	       p->multi == MIME_SIGNED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mime_part *chosen[MIME_PARTS];
	struct buf out = buf_of(MIME_BODY_MAX);
	static struct mime m;
	size_t n = 0;

	if (mime_read_entity((struct mime_bytes){ data, size }, &m)) {
		must(!m.n);
		return 0;
	}
	for (size_t i = 0; i < m.n; i++) {
		check_part(&m, &m.part[i]);
		if (m.part[i].multi)
			write_again(&m, &m.part[i]);
		buf_clear(&out);
		if (!mime_decode(&m.part[i], &out))
			must(out.len <= m.part[i].body.len);
	}
	mime_choose(&m, knows, NULL, chosen, MIME_PARTS, &n);
	for (size_t i = 1; i < n; i++)
		must(chosen[i] != chosen[i - 1]);
	buf_free(&out);
	return 0;
}
