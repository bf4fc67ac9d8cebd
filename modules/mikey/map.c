/* map.c - see map.h.
 *
 * SRTP-ID: a policy, SSRC and rollover counter a session (RFC 3830 6.1.1).
 * Empty: nothing is said, so the sessions are those of SDP's lines, with SRTP's
 * own defaults for a policy (RFC 4563 section 5, RFC 3711 section 5) and SSRCs
 * that only the packets tell. GENERIC-ID: each session lists the policies that
 * would do, may leave SSRC and SPI out, or all policies, which the response
 * then brings (RFC 6043 6.1.1).
 *
 * RFC 4567 section 7.1 gives each line two sessions: for the n-th, from 1, CS
 * 2n-1 forth and 2n back. A GENERIC-ID map numbers its sessions itself; other
 * numbers would be other lines and are refused.
 *
 * All sessions have one suite: the relay's streams of a call do. Our own offers
 * have SRTP-ID maps. */
#include "modules/mikey/map.h"

#include "daemon/base/err.h"

#include <string.h>

#define REFUSE MIKEY_REFUSE
#define WITH_INDEX 10 /* bytes of session data: SSRC, ROC, SEQ */
#define BARE 4        /* SSRC alone */

/* -- the sessions --------------------------------------------------------- */

uint32_t mikey_map_ssrc(const struct mikey_message *m, size_t i)
{
	const struct mikey_cs *cs = &m->cs[i];
	struct reader r = reader_of(cs->data.p, cs->data.len);

	if (m->map == MIKEY_MAP_SRTP)
		return cs->ssrc;
	return m->map == MIKEY_MAP_GENERIC && cs->data.len ? reader_u32(&r)
							   : 0;
}

static uint32_t roc_of(const struct mikey_message *m, size_t i)
{
	const struct mikey_cs *cs = &m->cs[i];
	struct reader r = reader_of(cs->data.p, cs->data.len);

	if (m->map == MIKEY_MAP_SRTP)
		return cs->roc;
	if (m->map != MIKEY_MAP_GENERIC || cs->data.len != WITH_INDEX)
		return 0;
	reader_u32(&r);
	return reader_u32(&r);
}

static int check_generic(struct mikey_incoming *in, size_t i)
{
	const struct mikey_cs *cs = &in->offer.cs[i];
	bool fits = cs->s ? cs->data.len == WITH_INDEX
			  : cs->data.len == BARE || !cs->data.len;

	if (cs->protocol)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SP, "crypto "
			      "session %u of the MIKEY offer is of protocol "
			      "%u, not SRTP", cs->id, cs->protocol);
	if (cs->id != i + 1)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "crypto "
			      "session %u of the MIKEY offer stands at place "
			      "%zu: RFC 4567 numbers them by the lines",
			      cs->id, i + 1);
	if (!fits)
		return REFUSE(in, E_FORMAT, MIKEY_ERR_OTHER, "crypto session "
			      "%u of the MIKEY offer has %zu bytes of data",
			      cs->id, cs->data.len);
	return 0;
}

static int check_count(struct mikey_incoming *in)
{
	const struct mikey_message *m = &in->offer;

	if (m->n_cs == 2 * in->t->n ||
	    (m->map == MIKEY_MAP_EMPTY && !m->n_cs))
		return 0;
	return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY offer "
		      "has %u crypto sessions, %zu lines of media take %zu",
		      m->n_cs, in->t->n, 2 * in->t->n);
}

static int check_line(struct mikey_incoming *in, size_t i)
{
	const struct mikey_message *m = &in->offer;
	uint32_t back = mikey_map_ssrc(m, 2 * i + 1);

	if (back && back != in->t->ssrc[i])
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer chooses our SSRC");
	/* in an update the streams run, and we know where they are */
	if (!in->update && (roc_of(m, 2 * i) || roc_of(m, 2 * i + 1)))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer joins a running stream (its rollover "
			      "counter is not 0)");
	return 0;
}

int mikey_map_check(struct mikey_incoming *in)
{
	int r;

	if (in->offer.map > MIKEY_MAP_GENERIC)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer keys ESP in the dialect of 2005, the "
			      "profile wants SRTP");
	r = check_count(in);
	if (in->offer.map == MIKEY_MAP_GENERIC)
		for (size_t i = 0; i < in->offer.n_cs && !r; i++)
			r = check_generic(in, i);
	for (size_t i = 0; i < in->t->n && !r; i++)
		r = check_line(in, i);
	return r;
}

/* -- the suite ------------------------------------------------------------ */

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

static int may_use(struct mikey_incoming *in, const struct mikey_sp *sp)
{
	in->policy = true;
	if (!in->t->suite && !allowed(in->t, sp->suite))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "suite %s is "
			      "not allowed: add it to the profile's suites",
			      suite_info(sp->suite)->name);
	if (sp->kdr && in->t->no_rate)
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "the MIKEY "
			      "offer asks for a key derivation rate, which "
			      "media.transform = \"libsrtp2\" cannot do");
	in->policy = false;
	return 0;
}

int mikey_map_policy(struct mikey_incoming *in, unsigned no,
		     struct mikey_sp *out)
{
	const struct mikey_payload *sp = policy_no(&in->offer, no);
	const char *why;

	in->policy = true;
	if (!sp || sp->kind != 0) /* table 6.10: SRTP */
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SP, "the MIKEY "
			      "offer has no SRTP policy %u", no);
	if (mikey_sp_get(sp->data, out, &why))
		return REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "the MIKEY "
			      "offer's policy asks for %s", why);
	return may_use(in, out);
}

