/* parts.c - see parts.h. */
#include "modules/smime/body/parts.h"

#include "daemon/base/err.h"
#include "daemon/mime/choice.h"
#include "modules/smime/body/mode.h"

#define N(a) (sizeof(a) / sizeof *(a))

static bool knows(const struct mime_part *p, void *user)
{
	(void)user;
	return mime_type_is(&p->type, "application/sdp") ||
	       mime_type_is(&p->type, "message/sipfrag");
}

/* A part's bytes did not come out: memory, or it. */
static int undecoded(struct smime_fault *f, int r, const char *text)
{
	return r == E_NOMEM || r == E_SPACE
		? smime_fault_mime(f, r)
		: smime_fault(f, SMIME_MALFORMED, "%s", text);
}

int body_pick(const struct mime *m, bool bare, struct buf *sdp,
	      struct buf *frag, struct smime_fault *f)
{
	const struct mime_part *part[MIME_PARTS];
	size_t n = 0;
	int r = mime_choose(m, knows, NULL, part, MIME_PARTS, &n);

	if (r)
		return smime_fault(f, r == E_UNSUPPORTED ? SMIME_UNSUPPORTED
							 : SMIME_MALFORMED,
				   "a part that is required is not understood");
	for (size_t i = 0; i < n && !r; i++) {
		bool is_sdp = mime_type_is(&part[i]->type, "application/sdp");
		struct buf *to = is_sdp ? sdp : frag;

		r = to->len ? E_FORMAT : mime_decode(part[i], to);
	}
	if (r || !(sdp->len || (bare && frag->len)))
		return undecoded(f, r, "not one description and at most one "
				 "fragment of a header");
	return 0;
}

static bool is_fragment(const struct mime_part *p)
{
	return mime_type_is(&p->type, "message/sipfrag") &&
	       mime_is(p->disposition.type, "aib");
}

static int pick_fragment(const struct mime_part *p, struct buf *frag,
			 struct smime_fault *f)
{
	int r = mime_decode(p, frag);

	return r ? undecoded(f, r, "a malformed fragment") : 0;
}

/* Words that are signed have the fragment beside them, and nothing else. */
static int pick_signed(const struct mime *m, const struct mime_part **words,
		       struct buf *frag, struct smime_fault *f)
{
	const struct mime_part *root = &m->part[0], *part = NULL;
	bool last;

	if (root->multi == MIME_MIXED && root->n == 2)
		part = &m->part[root->first];
	last = part && is_fragment(&part[1]);
	if (!part || last == is_fragment(&part[0]))
		return smime_fault(f, SMIME_MISSING, "not one content and one "
				   "fragment of a header");
	*words = last ? &part[0] : &part[1];
	return pick_fragment(last ? &part[1] : &part[0], frag, f);
}

/* In one line, whatever it was. */
static void put_field(const char *name, struct mime_bytes v, struct buf *out)
{
	buf_printf(out, "%s: ", name);
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] != '\r' && v.p[i] != '\n')
			buf_u8(out, v.p[i]);
	buf_text(out, "\r\n");
}

/* What a phone can read of a part: its Content- headers, but for an encoding
 * that is taken off. */
static void put_fields(const struct mime_part *p, struct buf *out)
{
	static const char *const names[] = {
		"Content-Type", "Content-Disposition", "Content-Encoding",
		"Content-Language", "Content-Transfer-Encoding",
	};
	size_t kept = N(names) - (p->transfer != MIME_FOREIGN);
	struct mime_bytes v, head = { p->raw.p,
				      (size_t)(p->body.p - p->raw.p) };

	head.len -= head.len ? 2 : 0; /* the empty line */
	for (size_t i = 0; i < kept; i++)
		if (!mime_field_find(head, names[i], &v))
			put_field(names[i], v, out);
}

int body_pick_words(const struct mime *m, bool bound, bool bare,
		    struct bodies_opened *out, struct buf *frag,
		    struct smime_fault *f)
{
	const struct mime_part *words = &m->part[0];
	bool alone = bound && bare && is_fragment(words);
	int r;

	if (alone)
		return pick_fragment(words, frag, f);
	r = bound ? pick_signed(m, &words, frag, f) : 0;
	if (r)
		return r;
	if (mime_type_is(&words->type, "application/sdp"))
		return smime_fault(f, SMIME_UNSUPPORTED, "SDP in a MESSAGE");
	put_fields(words, &out->fields);
	if (words->transfer == MIME_FOREIGN)
		buf_put(&out->content, words->body.p, words->body.len);
	else if ((r = mime_decode(words, &out->content)))
		return undecoded(f, r, "malformed words");
	return body_broken(f, out->fields.err ? out->fields.err
					 : out->content.err);
}
