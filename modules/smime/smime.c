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
 *   body/              what of a SIP message is sealed how, and taken
 *   kek.c              session keys
 *   algorithm.c, capability.c   what is taken and sent
 *
 * What is signed is SDP, or the words of a MESSAGE, with a fragment of the
 * message's own header beside it, so that neither can be pasted into another
 * message; or the message as a whole. */
#include "modules/smime/smime.h"

#include "daemon/base/err.h"
#include "daemon/keeper/certs/certname.h"
#include "daemon/keeper/certs/credential_cms.h"
#include "daemon/module.h"
#include "modules/smime/body/mode.h"
#include "modules/smime/body/opening.h"
#include "modules/smime/body/sealing.h"
#include "modules/smime/certs.h"
#include "modules/smime/message/whose.h"

static void card_free(struct bodies_card *c)
{
	smime_card_free((struct smime_card *)(void *)c);
}

/* -- certificates alone --------------------------------------------------- */

static int show(const struct bodies_terms *t, struct buf *fields,
		struct buf *body, struct bodies_fault *why)
{
	const struct smime_terms own = body_terms(t);
	struct smime_fault f = { .reason = SMIME_FINE };
	struct smime_sealed s = { .type = "" };
	int r = smime_certs_write(&own, false, &s, &f);

	if (r)
		return body_fail(&f, r, why);
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
	const struct smime_terms own = body_terms(t);
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
		return body_fail(&f, r, why);
	*out = (struct bodies_opened){ .card = (struct bodies_card *)
						(void *)card };
	return 0;
}

static X509 *for_whom(const struct bodies_terms *t)
{
	STACK_OF(X509) *set = t->known ? NULL :
		credential_known(t->credential, t->peer);

	return t->known ? smime_card_leaf(body_card(t)) :
	       set ? sk_X509_value(set, 0) : NULL;
}

static bool uses(const struct bodies_terms *t, const struct bodies_card *c)
{
	X509 *now = for_whom(t);

	return body_mode(t)->form == SMIME_SIGN ||
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
	const struct smime_terms own = body_terms(t);
	struct smime_fault f = { .reason = SMIME_FINE };
	struct mime_fields fields;
	int r = mime_fields_read((struct mime_bytes){ in->fields,
						      in->fields_len },
				 &fields)
		? smime_fault(&f, SMIME_MALFORMED, "malformed Content- headers")
		: smime_whose(&own, t->legacy, &fields,
			      (struct mime_bytes){ in->body, in->body_len },
			      id, &f);

	return r ? body_fail(&f, r, why) : 0;
}

static int names(const uint8_t *frag, size_t len, struct bodies_names *out)
{
	struct smime_fault f = { .reason = SMIME_FINE };

	return smime_names((struct mime_bytes){ frag, len }, out, &f)
		? E_FORMAT : 0;
}

static bool reaches(const struct bodies_terms *t)
{
	return body_mode(t)->form == SMIME_SIGN || for_whom(t);
}

/* -- the module ----------------------------------------------------------- */

const struct bodies smime_bodies = {
	.name = "smime", .seal = body_seal, .open = body_open, .show = show,
	.learn = learn, .uses = uses, .reaches = reaches,
	.whose = whose, .names = names, .veils = veils,
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
