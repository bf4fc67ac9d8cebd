/* dialect.c - see dialect.h.
 *
 * Its crypto session is: policy number, SPI, source, destination, the addresses
 * with their last octet first. The parties do not know each other's address:
 * what the offerer does not know is 0, and so is the SPI on which we receive;
 * the answer fills them in. Which session runs to us shows in its addresses,
 * not in its place. Keys are those of RFC 3830 4.1.3 by the session's place,
 * with RAND alone: there is nothing in it that makes each answer's keys new, so
 * that only the replay cache keeps a key from being used twice, and no cipher
 * of it is one (GCM) that this would undo at once.
 *
 * It knows one tunnel for everything between two hosts, IPv4, no NAT. */
#include "modules/mikey/esp/dialect.h"

#include "daemon/base/err.h"
#include "modules/mikey/esp/answer.h"
#include "modules/mikey/esp/policy.h"
#include "modules/mikey/incoming.h"

#include <string.h>

#define REFUSE MIKEY_REFUSE
#define SESSIONS 2

static const uint8_t unknown[4];

static void turn(const uint8_t *in, uint8_t *out)
{
	for (size_t i = 0; i < 4; i++)
		out[i] = in[3 - i];
}

int mikey_2005_get(const struct mikey_cs *cs, struct mikey_2005_id *out)
{
	struct reader r = reader_of(cs->spi.p, cs->spi.len);

	if (cs->spi.len != 4 || cs->data.len != 8)
		return E_FORMAT;
	out->spi = reader_u32(&r);
	turn(cs->data.p, out->from);
	turn(cs->data.p + 4, out->to);
	return 0;
}

void mikey_2005_put(const struct mikey_2005_id *id, uint8_t spi[static 4],
		    uint8_t data[static 8], struct mikey_cs *cs)
{
	for (size_t i = 0; i < 4; i++)
		spi[i] = (uint8_t)(id->spi >> (24 - 8 * i));
	turn(id->from, data);
	turn(id->to, data + 4);
	cs->spi = (struct mikey_bytes){ spi, 4 };
	cs->data = (struct mikey_bytes){ data, 8 };
}

static bool same(const uint8_t a[4], const uint8_t b[4])
{
	return !memcmp(a, b, 4);
}

/* Ours, or left open. */
static bool may_be(const uint8_t ip[4], const struct addr *near)
{
	return same(ip, unknown) || same(ip, near->ip);
}

/* Whether forth runs to us and back to them. */
static bool fits(const struct mikey_2005_id *forth,
		 const struct mikey_2005_id *back, const struct addr *near)
{
	return !forth->spi && back->spi && may_be(forth->to, near) &&
	       may_be(back->from, near) && !same(back->to, unknown) &&
	       same(forth->from, back->to);
}

static int take_ends(struct mikey_incoming *in, size_t forth,
		     const struct mikey_2005_id *back)
{
	const struct mikey_esp_bounds b = mikey_esp_bounds_of(in->t->esp);
	struct mikey_esp_side near = { .end = in->t->esp->near[0] };
	struct mikey_esp_side far = { .end = { .spi = back->spi, .n = 1 } };
	struct esp_end *e = &far.end;
	const char *why;
	int r;

	e->at.family = 4;
	memcpy(e->at.ip, back->to, 4);
	e->sel[0].net = (struct net){ .base = e->at, .bits = 32 };
	r = mikey_esp_pair_add(&near, &far, &b, &in->esp.got, &why);
	if (r)
		return REFUSE(in, r, MIKEY_ERR_OTHER, "the MIKEY offer's end "
			      "of the tunnel has %s", why);
	in->esp.got.tunnel[0].cs_in = (uint8_t)(forth + 1);
	in->esp.got.tunnel[0].cs_out = (uint8_t)(SESSIONS - forth);
	return 0;
}

