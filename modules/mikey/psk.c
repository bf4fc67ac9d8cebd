/* psk.c - the pre-shared key method of RFC 3830 section 3.1 in SIP (RFC
 * 4567), initiator's side, and what both sides share.
 *
 *   I_MESSAGE = HDR, T, RAND, IDi, IDr, SP, SDP IDs, KEMAC
 *   R_MESSAGE = HDR, T, IDr, V
 *
 * The message keys come from the pre-shared key, CSB ID and RAND (4.1.4);
 * KEMAC carries one TGK under AES-CM-128 and an HMAC-SHA-1-160 over the whole
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
#include "modules/mikey/payload.h"
#include "modules/mikey/session.h"
#include "modules/mikey/sp.h"
#include "modules/mikey/stamp.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SDP_IDS "mikey" /* RFC 4567 4.1.4: the one protocol that we offer */

struct keying_pending {
	struct mikey_psk_keys keys;
	uint8_t prf, verify;
	uint32_t csb_id;
	uint8_t stamp[8];
	char local_id[IDENTITY_TEXT], remote_id[IDENTITY_TEXT];
	uint32_t ssrc[STREAM_MAX];
	struct keying_result result;
};

int mikey_fault(struct keying_fault *fault, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault->text, sizeof fault->text, fmt, ap);
	va_end(ap);
	return err;
}

static struct mikey_bytes text_bytes(const char *s)
{
	return (struct mikey_bytes){ (const uint8_t *)s, strlen(s) };
}

int mikey_psk_terms(const struct keying_terms *t, struct keying_fault *fault)
{
	if (!t->psk || t->psk->len < MIKEY_PSK_MIN)
		return mikey_fault(fault, E_POLICY, "the pre-shared key is "
				   "missing or shorter than %d bytes",
				   MIKEY_PSK_MIN);
	if (!t->n_suites || !suite_info(t->suites[0]))
		return mikey_fault(fault, E_POLICY, "no crypto suite is "
				   "allowed: set the profile's suites");
	if (!t->n || t->n > STREAM_MAX || !t->local_id[0] ||
	    !t->remote_id[0] || strlen(t->local_id) >= IDENTITY_TEXT ||
	    strlen(t->remote_id) >= IDENTITY_TEXT)
		return mikey_fault(fault, E_ARG, "lines or identities are "
				   "missing or too many");
	return 0;
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
	uint8_t rand[MIKEY_RAND_MIN];
	uint8_t tgk[SRTP_KEY_MAX];
	size_t tgk_len;
	uint64_t stamp;
	uint8_t plain[4 + SRTP_KEY_MAX]; /* the key data sub-payload */
	uint8_t sealed[4 + SRTP_KEY_MAX];
	struct buf params;
};

static int draw(const struct keying_terms *t, struct offer *o,
		struct keying_pending *p)
{
	uint32_t below;
	const struct suite_info *s = suite_info(t->suites[0]);

	o->tgk_len = s->key_len > MIKEY_TGK_MIN ? s->key_len : MIKEY_TGK_MIN;
	if (RAND_bytes(o->rand, sizeof o->rand) != 1 ||
	    RAND_bytes(o->tgk, (int)o->tgk_len) != 1 ||
	    RAND_bytes((uint8_t *)&p->csb_id, sizeof p->csb_id) != 1 ||
	    RAND_bytes((uint8_t *)&below, sizeof below) != 1)
		return E_INTERNAL;
	o->stamp = mikey_stamp_of(t->wall_us, below);
	for (size_t i = 0; i < 8; i++)
		p->stamp[i] = (uint8_t)(o->stamp >> (56 - 8 * i));
	p->verify = t->verify;
	strcpy(p->local_id, t->local_id);
	strcpy(p->remote_id, t->remote_id);
	memcpy(p->ssrc, t->ssrc, t->n * sizeof *p->ssrc);
	return 0;
}

static int offer_keys(const struct keying_terms *t, struct offer *o,
		      struct keying_pending *p)
{
	struct mikey_root root = { .prf = p->prf, .csb_id = p->csb_id,
				   .rand = { o->rand, sizeof o->rand } };
	struct mikey_key tgk = { .type = MIKEY_KEY_TGK };
	int r = mikey_psk_derive(t->psk, &root, MIKEY_ENCR_AES_CM_128,
				 MIKEY_MAC_SHA1, &p->keys);

	if (r)
		return r;
	root.key = o->tgk;
	root.key_len = o->tgk_len;
	p->result.n = t->n;
	p->result.stamp_us = t->wall_us;
	p->result.facts.suite = (uint16_t)t->suites[0];
	p->result.facts.key_bits = p->keys.bits;
	strcpy(p->result.facts.method, mikey_psk.name);
	return mikey_session_keys(&root, &tgk, t->suites[0], true, &p->result);
}

static int seal_tgk(struct offer *o, const struct keying_pending *p)
{
	struct mikey_keys keys = { .n = 1 };
	struct buf plain = buf_of(sizeof o->plain);
	uint8_t iv[16];
	int r;

	keys.key[0].type = MIKEY_KEY_TGK;
	keys.key[0].key = (struct mikey_bytes){ o->tgk, o->tgk_len };
	r = mikey_keys_encode(&keys, &plain);
	mikey_iv(p->keys.salt, p->csb_id, o->stamp, iv);
	if (!r)
		r = mikey_aes_cm(p->keys.encr, p->keys.encr_len, iv,
				 (struct mikey_bytes){ plain.data, plain.len },
				 o->sealed);
	buf_free(&plain);
	return r;
}

