/* dhhmac.c - Diffie-Hellman authenticated by a pre-shared key (RFC 4650), both
 * sides.
 *
 *   I_message = HDR, T, RAND, IDi, IDr, SP, SDP IDs, DHi, KEMAC
 *   R_message = HDR, T, IDr, IDi, DHr, DHi, KEMAC
 *
 * KEMAC carries no key here but closes both messages with an HMAC over all of
 * them, under a key derived from the pre-shared one as the pre-shared key
 * method does (RFC 3830 4.1.4; data type and direction are under it). The TGK
 * is g^(xi xr): it comes with the answer, each forked answer has its own, and
 * who learns the pre-shared key later opens no call of today.
 *
 * RFC 4650 section 4.2 numbers Encr alg NULL as 2, MAC alg HMAC-SHA-1 as 0 and
 * NULL as 1, against the registry of RFC 3830 (0, 1, 0). We offer by the
 * registry, read both, and answer in the numbers of the offer. What counts is
 * whether there is a MAC that verifies: no number stands for "no MAC" here.
 *
 * The value that we answered is nobody's until the far end finishes, so it
 * cannot open what we send before that.
 *
 * An update of the bundle (3.1) is the same without RAND, with fresh values.
 *
 * Not done: updates without values, values made in advance, groups but
 * OAKLEY 5 in our own offers. */
#include "modules/mikey/dhhmac.h"

#include "daemon/base/err.h"
#include "modules/mikey/agreement.h"
#include "modules/mikey/error.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/incoming.h"
#include "modules/mikey/map.h"
#include "modules/mikey/outgoing.h"
#include "modules/mikey/payload.h"
#include "modules/mikey/ranks.h"

#include <stdlib.h>
#include <string.h>

#define ENCR_NULL_4650 2 /* AES key wrap everywhere else */

struct keying_pending {
	struct mikey_outgoing o;
	struct mikey_psk_keys keys; /* of them the authentication key */
	struct mikey_dh *dh;
};

/* Payloads that neither message has (RFC 4650 table 4.1.b). */
static const uint8_t stray[] = { MIKEY_PKE, MIKEY_SIGN, MIKEY_CERT,
				 MIKEY_CHASH, MIKEY_V, MIKEY_ERR };

/* -- the KEMAC ------------------------------------------------------------ */

/* The algorithm that a KEMAC names in either numbering. */
static unsigned mac_of(const struct mikey_payload *kemac)
{
	if (!kemac->mac.len)
		return MIKEY_MAC_NULL;
	return kemac->mac_alg == MIKEY_MAC_SHA256 ? MIKEY_MAC_SHA256
						  : MIKEY_MAC_SHA1;
}

static bool carries_nothing(const struct mikey_payload *kemac)
{
	return !kemac->data.len && (kemac->kind == MIKEY_ENCR_NULL ||
				    kemac->kind == ENCR_NULL_4650);
}

static int derive(const struct secret *psk, const struct mikey_root *of,
		  unsigned mac_alg, struct mikey_psk_keys *k)
{
	struct mikey_root root = *of;

	root.key = psk->bytes;
	root.key_len = psk->len;
	k->mac_alg = (uint8_t)mac_alg;
	k->auth_len = (uint8_t)mikey_mac_len(mac_alg);
	return mikey_derive(&root, MIKEY_AUTH_KEY, 0xff, k->auth, k->auth_len);
}

/* Whether the KEMAC, the message's last payload, verifies. */
static int check_mac(const struct mikey_psk_keys *k, struct mikey_bytes bytes,
		     const struct mikey_payload *kemac)
{
	uint8_t mac[MIKEY_HASH_MAX];
	int r;

	if (mac_of(kemac) != k->mac_alg || kemac->mac.len != k->auth_len ||
	    kemac->at + kemac->len != bytes.len)
		return E_AUTH;
	bytes.len -= kemac->mac.len;
	r = mikey_hmac(k->mac_alg, k->auth, k->auth_len, &bytes, 1, mac);
	if (!r && !equal_ct(mac, kemac->mac.p, kemac->mac.len))
		r = E_AUTH;
	return r;
}

/* -- offer ---------------------------------------------------------------- */

static int write_offer(const struct keying_pending *p, struct buf *out)
{
	struct buf params = buf_of(64);
	struct mikey_message m;
	int r = mikey_outgoing_head(&p->o, MIKEY_DHHMAC_INIT, &params, &m);

	if (!r) {
		mikey_agreement_add(&m, p->dh, mikey_outgoing_kv(&p->o));
		mikey_add(&m, MIKEY_KEMAC, MIKEY_ENCR_NULL)->mac_alg =
			p->keys.mac_alg;
		r = mikey_encode_maced(&m, &p->keys, out);
	}
	buf_free(&params);
	return r;
}

static int make_offer(const struct keying_terms *t, struct keying_pending *p,
		      struct buf *out)
{
	int r = mikey_outgoing_draw(t, &p->o);
	struct mikey_root root = mikey_outgoing_root(&p->o);

