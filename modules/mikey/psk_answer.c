/* psk_answer.c - the pre-shared key method, responder's side (RFC 3830 3.1,
 * 5.3).
 *
 * A list of steps, each of which may refuse: decode, shape, algorithms, MAC,
 * timestamp, identities, protocols, crypto sessions, suite, TGK, keys,
 * response. The MAC is checked before anything that is answered in detail, so
 * that everybody without the key hears the same unauthenticated "authentication
 * failure"; later refusals carry a V. Replays are the keeper's business: it
 * knows the dialogs. */
#include "modules/mikey/psk.h"

#include "daemon/base/err.h"
#include "modules/mikey/error.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/session.h"
#include "modules/mikey/sp.h"
#include "modules/mikey/stamp.h"

#include <string.h>

#define PLAIN_MAX 512 /* bytes of key data; one TGK takes at most 70 */
#define SDP_IDS "mikey"

/* One offer on its way through the steps. Secret: wipe it. */
struct answer {
	const struct keying_terms *t;
	struct mikey_bytes bytes;
	struct keying_fault *fault;
	uint8_t error_no;
	bool proven; /* the MAC verified */
	bool policy; /* refused for its policy: tell ours */
	struct mikey_message offer;
	const struct mikey_payload *stamp, *rand, *kemac, *id_i, *id_r;
	struct mikey_covered also;
	struct mikey_psk_keys keys;
	uint64_t stamp_us;
	struct mikey_sp sp; /* chosen */
	uint8_t plain[PLAIN_MAX];
	struct mikey_keys tgk;
	struct keying_result result;
};

#define REFUSE(a, err, no, ...) \
	((a)->error_no = (no), mikey_fault((a)->fault, (err), __VA_ARGS__))

static struct mikey_bytes text_bytes(const char *s)
{
	return (struct mikey_bytes){ (const uint8_t *)s, strlen(s) };
}

static int decode(struct answer *a)
{
	int r = mikey_decode(a->bytes.p, a->bytes.len, &a->offer);

	if (r)
		return REFUSE(a, r, MIKEY_ERR_OTHER, "the MIKEY offer is %s "
			      "(byte %zu of %zu)", err_text(r),
			      a->offer.failed_at, a->bytes.len);
	a->stamp = mikey_find(&a->offer, MIKEY_T, 0);
	a->rand = mikey_find(&a->offer, MIKEY_RAND, 0);
	a->kemac = mikey_find(&a->offer, MIKEY_KEMAC, 0);
	a->id_i = mikey_find(&a->offer, MIKEY_ID, 0);
	a->id_r = mikey_find(&a->offer, MIKEY_ID, 1);
	if (a->offer.data_type != MIKEY_PSK_INIT)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_DT, "a MIKEY offer "
			      "of type %u: only pre-shared key (type 0) is "
			      "done", a->offer.data_type);
	return 0;
}

static bool is_last(const struct answer *a, const struct mikey_payload *p)
{
	return p == &a->offer.payload[a->offer.n - 1];
}

/* Payloads the exchange must have; what has no place in it is refused. */
static int check_shape(struct answer *a)
{
	static const uint8_t stray[] = { MIKEY_PKE, MIKEY_DH, MIKEY_SIGN,
					 MIKEY_CERT, MIKEY_CHASH, MIKEY_V,
					 MIKEY_ERR };

	if (!a->stamp || !a->kemac || !is_last(a, a->kemac))
		return REFUSE(a, E_FORMAT, MIKEY_ERR_OTHER, "the MIKEY offer "
			      "lacks T, or KEMAC is not its last payload");
	if (!a->rand || a->rand->data.len < MIKEY_RAND_MIN)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer has no RAND of %d bytes (an update of an "
			      "earlier one is not supported)", MIKEY_RAND_MIN);
	for (size_t i = 0; i < sizeof stray; i++)
		if (mikey_find(&a->offer,
			       (enum mikey_payload_type)stray[i], 0))
			return REFUSE(a, E_FORMAT, MIKEY_ERR_OTHER, "the MIKEY "
				      "offer has a payload of another method");
	if (mikey_find(&a->offer, MIKEY_ID, 2))
		return REFUSE(a, E_FORMAT, MIKEY_ERR_ID, "the MIKEY offer has "
			      "more than two identities");
	return 0;
}

