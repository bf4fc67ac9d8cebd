/* follow.h - far ends behind a NAT (RFC 3948): what leaves goes to the port
 * that they are heard from, and what is before us is kept open. */
#ifndef CALLSEAL_XFRM_FOLLOW_H
#define CALLSEAL_XFRM_FOLLOW_H

#include "modules/xfrm/tunnel/group.h"

/* Another source of ESP in UDP is told by the kernel again after as many
 * seconds, where it was not followed. */
#define FOLLOW_AGAIN_S 2

/* By which port a pair of g with that key reaches the far end: the one it was
 * heard from last, if it says the same as before, else the one it says; 0: not
 * in UDP. */
uint16_t follow_port(const struct group *g, const struct msg_tunnel_key *k);
/* Such a pair is raised: g->port is that from now on, and kept open where a NAT
 * is before us. */
void follow_begin(struct pairs *p, struct group *g,
		  const struct msg_tunnel_key *k);
/* g has no pairs any more. */
void follow_end(struct pairs *p, struct group *g);
/* What came by t's inbound SA has another source, by e->reply. */
void follow_event(struct pairs *p, struct tunnel_pair *t,
		  const struct xfrm_event *e);
/* t is about to send: its outbound SA gets the group's port. Others by
 * refusal.h. */
int follow_turn(struct pairs *p, struct tunnel_pair *t, struct xfrm_why *why);
/* Sends keep-alives that are due. In microseconds until the next;
 * UINT64_MAX: none. */
uint64_t follow_tick(struct pairs *p, uint64_t now_us);

#endif
