/* incoming.c - see incoming.h (RFC 3830 5.3, RFC 4567 4.1.4).
 *
 * Each step refuses in words for the operator and with a number for the far
 * end. Replays are the keeper's business: it knows the dialogs. What proves
 * the offer (a MAC, a signature) is the method's own step, before those that
 * are answered in detail, so that everybody else hears the same
 * unauthenticated "authentication failure". */
#include "modules/mikey/incoming.h"

#include "daemon/base/err.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/map.h"
#include "modules/mikey/ranks.h"
#include "modules/mikey/session.h"
#include "modules/mikey/stamp.h"

#include <string.h>

#define SDP_IDS "mikey"
#define REFUSE MIKEY_REFUSE

/* The bundle of this call that has the offer's id; an offer without a RAND is
 * an update of it (4.5) and goes on with the bundle's. */
static void find_bundle(struct mikey_incoming *in)
{
	const struct mikey_payload *rand = mikey_find(&in->offer, MIKEY_RAND,
						      0);
	const struct keying_bundle *b = in->t->bundle;

	if (b && b->csb_id != in->offer.csb_id)
		b = NULL;
	in->update = b;
	if (rand)
		in->rand = rand->data;
	else if (b)
		in->rand = (struct mikey_bytes){ b->rand, b->rand_len };
}

/* RFC 3830 4.5: a RAND in the first exchange, and only there. */
static int check_rand(struct mikey_incoming *in)
{
	bool sent = mikey_find(&in->offer, MIKEY_RAND, 0);

	if (!in->update && !sent)
		return REFUSE(in, E_STATE, MIKEY_ERR_OTHER, "the MIKEY offer "
			      "has no RAND: an update of a bundle that this "
			      "call does not have");
	if (in->update && sent)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer has a RAND, though its bundle is there: "
			      "an update must have none");
	if (in->rand.len < MIKEY_RAND_MIN)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer has no RAND of %d bytes", MIKEY_RAND_MIN);
	if (in->update && in->update->prf != in->offer.prf)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_PRF, "the MIKEY "
			      "update has another PRF than its bundle");
	return 0;
}

struct mikey_root mikey_incoming_root(const struct mikey_incoming *in)
{
	return (struct mikey_root){ .prf = in->offer.prf,
				    .csb_id = in->offer.csb_id,
				    .rand = in->rand, .named = in->named };
}

int mikey_incoming_decode(struct mikey_incoming *in, unsigned data_type)
{
	int r = mikey_decode(in->bytes.p, in->bytes.len, &in->offer);

	if (r)
		return REFUSE(in, r, MIKEY_ERR_OTHER, "the MIKEY offer is %s "
			      "(byte %zu of %zu)", err_text(r),
			      in->offer.failed_at, in->bytes.len);
	in->stamp = mikey_find(&in->offer, MIKEY_T, 0);
	find_bundle(in);
	in->id_i = mikey_find(&in->offer, MIKEY_ID, 0);
	in->id_r = mikey_find(&in->offer, MIKEY_ID, 1);
	if (in->offer.data_type != data_type)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_DT, "a MIKEY offer "
			      "of type %u: %s (type %u) is what the profile "
			      "allows", in->offer.data_type, in->method,
			      data_type);
	return 0;
}

int mikey_incoming_shape(struct mikey_incoming *in, const uint8_t *stray,
			 size_t n)
{
	if (!in->stamp)
		return REFUSE(in, E_FORMAT, MIKEY_ERR_OTHER, "the MIKEY offer "
			      "has no timestamp");
	for (size_t i = 0; i < n; i++)
		if (mikey_find(&in->offer,
			       (enum mikey_payload_type)stray[i], 0))
			return REFUSE(in, E_FORMAT, MIKEY_ERR_OTHER, "the "
				      "MIKEY offer has a payload of another "
				      "method");
	if (mikey_find(&in->offer, MIKEY_ID, 2))
		return REFUSE(in, E_FORMAT, MIKEY_ERR_ID, "the MIKEY offer has "
			      "more than two identities");
	if (in->offer.prf > MIKEY_PRF_SHA256)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_PRF, "MIKEY PRF %u "
			      "is not supported", in->offer.prf);
	if (in->stamp->kind == MIKEY_TS_COUNTER && !in->t->counters)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_TS, "the MIKEY "
			      "offer has a counter in place of the time: "
			      "mikey.counters is not set, or what is known "
			      "of counters was lost");
	return check_rand(in);
}

