/* raise.c - SAs and policies added together or not at all, and removed. See
 * xfrm.h.
 *
 * First the record, then the kernel; first the kernel's word, then the record
 * goes. When an answer is lost nobody knows what was done: the things are then
 * looked up one by one, and what is there just as recorded is removed. */
#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "modules/xfrm/ask.h"

#include <errno.h>
#include <string.h>

#define UNKNOWN (-1) /* in done[]: no answer came */

struct raising {
	struct xfrm *x;
	const struct xfrm_wanted *w;
	struct xfrm_why *why;
	size_t n;
	uint32_t slot[XFRM_MOST];
	struct request q[XFRM_MOST];
	int done[XFRM_MOST];
	const size_t *which; /* things a batch is about, in its order */
	char said[XFRM_MOST][REPLY_TEXT];
	bool ours[XFRM_MOST]; /* recorded by this raising, or reserved for it */
};

static void hear(void *user, size_t i, const struct reply *r)
{
	struct raising *g = user;

	if (r->kind == REPLY_REFUSED)
		memcpy(g->said[g->which[i]], r->text, REPLY_TEXT);
}

/* -- checks --------------------------------------------------------------- */

static bool own(const struct xfrm *x, uint32_t reqid)
{
	return range_of_reqid(reqid) == x->range.n;
}

static int check_sa(struct raising *g, const struct ipsec_sa *sa)
{
	const char *why;

	if (ipsec_sa_check(sa, &why))
		return ask_failed(g->why, E_ARG, "SPI 0x%08x: %s", sa->spi,
				  why);
	if (!own(g->x, sa->reqid))
		return ask_failed(g->why, E_ARG,
				  "reqid 0x%08x is not of this instance",
				  sa->reqid);
	return 0;
}

static int check_policy(struct raising *g, const struct ipsec_policy *p)
{
	const char *why;

	if (ipsec_policy_check(p, &why))
		return ask_failed(g->why, E_ARG, "a policy: %s", why);
	if (range_of_policy(p) != g->x->range.n)
		return ask_failed(g->why, E_ARG, "a policy's reqid or priority "
				  "is not of this instance");
	return 0;
}

static int check_all(struct raising *g)
{
	const struct xfrm_wanted *w = g->w;
	int r = 0;

	if (!g->n || g->n > XFRM_MOST)
		return ask_failed(g->why, E_ARG, "%zu things at a time", g->n);
	for (size_t i = 0; !r && i < w->n_sa; i++) {
		g->why->at = i;
		r = check_sa(g, &w->sa[i]);
	}
	for (size_t i = 0; !r && i < w->n_policy; i++) {
		g->why->at = w->n_sa + i;
		r = check_policy(g, &w->policy[i]);
	}
	return r;
}

/* All checks passed: from here on the keys are spent. */
static int spend_keys(struct raising *g)
{
	for (size_t i = 0; i < g->w->n_sa; i++) {
		int r = keyset_add(g->x->keys, &g->w->sa[i].key);

		g->why->at = i;
		if (r == E_REPLAY)
			return ask_failed(g->why, r, "SPI 0x%08x: this key was "
					  "installed before; every SA needs a "
					  "key of its own", g->w->sa[i].spi);
		if (r)
			return ask_failed(g->why, r, "SPI 0x%08x: its key "
					  "cannot be remembered: %s",
					  g->w->sa[i].spi, err_text(r));
	}
	return 0;
}

/* -- records -------------------------------------------------------------- */

static int record(struct raising *g, size_t i, const struct ledger_record *rec)
{
	int r = ledger_put(g->x->ledger, rec, &g->slot[i]);

	g->ours[i] = !r;
	return !r ? 0 : ask_failed(g->why, r, "the ledger cannot record it: "
				   "%s", err_text(r));
}

