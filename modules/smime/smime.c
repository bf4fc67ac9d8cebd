/* smime.c - S/MIME on the bodies of SIP messages (RFC 3261 section 23, RFC
 * 8551) as the keeper's "bodies"; the map of this folder.
 *
 *   seal.c, open.c     a MIME entity and the body that protects it
 *   signing.c          SignedData
 *   envelope.c         EnvelopedData and AuthEnvelopedData
 *   binding.c          is it of the message that it came in
 *   fragment.c, date.c its headers
 *   card.c             a far end's certificates
 *   certs.c            certificates alone
 *   message/           a whole message as what is sealed, and who sends it
 *   kek.c              session keys
 *   algorithm.c, capability.c   what is taken and sent
 *
 * What is signed is SDP, or the words of a MESSAGE, with a fragment of the
 * message's own header beside it, so that neither can be pasted into another
 * message; or the message as a whole. */
#include "daemon/base/err.h"
#include "daemon/keeper/bodies.h"
#include "daemon/keeper/certs/certname.h"
#include "daemon/keeper/certs/credential_cms.h"
#include "daemon/mime/choice.h"
#include "daemon/mime/writer.h"
#include "daemon/module.h"
#include "modules/smime/binding.h"
#include "modules/smime/certs.h"
#include "modules/smime/date.h"
#include "modules/smime/message/tunnel.h"
#include "modules/smime/message/whose.h"
#include "modules/smime/open.h"
#include "modules/smime/seal.h"
#include "modules/smime/smime.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define ENTITY_MAX (64 * 1024)
#define N(a) (sizeof(a) / sizeof *(a))

/* How a profile's word is made, and what must be found. */
static const struct {
	enum smime_form form;
	unsigned need; /* enum smime_need */
	bool binds;    /* headers are signed, too */
} modes[] = {
	[BODY_MODE_SIGN] = { SMIME_SIGN, SMIME_NEED_SIGNED, true },
	[BODY_MODE_ENCRYPT] = { SMIME_ENCRYPT, SMIME_NEED_ENCRYPTED, false },
	[BODY_MODE_SIGN_ENCRYPT] = { SMIME_OPAQUE_ENCRYPT,
				     SMIME_NEED_SIGNED | SMIME_NEED_ENCRYPTED,
				     true },
	[BODY_MODE_TUNNEL] = { SMIME_OPAQUE_ENCRYPT,
			       SMIME_NEED_SIGNED | SMIME_NEED_ENCRYPTED |
				       SMIME_NEED_HIDDEN,
			       true },
};

static int fail(const struct smime_fault *f, int err, struct bodies_fault *why)
{
	why->status = smime_status(f->reason);
	snprintf(why->text, sizeof why->text, "S/MIME: %.140s", f->text);
	return err;
}

static struct smime_terms terms_of(const struct bodies_terms *t)
{
	return (struct smime_terms){ .credential = t->credential,
				     .trust = t->trust, .wall_us = t->wall_us };
}

static const struct smime_card *card_of(const struct bodies_terms *t)
{
	return (const struct smime_card *)(const void *)t->known;
}

static void card_free(struct bodies_card *c)
{
	smime_card_free((struct smime_card *)(void *)c);
}

/* -- sealing -------------------------------------------------------------- */

static const struct mime_head sdp_head = { .type = "application/sdp" };

static int broken(struct smime_fault *f, int err)
{
	return err ? smime_fault(f, SMIME_BROKEN, "%s", err_text(err)) : 0;
}

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
		return broken(f, r);
	snprintf(type, sizeof type, "multipart/mixed;boundary=\"%s\"",
		 boundary);
	mime_put_fields(out, &(struct mime_head){ .type = type });
	mime_put_multipart(out, boundary, all, 2);
	return 0;
}

static bool is_whole(const struct bodies_terms *t)
{
	return t->mode == BODY_MODE_TUNNEL;
}

