/* early.h - keys before the phone is picked up: the keying answer in a
 * reliable provisional response, on either side of it. */
#ifndef CALLSEAL_SIP_EARLY_H
#define CALLSEAL_SIP_EARLY_H

#include "modules/sip/filter.h"
#include "modules/sip/sip.h"

/* A first INVITE on its way out says that we take such an answer, when the
 * call's profile wants one. false: no memory. */
bool early_request(struct txn *t, msg_t *msg, const sip_t *sip);

/* A first INVITE that the core gave out for: whether it waits, with that, until
 * its keys are acknowledged, since the phone must not ring before. no->status
 * is set where it has to be refused. */
bool early_keeps(struct passage *p, const struct body *out,
		 struct refusal *no);
/* A first INVITE from outside has passed: its keys are answered, if the far
 * end understands that. */
void early_answer(struct txn *t, const sip_t *sip);
/* Sends the phone's provisional response reliably, if the answer in it is the
 * first that the far end gets and it understands that; true: msg is taken. */
bool early_reply(struct txn *t, const sip_t *sip, bool answers, msg_t *msg);
/* Whether this message, the first of its queue, waits until what we sent
 * reliably is acknowledged (RFC 3262 3). */
bool early_holds(const struct passage *p);

/* Whether a reliable response has the far end's keys in place of SDP. */
bool early_has_keys(const struct txn *t, const sip_t *sip);
/* They stand: acknowledges the response. It goes no further. */
void early_taken(const struct passage *p);
/* The core refused them: whether that is this branch's affair alone, because
 * another one's were taken. */
bool early_spared(const struct passage *p);
/* That branch hears no PRACK, and a BYE (RFC 3261 15): it can neither ring nor
 * answer, and the call would have to wait for its end. */
void early_leave(const struct passage *p);

#endif