static int record_sa(struct raising *g, size_t i, const struct ipsec_sa *sa)
{
	uint32_t slot = ledger_find_sa(g->x->ledger, &sa->dst, sa->spi);
	struct ledger_record rec = { .kind = LEDGER_SA, .sa = *sa };
	const struct ledger_record *old;

	g->q[i] = (struct request){ .kind = REQUEST_SA_ADD, .sa = sa };
	wipe(&rec.sa.key, sizeof rec.sa.key); /* none is recorded */
	if (!slot)
		return record(g, i, &rec);
	old = ledger_at(g->x->ledger, slot);
	if (!old->reserved)
		return ask_refused(g->why, &g->q[i], EEXIST, "it is ours");
	/* the record first: what a crash leaves then under the old reqid, a
	 * reserved SPI, the kernel drops by itself */
	if (old->sa.reqid != sa->reqid)
		ledger_rename(g->x->ledger, slot, sa->reqid);
	g->q[i].kind = REQUEST_SA_UPDATE;
	g->slot[i] = slot;
	g->ours[i] = true;
	return 0;
}

static bool kept_as_wanted(const struct ledger_record *old,
			   const struct ipsec_policy *p)
{
	return old->kept && old->policy.action == p->action &&
	       old->policy.priority == p->priority &&
	       p->action != IPSEC_PROTECT;
}

static int record_policy(struct raising *g, size_t i,
			 const struct ipsec_policy *p)
{
	uint32_t slot = ledger_find_policy(g->x->ledger, p);

	g->q[i] = (struct request){ .kind = REQUEST_POLICY_ADD, .policy = p };
	if (!slot)
		return record(g, i, &(struct ledger_record){
			.kind = LEDGER_POLICY, .policy = *p });
	if (!kept_as_wanted(ledger_at(g->x->ledger, slot), p))
		return ask_refused(g->why, &g->q[i], EEXIST, "it is ours");
	g->slot[i] = slot;
	return 0;
}

static int record_all(struct raising *g)
{
	const struct xfrm_wanted *w = g->w;
	int r = 0;

	for (size_t i = 0; !r && i < g->n; i++) {
		g->why->at = i;
		r = i < w->n_sa ? record_sa(g, i, &w->sa[i])
				: record_policy(g, i, &w->policy[i - w->n_sa]);
	}
	return r;
}

/* -- asking --------------------------------------------------------------- */

/* Those things in one batch. */
static int ask_batch(struct raising *g, const size_t *which, size_t n)
{
	struct request q[XFRM_MOST] = { 0 };
	int done[XFRM_MOST], r;

	for (size_t i = 0; i < n; i++) {
		q[i] = g->q[which[i]];
		done[i] = ENOBUFS; /* unless it is sent */
	}
	g->which = which;
	r = link_run(g->x->link, q, n, done, hear, g);
	for (size_t i = 0; i < n; i++)
		g->done[which[i]] = done[i];
	return r;
}

static int ask_all(struct raising *g)
{
	size_t which[XFRM_MOST], n = 0, again = 0;
	int r = 0;

	for (size_t i = 0; i < g->n; i++)
		if (g->ours[i])
			which[n++] = i;
	if (n)
		r = ask_batch(g, which, n);
	/* the kernel gave the reserved SPI up meanwhile */
	for (size_t i = 0; !r && i < g->w->n_sa; i++)
		if (g->q[i].kind == REQUEST_SA_UPDATE && g->done[i] == ESRCH) {
			g->q[i].kind = REQUEST_SA_ADD;
			which[again++] = i;
		}
	if (again)
		r = ask_batch(g, which, again);
	if (r)
		return ask_failed(g->why, E_IO, "no answer from the kernel: "
				  "%s", err_text(r));
	for (size_t i = 0; i < g->n; i++)
		if (g->done[i]) {
			g->why->at = i;
			return ask_refused(g->why, &g->q[i], g->done[i],
					   g->said[i]);
		}
	return 0;
}

/* -- undoing -------------------------------------------------------------- */

struct look {
	const struct ledger_record *rec;
	bool there;
};

static void see(void *user, size_t i, const struct reply *r)
{
	struct look *look = user;

	(void)i;
	look->there |= ask_is(look->rec, r);
}

/* Whether the slot's thing is in the kernel, or may be. */
static bool may_be_there(struct xfrm *x, uint32_t slot)
{
	struct look look = { .rec = ledger_at(x->ledger, slot) };
	struct request q = ask_about(look.rec, REQUEST_SA_GET,
				     REQUEST_POLICY_GET);
	int done;

	return link_run(x->link, &q, 1, &done, see, &look) || look.there;
}