static struct smime_kek kek_of(const struct bodies_session *s)
{
	struct smime_kek k = { .id_len = s->id_len, .key = s->key };

	memcpy(k.id, s->id, sizeof k.id);
	return k;
}

static int write_whole(const struct bodies_terms *t,
		       const struct bodies_text *in, struct buf *out,
		       struct smime_fault *f)
{
	struct smime_kek kek = { .id_len = 0 };

	if (t->carry)
		kek = kek_of(t->session);
	smime_tunnel_write(&(struct smime_tunnel){
		.head = { in->frag, in->frag_len },
		.fields = { in->fields, in->fields_len },
		.body = { in->content, in->content_len },
		.carry = t->carry ? &kek : NULL }, out);
	wipe(&kek, sizeof kek);
	return broken(f, out->err);
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
		r = broken(f, part[0].err);
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
	return r ? r : broken(f, out->err);
}

/* Only headers, which stand around it, too: nothing is there to encrypt. */
static bool is_bare(const struct bodies_terms *t, const struct bodies_text *in)
{
	return !is_whole(t) && !in->words && !in->content_len;
}

/* RFC 8591 4.1: less of it is on the way to be mended there. And a fragment of
 * the header is nothing that somebody without S/MIME should read. */
static enum smime_form form_of(const struct bodies_terms *t,
			       const struct bodies_text *in)
{
	enum smime_form form = modes[t->mode].form;

	return is_bare(t, in) || (in->words && form == SMIME_SIGN)
		? SMIME_SIGN_OPAQUE : form;
}

/* Inside of the encryption nobody reads file names. */
static bool is_terse(const struct bodies_terms *t, const struct bodies_text *in)
{
	return is_bare(t, in) || form_of(t, in) == SMIME_OPAQUE_ENCRYPT;
}

static int seal(const struct bodies_terms *t, const struct bodies_text *in,
		struct bodies_sealed *out, struct bodies_fault *why)
{
	const struct smime_to to = { .card = card_of(t), .id = t->remote_id,
				     .peer = t->peer };
	const struct smime_capabilities able = {
		.told = t->able.told, .ciphers = t->able.ciphers,
		.oaep = t->able.oaep,
	};
	struct smime_seal how = {
		.terms = terms_of(t), .form = form_of(t, in),
		.envelope = { .cipher = smime_cipher_for(&able), .to = &to,
			      .n_to = 1, .key_id = is_whole(t) || t->brief },
		.signing = { .certificates = !t->brief, .key_id = t->brief,
			     .capabilities = !t->brief },
		.terse = is_terse(t, in),
	};
	struct smime_fault f = { .reason = SMIME_FINE };
	struct smime_kek kek = { .id_len = 0 };
	struct buf entity = buf_of(ENTITY_MAX);
	struct smime_sealed sealed = { .type = "" };
	int r = is_whole(t) ? write_whole(t, in, &entity, &f)
			    : write_entity(in, modes[t->mode].binds, &entity,
					   &f);

