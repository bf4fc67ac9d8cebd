/* xfrmkernel.h - a kernel of ours that refuses, loses answers and forgets on
 * demand; it stands in for modules/xfrm/link.c. */
#ifndef CALLSEAL_MOCK_XFRMKERNEL_H
#define CALLSEAL_MOCK_XFRMKERNEL_H

#include "modules/xfrm/link.h"

#define XFRMKERNEL_ROOM 256

struct link {
	struct ipsec_sa sa[XFRMKERNEL_ROOM];
	struct ipsec_policy policy[XFRMKERNEL_ROOM];
	bool is_sa[XFRMKERNEL_ROOM], is_policy[XFRMKERNEL_ROOM];
	bool reserved[XFRMKERNEL_ROOM];
	int error;           /* given to the request numbered fail_at */
	unsigned fail_at;    /* from 1, counted over all; 0: none */
	unsigned lose_from;  /* answers from that request on are lost, once */
	bool lose_whole;     /* and the requests with them */
	unsigned asked;
	uint64_t packets;    /* each SA has carried */
	const struct reply *event; /* the next link_events() gives it */
	int events;          /* what link_events() returns */
};

/* The only one; a test sets it to zero. */
extern struct link kernel;

/* An SA that somebody else makes; an errno. */
int xfrmkernel_add(const struct ipsec_sa *sa);
int xfrmkernel_add_policy(const struct ipsec_policy *p);
/* SAs and policies that are there. */
unsigned xfrmkernel_count(void);

#endif
