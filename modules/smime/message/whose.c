/* whose.c - see whose.h.
 *
 * Takes two layers off, the envelope and the signature, and no more than two:
 * that is the only form in which a sender is hidden (SMIME_OPAQUE_ENCRYPT). */
#include "modules/smime/message/whose.h"

#include "daemon/base/err.h"
#include "daemon/mime/tree.h"
#include "daemon/uri.h"
#include "modules/smime/envelope.h"
#include "modules/smime/fragment.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define URI_MAX 512

static int nobody(struct smime_fault *why)
{
	return smime_fault(why, SMIME_MALFORMED, "what is sealed is no message "
			   "that names its sender");
}

/* As the engine writes an identity: without port and parameters. */
static int put_identity(struct mime_bytes uri, char out[static IDENTITY_TEXT],
			struct smime_fault *why)
{
	char text[URI_MAX];

	if (!uri.len || uri.len >= sizeof text || memchr(uri.p, 0, uri.len))
		return nobody(why);
	memcpy(text, uri.p, uri.len);
	text[uri.len] = 0;
	return uri_identity(text, out) ? 0 : nobody(why);
}

int smime_sender(struct mime_bytes head, char out[static IDENTITY_TEXT],
		 struct smime_fault *why)
{
	struct smime_fragment f;
	struct mime_bytes uri, tag;
	const char *field;
	int r = smime_fragment_read(head, true, &f, why);

	if (r)
		return r;
	field = smime_is_status(f.start) ? "To" : "From";
	if (smime_fragment_get(&f, field, 1).p ||
	    smime_address_read(smime_fragment_get(&f, field, 0), &uri, &tag))
		return nobody(why);
	return put_identity(uri, out, why);
}

static bool is_sip(struct mime_bytes uri)
{
	return (uri.len > 4 && !strncasecmp((const char *)uri.p, "sip:", 4)) ||
	       (uri.len > 5 && !strncasecmp((const char *)uri.p, "sips:", 5));
}

/* A number is nobody's by a certificate, and is left out. */
static int read_name(const struct smime_fragment *f, const char *field,
		     char id[static IDENTITY_TEXT], char tag[static BODIES_TAG],
		     struct smime_fault *why)
{
	struct mime_bytes uri, t;

	if (smime_fragment_get(f, field, 1).p ||
	    smime_address_read(smime_fragment_get(f, field, 0), &uri, &t))
		return nobody(why);
	if (t.len && t.len < BODIES_TAG)
		memcpy(tag, t.p, t.len);
	return is_sip(uri) ? put_identity(uri, id, why) : 0;
}

static bool ends_in(struct mime_bytes text, const char *word)
{
	size_t n = strlen(word);

	return text.len > n && !memcmp(text.p + text.len - n, word, n);
}

int smime_names(struct mime_bytes head, struct bodies_names *out,
		struct smime_fault *why)
{
	struct bodies_names names = { .response = false };
	struct smime_fragment f;
	int r = smime_fragment_read(head, false, &f, why);

	if (!r)
		r = read_name(&f, "From", names.from, names.from_tag, why);
	if (!r)
		r = read_name(&f, "To", names.to, names.to_tag, why);
	if (r)
		return r;
	names.response = smime_is_status(f.start);
	names.invite = ends_in(smime_fragment_get(&f, "CSeq", 0), " INVITE");
	names.update = ends_in(smime_fragment_get(&f, "CSeq", 0), " UPDATE");
	*out = names;
	return 0;
}

/* The CMS that a part is; *out is the caller's. */
static int cms_of(const struct mime_part *p, CMS_ContentInfo **out,
		  struct smime_fault *why)
{
	struct buf der = buf_of(MIME_BODY_MAX);
	int r;

	if (!mime_type_is(&p->type, "application/pkcs7-mime") &&
	    !mime_type_is(&p->type, "application/x-pkcs7-mime"))
		return nobody(why);
	r = mime_decode(p, &der);
	if (r)
		r = smime_fault_mime(why, r);
	else
		r = smime_cms_read((struct mime_bytes){ der.data, der.len },
				   out, why);
	buf_free(&der);
	return r;
}

static int decrypt(const struct smime_terms *t, bool legacy,
		   const struct mime_part *p, struct buf *text,
		   struct smime_fault *why)
{
	const struct smime_unwrap u = { .legacy = legacy };
	struct smime_unwrapped by;
	CMS_ContentInfo *cms = NULL;
	int r = cms_of(p, &cms, why), type;

	if (r)
		return r;
	type = OBJ_obj2nid(CMS_get0_type(cms));
	r = type == NID_pkcs7_enveloped ||
	    type == NID_id_smime_ct_authEnvelopedData
		? smime_decrypt(t, &u, cms, text, &by, why) : nobody(why);
	CMS_ContentInfo_free(cms);
	return r;
}

/* Of an entity that is message/sip. */
static int sender_of(struct mime_bytes entity, char out[static IDENTITY_TEXT],
		     struct smime_fault *why)
{
	struct buf text = buf_of(MIME_BODY_MAX);
	struct mime m = { .n = 0 };
	int r = mime_read_entity(entity, &m);

	if (r)
		return smime_fault_mime(why, r);
	if (!mime_type_is(&m.part[0].type, "message/sip"))
		return nobody(why);
	r = mime_decode(&m.part[0], &text);
	if (r)
		r = smime_fault_mime(why, r);
	else
		r = smime_sender((struct mime_bytes){ text.data, text.len },
				 out, why);
	buf_free(&text);
	return r;
}

/* Of an entity that is an opaque signature. */
static int signed_sender(struct mime_bytes entity,
			 char out[static IDENTITY_TEXT],
			 struct smime_fault *why)
{
	struct mime m = { .n = 0 };
	CMS_ContentInfo *cms = NULL;
	ASN1_OCTET_STRING **inside;
	int r = mime_read_entity(entity, &m);

	r = r ? smime_fault_mime(why, r) : cms_of(&m.part[0], &cms, why);
	if (r)
		return r;
	inside = OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed
		? CMS_get0_content(cms) : NULL;
	r = inside && *inside
		? sender_of((struct mime_bytes){
			ASN1_STRING_get0_data(*inside),
			(size_t)ASN1_STRING_length(*inside) }, out, why)
		: nobody(why);
	CMS_ContentInfo_free(cms);
	return r;
}

int smime_whose(const struct smime_terms *t, bool legacy,
		const struct mime_fields *fields, struct mime_bytes body,
		char out[static IDENTITY_TEXT], struct smime_fault *why)
{
	struct buf text = buf_of(MIME_BODY_MAX);
	struct mime m = { .n = 0 };
	int r = mime_read(fields, body, &m);

	r = r ? smime_fault_mime(why, r)
	      : decrypt(t, legacy, &m.part[0], &text, why);
	if (!r)
		r = signed_sender((struct mime_bytes){ text.data, text.len },
				  out, why);
	buf_free(&text);
	return r;
}