	if (t->n_session && !t->carry) {
		kek = kek_of(t->session);
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
		return fail(&f, r, why);
	snprintf(out->type, sizeof out->type, "%s", sealed.type);
	out->disposition = sealed.disposition;
	out->transfer = sealed.transfer;
	buf_put(&out->body, sealed.body.data, sealed.body.len);
	smime_sealed_free(&sealed);
	return out->body.err;
}

/* -- opening -------------------------------------------------------------- */

static bool knows(const struct mime_part *p, void *user)
{
	(void)user;
	return mime_type_is(&p->type, "application/sdp") ||
	       mime_type_is(&p->type, "message/sipfrag");
}

/* The parts that count: one SDP, at most one fragment. bare: SDP may not be
 * there. */
static int pick(const struct mime *m, bool bare, struct buf *sdp,
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
		return smime_fault(f, SMIME_MALFORMED, "not one description "
				   "and at most one fragment of a header");
	return 0;
}

static bool is_fragment(const struct mime_part *p)
{
	return mime_type_is(&p->type, "message/sipfrag") &&
	       mime_is(p->disposition.type, "aib");
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
	return mime_decode(last ? &part[1] : &part[0], frag)
		? smime_fault(f, SMIME_MALFORMED, "a malformed fragment") : 0;
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

static int pick_words(const struct mime *m, bool bound, bool bare,
		      struct bodies_opened *out, struct buf *frag,
		      struct smime_fault *f)
{
	const struct mime_part *words = &m->part[0];
	bool alone = bound && bare && is_fragment(words);
	int r;

	if (alone)
		return mime_decode(words, frag) ?
			smime_fault(f, SMIME_MALFORMED, "a malformed fragment")
			: 0;
	r = bound ? pick_signed(m, &words, frag, f) : 0;
	if (r)
		return r;
	if (mime_type_is(&words->type, "application/sdp"))
		return smime_fault(f, SMIME_UNSUPPORTED, "SDP in a MESSAGE");
	put_fields(words, &out->fields);
	if (words->transfer == MIME_FOREIGN)
		buf_put(&out->content, words->body.p, words->body.len);
	else if (mime_decode(words, &out->content))
		return smime_fault(f, SMIME_MALFORMED, "malformed words");
	return broken(f, out->fields.err ? out->fields.err
					 : out->content.err);
}

/* What a message had within: its description, or its words, or nothing. */
static int pick_whole(const struct bodies_given *in, struct smime_tunnelled *w,
		      struct bodies_opened *out, struct smime_fault *f)
{
	struct buf none = buf_of(ENTITY_MAX);
	struct mime m = { .n = 0 };
	int r = 0;

	out->head = w->head;
	w->head = buf_of(0);
	out->stamp_us = w->stamp_us;
	if (w->bare && !in->bare)
		return smime_fault(f, SMIME_MISSING, "no description is in it");
	if (w->bare)
		return 0;
	if (mime_read_entity((struct mime_bytes){ w->entity.data,
						  w->entity.len }, &m))
		return smime_fault(f, SMIME_MALFORMED, "malformed MIME within");
	r = in->words ? pick_words(&m, false, in->bare, out, &none, f)
		      : pick(&m, false, &out->content, &none, f);
	buf_free(&none);
	return r;
}

/* Of the signed headers, a zero byte, the content. What somebody who repeats
 * them can write in another way (boundaries, certificates, unsigned attributes,
 * the signature itself) is not in it. */
static int mark(const struct buf *frag, const struct buf *content,
		uint8_t out[static 32], struct smime_fault *f)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool fine = ctx &&
		    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(ctx, frag->data, frag->len) == 1 &&
		    EVP_DigestUpdate(ctx, "", 1) == 1 &&
		    EVP_DigestUpdate(ctx, content->data, content->len) == 1 &&
		    EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return fine ? 0 : broken(f, E_INTERNAL);
}

static int check_bound(const struct bodies_terms *t,
		       const struct bodies_given *in, const struct buf *frag,
		       struct bodies_opened *out, struct smime_fault *f)
{
	const struct smime_when when = { t->wall_us, t->window_us };
	struct smime_fragment aib, of;
	int r;

