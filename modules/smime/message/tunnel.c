/* tunnel.c - a whole SIP message as what is sealed. See tunnel.h.
 *
 * The message within need not have what is for proxies only (Via, Route): it
 * counts for nothing. Names of fields are written out in full on the way in, so
 * that whoever reads on knows one form. */
#include "modules/smime/message/tunnel.h"

#include "daemon/base/err.h"
#include "daemon/mime/writer.h"
#include "modules/smime/date.h"

#include <string.h>

#define N(a) (sizeof(a) / sizeof *(a))
#define MESSAGE_MAX (64 * 1024)

static const struct mime_head message_head = { .type = "message/sip" };

void smime_tunnel_write(const struct smime_tunnel *t, struct buf *out)
{
	if (t->carry)
		smime_kek_put(t->carry, out);
	mime_put_fields(out, &message_head);
	buf_put(out, t->head.p, t->head.len);
	buf_put(out, t->fields.p, t->fields.len);
	if (t->body.len && !t->fields.len)
		buf_text(out, "Content-Type: application/sdp\r\n");
	buf_text(out, "\r\n");
	buf_put(out, t->body.p, t->body.len);
}

/* -- reading -------------------------------------------------------------- */

static int broken(struct smime_fault *why, int err)
{
	return err ? smime_fault(why, err == E_SPACE ? SMIME_TOO_LARGE
						     : SMIME_BROKEN,
				 "%s", err_text(err)) : 0;
}

/* A value with its folds is written as one line. */
static void put_line(struct buf *out, const char *name, struct mime_bytes v)
{
	buf_text(out, name);
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] != '\r' && v.p[i] != '\n')
			buf_u8(out, v.p[i]);
	buf_text(out, "\r\n");
}

static void put_head(const struct smime_fragment *f, struct buf *out)
{
	put_line(out, "", f->start);
	for (size_t i = 0; i < f->n; i++) {
		const struct smime_field *x = &f->field[i];

		if (smime_tunnel_leaves(x->name))
			continue;
		buf_put(out, x->name.p, x->name.len);
		put_line(out, ": ", x->value);
	}
}

static void put_entity(const struct smime_fragment *f, struct buf *out)
{
	static const char *const names[] = {
		"Content-Type", "Content-Disposition", "Content-Encoding",
		"Content-Language", "Content-Transfer-Encoding", "Content-ID",
	};

	for (size_t i = 0; i < N(names); i++)
		for (size_t n = 0; smime_fragment_get(f, names[i], n).p; n++) {
			buf_text(out, names[i]);
			put_line(out, ": ", smime_fragment_get(f, names[i], n));
		}
	buf_text(out, "\r\n");
	buf_put(out, f->body.p, f->body.len);
}

/* Both heads are read, and belong together. */
static int check(struct mime_bytes text, struct mime_bytes around,
		 enum smime_veil veil, struct smime_when when,
		 struct smime_fragment *inner, struct smime_fault *why)
{
	struct smime_fragment outer;
	int r = smime_fragment_read(text, true, inner, why);

	if (!r)
		r = smime_fragment_read(around, true, &outer, why);
	return r ? r : smime_tunnel_check(inner, &outer, veil, when, why);
}

static int take(struct mime_bytes text, struct mime_bytes around,
		enum smime_veil veil, struct smime_when when,
		struct smime_tunnelled *out, struct smime_fault *why)
{
	struct smime_fragment inner;
	int r = check(text, around, veil, when, &inner, why);

	if (!r && smime_date_read(smime_fragment_get(&inner, "Date", 0),
				  &out->stamp_us))
		r = smime_fault(why, SMIME_MALFORMED, "the Date within cannot "
				"be read");
	if (r)
		return r;
	out->bare = !inner.body.len;
	put_head(&inner, &out->head);
	put_entity(&inner, &out->entity);
	return broken(why, out->head.err ? out->head.err : out->entity.err);
}

int smime_tunnel_read(const struct mime_part *part, struct mime_bytes around,
		      enum smime_veil veil, struct smime_when when,
		      struct smime_tunnelled *out, struct smime_fault *why)
{
	struct smime_tunnelled t = { .head = buf_of(MIME_HEAD_MAX),
				     .entity = buf_of(MESSAGE_MAX) };
	struct buf text = buf_of(MESSAGE_MAX);
	int r;

	if (!mime_type_is(&part->type, "message/sip"))
		return smime_fault(why, SMIME_MISSING, "what is sealed is no "
				   "whole message");
	r = mime_decode(part, &text);
	if (r)
		r = smime_fault_mime(why, r);
	else
		r = take((struct mime_bytes){ text.data, text.len }, around,
			 veil, when, &t, why);
	buf_free(&text);
	if (r)
		smime_tunnelled_free(&t);
	else
		*out = t;
	return r;
}

void smime_tunnelled_free(struct smime_tunnelled *t)
{
	buf_free(&t->head);
	buf_free(&t->entity);
}
