/* watch.c - events of our SAs, and lists. See xfrm.h. */
#include "daemon/base/err.h"
#include "modules/xfrm/ask.h"

#include <stdlib.h>
#include <time.h>

struct watch {
	struct xfrm *x;
	xfrm_event_fn fn;
	void *user;
};

static void hear_expire(struct watch *w, const struct reply *r)
{
	uint32_t slot = ledger_find_sa(w->x->ledger, &r->sa.dst, r->sa.spi);
	const struct ledger_record *rec = ledger_at(w->x->ledger, slot);
	struct xfrm_event e = { .kind = r->hard ? XFRM_GONE : XFRM_SOFT,
				.slot = slot, .reqid = r->sa.reqid,
				.reply = r };

	/* a reserved SPI that the kernel gave up is still ours to raise */
	if (rec && rec->sa.reqid == r->sa.reqid && !rec->reserved)
		w->fn(w->user, &e);
}

static void hear(void *user, const struct reply *r)
{
	struct watch *w = user;

	if (r->kind == REPLY_EXPIRE)
		hear_expire(w, r);
	else if (range_of_reqid(r->sa.reqid) == w->x->range.n)
		w->fn(w->user, &(struct xfrm_event){
			.kind = XFRM_ACQUIRE, .reqid = r->sa.reqid,
			.reply = r });
}

/* -- after a loss --------------------------------------------------------- */

static bool is_soft(const struct reply *r, uint64_t now_s)
{
	const struct ipsec_life *l = &r->sa.life;

	return (l->soft_bytes && r->use.bytes >= l->soft_bytes) ||
	       (l->soft_packets && r->use.packets >= l->soft_packets) ||
	       (l->soft_s && now_s >= r->use.added_s + l->soft_s);
}

/* What each slot's SA was seen as. */
enum seen { SEEN_NOT, SEEN_LIVE, SEEN_SOFT };

struct resync {
	struct watch *w;
	uint64_t now_s;
	uint32_t most;
	uint8_t *seen; /* enum seen, by slot */
};

static void see(void *user, size_t i, const struct reply *r)
{
	struct resync *s = user;
	uint32_t slot;

	(void)i;
	if (r->kind != REPLY_SA)
		return;
	slot = ledger_find_sa(s->w->x->ledger, &r->sa.dst, r->sa.spi);
	if (slot && slot <= s->most && !r->reserved)
		s->seen[slot] = is_soft(r, s->now_s) ? SEEN_SOFT : SEEN_LIVE;
}

static void tell(const struct resync *s, uint32_t slot)
{
	const struct ledger_record *r = ledger_at(s->w->x->ledger, slot);

	if (!r || r->kind != LEDGER_SA || r->reserved ||
	    s->seen[slot] == SEEN_LIVE)
		return;
	s->w->fn(s->w->user, &(struct xfrm_event){
		.kind = s->seen[slot] == SEEN_SOFT ? XFRM_SOFT : XFRM_GONE,
		.slot = slot, .reqid = r->sa.reqid });
}

/* fn may drop slots meanwhile; what it raised might take one of them, and be
 * called gone. */
static int resync(struct watch *w)
{
	struct resync s = { .w = w, .now_s = (uint64_t)time(NULL) };
	struct xfrm_why why;
	int r;

	for (uint32_t n = 0; (n = ledger_next(w->x->ledger, n));)
		s.most = n;
	s.seen = calloc(s.most + 1, 1);
	if (!s.seen)
		return E_NOMEM;
	r = ask_dump(w->x->link, REQUEST_SA_DUMP, see, &s, &why);
	for (uint32_t n = 1; !r && n <= s.most; n++)
		tell(&s, n);
	free(s.seen);
	return r;
}

int xfrm_events_fd(const struct xfrm *x)
{
	return link_events_fd(x->link);
}

int xfrm_events(struct xfrm *x, xfrm_event_fn fn, void *user)
{
	struct watch w = { x, fn, user };
	int r = link_events(x->link, hear, &w);

	return r == E_LOST ? resync(&w) : r;
}

/* -- counters ------------------------------------------------------------- */

static void count(void *user, size_t i, const struct reply *r)
{
	(void)i;
	if (r->kind == REPLY_SA)
		*(uint64_t *)user = r->use.packets;
}

int xfrm_packets(struct xfrm *x, uint32_t slot, uint64_t *out)
{
	const struct ledger_record *rec = ledger_at(x->ledger, slot);
	uint64_t packets = UINT64_MAX;
	struct request q;
	int done;

	if (!rec || rec->kind != LEDGER_SA)
		return E_NOTFOUND;
	q = ask_about(rec, REQUEST_SA_GET, REQUEST_POLICY_GET);
	if (link_run(x->link, &q, 1, &done, count, &packets))
		return E_IO;
	if (done || packets == UINT64_MAX)
		return E_NOTFOUND;
	*out = packets;
	return 0;
}

/* -- lists ---------------------------------------------------------------- */

struct list {
	const struct xfrm *x;
	xfrm_list_fn fn;
	void *user;
};

static void show(void *user, size_t i, const struct reply *r)
{
	struct list *l = user;
	uint32_t slot;

	(void)i;
	if (r->kind != REPLY_SA)
		return;
	slot = ledger_find_sa(l->x->ledger, &r->sa.dst, r->sa.spi);
	if (slot && !ask_is(ledger_at(l->x->ledger, slot), r))
		slot = 0;
	l->fn(l->user, slot, r);
}

int xfrm_list(struct xfrm *x, xfrm_list_fn fn, void *user,
	      struct xfrm_why *why)
{
	struct list l = { x, fn, user };

	return ask_dump(x->link, REQUEST_SA_DUMP, show, &l, why);
}

struct rules {
	xfrm_policy_fn fn;
	void *user;
};

static void show_policy(void *user, size_t i, const struct reply *r)
{
	struct rules *l = user;

	(void)i;
	if (r->kind == REPLY_POLICY || r->kind == REPLY_FOREIGN)
		l->fn(l->user, &r->policy);
}

int xfrm_policies(struct xfrm *x, xfrm_policy_fn fn, void *user,
		  struct xfrm_why *why)
{
	struct rules l = { fn, user };

	return ask_dump(x->link, REQUEST_POLICY_DUMP, show_policy, &l, why);
}