	if (!frag->len)
		return smime_fault(f, SMIME_MISSING, "no headers are signed "
				   "with the body: it could be of any call");
	r = smime_fragment_read((struct mime_bytes){ frag->data, frag->len },
				false, &aib, f);
	if (!r)
		r = smime_fragment_read((struct mime_bytes){
				in->frag, in->frag_len }, false, &of, f);
	if (!r && of.start.len && !aib.start.len) /* a response's */
		r = smime_fault(f, SMIME_MISMATCH, "the status is not signed "
				"with the headers");
	if (!r)
		r = smime_aib_check(&aib, &of, NULL, when, f);
	if (!r && smime_date_read(smime_fragment_get(&aib, "Date", 0),
				  &out->stamp_us))
		r = smime_fault(f, SMIME_MALFORMED, "the signed Date cannot "
				"be read");
	return r;
}

/* What is signed and not encrypted may be a header alone. */
static int check_covered(const struct bodies_terms *t,
			 const struct smime_opened *o,
			 const struct bodies_opened *new, struct smime_fault *f)
{
	if (o->encrypted || !(modes[t->mode].need & SMIME_NEED_ENCRYPTED) ||
	    !(new->content.len || new->fields.len))
		return 0;
	return smime_fault(f, SMIME_MISSING, "it is not encrypted");
}

/* What is remembered of the signer, if it brought its certificate. */
static void keep_signer(struct smime_signer *s, struct bodies_opened *out)
{
	out->pin = s->pin;
	out->able = (struct bodies_capabilities){
		.told = s->capabilities.told, .oaep = s->capabilities.oaep,
		.ciphers = s->capabilities.ciphers,
	};
	if (s->sent && s->card)
		out->card = (struct bodies_card *)(void *)
			smime_card_keep(s->card);
}

static int take_part(const struct bodies_terms *t,
		     const struct bodies_given *in, struct smime_opened *o,
		     struct bodies_opened *new, struct smime_fault *f)
{
	bool binds = modes[t->mode].binds;
	struct buf frag = buf_of(ENTITY_MAX);
	bool bare = in->bare && binds;
	int r = in->words ? pick_words(&o->content, binds, bare, new, &frag, f)
			  : pick(&o->content, bare, &new->content, &frag, f);

	if (!r)
		r = check_covered(t, o, new, f);
	if (!r && binds)
		r = check_bound(t, in, &frag, new, f);
	if (!r)
		r = mark(&frag, &new->content, new->mark, f);
	buf_free(&frag);
	return r;
}

/* The key that came along is one of the dialog; none is as well. */
static int take_session(const struct smime_opened *o, struct bodies_opened *new,
			struct smime_fault *f)
{
	struct smime_kek kek;
	int r = smime_opened_kek(o, &kek);

	if (r)
		return r == E_NOTFOUND ? 0 : smime_fault(f, SMIME_MALFORMED,
			"a session key that cannot be read");
	memcpy(new->session.id, kek.id, sizeof new->session.id);
	new->session.id_len = kek.id_len;
	new->session.key = kek.key;
	wipe(&kek, sizeof kek);
	return 0;
}

static bool sender_hidden(const struct bodies_terms *t)
{
	return t->inward ? t->hides_caller : t->hides_callee;
}

/* From of a request names who sends it, of a response who does not. */
static enum smime_veil veil_of(const struct bodies_terms *t,
			       const struct bodies_given *in)
{
	bool response = smime_is_status((struct mime_bytes){ in->frag,
							     in->frag_len });
	bool by_caller = t->inward != response;
	bool from = by_caller ? t->hides_caller : t->hides_callee;
	bool to = by_caller ? t->hides_callee : t->hides_caller;

	return from && to ? SMIME_VEIL_PARTIES : from ? SMIME_VEIL_FROM
		: to ? SMIME_VEIL_TO : SMIME_VEIL_FIELDS;
}

/* Around it nobody may be named: the one within is who signed. */
static int check_sender(const struct bodies_terms *t,
			const struct smime_tunnelled *w, struct smime_fault *f)
{
	char id[IDENTITY_TEXT];
	int r = smime_sender((struct mime_bytes){ w->head.data, w->head.len },
			     id, f);

	if (!r && strcmp(id, t->remote_id))
		r = smime_fault(f, SMIME_MISMATCH, "within, it is in the name "
				"of %.64s", id);
	return r;
}

static int take_whole(const struct bodies_terms *t,
		      const struct bodies_given *in, struct smime_opened *o,
		      struct bodies_opened *new, struct smime_fault *f)
{
	const struct smime_when when = { t->wall_us, t->window_us };
	struct smime_tunnelled w;
	int r = smime_tunnel_read(&o->content.part[0],
				  (struct mime_bytes){ in->frag, in->frag_len },
				  veil_of(t, in), when, &w, f);

