/* answer.c - see answer.h and doc/MIKEY-IPSEC.md; offer.c has the other side.
 *
 * Of the offered policies the first counts whose algorithms we allow and whose
 * mode and scope are ours. The offer says the far end's half of each tunnel and
 * must leave ours open. An offer that wants no response is refused: without one
 * it could not learn where we are. */
#include "modules/mikey/esp/answer.h"

#include "daemon/base/err.h"
#include "modules/mikey/esp/dialect.h"
#include "modules/mikey/esp/keys.h"
#include "modules/mikey/esp/policy.h"
#include "modules/mikey/esp/within.h"
#include "modules/mikey/incoming.h"

#include <string.h>

#define REFUSE MIKEY_REFUSE

/* -- the sessions --------------------------------------------------------- */

static bool has_twice(struct mikey_bytes list)
{
	for (size_t i = 1; i < list.len; i++)
		if (memchr(list.p, list.p[i], i))
			return true;
	return false;
}

static int check_session(struct mikey_incoming *in, size_t i)
{
	const struct mikey_cs *cs = &in->offer.cs[i];
	const struct mikey_cs *first = &in->offer.cs[0];

	if (cs->protocol != mikey_esp_protocol(in->t->esp->ike))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SP, "crypto "
			      "session %zu of the MIKEY offer is of protocol "
			      "%u, not ESP%s", i + 1, cs->protocol,
			      in->t->esp->ike ? " by IKE" : "");
	if (cs->id != i + 1 || cs->s)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "crypto "
			      "session %zu of the MIKEY offer has another "
			      "number, or a flag", i + 1);
	if (!cs->policies.len || cs->policies.len != first->policies.len ||
	    memcmp(cs->policies.p, first->policies.p, cs->policies.len) ||
	    has_twice(cs->policies))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SP, "the crypto "
			      "sessions of the MIKEY offer do not have the "
			      "same policies, or one twice");
	if (i % 2 == 0 && (cs->spi.len || cs->data.len))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer says our end of tunnel %zu", i / 2 + 1);
	return 0;
}

static int check_sessions(struct mikey_incoming *in)
{
	size_t n = 2 * in->t->esp->n;
	int r;

	if (in->offer.map != MIKEY_MAP_GENERIC)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer keys SRTP%s, the profile wants ESP%s",
			      in->offer.map == MIKEY_MAP_2005
				      ? " or ESP of 2005" : "",
			      in->t->esp->srtp ? " with SRTP in it" : "");
	r = mikey_within_count(in);
	for (size_t i = 0; i < n && !r; i++)
		r = check_session(in, i);
	return r;
}

/* -- the policy ----------------------------------------------------------- */

static const struct mikey_payload *policy_no(const struct mikey_message *m,
					     unsigned no)
{
	const struct mikey_payload *p;

	for (size_t i = 0; (p = mikey_find(m, MIKEY_SP, i)); i++)
		if (p->extra == no)
			return p;
	return NULL;
}

int mikey_esp_allow(struct mikey_incoming *in, enum esp_suite suite)
{
	const struct esp_terms *t = in->t->esp;
	size_t i = 0;

	while (i < t->n_suites && t->suites[i] != suite)
		i++;
	return i < t->n_suites ? 0 :
		REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "ESP suite %s is "
		       "not allowed", esp_suite_info(suite)->name);
}

static int read_policy(struct mikey_incoming *in, unsigned no,
		       struct mikey_esp_policy *p)
{
	const struct mikey_payload *sp = policy_no(&in->offer, no);
	const struct esp_terms *t = in->t->esp;
	const char *why;
	int r;

	if (!sp || sp->kind != mikey_esp_protocol(t->ike))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SP, "the MIKEY "
			      "offer has no ESP policy %u", no);
	r = mikey_esp_policy_get(sp->kind, sp->data, p, &why);
	if (r)
		return REFUSE(in, r, MIKEY_ERR_SPPAR, "the MIKEY offer's "
			      "policy %u has %s", no, why);
	if (p->mode != t->mode || p->scope != t->scope)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "the MIKEY "
			      "offer's policy %u has another mode or scope "
			      "than the profile", no);
	if (p->life_s < ESP_LIFE_MIN_S)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "the MIKEY "
			      "offer's keys live %u s, %d are the least",
			      p->life_s, ESP_LIFE_MIN_S);
	return mikey_esp_allow(in, p->suite);
}

static uint32_t shorter(uint32_t a, uint32_t b)
{
	return !a || (b && b < a) ? b : a;
}

