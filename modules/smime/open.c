/* open.c - the body of a SIP message is opened. See open.h.
 *
 * The loop takes one layer off at a time; what is within must be a whole MIME
 * entity again. A type that only looks sealed (compressed-data, a multipart of
 * some other protocol) is refused, not passed through.
 *
 * Within encryption that does not authenticate, and that no signature outside
 * covers, every later fault is reported as "undecipherable": who changes the
 * ciphertext and watches the answers must not learn what it decrypts to. (A
 * call that rings is an answer, too: such a body, if nothing within is signed,
 * is authentic = false, and worth no more than that.) */
#include "modules/smime/open.h"

#include "daemon/base/err.h"

#include <strings.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof *(a))

/* One body being opened. */
struct opening {
	const struct smime_open *how;
	struct smime_opened *out;
	struct smime_fault *why;
	bool veiled; /* see above */
	struct mime_bytes next; /* the entity within the last layer */
};

typedef int (*layer_fn)(struct opening *, const struct mime_part *);

void smime_opened_free(struct smime_opened *o)
{
	if (o->is_signed)
		smime_signer_free(&o->signer);
	for (size_t i = 0; i < o->texts; i++)
		buf_free(&o->text[i]);
	*o = (struct smime_opened){ .n = 0 };
}

/* -- a part's bytes ------------------------------------------------------- */

/* The decoded body of a part; coded keeps it, if it had to be decoded. */
static int bytes_of(struct opening *o, const struct mime_part *p,
		    struct buf *coded, struct mime_bytes *out)
{
	int r = mime_plain(p) ? 0 : mime_decode(p, coded);

	if (r)
		return smime_fault_mime(o->why, r);
	*out = mime_plain(p) ? p->body : (struct mime_bytes){ coded->data,
							      coded->len };
	return 0;
}

/* Copies what must outlive the layer it was in. */
static int keep_text(struct opening *o, struct mime_bytes t)
{
	struct buf *b = &o->out->text[o->out->texts];

	*b = buf_of(MIME_BODY_MAX);
	buf_put(b, t.p, t.len);
	o->out->texts++;
	o->next = (struct mime_bytes){ b->data, b->len };
	return b->err ? smime_fault_mime(o->why, b->err) : 0;
}

/* -- the layers ----------------------------------------------------------- */

static int note_signer(struct opening *o, struct smime_signer *s,
		       bool detached)
{
	struct smime_opened *out = o->out;

	out->layer[out->n++] = (struct smime_layer){ .detached = detached };
	out->authentic = true;
	out->others = out->others || *s->other;
	if (out->is_signed) {
		smime_signer_free(s);
	} else {
		out->signer = *s;
		out->is_signed = true;
	}
	return 0;
}

static int check(struct opening *o, CMS_ContentInfo *cms,
		 const struct mime_bytes *detached, struct mime_bytes *inside)
{
	struct smime_signer s;
	int r = smime_check(&o->how->terms, &o->how->checking, cms, detached,
			    inside, &s, o->why);

	return r ? r : note_signer(o, &s, detached != NULL);
}

