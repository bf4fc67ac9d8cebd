/* ledger.h - the record of every SA and policy of ours in the kernel, in a
 * file that outlives the process. Written before the kernel is asked, cleared
 * after it said that the thing is gone: what is ours in the kernel is in the
 * ledger, never the other way round only. Holds no keys. One thread.
 *
 * The file is mapped: what was stored there stays, however the process ends, as
 * with write(), and costs no system call. Nothing is synced to the disk, since
 * nothing needs to be: a crash of the machine takes the kernel's SAs with it.
 * Room for all records is taken at the start, so that no full disk is met
 * later. Who cuts the file short ends the process (SIGBUS) as kill -9 would.
 * For which start of the machine and which network namespace the records count
 * is in the file; for another they are dropped. */
#ifndef CALLSEAL_XFRM_LEDGER_H
#define CALLSEAL_XFRM_LEDGER_H

#include "modules/xfrm/ipsec.h"

/* Values are in the file: append only. */
enum ledger_kind { LEDGER_NONE, LEDGER_SA, LEDGER_POLICY, LEDGER_KINDS };

struct ledger_record {
	enum ledger_kind kind;
	/* Of an SA only src, dst, spi, reqid and mode are kept. */
	struct ipsec_sa sa;
	struct ipsec_policy policy;
	/* Not in the file: the owner's. False in what was read from it. */
	bool reserved; /* an SPI without a key yet */
	bool seen;     /* in the kernel, at the sweep */
	bool kept;     /* a policy of an earlier run that nobody wants yet */
};

struct ledger;

#define LEDGER_WORLD 32 /* bytes */

/* Which kernel and which network namespace of it the calling thread is in.
 * E_IO: /proc is not there. */
int ledger_world(uint8_t out[static LEDGER_WORLD]);

/* fd is an open file (read and write; borrowed): locked against a second
 * process, until it is closed everywhere. An empty file is a first start. What
 * a run with a larger most has recorded is there, too, until it is dropped.
 * E_EXISTS: another process has it; E_IO: no room on the disk for all records,
 * or a file that cannot be mapped; E_NOMEM. Losses are logged. */
int ledger_new(int fd, size_t most, const uint8_t world[static LEDGER_WORLD],
	       struct ledger **out);
void ledger_free(struct ledger *l); /* NULL is allowed */
/* Records were damaged, or lost with the head: there may be more in the kernel
 * than the ledger knows. */
bool ledger_damaged(const struct ledger *l);

/* The instance's sub-range of names (range.h); RANGE_NONE: not set yet. */
uint32_t ledger_range(const struct ledger *l);
void ledger_set_range(struct ledger *l, uint32_t n);

/* Slots count from 1. E_FULL: most of them are taken, and the kernel must not
 * be asked. */
int ledger_put(struct ledger *l, const struct ledger_record *r, uint32_t *slot);
/* The same policy, with another SPI in its template. */
void ledger_turn(struct ledger *l, uint32_t slot, uint32_t spi);
/* The same SA, under another reqid. */
void ledger_rename(struct ledger *l, uint32_t slot, uint32_t reqid);
/* One that is not there is no matter. */
void ledger_drop(struct ledger *l, uint32_t slot);
/* Borrowed until it is dropped; NULL: nothing there. */
struct ledger_record *ledger_at(const struct ledger *l, uint32_t slot);
/* The next used slot after that one (0: the first); 0: no more. */
uint32_t ledger_next(const struct ledger *l, uint32_t slot);
/* By the kernel's names; 0: none. */
uint32_t ledger_find_sa(const struct ledger *l, const struct addr *dst,
			uint32_t spi);
uint32_t ledger_find_policy(const struct ledger *l,
			    const struct ipsec_policy *p);
size_t ledger_count(const struct ledger *l);

#endif
