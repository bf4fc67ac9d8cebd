/* outgoing.c - see outgoing.h. Each offer has a timestamp of its own (RFC 3830
 * 4.2.8) and, unless it updates a bundle (4.5), a bundle and a RAND, names
 * both ends (6.7) and one policy, our first suite (6.10), and lists the key
 * management protocols of SDP, which is ours alone (RFC 4567 4.1.4). What is
 * ranked goes beside them (ranks.h); the answer must then come, since it names
 * the choice. */
#include "modules/mikey/outgoing.h"

#include "daemon/base/err.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/sp.h"
#include "modules/mikey/stamp.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SDP_IDS "mikey" /* RFC 4567 4.1.4: the one protocol that we offer */

int mikey_fault(struct keying_fault *fault, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault->text, sizeof fault->text, fmt, ap);
	va_end(ap);
	return err;
}

struct mikey_bytes mikey_text_bytes(const char *s)
{
	return (struct mikey_bytes){ (const uint8_t *)s, strlen(s) };
}

static int check_identities(const struct keying_terms *t,
			    struct keying_fault *fault)
{
	if (!t->local_id[0] || !t->remote_id[0] ||
	    strlen(t->local_id) >= IDENTITY_TEXT ||
	    strlen(t->remote_id) >= IDENTITY_TEXT)
		return mikey_fault(fault, E_ARG, "an identity is missing or "
				   "too long");
	return 0;
}

static int check_streams(const struct keying_terms *t,
			 struct keying_fault *fault)
{
	if (!t->n_suites || !suite_info(t->suites[0]))
		return mikey_fault(fault, E_POLICY, "no crypto suite is "
				   "allowed: set the profile's suites");
	if (!t->n || t->n > STREAM_MAX)
		return mikey_fault(fault, E_ARG, "lines are missing or too "
				   "many");
	return 0;
}

int mikey_terms(const struct keying_terms *t, struct keying_fault *fault)
{
	int r = check_identities(t, fault);

	if (!r && t->esp)
		r = mikey_esp_terms(t->esp, t->legacy, fault);
	return r || !keying_streams(t) ? r : check_streams(t, fault);
}

uint8_t mikey_mki_of(const struct keying_terms *t,
		     uint8_t mki[static MIKEY_MKI_LEN])
{
	unsigned number = t->keyings + 1u;

	if (t->esp || t->mki == KEYING_MKI_NEVER ||
	    (t->mki == KEYING_MKI_REKEY && !t->keyings))
		return 0;
	mki[0] = (uint8_t)(number >> 8);
	mki[1] = (uint8_t)number;
	return MIKEY_MKI_LEN;
}

static int draw_bundle(const struct keying_terms *t, struct mikey_outgoing *o)
{
	const struct keying_bundle *b = t->bundle;

	o->update = b && b->rand_len;
	if (o->update) {
		o->prf = b->prf;
		o->csb_id = b->csb_id;
		o->rand_len = b->rand_len;
		memcpy(o->rand, b->rand, b->rand_len);
		return 0;
	}
	o->rand_len = MIKEY_RAND_MIN;
	if (RAND_bytes(o->rand, MIKEY_RAND_MIN) != 1 ||
	    RAND_bytes((uint8_t *)&o->csb_id, sizeof o->csb_id) != 1)
		return E_INTERNAL;
	return 0;
}

/* What is asked for: streams or tunnels. */
static int draw_sessions(const struct keying_terms *t,
			 struct mikey_outgoing *o)
{
	if (t->esp) {
		o->verify = true; /* the answer says where the far end is */
		o->esp = calloc(1, sizeof *o->esp);
		if (t->esp->srtp)
			o->sp.kdr = t->kdr;
		return o->esp ? mikey_esp_offer_draw(t, o->esp) : E_NOMEM;
	}
	if (t->ranks_len > sizeof o->ranks)
		return E_ARG;
	o->verify = t->verify || t->ranks_len;
	o->sp = (struct mikey_sp){ t->suites[0], t->kdr };
	o->n = t->n;
	o->ranks_len = t->ranks_len;
	if (t->ranks_len)
		memcpy(o->ranks, t->ranks, t->ranks_len);
	memcpy(o->ssrc, t->ssrc, t->n * sizeof *o->ssrc);
	return 0;
}

