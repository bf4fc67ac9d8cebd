/* ipsec.c - the kernel's names, and what SAs and policies must be. See
 * ipsec.h. */
#include "modules/xfrm/ipsec.h"

#include "daemon/base/err.h"

#include <string.h>

static const struct ipsec_algorithms algorithms[ESP_SUITES] = {
	[ESP_AES_128_GCM] = { .aead = "rfc4106(gcm(aes))" },
	[ESP_AES_256_GCM] = { .aead = "rfc4106(gcm(aes))" },
	[ESP_AES_128_CBC_SHA256] = { .encr = "cbc(aes)",
				     .auth = "hmac(sha256)" },
	[ESP_AES_256_CBC_SHA256] = { .encr = "cbc(aes)",
				     .auth = "hmac(sha256)" },
	[ESP_AES_128_CBC_SHA1] = { .encr = "cbc(aes)", .auth = "hmac(sha1)" },
	[ESP_AES_256_CBC_SHA1] = { .encr = "cbc(aes)", .auth = "hmac(sha1)" },
	[ESP_3DES_CBC_SHA1] = { .encr = "cbc(des3_ede)",
				.auth = "hmac(sha1)" },
};

const struct ipsec_algorithms *ipsec_algorithms(unsigned suite)
{
	return suite > ESP_NONE && suite < ESP_SUITES ? &algorithms[suite]
						      : NULL;
}

static int wrong(const char **why, const char *text)
{
	*why = text;
	return E_ARG;
}

/* -- selectors ------------------------------------------------------------ */

static unsigned width(const struct addr *a)
{
	return a->family == 4 ? 32 : 128;
}

static bool clear_behind(const struct net *n)
{
	struct net same = { n->base, n->bits };
	unsigned at;

	for (at = n->bits; at < width(&n->base); at++)
		same.base.ip[at / 8] &= (uint8_t)~(0x80 >> at % 8);
	return !memcmp(same.base.ip, n->base.ip, sizeof n->base.ip);
}

static bool is_net(const struct net *n)
{
	return (n->base.family == 4 || n->base.family == 6) &&
	       n->bits <= width(&n->base) && clear_behind(n);
}

int ipsec_selector_check(const struct ipsec_selector *s, const char **why)
{
	if (!is_net(&s->src) || !is_net(&s->dst))
		return wrong(why, "a net of the selector is none");
	if (s->src.base.family != s->dst.base.family)
		return wrong(why, "the selector's nets are of two families");
	if ((s->sport & ~s->sport_mask) || (s->dport & ~s->dport_mask))
		return wrong(why, "a port has bits outside its mask: it would "
				  "never match");
	if ((s->sport_mask || s->dport_mask) && !s->proto)
		return wrong(why, "ports without a protocol");
	return 0;
}

bool ipsec_selector_equal(const struct ipsec_selector *a,
			const struct ipsec_selector *b)
{
	return net_equal(&a->src, &b->src) && net_equal(&a->dst, &b->dst) &&
	       a->sport == b->sport && a->sport_mask == b->sport_mask &&
	       a->dport == b->dport && a->dport_mask == b->dport_mask &&
	       a->proto == b->proto;
}

static bool nets_meet(const struct net *a, const struct net *b)
{
	return net_contains(a, &b->base) || net_contains(b, &a->base);
}

static bool ports_meet(uint16_t a, uint16_t a_mask, uint16_t b,
		       uint16_t b_mask)
{
	return !((a ^ b) & a_mask & b_mask);
}

struct ipsec_selector ipsec_selector_turned(const struct ipsec_selector *s)
{
	return (struct ipsec_selector){
		.src = s->dst, .dst = s->src, .proto = s->proto,
		.sport = s->dport, .sport_mask = s->dport_mask,
		.dport = s->sport, .dport_mask = s->sport_mask };
}

bool ipsec_selectors_meet(const struct ipsec_selector *a,
			const struct ipsec_selector *b)
{
	return nets_meet(&a->src, &b->src) && nets_meet(&a->dst, &b->dst) &&
	       (!a->proto || !b->proto || a->proto == b->proto) &&
	       ports_meet(a->sport, a->sport_mask, b->sport, b->sport_mask) &&
	       ports_meet(a->dport, a->dport_mask, b->dport, b->dport_mask);
}

