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
 * Not done: updates of a bundle (4.5), several TGKs, TEKs sent directly, null
 * algorithms, AES key wrap. */
#include "modules/mikey/psk.h"

#include "daemon/base/err.h"
#include "modules/mikey/error.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/outgoing.h"
#include "modules/mikey/payload.h"
#include "modules/mikey/session.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

struct keying_pending {
	struct mikey_outgoing o;
	struct mikey_psk_keys keys;
	struct keying_result result;
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

	if (encr_alg != MIKEY_ENCR_AES_CM_128 &&
	    encr_alg != MIKEY_ENCR_AES_CM_256)
		return E_UNSUPPORTED;
	if (mac_alg != MIKEY_MAC_SHA1 && mac_alg != MIKEY_MAC_SHA256)
		return E_UNSUPPORTED;
	root.key = psk->bytes;
	root.key_len = psk->len;
	k->mac_alg = (uint8_t)mac_alg;
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
	uint8_t sealed[4 + SRTP_KEY_MAX]; /* the key data sub-payload */
	struct buf params;
};

static int draw(const struct keying_terms *t, struct offer *o,
		struct keying_pending *p)
{
	const struct suite_info *s = suite_info(t->suites[0]);
	int r = mikey_outgoing_draw(t, &p->o);

	o->tgk_len = s->key_len > MIKEY_TGK_MIN ? s->key_len : MIKEY_TGK_MIN;
	if (!r && RAND_bytes(o->tgk, (int)o->tgk_len) != 1)
		r = E_INTERNAL;
	return r;
}

static int offer_keys(const struct keying_terms *t, struct offer *o,
		      struct keying_pending *p)
{
	struct mikey_root root = mikey_outgoing_root(&p->o);
	struct mikey_key tgk = { .type = MIKEY_KEY_TGK };
	const struct suite_info *s = suite_info(t->suites[0]);
	int r;

	/* 9.1: what protects a key must be as strong as what it is for */
	o->encr = s->key_len > 16 && !t->kemac_128 ? MIKEY_ENCR_AES_CM_256
						   : MIKEY_ENCR_AES_CM_128;
	r = mikey_psk_derive(t->psk, &root, o->encr, MIKEY_MAC_SHA1, &p->keys);

	if (r)
		return r;
	root.key = o->tgk;
	root.key_len = o->tgk_len;
	mikey_outgoing_result(&p->o, mikey_psk.name, &p->result);
	p->result.facts.key_bits = p->keys.bits;
	return mikey_session_keys(&root, &tgk, &p->o.sp, true, &p->result);
}

