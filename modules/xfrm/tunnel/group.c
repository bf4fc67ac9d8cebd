/* group.c - see group.h. Two groups whose traffic meets are one too many where
 * they lead to different gateways, or are different peers': which of them a
 * packet took, and by whose keys, would hang on the order in which they came.
 * The same holds for what other programs have in the kernel, whatever it does
 * there. Policies of another instance of ours that shut ports, or are for media
 * alone, rank before or behind by themselves. */
#include "modules/xfrm/tunnel/group.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/xfrm/tunnel/bypass.h"
#include "modules/xfrm/tunnel/follow.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tell(struct tunnel_why *why, int r, const char *text)
{
	snprintf(why->text, sizeof why->text, "%s", text);
	return r;
}

/* In whatever order. */
static bool same_selectors(const struct group *a, const struct group *b)
{
	size_t same = 0;

	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			same += ipsec_selector_equal(&a->out[i], &b->out[k]);
	return a->n == b->n && same == a->n;
}

static bool same_ends(const struct group *a, const struct group *b)
{
	return addr_equal(&a->near, &b->near) &&
	       addr_equal(&a->far, &b->far) && !strcmp(a->peer, b->peer);
}

static bool same_place(const struct group *a, const struct group *b)
{
	return a->scope == b->scope && same_ends(a, b) && same_selectors(a, b);
}

/* -- what is in the way --------------------------------------------------- */

bool group_meets(const struct group *g, const struct ipsec_selector *out)
{
	for (size_t i = 0; i < g->n; i++)
		if (ipsec_selectors_meet(&g->out[i], out))
			return true;
	return false;
}

static bool groups_meet(const struct group *a, const struct group *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (group_meets(a, &b->out[i]))
			return true;
	return false;
}

/* Of two scopes the smaller one has what is for both. */
static bool goes_before(const struct group *a, const struct group *b)
{
	return a->scope != b->scope && same_ends(a, b);
}

static const struct group *in_the_way(const struct pairs *p,
				      const struct group *like)
{
	const struct group *g = p->groups;

	while (g && (g->scope == ESP_MEDIA || goes_before(g, like) ||
		     !groups_meet(g, like)))
		g = g->next;
	return g;
}

struct look {
	const struct range *range;
	const struct group *like;
	struct ipsec_policy found;
	bool any;
};

static bool gives_way(const struct look *l, const struct ipsec_policy *p)
{
	uint32_t n = range_of_policy(p);

	return n == l->range->n ||
	       (n != RANGE_NONE && (p->action != IPSEC_PROTECT ||
				    (p->sel.sport_mask && p->sel.dport_mask)));
}

static void see(void *user, const struct ipsec_policy *p)
{
	struct look *l = user;
	struct ipsec_selector out = p->dir == IPSEC_OUT ? p->sel
				    : ipsec_selector_turned(&p->sel);

	if (l->any || gives_way(l, p) || !group_meets(l->like, &out))
		return;
	l->found = *p;
	l->any = true;
}

static int refuse_foreign(const struct ipsec_policy *p, struct tunnel_why *why)
{
	char src[ADDR_TEXT], dst[ADDR_TEXT];

	snprintf(why->text, sizeof why->text, "another program has a policy "
		 "from %s/%u to %s/%u in the kernel, which the tunnel would "
		 "get in the way of; \"ip xfrm policy\" shows it: keep what "
		 "they are for apart", addr_host(&p->sel.src.base, src),
		 p->sel.src.bits, addr_host(&p->sel.dst.base, dst),
		 p->sel.dst.bits);
	return E_EXISTS;
}

static int check_room(struct pairs *p, const struct group *like,
		      struct tunnel_why *why)
{
	struct look look = { .range = xfrm_range(p->x), .like = like };
	struct xfrm_why x;
	int r;

	if (in_the_way(p, like))
		return tell(why, E_EXISTS, "another tunnel is for some of the "
			    "same addresses: the esp_nets of peers must not "
			    "overlap, nor what one peer's gateways say is "
			    "behind them");
	r = xfrm_policies(p->x, see, &look, &x);
	if (r)
		return tell(why, r, x.text);
	return look.any ? refuse_foreign(&look.found, why) : 0;
}

/* -- coming and going ----------------------------------------------------- */

static int open_group(struct pairs *p, struct group *g, struct tunnel_why *why)
{
	struct net far = { g->far, g->far.family == 4 ? 32 : 128 };
	struct xfrm_why x;
	int r;

	if (g->scope == ESP_MEDIA)
		return 0;
	r = check_room(p, g, why);
	if (r || g->scope == ESP_NET) /* its bypasses are there */
		return r;
	g->bypass = calloc(2 * p->bypass.n + 1, sizeof *g->bypass);
	if (!g->bypass)
		return tell(why, E_NOMEM, "no memory");
	r = bypass_raise(p->x, &p->bypass, &g->near, &far, g->bypass,
			 &g->n_bypass, &x);
	return r ? tell(why, r, x.text) : 0;
}

static int make(struct pairs *p, const struct group *like, struct group **out,
		struct tunnel_why *why)
{
	struct group *g = malloc(sizeof *g);
	int r;

	if (!g)
		return tell(why, E_NOMEM, "no memory");
	*g = *like;
	r = open_group(p, g, why);
	if (r) {
		free(g->bypass);
		free(g);
		return r;
	}
	g->next = p->groups;
	p->groups = g;
	*out = g;
	return 0;
}

int group_join(struct pairs *p, const struct group *like, struct group *with,
	       struct group **out, struct tunnel_why *why)
{
	struct group *g = like->scope == ESP_MEDIA ? with : p->groups;

	while (g && !same_place(g, like))
		g = like->scope == ESP_MEDIA ? NULL : g->next;
	if (!g)
		return make(p, like, out, why);
	*out = g;
	return 0;
}

void group_settle(struct pairs *p, struct group *g)
{
	struct group **at = &p->groups;
	struct xfrm_why why;

	if (g->pairs)
		return;
	if (xfrm_drop(p->x, g->bypass, g->n_bypass, &why))
		log_error("xfrm", "%s; it goes with the next start", why.text);
	follow_end(p, g);
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	free(g->bypass);
	free(g);
}
