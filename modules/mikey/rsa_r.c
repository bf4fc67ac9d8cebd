/* rsa_r.c - public-key encryption in reverse mode (RFC 4738), both sides.
 *
 *   I_MESSAGE = HDR, T, RAND, IDi, IDr, SP, SDP IDs, CERTi, SIGNi
 *   R_MESSAGE = HDR, T, IDr, CERTr, SP, KEMAC, PKE, SIGNr
 *
 * The initiator asks; the responder draws the TGK and seals it with the
 * certificate that came along, so that no certificate has to be known
 * before, and every forked answer has its own key. SIGNr covers IDi, IDr and T
 * behind the message and leaves the SIGN payload itself out (3.6).
 *
 * What we answered the far end can open at once, but has not shown yet that it
 * did: the answerer's keys are not confirmed.
 *
 * Not done: groups (3.2: a new CSB ID), offers without RAND or SP,
 * certificates by URL (3.8: the keeper has no network) and OCSP. */
#include "modules/mikey/rsa_r.h"

#include "daemon/base/err.h"
#include "modules/mikey/envelope.h"
#include "modules/mikey/incoming.h"
#include "modules/mikey/map.h"
#include "modules/mikey/outgoing.h"
#include "modules/mikey/ranks.h"
#include "modules/mikey/session.h"
#include "modules/mikey/sign.h"

#include <stdlib.h>
#include <string.h>

struct keying_pending {
	struct mikey_outgoing o;
	struct credential *own; /* an owner of it */
};

/* -- offer ---------------------------------------------------------------- */

static int write_offer(const struct keying_pending *p, struct buf *out)
{
	struct buf params = buf_of(64);
	struct mikey_message m;
	int r = mikey_outgoing_head(&p->o, MIKEY_RSAR_INIT, &params, &m);

	if (!r) {
		mikey_sign_certs(p->own, &m);
		r = mikey_encode_signed(&m, p->own, NULL, out);
	}
	buf_free(&params);
	return r;
}

static void drop(struct keying_pending *p)
{
	if (!p)
		return;
	mikey_outgoing_free(&p->o);
	credential_free(p->own);
	free(p);
}

static int offer(const struct keying_terms *t, struct buf *out,
		 struct keying_pending **pending, struct keying_result *early,
		 struct keying_fault *fault)
{
	struct keying_pending *p;
	int r = mikey_open_terms(t, fault);

	if (r)
		return r;
	p = calloc(1, sizeof *p);
	if (!p)
		return mikey_fault(fault, E_NOMEM, "out of memory");
	p->own = credential_keep(t->credential);
	r = mikey_outgoing_draw(t, &p->o);
	p->o.verify = true; /* 3.4: MUST be set */
	if (!r)
		r = write_offer(p, out);
	if (r) {
		drop(p);
		return mikey_outgoing_failed(r, out, fault);
	}
	*pending = p;
	early->n = 0;
	return 0;
}

/* -- answer --------------------------------------------------------------- */

/* One offer on its way through the steps. Secret: wipe it. */
struct answer {
	struct mikey_incoming in;
	struct certificate *peer;
	struct mikey_envelope e;
	struct keying_result result;
};

#define REFUSE(a, ...) MIKEY_REFUSE(&(a)->in, __VA_ARGS__)

static int check_shape(struct answer *a)
{
	static const uint8_t stray[] = { MIKEY_KEMAC, MIKEY_PKE, MIKEY_DH,
					 MIKEY_CHASH, MIKEY_V, MIKEY_ERR };
	int r = mikey_incoming_decode(&a->in, MIKEY_RSAR_INIT);

	if (!r)
		r = mikey_incoming_shape(&a->in, stray, sizeof stray);
	return r ? r : mikey_incoming_stamp(&a->in);
}

static int prove(struct answer *a)
{
	const struct mikey_signed s = {
		.credential = a->in.t->credential, .m = &a->in.offer,
		.bytes = a->in.bytes,
		.use = CERTIFICATE_SIGNS | CERTIFICATE_ENCRYPTS,
		.id = a->in.t->remote_id, .wall_us = a->in.t->wall_us,
		.trust = a->in.t->trust, .peer = a->in.t->peer,
		.result = &a->result,
	};
	int r = mikey_sign_check(&s, &a->peer, a->in.fault);

	a->in.error_no = r == E_AUTH ? MIKEY_ERR_AUTH : MIKEY_ERR_CERT;
	if (!r)
		mikey_incoming_proven(&a->in, NULL);
	return r;
}

