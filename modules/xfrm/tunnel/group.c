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

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tell(struct tunnel_why *why, int r, const char *text)
{
	snprintf(why->text, sizeof why->text, "%s", text);
	return r;
}

static bool same_place(const struct group *a, const struct group *b)
{
	return a->scope == b->scope && addr_equal(&a->near, &b->near) &&
	       addr_equal(&a->far, &b->far) && !strcmp(a->peer, b->peer) &&
	       ipsec_selector_equal(&a->out, &b->out);
}

/* -- what is in the way --------------------------------------------------- */

static const struct group *in_the_way(const struct pairs *p,
				      const struct group *like)
{
	const struct group *g = p->groups;

	while (g && (g->scope == ESP_MEDIA ||
		     (addr_equal(&g->far, &like->far) &&
		      !strcmp(g->peer, like->peer)) ||
		     !ipsec_selectors_meet(&g->out, &like->out)))
		g = g->next;
	return g;
}

struct look {
	const struct range *range;
	const struct ipsec_selector *out;
	struct ipsec_policy found;
	bool any;
};

static struct ipsec_selector turned(const struct ipsec_selector *s)
{
	return (struct ipsec_selector){
		.src = s->dst, .dst = s->src, .proto = s->proto,
		.sport = s->dport, .sport_mask = s->dport_mask,
		.dport = s->sport, .dport_mask = s->sport_mask };
}

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
							: turned(&p->sel);

	if (l->any || gives_way(l, p) || !ipsec_selectors_meet(&out, l->out))
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
	struct look look = { .range = xfrm_range(p->x), .out = &like->out };
	struct xfrm_why x;
	int r;

	if (in_the_way(p, like))
		return tell(why, E_EXISTS, "another peer's tunnel is for some "
			    "of the same addresses: the esp_nets of peers must "
			    "not overlap");
	r = xfrm_policies(p->x, see, &look, &x);
	if (r)
		return tell(why, r, x.text);
	return look.any ? refuse_foreign(&look.found, why) : 0;
}

/* -- coming and going ----------------------------------------------------- */

static int open_group(struct pairs *p, struct group *g, struct tunnel_why *why)
{
	struct xfrm_why x;
	int r;

	if (g->scope == ESP_MEDIA)
		return 0;
	r = check_room(p, g, why);
	if (r)
		return r;
	g->bypass = calloc(2 * p->bypass.n + 1, sizeof *g->bypass);
	if (!g->bypass)
		return tell(why, E_NOMEM, "no memory");
	r = bypass_raise(p->x, &p->bypass, &g->near, &g->far, g->bypass,
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
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	free(g->bypass);
	free(g);
}
