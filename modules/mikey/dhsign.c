/* dhsign.c - signed Diffie-Hellman (RFC 3830 3.3), both sides, in OAKLEY 5
 * ("mikey-dh") or on a curve ("mikey-ecdh", doc/MIKEY-ECC.md).
 *
 *   I_MESSAGE = HDR, T, RAND, IDi, IDr, SP, SDP IDs, CERTi, DHi, SIGNi
 *   R_MESSAGE = HDR, T, IDr, CERTr, IDi, DHr, DHi, SIGNr
 *
 * The TGK is g^(xi xr), both values are signed, the answer repeats the
 * offer's. Whoever gets a private key of a certificate later opens no call of
 * today, and no certificate has to be known before. Each forked answer has its
 * own key. The values are new for each exchange.
 *
 * What the far end signed it has not used yet when we answer: the answerer's
 * keys are not confirmed.
 *
 * An update of the bundle (4.5) is the same without RAND, with fresh values.
 *
 * The two differ in the group alone; an offer's group tells which of them it is
 * for. The curve of our offers is as strong as the first suite. */
#include "modules/mikey/dhsign.h"

#include "daemon/base/err.h"
#include "modules/mikey/agreement.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/incoming.h"
#include "modules/mikey/map.h"
#include "modules/mikey/outgoing.h"
#include "modules/mikey/ranks.h"
#include "modules/mikey/sign.h"

#include <stdlib.h>
#include <string.h>

struct keying_pending {
	struct mikey_outgoing o;
	struct credential *own; /* an owner of it */
	struct mikey_dh *dh;
	const char *method; /* its name */
};

static unsigned group_for(const struct keying_terms *t, bool curves)
{
	return curves ? mikey_dh_curve_for(mikey_rank_tgk(t))
		      : (unsigned)MIKEY_OAKLEY_5;
}

/* -- offer ---------------------------------------------------------------- */

static int write_offer(const struct keying_pending *p, struct buf *out)
{
	struct buf params = buf_of(64);
	struct mikey_message m;
	int r = mikey_outgoing_head(&p->o, MIKEY_DH_INIT, &params, &m);

	if (!r) {
		mikey_sign_certs(p->own, &m);
		mikey_agreement_add(&m, p->dh, mikey_outgoing_kv(&p->o));
		r = mikey_encode_signed(&m, p->own, NULL, out);
	}
	buf_free(&params);
	return r;
}

static int make_offer(const struct keying_terms *t, bool curves,
		      struct keying_pending *p, struct buf *out)
{
	int r = mikey_outgoing_draw(t, &p->o);

	p->o.verify = true; /* RFC 3830 6.1: with DH a response must come */
	if (!r)
		r = mikey_dh_new(group_for(t, curves), &p->dh);
	return r ? r : write_offer(p, out);
}

static void drop(struct keying_pending *p)
{
	if (!p)
		return;
	mikey_outgoing_free(&p->o);
	mikey_dh_free(p->dh);
	credential_free(p->own);
	free(p);
}

static int offer(const struct keying_terms *t, bool curves, struct buf *out,
		 struct keying_pending **pending, struct keying_fault *fault)
{
	struct keying_pending *p;
	int r = mikey_sign_terms(t, fault);

	if (r)
		return r;
	p = calloc(1, sizeof *p);
	if (!p)
		return mikey_fault(fault, E_NOMEM, "out of memory");
	p->own = credential_keep(t->credential);
	p->method = curves ? mikey_ecdh.name : mikey_dhsign.name;
	r = make_offer(t, curves, p, out);
	if (r) {
		drop(p);
		return mikey_outgoing_failed(r, out, fault);
	}
	*pending = p;
	return 0;
}

static int offer_dh(const struct keying_terms *t, struct buf *out,
		    struct keying_pending **pending,
		    struct keying_result *early, struct keying_fault *fault)
{
	int r = offer(t, false, out, pending, fault);

	if (!r)
		early->n = 0;
	return r;
}

static int offer_ecdh(const struct keying_terms *t, struct buf *out,
		      struct keying_pending **pending,
		      struct keying_result *early, struct keying_fault *fault)
{
	int r = offer(t, true, out, pending, fault);