static int check_ids(struct mikey_incoming *in)
{
	const struct esp_terms *t = in->t->esp;
	struct mikey_2005_id id[SESSIONS];

	for (size_t i = 0; i < SESSIONS; i++)
		if (mikey_2005_get(&in->offer.cs[i], &id[i]))
			return REFUSE(in, E_FORMAT, MIKEY_ERR_OTHER, "crypto "
				      "session %zu of the MIKEY offer is "
				      "malformed", i + 1);
	for (size_t i = 0; i < SESSIONS; i++)
		if (fits(&id[i], &id[1 - i], &t->near[0].at))
			return take_ends(in, i, &id[1 - i]);
	return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the crypto "
		      "sessions of the MIKEY offer are not one to us and one "
		      "back with an SPI");
}

static int check_terms(struct mikey_incoming *in)
{
	const struct esp_terms *t = in->t->esp;

	if (!in->t->legacy)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer keys ESP in the dialect of 2005: set "
			      "mikey.legacy to take it");
	if (t->n != 1 || t->scope != ESP_HOST || t->near[0].at.family != 4 ||
	    t->near[0].natted)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer is in the dialect of 2005, which knows "
			      "one tunnel between two IPv4 hosts without NAT");
	if (in->offer.n_cs != SESSIONS ||
	    in->offer.cs[0].policy != in->offer.cs[1].policy)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer has not two crypto sessions of one "
			      "policy");
	return 0;
}

static int check_policy(struct mikey_incoming *in)
{
	const struct mikey_message *m = &in->offer;
	const struct mikey_payload *sp = mikey_find(m, MIKEY_SP, 0);
	const struct esp_terms *t = in->t->esp;
	struct mikey_esp_policy p;
	const char *why;
	int r;

	if (!sp || mikey_find(m, MIKEY_SP, 1) || sp->extra != m->cs[0].policy)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SP, "the MIKEY "
			      "offer has not one policy");
	if (sp->kind != MIKEY_PROTOCOL_2005)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SP, "the MIKEY "
			      "offer's policy is of protocol %u", sp->kind);
	r = mikey_esp_policy_get(sp->kind, sp->data, &p, &why);
	if (r)
		return REFUSE(in, r, MIKEY_ERR_SPPAR, "the MIKEY offer's "
			      "policy has %s", why);
	if (p.mode != t->mode)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "the MIKEY "
			      "offer's policy has another mode than the "
			      "profile");
	r = mikey_esp_allow(in, p.suite);
	if (r)
		return r;
	in->esp.policy_no = (uint8_t)sp->extra;
	in->esp.got = (struct esp_result){
		.suite = p.suite, .mode = p.mode, .scope = p.scope,
		.auth_len = p.auth_len, .life_s = t->life_s,
		.life_kib = t->life_kib, .window = t->window, .legacy = true,
	};
	return 0;
}

int mikey_esp_2005_check(struct mikey_incoming *in)
{
	int r = check_terms(in);

	if (!r)
		r = check_policy(in);
	return r ? r : check_ids(in);
}

void mikey_esp_2005_back(struct mikey_incoming *in, struct mikey_message *m)
{
	const struct esp_tunnel *t = &in->esp.got.tunnel[0];
	const struct mikey_2005_id forth = { .spi = t->near.spi }, back = {
		.spi = t->far.spi };
	struct mikey_2005_id id[SESSIONS];

	id[t->cs_in - 1] = forth;
	id[t->cs_out - 1] = back;
	memcpy(id[t->cs_in - 1].from, t->far.at.ip, 4);
	memcpy(id[t->cs_in - 1].to, t->near.at.ip, 4);
	memcpy(id[t->cs_out - 1].from, t->near.at.ip, 4);
	memcpy(id[t->cs_out - 1].to, t->far.at.ip, 4);
	for (size_t i = 0; i < SESSIONS; i++)
		mikey_2005_put(&id[i], in->esp.spi[i], in->esp.addresses[i],
			       &m->cs[i]);
}