/* 4.2.3, 4.2.4: null algorithms lean on a protected SIP that nobody has. */
static int check_algorithms(struct answer *a)
{
	unsigned encr = a->kemac->kind, mac = a->kemac->mac_alg;

	if (mac == MIKEY_MAC_NULL)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_MAC, "the MIKEY "
			      "offer has no MAC (NULL): anybody can have "
			      "made it");
	if (encr == MIKEY_ENCR_NULL)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_EA, "the MIKEY "
			      "offer is not encrypted (NULL): everybody has "
			      "the key");
	if (encr != MIKEY_ENCR_AES_CM_128 && encr != MIKEY_ENCR_AES_CM_256)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_EA, "MIKEY "
			      "encryption algorithm %u is not supported",
			      encr);
	if (a->offer.prf > MIKEY_PRF_SHA256)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_PRF, "MIKEY PRF %u "
			      "is not supported", a->offer.prf);
	if (a->stamp->kind != MIKEY_TS_UTC)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_TS, "MIKEY timestamp "
			      "type %u is not supported, only NTP-UTC",
			      a->stamp->kind);
	return 0;
}

static int check_mac(struct answer *a)
{
	struct mikey_root root = { .prf = a->offer.prf,
				   .csb_id = a->offer.csb_id,
				   .rand = a->rand->data };
	struct mikey_bytes covered = { a->bytes.p,
				       a->bytes.len - a->kemac->mac.len };
	uint8_t mac[MIKEY_HASH_MAX];
	int r = mikey_psk_derive(a->t->psk, &root, a->kemac->kind,
				 a->kemac->mac_alg, &a->keys);

	if (!r)
		r = mikey_hmac(a->keys.mac_alg, a->keys.auth, a->keys.auth_len,
			       &covered, 1, mac);
	if (r)
		return REFUSE(a, r, MIKEY_ERR_OTHER, "the MAC cannot be "
			      "computed: %s", err_text(r));
	if (!equal_ct(mac, a->kemac->mac.p, a->keys.auth_len))
		return REFUSE(a, E_AUTH, MIKEY_ERR_AUTH, "the MAC of the MIKEY "
			      "offer is wrong: do both sides have the same "
			      "pre-shared key?");
	a->also = (struct mikey_covered){
		.id_i = a->id_i ? a->id_i->data : text_bytes(a->t->remote_id),
		.id_r = a->id_r ? a->id_r->data : text_bytes(a->t->local_id),
		.stamp = a->stamp->data,
	};
	a->proven = true;
	return 0;
}

static int check_stamp(struct answer *a)
{
	struct reader r = reader_of(a->stamp->data.p, a->stamp->data.len);
	uint64_t now = a->t->wall_us, apart;

	a->stamp_us = mikey_stamp_us(reader_u64(&r), now);
	apart = mikey_apart_us(a->stamp_us, now);
	if (apart > a->t->window_us)
		return REFUSE(a, E_EXPIRED, MIKEY_ERR_TS, "the MIKEY offer's "
			      "timestamp is %llu s %s our clock, %llu s are "
			      "allowed: set both clocks",
			      (unsigned long long)(apart / 1000000),
			      a->stamp_us > now ? "ahead of" : "behind",
			      (unsigned long long)(a->t->window_us / 1000000));
	return 0;
}

static int check_one_id(struct answer *a, const struct mikey_payload *id,
			const char *want, const char *whose)
{
	char who[56];

	if (id->kind <= MIKEY_ID_URI &&
	    mikey_same_identity(id->data, text_bytes(want)))
		return 0;
	return REFUSE(a, E_AUTH, MIKEY_ERR_ID, "the MIKEY offer is %s %s, the "
		      "call is %s %.56s", whose,
		      mikey_identity_text(id->data, who, sizeof who), whose,
		      want);
}

/* IDi is who the call comes from, IDr who it is for: else an offer could be
 * reflected to its maker or moved to another call of the same peer. */
static int check_ids(struct answer *a)
{
	int r;

	if (!a->id_i)
		return 0; /* 3.1: may be left out; the key tells the peer */
	r = check_one_id(a, a->id_i, a->t->remote_id, "from");
	if (!r && a->id_r)
		r = check_one_id(a, a->id_r, a->t->local_id, "to");
	return r;
}