static int seal_tgk(struct offer *o, const struct keying_pending *p)
{
	struct mikey_keys keys = { .n = 1 };
	struct buf plain = buf_of(sizeof o->sealed);
	uint8_t iv[16];
	int r;

	keys.key[0].type = MIKEY_KEY_TGK;
	keys.key[0].key = (struct mikey_bytes){ o->tgk, o->tgk_len };
	r = mikey_keys_encode(&keys, &plain);
	mikey_iv(p->keys.salt, p->o.csb_id, p->o.stamp, iv);
	if (!r)
		r = mikey_aes_cm(p->keys.encr, p->keys.encr_len, iv,
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
	int r = mikey_outgoing_head(&p->o, MIKEY_PSK_INIT, &o->params, &m);

	if (r)
		return r;
	kemac = mikey_add(&m, MIKEY_KEMAC, o->encr);
	kemac->data = (struct mikey_bytes){ o->sealed, 4 + o->tgk_len };
	kemac->mac_alg = MIKEY_MAC_SHA1;
	return mikey_encode_maced(&m, &p->keys, out);
}

static void drop(struct keying_pending *p)
{
	if (!p)
		return;
	wipe(p, sizeof *p);
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
	buf_free(&o.params);
	wipe(&o, sizeof o);
	if (r) {
		drop(p);
		buf_clear(out);
		return mikey_fault(fault, r, "the MIKEY offer cannot be made: "
				   "%s", err_text(r));
	}
	*pending = p;
	*early = p->result;
	return 0;
}

/* -- finish --------------------------------------------------------------- */

/* What the verification covers: the IDr that came, else the one we sent. */
static struct mikey_covered covered_of(const struct keying_pending *p,
				       const struct mikey_message *m)
{
	const struct mikey_payload *id = mikey_find(m, MIKEY_ID, 0);

	return (struct mikey_covered){
		.id_i = mikey_text_bytes(p->o.local_id),
		.id_r = id ? id->data : mikey_text_bytes(p->o.remote_id),
		.stamp = { p->o.stamp_bytes, sizeof p->o.stamp_bytes },
	};
}

/* The far end refused; without a V anybody may have said so (5.1.2). */
static int read_error(const struct keying_pending *p, struct mikey_bytes bytes,
		      const struct mikey_message *m,
		      struct keying_fault *fault)
{
	const struct mikey_payload *e = mikey_find(m, MIKEY_ERR, 0);
	const struct mikey_payload *v = mikey_find(m, MIKEY_V, 0);
	struct mikey_covered also = covered_of(p, m);
	int r;

	if (!e || !mikey_outgoing_is_answer(&p->o, m))
		return mikey_fault(fault, E_FORMAT, "a MIKEY error message "
				   "that is no answer to our offer");
	r = v ? mikey_verified(&p->keys, bytes, v, &also) : 0;
	if (r)
		return mikey_fault(fault, r, "a MIKEY error message whose "
				   "verification is wrong");
	return mikey_fault(fault, mikey_error_code(e->kind),
			   "the far end refused our MIKEY offer: %s%s",
			   mikey_error_text(e->kind),
			   v ? "" : " (not authenticated)");
}

static int check_answer(const struct keying_pending *p,
			struct mikey_bytes bytes,
			const struct mikey_message *m,
			struct keying_fault *fault)
{
	const struct mikey_payload *v = mikey_find(m, MIKEY_V, 0);
	const struct mikey_payload *id = mikey_find(m, MIKEY_ID, 0);
	struct mikey_covered also = covered_of(p, m);
	char who[64];
	int r;

	if (!mikey_outgoing_is_answer(&p->o, m))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer belongs "
				   "to another offer");
	if (!v || v->kind == MIKEY_MAC_NULL)
		return mikey_fault(fault, E_AUTH, "the MIKEY answer has no "
				   "verification (V or its MAC is missing)");
	if (id && !mikey_same_identity(id->data,
				       mikey_text_bytes(p->o.remote_id)))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer is from "
				   "%s, the call is to %.64s",
				   mikey_identity_text(id->data, who,
						       sizeof who),
				   p->o.remote_id);
	r = mikey_verified(&p->keys, bytes, v, &also);
	if (r)
		return mikey_fault(fault, r, "the verification in the MIKEY "
				   "answer is wrong: do both sides have the "
				   "same pre-shared key?");
	if (mikey_find(m, MIKEY_ID, 1))
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer has "
				   "several identities");
	return 0;
}

/* RFC 3830 6.1: without the V flag no response is expected; then nothing
 * proves who answered. */
static int finish_unasked(const struct keying_pending *p,
			  struct keying_result *result,
			  struct keying_fault *fault)
{
	if (p->o.verify)
		return mikey_fault(fault, E_AUTH, "the answer has no MIKEY "
				   "message, but we asked for one");
	*result = p->result;
	return 0;
}

static int finish(struct keying_pending *p, const uint8_t *answer, size_t len,
		  uint64_t wall_us, struct keying_result *result,
		  struct keying_fault *fault)
{
	struct mikey_bytes bytes = { answer, len };
	struct keying_result got = { .n = 0 };
	struct mikey_message m;
	int r;

	(void)wall_us; /* the timestamp must be the offer's own */
	if (!len)
		return finish_unasked(p, result, fault);
	r = mikey_decode(answer, len, &m);
	if (r)
		return mikey_fault(fault, r, "the MIKEY answer is %s (byte "
				   "%zu of %zu)", err_text(r), m.failed_at,
				   len);
	if (m.data_type == MIKEY_ERROR)
		return read_error(p, bytes, &m, fault);
	if (m.data_type != MIKEY_PSK_VERIFY)
		return mikey_fault(fault, E_FORMAT, "a MIKEY message of type "
				   "%u is no answer to a pre-shared key offer",
				   m.data_type);
	r = check_answer(p, bytes, &m, fault);
	if (!r && (r = mikey_outgoing_map(&p->o, &m, &got)))
		mikey_fault(fault, r, "the MIKEY answer names other crypto "
			    "sessions than our offer");
	if (r)
		return r;
	*result = p->result;
	memcpy(result->recv_ssrc, got.recv_ssrc, sizeof got.recv_ssrc);
	result->facts.verified = result->facts.confirmed = 1;
	return 0;
}

static bool takes(const uint8_t *offer, size_t len)
{
	return mikey_data_type(offer, len) == MIKEY_PSK_INIT;
}

const struct keying mikey_psk = {
	.name = "mikey-psk",
	.protocol = "mikey",
	.takes = takes,
	.offer = offer,
	.answer = mikey_psk_answer,
	.finish = finish,
	.drop = drop,
};
