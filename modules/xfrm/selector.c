/* selector.c - hostile selectors, refused with a reason. See selector.h. */
#include "modules/xfrm/selector.h"

#include "daemon/base/err.h"

#include <netinet/in.h>

static int refuse(const char **why, const char *text)
{
	*why = text;
	return E_POLICY;
}

/* -- addresses nobody calls from ------------------------------------------ */

static const struct {
	struct net net;
	const char *why;
} odd[] = {
	{ { { .family = 4 }, 8 }, "0.0.0.0/8 is no host" },
	{ { { .family = 4, .ip = { 127 } }, 8 }, "loopback is in it" },
	{ { { .family = 4, .ip = { 224 } }, 4 }, "multicast is in it" },
	{ { { .family = 4, .ip = { 240 } }, 4 },
	  "broadcast or a reserved address is in it" },
	{ { { .family = 6 }, 128 }, ":: is no host" },
	{ { { .family = 6, .ip = { [15] = 1 } }, 128 }, "loopback is in it" },
	{ { { .family = 6, .ip = { [10] = 0xff, [11] = 0xff } }, 96 },
	  "an IPv4 address is written as IPv6" },
	{ { { .family = 6, .ip = { 0xff } }, 8 }, "multicast is in it" },
};

static bool within(const struct net *inner, const struct net *outer)
{
	return inner->bits >= outer->bits &&
	       net_contains(outer, &inner->base);
}

static bool overlaps(const struct net *a, const struct net *b)
{
	return within(a, b) || within(b, a);
}

static int check_odd(const struct net *n, const char **why)
{
	if (!n->bits)
		return refuse(why, "it takes all addresses there are");
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		if (overlaps(n, &odd[i].net))
			return refuse(why, odd[i].why);
	return 0;
}

static bool within_one(const struct net *n, const struct net *of, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (within(n, &of[i]))
			return true;
	return false;
}

static bool one_host(const struct net *n)
{
	return n->bits == (n->base.family == 4 ? 32 : 128);
}

/* -- ports ---------------------------------------------------------------- */

static bool media_port(uint16_t port, uint16_t mask)
{
	return port && (mask == 0xffff || mask == 0xfffe);
}

static bool takes_sip(const struct ipsec_selector *s, const struct addr *sip)
{
	bool host = addr_is_any(sip) || net_contains(&s->src, sip);
	bool proto = !s->proto || s->proto == IPPROTO_UDP ||
		     s->proto == IPPROTO_TCP;

	return host && proto && (sip->port & s->sport_mask) == s->sport;
}

/* With a port it means SIP; without one it is for the bypass policies. */
static int check_sip(const struct ipsec_selector *s,
		     const struct selector_rules *rules, const char **why)
{
	if (!s->sport_mask && rules->scope != ESP_MEDIA)
		return 0;
	for (size_t i = 0; i < rules->n_sip; i++)
		if (takes_sip(s, &rules->sip[i]))
			return refuse(why, "our own SIP port is in it");
	return 0;
}

static int check_scope(const struct ipsec_selector *s, enum esp_scope scope,
		       const char **why)
{
	if (scope != ESP_NET && (!one_host(&s->src) || !one_host(&s->dst)))
		return refuse(why, "it takes more than the two hosts");
	if (scope != ESP_MEDIA)
		return 0;
	if (s->proto != IPPROTO_UDP)
		return refuse(why, "media is UDP only");
	if (!media_port(s->sport, s->sport_mask) ||
	    !media_port(s->dport, s->dport_mask))
		return refuse(why, "it takes more ports than those of a flow");
	return 0;
}

int selector_check(const struct ipsec_selector *s,
		   const struct selector_rules *rules, const char **why)
{
	int r = ipsec_selector_check(s, why);

	if (!r)
		r = check_odd(&s->src, why);
	if (!r)
		r = check_odd(&s->dst, why);
	if (!r && !within_one(&s->src, rules->near, rules->n_near))
		r = refuse(why, "our side of it is not ours alone");
	if (!r && !within_one(&s->dst, rules->far, rules->n_far))
		r = refuse(why, "the far side of it is not this peer's alone");
	if (!r)
		r = check_scope(s, rules->scope, why);
	if (!r)
		r = check_sip(s, rules, why);
	return r;
}