	if (r)
		return r;
	r = sender_hidden(t) ? check_sender(t, &w, f) : 0;
	if (!r)
		r = pick_whole(in, &w, new, f);
	smime_tunnelled_free(&w);
	if (!r)
		r = take_session(o, new, f);
	return r ? r : mark(&new->head, &new->content, new->mark, f);
}

/* All or nothing. */
static int take(const struct bodies_terms *t, const struct bodies_given *in,
		struct smime_opened *o, struct bodies_opened *out,
		struct smime_fault *f)
{
	struct bodies_opened new = { .fields = buf_of(MIME_HEAD_MAX),
				     .content = buf_of(ENTITY_MAX) };
	bool binds = modes[t->mode].binds;
	int r = is_whole(t) ? take_whole(t, in, o, &new, f)
			    : take_part(t, in, o, &new, f);

	if (r) {
		buf_free(&new.head);
		buf_free(&new.fields);
		buf_free(&new.content);
		wipe(&new.session, sizeof new.session);
		return r;
	}
	new.is_signed = binds;
	new.encrypted = o->encrypted;
	if (binds)
		keep_signer(&o->signer, &new);
	*out = new;
	return 0;
}

/* Of what may have no content; check_covered() looks whether it has none. */
static unsigned need_of(const struct bodies_terms *t,
			const struct bodies_given *in)
{
	unsigned need = modes[t->mode].need;

	return in->bare && modes[t->mode].binds && !is_whole(t)
		? need & ~(unsigned)SMIME_NEED_ENCRYPTED : need;
}

static int open_body(const struct bodies_terms *t,
		     const struct bodies_given *in, struct bodies_opened *out,
		     struct bodies_fault *why)
{
	const struct smime_card *known = card_of(t);
	struct smime_open how = {
		.terms = terms_of(t),
		.checking = { .id = t->remote_id, .known = &known,
			      .n_known = known ? 1 : 0, .peer = t->peer,
			      .legacy = t->legacy },
		.need = need_of(t, in),
	};
	struct smime_fault f = { .reason = SMIME_FINE };
	struct smime_kek kek[BODIES_SESSIONS];
	struct smime_opened o = { .n = 0 };
	struct mime_fields fields;
	int r = mime_fields_read((struct mime_bytes){ in->fields,
						      in->fields_len },
				 &fields);

	for (how.kek = kek; how.n_kek < t->n_session; how.n_kek++)
		kek[how.n_kek] = kek_of(&t->session[how.n_kek]);
	if (r)
		r = smime_fault(&f, SMIME_MALFORMED, "malformed Content- "
				"headers");
	else if (in->bare && !in->body_len)
		r = smime_fault(&f, SMIME_SIGNER_REFUSED, "nobody signed its "
				"headers");
	else
		r = smime_open(&how, &fields,
			       (struct mime_bytes){ in->body, in->body_len },
			       &o, &f);
	if (!r) {
		r = take(t, in, &o, out, &f);
		if (!r && o.n && o.layer[0].kek)
			out->by_session = (size_t)(o.layer[0].kek - kek) + 1;
		smime_opened_free(&o);
	}
	wipe(kek, sizeof kek);
	return r ? fail(&f, r, why) : 0;
}

/* -- certificates alone --------------------------------------------------- */

static int show(const struct bodies_terms *t, struct buf *fields,
		struct buf *body, struct bodies_fault *why)
{
	const struct smime_terms own = terms_of(t);
	struct smime_fault f = { .reason = SMIME_FINE };
	struct smime_sealed s = { .type = "" };
	int r = smime_certs_write(&own, false, &s, &f);

