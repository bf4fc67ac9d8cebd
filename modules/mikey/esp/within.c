/* within.c - see within.h, doc/MIKEY-IPSEC.md and RFC 6043 6.1.1.
 *
 * Behind the sessions of T tunnels, line n of SDP, counted from 1, has CS
 * 2T+2n-1 to the answerer and CS 2T+2n back. Of SRTP the sender speaks: its
 * session data is the SSRC that it will send with, without ROC and SEQ, which
 * are 0 at first and go on over a change of keys (RFC 3711 3.3.1). So the offer
 * fills in the session forth and leaves the one back empty, and the response
 * repeats the first to the bit. There is one TGK and no MKI, hence no SPI.
 *
 * The form is our own profile's: what RFC 6043 leaves open else is refused. */
#include "modules/mikey/esp/within.h"

#include "daemon/base/err.h"
#include "modules/mikey/esp/policy.h"
#include "modules/mikey/incoming.h"
#include "modules/mikey/map.h"

#include <string.h>

#define REFUSE MIKEY_REFUSE

static void put_u32(uint8_t out[MIKEY_SSRC], uint32_t v)
{
	for (size_t i = 0; i < MIKEY_SSRC; i++)
		out[i] = (uint8_t)(v >> (24 - 8 * i));
}

static bool is_bytes(struct mikey_bytes b, const uint8_t *p, size_t len)
{
	return b.len == len && !memcmp(b.p, p, len);
}

static bool same_list(struct mikey_bytes a, struct mikey_bytes b)
{
	return a.len && is_bytes(a, b.p, b.len);
}

/* -- the offerer ---------------------------------------------------------- */

static int draw_policy(const struct keying_terms *t, size_t i,
		       struct mikey_within *w)
{
	struct buf b = buf_of(MIKEY_SP_ROOM);
	int r;

	w->sp[i] = (struct mikey_sp){ t->suites[i], t->kdr };
	mikey_sp_put(&b, &w->sp[i]);
	r = b.err;
	if (!r)
		memcpy(w->params[i], b.data, b.len);
	w->params_len[i] = (uint8_t)b.len;
	w->number[i] = (uint8_t)(t->esp->n_suites + i);
	buf_free(&b);
	return r;
}

int mikey_within_draw(const struct keying_terms *t, struct mikey_within *w)
{
	int r = 0;

	for (size_t i = 0; i < t->n_suites && !r; i++)
		r = draw_policy(t, i, w);
	for (size_t i = 0; i < t->n; i++)
		put_u32(w->ssrc[i], t->ssrc[i]);
	w->n_policies = t->n_suites;
	w->n = t->n;
	return r;
}

void mikey_within_map(const struct mikey_within *w, struct mikey_message *m)
{
	for (size_t i = 0; i < 2 * w->n; i++) {
		struct mikey_cs *cs = &m->cs[m->n_cs];

		*cs = (struct mikey_cs){
			.id = ++m->n_cs, .protocol = MIKEY_PROTOCOL_SRTP,
			.policies = { w->number, w->n_policies },
		};
		if (i % 2 == 0)
			cs->data = (struct mikey_bytes){ w->ssrc[i / 2],
							 MIKEY_SSRC };
	}
}

void mikey_within_policies(const struct mikey_within *w,
			   struct mikey_message *m)
{
	for (size_t i = 0; i < w->n_policies; i++) {
		struct mikey_payload *p = mikey_add(m, MIKEY_SP,
						    MIKEY_PROTOCOL_SRTP);

		p->extra = w->number[i];
		p->data = (struct mikey_bytes){ w->params[i],
						w->params_len[i] };
	}
}

/* Which of our policies that is; n_policies: none. */
static size_t policy_at(const struct mikey_within *w, struct mikey_bytes list)
{
	size_t i = 0;

	while (i < w->n_policies && (list.len != 1 ||
				     list.p[0] != w->number[i]))
		i++;
	return i;
}

/* All of SRTP's sessions as ours, but for the answerer's SSRC. */
static bool same_sessions(const struct mikey_within *w,
			  const struct mikey_message *m, size_t first)
{
	for (size_t i = first; i < m->n_cs; i++) {
		const struct mikey_cs *cs = &m->cs[i];

		if (cs->id != i + 1 || cs->protocol != MIKEY_PROTOCOL_SRTP ||
		    cs->s || cs->spi.len || cs->data.len != MIKEY_SSRC ||
		    policy_at(w, cs->policies) == w->n_policies ||
		    !same_list(cs->policies, m->cs[first].policies))
			return false;
	}
	return true;
}

static bool same_ssrcs(const struct mikey_within *w,
		       const struct mikey_message *m, size_t first)
{
	for (size_t i = 0; i < w->n; i++)
		if (!is_bytes(m->cs[first + 2 * i].data, w->ssrc[i],
			      MIKEY_SSRC))
			return false;
	return true;
}

