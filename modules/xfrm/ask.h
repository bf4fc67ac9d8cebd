/* ask.h - the inside of struct xfrm, for the files of xfrm.h only. */
#ifndef CALLSEAL_XFRM_ASK_H
#define CALLSEAL_XFRM_ASK_H

#include "modules/xfrm/keyset.h"
#include "modules/xfrm/link.h"
#include "modules/xfrm/xfrm.h"

struct xfrm {
	struct link *link;
	struct ledger *ledger;
	struct keyset *keys;
	struct range range;
	int lock; /* of the sub-range */
	uint32_t next_reqid;
};

/* Writes what request q met: error is an errno, said is the kernel's own text
 * or "". Returns the code. */
int ask_refused(struct xfrm_why *why, const struct request *q, int error,
		const char *said);
/* A failure of ours, or of the whole batch. Returns code. */
int ask_failed(struct xfrm_why *why, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A key for that suite that nobody knows; secret. */
int ask_random_key(struct esp_key *key, unsigned suite);
/* One dump. fn must not ask anything. */
int ask_dump(struct link *l, enum request_kind kind, link_fn fn, void *user,
	     struct xfrm_why *why);
/* The request about what a slot records. */
struct request ask_about(const struct ledger_record *r,
			 enum request_kind for_sa,
			 enum request_kind for_policy);
/* Deletes what the slots record, policies before SAs, and clears each record
 * whose thing is gone. */
int ask_remove(struct xfrm *x, const uint32_t *slot, size_t n,
	       struct xfrm_why *why);
/* Has the kernel hold again what the ledger has under that policy's name, or
 * (NULL) all policies that it has; adds to *back how many were not there. Those
 * after one that is refused are tried, too. */
int ask_restore(struct xfrm *x, const struct ipsec_policy *p, unsigned *back,
		struct xfrm_why *why);
/* A reply shows the very thing that the record is of. The SPI in a policy's
 * template does not count: xfrm_turn() may have ended halfway. */
bool ask_is(const struct ledger_record *r, const struct reply *seen);

#endif