/* -- SAs ------------------------------------------------------------------ */

static int check_pair(const struct addr *src, const struct addr *dst,
		      const char **why)
{
	if (!src->family || src->family != dst->family)
		return wrong(why, "the addresses are not of one family");
	if (addr_is_any(src) || addr_is_any(dst))
		return wrong(why, "an address is unknown");
	return 0;
}

static bool in_order(uint64_t soft, uint64_t hard)
{
	return !soft || !hard || soft < hard;
}

static int check_life(const struct ipsec_life *l, const char **why)
{
	if (!in_order(l->soft_bytes, l->hard_bytes) ||
	    !in_order(l->soft_packets, l->hard_packets) ||
	    !in_order(l->soft_s, l->hard_s))
		return wrong(why, "a soft limit is not below its hard one");
	return 0;
}

/* Only an old peer's authentication key may be shorter. */
static int check_key(const struct esp_key *k, const char **why)
{
	const struct esp_suite_info *i = esp_suite_info(k->suite);

	if (!i)
		return wrong(why, "no such suite");
	if (k->key_len != i->key_len || k->salt_len != i->salt_len ||
	    k->auth_len > i->auth_len || !k->auth_len != !i->auth_len ||
	    (k->auth_len < i->auth_len && !i->legacy))
		return wrong(why, "the key has not its suite's lengths");
	return 0;
}

int ipsec_sa_check(const struct ipsec_sa *sa, const char **why)
{
	int r = check_pair(&sa->src, &sa->dst, why);

	if (!r && sa->spi < ESP_SPI_MIN)
		r = wrong(why, "SPIs 0 to 255 are reserved (RFC 4303 2.1)");
	if (!r)
		r = check_key(&sa->key, why);
	if (!r && sa->mode != ESP_TRANSPORT && sa->mode != ESP_TUNNEL)
		r = wrong(why, "no such mode");
	if (!r && !sa->reqid)
		r = wrong(why, "no reqid: it would serve anybody's policies");
	if (!r && (!sa->window || sa->window > ESP_WINDOW_MAX))
		r = wrong(why, "a replay window has 1 to 4096 packets");
	if (!r && !sa->encap.sport != !sa->encap.dport)
		r = wrong(why, "encapsulation needs both ports");
	if (!r && sa->again_s && !sa->encap.sport)
		r = wrong(why, "without encapsulation no source is told");
	if (!r)
		r = check_life(&sa->life, why);
	if (!r && sa->sel.src.base.family)
		r = ipsec_selector_check(&sa->sel, why);
	return r;
}

/* -- policies ------------------------------------------------------------- */

static int check_protect(const struct ipsec_policy *p, const char **why)
{
	int r = 0;

	if (p->mode == ESP_TUNNEL || p->spi)
		r = check_pair(&p->src, &p->dst, why);
	if (!r && p->spi && p->spi < ESP_SPI_MIN)
		r = wrong(why, "SPIs 0 to 255 are reserved (RFC 4303 2.1)");
	if (!r && p->dir == IPSEC_OUT && !p->spi)
		r = wrong(why, "outbound without an SPI: it would take any SA "
			       "of the reqid");
	if (!r && p->mode != ESP_TRANSPORT && p->mode != ESP_TUNNEL)
		r = wrong(why, "no such mode");
	if (!r && !p->reqid)
		r = wrong(why, "no reqid: anybody's SAs would serve");
	return r;
}

int ipsec_policy_check(const struct ipsec_policy *p, const char **why)
{
	int r = ipsec_selector_check(&p->sel, why);

	if (!r && p->dir >= IPSEC_DIRS)
		r = wrong(why, "no such direction");
	if (!r && p->action >= IPSEC_ACTIONS)
		r = wrong(why, "no such action");
	if (!r && p->action == IPSEC_PROTECT)
		r = check_protect(p, why);
	return r;
}
