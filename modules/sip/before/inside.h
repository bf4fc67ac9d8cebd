/* inside.h - what the files of this folder share. */
#ifndef CALLSEAL_SIP_BEFORE_INSIDE_H
#define CALLSEAL_SIP_BEFORE_INSIDE_H

#include "modules/sip/before/before.h"

/* own.c: a request of our own in a leg's dialog. */
/* Its final response, or none but a status of ours: sip is NULL unless it is a
 * 2xx. The txn is done. */
typedef void (*own_fn)(struct txn *t, int status, const sip_t *sip);
/* PRACK of the response with this RSeq. False: no memory. */
bool own_prack(const struct txn *invite, struct leg *leg, uint32_t rseq,
	       own_fn fn);
/* UPDATE with an offer, which is copied. Where an offer of the other side is
 * in its way it goes once more, later. */
bool own_update(struct leg *leg, const struct body *offer, own_fn fn);

/* The description in a message; the caller's to free, as said_free() does.
 * False: it has none that can be read. */
bool before_description(const sip_t *sip, struct said *out);
/* Ends the call: what it waits for does not come. */
void before_fails(struct pair *pair, const char *why);
/* The pair's first INVITE, while it is open; or NULL. */
struct txn *before_invite(const struct pair *pair);
bool before_over(const struct txn *t);
/* Answers an offer of the outside's that nobody inside hears of. */
void before_answer(struct txn *t, const struct body *body);
/* The UPDATE or PRACK of the far end that has an offer, as a txn of ours. NULL:
 * it is answered. */
struct txn *before_offer(struct leg *leg, struct leg *to, nta_incoming_t *irq,
			 const sip_t *sip);
bool called_takes(struct txn *invite, struct leg *leg, nta_incoming_t *irq,
		  const sip_t *sip);
bool caller_takes(struct leg *leg, nta_incoming_t *irq, const sip_t *sip);

#endif