/* RFC 4567 4.1.4: another list than SDP's means that lines were removed. */
static int check_protocols(struct answer *a)
{
	const struct mikey_payload *p;

	for (size_t i = 0; (p = mikey_find(&a->offer, MIKEY_EXTENSION, i)); i++)
		if (p->kind == MIKEY_EXT_SDP_IDS &&
		    (p->data.len != strlen(SDP_IDS) ||
		     memcmp(p->data.p, SDP_IDS, p->data.len)))
			return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the "
				      "MIKEY offer lists other key management "
				      "protocols beside mikey");
	return 0;
}

static int check_map(struct answer *a)
{
	const struct mikey_message *m = &a->offer;

	if (m->map != MIKEY_MAP_SRTP)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "MIKEY "
			      "crypto session map %u is not supported",
			      m->map);
	if (m->n_cs != 2 * a->t->n)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer has %u crypto sessions, %zu lines of "
			      "media take %zu", m->n_cs, a->t->n, 2 * a->t->n);
	for (size_t i = 0; i < a->t->n; i++) {
		uint32_t back = m->cs[2 * i + 1].ssrc;

		if (back && back != a->t->ssrc[i])
			return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER,
				      "the MIKEY offer chooses our SSRC");
		if (m->cs[2 * i].roc || m->cs[2 * i + 1].roc)
			return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER,
				      "the MIKEY offer joins a running stream "
				      "(its rollover counter is not 0)");
	}
	return 0;
}

static const struct mikey_payload *policy_no(const struct mikey_message *m,
					     unsigned no)
{
	const struct mikey_payload *p;

	for (size_t i = 0; (p = mikey_find(m, MIKEY_SP, i)); i++)
		if (p->extra == no)
			return p;
	return NULL;
}

static bool allowed(const struct keying_terms *t, enum suite suite)
{
	for (size_t i = 0; i < t->n_suites; i++)
		if (t->suites[i] == suite)
			return true;
	return false;
}

static int policy_of(struct answer *a, unsigned no, struct mikey_sp *out)
{
	const struct mikey_payload *sp = policy_no(&a->offer, no);
	const char *why;

	a->policy = true;
	if (!sp || sp->kind != 0) /* table 6.10: SRTP */
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_SP, "the MIKEY offer "
			      "has no SRTP policy %u", no);
	if (mikey_sp_get(sp->data, out, &why))
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "the MIKEY "
			      "offer's policy asks for %s", why);
	if (!allowed(a->t, out->suite))
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "suite %s is "
			      "not allowed: add it to the profile's suites",
			      suite_info(out->suite)->name);
	a->policy = false;
	return 0;
}

static int choose_suite(struct answer *a)
{
	int r = policy_of(a, a->offer.cs[0].policy, &a->sp);

	for (size_t i = 1; i < a->offer.n_cs && !r; i++) {
		struct mikey_sp other;

		r = policy_of(a, a->offer.cs[i].policy, &other);
		if (!r && other.suite != a->sp.suite)
			r = REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "the "
				   "MIKEY offer mixes suites");
	}
	return r;
}

static int open_tgk(struct answer *a)
{
	struct reader stamp = reader_of(a->stamp->data.p, a->stamp->data.len);
	size_t len = a->kemac->data.len;
	uint8_t iv[16];
	int r;

	if (len > PLAIN_MAX)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer has %zu bytes of keys", len);
	mikey_iv(a->keys.salt, a->offer.csb_id, reader_u64(&stamp), iv);
	r = mikey_aes_cm(a->keys.encr, a->keys.encr_len, iv, a->kemac->data,
			 a->plain);
	if (!r)
		r = mikey_keys_decode((struct mikey_bytes){ a->plain, len },
				      false, &a->tgk);
	if (r)
		return REFUSE(a, r, MIKEY_ERR_OTHER, "the key data of the "
			      "MIKEY offer is %s", err_text(r));
	return 0;
}

static int check_tgk(struct answer *a)
{
	const struct suite_info *s = suite_info(a->sp.suite);
	const struct mikey_key *k = &a->tgk.key[0];

	if (a->tgk.n != 1 || k->type > MIKEY_KEY_TGK_SALT)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer has %zu keys of type %u: one TGK is "
			      "wanted", a->tgk.n, k->type);
	if (k->key.len < MIKEY_TGK_MIN || k->key.len < s->key_len)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the TGK has "
			      "%zu bytes: too few for %s", k->key.len, s->name);
	if (k->type == MIKEY_KEY_TGK_SALT && k->salt.len != s->salt_len)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the salt has "
			      "%zu bytes, %s takes %u", k->salt.len, s->name,
			      s->salt_len);
	if (k->kv.type > 1 || k->kv.spi.len > SRTP_MKI_MAX)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the key's "
			      "validity (an interval or a long MKI) is not "
			      "supported");
	return 0;
}

