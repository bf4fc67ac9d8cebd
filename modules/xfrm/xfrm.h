/* xfrm.h - IPsec SAs and policies of ours in the kernel: added and removed
 * together, recorded, swept after a crash. What the tunnel process is built on.
 * One thread, one network namespace: that of the thread that opened it.
 *
 * Order is the caller's (inbound SAs before their SPI leaves in any message;
 * outbound ones when the far end is ready). Whether a selector is wise is
 * selector.h's to say, and must be asked first. */
#ifndef CALLSEAL_XFRM_H
#define CALLSEAL_XFRM_H

#include "modules/xfrm/ipsec.h"
#include "modules/xfrm/ledger.h"
#include "modules/xfrm/range.h"
#include "modules/xfrm/reply.h"

struct xfrm;

/* Why something failed, for the log: what was asked, what the kernel said, what
 * it means, and the cure. */
struct xfrm_why {
	int error; /* the kernel's errno, or 0 */
	size_t at; /* which of the things asked for */
	char text[512];
};

/* ledger_fd: this instance's file (ledger.h; borrowed). Takes the sub-range
 * that the file names, or at a first start one that nothing in the kernel is
 * of. E_EXISTS: another process has the ledger; E_UNSUPPORTED: no XFRM in this
 * kernel; E_POLICY: CAP_NET_ADMIN is missing; E_FULL, E_NOMEM, E_IO. */
int xfrm_open(int ledger_fd, struct xfrm **out, struct xfrm_why *why);
/* Leaves everything in the kernel as it is, for a next start to sweep. */
void xfrm_close(struct xfrm *x); /* NULL is allowed */
const struct range *xfrm_range(const struct xfrm *x);
const struct ledger *xfrm_ledger(const struct xfrm *x);

/* What a sweep did. foreign: in the kernel with our names, but not in an
 * undamaged ledger: left alone. */
struct xfrm_swept {
	unsigned sas, policies, gone, foreign;
};

/* Deletes what an earlier run left: what the ledger records and the kernel
 * still has just so; if records were damaged, all that has a name of our sub-
 * range. With keep_rules bypass and block policies stay, so that nothing leaks
 * until they are wanted again: xfrm_raise() takes them over. E_IO: the kernel
 * did not let us; they stay in the ledger. */
int xfrm_sweep(struct xfrm *x, bool keep_rules, struct xfrm_swept *out,
	       struct xfrm_why *why);

/* An unused one of our sub-range. E_FULL. */
int xfrm_reqid(struct xfrm *x, uint32_t *out);
int xfrm_spi(struct xfrm *x, uint32_t *out);
/* Reserves sa->spi (of our sub-range), inbound, until it is raised; key and
 * limits are not read. The kernel keeps others from it for
 * some 30 s only, after that xfrm_raise() may meet E_EXISTS. E_EXISTS: take
 * another. */
int xfrm_reserve(struct xfrm *x, const struct ipsec_sa *sa, uint32_t *slot,
		 struct xfrm_why *why);

#define XFRM_MOST 64 /* things raised together */

/* Borrowed. Reqids must be of our sub-range, priorities range_priority()'s. */
struct xfrm_wanted {
	const struct ipsec_sa *sa;
	size_t n_sa;
	const struct ipsec_policy *policy;
	size_t n_policy;
};

/* Adds them all, SAs first, or none: what was added before one was refused is
 * removed again (and an SPI that was reserved for it, under whatever reqid, is
 * free). slot gets one
 * slot of the ledger for each, SAs first. Never replaces anything.
 *
 * E_ARG: a thing is wrong (why says which); E_REPLAY: a key was installed
 * before, or is there twice; E_EXISTS: SPI or selector is taken; others by
 * refusal.h. A key counts as installed also when it failed. */
int xfrm_raise(struct xfrm *x, const struct xfrm_wanted *w, uint32_t *slot,
	       struct xfrm_why *why);
/* From now on that policy of ours, an outbound one that protects, leads into
 * the SA of its reqid with this SPI, which is there: no packet goes in between
 * without one. E_ARG: it is none; others by refusal.h, and then nothing
 * changed. */
int xfrm_turn(struct xfrm *x, uint32_t slot, uint32_t spi,
	      struct xfrm_why *why);
/* From now on the SA of that slot, which is in UDP, has sa's ports. sa is as it
 * was raised but for those, without a key: the kernel's own stays, with its
 * sequence numbers and window, so that no key is installed twice. E_ARG: that
 * slot has no such SA; others by refusal.h, and then nothing changed. */
int xfrm_follow(struct xfrm *x, uint32_t slot, const struct ipsec_sa *sa,
		struct xfrm_why *why);
/* Removes them, policies first; what is gone already is no error, nor is slot
 * 0. E_IO: something is still there; it stays in the ledger. */
int xfrm_drop(struct xfrm *x, const uint32_t *slot, size_t n,
	      struct xfrm_why *why);

/* -- what happens --------------------------------------------------------- */

enum xfrm_event_kind {
	XFRM_SOFT,    /* time for new keys */
	XFRM_GONE,    /* the SA is no more; xfrm_drop() its slot */
	XFRM_ACQUIRE, /* a packet wanted an SA of reqid; it was dropped */
	XFRM_MOVED,   /* what comes by it in UDP, authentic and no replay, has
	                 another source: reply->sa.src and encap.sport */
	XFRM_FOREIGN, /* another program added reply->policy, or changed it */
	XFRM_REMOVED  /* it removed n policies of ours, which are back; err:
	                 perhaps not all, why says why not */
};

struct xfrm_event {
	enum xfrm_event_kind kind;
	uint32_t slot;  /* 0 with ACQUIRE, FOREIGN and REMOVED */
	uint32_t reqid;
	const struct reply *reply; /* borrowed; NULL after a loss of events */
	unsigned n;
	int err;
	const char *why; /* borrowed */
};

/* For the caller's loop: readable when xfrm_events() has something. */
int xfrm_events_fd(const struct xfrm *x);
/* Gives fn the events that concern what is ours. When the kernel dropped some
 * (too many at a time) it looks at all our SAs instead, and gives what can be
 * seen from them: an event may come twice, never not at all, but ACQUIRE; MOVED
 * comes again with packets. FOREIGN has no reply then: there may be some. fn
 * may raise and drop. E_IO. */
typedef void (*xfrm_event_fn)(void *user, const struct xfrm_event *e);
int xfrm_events(struct xfrm *x, xfrm_event_fn fn, void *user);

/* How many packets the SA of that slot has carried. E_NOTFOUND: it is no more;
 * E_IO: the kernel did not say. */
int xfrm_packets(struct xfrm *x, uint32_t slot, uint64_t *out);

/* All SAs in the kernel: slot 0 for those that are not ours. */
typedef void (*xfrm_list_fn)(void *user, uint32_t slot, const struct reply *r);
int xfrm_list(struct xfrm *x, xfrm_list_fn fn, void *user,
	      struct xfrm_why *why);

/* All policies in the kernel, ours and others'; not those of sockets, of a mark
 * or of an interface. What is for more or else than one ESP has no reqid. fn
 * must not ask anything. */
typedef void (*xfrm_policy_fn)(void *user, const struct ipsec_policy *p);
int xfrm_policies(struct xfrm *x, xfrm_policy_fn fn, void *user,
		  struct xfrm_why *why);

#endif
