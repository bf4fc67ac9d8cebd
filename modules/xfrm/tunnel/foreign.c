/* foreign.c - see foreign.h. All policies are looked through when the process
 * starts, and where the kernel has told of one that may matter; to do so with
 * each call would cost more than the tunnel. What is added while a tunnel is up
 * can do nothing, unless it goes before ours: then those packets would leave in
 * clear, and the tunnel ends.
 *
 * Only policies without a template count: what another program has in a tunnel
 * of its own does not leave in clear. */
#include "modules/xfrm/tunnel/foreign.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/xfrm/ask.h"
#include "modules/xfrm/tunnel/block.h"
#include "modules/xfrm/tunnel/group.h"

#include <netinet/in.h>
#include <stdio.h>

#define TAG "xfrm"
#define POLICY_TEXT (2 * ADDR_TEXT + 64)

struct look {
	const struct range *range;
	struct ipsec_selector shut[BLOCK_PREFIXES_MAX]; /* as what leaves */
	size_t n;
	unsigned rank; /* of tunnels that it is for */
	int last;      /* of enum ipsec_dir that counts */
	const char *what;
	struct ipsec_policy before; /* the tunnels */
	bool any;
	tunnel_foreign_fn fn; /* NULL: to the log */
	void *user;
};

static struct ipsec_selector as_out(const struct ipsec_policy *p)
{
	return p->dir == IPSEC_OUT ? p->sel : ipsec_selector_turned(&p->sel);
}

static bool meets(const struct look *l, const struct ipsec_policy *p)
{
	struct ipsec_selector out = as_out(p);

	for (size_t i = 0; i < l->n; i++)
		if (ipsec_selectors_meet(&l->shut[i], &out))
			return true;
	return false;
}

static const char *words(const struct ipsec_policy *p,
			 char text[static POLICY_TEXT])
{
	char src[ADDR_TEXT], dst[ADDR_TEXT];

	snprintf(text, POLICY_TEXT, "%s/%u to %s/%u, priority %u",
		 addr_host(&p->sel.src.base, src), p->sel.src.bits,
		 addr_host(&p->sel.dst.base, dst), p->sel.dst.bits,
		 p->priority);
	return text;
}

static bool is_foreign(const struct ipsec_policy *p)
{
	return p->action == IPSEC_BYPASS && range_of_policy(p) == RANGE_NONE;
}

static bool goes_before(const struct range *range, unsigned rank,
			const struct ipsec_policy *p)
{
	return p->priority < range_priority(range, IPSEC_PROTECT, rank);
}

static void show(const struct look *l, const struct ipsec_policy *p,
		 bool before)
{
	char text[POLICY_TEXT], line[POLICY_TEXT + 64];

	snprintf(line, sizeof line, "%s: that of %s, %s", words(p, text),
		 l->what, before ? "before tunnels" : "while none is up");
	if (l->fn)
		l->fn(l->user, line);
	else if (!before)
		log_error(TAG, "another program lets what goes from %s, pass "
			  "in clear (\"ip xfrm policy\"), that of %s, too, "
			  "while no tunnel is up", text, l->what);
}

static void see(void *user, const struct ipsec_policy *p)
{
	struct look *l = user;

	if (!is_foreign(p) || p->dir > l->last || !meets(l, p))
		return;
	if (goes_before(l->range, l->rank, p)) {
		l->before = *p;
		l->any = true;
		show(l, p, true);
	} else if (p->priority < range_priority(l->range, IPSEC_BLOCK, 0)) {
		show(l, p, false);
	}
}

static int run(struct xfrm *x, struct look *l, struct xfrm_why *why)
{
	char text[POLICY_TEXT];
	int r = xfrm_policies(x, see, l, why);

	if (r || !l->any || l->fn)
		return r;
	return ask_failed(why, E_EXISTS, "another program lets what goes from "
			  "%s, pass in clear (\"ip xfrm policy\"), before any "
			  "tunnel: that of %s must not be in it",
			  words(&l->before, text), l->what);
}

/* -- where to look --------------------------------------------------------- */

static struct look look_at_ports(struct xfrm *x, const struct addr *host,
				 unsigned first, unsigned last)
{
	struct block_prefix p[BLOCK_PREFIXES_MAX];
	struct look l = { .range = xfrm_range(x),
			  .n = block_prefixes(first, last, p),
			  .last = IPSEC_OUT, .what = "tunnel.ports" };
	struct addr any = { .family = host->family }, own = *host;

	own.port = 0;
	for (size_t i = 0; i < l.n; i++)
		l.shut[i] = (struct ipsec_selector){
			.src = { own, host->family == 4 ? 32 : 128 },
			.dst = { any, 0 }, .proto = IPPROTO_UDP,
			.sport = p[i].port, .sport_mask = p[i].mask };
	return l;
}

static struct look look_at_net(struct xfrm *x, const struct net *net)
{
	struct look l = { .range = xfrm_range(x), .n = 1,
			  .rank = ESP_NET - ESP_MEDIA, .last = IPSEC_FWD,
			  .what = "esp_nets of peers" };