int mikey_outgoing_draw(const struct keying_terms *t,
			struct mikey_outgoing *o)
{
	uint32_t below;
	int r;

	*o = (struct mikey_outgoing){ .prf = t->sha256 ? MIKEY_PRF_SHA256
						       : MIKEY_PRF_SHA1,
				      .wall_us = t->wall_us,
				      .trust = t->trust };
	r = draw_sessions(t, o);
	if (r)
		return r;
	o->mki_len = mikey_mki_of(t, o->mki);
	if (draw_bundle(t, o) ||
	    RAND_bytes((uint8_t *)&below, sizeof below) != 1)
		return E_INTERNAL;
	if (t->name && !o->update) {
		o->csb_id = t->name->bundle;
		memcpy(o->rand, t->name->rand, sizeof t->name->rand);
	}
	o->stamp = mikey_stamp_of(t->wall_us, below);
	for (size_t i = 0; i < 8; i++)
		o->stamp_bytes[i] = (uint8_t)(o->stamp >> (56 - 8 * i));
	strcpy(o->local_id, t->local_id);
	strcpy(o->remote_id, t->remote_id);
	o->retarget = t->retarget;
	return 0;
}

void mikey_outgoing_free(struct mikey_outgoing *o)
{
	free(o->esp);
	o->esp = NULL;
}

int mikey_outgoing_head(const struct mikey_outgoing *o,
			enum mikey_data_type type, struct buf *params,
			struct mikey_message *m)
{
	if (!o->esp)
		mikey_sp_put(params, &o->sp);
	if (params->err)
		return params->err;
	*m = (struct mikey_message){ .data_type = (uint8_t)type,
				     .v = o->verify, .prf = o->prf,
				     .csb_id = o->csb_id,
				     .n_cs = (uint8_t)(2 * o->n) };
	for (size_t i = 0; i < o->n; i++)
		m->cs[2 * i].ssrc = o->ssrc[i];
	if (o->esp)
		mikey_esp_offer_map(o->esp, m);
	mikey_add(m, MIKEY_T, MIKEY_TS_UTC)->data =
		(struct mikey_bytes){ o->stamp_bytes, sizeof o->stamp_bytes };
	if (!o->update)
		mikey_add(m, MIKEY_RAND, 0)->data =
			(struct mikey_bytes){ o->rand, o->rand_len };
	mikey_add(m, MIKEY_ID, MIKEY_ID_URI)->data =
		mikey_text_bytes(o->local_id);
	mikey_add(m, MIKEY_ID, MIKEY_ID_URI)->data =
		mikey_text_bytes(o->remote_id);
	if (o->esp) { /* it goes beside SDP, not in it */
		mikey_esp_offer_policies(o->esp, m);
		return 0;
	}
	mikey_add(m, MIKEY_SP, 0)->data =
		(struct mikey_bytes){ params->data, params->len };
	mikey_add(m, MIKEY_EXTENSION, MIKEY_EXT_SDP_IDS)->data =
		mikey_text_bytes(SDP_IDS);
	if (o->ranks_len)
		mikey_add(m, MIKEY_EXTENSION, MIKEY_EXT_VENDOR)->data =
			(struct mikey_bytes){ o->ranks, o->ranks_len };
	return 0;
}

struct mikey_root mikey_outgoing_root(const struct mikey_outgoing *o)
{
	return (struct mikey_root){ .prf = o->prf, .csb_id = o->csb_id,
				    .rand = { o->rand, o->rand_len } };
}

struct mikey_kv mikey_outgoing_kv(const struct mikey_outgoing *o)
{
	return (struct mikey_kv){ .type = o->mki_len ? 1 : 0,
				  .spi = { o->mki, o->mki_len } };
}

bool mikey_outgoing_kv_same(const struct mikey_outgoing *o,
			    const struct mikey_kv *kv)
{
	return kv->type == (o->mki_len ? 1 : 0) &&
	       kv->spi.len == o->mki_len &&
	       !memcmp(kv->spi.p ? kv->spi.p : o->mki, o->mki, o->mki_len);
}

