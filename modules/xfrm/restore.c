/* restore.c - policies of ours that another program removed, put back as the
 * ledger has them. See ask.h. */
#include "daemon/base/err.h"
#include "modules/xfrm/ask.h"

#include <errno.h>

struct batch {
	struct xfrm *x;
	struct xfrm_why *why;
	struct request q[LINK_BATCH];
	size_t n;
	unsigned back;
};

/* One that is there already is as good. */
static int ask_batch(struct batch *b)
{
	int done[LINK_BATCH], r;

	r = b->n ? link_run(b->x->link, b->q, b->n, done, NULL, NULL) : 0;
	if (r)
		return ask_failed(b->why, r, "no answer from the kernel: %s",
				  err_text(r));
	for (size_t i = 0; i < b->n; i++) {
		if (done[i] && done[i] != EEXIST)
			r = ask_refused(b->why, &b->q[i], done[i], "");
		b->back += !done[i];
	}
	b->n = 0;
	return r;
}

static int add(struct batch *b, uint32_t slot)
{
	const struct ledger_record *r = ledger_at(b->x->ledger, slot);

	if (!r || r->kind != LEDGER_POLICY)
		return 0;
	b->q[b->n++] = (struct request){ .kind = REQUEST_POLICY_ADD,
					 .policy = &r->policy };
	return b->n < LINK_BATCH ? 0 : ask_batch(b);
}

int ask_restore(struct xfrm *x, const struct ipsec_policy *p, unsigned *back,
		struct xfrm_why *why)
{
	struct batch b = { .x = x, .why = why };
	int r = 0, e;

	if (p)
		add(&b, ledger_find_policy(x->ledger, p));
	for (uint32_t s = 0; !p && (s = ledger_next(x->ledger, s));) {
		e = add(&b, s);
		r = e ? e : r;
	}
	e = ask_batch(&b);
	*back += b.back;
	return e ? e : r;
}