static int check_terms(struct answer *a)
{
	return mikey_incoming_terms(&a->in);
}

static int make_keys(struct answer *a)
{
	struct mikey_root root = mikey_incoming_root(&a->in);
	uint8_t mki[MIKEY_MKI_LEN], mki_len = mikey_mki_of(a->in.t, mki);
	struct mikey_keys keys = { .n = 1 };
	struct mikey_key *tgk = &keys.key[0];
	const struct mikey_envelope_order order = {
		.root = &root, .stamp = mikey_incoming_stamp_bits(&a->in),
		.id = mikey_text_bytes(a->in.t->local_id),
		.receiver = a->peer,
		.kv = { .type = mki_len ? 1 : 0, .spi = { mki, mki_len } },
		.tgk_len = a->in.t->esp ? mikey_rank_tgk(a->in.t)
					: mikey_tgk_len(a->in.sp.suite),
	};
	unsigned bits = certificate_bits(a->peer);
	int r = mikey_envelope_make(&a->e, &order);

	if (r)
		return REFUSE(a, r, MIKEY_ERR_OTHER, "the MIKEY key cannot be "
			      "sealed: %s", err_text(r));
	*tgk = (struct mikey_key){ .type = MIKEY_KEY_TGK, .kv = order.kv,
				   .key = { a->e.tgk, a->e.tgk_len } };
	r = mikey_incoming_result(&a->in, &keys,
				  bits < a->e.keys.bits ? bits
							: a->e.keys.bits,
				  &a->result);
	a->result.facts.confirmed = 0; /* it has not opened it yet */
	a->result.bundle.rand_len = 0; /* RFC 4738 knows no update */
	return r;
}

static int respond(struct answer *a, struct buf *out)
{
	struct mikey_message m;

	mikey_incoming_begin(&a->in, MIKEY_RSAR_RESPONSE, &m);
	mikey_sign_certs(a->in.t->credential, &m);
	a->in.brings_policy = m.map != MIKEY_MAP_EMPTY; /* 3.6, RFC 4563 5 */
	mikey_map_add_policy(&a->in, &m);
	mikey_rank_add(a->in.t, &m);
	mikey_envelope_add(&a->e, &m);
	return mikey_encode_signed(&m, a->in.t->credential, &a->in.also, out);
}

static const struct {
	int (*step)(struct answer *a);
	bool dear; /* left out by a mere check */
} steps[] = {
	{ check_shape, false }, { prove, false }, { check_terms, false },
	{ make_keys, true },
};

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

static int answer(const struct keying_terms *t, const uint8_t *offer,
		  size_t len, struct buf *out, struct keying_result *result,
		  struct keying_fault *fault)
{
	struct answer a = { .in = { .t = t, .bytes = { offer, len },
				    .fault = fault,
				    .method = mikey_rsa_r.name } };
	int r = mikey_sign_terms(t, fault);

	if (r)
		return r;
	r = run(&a, out);
	if (!r)
		*result = a.result;
	certificate_free(a.peer);
	wipe(&a, sizeof a);
	return r;
}

/* -- finish --------------------------------------------------------------- */

/* 3.6, 3.7: KEMAC and PKE, no RAND; a policy of each protocol. */
static int check_response(const struct keying_pending *p,
			  const struct mikey_message *m,
			  struct keying_fault *fault)
{
	size_t policies = p->o.esp && p->o.esp->within.n ? 2 : 1;

	if (!mikey_find(m, MIKEY_KEMAC, 0) || !mikey_find(m, MIKEY_PKE, 0))
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer lacks "
				   "KEMAC or PKE");
	if (mikey_find(m, MIKEY_RAND, 0) || mikey_find(m, MIKEY_DH, 0) ||
	    mikey_find(m, MIKEY_V, 0) || mikey_find(m, MIKEY_ERR, 0) ||
	    mikey_find(m, MIKEY_ID, 1) || mikey_find(m, MIKEY_SP, policies))
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer has a "
				   "payload that does not belong there");
	return 0;
}

/* The policy that we offered, or the suite that the lists give. */
static int check_policy(const struct mikey_message *m,
			const struct mikey_sp *wanted,
			struct keying_fault *fault)
{
	const struct mikey_payload *sp = mikey_find(m, MIKEY_SP, 0);
	struct mikey_sp got;
	const char *why;