	p->o.verify = true; /* RFC 3830 6.1: with DH a response must come */
	if (!r)
		r = derive(t->psk, &root, mikey_mac_of(root.prf), &p->keys);
	if (!r)
		r = mikey_dh_new(MIKEY_OAKLEY_5, &p->dh);
	return r ? r : write_offer(p, out);
}

static void drop(struct keying_pending *p)
{
	if (!p)
		return;
	mikey_outgoing_free(&p->o);
	mikey_dh_free(p->dh);
	wipe(p, sizeof *p);
	free(p);
}

static int offer(const struct keying_terms *t, struct buf *out,
		 struct keying_pending **pending, struct keying_result *early,
		 struct keying_fault *fault)
{
	struct keying_pending *p;
	int r = mikey_psk_terms(t, fault);

	if (r)
		return r;
	p = calloc(1, sizeof *p);
	if (!p)
		return mikey_fault(fault, E_NOMEM, "out of memory");
	r = make_offer(t, p, out);
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
	const struct mikey_payload *kemac, *dh_i;
	struct mikey_psk_keys keys;
	struct mikey_dh *dh;
	struct keying_result result;
};

#define REFUSE(a, ...) MIKEY_REFUSE(&(a)->in, __VA_ARGS__)

static int decode(struct answer *a)
{
	int r = mikey_incoming_decode(&a->in, MIKEY_DHHMAC_INIT);

	if (r)
		return r;
	a->kemac = mikey_find(&a->in.offer, MIKEY_KEMAC, 0);
	a->dh_i = mikey_find(&a->in.offer, MIKEY_DH, 0);
	if (!a->in.id_r) { /* section 3: a lone identity is the responder's */
		a->in.id_r = a->in.id_i;
		a->in.id_i = NULL;
	}
	return 0;
}

static int check_shape(struct answer *a)
{
	const struct mikey_message *m = &a->in.offer;

	if (!a->kemac || a->kemac != &m->payload[m->n - 1])
		return REFUSE(a, E_FORMAT, MIKEY_ERR_OTHER, "the MIKEY offer's "
			      "last payload is no KEMAC");
	if (!carries_nothing(a->kemac))
		return REFUSE(a, E_FORMAT, MIKEY_ERR_EA, "the KEMAC of the "
			      "DHHMAC offer carries a key");
	if (!a->dh_i || mikey_find(m, MIKEY_DH, 1))
		return REFUSE(a, E_FORMAT, MIKEY_ERR_OTHER, "the DHHMAC offer "
			      "has not one public value (an update without a "
			      "new key is not supported)");
	if (!a->in.id_r)
		return REFUSE(a, E_FORMAT, MIKEY_ERR_ID, "the DHHMAC offer "
			      "does not say for whom it is");
	return mikey_incoming_shape(&a->in, stray, sizeof stray);
}

static int prove(struct answer *a)
{
	struct mikey_root root = mikey_incoming_root(&a->in);
	int r;

	if (mac_of(a->kemac) == MIKEY_MAC_NULL)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_MAC, "the DHHMAC "
			      "offer has no MAC: anybody can have made it");
	r = derive(a->in.t->psk, &root, mac_of(a->kemac), &a->keys);
	if (!r)
		r = check_mac(&a->keys, a->in.bytes, a->kemac);
	if (r == E_AUTH)
		return REFUSE(a, r, MIKEY_ERR_AUTH, "the MAC of the MIKEY "
			      "offer is wrong: do both sides have the same "
			      "pre-shared key?");
	if (r)
		return REFUSE(a, r, MIKEY_ERR_OTHER, "the MAC cannot be "
			      "computed: %s", err_text(r));
	mikey_incoming_proven(&a->in, &a->keys);
	a->in.kemac = a->kemac;
	return 0;
}

static int check_terms(struct answer *a)
{
	int r = mikey_incoming_stamp(&a->in);

	return r ? r : mikey_incoming_terms(&a->in);
}

static int agree(struct answer *a)
{
	return mikey_agreement_answer(&a->in, a->dh_i, &a->dh, &a->result);
}

static const struct {
	int (*step)(struct answer *a);
	bool dear; /* left out by a mere check */
} steps[] = {
	{ decode, false }, { check_shape, false }, { prove, false },
	{ check_terms, false }, { agree, true },
};

