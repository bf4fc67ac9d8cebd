/* reply.h - what the kernel's XFRM says, out of netlink messages. Pure; reads
 * any bytes. Keys that the kernel shows are not read. */
#ifndef CALLSEAL_XFRM_REPLY_H
#define CALLSEAL_XFRM_REPLY_H

#include "modules/xfrm/ipsec.h"

enum reply_kind {
	REPLY_OTHER,   /* well-formed, but nothing we follow */
	REPLY_ACK,     /* the request was done */
	REPLY_REFUSED, /* it was not: error, text */
	REPLY_DONE,    /* end of a dump */
	REPLY_SA,      /* one SA: read, dumped or reserved */
	REPLY_POLICY,  /* dumped; or, an event, added or changed */
	REPLY_FOREIGN, /* a policy for more or else than one ESP: of that the
	                  selector, direction and priority are read */
	REPLY_EXPIRE,  /* a limit of sa was reached; hard: it is gone */
	REPLY_ACQUIRE, /* policy.sel met a packet, and no SA was there */
	REPLY_MOVED,   /* what came by an SA in UDP has another source than the
	                  SA says */
	REPLY_REMOVED, /* an event: the policy is no more */
	REPLY_FLUSHED, /* an event: no policy is left */
	REPLY_KINDS
};

#define REPLY_TEXT 96

/* The kernel's counters of an SA. */
struct reply_use {
	uint64_t bytes, packets;
	uint64_t added_s, used_s; /* seconds since 1970; used_s 0: never */
	uint32_t dropped;         /* outside the window, replayed, forged */
};

struct reply {
	enum reply_kind kind;
	uint32_t seq;     /* of the request */
	uint32_t by;      /* in an event of policies: what the request that
	                     made it says of its socket */
	bool more;        /* part of a dump: REPLY_DONE follows */
	int error;        /* REPLY_REFUSED: an errno, positive */
	char text[REPLY_TEXT]; /* what the kernel adds to it, or "" */
	bool hard;
	bool reserved;    /* the SA is a reserved SPI without a key */
	/* REPLY_SA, REPLY_EXPIRE: all but key, window and encap, of which only
	 * sport and dport are read. REPLY_ACQUIRE: src, dst, spi and reqid of
	 * what is wanted. REPLY_MOVED: dst, spi and reqid, and as src and
	 * encap.sport the source it came from. */
	struct ipsec_sa sa;
	struct reply_use use;
	/* REPLY_POLICY, REPLY_REMOVED, REPLY_ACQUIRE. The action of one that
	 * is neither of ours has no template: IPSEC_BYPASS. */
	struct ipsec_policy policy;
};

/* Reads the message at *at of len bytes in all, and moves *at behind it. The
 * bytes must be aligned to four. E_AGAIN when nothing is left, E_FORMAT: then
 * the rest cannot be read. An SA that is not ESP, a policy of another type, a
 * mark or an interface id: REPLY_OTHER, those are not ours, nor in the way. */
int reply_next(const void *bytes, size_t len, size_t *at, struct reply *out);

#endif