static int choose_policy(struct mikey_incoming *in)
{
	const struct mikey_bytes list = in->offer.cs[0].policies;
	const struct esp_terms *t = in->t->esp;
	struct esp_result *got = &in->esp.got;
	struct mikey_esp_policy p;
	int r = E_UNSUPPORTED;

	for (size_t i = 0; i < list.len && r == E_UNSUPPORTED; i++) {
		r = read_policy(in, list.p[i], &p);
		in->esp.policy_no = list.p[i];
	}
	if (r)
		return r;
	got->ike = t->ike ? TUNNEL_IKE_WAITS : TUNNEL_IKE_NONE;
	got->suite = p.suite;
	got->mode = p.mode;
	got->scope = p.scope;
	got->life_s = shorter(p.life_s, t->life_s);
	got->life_kib = shorter(p.life_kib, t->life_kib);
	got->window = p.window;
	got->auth_len = p.auth_len;
	return 0;
}

/* -- the ends ------------------------------------------------------------- */

static void note_keys(struct esp_tunnel *t, size_t i,
		      const struct mikey_esp_side *near,
		      const struct mikey_esp_side *far)
{
	t->cs_in = (uint8_t)(2 * i + 1);
	t->cs_out = (uint8_t)(2 * i + 2);
	t->fresh_len = 2 * MIKEY_ESP_NONCE;
	memcpy(t->fresh, far->nonce, MIKEY_ESP_NONCE);
	memcpy(t->fresh + MIKEY_ESP_NONCE, near->nonce, MIKEY_ESP_NONCE);
}

static int take_tunnel(struct mikey_incoming *in,
		       const struct mikey_esp_bounds *b, size_t i)
{
	const struct mikey_cs *back = &in->offer.cs[2 * i + 1];
	struct mikey_esp_side near, far;
	const char *why;
	int len, r = mikey_esp_end_get(back->data, back->spi, &far);

	if (r)
		return REFUSE(in, r, MIKEY_ERR_OTHER, "the far end of tunnel "
			      "%zu in the MIKEY offer is %s", i + 1,
			      err_text(r));
	r = mikey_esp_end_draw(&in->t->esp->near[i], &near);
	if (r)
		return REFUSE(in, r, MIKEY_ERR_OTHER, "a nonce: %s",
			      err_text(r));
	r = mikey_esp_pair_add(&near, &far, b, &in->esp.got, &why);
	if (r)
		return REFUSE(in, r, MIKEY_ERR_OTHER, "the MIKEY offer's end "
			      "of tunnel %zu has %s", i + 1, why);
	len = mikey_esp_end_put(&near, in->esp.spi[i], in->esp.data[i]);
	if (len < 0)
		return REFUSE(in, len, MIKEY_ERR_OTHER, "our end: %s",
			      err_text(len));
	in->esp.data_len[i] = (uint8_t)len;
	note_keys(&in->esp.got.tunnel[i], i, &near, &far);
	return 0;
}

static int check_ours(struct mikey_incoming *in)
{
	const struct mikey_esp_bounds b = mikey_esp_bounds_of(in->t->esp);
	int r = check_sessions(in);

	if (r)
		return r;
	if (in->rand.len > MIKEY_ESP_RAND_MAX)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer has a RAND of %zu bytes, ESP's keys "
			      "take %d", in->rand.len, MIKEY_ESP_RAND_MAX);
	r = choose_policy(in);
	for (size_t i = 0; i < in->t->esp->n && !r; i++)
		r = take_tunnel(in, &b, i);
	return r ? r : mikey_within_check(in);
}

int mikey_esp_check(struct mikey_incoming *in)
{
	unsigned type = in->offer.data_type;

	in->esp = (struct mikey_esp_answer){ .policy_no = 0 };
	if (!in->offer.v && (type == MIKEY_PSK_INIT || type == MIKEY_PK_INIT))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer wants no response, but ESP takes one");
	if (in->offer.map == MIKEY_MAP_2005 && !in->t->esp->srtp)
		return mikey_esp_2005_check(in);
	return check_ours(in);
}

/* -- the response --------------------------------------------------------- */

void mikey_esp_back(struct mikey_incoming *in, struct mikey_message *m)
{
	m->map = in->offer.map;
	m->n_cs = in->offer.n_cs;
	memcpy(m->cs, in->offer.cs, sizeof m->cs);
	if (m->map == MIKEY_MAP_2005) {
		mikey_esp_2005_back(in, m);
		return;
	}
	for (size_t i = 0; i < 2 * in->t->esp->n; i++) {
		struct mikey_cs *cs = &m->cs[i];

		cs->policies = (struct mikey_bytes){ &in->esp.policy_no, 1 };
		if (i % 2)
			continue;
		cs->spi = (struct mikey_bytes){ in->esp.spi[i / 2],
						MIKEY_ESP_SPI };
		cs->data = (struct mikey_bytes){ in->esp.data[i / 2],
						 in->esp.data_len[i / 2] };
	}
	mikey_within_back(in, m);
}

void mikey_esp_add_policy(const struct mikey_incoming *in,
			  struct mikey_message *m)
{
	const struct mikey_payload *sp = policy_no(&in->offer,
						   in->esp.policy_no);

	if (sp)
		m->payload[m->n++] = *sp;
	mikey_within_add_policy(in, m);
}