static int make_keys(struct answer *a)
{
	const struct mikey_key *k = &a->tgk.key[0];
	struct mikey_root root = { .prf = a->offer.prf, .key = k->key.p,
				   .key_len = k->key.len,
				   .csb_id = a->offer.csb_id,
				   .rand = a->rand->data };
	struct keying_result *res = &a->result;
	int r;

	res->n = a->t->n;
	res->stamp_us = a->stamp_us;
	res->facts.suite = (uint16_t)a->sp.suite;
	res->facts.key_bits = a->keys.bits;
	/* the MAC proves the key, and who made the TGK holds it */
	res->facts.verified = res->facts.confirmed = 1;
	strcpy(res->facts.method, mikey_psk.name);
	for (size_t i = 0; i < res->n; i++)
		res->recv_ssrc[i] = a->offer.cs[2 * i].ssrc;
	r = mikey_session_keys(&root, k, a->sp.suite, false, res);
	if (r)
		return REFUSE(a, r, MIKEY_ERR_OTHER, "the session keys cannot "
			      "be derived: %s", err_text(r));
	return 0;
}

static const struct {
	int (*step)(struct answer *a);
} steps[] = {
	{ decode }, { check_shape }, { check_algorithms }, { check_mac },
	{ check_stamp }, { check_ids }, { check_protocols }, { check_map },
	{ choose_suite }, { open_tgk }, { check_tgk }, { make_keys },
};

/* HDR, T, IDr, V; the map comes back with our SSRCs filled in (6.1.1). */
static int respond(struct answer *a, struct buf *out)
{
	static const uint8_t zero[MIKEY_HASH_MAX];
	struct mikey_message m = { .data_type = MIKEY_PSK_VERIFY,
				   .prf = a->offer.prf,
				   .csb_id = a->offer.csb_id,
				   .n_cs = a->offer.n_cs };
	uint8_t id_type = a->id_r ? a->id_r->kind : MIKEY_ID_URI;

	if (!a->offer.v)
		return 0; /* 6.1: no response is expected */
	memcpy(m.cs, a->offer.cs, sizeof m.cs);
	for (size_t i = 0; i < a->t->n; i++)
		m.cs[2 * i + 1].ssrc = a->t->ssrc[i];
	m.payload[m.n++] = *a->stamp;
	mikey_add(&m, MIKEY_ID, id_type)->data = a->also.id_r;
	mikey_add(&m, MIKEY_V, a->keys.mac_alg)->data =
		(struct mikey_bytes){ zero, a->keys.auth_len };
	return mikey_encode_verified(&m, &a->keys, &a->also, out);
}

/* RFC 3830 5.1.2; keying.h says for which failures. A failure to make it
 * leaves nothing to send. */
static void report(struct answer *a, int err, struct buf *out)
{
	struct mikey_refusal no = {
		.offer = &a->offer,
		.error_no = a->error_no,
		.suites = a->policy && a->proven ? a->t->suites : NULL,
		.n_suites = a->t->n_suites,
		.keys = a->proven ? &a->keys : NULL,
		.also = a->also,
	};

	if (err != E_AUTH && err != E_EXPIRED && err != E_UNSUPPORTED)
		return;
	if (!a->stamp || mikey_error_make(&no, out))
		buf_clear(out);
}

static int run(struct answer *a, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && !r; i++)
		r = steps[i].step(a);
	if (r) {
		report(a, r, out);
		return r;
	}
	r = respond(a, out);
	if (r) {
		buf_clear(out);
		return mikey_fault(a->fault, r, "the MIKEY response cannot be "
				   "made: %s", err_text(r));
	}
	return 0;
}

int mikey_psk_answer(const struct keying_terms *t, const uint8_t *offer,
		     size_t len, struct buf *out, struct keying_result *result,
		     struct keying_fault *fault)
{
	struct answer a = { .t = t, .bytes = { offer, len }, .fault = fault };
	int r = mikey_psk_terms(t, fault);

	if (r)
		return r;
	r = run(&a, out);
	if (!r)
		*result = a.result;
	wipe(&a, sizeof a);
	return r;
}
