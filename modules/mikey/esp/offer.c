/* offer.c - see offer.h and doc/MIKEY-IPSEC.md.
 *
 * Tunnel n, counted from 1, has two crypto sessions: CS 2n-1 runs to the
 * answerer, CS 2n back to us. A session is described by the end that receives
 * it: so the offer says SPI and data of CS 2n, the answer fills in CS 2n-1, and
 * neither end ever speaks for the other. The answer must repeat ours. */
#include "modules/mikey/esp/offer.h"

#include "daemon/base/err.h"
#include "modules/mikey/outgoing.h"

#include <string.h>

static int draw_policies(const struct esp_terms *t, struct mikey_esp_offer *o)
{
	for (size_t i = 0; i < t->n_suites; i++) {
		struct buf b = buf_of(MIKEY_ESP_POLICY_ROOM);
		int r;

		o->policy[i] = (struct mikey_esp_policy){
			.suite = t->suites[i], .mode = t->mode,
			.scope = t->scope, .life_s = t->life_s,
			.life_kib = t->life_kib, .window = t->window,
			.auth_len = esp_suite_info(t->suites[i])->auth_len,
		};
		mikey_esp_policy_put(&b, &o->policy[i]);
		r = b.err;
		if (!r)
			memcpy(o->params[i], b.data, b.len);
		o->params_len[i] = (uint8_t)b.len;
		o->number[i] = (uint8_t)i;
		buf_free(&b);
		if (r)
			return r;
	}
	o->n_policies = t->n_suites;
	return 0;
}

int mikey_esp_offer_draw(const struct keying_terms *terms,
			 struct mikey_esp_offer *o)
{
	const struct esp_terms *t = terms->esp;
	int r = draw_policies(t, o);

	for (size_t i = 0; i < t->n && !r; i++) {
		int len;

		r = mikey_esp_end_draw(&t->near[i], &o->near[i]);
		if (r)
			break;
		len = mikey_esp_end_put(&o->near[i], o->spi[i], o->data[i]);
		if (len < 0)
			return len;
		o->data_len[i] = (uint8_t)len;
	}
	o->bounds = mikey_esp_bounds_of(t);
	o->n = t->n;
	return r || !t->srtp ? r : mikey_within_draw(terms, &o->within);
}

void mikey_esp_offer_map(const struct mikey_esp_offer *o,
			 struct mikey_message *m)
{
	m->map = MIKEY_MAP_GENERIC;
	m->n_cs = (uint8_t)(2 * o->n);
	for (size_t i = 0; i < m->n_cs; i++) {
		m->cs[i] = (struct mikey_cs){
			.id = (uint8_t)(i + 1),
			.protocol = mikey_esp_protocol(o->bounds.ike),
			.policies = { o->number, o->n_policies },
		};
		if (i % 2 == 0)
			continue;
		m->cs[i].spi = (struct mikey_bytes){ o->spi[i / 2],
						     MIKEY_ESP_SPI };
		m->cs[i].data = (struct mikey_bytes){ o->data[i / 2],
						      o->data_len[i / 2] };
	}
	mikey_within_map(&o->within, m);
}

void mikey_esp_offer_policies(const struct mikey_esp_offer *o,
			      struct mikey_message *m)
{
	for (size_t i = 0; i < o->n_policies; i++) {
		struct mikey_payload *p = mikey_add(
			m, MIKEY_SP, mikey_esp_protocol(o->bounds.ike));

		p->extra = o->number[i];
		p->data = (struct mikey_bytes){ o->params[i],
						o->params_len[i] };
	}
	mikey_within_policies(&o->within, m);
}

/* -- the answer ----------------------------------------------------------- */

static bool is_bytes(struct mikey_bytes b, const uint8_t *p, size_t len)
{
	return b.len == len && !memcmp(b.p, p, len);
}

