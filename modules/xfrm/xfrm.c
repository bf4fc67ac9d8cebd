/* xfrm.c - IPsec of ours in the kernel. See xfrm.h. The map of this folder:
 *
 *   ipsec.c     what SAs and policies are, the kernel's names
 *   request.c   netlink messages from them      reply.c   and back
 *   refusal.c   what the kernel's errors mean   link.c    the sockets
 *   range.c     which names are ours            ledger.c  what of it is in use
 *   keyset.c    no key twice                    selector.c hostile selectors
 *   xfrm.c      opening, names                  raise.c   adding and removing
 *   sweep.c     after a crash                   watch.c   events and lists
 *   probe.c     what this kernel can            ask.c     what these share
 *
 * It flushes nothing and replaces nothing but policies of its own: other
 * programs' SAs and policies are in the same tables. */
#include "modules/xfrm/xfrm.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "modules/xfrm/ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORDS 16384 /* SAs and policies of one instance */
#define KEYS 2097152 /* that were installed last: of an hour at 100 calls/s */
#define TRIES 1000

/* -- the sub-range -------------------------------------------------------- */

struct used {
	uint8_t bit[RANGES / 8];
};

static void mark(struct used *u, uint32_t n)
{
	if (n != RANGE_NONE)
		u->bit[n / 8] |= (uint8_t)(1 << n % 8);
}

static void mark_used(void *user, size_t i, const struct reply *r)
{
	(void)i;
	if (r->kind == REPLY_SA)
		mark(user, range_of_reqid(r->sa.reqid));
	if (r->kind == REPLY_POLICY)
		mark(user, range_of_policy(&r->policy));
}

static bool is_used(void *user, uint32_t n)
{
	const struct used *u = user;

	return u->bit[n / 8] >> n % 8 & 1;
}

/* The sub-ranges of which something is in the kernel. */
static int look(struct xfrm *x, struct used *used, struct xfrm_why *why)
{
	int r = ask_dump(x->link, REQUEST_SA_DUMP, mark_used, used, why);

	return r ? r : ask_dump(x->link, REQUEST_POLICY_DUMP, mark_used, used,
				why);
}

static int claim(struct xfrm *x, struct used *used, struct xfrm_why *why)
{
	uint32_t n;
	int r = range_claim(is_used, used, &n, &x->lock);

	if (r)
		return ask_failed(why, r, "no sub-range of reqids: %s",
				  err_text(r));
	ledger_set_range(x->ledger, n);
	x->range = range_of(n);
	return 0;
}

/* Records of a sub-range that another instance has by now are void if nothing
 * of it is in the kernel: so it was when that one took it. */
static void forget_all(struct xfrm *x)
{
	for (uint32_t s = 0; (s = ledger_next(x->ledger, s));)
		ledger_drop(x->ledger, s);
}

static int take_range(struct xfrm *x, struct xfrm_why *why)
{
	uint32_t n = ledger_range(x->ledger);
	int r = n == RANGE_NONE ? E_EXISTS : range_lock(n, &x->lock);
	struct used used = { { 0 } };

	if (!r)
		x->range = range_of(n);
	if (r != E_EXISTS)
		return r ? ask_failed(why, r, "no socket for the lock") : 0;
	r = look(x, &used, why);
	if (r)
		return r;
	if (ledger_next(x->ledger, 0) && n != RANGE_NONE && is_used(&used, n))
		return ask_failed(why, E_EXISTS, "some process holds the lock "
				  "of what we left in the kernel (@" RANGE_LOCK
				  " in /proc/net/unix): end that process", n);
	forget_all(x);
	return claim(x, &used, why);
}

/* -- opening -------------------------------------------------------------- */

static int open_ledger(struct xfrm *x, int fd, struct xfrm_why *why)
{
	uint8_t world[LEDGER_WORLD];
	int r = ledger_world(world);

	if (r)
		return ask_failed(why, r, "/proc is not mounted");
	r = ledger_new(fd, RECORDS, world, &x->ledger);
	if (r == E_EXISTS)
		return ask_failed(why, r, "another process has the ledger "
				  "open; each instance needs a state directory "
				  "of its own");
	return !r ? 0 : ask_failed(why, r, "the ledger cannot be used: %s",
				   err_text(r));
}

int xfrm_open(int ledger_fd, struct xfrm **out, struct xfrm_why *why)
{
	struct xfrm *x = calloc(1, sizeof *x);
	const char *text;
	int r;

	*why = (struct xfrm_why){ 0 };
	if (!x)
		return ask_failed(why, E_NOMEM, "no memory");
	x->lock = -1;
	r = link_open(&x->link, &text);
	if (r)
		ask_failed(why, r, "%s", text);
	else
		r = open_ledger(x, ledger_fd, why);
	if (!r)
		r = take_range(x, why);
	if (!r) {
		r = keyset_new(KEYS, &x->keys);
		if (r)
			ask_failed(why, r, "no memory");
	}
	if (r) {
		xfrm_close(x);
		return r;
	}
	x->next_reqid = x->range.reqid_first;
	*out = x;
	return 0;
}

void xfrm_close(struct xfrm *x)
{
	if (!x)
		return;
	keyset_free(x->keys);
	ledger_free(x->ledger);
	link_close(x->link);
	if (x->lock >= 0)
		close(x->lock);
	free(x);
}

const struct range *xfrm_range(const struct xfrm *x)
{
	return &x->range;
}

const struct ledger *xfrm_ledger(const struct xfrm *x)
{
	return x->ledger;
}

/* -- names ---------------------------------------------------------------- */

static bool reqid_used(const struct xfrm *x, uint32_t reqid)
{
	for (uint32_t s = 0; (s = ledger_next(x->ledger, s));) {
		const struct ledger_record *r = ledger_at(x->ledger, s);

		if ((r->kind == LEDGER_SA ? r->sa.reqid : r->policy.reqid) ==
		    reqid)
			return true;
	}
	return false;
}

/* In turn, so that one that was just given up is not soon another's. */
int xfrm_reqid(struct xfrm *x, uint32_t *out)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t reqid = x->next_reqid;

		x->next_reqid = reqid == x->range.reqid_last
					? x->range.reqid_first : reqid + 1;
		if (!reqid_used(x, reqid)) {
			*out = reqid;
			return 0;
		}
	}
	return E_FULL;
}

static bool spi_used(const struct xfrm *x, uint32_t spi)
{
	for (uint32_t s = 0; (s = ledger_next(x->ledger, s));) {
		const struct ledger_record *r = ledger_at(x->ledger, s);

		if (r->kind == LEDGER_SA && r->sa.spi == spi)
			return true;
	}
	return false;
}

/* At random: who sees one cannot tell the next. */
int xfrm_spi(struct xfrm *x, uint32_t *out)
{
	uint32_t width = x->range.spi_last - x->range.spi_first + 1, spi;
	struct secret s;
	int r;

	for (int i = 0; i < TRIES; i++) {
		r = secret_random(&s, sizeof spi);
		if (r)
			return r;
		memcpy(&spi, s.bytes, sizeof spi);
		secret_wipe(&s);
		spi = x->range.spi_first + spi % width;
		if (!spi_used(x, spi)) {
			*out = spi;
			return 0;
		}
	}
	return E_FULL;
}
