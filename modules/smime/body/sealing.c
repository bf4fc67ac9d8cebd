/* sealing.c - see sealing.h. */
#include "modules/smime/body/sealing.h"

#include "daemon/base/err.h"
#include "daemon/mime/writer.h"
#include "modules/smime/binding.h"
#include "modules/smime/body/mode.h"
#include "modules/smime/message/tunnel.h"

#include <stdio.h>
#include <string.h>

static const struct mime_head sdp_head = { .type = "application/sdp" };

/* SDP, or words with the headers that came with them. */
static void put_content(const struct bodies_text *in, struct buf *out)
{
	const struct mime_bytes content = { in->content, in->content_len };

	if (!in->words) {
		mime_put_entity(out, &sdp_head, content);
		return;
	}
	buf_put(out, in->fields, in->fields_len);
	buf_text(out, "\r\n");
	buf_put(out, content.p, content.len);
}

/* The content's entity and the fragment's beside each other. */
static int write_mixed(const struct buf part[static 2], struct buf *out,
		       struct smime_fault *f)
{
	char boundary[MIME_BOUNDARY_TEXT], type[96];
	struct mime_bytes all[2];
	int r;

	for (size_t i = 0; i < 2; i++)
		all[i] = (struct mime_bytes){ part[i].data, part[i].len };
	r = mime_boundary(boundary, all, 2);
	if (r)
		return body_broken(f, r);
	snprintf(type, sizeof type, "multipart/mixed;boundary=\"%s\"",
		 boundary);
	mime_put_fields(out, &(struct mime_head){ .type = type });
	mime_put_multipart(out, boundary, all, 2);
	return 0;
}

static int write_whole(const struct bodies_terms *t,
		       const struct bodies_text *in, struct buf *out,
		       struct smime_fault *f)
{
	struct smime_kek kek = { .id_len = 0 };

	if (t->carry)
		kek = body_kek(t->session);
	smime_tunnel_write(&(struct smime_tunnel){
		.head = { in->frag, in->frag_len },
		.fields = { in->fields, in->fields_len },
		.body = { in->content, in->content_len },
		.carry = t->carry ? &kek : NULL }, out);
	wipe(&kek, sizeof kek);
	return body_broken(f, out->err);
}

/* The content, and beside it what it is bound to. */
static int write_bound(const struct bodies_text *in, struct buf *out,
		       struct smime_fault *f)
{
	struct buf part[2] = { buf_of(ENTITY_MAX), buf_of(ENTITY_MAX) };
	struct smime_fragment of;
	int r = smime_fragment_read((struct mime_bytes){ in->frag,
							 in->frag_len },
				    false, &of, f);

	put_content(in, &part[0]);
	if (!r)
		r = body_broken(f, part[0].err);
	if (!r)
		r = smime_aib_write(&of, NULL, &part[1], f);
	if (!r)
		r = write_mixed(part, out, f);
	buf_free(&part[0]);
	buf_free(&part[1]);
	return r;
}

/* Of a message that has nothing else to seal. */
static int write_bare(const struct bodies_text *in, struct buf *out,
		      struct smime_fault *f)
{
	struct smime_fragment of;
	int r = smime_fragment_read((struct mime_bytes){ in->frag,
							 in->frag_len },
				    false, &of, f);

	return r ? r : smime_aib_write(&of, NULL, out, f);
}

static int write_entity(const struct bodies_text *in, bool binds,
			struct buf *out, struct smime_fault *f)
{
	bool bare = !in->words && !in->content_len;
	int r = 0;

	if (bare && !binds)
		r = smime_fault(f, SMIME_OURS, "nothing is there to seal");
	else if (bare)
		r = write_bare(in, out, f);
	else if (binds)
		r = write_bound(in, out, f);
	else
		put_content(in, out);
	return r ? r : body_broken(f, out->err);
}

/* Only headers, which stand around it, too: nothing is there to encrypt. */
static bool is_bare(const struct bodies_terms *t, const struct bodies_text *in)
{
	return !body_whole(t) && !in->words && !in->content_len;
}

/* RFC 8591 4.1: less of it is on the way to be mended there. And a fragment of
 * the header is nothing that somebody without S/MIME should read. */
static enum smime_form form_of(const struct bodies_terms *t,
			       const struct bodies_text *in)
{
	enum smime_form form = body_mode(t)->form;

	return is_bare(t, in) || (in->words && form == SMIME_SIGN)
		? SMIME_SIGN_OPAQUE : form;
}

/* Inside of the encryption nobody reads file names. */
static bool is_terse(const struct bodies_terms *t, const struct bodies_text *in)
{
	return is_bare(t, in) || form_of(t, in) == SMIME_OPAQUE_ENCRYPT;
}

int body_seal(const struct bodies_terms *t, const struct bodies_text *in,
	      struct bodies_sealed *out, struct bodies_fault *why)
{
	const struct smime_to to = { .card = body_card(t), .id = t->remote_id,
				     .peer = t->peer };
	const struct smime_capabilities able = {
		.told = t->able.told, .ciphers = t->able.ciphers,
		.oaep = t->able.oaep,
	};
	struct smime_seal how = {
		.terms = body_terms(t), .form = form_of(t, in),
		.envelope = { .cipher = smime_cipher_for(&able), .to = &to,
			      .n_to = 1, .key_id = body_whole(t) || t->brief },
		.signing = { .certificates = !t->brief, .key_id = t->brief,
			     .capabilities = !t->brief },
		.terse = is_terse(t, in),
	};
	struct smime_fault f = { .reason = SMIME_FINE };
	struct smime_kek kek = { .id_len = 0 };
	struct buf entity = buf_of(ENTITY_MAX);
	struct smime_sealed sealed = { .type = "" };
	int r = body_whole(t) ? write_whole(t, in, &entity, &f)
			    : write_entity(in, body_mode(t)->binds, &entity,
					   &f);

	if (t->n_session && !t->carry) {
		kek = body_kek(t->session);
		how.envelope.kek = &kek;
		how.envelope.n_to = 0;
	}

	if (!r)
		r = smime_seal(&how, (struct mime_bytes){ entity.data,
							  entity.len },
			       &sealed, &f);
	buf_free(&entity);
	wipe(&kek, sizeof kek);
	if (r)
		return body_fail(&f, r, why);
	snprintf(out->type, sizeof out->type, "%s", sealed.type);
	out->disposition = sealed.disposition;
	out->transfer = sealed.transfer;
	buf_put(&out->body, sealed.body.data, sealed.body.len);
	smime_sealed_free(&sealed);
	return out->body.err;
}