void mikey_incoming_proven(struct mikey_incoming *in,
			   const struct mikey_psk_keys *keys)
{
	in->also = (struct mikey_covered){
		.id_i = in->id_i ? in->id_i->data
				 : mikey_text_bytes(in->t->remote_id),
		.id_r = in->id_r ? in->id_r->data
				 : mikey_text_bytes(in->t->local_id),
		.stamp = in->stamp->data,
	};
	in->keys = keys;
	in->proven = true;
}

/* RFC 3830 5.4: a counter rises with every message of the sender. */
static int check_counter(struct mikey_incoming *in)
{
	const struct keying_counter *last = in->t->last_counter;

	in->counter.value = (uint32_t)mikey_incoming_stamp_bits(in);
	in->counter.set = true;
	in->stamp_us = in->t->wall_us;
	if (last && last->set && in->counter.value <= last->value)
		return REFUSE(in, E_REPLAY, MIKEY_ERR_TS, "the MIKEY offer's "
			      "counter is %u, the last of this peer was %u: "
			      "it was sent before", in->counter.value,
			      last->value);
	return 0;
}

static int check_window(struct mikey_incoming *in)
{
	uint64_t now = in->t->wall_us, apart;

	in->stamp_us = mikey_stamp_us(mikey_incoming_stamp_bits(in), now);
	apart = mikey_apart_us(in->stamp_us, now);
	if (apart > in->t->window_us)
		return REFUSE(in, E_EXPIRED, MIKEY_ERR_TS, "the MIKEY offer's "
			      "timestamp is %llu s %s our clock, %llu s are "
			      "allowed: set both clocks",
			      (unsigned long long)(apart / 1000000),
			      in->stamp_us > now ? "ahead of" : "behind",
			      (unsigned long long)(in->t->window_us / 1000000));
	return 0;
}

int mikey_incoming_stamp(struct mikey_incoming *in)
{
	int r = in->stamp->kind == MIKEY_TS_COUNTER ? check_counter(in)
						    : check_window(in);

	if (!r && in->update && in->stamp_us <= in->update->their_stamp_us)
		return REFUSE(in, E_REPLAY, MIKEY_ERR_TS, "the MIKEY update is "
			      "no newer than the far end's last message");
	return r;
}

static bool is_id(const struct mikey_payload *id, const char *want)
{
	return id->kind <= MIKEY_ID_URI &&
	       mikey_same_identity(id->data, mikey_text_bytes(want));
}

static int refuse_id(struct mikey_incoming *in, const struct mikey_payload *id,
		     const char *want, const char *whose)
{
	char who[48];

	return REFUSE(in, E_AUTH, MIKEY_ERR_ID, "the MIKEY offer is %s %s, the "
		      "call is %s %.48s%s", whose,
		      mikey_identity_text(id->data, who, sizeof who), whose,
		      want, id == in->id_i || in->t->retarget
			      ? "" : " (diverted? see retarget)");
}

/* IDi is who the call comes from, IDr who it is for: else an offer could be
 * reflected to its maker or moved to another call of the same peer. A diverted
 * call's is for somebody else of our domain: only where the profile says so.
 * 3.1: both may be left out; the key tells the peer. */
static int check_ids(struct mikey_incoming *in)
{
	const struct mikey_payload *to = in->id_r;
	struct mikey_bytes ours = mikey_text_bytes(in->t->local_id);

	in->identity = in->id_i ? KEY_IDENTITY_CALL : KEY_IDENTITY_NONE;
	if (in->id_i && !is_id(in->id_i, in->t->remote_id))
		return refuse_id(in, in->id_i, in->t->remote_id, "from");
	if (!to || is_id(to, in->t->local_id))
		return 0;
	if (!in->t->retarget || to->kind > MIKEY_ID_URI ||
	    !mikey_same_domain(to->data, ours))
		return refuse_id(in, to, in->t->local_id, "to");
	in->identity = KEY_IDENTITY_OTHER;
	return 0;
}