static int suite_of_srtp(struct mikey_incoming *in)
{
	int r = mikey_map_policy(in, in->offer.cs[0].policy, &in->sp);

	in->policy_no = in->offer.cs[0].policy;
	for (size_t i = 1; i < in->offer.n_cs && !r; i++) {
		struct mikey_sp other;

		r = mikey_map_policy(in, in->offer.cs[i].policy, &other);
		if (!r && (other.suite != in->sp.suite ||
			   other.kdr != in->sp.kdr))
			r = REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "the "
				   "MIKEY offer mixes suites or rates");
	}
	return r;
}

/* RFC 4563 section 5: no policy may be there. */
static int suite_of_empty(struct mikey_incoming *in)
{
	if (mikey_find(&in->offer, MIKEY_SP, 0))
		return REFUSE(in, E_FORMAT, MIKEY_ERR_SP, "the MIKEY offer has "
			      "a policy beside an empty map");
	in->sp = (struct mikey_sp){ .suite = SUITE_AES_CM_128_HMAC_SHA1_80 };
	return may_use(in, &in->sp);
}

/* Whether every session would take that policy. */
static bool all_list(const struct mikey_message *m, uint8_t no)
{
	for (size_t i = 0; i < m->n_cs; i++)
		if (!m->cs[i].policies.len ||
		    !memchr(m->cs[i].policies.p, no, m->cs[i].policies.len))
			return false;
	return true;
}

static bool none_lists(const struct mikey_message *m)
{
	for (size_t i = 0; i < m->n_cs; i++)
		if (m->cs[i].policies.len)
			return false;
	return true;
}

/* The first that all sessions list and we may use; where none lists any, our
 * own first. */
static int suite_of_generic(struct mikey_incoming *in)
{
	const struct mikey_bytes list = in->offer.cs[0].policies;
	int r = E_UNSUPPORTED;

	if (none_lists(&in->offer)) {
		in->sp = (struct mikey_sp){ .suite = in->t->suites[0] };
		in->brings_policy = true;
		return may_use(in, &in->sp);
	}
	REFUSE(in, r, MIKEY_ERR_SP, "the crypto sessions of the MIKEY offer "
	       "have no policy in common");
	for (size_t i = 0; i < list.len && r; i++) {
		if (!all_list(&in->offer, list.p[i]))
			continue;
		r = mikey_map_policy(in, list.p[i], &in->sp);
		in->policy_no = list.p[i];
	}
	return r;
}

int mikey_map_suite(struct mikey_incoming *in)
{
	int (*const by_map[])(struct mikey_incoming *in) = {
		[MIKEY_MAP_SRTP] = suite_of_srtp,
		[MIKEY_MAP_EMPTY] = suite_of_empty,
		[MIKEY_MAP_GENERIC] = suite_of_generic,
	};
	int r = by_map[in->offer.map](in);

	if (!r && in->t->suite && in->t->suite != in->sp.suite) {
		in->sp.suite = in->t->suite;
		in->named = true;
	}
	return r;
}

/* -- keys ----------------------------------------------------------------- */

int mikey_map_key(const struct mikey_message *m, size_t i,
		  const struct mikey_key *key, size_t n)
{
	struct mikey_bytes spi = m->map == MIKEY_MAP_GENERIC
					 ? m->cs[i].spi
					 : (struct mikey_bytes){ NULL, 0 };

	if (!spi.len)
		return n == 1 ? 0 : i < n ? (int)i : -1;
	for (size_t k = 0; k < n; k++)
		if (key[k].kv.type == 1 && key[k].kv.spi.len == spi.len &&
		    !memcmp(key[k].kv.spi.p, spi.p, spi.len))
			return (int)k;
	return -1;
}

/* -- the response --------------------------------------------------------- */

static void put_u32(uint8_t out[4], uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* 6.1.1: "#P SHALL always be exactly 1", data and SPI "MUST be provided". */
static void generic_back(struct mikey_incoming *in, struct mikey_message *m)
{
	for (size_t i = 0; i < m->n_cs; i++) {
		struct mikey_cs *cs = &m->cs[i];
		uint32_t ssrc = i % 2 ? in->t->ssrc[i / 2]
				      : mikey_map_ssrc(&in->offer, i);

		put_u32(in->told[i], ssrc);
		cs->s = 0;
		cs->data = (struct mikey_bytes){ in->told[i], BARE };
		cs->policies = (struct mikey_bytes){ &in->policy_no, 1 };
		if (!cs->spi.len)
			cs->spi = in->spi[i];
	}
}

void mikey_map_back(struct mikey_incoming *in, struct mikey_message *m)
{
	if (in->t->esp) {
		mikey_esp_back(in, m);
		return;
	}
	m->map = in->offer.map;
	m->n_cs = in->offer.n_cs;
	memcpy(m->cs, in->offer.cs, sizeof m->cs);
	if (m->map == MIKEY_MAP_SRTP)
		for (size_t i = 0; i < in->t->n; i++)
			m->cs[2 * i + 1].ssrc = in->t->ssrc[i];
	if (m->map == MIKEY_MAP_GENERIC)
		generic_back(in, m);
}

void mikey_map_add_policy(const struct mikey_incoming *in,
			  struct mikey_message *m)
{
	struct mikey_payload *p;

	if (!in->brings_policy)
		return;
	if (in->t->esp) {
		mikey_esp_add_policy(in, m);
		return;
	}
	p = mikey_add(m, MIKEY_SP, 0);
	p->extra = in->policy_no;
	p->data = (struct mikey_bytes){ in->params, in->params_len };
}