static void add_offer_payloads(const struct keying_terms *t,
			       const struct offer *o,
			       const struct keying_pending *p,
			       struct mikey_message *m)
{
	static const uint8_t zero[MIKEY_HASH_MAX];
	struct mikey_payload *kemac;

	mikey_add(m, MIKEY_T, MIKEY_TS_UTC)->data =
		(struct mikey_bytes){ p->stamp, sizeof p->stamp };
	mikey_add(m, MIKEY_RAND, 0)->data =
		(struct mikey_bytes){ o->rand, sizeof o->rand };
	mikey_add(m, MIKEY_ID, MIKEY_ID_URI)->data = text_bytes(t->local_id);
	mikey_add(m, MIKEY_ID, MIKEY_ID_URI)->data = text_bytes(t->remote_id);
	mikey_add(m, MIKEY_SP, 0)->data =
		(struct mikey_bytes){ o->params.data, o->params.len };
	mikey_add(m, MIKEY_EXTENSION, MIKEY_EXT_SDP_IDS)->data =
		text_bytes(SDP_IDS);
	kemac = mikey_add(m, MIKEY_KEMAC, MIKEY_ENCR_AES_CM_128);
	kemac->data = (struct mikey_bytes){ o->sealed, 4 + o->tgk_len };
	kemac->mac_alg = MIKEY_MAC_SHA1;
	kemac->mac = (struct mikey_bytes){ zero, p->keys.auth_len };
}

/* The MAC is the message's last field and covers all before it (6.2). */
static int write_offer(const struct keying_terms *t, const struct offer *o,
		       const struct keying_pending *p, struct buf *out)
{
	struct mikey_message m = { .data_type = MIKEY_PSK_INIT,
				   .v = p->verify, .prf = p->prf,
				   .csb_id = p->csb_id,
				   .n_cs = (uint8_t)(2 * t->n) };
	struct mikey_bytes covered;
	uint8_t mac[MIKEY_HASH_MAX];
	size_t from = out->len;
	int r;

	for (size_t i = 0; i < t->n; i++)
		m.cs[2 * i].ssrc = t->ssrc[i];
	add_offer_payloads(t, o, p, &m);
	r = mikey_encode(&m, out);
	if (r)
		return r;
	covered.p = out->data + from;
	covered.len = out->len - from - p->keys.auth_len;
	r = mikey_hmac(p->keys.mac_alg, p->keys.auth, p->keys.auth_len,
		       &covered, 1, mac);
	if (!r)
		memcpy(out->data + out->len - p->keys.auth_len, mac,
		       p->keys.auth_len);
	return r;
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
	mikey_sp_put(&o.params, &(struct mikey_sp){ .suite = t->suites[0] });
	r = o.params.err ? o.params.err : draw(t, &o, p);
	if (!r)
		r = offer_keys(t, &o, p);
	if (!r)
		r = seal_tgk(&o, p);
	if (!r)
		r = write_offer(t, &o, p, out);
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
		.id_i = text_bytes(p->local_id),
		.id_r = id ? id->data : text_bytes(p->remote_id),
		.stamp = { p->stamp, sizeof p->stamp },
	};
}

static bool is_ours(const struct keying_pending *p,
		    const struct mikey_message *m)
{
	const struct mikey_payload *t = mikey_find(m, MIKEY_T, 0);

	return m->csb_id == p->csb_id && m->prf == p->prf && t &&
	       t->kind == MIKEY_TS_UTC &&
	       !memcmp(t->data.p, p->stamp, sizeof p->stamp);
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

	if (!e || !is_ours(p, m))
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

/* The responder fills in its own SSRCs and leaves ours (6.1.1). */
static int read_map(const struct keying_pending *p,
		    const struct mikey_message *m, struct keying_result *out)
{
	if (m->map != MIKEY_MAP_SRTP || m->n_cs != 2 * p->result.n)
		return E_FORMAT;
	for (size_t i = 0; i < p->result.n; i++) {
		if (m->cs[2 * i].ssrc != p->ssrc[i] ||
		    m->cs[2 * i].policy || m->cs[2 * i + 1].policy)
			return E_FORMAT;
		out->recv_ssrc[i] = m->cs[2 * i + 1].ssrc;
	}
	return 0;
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

	if (!is_ours(p, m))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer belongs "
				   "to another offer");
	if (!v || v->kind == MIKEY_MAC_NULL)
		return mikey_fault(fault, E_AUTH, "the MIKEY answer has no "
				   "verification (V or its MAC is missing)");
	if (id && !mikey_same_identity(id->data, text_bytes(p->remote_id)))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer is from "
				   "%s, the call is to %.64s",
				   mikey_identity_text(id->data, who,
						       sizeof who),
				   p->remote_id);
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
	if (p->verify)
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
	if (!r && (r = read_map(p, &m, &got)))
		mikey_fault(fault, r, "the MIKEY answer names other crypto "
			    "sessions than our offer");
	if (r)
		return r;
	*result = p->result;
	memcpy(result->recv_ssrc, got.recv_ssrc, sizeof got.recv_ssrc);
	result->facts.verified = result->facts.confirmed = 1;
	return 0;
}

const struct keying mikey_psk = {
	.name = "mikey-psk",
	.protocol = "mikey",
	.offer = offer,
	.answer = mikey_psk_answer,
	.finish = finish,
	.drop = drop,
};
