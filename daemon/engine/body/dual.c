/* dual.c - lines of the outside that the inside does not see: offers that have
 * one medium twice, as RTP/AVP and as RTP/SAVP, and IKE (ikelines.c).
 *
 * Some trunks offer so, for far ends that know one of the two only. One line of
 * the pair passes (offer.c says which), the other is answered with port 0, and
 * the phone never sees it: some take a second line for a second medium. So the
 * inside has fewer lines than the outside for the whole dialog (RFC 3264 8): in
 * what goes in the hidden ones are left out, in what comes back they stand
 * again, rejected. A hidden line stays hidden. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

struct dual {
	uint32_t lines; /* a bit for each that is hidden */
	char *line[SDP_LINES_MAX]; /* "m=audio 0 RTP/AVP 0"; owned */
};

bool dual_hides(const struct call *c, unsigned line)
{
	return c->dual && c->dual->lines >> line & 1;
}

void dual_free(struct dual *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		free(d->line[i]);
	free(d);
}

/* -- which ---------------------------------------------------------------- */

static bool same_medium(const struct sdp_media *a, const struct sdp_media *b)
{
	return a->media.len == b->media.len &&
	       !memcmp(a->media.p, b->media.p, a->media.len) &&
	       a->secure != b->secure;
}

/* A usable line that says the same as line i the other way round, and is not
 * in a pair yet. */
static bool has_twin(const struct job *j, unsigned i, uint32_t *paired)
{
	const struct sdp_media *m = j->sdp.media;

	for (unsigned k = 0; k < j->sdp.n; k++)
		if ((j->deal->usable & ~*paired) >> k & 1 &&
		    same_medium(&m[i], &m[k])) {
			*paired |= 1u << k;
			return true;
		}
	return false;
}

int dual_add(struct call *c, unsigned line, const char *text)
{
	if (!c->dual && !(c->dual = calloc(1, sizeof *c->dual)))
		return E_NOMEM;
	c->dual->line[line] = strdup(text);
	if (!c->dual->line[line])
		return E_NOMEM;
	c->dual->lines |= 1u << line;
	return 0;
}

int dual_hide(struct call *c, const struct job *j, unsigned i)
{
	const struct sdp_media *m = &j->sdp.media[i];
	const char *end = m->proto.p;
	struct buf text = buf_of(KEYING_MAX);
	int r;

	while (end < j->sdp.text.p + j->sdp.text.len && *end != '\r' &&
	       *end != '\n')
		end++;
	buf_printf(&text, "m=%.*s 0 ", (int)m->media.len, m->media.p);
	buf_put(&text, m->proto.p, (size_t)(end - m->proto.p));
	r = text.err ? text.err : dual_add(c, i, buf_string(&text));
	buf_free(&text);
	return r;
}

int dual_find(struct call *c, const struct job *j)
{
	const struct sdp_media *m = j->sdp.media;
	uint32_t paired = 0;
	int r = 0;

	if (j->q.from != OUTSIDE || c->deal || c->pending)
		return 0; /* the phone has lines already: they must stay */
	for (unsigned i = 0; i < j->sdp.n && !r; i++)
		if (m[i].port && m[i].rtp && !(j->deal->usable >> i & 1) &&
		    has_twin(j, i, &paired))
			r = dual_hide(c, j, i);
	return r;
}

/* -- what the inside sends ------------------------------------------------ */

static void put_hidden(const struct dual *d, unsigned *line, struct buf *out)
{
	for (; *line < SDP_LINES_MAX && d->lines >> *line & 1; ++*line) {
		buf_text(out, d->line[*line]);
		buf_text(out, "\r\n");
	}
}

/* Line by line: before each m= stand the hidden ones that belong there. Empty
 * lines at the end, which the parser takes, go: no m= line may follow them. */
static void restore(const struct dual *d, const char *p, size_t len,
		    struct buf *out)
{
	unsigned line = 0;

	while (len && (p[len - 1] == '\r' || p[len - 1] == '\n'))
		len--;
	while (len) {
		const char *nl = memchr(p, '\n', len);
		size_t n = nl ? (size_t)(nl - p) + 1 : len;

		if (n > 1 && p[0] == 'm' && p[1] == '=') {
			put_hidden(d, &line, out);
			line++;
		}
		buf_put(out, p, n);
		if (!nl)
			buf_text(out, "\r\n");
		p += n;
		len -= n;
	}
	put_hidden(d, &line, out);
}

int dual_restore(const struct call *c, struct job *j)
{
	struct buf out = buf_of(IPC_BODY_MAX);
	char *data;

	if (j->q.from != INSIDE || j->own || !c->dual)
		return 0;
	restore(c->dual, j->data, j->q.body.len, &out);
	data = out.err ? NULL : malloc(out.len);
	if (!data) {
		buf_free(&out);
		return E_NOMEM;
	}
	memcpy(data, out.data, out.len);
	free(j->data);
	j->data = data;
	j->q.body.data = (const uint8_t *)data;
	j->q.body.len = out.len;
	buf_free(&out);
	return 0;
}