	if (!r)
		early->n = 0;
	return r;
}

/* -- answer --------------------------------------------------------------- */

/* One offer on its way through the steps. Secret: wipe it. */
struct answer {
	struct mikey_incoming in;
	const struct mikey_payload *dh_i;
	struct mikey_dh *dh;
	struct keying_result result;
};

#define REFUSE(a, ...) MIKEY_REFUSE(&(a)->in, __VA_ARGS__)

static int check_shape(struct answer *a)
{
	static const uint8_t stray[] = { MIKEY_KEMAC, MIKEY_PKE, MIKEY_CHASH,
					 MIKEY_V, MIKEY_ERR };
	int r = mikey_incoming_decode(&a->in, MIKEY_DH_INIT);

	if (r)
		return r;
	a->dh_i = mikey_find(&a->in.offer, MIKEY_DH, 0);
	if (!a->dh_i || mikey_find(&a->in.offer, MIKEY_DH, 1))
		return REFUSE(a, E_FORMAT, MIKEY_ERR_OTHER, "the MIKEY offer "
			      "has not one public value");
	r = mikey_incoming_shape(&a->in, stray, sizeof stray);
	return r ? r : mikey_incoming_stamp(&a->in);
}

static int prove(struct answer *a)
{
	const struct mikey_signed s = {
		.credential = a->in.t->credential, .m = &a->in.offer,
		.bytes = a->in.bytes, .use = CERTIFICATE_SIGNS,
		.id = a->in.t->remote_id, .wall_us = a->in.t->wall_us,
		.trust = a->in.t->trust, .peer = a->in.t->peer,
		.result = &a->result,
	};
	int r = mikey_sign_check(&s, NULL, a->in.fault);

	a->in.error_no = r == E_AUTH ? MIKEY_ERR_AUTH : MIKEY_ERR_CERT;
	if (!r)
		mikey_incoming_proven(&a->in, NULL);
	return r;
}

static int check_terms(struct answer *a)
{
	return mikey_incoming_terms(&a->in);
}

static int agree(struct answer *a)
{
	return mikey_agreement_answer(&a->in, a->dh_i, &a->dh, &a->result);
}

static const struct {
	int (*step)(struct answer *a);
	bool dear; /* left out by a mere check */
} steps[] = {
	{ check_shape, false }, { prove, false }, { check_terms, false },
	{ agree, true },
};

static int respond(struct answer *a, struct buf *out)
{
	struct mikey_incoming *in = &a->in;
	struct mikey_message m;

	mikey_incoming_begin(in, MIKEY_DH_RESPONSE, &m);
	mikey_sign_certs(in->t->credential, &m);
	mikey_incoming_add_id_i(in, &m);
	mikey_agreement_back(&m, a->dh, a->dh_i);
	mikey_map_add_policy(in, &m);
	mikey_rank_add(in->t, &m);
	return mikey_encode_signed(&m, in->t->credential, NULL, out);
}

static int run(struct answer *a, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && !r; i++)
		if (!a->in.t->check || !steps[i].dear)
			r = steps[i].step(a);
	if (r)
		return mikey_incoming_report(&a->in, r, out);
	if (a->in.t->check) {
		mikey_incoming_checked(&a->in, &a->result);
		return 0;
	}
	return mikey_incoming_made(&a->in, respond(a, out), out);
}

static int answer(const struct mikey_incoming *in, struct buf *out,
		  struct keying_result *result)
{
	struct answer a = { .in = *in };
	int r = mikey_sign_terms(in->t, in->fault);

	if (r)
		return r;
	r = run(&a, out);
	if (!r)
		*result = a.result;
	mikey_dh_free(a.dh);
	wipe(&a, sizeof a);
	return r;
}

static int answer_dh(const struct keying_terms *t, const uint8_t *offer,
		     size_t len, struct buf *out, struct keying_result *result,
		     struct keying_fault *fault)
{
	const struct mikey_incoming in = { .t = t, .bytes = { offer, len },
					   .fault = fault,
					   .method = mikey_dhsign.name };

