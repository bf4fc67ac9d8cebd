/* seal.c - a MIME entity becomes the body of a SIP message. See seal.h.
 *
 * Each form is one or two steps; what the first makes is an entity that the
 * second takes. Binary is what SIP carries (RFC 3261 23.3); what is signed is
 * taken byte for byte. */
#include "modules/smime/seal.h"

#include "daemon/base/err.h"
#include "daemon/mime/base64.h"
#include "daemon/mime/tree.h"
#include "daemon/mime/writer.h"

#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof *(a))
#define SEALED_MAX (2 * MIME_BODY_MAX) /* base64 within; the end is checked */

#define P7M_NAME ";name=smime.p7m"
#define P7M_DISPOSITION "attachment;handling=required;filename=smime.p7m"
#define P7S_DISPOSITION "attachment;handling=required;filename=smime.p7s"

typedef int (*step_fn)(const struct smime_seal *, struct mime_bytes,
		       struct smime_sealed *, struct smime_fault *);

static const char *transfer_of(const struct smime_seal *how)
{
	return how->base64 ? "base64" : how->terse ? NULL : "binary";
}

static int out_of(struct smime_fault *why, const struct buf *b)
{
	return !b->err ? 0 : smime_fault(why, b->err == E_SPACE
						      ? SMIME_TOO_LARGE
						      : SMIME_BROKEN,
					 "cannot seal: %s", err_text(b->err));
}

/* The body of an application/pkcs7-mime. */
static int put_p7m(const struct smime_seal *how, const char *what,
		   const struct buf *der, struct smime_sealed *out,
		   struct smime_fault *why)
{
	const struct mime_bytes all = { der->data, der->len };

	snprintf(out->type, sizeof out->type, "application/pkcs7-mime;"
		 "smime-type=%s%s", what, how->terse ? "" : P7M_NAME);
	out->disposition = how->terse ? NULL : P7M_DISPOSITION;
	out->transfer = transfer_of(how);
	if (how->base64)
		mime_base64_write(&out->body, all);
	else
		buf_put(&out->body, all.p, all.len);
	return out_of(why, &out->body);
}

static int step_encrypt(const struct smime_seal *how, struct mime_bytes entity,
			struct smime_sealed *out, struct smime_fault *why)
{
	struct buf der = buf_of(SEALED_MAX);
	int r = smime_encrypt(&how->terms, &how->envelope, entity, &der, why);

	if (!r)
		r = put_p7m(how, smime_cipher_aead(how->envelope.cipher)
					 ? "authEnveloped-data"
					 : "enveloped-data", &der, out, why);
	buf_free(&der);
	return r;
}

static int step_opaque(const struct smime_seal *how, struct mime_bytes entity,
		       struct smime_sealed *out, struct smime_fault *why)
{
	struct smime_signing s = how->signing;
	struct buf der = buf_of(SEALED_MAX);
	const char *micalg;
	int r;

	s.opaque = true;
	r = smime_sign(&how->terms, &s, entity, &der, &micalg, why);
	if (!r)
		r = put_p7m(how, "signed-data", &der, out, why);
	buf_free(&der);
	return r;
}

static int put_signed(const struct smime_seal *how, struct mime_bytes entity,
		      const struct buf *der, const char *micalg,
		      struct smime_sealed *out, struct smime_fault *why)
{
	const struct mime_head head = {
		.type = "application/pkcs7-signature;name=smime.p7s",
		.disposition = P7S_DISPOSITION,
		.transfer = transfer_of(how),
	};
	struct buf p7s = buf_of(SEALED_MAX);
	struct mime_bytes part[2] = { entity, { NULL, 0 } };
	char boundary[MIME_BOUNDARY_TEXT];
	int r;

	mime_put_entity(&p7s, &head, (struct mime_bytes){ der->data,
							  der->len });
	part[1] = (struct mime_bytes){ p7s.data, p7s.len };
	r = out_of(why, &p7s);
	if (!r && mime_boundary(boundary, part, N(part)))
		r = smime_fault(why, SMIME_BROKEN, "no random numbers");
	if (!r) {
		snprintf(out->type, sizeof out->type, "multipart/signed;"
			 "protocol=\"application/pkcs7-signature\";"
			 "micalg=%s;boundary=%s", micalg, boundary);
		mime_put_multipart(&out->body, boundary, part, N(part));
		r = out_of(why, &out->body);
	}
	buf_free(&p7s);
	return r;
}

static int step_sign(const struct smime_seal *how, struct mime_bytes entity,
		     struct smime_sealed *out, struct smime_fault *why)
{
	struct smime_signing s = how->signing;
	struct buf der = buf_of(SEALED_MAX);
	const char *micalg = NULL;
	int r;

	s.opaque = false;
	r = smime_sign(&how->terms, &s, entity, &der, &micalg, why);
	if (!r)
		r = put_signed(how, entity, &der, micalg, out, why);
	buf_free(&der);
	return r;
}

static const step_fn forms[SMIME_FORMS][2] = {
	[SMIME_SIGN] = { step_sign },
	[SMIME_SIGN_OPAQUE] = { step_opaque },
	[SMIME_ENCRYPT] = { step_encrypt },
	[SMIME_ENCRYPT_SIGN] = { step_encrypt, step_sign },
	[SMIME_SIGN_ENCRYPT] = { step_sign, step_encrypt },
	[SMIME_OPAQUE_ENCRYPT] = { step_opaque, step_encrypt },
};

/* What one step made is the next one's entity. */
static int run_second(const struct smime_seal *how, step_fn step,
		      struct smime_sealed *s, struct smime_fault *why)
{
	const struct mime_head head = { .type = s->type,
					.disposition = s->disposition,
					.transfer = s->transfer };
	struct smime_sealed next = { .body = buf_of(MIME_BODY_MAX) };
	struct buf entity = buf_of(SEALED_MAX);
	int r;

	/* encoded already: only its fields are put before it */
	mime_put_fields(&entity, &head);
	buf_put(&entity, s->body.data, s->body.len);
	r = out_of(why, &entity);
	if (!r)
		r = step(how, (struct mime_bytes){ entity.data, entity.len },
			 &next, why);
	buf_free(&entity);
	if (r) {
		smime_sealed_free(&next);
		return r;
	}
	smime_sealed_free(s);
	*s = next;
	return 0;
}

int smime_seal(const struct smime_seal *how, struct mime_bytes entity,
	       struct smime_sealed *out, struct smime_fault *why)
{
	struct smime_sealed s = { .body = buf_of(MIME_BODY_MAX) };
	int r;

	if ((unsigned)how->form >= SMIME_FORMS)
		return smime_fault(why, SMIME_OURS, "no such form");
	r = forms[how->form][0](how, entity, &s, why);
	if (!r && forms[how->form][1])
		r = run_second(how, forms[how->form][1], &s, why);
	if (r)
		smime_sealed_free(&s);
	else
		*out = s;
	return r;
}

void smime_sealed_free(struct smime_sealed *s)
{
	buf_free(&s->body);
}
