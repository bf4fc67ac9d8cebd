/* pke.c - the public-key encryption method of RFC 3830 section 3.2 in SIP,
 * initiator's side.
 *
 *   I_MESSAGE = HDR, T, RAND, IDi, IDr, SP, SDP IDs, CERTi, KEMAC, PKE, SIGNi
 *   R_MESSAGE = HDR, T, IDr, V
 *
 * An envelope key is sealed with the far end's public key, a TGK travels under
 * it, and our signature covers all. So we must have the far end's
 * certificate before we call (the peer's cert); RSA-R does without. The
 * offer fixes the session keys, and V proves that the far end could open the
 * envelope: who that is, its certificate says.
 *
 * An update of the bundle (4.5) is the same without RAND, with a new envelope
 * key, since none is cached.
 *
 * Not done: CHASH in our offers (the far end has one key), caching of the
 * envelope key, RSA-OAEP. */
#include "modules/mikey/pke.h"

#include "daemon/base/err.h"
#include "modules/mikey/awaited.h"
#include "modules/mikey/envelope.h"
#include "modules/mikey/ranks.h"
#include "modules/mikey/session.h"
#include "modules/mikey/sign.h"

#include <stdlib.h>
#include <string.h>

struct keying_pending {
	struct mikey_awaited w;
};

static int receiver_of(const struct keying_terms *t, struct certificate **out,
		       struct keying_fault *fault)
{
	struct credential_fault why;
	const struct credential_ask ask = {
		.use = CERTIFICATE_ENCRYPTS, .id = t->remote_id,
		.wall_us = t->wall_us, .trust = t->trust,
	};
	int r = credential_peer(t->credential, t->peer, &ask, out, &why);

	return r ? mikey_fault(fault, r == E_NOTFOUND ? E_POLICY : r, "%s",
			       why.text) : 0;
}

static int offer_keys(const struct keying_terms *t,
		      const struct certificate *receiver,
		      struct mikey_envelope *e, struct mikey_awaited *w)
{
	struct mikey_root root = mikey_outgoing_root(&w->o);
	const struct mikey_envelope_order order = {
		.root = &root, .stamp = w->o.stamp,
		.id = mikey_text_bytes(w->o.local_id), .receiver = receiver,
		.tgk_len = mikey_rank_tgk(t), .kv = mikey_outgoing_kv(&w->o),
	};
	unsigned bits = certificate_bits(receiver);
	int r = mikey_envelope_make(e, &order);

	if (r)
		return r;
	w->keys = e->keys;
	w->answer_type = MIKEY_PK_VERIFY;
	w->method = mikey_pke.name;
	w->key_bits = (uint16_t)(bits < e->keys.bits ? bits : e->keys.bits);
	return secret_set(&w->tgk, e->tgk, e->tgk_len);
}

static int write_offer(const struct keying_terms *t,
		       const struct mikey_envelope *e,
		       const struct mikey_awaited *w, struct buf *out)
{
	struct buf params = buf_of(64);
	struct mikey_message m;
	int r = mikey_outgoing_head(&w->o, MIKEY_PK_INIT, &params, &m);

	if (!r) {
		mikey_sign_certs(t->credential, &m);
		mikey_envelope_add(e, &m);
		r = mikey_encode_signed(&m, t->credential, NULL, out);
	}
	buf_free(&params);
	return r;
}

static void drop(struct keying_pending *p)
{
	if (!p)
		return;
	mikey_awaited_clear(&p->w);
	free(p);
}

static int make(const struct keying_terms *t,
		const struct certificate *receiver, struct mikey_awaited *w,
		struct buf *out)
{
	struct mikey_envelope e;
	int r = mikey_outgoing_draw(t, &w->o);

	if (!r)
		r = offer_keys(t, receiver, &e, w);
	if (!r)
		r = write_offer(t, &e, w, out);
	wipe(&e, sizeof e);
	return r;
}

static int offer(const struct keying_terms *t, struct buf *out,
		 struct keying_pending **pending, struct keying_result *early,
		 struct keying_fault *fault)
{
	struct certificate *receiver;
	struct keying_pending *p;
	int r = mikey_sign_terms(t, fault);

	if (!r)
		r = receiver_of(t, &receiver, fault);
	if (r)
		return r;
	p = calloc(1, sizeof *p);
	r = p ? make(t, receiver, &p->w, out) : E_NOMEM;
	if (!r)
		r = mikey_awaited_early(&p->w, early);
	certificate_free(receiver);
	if (r) {
		drop(p);
		return mikey_outgoing_failed(r, out, fault);
	}
	*pending = p;
	return 0;
}

static int finish(struct keying_pending *p, const uint8_t *answer, size_t len,
		  uint64_t wall_us, struct keying_result *result,
		  struct keying_fault *fault)
{
	(void)wall_us; /* the timestamp must be the offer's own */
	return mikey_awaited_finish(&p->w,
				    (struct mikey_bytes){ answer, len },
				    result, fault);
}

static bool takes(const uint8_t *offer, size_t len)
{
	return mikey_data_type(offer, len) == MIKEY_PK_INIT;
}

const struct keying mikey_pke = {
	.name = "mikey-rsa",
	.protocol = "mikey",
	.certified = true,
	.dear = true,
	.takes = takes,
	.outline = mikey_outline,
	.offer = offer,
	.answer = mikey_pke_answer,
	.finish = finish,
	.drop = drop,
};
