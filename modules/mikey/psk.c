/* psk.c - the pre-shared key method of RFC 3830 section 3.1 in SIP (RFC
 * 4567), initiator's side, and what both sides share.
 *
 *   I_MESSAGE = HDR, T, RAND, IDi, IDr, SP, SDP IDs, KEMAC
 *   R_MESSAGE = HDR, T, IDr, V
 *
 * The message keys come from the pre-shared key, CSB ID and RAND (4.1.4);
 * KEMAC carries one TGK under AES-CM and an HMAC-SHA-1-160 over the whole
 * message. The crypto sessions' keys (session.c) are fixed by the offer
 * alone, so we may receive as soon as it left; V proves that the far end
 * holds the pre-shared key. A verification without a MAC, for another offer
 * or of another identity is refused.
 *
 * An update of the bundle (4.5) is the same without RAND: the keys of the
 * messages stay, T makes the KEMAC's initial vector new, the TGK is new.
 *
 * Not done in our offers: several TGKs, TEKs, AES key wrap; each is taken.
 * Nowhere: null algorithms. */
#include "modules/mikey/psk.h"

#include "daemon/base/err.h"
#include "modules/mikey/awaited.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/outgoing.h"
#include "modules/mikey/payload.h"
#include "modules/mikey/ranks.h"
#include "modules/mikey/session.h"
#include "modules/mikey/stamp.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

struct keying_pending {
	struct mikey_awaited w;
};

int mikey_psk_terms(const struct keying_terms *t, struct keying_fault *fault)
{
	if (!t->psk || t->psk->len < MIKEY_PSK_MIN)
		return mikey_fault(fault, E_POLICY, "the pre-shared key is "
				   "missing or shorter than %d bytes",
				   MIKEY_PSK_MIN);
	return mikey_terms(t, fault);
}

int mikey_psk_derive(const struct secret *psk, const struct mikey_root *of,
		     unsigned encr_alg, unsigned mac_alg,
		     struct mikey_psk_keys *k)
{
	struct mikey_root root = *of;
	int r;

	if (encr_alg == MIKEY_ENCR_NULL || encr_alg > MIKEY_ENCR_AES_CM_256)
		return E_UNSUPPORTED;
	if (mac_alg != MIKEY_MAC_SHA1 && mac_alg != MIKEY_MAC_SHA256)
		return E_UNSUPPORTED;
	root.key = psk->bytes;
	root.key_len = psk->len;
	k->mac_alg = (uint8_t)mac_alg;
	k->encr_alg = (uint8_t)encr_alg;
	k->encr_len = encr_alg == MIKEY_ENCR_AES_CM_256 ? 32 : 16;
	k->auth_len = (uint8_t)mikey_mac_len(mac_alg); /* 4.2.4 */
	k->bits = (uint16_t)(8 * (psk->len < k->encr_len ? psk->len
							 : k->encr_len));
	r = mikey_derive(&root, MIKEY_ENCR_KEY, 0xff, k->encr, k->encr_len);
	if (!r)
		r = mikey_derive(&root, MIKEY_AUTH_KEY, 0xff, k->auth,
				 k->auth_len);
	if (!r)
		r = mikey_derive(&root, MIKEY_SALT_KEY, 0xff, k->salt,
				 sizeof k->salt);
	return r;
}

int mikey_psk_open(const struct mikey_psk_keys *k,
		   const struct mikey_message *m, uint8_t *out, size_t *len)
{
	struct mikey_bytes data = mikey_find(m, MIKEY_KEMAC, 0)->data;
	uint8_t iv[16];

	*len = data.len;
	if (k->encr_alg == MIKEY_ENCR_AES_KW_128) {
		*len -= data.len < 8 ? data.len : 8;
		return mikey_key_unwrap(k->encr, k->salt, data, out);
	}
	mikey_iv(k->salt, m->csb_id, mikey_stamp_bits(mikey_find(m, MIKEY_T,
								 0)), iv);
	return mikey_aes_cm(k->encr, k->encr_len, iv, data, out);
}

int mikey_verification(const struct mikey_psk_keys *k,
		       struct mikey_bytes message,
		       const struct mikey_covered *also, uint8_t *out)
{
	const struct mikey_bytes run[] = { message, also->id_i, also->id_r,
					   also->stamp };

	return mikey_hmac(k->mac_alg, k->auth, k->auth_len, run, 4, out);
}

int mikey_verified(const struct mikey_psk_keys *k, struct mikey_bytes bytes,
		   const struct mikey_payload *v,
		   const struct mikey_covered *also)
{
	uint8_t mac[MIKEY_HASH_MAX];
	int r;

	if (v->kind != k->mac_alg || v->data.len != k->auth_len ||
	    v->at + v->len != bytes.len)
		return E_AUTH;
	bytes.len -= v->data.len;
	r = mikey_verification(k, bytes, also, mac);
	if (!r && !equal_ct(mac, v->data.p, v->data.len))
		r = E_AUTH;
	return r;
}

int mikey_encode_verified(struct mikey_message *m,
			  const struct mikey_psk_keys *k,
			  const struct mikey_covered *also, struct buf *out)
{
	uint8_t mac[MIKEY_HASH_MAX];
	size_t from = out->len;
	struct mikey_bytes covered;
	int r = mikey_encode(m, out);

	if (r)
		return r;
	covered.p = out->data + from;
	covered.len = out->len - from - k->auth_len;
	r = mikey_verification(k, covered, also, mac);
	if (!r)
		memcpy(out->data + out->len - k->auth_len, mac, k->auth_len);
	return r;
}