/* Where a policy is repeated, it is the chosen one as we offered it. */
static bool same_policy(const struct mikey_within *w,
			const struct mikey_message *m, size_t no)
{
	const struct mikey_payload *p;

	for (size_t i = 0; (p = mikey_find(m, MIKEY_SP, i)); i++)
		if (p->kind == MIKEY_PROTOCOL_SRTP &&
		    (p->extra != w->number[no] ||
		     !is_bytes(p->data, w->params[no], w->params_len[no])))
			return false;
	return true;
}

int mikey_within_answered(const struct mikey_within *w,
			  const struct mikey_message *m,
			  struct keying_result *out,
			  struct keying_fault *fault)
{
	size_t first = m->n_cs - 2 * w->n, no;

	if (!w->n)
		return 0;
	if (!same_sessions(w, m, first))
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer names "
				   "other crypto sessions or policies of SRTP "
				   "than our offer");
	if (!same_ssrcs(w, m, first))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer says "
				   "another SSRC for us than we did");
	no = policy_at(w, m->cs[first].policies);
	if (!same_policy(w, m, no))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer has "
				   "another policy than our offer");
	for (size_t i = 0; i < w->n; i++)
		out->recv_ssrc[i] = mikey_map_ssrc(m, first + 2 * i + 1);
	out->facts.suite = (uint16_t)w->sp[no].suite;
	out->n = w->n;
	return 0;
}

/* -- the answerer --------------------------------------------------------- */

static size_t lines(const struct mikey_incoming *in)
{
	return in->t->esp->srtp ? in->t->n : 0;
}

int mikey_within_count(struct mikey_incoming *in)
{
	size_t tunnels = in->t->esp->n, n = lines(in);
	const struct mikey_message *m = &in->offer;

	if (m->n_cs == 2 * (tunnels + n))
		return 0;
	if (n && m->n_cs == 2 * tunnels)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer keys ESP alone, the profile wants SRTP "
			      "in it");
	return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY offer "
		      "has %u crypto sessions, %zu tunnels take %zu%s",
		      m->n_cs, tunnels, 2 * tunnels,
		      n ? ", and as many lines of SRTP as there are in SDP "
			  "two each" : " and have no SRTP in them");
}

static int check_session(struct mikey_incoming *in, size_t i)
{
	size_t first = 2 * in->t->esp->n;
	const struct mikey_cs *cs = &in->offer.cs[i];

	if (cs->protocol != MIKEY_PROTOCOL_SRTP)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SP, "crypto "
			      "session %zu of the MIKEY offer is of protocol "
			      "%u, not SRTP", i + 1, cs->protocol);
	if (cs->id != i + 1 || cs->s || cs->spi.len)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "crypto "
			      "session %zu of the MIKEY offer has another "
			      "number, a rollover counter or an SPI", i + 1);
	if (cs->data.len != ((i - first) % 2 ? 0 : MIKEY_SSRC))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "crypto "
			      "session %zu of the MIKEY offer has not its "
			      "sender's SSRC alone", i + 1);
	if (!same_list(cs->policies, in->offer.cs[first].policies))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SP, "the crypto "
			      "sessions of SRTP in the MIKEY offer do not "
			      "have the same policies");
	return 0;
}

int mikey_within_check(struct mikey_incoming *in)
{
	size_t first = 2 * in->t->esp->n, n = lines(in);
	struct mikey_bytes list = in->offer.cs[first].policies;
	int r = 0;

	for (size_t i = 0; i < 2 * n && !r; i++)
		r = check_session(in, first + i);
	if (r || !n)
		return r;
	r = E_UNSUPPORTED;
	for (size_t i = 0; i < list.len && r == E_UNSUPPORTED; i++) {
		r = mikey_map_policy(in, list.p[i], &in->sp);
		in->policy_no = list.p[i];
	}
	return r;
}

void mikey_within_back(struct mikey_incoming *in, struct mikey_message *m)
{
	size_t first = 2 * in->t->esp->n;

	for (size_t i = 0; i < 2 * lines(in); i++) {
		struct mikey_cs *cs = &m->cs[first + i];

		cs->policies = (struct mikey_bytes){ &in->policy_no, 1 };
		if (i % 2 == 0)
			continue;
		put_u32(in->told[i], in->t->ssrc[i / 2]);
		cs->data = (struct mikey_bytes){ in->told[i], MIKEY_SSRC };
	}
}

void mikey_within_add_policy(const struct mikey_incoming *in,
			     struct mikey_message *m)
{
	const struct mikey_payload *p;

	for (size_t i = 0; (p = mikey_find(&in->offer, MIKEY_SP, i)) &&
			   lines(in); i++)
		if (p->kind == MIKEY_PROTOCOL_SRTP &&
		    p->extra == in->policy_no) {
			m->payload[m->n++] = *p;
			return;
		}
}
