/* before.h - the tunnel as a precondition of the call (RFC 3312, 5027), on
 * either side of it: what the outside says of it, and the phones never see.
 * In calls that have none each does nothing. */
#ifndef CALLSEAL_SIP_BEFORE_H
#define CALLSEAL_SIP_BEFORE_H

#include "modules/sip/filter.h"
#include "modules/sip/sip.h"

/* The option tag between the gateways; NULL-terminated. */
extern const char *const before_tags[];
/* t belongs to such a call. */
bool before_has(const struct txn *t);
/* ... and is its first INVITE. */
bool before_is(const struct txn *t);
/* ... and goes out; else it came from there. */
bool before_goes(const struct txn *t);
bool before_comes(const struct txn *t);

/* Whether the first INVITE can be taken; else *no says why not. */
bool before_admits(const struct txn *t, const sip_t *sip, struct refusal *no);
/* On its way out it says what we require. False: no memory. */
bool before_request(const struct txn *t, msg_t *msg, const sip_t *sip);
/* What a 580 to the outside says of the offer that it refuses, appended to
 * out; false: it is no such refusal, or has no offer. */
bool before_unmet(const struct txn *t, const struct refusal *no,
		  struct buf *out);
/* A request in the dialog that concerns nobody inside: true, it is taken. */
bool before_takes(struct leg *leg, nta_incoming_t *irq, const sip_t *sip);
/* A provisional response's description does not go on. */
bool before_hushes(const struct txn *t, const sip_t *sip);

/* The caller's side (caller.c): true when a response to the INVITE is for us
 * alone, or has ended the call. */
bool before_response(struct txn *t, struct leg *leg, const sip_t *sip);
/* Gives a 2xx on its way to the phone what the far end said last. */
void before_describes(struct passage *p);
/* Whether a 2xx, the first of its queue, waits until that is known. */
bool before_waits(const struct passage *p);

/* The called side (called.c): true when the first INVITE, whose description for
 * the phone is body, waits until the tunnel is up at both ends. */
bool before_holds(struct passage *p, const struct body *body);
/* Calls further phones with what the far end offered last. False: none was
 * called so. */
bool before_rings_on(const struct txn *t);
/* An offer may come meanwhile. */
bool before_listens(const struct txn *t);
/* True when the phone's 2xx waits until the far end knows what the phone takes
 * of its offer, which body says. */
bool before_confirms(struct passage *p, const struct body *body);
void before_free(struct before *b); /* NULL is allowed */

#endif