static void undo(struct raising *g)
{
	struct xfrm_why ignored;
	uint32_t slot[XFRM_MOST];
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		if (!g->ours[i])
			continue;
		if (g->done[i] == UNKNOWN ? may_be_there(g->x, g->slot[i])
					  : !g->done[i] ||
					    g->q[i].kind == REQUEST_SA_UPDATE)
			slot[n++] = g->slot[i];
		else
			ledger_drop(g->x->ledger, g->slot[i]);
	}
	if (n)
		ask_remove(g->x, slot, n, &ignored);
}

/* Before anything was asked: an SPI that was reserved stays so. */
static void forget(struct raising *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->ours[i] && g->q[i].kind != REQUEST_SA_UPDATE)
			ledger_drop(g->x->ledger, g->slot[i]);
}

int xfrm_raise(struct xfrm *x, const struct xfrm_wanted *w, uint32_t *slot,
	       struct xfrm_why *why)
{
	struct raising g = { .x = x, .w = w, .why = why,
			     .n = w->n_sa + w->n_policy };
	int r = check_all(&g);

	if (!r)
		r = spend_keys(&g);
	if (r)
		return r;
	r = record_all(&g);
	if (r) {
		forget(&g);
		return r;
	}
	r = ask_all(&g);
	if (r) {
		undo(&g);
		return r;
	}
	for (size_t i = 0; i < g.n; i++) {
		struct ledger_record *rec = ledger_at(x->ledger, g.slot[i]);

		rec->reserved = rec->kept = false;
		slot[i] = g.slot[i];
	}
	return 0;
}

/* -- reserving ------------------------------------------------------------ */

int xfrm_reserve(struct xfrm *x, const struct ipsec_sa *sa, uint32_t *slot,
		 struct xfrm_why *why)
{
	struct raising g = { .x = x, .why = why, .n = 1 };
	size_t first = 0;
	int r;

	why->at = 0;
	if (sa->spi < x->range.spi_first || sa->spi > x->range.spi_last ||
	    !own(x, sa->reqid) || !sa->dst.family ||
	    sa->src.family != sa->dst.family)
		return ask_failed(why, E_ARG, "SPI 0x%08x with reqid 0x%08x "
				  "is not of this instance", sa->spi,
				  sa->reqid);
	g.q[0] = (struct request){ .kind = REQUEST_SA_RESERVE, .sa = sa };
	if (ledger_find_sa(x->ledger, &sa->dst, sa->spi))
		return ask_refused(why, &g.q[0], ENOENT, "it is ours");
	r = record(&g, 0, &(struct ledger_record){
		.kind = LEDGER_SA, .sa = *sa, .reserved = true });
	if (r)
		return r;
	r = ask_batch(&g, &first, 1);
	if (!r && !g.done[0]) {
		*slot = g.slot[0];
		return 0;
	}
	r = r ? ask_failed(why, E_IO, "no answer from the kernel: %s",
			   err_text(r))
	      : ask_refused(why, &g.q[0], g.done[0], g.said[0]);
	undo(&g);
	return r;
}

/* -- turning -------------------------------------------------------------- */

/* The record first, as always; either SPI is known again by a sweep. */
int xfrm_turn(struct xfrm *x, uint32_t slot, uint32_t spi,
	      struct xfrm_why *why)
{
	const struct ledger_record *rec = ledger_at(x->ledger, slot);
	struct ipsec_policy p;
	struct request q = { .kind = REQUEST_POLICY_UPDATE, .policy = &p };
	uint32_t old;
	int done, r;

	why->at = 0;
	if (!rec || rec->kind != LEDGER_POLICY || !rec->policy.spi ||
	    spi < ESP_SPI_MIN)
		return ask_failed(why, E_ARG, "no policy to turn to SPI 0x%08x",
				  spi);
	p = rec->policy;
	old = p.spi;
	p.spi = spi;
	ledger_turn(x->ledger, slot, spi);
	r = link_run(x->link, &q, 1, &done, NULL, NULL);
	if (!r && !done)
		return 0;
	ledger_turn(x->ledger, slot, old);
	return r ? ask_failed(why, E_IO, "no answer from the kernel: %s",
			      err_text(r))
		 : ask_refused(why, &q, done, "");
}

/* -- removing ------------------------------------------------------------- */

int xfrm_drop(struct xfrm *x, const uint32_t *slot, size_t n,
	      struct xfrm_why *why)
{
	return ask_remove(x, slot, n, why);
}