	return answer(&in, out, result);
}

static int answer_ecdh(const struct keying_terms *t, const uint8_t *offer,
		       size_t len, struct buf *out,
		       struct keying_result *result,
		       struct keying_fault *fault)
{
	const struct mikey_incoming in = { .t = t, .bytes = { offer, len },
					   .fault = fault, .curves = true,
					   .method = mikey_ecdh.name };

	return answer(&in, out, result);
}

/* -- finish --------------------------------------------------------------- */

static int check_response(const struct keying_pending *p,
			  const struct mikey_message *m,
			  struct keying_fault *fault)
{
	const struct mikey_payload *id = mikey_find(m, MIKEY_ID, 1);

	if (mikey_find(m, MIKEY_KEMAC, 0) || mikey_find(m, MIKEY_PKE, 0) ||
	    mikey_find(m, MIKEY_V, 0) || mikey_find(m, MIKEY_ERR, 0) ||
	    mikey_find(m, MIKEY_RAND, 0) || mikey_find(m, MIKEY_ID, 2))
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer has a "
				   "payload that does not belong there");
	if (!id || !mikey_same_identity(id->data,
					mikey_text_bytes(p->o.local_id)))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer is not "
				   "for %.64s", p->o.local_id);
	return mikey_agreement_check(&p->o, p->dh, m, fault);
}

static int finish(struct keying_pending *p, const uint8_t *answer, size_t len,
		  uint64_t wall_us, struct keying_result *result,
		  struct keying_fault *fault)
{
	struct mikey_bytes bytes = { answer, len };
	struct keying_result got = { .n = 0 };
	struct mikey_message m;
	char who[IDENTITY_TEXT];
	const struct mikey_signed s = {
		.credential = p->own, .m = &m, .bytes = bytes,
		.use = CERTIFICATE_SIGNS, .id = who, .wall_us = wall_us,
		.trust = p->o.trust, .result = &got,
	};
	int r = mikey_sign_answer(&p->o, MIKEY_DH_RESPONSE, bytes, &m, fault);

	if (!r)
		r = check_response(p, &m, fault);
	if (!r)
		r = mikey_outgoing_who(&p->o, mikey_find(&m, MIKEY_ID, 0), who,
				       fault);
	if (!r)
		r = mikey_sign_check(&s, NULL, fault);
	mikey_outgoing_result(&p->o, p->method, &got);
	if (!r)
		r = mikey_agreement_finish(&p->o, p->dh, &m, &got, fault);
	if (!r) {
		mikey_outgoing_named(&p->o, who, &got.facts);
		*result = got;
	}
	wipe(&got, sizeof got);
	return r;
}

/* Whether it is an offer whose value is on a curve, or is not. */
static bool takes(const uint8_t *offer, size_t len, bool curves)
{
	const struct mikey_payload *dh;
	struct mikey_message m;

	if (mikey_data_type(offer, len) != MIKEY_DH_INIT)
		return false;
	mikey_decode(offer, len, &m); /* what it holds is only looked at */
	dh = mikey_find(&m, MIKEY_DH, 0);
	return (dh && mikey_dh_is_curve(dh->kind)) == curves;
}

static bool takes_dh(const uint8_t *offer, size_t len)
{
	return takes(offer, len, false);
}

static bool takes_ecdh(const uint8_t *offer, size_t len)
{
	return takes(offer, len, true);
}

const struct keying mikey_dhsign = {
	.name = "mikey-dh",
	.protocol = "mikey",
	.certified = true,
	.dear = true,
	.takes = takes_dh,
	.outline = mikey_outline,
	.offer = offer_dh,
	.answer = answer_dh,
	.finish = finish,
	.drop = drop,
};

const struct keying mikey_ecdh = {
	.name = "mikey-ecdh",
	.protocol = "mikey",
	.certified = true,
	.dear = true,
	.takes = takes_ecdh,
	.outline = mikey_outline,
	.offer = offer_ecdh,
	.answer = answer_ecdh,
	.finish = finish,
	.drop = drop,
};
