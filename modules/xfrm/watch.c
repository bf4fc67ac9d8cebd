/* watch.c - events of our SAs, following a far end whose NAT gives it another
 * port, and lists. See xfrm.h. */
#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "modules/xfrm/ask.h"

#include <stdlib.h>
#include <time.h>

struct watch {
	struct xfrm *x;
	xfrm_event_fn fn;
	void *user;
	struct xfrm_event removed; /* what others did to policies of ours */
	struct xfrm_why why;
};

static enum xfrm_event_kind kind_of(const struct reply *r)
{
	if (r->kind == REPLY_MOVED)
		return XFRM_MOVED;
	return r->hard ? XFRM_GONE : XFRM_SOFT;
}

/* Of one SA. The kernel tells of another source (XFRM_MSG_MAPPING) only in
 * esp_input_done2(), behind the check of the packet's authenticity, and
 * xfrm_input() has looked at the replay window before: neither a forged packet
 * nor one that came already gets so far. */
static void hear_sa(struct watch *w, const struct reply *r)
{
	uint32_t slot = ledger_find_sa(w->x->ledger, &r->sa.dst, r->sa.spi);
	const struct ledger_record *rec = ledger_at(w->x->ledger, slot);
	struct xfrm_event e = { .kind = kind_of(r), .slot = slot,
				.reqid = r->sa.reqid, .reply = r };

	/* a reserved SPI that the kernel gave up is still ours to raise */
	if (rec && rec->sa.reqid == r->sa.reqid && !rec->reserved)
		w->fn(w->user, &e);
}

/* At once: until it is back, what it is for may leave in clear. NULL: all. */
static void restore(struct watch *w, const struct ipsec_policy *p)
{
	int r = ask_restore(w->x, p, &w->removed.n, &w->why);

	w->removed.err = r ? r : w->removed.err;
}

/* Other instances are no foreigners. */
static void hear_policy(struct watch *w, const struct reply *r)
{
	if (range_of_policy(&r->policy) == RANGE_NONE)
		w->fn(w->user, &(struct xfrm_event){ .kind = XFRM_FOREIGN,
						     .reply = r });
}

static void hear(void *user, const struct reply *r)
{
	struct watch *w = user;

	if (r->kind == REPLY_EXPIRE || r->kind == REPLY_MOVED)
		hear_sa(w, r);
	else if (r->kind == REPLY_POLICY)
		hear_policy(w, r);
	else if (r->kind == REPLY_REMOVED)
		restore(w, &r->policy);
	else if (r->kind == REPLY_FLUSHED)
		restore(w, NULL);
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
	if (!r)
		w->fn(w->user, &(struct xfrm_event){ .kind = XFRM_FOREIGN });
	free(s.seen);
	return r;
}

int xfrm_events_fd(const struct xfrm *x)
{
	return link_events_fd(x->link);
}

int xfrm_events(struct xfrm *x, xfrm_event_fn fn, void *user)
{
	struct watch w = { .x = x, .fn = fn, .user = user };
	int r = link_events(x->link, hear, &w);

	if (r == E_LOST) {
		restore(&w, NULL);
		r = resync(&w);
	}
	w.removed.kind = XFRM_REMOVED;
	w.removed.why = w.why.text;
	if (w.removed.n || w.removed.err)
		fn(user, &w.removed);
	return r;
}

/* -- following ------------------------------------------------------------ */

/* The kernel wants a whole SA in the request, and takes only ports and limits
 * of it where one with a key is there (xfrm_state_update()): the key in it is
 * thrown away. If the SA went meanwhile and a packet wants it back, the kernel
 * would make one of the request: hence a key that nobody knows. */
int xfrm_follow(struct xfrm *x, uint32_t slot, const struct ipsec_sa *sa,
		struct xfrm_why *why)
{
	const struct ledger_record *rec = ledger_at(x->ledger, slot);
	struct ipsec_sa as = *sa;
	struct request q = { .kind = REQUEST_SA_FOLLOW, .sa = &as };
	const char *text = "no such SA is there";
	int done, r = ask_random_key(&as.key, sa->key.suite);

	why->at = 0;
	if (r)
		return ask_failed(why, r, "no key: %s", err_text(r));
	if (!rec || rec->kind != LEDGER_SA || rec->reserved ||
	    rec->sa.spi != sa->spi || !addr_same_host(&rec->sa.dst, &sa->dst) ||
	    !sa->encap.sport || ipsec_sa_check(&as, &text))
		r = ask_failed(why, E_ARG, "SPI 0x%08x: %s", sa->spi, text);
	else
		r = link_run(x->link, &q, 1, &done, NULL, NULL);
	wipe(&as.key, sizeof as.key);
	if (r)
		return r == E_ARG ? r : ask_failed(why, E_IO, "no answer from "
						   "the kernel: %s",
						   err_text(r));
	return done ? ask_refused(why, &q, done, "") : 0;
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
