/* opening.c - see opening.h. */
#include "modules/smime/body/opening.h"

#include "daemon/base/err.h"
#include "modules/smime/binding.h"
#include "modules/smime/body/mode.h"
#include "modules/smime/body/parts.h"
#include "modules/smime/date.h"
#include "modules/smime/message/tunnel.h"
#include "modules/smime/message/whose.h"

#include <openssl/evp.h>
#include <string.h>

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
	r = in->words ? body_pick_words(&m, false, in->bare, out, &none, f)
		      : body_pick(&m, false, &out->content, &none, f);
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
	return fine ? 0 : body_broken(f, E_INTERNAL);
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
	if (o->encrypted || !(body_mode(t)->need & SMIME_NEED_ENCRYPTED) ||
	    !(new->content.len || new->fields.len))
		return 0;
	return smime_fault(f, SMIME_MISSING, "it is not encrypted");
}

/* What is remembered of the signer, if it brought its certificate. */
static void keep_signer(struct smime_signer *s, struct bodies_opened *out)
{
	out->pin = s->pin;
	memcpy(out->other, s->other, sizeof out->other);
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
	bool binds = body_mode(t)->binds;
	struct buf frag = buf_of(ENTITY_MAX);
	bool bare = in->bare && binds;
	int r = in->words ? body_pick_words(&o->content, binds, bare, new,
					    &frag, f)
			  : body_pick(&o->content, bare, &new->content, &frag,
				      f);

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

/* Where it may be another's he must have said all of it himself: whoever signs
 * around what is encrypted or signed may not even have read it. */
static int check_author(const struct bodies_terms *t,
			const struct smime_opened *o, struct smime_fault *f)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		n += !o->layer[i].encrypted;
	if ((!o->others && !t->also) ||
	    (n == 1 && !o->layer[o->n - 1].encrypted))
		return 0;
	return smime_fault(f, SMIME_SIGNER_REFUSED, "by one signature within "
			   "all encryption it may be another's: around what "
			   "others sealed a signature says nothing");
}

/* All or nothing. */
static int take(const struct bodies_terms *t, const struct bodies_given *in,
		struct smime_opened *o, struct bodies_opened *out,
		struct smime_fault *f)
{
	struct bodies_opened new = { .fields = buf_of(MIME_HEAD_MAX),
				     .content = buf_of(ENTITY_MAX) };
	bool binds = body_mode(t)->binds;
	int r = check_author(t, o, f);

	if (!r)
		r = body_whole(t) ? take_whole(t, in, o, &new, f)
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
	unsigned need = body_mode(t)->need;

	return in->bare && body_mode(t)->binds && !body_whole(t)
		? need & ~(unsigned)SMIME_NEED_ENCRYPTED : need;
}

int body_open(const struct bodies_terms *t, const struct bodies_given *in,
	      struct bodies_opened *out, struct bodies_fault *why)
{
	const struct smime_card *known = body_card(t);
	struct smime_open how = {
		.terms = body_terms(t),
		.checking = { .id = t->remote_id, .known = &known,
			      .n_known = known ? 1 : 0, .peer = t->peer,
			      .also = t->also, .anybody = t->anybody,
			      .legacy = t->legacy },
		.need = need_of(t, in),
	};
	struct smime_fault f = { .reason = SMIME_FINE };
	struct smime_kek kek[BODIES_KEYS];
	struct smime_opened o = { .n = 0 };
	struct mime_fields fields;
	int r = mime_fields_read((struct mime_bytes){ in->fields,
						      in->fields_len },
				 &fields);

	for (how.kek = kek; how.n_kek < t->n_session; how.n_kek++)
		kek[how.n_kek] = body_kek(&t->session[how.n_kek]);
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
	return r ? body_fail(&f, r, why) : 0;
}
