/* sdpaccept.c - an answer of the gateway's own, before the phone was called
 * (RFC 3264 section 6): all lines and formats that can pass are taken, and what
 * the phone takes of them is said in a later offer.
 *
 * Of the offer's attributes it has those that say what a payload type is, and
 * its direction from the other side. */
#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdppre.h"
#include "daemon/engine/sdp/sdptext.h"

#include <inttypes.h>

struct accepting {
	const struct sdp *s;
	const struct sdp_edit *e;
	struct buf *out;
	int line; /* -1: the session */
};

static void put_address(const struct accepting *w, const struct addr *a)
{
	char host[ADDR_TEXT];

	buf_printf(w->out, "c=IN IP%c %s%s", a->family == 6 ? '6' : '4',
		   addr_host(a, host), w->s->eol);
}

static const struct sdp_edit_line *edit_line(const struct accepting *w)
{
	return &w->e->line[w->line];
}

static enum sdp_direction opposite(enum sdp_direction d)
{
	static const enum sdp_direction to[] = {
		[SDP_SENDRECV] = SDP_SENDRECV, [SDP_SENDONLY] = SDP_RECVONLY,
		[SDP_RECVONLY] = SDP_SENDONLY, [SDP_INACTIVE] = SDP_INACTIVE,
	};

	return to[d];
}

static void end_section(const struct accepting *w)
{
	const struct sdp_edit_line *l = w->line >= 0 ? edit_line(w) : NULL;

	if (!l || l->reject)
		return;
	buf_printf(w->out, "a=%s%s", sdp_direction_name(
			   opposite(w->s->media[w->line].direction)),
		   w->s->eol);
	if (l->pre.on)
		sdp_pre_write(l->pre.current, l->pre.confirm, w->s->eol,
			      w->out);
}

/* Its formats and all, with our port. */
static void put_media(struct accepting *w, struct sdp_text line)
{
	const struct sdp_media *m = &w->s->media[w->line];
	const struct sdp_edit_line *l = edit_line(w);
	struct sdp_text rest = { .p = m->proto.p };

	if (l->section) {
		buf_text(w->out, l->section);
		return;
	}
	rest.len = (size_t)(line.p + line.len - rest.p);
	buf_text(w->out, "m=");
	buf_put(w->out, m->media.p, m->media.len);
	buf_printf(w->out, " %u ", l->reject ? 0u : l->addr.port);
	buf_put(w->out, rest.p, rest.len);
	buf_text(w->out, w->s->eol);
	if (!l->reject)
		put_address(w, &l->addr);
}

static bool is_of_formats(struct sdp_text line)
{
	struct sdp_text value, name = sdp_attribute(line, &value);

	return sdp_is(name, "rtpmap") || sdp_is(name, "fmtp");
}

static void put_line(struct accepting *w, struct sdp_text line)
{
	char type = line.p[0];
	bool copied = type == 't' ||
		      (type == 'a' && w->line >= 0 && !edit_line(w)->reject &&
		       is_of_formats(line));

	if (type == 'm') {
		end_section(w);
		w->line++;
		put_media(w, line);
	} else if (copied) {
		buf_put(w->out, line.p, line.len);
		buf_text(w->out, w->s->eol);
	}
}

int sdp_accept(const struct sdp *s, const struct sdp_edit *e, struct buf *out)
{
	struct accepting w = { .s = s, .e = e, .out = out, .line = -1 };
	struct sdp_text rest = s->text, line, eol;
	char host[ADDR_TEXT];

	buf_printf(out, "v=0%so=- %" PRIu64 " %" PRIu64 " IN IP%c %s%s", s->eol,
		   e->id, e->version, e->addr.family == 6 ? '6' : '4',
		   addr_host(&e->addr, host), s->eol);
	buf_printf(out, "s=-%s", s->eol);
	put_address(&w, &e->addr);
	while (sdp_next_line(&rest, &line, &eol) && line.len)
		put_line(&w, line);
	end_section(&w);
	return out->err;
}
