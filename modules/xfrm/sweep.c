/* sweep.c - what an earlier run left in the kernel. See xfrm.h.
 *
 * The kernel's tables are read; what is of our sub-range and in the ledger just
 * as it is there is removed. Something with our name that an undamaged ledger
 * does not know was made by somebody else and stays. From a damaged ledger a
 * record may be missing: then whatever has our name is recorded, and goes. */
#include "daemon/base/err.h"
#include "modules/xfrm/ask.h"

#include <stdlib.h>

struct sweep {
	struct xfrm *x;
	struct xfrm_swept *out;
};

static uint32_t find(const struct xfrm *x, const struct reply *r)
{
	return r->kind == REPLY_SA
		? ledger_find_sa(x->ledger, &r->sa.dst, r->sa.spi)
		: ledger_find_policy(x->ledger, &r->policy);
}

static bool has_our_name(const struct xfrm *x, const struct reply *r)
{
	if (r->kind == REPLY_SA)
		return range_of_reqid(r->sa.reqid) == x->range.n;
	return r->kind == REPLY_POLICY &&
	       range_of_policy(&r->policy) == x->range.n;
}

static uint32_t record(struct xfrm *x, const struct reply *r)
{
	struct ledger_record rec = { .sa = r->sa, .policy = r->policy };
	uint32_t slot = 0;

	rec.kind = r->kind == REPLY_SA ? LEDGER_SA : LEDGER_POLICY;
	return ledger_put(x->ledger, &rec, &slot) ? 0 : slot;
}

static void see(void *user, size_t i, const struct reply *r)
{
	struct sweep *s = user;
	struct ledger_record *rec;
	uint32_t slot;

	(void)i;
	if (!has_our_name(s->x, r))
		return;
	slot = find(s->x, r);
	if (!slot && ledger_damaged(s->x->ledger))
		slot = record(s->x, r);
	rec = ledger_at(s->x->ledger, slot);
	if (rec && ask_is(rec, r))
		rec->seen = true;
	else
		s->out->foreign++;
}

static bool is_rule(const struct ledger_record *r)
{
	return r->kind == LEDGER_POLICY && r->policy.action != IPSEC_PROTECT;
}

/* Those that are not in the kernel (any more) are no record. The rest, rules
 * or all but rules, is listed. */
static size_t sort_out(struct xfrm *x, uint32_t *slot, bool rules, bool keep,
		       struct xfrm_swept *out)
{
	size_t n = 0;

	for (uint32_t s = 0; (s = ledger_next(x->ledger, s));) {
		struct ledger_record *r = ledger_at(x->ledger, s);

		if (is_rule(r) != rules)
			continue;
		if (!r->seen) {
			ledger_drop(x->ledger, s);
			out->gone++;
			continue;
		}
		r->kept = rules && keep;
		if (r->kept)
			continue;
		out->sas += r->kind == LEDGER_SA;
		out->policies += r->kind == LEDGER_POLICY;
		slot[n++] = s;
	}
	return n;
}

int xfrm_sweep(struct xfrm *x, bool keep_rules, struct xfrm_swept *out,
	       struct xfrm_why *why)
{
	struct sweep s = { x, out };
	uint32_t *slot;
	size_t n;
	int r, e;

	*out = (struct xfrm_swept){ 0 };
	r = ask_dump(x->link, REQUEST_SA_DUMP, see, &s, why);
	if (!r)
		r = ask_dump(x->link, REQUEST_POLICY_DUMP, see, &s, why);
	if (r)
		return r;
	slot = calloc(ledger_count(x->ledger) + 1, sizeof *slot);
	if (!slot)
		return ask_failed(why, E_NOMEM, "no memory");
	n = sort_out(x, slot, false, keep_rules, out);
	r = ask_remove(x, slot, n, why);
	/* block policies last: nothing leaks between */
	n = sort_out(x, slot, true, keep_rules, out);
	e = ask_remove(x, slot, n, why);
	free(slot);
	return r ? r : e;
}
