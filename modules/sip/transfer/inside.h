/* inside.h - what the parts of a transfer share:
 *
 *   transfer.c  the REFER, the phones that ring, how it ends
 *   join.c      who answered comes into the call */
#ifndef CALLSEAL_SIP_TRANSFER_INSIDE_H
#define CALLSEAL_SIP_TRANSFER_INSIDE_H

#include "modules/sip/transfer/transfer.h"

struct transfer {
	struct pair *pair;
	struct leg *by;       /* the pair's, of who sent the call on */
	uint32_t cseq;        /* of the REFER */
	bool left;            /* he has hung up */
	bool over;            /* it was done, or failed: he has been told */
	uint64_t over_us;     /* monotonic: when */
	char *uri;            /* whom it is to; owned */
	struct txn *rings;    /* an INVITE for each phone; owned */
	struct txn *won;      /* the one that answered */
	struct txn *join;     /* whose offer is on its way; or NULL */
	struct loop_timer *timer;
	unsigned busy;        /* so often the call had another offer open */
	int status;           /* the best failure so far; 0: none */
	bool rang;            /* he was told so */
};

/* The pair's other leg. */
struct leg *transfer_far(const struct pair *pair);
/* The call is as it was; or, if nobody is left at this side, over. */
void transfer_fail(struct transfer *x, int status);
/* x->won has the call. */
void transfer_done(struct transfer *x);
/* Makes the offer of x->won the call's, as soon as no other is open: then one
 * of those three, now or later. */
void transfer_join(struct transfer *x);

#endif