	if (!sp || sp->kind || mikey_sp_get(sp->data, &got, &why) ||
	    got.suite != wanted->suite || got.kdr != wanted->kdr)
		return mikey_fault(fault, E_AUTH, "the MIKEY answer has "
				   "another policy than our offer");
	return 0;
}

static int check_signature(const struct keying_pending *p,
			   struct mikey_bytes bytes,
			   const struct mikey_message *m, uint64_t wall_us,
			   struct keying_result *got,
			   struct keying_fault *fault)
{
	const struct mikey_payload *id = mikey_find(m, MIKEY_ID, 0);
	char who[IDENTITY_TEXT];
	const struct mikey_covered also = {
		.id_i = mikey_text_bytes(p->o.local_id),
		.id_r = id ? id->data : mikey_text_bytes(p->o.remote_id),
		.stamp = { p->o.stamp_bytes, sizeof p->o.stamp_bytes },
	};
	const struct mikey_signed s = {
		.credential = p->own, .m = m, .bytes = bytes, .also = &also,
		.use = CERTIFICATE_SIGNS, .id = who, .wall_us = wall_us,
		.trust = p->o.trust, .result = got,
	};
	int r = mikey_outgoing_who(&p->o, id, who, fault);

	return r ? r : mikey_sign_check(&s, NULL, fault);
}

static int take_keys(const struct keying_pending *p,
		     const struct mikey_message *m,
		     const struct mikey_envelope *e,
		     struct keying_result *result, struct keying_fault *fault)
{
	struct mikey_root root = mikey_outgoing_root(&p->o);
	unsigned bits = credential_bits(p->own);
	struct mikey_settled with;
	const struct mikey_session s = {
		.root = &root, .sp = &with.sp, .map = m, .ours = p->o.ssrc,
		.initiator = true,
	};
	int r = mikey_outgoing_map(&p->o, m, result, fault);

	if (!r)
		r = mikey_rank_settle(&p->o, m, result, &with, fault);
	if (!r && !p->o.esp)
		r = check_policy(m, &with.sp, fault);
	if (r)
		return r;
	root.named = with.named;
	result->facts.key_bits =
		(uint16_t)(bits < e->keys.bits ? bits : e->keys.bits);
	keying_proven(result);
	return mikey_session_make(&s, &e->key, result, fault);
}

static int open_answer(const struct keying_pending *p,
		       const struct mikey_message *m,
		       struct keying_result *got, struct keying_fault *fault)
{
	struct mikey_root root = mikey_outgoing_root(&p->o);
	struct mikey_envelope e;
	char who[IDENTITY_TEXT];
	int r = mikey_outgoing_who(&p->o, mikey_find(m, MIKEY_ID, 0), who,
				   fault);

	if (r)
		return r;
	r = mikey_envelope_open(&e, p->own, m, &root, who, fault);
	mikey_outgoing_result(&p->o, mikey_rsa_r.name, got);
	mikey_outgoing_named(&p->o, who, &got->facts);
	got->bundle.rand_len = 0; /* RFC 4738 knows no update */
	if (!r)
		r = take_keys(p, m, &e, got, fault);
	wipe(&e, sizeof e);
	return r;
}

static int finish(struct keying_pending *p, const uint8_t *answer, size_t len,
		  uint64_t wall_us, struct keying_result *result,
		  struct keying_fault *fault)
{
	struct mikey_bytes bytes = { answer, len };
	struct keying_result got = { .n = 0 };
	struct mikey_message m;
	int r = mikey_sign_answer(&p->o, MIKEY_RSAR_RESPONSE, bytes, &m,
				  fault);

	if (!r)
		r = check_response(p, &m, fault);
	if (!r)
		r = check_signature(p, bytes, &m, wall_us, &got, fault);
	if (!r)
		r = open_answer(p, &m, &got, fault);
	if (!r)
		*result = got;
	wipe(&got, sizeof got);
	return r;
}

static bool takes(const uint8_t *offer, size_t len)
{
	return mikey_data_type(offer, len) == MIKEY_RSAR_INIT;
}

const struct keying mikey_rsa_r = {
	.name = "mikey-rsa-r",
	.protocol = "mikey",
	.certified = true,
	.dear = true,
	.takes = takes,
	.outline = mikey_outline,
	.offer = offer,
	.answer = answer,
	.finish = finish,
	.drop = drop,
};