/* The same sessions as ours, each with one and the same policy. */
static bool same_sessions(const struct mikey_esp_offer *o,
			  const struct mikey_message *m)
{
	if (m->map != MIKEY_MAP_GENERIC ||
	    m->n_cs != 2 * (o->n + o->within.n))
		return false;
	for (size_t i = 0; i < 2 * o->n; i++) {
		const struct mikey_cs *cs = &m->cs[i];

		if (cs->id != i + 1 || cs->s || cs->policies.len != 1 ||
		    cs->protocol != mikey_esp_protocol(o->bounds.ike) ||
		    cs->policies.p[0] != m->cs[0].policies.p[0] ||
		    cs->policies.p[0] >= o->n_policies)
			return false;
	}
	return true;
}

/* Where a policy is repeated, it is the chosen one as we offered it. */
static bool same_policy(const struct mikey_esp_offer *o,
			const struct mikey_message *m, unsigned no)
{
	const struct mikey_payload *p;

	for (size_t i = 0; (p = mikey_find(m, MIKEY_SP, i)); i++)
		if ((p->kind != MIKEY_PROTOCOL_SRTP || !o->within.n) &&
		    (p->extra != no ||
		    p->kind != mikey_esp_protocol(o->bounds.ike) ||
		     !is_bytes(p->data, o->params[no], o->params_len[no])))
			return false;
	return true;
}

static bool same_near(const struct mikey_esp_offer *o, size_t i,
		      const struct mikey_cs *cs)
{
	return is_bytes(cs->spi, o->spi[i], MIKEY_ESP_SPI) &&
	       is_bytes(cs->data, o->data[i], o->data_len[i]);
}

static int take_tunnel(const struct mikey_esp_offer *o, size_t i,
		       const struct mikey_message *m, struct esp_result *out,
		       struct keying_fault *fault)
{
	const struct mikey_cs *forth = &m->cs[2 * i];
	struct mikey_esp_side far;
	struct esp_tunnel *t;
	const char *why;
	int r;

	if (!same_near(o, i, &m->cs[2 * i + 1]))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer says "
				   "another end of tunnel %zu for us than we "
				   "did", i + 1);
	r = mikey_esp_end_get(forth->data, forth->spi, &far);
	if (r)
		return mikey_fault(fault, r, "the far end of tunnel %zu in "
				   "the MIKEY answer is %s", i + 1,
				   err_text(r));
	r = mikey_esp_pair_add(&o->near[i], &far, &o->bounds, out, &why);
	if (r)
		return mikey_fault(fault, r, "the MIKEY answer's end of "
				   "tunnel %zu has %s", i + 1, why);
	t = &out->tunnel[i];
	t->cs_in = (uint8_t)(2 * i + 2);
	t->cs_out = (uint8_t)(2 * i + 1);
	t->fresh_len = 2 * MIKEY_ESP_NONCE;
	memcpy(t->fresh, o->near[i].nonce, MIKEY_ESP_NONCE);
	memcpy(t->fresh + MIKEY_ESP_NONCE, far.nonce, MIKEY_ESP_NONCE);
	return 0;
}

int mikey_esp_offer_answered(const struct mikey_esp_offer *o,
			     const struct mikey_message *m,
			     struct keying_result *out,
			     struct keying_fault *fault)
{
	struct esp_result got = { .n = 0 };
	const struct mikey_esp_policy *p;
	int r = 0;

	if (!same_sessions(o, m))
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer names "
				   "other crypto sessions or policies than "
				   "our offer");
	if (!same_policy(o, m, m->cs[0].policies.p[0]))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer has "
				   "another policy than our offer");
	p = &o->policy[m->cs[0].policies.p[0]];
	for (size_t i = 0; i < o->n && !r; i++)
		r = take_tunnel(o, i, m, &got, fault);
	if (!r)
		r = mikey_within_answered(&o->within, m, out, fault);
	if (r)
		return r;
	got.ike = o->bounds.ike ? TUNNEL_IKE_BEGINS : TUNNEL_IKE_NONE;
	got.suite = p->suite;
	got.mode = p->mode;
	got.scope = p->scope;
	got.life_s = p->life_s;
	got.life_kib = p->life_kib;
	got.window = p->window;
	got.auth_len = p->auth_len;
	out->esp = got;
	return 0;
}