	l.shut[0] = (struct ipsec_selector){
		.src = { { .family = net->base.family }, 0 }, .dst = *net };
	return l;
}

int foreign_check(struct xfrm *x, const struct addr *host, unsigned first,
		  unsigned last, struct xfrm_why *why)
{
	struct look l = look_at_ports(x, host, first, last);

	return run(x, &l, why);
}

int foreign_check_net(struct xfrm *x, const struct net *net,
		      struct xfrm_why *why)
{
	struct look l = look_at_net(x, net);

	return run(x, &l, why);
}

/* Each place that is shut, until fn gives other than 0. */
static int each(const struct pairs *p, int (*fn)(void *user, struct look *l),
		void *user)
{
	struct look l;
	int r = 0;

	for (int i = 0; !r && i < 2; i++)
		if (p->media[i].family) {
			l = look_at_ports(p->x, &p->media[i], p->own.port_min,
					  p->own.port_max);
			r = fn(user, &l);
		}
	for (size_t i = 0; i < p->n_peers; i++)
		for (size_t k = 0; !r && k < p->peer[i].n; k++) {
			l = look_at_net(p->x, &p->peer[i].net[k]);
			r = fn(user, &l);
		}
	return r;
}

/* -- what comes later ------------------------------------------------------ */

struct search {
	struct xfrm *x;
	struct xfrm_why why;
	tunnel_foreign_fn fn;
	void *user;
};

static int look_through(void *user, struct look *l)
{
	struct search *s = user;

	l->fn = s->fn;
	l->user = s->user;
	return run(s->x, l, &s->why);
}

static int look_at_one(void *user, struct look *l)
{
	see(l, user);
	return l->any ? E_EXISTS : 0;
}

/* Packets of a pair go by the policies of its group. */
static bool takes(const struct pairs *p, const struct group *g,
		  const struct ipsec_policy *by)
{
	struct ipsec_selector out = as_out(by);

	return goes_before(xfrm_range(p->x), g->scope - ESP_MEDIA, by) &&
	       group_meets(g, &out);
}

/* NULL: all of them. fn may drop some: it is looked again from the first. */
static void end_pairs(struct pairs *p, const struct ipsec_policy *by,
		      tunnel_event_fn fn, void *user)
{
	struct tunnel_pair *t = p->first;

	while (t) {
		if (t->shadowed || !t->group ||
		    (by && !takes(p, t->group, by))) {
			t = t->next;
			continue;
		}
		t->shadowed = true;
		fn(user, t->owner, TUNNEL_EVENT_GONE);
		t = p->first;
	}
}

/* Events were lost: there may be several. */
static void hear_of_any(struct pairs *p, tunnel_event_fn fn, void *user)
{
	struct search s = { .x = p->x };

	if (!each(p, look_through, &s))
		return;
	log_error(TAG, "all tunnels end: %s", s.why.text);
	p->shadowed = true;
	end_pairs(p, NULL, fn, user);
}

void foreign_hear(struct pairs *p, const struct ipsec_policy *policy,
		  tunnel_event_fn fn, void *user)
{
	struct ipsec_policy by;
	char text[POLICY_TEXT];

	if (!policy) {
		hear_of_any(p, fn, user);
		return;
	}
	by = *policy;
	if (!is_foreign(&by))
		return;
	if (each(p, look_at_one, &by)) {
		p->shadowed = true;
		log_error(TAG, "another program now lets what goes from %s, "
			  "pass in clear, before any tunnel: the tunnels that "
			  "it meets end, and none is raised; remove it, or "
			  "give it a priority above that of ours (\"ip xfrm "
			  "policy\")", words(&by, text));
	}
	end_pairs(p, &by, fn, user);
}

void foreign_removed(struct pairs *p, unsigned n, int err, const char *reason,
		     tunnel_event_fn fn, void *user)
{
	log_error(TAG, "another program removed policies of ours (\"ip xfrm "
		  "policy flush\", or an IPsec daemon that starts or stops): "
		  "%u put back at once; what was sent meanwhile may have left "
		  "in clear: keep that program from it", n);
	if (!err)
		return;
	log_error(TAG, "all tunnels end, for not all policies could be put "
		  "back: %s; restart callseald", reason);
	end_pairs(p, NULL, fn, user);
}

int foreign_raise(struct pairs *p, struct tunnel_why *why)
{
	struct search s = { .x = p->x };
	int r = p->shadowed ? each(p, look_through, &s) : 0;

	p->shadowed = r;
	if (r)
		snprintf(why->text, sizeof why->text, "%s", s.why.text);
	return r;
}

int foreign_list(struct pairs *p, tunnel_foreign_fn fn, void *user,
		 struct tunnel_why *why)
{
	struct search s = { .x = p->x, .fn = fn, .user = user };
	int r = each(p, look_through, &s);

	if (r)
		snprintf(why->text, sizeof why->text, "%s", s.why.text);
	return r;
}
