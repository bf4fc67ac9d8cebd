/* share.c - tunnels of scopes that are for more than one call's media. Each
 * call has keys and SPIs of its own, agreed in its own signalling; the policies
 * are those of all calls to one far end, and lead into the newest tunnel that
 * the far end is known to have. See inside.h; modules/xfrm/tunnel/group.c is
 * the kernel's side of it. */
#include "daemon/tunnel/inside.h"

#include <string.h>

/* In whatever order, as the kernel's side has it; none is there twice. */
static bool same_behind(const struct esp_end *a, const struct esp_end *b)
{
	size_t same = 0;

	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			same += net_equal(&a->sel[i].net, &b->sel[k].net);
	return addr_same_host(&a->at, &b->at) && a->n == b->n && same == a->n;
}

bool share_same(const struct tunnel *a, const struct tunnel *b)
{
	return share_is(a) && a->scope == b->scope &&
	       a->state != TUNNEL_RESERVED && b->state != TUNNEL_RESERVED &&
	       addr_equal(&a->local, &b->local) &&
	       !strncmp(a->peer, b->peer, sizeof a->peer) &&
	       same_behind(&a->far, &b->far);
}

/* One that waits until it is heard may be of no use to the far end yet. */
static bool is_better(const struct tunnel *a, const struct tunnel *b)
{
	return !a->turn_us != !b->turn_us ? !a->turn_us : a->id > b->id;
}

struct tunnel *share_next(const struct tunnels *c, const struct tunnel *t)
{
	struct tunnel *best = NULL, *o = share_is(t) ? *table_port(c, &t->local)
						     : NULL;

	for (; o; o = o->next)
		if (o != t && o->state == TUNNEL_RAISED && share_same(o, t) &&
		    (!best || is_better(o, best)))
			best = o;
	return best;
}
