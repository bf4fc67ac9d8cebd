/* sign.c - see sign.h.
 *
 * The SIGN payload is the last one and signs everything before its signature
 * field (RFC 3830 5.2). Who signed is told by the CERT payloads alone: a
 * chain, the leaf first, up to an anchor that the operator named; the names in
 * the leaf must hold for the identity that the call has. A certificate by URL
 * is not fetched: the keeper has no network. Our key and
 * the configuration choose the type of our signature; we take each that fits
 * the far end's key. */
#include "modules/mikey/sign.h"

#include "daemon/base/err.h"
#include "modules/mikey/error.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/outgoing.h"

#include <string.h>

int mikey_sign_terms(const struct keying_terms *t, struct keying_fault *fault)
{
	struct credential_fault why;
	int r;

	if (t->trust.tofu ? !credential_proves(t->credential)
			  : !credential_ready(t->credential))
		return mikey_fault(fault, E_POLICY, "there is no certificate "
				   "of ours, or nobody to believe: set "
				   "identity and trust");
	r = mikey_terms(t, fault);
	if (!r && (r = credential_holds(t->credential, t->local_id, &why)))
		mikey_fault(fault, r, "%s", why.text);
	return r;
}

int mikey_open_terms(const struct keying_terms *t, struct keying_fault *fault)
{
	int r = mikey_sign_terms(t, fault);

	if (!r && !credential_opens(t->credential))
		r = mikey_fault(fault, E_POLICY, "our own key is on a curve "
				"and can receive no keys: set a profile with "
				"mikey-ecdh or mikey-dh");
	return r;
}

void mikey_sign_certs(const struct credential *c, struct mikey_message *m)
{
	struct der chain[CHAIN_MAX];
	size_t n = credential_chain(c, chain);

	for (size_t i = 0; i < n; i++)
		mikey_add(m, MIKEY_CERT, MIKEY_CERT_X509)->data =
			(struct mikey_bytes){ chain[i].p, chain[i].len };
}

static struct der der_of(struct mikey_bytes b)
{
	return (struct der){ b.p, b.len };
}

#define RUNS 4
#define SIGN_HEAD 2 /* bytes of S type and length */

/* What a signature covers. */
static void runs_of(struct mikey_bytes before,
		    const struct mikey_covered *also, struct der run[RUNS],
		    size_t *n)
{
	if (also)
		before.len -= SIGN_HEAD;
	run[0] = der_of(before);
	*n = 1;
	if (!also)
		return;
	run[1] = der_of(also->id_i);
	run[2] = der_of(also->id_r);
	run[3] = der_of(also->stamp);
	*n = RUNS;
}

int mikey_encode_signed(struct mikey_message *m, const struct credential *c,
			const struct mikey_covered *also, struct buf *out)
{
	static const uint8_t zero[SIGNATURE_MAX];
	size_t len = credential_signature_len(c), from = out->len, n;
	struct mikey_bytes before;
	struct der run[RUNS];
	int r;

	mikey_add(m, MIKEY_SIGN, (uint8_t)credential_signature(c))->data =
		(struct mikey_bytes){ zero, len };
	r = mikey_encode(m, out);
	if (r)
		return r;
	before.p = out->data + from;
	before.len = out->len - from - len;
	runs_of(before, also, run, &n);
	return credential_sign(c, credential_signature(c), run, n,
			       out->data + out->len - len);
}

/* The chain that signs. */
static int chain_of(const struct mikey_message *m, struct der *chain,
		    size_t *n, struct keying_fault *fault)
{
	const struct mikey_payload *p;
	size_t i = 0;

	for (; (p = mikey_find(m, MIKEY_CERT, i)); i++) {
		if (p->kind != MIKEY_CERT_X509 && p->kind != MIKEY_CERT_SIGN)
			return mikey_fault(fault, E_UNSUPPORTED, "the MIKEY "
					   "message has a certificate of type "
					   "%u: %s", p->kind,
					   p->kind == MIKEY_CERT_URL
						   ? "a URL is not fetched"
						   : "one for signatures is "
						     "wanted");
		if (i == CHAIN_MAX)
			return mikey_fault(fault, E_UNSUPPORTED, "the MIKEY "
					   "message has too many certificates");
		chain[i] = der_of(p->data);
	}
	*n = i;
	return 0;
}

/* RFC 3830 3.2: certificates may be left out when the far end has them: then
 * the one that is configured for the peer counts. */
static int certificate_of(const struct mikey_signed *s,
			  struct certificate **cert,
			  struct keying_fault *fault)
{
	const struct credential_ask ask = { s->use, s->id, s->wall_us,
					    s->trust };
	struct credential_fault why;
	struct der chain[CHAIN_MAX];
	size_t n = 0;
	int r = chain_of(s->m, chain, &n, fault);

	if (r)
		return r;
	r = n ? credential_verify(s->credential, chain, n, &ask, cert, &why)
	      : s->peer ? credential_peer(s->credential, s->peer, &ask, cert,
					  &why)
			: E_NOTFOUND;
	if (!n && r == E_NOTFOUND)
		return mikey_fault(fault, E_AUTH, "the MIKEY message has no "
				   "certificate: who signed it is not known");
	return r ? mikey_fault(fault, r, "%s", why.text) : 0;
}

static int check_signature(const struct mikey_signed *s,
			   const struct certificate *cert,
			   struct keying_fault *fault)
{
	const struct mikey_payload *sign = &s->m->payload[s->m->n - 1];
	struct mikey_bytes before = s->bytes;
	struct der run[RUNS];
	size_t n;
	int r;

	before.len -= sign->data.len;
	runs_of(before, s->also, run, &n);
	r = certificate_signed(cert, sign->kind, run, n, der_of(sign->data));
	if (r == E_AUTH)
		return mikey_fault(fault, r, "the signature of the MIKEY "
				   "message is wrong");
	return r ? mikey_fault(fault, r, "the signature of the MIKEY message "
			       "(type %u) cannot be checked: %s", sign->kind,
			       err_text(r)) : 0;
}

int mikey_sign_check(const struct mikey_signed *s, struct certificate **out,
		     struct keying_fault *fault)
{
	struct certificate *cert = NULL;
	int r;

	if (!s->m->n || s->m->payload[s->m->n - 1].type != MIKEY_SIGN)
		return mikey_fault(fault, E_AUTH, "the MIKEY message is not "
				   "signed");
	r = certificate_of(s, &cert, fault);
	if (r)
		return r;
	r = check_signature(s, cert, fault);
	if (!r && s->result)
		s->result->pin = *certificate_pin(cert);
	else if (!r && certificate_pin(cert)->state)
		r = E_INTERNAL; /* a pin that nobody would hear of */
	if (!r && out)
		*out = cert;
	else
		certificate_free(cert);
	return r;
}

int mikey_sign_answer(const struct mikey_outgoing *o, unsigned type,
		      struct mikey_bytes bytes, struct mikey_message *m,
		      struct keying_fault *fault)
{
	int r = mikey_outgoing_read(o, type, bytes, m, fault);
	char who[IDENTITY_TEXT];

	if (r)
		return r;
	if (m->data_type == MIKEY_ERROR) /* nobody signs one */
		return mikey_error_read(m, false, fault);
	return mikey_outgoing_who(o, mikey_find(m, MIKEY_ID, 0), who, fault);
}