/* The far end must learn who answers instead of whom it called. */
static void name_ourselves(struct mikey_incoming *in,
			   struct msg_key_facts *facts)
{
	facts->identity = in->identity;
	if (in->identity != KEY_IDENTITY_OTHER)
		return;
	mikey_identity_text(in->id_r->data, facts->other, sizeof facts->other);
	in->also.id_r = mikey_text_bytes(in->t->local_id);
	in->id_r = NULL;
}

/* RFC 4567 4.1.4: another list than SDP's means that lines were removed. */
static int check_protocols(struct mikey_incoming *in)
{
	const struct mikey_payload *p;

	for (size_t i = 0;
	     (p = mikey_find(&in->offer, MIKEY_EXTENSION, i)); i++)
		if (p->kind == MIKEY_EXT_SDP_IDS &&
		    (p->data.len != strlen(SDP_IDS) ||
		     memcmp(p->data.p, SDP_IDS, p->data.len)))
			return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the "
				      "MIKEY offer lists other key management "
				      "protocols beside mikey");
	return 0;
}

int mikey_incoming_terms(struct mikey_incoming *in)
{
	int r = check_ids(in);

	if (!r)
		r = check_protocols(in);
	if (!r && in->t->esp)
		return mikey_esp_check(in);
	if (!r)
		r = mikey_map_check(in);
	return r ? r : mikey_map_suite(in);
}

int mikey_incoming_validity(struct mikey_incoming *in,
			    const struct mikey_kv *kv)
{
	int r = mikey_session_validity(kv, in->fault);

	in->error_no = MIKEY_ERR_OTHER;
	if (!r && in->update && kv->type == 2)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "update has a key that is valid for an "
			      "interval: only an MKI can tell it from the "
			      "one before");
	return r;
}

/* What the response says of the sessions' keys (GENERIC-ID). */
static void note_spis(struct mikey_incoming *in, const struct mikey_keys *keys)
{
	for (size_t i = 0; i < 2 * in->t->n; i++) {
		int k = mikey_map_key(&in->offer, i, keys->key, keys->n);

		if (k >= 0)
			in->spi[i] = keys->key[k].kv.spi;
	}
}

static int note_policy(struct mikey_incoming *in)
{
	struct buf b = buf_of(sizeof in->params);

	mikey_sp_put(&b, &in->sp);
	if (!b.err) {
		memcpy(in->params, b.data, b.len);
		in->params_len = b.len;
	}
	buf_free(&b);
	return b.err;
}

static int derive_keys(struct mikey_incoming *in, const struct mikey_keys *keys,
		       struct keying_result *out)
{
	const struct mikey_root root = mikey_incoming_root(in);
	const struct mikey_session s = {
		.root = &root, .sp = &in->sp, .map = &in->offer,
		.ours = in->t->ssrc, .initiator = false,
	};
	int r = 0;

	in->error_no = MIKEY_ERR_OTHER;
	for (size_t i = 0; i < keys->n && !r; i++)
		r = mikey_incoming_validity(in, &keys->key[i].kv);
	if (!r)
		r = mikey_session_make(&s, keys, out, in->fault);
	if (!r && (r = note_policy(in)))
		mikey_fault(in->fault, r, "the policy: %s", err_text(r));
	note_spis(in, keys);
	return r;
}

static int derive_esp(struct mikey_incoming *in, const struct mikey_keys *keys,
		      struct keying_result *out)
{
	const struct mikey_root root = mikey_incoming_root(in);
	const struct mikey_session s = { .root = &root, .sp = &in->sp };