/* -- offer ---------------------------------------------------------------- */

/* What goes into one offer beside the pending state. Secret: wipe it. */
struct offer {
	uint8_t encr; /* KEMAC's cipher */
	uint8_t tgk[SRTP_KEY_MAX];
	size_t tgk_len;
	uint8_t sealed[5 + SRTP_KEY_MAX + MIKEY_MKI_LEN]; /* the key data
	                                                     sub-payload */
	size_t sealed_len;
	struct buf params;
};

static int draw(const struct keying_terms *t, struct offer *o,
		struct keying_pending *p)
{
	int r = mikey_outgoing_draw(t, &p->w.o);

	o->tgk_len = mikey_rank_tgk(t);
	if (!r && RAND_bytes(o->tgk, (int)o->tgk_len) != 1)
		r = E_INTERNAL;
	return r;
}

static int offer_keys(const struct keying_terms *t, struct offer *o,
		      struct keying_pending *p)
{
	struct mikey_root root = mikey_outgoing_root(&p->w.o);
	int r;

	/* 9.1: what protects a key must be as strong as what it is for */
	o->encr = mikey_key_len(t) > 16 && !t->kemac_128
			  ? MIKEY_ENCR_AES_CM_256 : MIKEY_ENCR_AES_CM_128;
	r = mikey_psk_derive(t->psk, &root, o->encr, mikey_mac_of(root.prf),
			     &p->w.keys);
	p->w.answer_type = MIKEY_PSK_VERIFY;
	p->w.method = mikey_psk.name;
	p->w.key_bits = p->w.keys.bits;
	return r ? r : secret_set(&p->w.tgk, o->tgk, o->tgk_len);
}

static int seal_tgk(struct offer *o, const struct keying_pending *p)
{
	struct mikey_keys keys = { .n = 1 };
	struct buf plain = buf_of(sizeof o->sealed);
	uint8_t iv[16];
	int r;

	keys.key[0].type = MIKEY_KEY_TGK;
	keys.key[0].key = (struct mikey_bytes){ o->tgk, o->tgk_len };
	keys.key[0].kv = mikey_outgoing_kv(&p->w.o);
	r = mikey_keys_encode(&keys, &plain);
	o->sealed_len = plain.len;
	mikey_iv(p->w.keys.salt, p->w.o.csb_id, p->w.o.stamp, iv);
	if (!r)
		r = mikey_aes_cm(p->w.keys.encr, p->w.keys.encr_len, iv,
				 (struct mikey_bytes){ plain.data, plain.len },
				 o->sealed);
	buf_free(&plain);
	return r;
}

int mikey_encode_maced(struct mikey_message *m,
		       const struct mikey_psk_keys *k, struct buf *out)
{
	static const uint8_t zero[MIKEY_HASH_MAX];
	struct mikey_payload *kemac = &m->payload[m->n - 1];
	struct mikey_bytes covered;
	uint8_t mac[MIKEY_HASH_MAX];
	size_t from = out->len;
	int r;

	kemac->mac = (struct mikey_bytes){ zero, k->auth_len };
	r = mikey_encode(m, out);
	if (r)
		return r;
	covered.p = out->data + from;
	covered.len = out->len - from - k->auth_len;
	r = mikey_hmac(k->mac_alg, k->auth, k->auth_len, &covered, 1, mac);
	if (!r)
		memcpy(out->data + out->len - k->auth_len, mac, k->auth_len);
	return r;
}

static int write_offer(struct offer *o, const struct keying_pending *p,
		       struct buf *out)
{
	struct mikey_message m;
	struct mikey_payload *kemac;
	int r = mikey_outgoing_head(&p->w.o, MIKEY_PSK_INIT, &o->params, &m);

	if (r)
		return r;
	kemac = mikey_add(&m, MIKEY_KEMAC, o->encr);
	kemac->data = (struct mikey_bytes){ o->sealed, o->sealed_len };
	kemac->mac_alg = p->w.keys.mac_alg;
	return mikey_encode_maced(&m, &p->w.keys, out);
}

static void drop(struct keying_pending *p)
{
	if (!p)
		return;
	mikey_awaited_clear(&p->w);
	free(p);
}

static int offer(const struct keying_terms *t, struct buf *out,
		 struct keying_pending **pending, struct keying_result *early,
		 struct keying_fault *fault)
{
	struct offer o = { .params = buf_of(64) };
	struct keying_pending *p;
	int r = mikey_psk_terms(t, fault);

	if (r)
		return r;
	p = calloc(1, sizeof *p);
	if (!p)
		return mikey_fault(fault, E_NOMEM, "out of memory");
	r = draw(t, &o, p);
	if (!r)
		r = offer_keys(t, &o, p);
	if (!r)
		r = seal_tgk(&o, p);
	if (!r)
		r = write_offer(&o, p, out);
	if (!r)
		r = mikey_awaited_early(&p->w, early);
	buf_free(&o.params);
	wipe(&o, sizeof o);
	if (r) {
		drop(p);
		return mikey_outgoing_failed(r, out, fault);
	}
	*pending = p;
	return 0;
}

/* -- finish --------------------------------------------------------------- */

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
	return mikey_data_type(offer, len) == MIKEY_PSK_INIT;
}

const struct keying mikey_psk = {
	.name = "mikey-psk",
	.protocol = "mikey",
	.takes = takes,
	.outline = mikey_outline,
	.offer = offer,
	.answer = mikey_psk_answer,
	.finish = finish,
	.drop = drop,
};