	if (r)
		return fail(&f, r, why);
	buf_printf(fields, "Content-Type: %s\r\nContent-Disposition: %s\r\n"
		   "Content-Transfer-Encoding: %s\r\n", s.type, s.disposition,
		   s.transfer);
	buf_put(body, s.body.data, s.body.len);
	smime_sealed_free(&s);
	return fields->err ? fields->err : body->err;
}

static int learn(const struct bodies_terms *t, const struct bodies_given *in,
		 struct bodies_opened *out, struct bodies_fault *why)
{
	const struct smime_terms own = terms_of(t);
	struct smime_fault f = { .reason = SMIME_FINE };
	struct smime_card *card = NULL;
	struct mime_fields fields;
	struct mime m = { .n = 0 };
	struct pin pin = { .state = PIN_NONE };
	int r = mime_fields_read((struct mime_bytes){ in->fields,
						      in->fields_len },
				 &fields);

	if (!r)
		r = mime_read(&fields, (struct mime_bytes){ in->body,
							    in->body_len }, &m);
	if (r)
		r = smime_fault(&f, SMIME_MALFORMED, "malformed MIME");
	else
		r = smime_certs_read(&own, &m.part[0], t->remote_id, &card,
				     &pin, &f);
	/* nobody signed it: whoever is on the way could have made it */
	if (!r && pin.state == PIN_NEW) {
		smime_card_free(card);
		r = smime_fault(&f, SMIME_SIGNER_REFUSED, "a certificate that "
				"nobody vouches for and no call has shown");
	}
	if (r)
		return fail(&f, r, why);
	*out = (struct bodies_opened){ .card = (struct bodies_card *)
						(void *)card };
	return 0;
}

static X509 *for_whom(const struct bodies_terms *t)
{
	STACK_OF(X509) *set = t->known ? NULL :
		credential_known(t->credential, t->peer);

	return t->known ? smime_card_leaf(card_of(t)) :
	       set ? sk_X509_value(set, 0) : NULL;
}

static bool uses(const struct bodies_terms *t, const struct bodies_card *c)
{
	X509 *now = for_whom(t);

	return modes[t->mode].form == SMIME_SIGN ||
	       (now && !X509_cmp(now, smime_card_leaf(
		       (const struct smime_card *)(const void *)c)));
}

static bool veils(const struct bodies_terms *t)
{
	X509 *x = for_whom(t);

	return x && certname_is_domain(x, t->remote_id);
}

static int whose(const struct bodies_terms *t, const struct bodies_given *in,
		 char id[static IDENTITY_TEXT], struct bodies_fault *why)
{
	const struct smime_terms own = terms_of(t);
	struct smime_fault f = { .reason = SMIME_FINE };
	struct mime_fields fields;
	int r = mime_fields_read((struct mime_bytes){ in->fields,
						      in->fields_len },
				 &fields)
		? smime_fault(&f, SMIME_MALFORMED, "malformed Content- headers")
		: smime_whose(&own, t->legacy, &fields,
			      (struct mime_bytes){ in->body, in->body_len },
			      id, &f);

	return r ? fail(&f, r, why) : 0;
}

static bool reaches(const struct bodies_terms *t)
{
	return modes[t->mode].form == SMIME_SIGN || for_whom(t);
}

/* -- the module ----------------------------------------------------------- */

const struct bodies smime_bodies = {
	.name = "smime", .seal = seal, .open = open_body, .show = show,
	.learn = learn, .uses = uses, .reaches = reaches,
	.whose = whose, .veils = veils,
	.card_free = card_free,
};
static const char *const provides[] = { "bodies", NULL };

static int start(struct core *core, const struct conf *c, void **state)
{
	int r = core_register(core, "bodies", smime_bodies.name,
			      &smime_bodies);

	(void)c;
	if (!r)
		*state = NULL;
	return r;
}

static void stop(void *state)
{
	(void)state; /* nothing is kept */
}

extern const struct module smime_module;

const struct module smime_module = {
	.name = "smime",
	.process = PROC_KEEPER,
	.provides = provides,
	.start = start,
	.stop = stop,
};