static int respond(struct answer *a, struct buf *out)
{
	struct mikey_incoming *in = &a->in;
	struct mikey_message m;
	struct mikey_payload *kemac;

	mikey_incoming_begin(in, MIKEY_DHHMAC_RESPONSE, &m);
	mikey_incoming_add_id_i(in, &m);
	mikey_agreement_back(&m, a->dh, a->dh_i);
	mikey_map_add_policy(in, &m);
	mikey_rank_add(in->t, &m);
	kemac = mikey_add(&m, MIKEY_KEMAC, a->kemac->kind);
	kemac->mac_alg = a->kemac->mac_alg;
	return mikey_encode_maced(&m, &a->keys, out);
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

static int answer(const struct keying_terms *t, const uint8_t *offer,
		  size_t len, struct buf *out, struct keying_result *result,
		  struct keying_fault *fault)
{
	struct answer a = { .in = { .t = t, .bytes = { offer, len },
				    .fault = fault,
				    .method = mikey_dhhmac.name } };
	int r = mikey_psk_terms(t, fault);

	if (r)
		return r;
	r = run(&a, out);
	if (!r)
		*result = a.result;
	mikey_dh_free(a.dh);
	wipe(&a, sizeof a);
	return r;
}

/* -- finish --------------------------------------------------------------- */

/* A response (or error message) of ours: it belongs to the offer and its MAC
 * verifies. */
static int check_kemac(const struct keying_pending *p,
		       struct mikey_bytes bytes, const struct mikey_message *m,
		       struct keying_fault *fault)
{
	const struct mikey_payload *kemac = mikey_find(m, MIKEY_KEMAC, 0);
	int r;

	if (!kemac || kemac != &m->payload[m->n - 1] ||
	    !carries_nothing(kemac) || mac_of(kemac) == MIKEY_MAC_NULL)
		return mikey_fault(fault, E_AUTH, "the MIKEY answer has no "
				   "MAC at its end");
	r = check_mac(&p->keys, bytes, kemac);
	if (r == E_AUTH)
		return mikey_fault(fault, r, "the MAC of the MIKEY answer is "
				   "wrong: do both sides have the same "
				   "pre-shared key?");
	return r ? mikey_fault(fault, r, "the MAC cannot be computed: %s",
			       err_text(r)) : 0;
}

/* The far end refused; without a MAC anybody may have said so. */
static int read_error(const struct keying_pending *p, struct mikey_bytes bytes,
		      const struct mikey_message *m,
		      struct keying_fault *fault)
{
	bool maced = mikey_find(m, MIKEY_KEMAC, 0);
	int r = maced ? check_kemac(p, bytes, m, fault) : 0;

	return r ? r : mikey_error_read(m, maced, fault);
}

static int check_own_id(const struct keying_pending *p,
			const struct mikey_payload *id,
			struct keying_fault *fault)
{
	char who[64];

	if (id->kind <= MIKEY_ID_URI &&
	    mikey_same_identity(id->data, mikey_text_bytes(p->o.local_id)))
		return 0;
	return mikey_fault(fault, E_AUTH, "the MIKEY answer is to %s, the call "
			   "is to %.64s",
			   mikey_identity_text(id->data, who, sizeof who),
			   p->o.local_id);
}

/* [IDr], IDi: a lone identity is ours. */
static int check_ids(const struct keying_pending *p,
		     const struct mikey_message *m, char *who,
		     struct keying_fault *fault)
{
	const struct mikey_payload *first = mikey_find(m, MIKEY_ID, 0);
	const struct mikey_payload *second = mikey_find(m, MIKEY_ID, 1);
	int r;

	if (!first || mikey_find(m, MIKEY_ID, 2))
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer has no "
				   "identity or too many");
	r = mikey_outgoing_who(&p->o, second ? first : NULL, who, fault);
	return r ? r : check_own_id(p, second ? second : first, fault);
}

static int check_answer(const struct keying_pending *p,
			struct mikey_bytes bytes,
			const struct mikey_message *m, char *who,
			struct keying_fault *fault)
{
	int r = check_kemac(p, bytes, m, fault);

	if (r)
		return r;
	for (size_t i = 0; i < sizeof stray; i++)
		if (mikey_find(m, (enum mikey_payload_type)stray[i], 0))
			return mikey_fault(fault, E_FORMAT, "the MIKEY answer "
					   "has a payload of another method");
	r = check_ids(p, m, who, fault);
	return r ? r : mikey_agreement_check(&p->o, p->dh, m, fault);
}

static int finish(struct keying_pending *p, const uint8_t *answer, size_t len,
		  uint64_t wall_us, struct keying_result *result,
		  struct keying_fault *fault)
{
	struct mikey_bytes bytes = { answer, len };
	struct keying_result got = { .n = 0 };
	char who[IDENTITY_TEXT];
	struct mikey_message m;
	int r = mikey_outgoing_read(&p->o, MIKEY_DHHMAC_RESPONSE, bytes, &m,
				    fault);

	(void)wall_us; /* the timestamp must be the offer's own */
	if (r)
		return r;
	if (m.data_type == MIKEY_ERROR)
		return read_error(p, bytes, &m, fault);
	r = check_answer(p, bytes, &m, who, fault);
	mikey_outgoing_result(&p->o, mikey_dhhmac.name, &got);
	if (!r)
		r = mikey_agreement_finish(&p->o, p->dh, &m, &got, fault);
	if (!r) {
		mikey_outgoing_named(&p->o, who, &got.facts);
		*result = got;
	}
	wipe(&got, sizeof got);
	return r;
}

static bool takes(const uint8_t *offer, size_t len)
{
	return mikey_data_type(offer, len) == MIKEY_DHHMAC_INIT;
}

const struct keying mikey_dhhmac = {
	.name = "mikey-dhhmac",
	.protocol = "mikey",
	.dear = true,
	.takes = takes,
	.outline = mikey_outline,
	.offer = offer,
	.answer = answer,
	.finish = finish,
	.drop = drop,
};