	in->error_no = MIKEY_ERR_OTHER;
	out->esp = in->esp.got;
	for (size_t i = 0; i < out->n; i++)
		out->recv_ssrc[i] = mikey_map_ssrc(&in->offer,
						   2 * (out->esp.n + i));
	return mikey_session_make(&s, keys, out, in->fault);
}

void mikey_incoming_checked(const struct mikey_incoming *in,
			    struct keying_result *out)
{
	out->stamp_us = in->stamp_us;
	out->counter = in->counter;
}

int mikey_incoming_result(struct mikey_incoming *in,
			  const struct mikey_keys *keys, unsigned key_bits,
			  struct keying_result *out)
{
	out->n = keying_streams(in->t) ? in->t->n : 0;
	mikey_incoming_checked(in, out);
	out->facts.suite = (uint16_t)in->sp.suite;
	out->facts.key_bits = (uint16_t)key_bits;
	/* it is authenticated, and who made the key holds it */
	keying_proven(out);
	strcpy(out->facts.method, in->method);
	name_ourselves(in, &out->facts);
	out->bundle = (struct keying_bundle){
		.csb_id = in->offer.csb_id, .prf = in->offer.prf,
		.rand_len = (uint8_t)in->rand.len,
		.their_stamp_us = in->stamp_us,
	};
	memcpy(out->bundle.rand, in->rand.p, in->rand.len);
	if (in->t->esp)
		return derive_esp(in, keys, out);
	for (size_t i = 0; i < out->n; i++)
		out->recv_ssrc[i] = mikey_map_ssrc(&in->offer, 2 * i);
	return derive_keys(in, keys, out);
}

uint64_t mikey_incoming_stamp_bits(const struct mikey_incoming *in)
{
	return mikey_stamp_bits(in->stamp);
}

static void add_id(struct mikey_message *m, const struct mikey_payload *came,
		   struct mikey_bytes id)
{
	mikey_add(m, MIKEY_ID, came ? came->kind : (uint8_t)MIKEY_ID_URI)
		->data = id;
}

void mikey_incoming_begin(struct mikey_incoming *in, enum mikey_data_type type,
			  struct mikey_message *m)
{
	*m = (struct mikey_message){ .data_type = (uint8_t)type,
				     .prf = in->offer.prf,
				     .csb_id = in->offer.csb_id };
	mikey_map_back(in, m);
	m->payload[m->n++] = *in->stamp;
	add_id(m, in->id_r, in->also.id_r);
}

void mikey_incoming_add_id_i(const struct mikey_incoming *in,
			     struct mikey_message *m)
{
	add_id(m, in->id_i, in->also.id_i);
}

int mikey_incoming_verify(struct mikey_incoming *in,
			  enum mikey_data_type type, struct buf *out)
{
	static const uint8_t zero[MIKEY_HASH_MAX];
	struct mikey_message m;

	if (!in->offer.v)
		return 0; /* 6.1: no response is expected */
	mikey_incoming_begin(in, type, &m);
	mikey_map_add_policy(in, &m);
	mikey_rank_add(in->t, &m);
	mikey_add(&m, MIKEY_V, in->keys->mac_alg)->data =
		(struct mikey_bytes){ zero, in->keys->auth_len };
	return mikey_encode_verified(&m, in->keys, &in->also, out);
}

int mikey_incoming_report(struct mikey_incoming *in, int r, struct buf *out)
{
	struct mikey_refusal no = {
		.offer = &in->offer,
		.error_no = in->error_no,
		.suites = in->policy && in->proven ? in->t->suites : NULL,
		.n_suites = in->t->n_suites,
		.keys = in->proven ? in->keys : NULL,
		.also = in->also,
		.kemac = in->kemac,
	};

	if (r != E_AUTH && r != E_EXPIRED && r != E_UNSUPPORTED)
		return r;
	if (!in->stamp || mikey_error_make(&no, out))
		buf_clear(out);
	return r;
}

int mikey_incoming_made(struct mikey_incoming *in, int r, struct buf *out)
{
	if (!r)
		return 0;
	buf_clear(out);
	return mikey_fault(in->fault, r, "the MIKEY response cannot be made: "
			   "%s", err_text(r));
}
