/* veil_sdp.c - see veil_sdp.h. Lines that hold no key pass as they are. */
#include "daemon/keeper/veil/veil_sdp.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "daemon/keeper/veil/clear.h"

#include <string.h>

#define CRYPTO "a=crypto:"

static bool begins(struct mime_bytes line, const char *with)
{
	size_t n = strlen(with);

	return line.len >= n && !memcmp(line.p, with, n);
}

static struct mime_bytes value_of(struct mime_bytes line)
{
	const size_t n = sizeof CRYPTO - 1;

	return (struct mime_bytes){ line.p + n, line.len - n };
}

static void put_line(struct buf *out, struct mime_bytes line)
{
	buf_put(out, line.p, line.len);
	buf_text(out, "\r\n");
}

/* -- hiding --------------------------------------------------------------- */

/* A description on its way to the engine. */
struct hiding {
	const struct veil *v;
	const struct veil_for *f;
	const struct clear_key *key;
	size_t n;
	int line;        /* the m= line that is read; -1: none yet */
	bool has_crypto; /* it has one */
	struct buf *out;
};

static const struct clear_key *key_of(const struct hiding *h)
{
	const struct clear_key *found = NULL;

	for (size_t i = 0; i < h->n; i++)
		if (h->key[i].line == h->line || h->key[i].line == -1)
			found = &h->key[i]; /* the line's own comes later */
	return found;
}

/* What is over of a media description gets the key that it has by k=. */
static int end_section(struct hiding *h)
{
	const struct clear_key *k = key_of(h);
	struct buf text = buf_of(CLEAR_TEXT);
	int r;

	if (h->line < 0 || h->has_crypto || !k)
		return 0;
	clear_write(k, &text);
	buf_text(h->out, CRYPTO);
	r = text.err ? text.err
		     : veil_hide(h->v, h->f, (struct mime_bytes){
				 text.data, text.len }, h->out);
	buf_text(h->out, "\r\n");
	buf_free(&text);
	return r;
}

/* A key as a capability (RFC 5939), which nobody here takes. */
static bool is_capability(struct mime_bytes line)
{
	const uint8_t *space = memchr(line.p, ' ', line.len);

	if (!space || !begins(line, "a=acap:"))
		return false;
	line.len -= (size_t)(space - line.p);
	line.p = space;
	return begins(line, " crypto:");
}

static int hide_line(struct hiding *h, struct mime_bytes line)
{
	int r = 0;

	if (begins(line, "m=")) {
		r = end_section(h);
		h->line++;
		h->has_crypto = false;
	}
	if (r || begins(line, "k") || is_capability(line))
		return r; /* a k that has no = hides a key as well */
	if (!begins(line, CRYPTO)) {
		put_line(h->out, line);
		return 0;
	}
	if (clear_is(value_of(line)))
		return E_FORMAT; /* it would come back as a k= */
	h->has_crypto = true;
	buf_text(h->out, CRYPTO);
	r = veil_hide(h->v, h->f, value_of(line), h->out);
	buf_text(h->out, "\r\n");
	return r;
}

int veil_sdp_hide(const struct veil *v, const struct veil_for *f, bool clear,
		  struct mime_bytes sdp, struct buf *out)
{
	struct clear_key key[CLEAR_KEYS];
	struct buf rest = buf_of(sdp.len + 1);
	struct hiding h = { .v = v, .f = f, .key = key, .line = -1,
			    .out = out };
	size_t end;
	int r = clear ? clear_read(sdp, key, &h.n, &rest) : 0;

	while (sdp.len && !r) {
		struct mime_bytes line = clear_line(&sdp, &end);

		line.len -= end;
		r = hide_line(&h, line);
	}
	if (!r)
		r = end_section(&h);
	wipe(key, sizeof key);
	buf_free(&rest);
	return r ? r : out->err;
}

/* -- showing -------------------------------------------------------------- */

/* A key of k=, which stands before all attributes (RFC 8866 section 9), is
 * among them here: the attributes of a section wait until it is over. */
struct showing {
	const struct veil *v;
	struct veil_for *f;
	struct buf attributes; /* owned, wiped */
	struct buf *out;
};

static int show_crypto(struct showing *s, struct mime_bytes line)
{
	struct buf value = buf_of(line.len);
	int r = veil_show(s->v, s->f, value_of(line), &value);

	if (!r && clear_is((struct mime_bytes){ value.data, value.len })) {
		buf_text(s->out, "k=");
		put_line(s->out, (struct mime_bytes){ value.data, value.len });
	} else if (!r) {
		buf_text(&s->attributes, CRYPTO);
		put_line(&s->attributes, (struct mime_bytes){ value.data,
							      value.len });
	}
	buf_free(&value);
	return r;
}

static int end_attributes(struct showing *s)
{
	buf_put(s->out, s->attributes.data, s->attributes.len);
	if (s->attributes.err)
		return s->attributes.err;
	buf_clear(&s->attributes);
	return 0;
}

static int show_line(struct showing *s, struct mime_bytes line)
{
	int r = 0;

	if (begins(line, "m="))
		r = end_attributes(s);
	if (r)
		return r;
	if (begins(line, CRYPTO))
		return veil_is(value_of(line)) ? show_crypto(s, line) : E_AUTH;
	put_line(begins(line, "a=") ? &s->attributes : s->out, line);
	return 0;
}

int veil_sdp_show(const struct veil *v, struct veil_for *f,
		  struct mime_bytes sdp, struct buf *out)
{
	struct showing s = { v, f, buf_of(2 * sdp.len + 1), out };
	size_t end;
	int r = 0;

	while (sdp.len && !r) {
		struct mime_bytes line = clear_line(&sdp, &end);

		line.len -= end;
		r = show_line(&s, line);
	}
	if (!r)
		r = end_attributes(&s);
	buf_free(&s.attributes);
	return r ? r : out->err;
}