bool mikey_outgoing_is_answer(const struct mikey_outgoing *o,
			      const struct mikey_message *m)
{
	const struct mikey_payload *t = mikey_find(m, MIKEY_T, 0);

	return m->csb_id == o->csb_id && m->prf == o->prf && t &&
	       t->kind == MIKEY_TS_UTC &&
	       !memcmp(t->data.p, o->stamp_bytes, sizeof o->stamp_bytes);
}

int mikey_outgoing_read(const struct mikey_outgoing *o, unsigned type,
			struct mikey_bytes bytes, struct mikey_message *m,
			struct keying_fault *fault)
{
	int r;

	if (!bytes.len)
		return mikey_fault(fault, E_AUTH, "the answer has no MIKEY "
				   "message, which our offer asks for");
	r = mikey_decode(bytes.p, bytes.len, m);
	if (r)
		return mikey_fault(fault, r, "the MIKEY answer is %s (byte "
				   "%zu of %zu)", err_text(r), m->failed_at,
				   bytes.len);
	if (m->data_type != type && m->data_type != MIKEY_ERROR)
		return mikey_fault(fault, E_FORMAT, "a MIKEY message of type "
				   "%u is no answer to our offer (type %u is)",
				   m->data_type, type);
	if (!mikey_outgoing_is_answer(o, m))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer belongs "
				   "to another offer");
	return 0;
}

int mikey_outgoing_who(const struct mikey_outgoing *o,
		       const struct mikey_payload *id_r, char *who,
		       struct keying_fault *fault)
{
	struct mikey_bytes called = mikey_text_bytes(o->remote_id);
	char other[48];

	if (!id_r || (id_r->kind <= MIKEY_ID_URI &&
		      mikey_same_identity(id_r->data, called))) {
		strcpy(who, o->remote_id);
		return 0;
	}
	if (o->retarget && id_r->kind <= MIKEY_ID_URI &&
	    id_r->data.len < IDENTITY_TEXT &&
	    mikey_same_domain(id_r->data, called)) {
		mikey_identity_text(id_r->data, who, IDENTITY_TEXT);
		return 0;
	}
	mikey_identity_text(id_r->data, other, sizeof other);
	return mikey_fault(fault, E_AUTH, "the MIKEY answer is from %s, the "
			   "call is to %.48s%s", other, o->remote_id,
			   o->retarget ? "" : " (diverted? see retarget)");
}

void mikey_outgoing_named(const struct mikey_outgoing *o, const char *who,
			  struct msg_key_facts *facts)
{
	if (!strcmp(who, o->remote_id))
		return;
	facts->identity = KEY_IDENTITY_OTHER;
	snprintf(facts->other, sizeof facts->other, "%s", who);
}

static bool same_sessions(const struct mikey_outgoing *o,
			  const struct mikey_message *m)
{
	if (m->map != MIKEY_MAP_SRTP || m->n_cs != 2 * o->n)
		return false;
	for (size_t i = 0; i < o->n; i++)
		if (m->cs[2 * i].ssrc != o->ssrc[i] ||
		    m->cs[2 * i].policy || m->cs[2 * i + 1].policy)
			return false;
	return true;
}

int mikey_outgoing_map(const struct mikey_outgoing *o,
		       const struct mikey_message *m,
		       struct keying_result *out,
		       struct keying_fault *fault)
{
	if (o->esp)
		return mikey_esp_offer_answered(o->esp, m, out, fault);
	if (!same_sessions(o, m))
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer names "
				   "other crypto sessions than our offer");
	for (size_t i = 0; i < o->n; i++)
		out->recv_ssrc[i] = m->cs[2 * i + 1].ssrc;
	return 0;
}

int mikey_outgoing_failed(int r, struct buf *out, struct keying_fault *fault)
{
	buf_clear(out);
	return mikey_fault(fault, r, "the MIKEY offer cannot be made: %s",
			   err_text(r));
}

void mikey_outgoing_result(const struct mikey_outgoing *o, const char *method,
			   struct keying_result *out)
{
	out->n = o->n;
	out->stamp_us = o->wall_us;
	out->bundle = (struct keying_bundle){ .csb_id = o->csb_id,
					      .prf = o->prf,
					      .rand_len = o->rand_len };
	memcpy(out->bundle.rand, o->rand, o->rand_len);
	out->facts.suite = (uint16_t)o->sp.suite;
	strcpy(out->facts.method, method);
}