static int open_detached(struct opening *o, const struct mime_part *p)
{
	const struct mime_part *part = &o->out->content.part[p->first];
	struct buf coded = buf_of(MIME_BODY_MAX);
	CMS_ContentInfo *cms = NULL;
	struct mime_bytes der;
	char protocol[64];
	int r;

	if (mime_param(p->type.params, "protocol", protocol,
		       sizeof protocol) ||
	    (strcasecmp(protocol, "application/pkcs7-signature") &&
	     strcasecmp(protocol, "application/x-pkcs7-signature")))
		return smime_fault(o->why, SMIME_UNSUPPORTED, "multipart/"
				   "signed is not by S/MIME");
	if (!mime_type_is(&part[1].type, protocol))
		return smime_fault(o->why, SMIME_MALFORMED, "the second part "
				   "of multipart/signed is no signature");
	o->next = part[0].raw;
	r = bytes_of(o, &part[1], &coded, &der);
	if (!r)
		r = smime_cms_read(der, &cms, o->why);
	if (!r && OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		r = smime_fault(o->why, SMIME_MALFORMED, "the signature is no "
				"SignedData");
	if (!r)
		r = check(o, cms, &o->next, NULL);
	CMS_ContentInfo_free(cms);
	buf_free(&coded);
	return r;
}

static int open_opaque(struct opening *o, CMS_ContentInfo *cms)
{
	struct mime_bytes inside;
	int r = check(o, cms, NULL, &inside);

	return r ? r : keep_text(o, inside);
}

static int open_envelope(struct opening *o, CMS_ContentInfo *cms)
{
	const struct smime_unwrap u = { o->how->kek, o->how->n_kek,
					o->how->checking.legacy };
	struct smime_opened *out = o->out;
	struct buf *text = &out->text[out->texts];
	struct smime_unwrapped by;
	int r;

	*text = buf_of(MIME_BODY_MAX);
	r = smime_decrypt(&o->how->terms, &u, cms, text, &by, o->why);
	out->texts++; /* freed in any case */
	if (r)
		return r;
	out->layer[out->n++] = (struct smime_layer){
		.encrypted = true, .cipher = by.cipher, .kek = by.kek };
	out->encrypted = true;
	if (smime_cipher_aead(by.cipher))
		out->authentic = true;
	else if (!out->authentic)
		o->veiled = true;
	o->next = (struct mime_bytes){ text->data, text->len };
	return 0;
}

static int open_cms(struct opening *o, const struct mime_part *p)
{
	struct buf coded = buf_of(MIME_BODY_MAX);
	CMS_ContentInfo *cms = NULL;
	struct mime_bytes der;
	int r = bytes_of(o, p, &coded, &der);

	if (!r)
		r = smime_cms_read(der, &cms, o->why);
	buf_free(&coded);
	if (r)
		return r;
	switch (OBJ_obj2nid(CMS_get0_type(cms))) {
	case NID_pkcs7_signed:
		r = open_opaque(o, cms);
		break;
	case NID_pkcs7_enveloped:
	case NID_id_smime_ct_authEnvelopedData:
		r = open_envelope(o, cms);
		break;
	default:
		r = smime_fault(o->why, SMIME_UNSUPPORTED, "CMS of this type "
				"is not opened");
	}
	CMS_ContentInfo_free(cms);
	return r;
}

static int open_not(struct opening *o, const struct mime_part *p)
{
	(void)p;
	return smime_fault(o->why, SMIME_UNSUPPORTED, "it is sealed by a "
			   "method that is not known");
}

static const struct opener {
	const char *type;
	layer_fn fn;
} openers[] = {
	{ "multipart/signed", open_detached },
	{ "application/pkcs7-mime", open_cms },
	{ "application/x-pkcs7-mime", open_cms },
	{ "multipart/encrypted", open_not },
};

static layer_fn opener_of(const struct mime_part *p)
{
	for (size_t i = 0; i < N(openers); i++)
		if (mime_type_is(&p->type, openers[i].type))
			return openers[i].fn;
	return NULL;
}

/* -- the whole ------------------------------------------------------------ */

static int open_all(struct opening *o)
{
	struct mime *m = &o->out->content;
	layer_fn fn;
	int r = 0;

	while (!r && (fn = opener_of(&m->part[0]))) {
		if (o->out->n == SMIME_LAYERS)
			return smime_fault(o->why, SMIME_TOO_LARGE, "it is "
					   "sealed too often");
		r = fn(o, &m->part[0]);
		if (!r && (r = mime_read_entity(o->next, m)))
			r = smime_fault_mime(o->why, r);
	}
	return r;
}

static int check_need(const struct opening *o)
{
	const struct smime_opened *out = o->out;
	unsigned need = o->how->need;

	if (need & SMIME_NEED_SIGNED && !out->is_signed)
		return smime_fault(o->why, SMIME_MISSING, "it is not signed");
	if (need & SMIME_NEED_ENCRYPTED && !out->encrypted)
		return smime_fault(o->why, SMIME_MISSING, "it is not "
				   "encrypted");
	if (need & SMIME_NEED_HIDDEN && (!out->n || !out->layer[0].encrypted))
		return smime_fault(o->why, SMIME_MISSING, "its signer is not "
				   "hidden");
	return 0;
}

/* r: of reading content. */
static int run(struct opening *o, int r)
{
	if (r)
		r = smime_fault_mime(o->why, r);
	else
		r = open_all(o);
	if (!r)
		r = check_need(o);
	if (!r)
		return 0;
	if (o->veiled && o->why->reason != SMIME_BROKEN)
		r = smime_fault(o->why, SMIME_UNDECIPHERABLE,
				"it is not encrypted for us, or was changed");
	smime_opened_free(o->out);
	return r;
}

int smime_open(const struct smime_open *how, const struct mime_fields *fields,
	       struct mime_bytes body, struct smime_opened *out,
	       struct smime_fault *why)
{
	struct opening o = { .how = how, .out = out, .why = why };

	*out = (struct smime_opened){ .n = 0 };
	return run(&o, mime_read(fields, body, &out->content));
}

/* A key that only a stranger may have put there, or that everybody can read,
 * is none. */
int smime_opened_kek(const struct smime_opened *o, struct smime_kek *out)
{
	const struct mime_part *root = &o->content.part[0];
	struct smime_kek k;
	int r;

	if (!o->n || root->raw.p == root->body.p)
		return E_NOTFOUND;
	r = smime_kek_get((struct mime_bytes){ root->raw.p,
		(size_t)(root->body.p - root->raw.p) - 2 }, &k);
	if (!r && (!o->is_signed || !o->encrypted))
		r = E_POLICY;
	if (!r)
		*out = k;
	wipe(&k, sizeof k);
	return r;
}

int smime_open_part(const struct smime_open *how, const struct mime_part *part,
		    struct smime_opened *out, struct smime_fault *why)
{
	return smime_open(how, &part->fields, part->body, out, why);
}
