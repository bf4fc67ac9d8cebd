/* invite.h - what INVITE has that other methods have not. */
#ifndef CALLSEAL_SIP_INVITE_H
#define CALLSEAL_SIP_INVITE_H

#include "modules/sip/filter.h"
#include "modules/sip/sealing/reveal.h"
#include "modules/sip/sip.h"

/* The first INVITE of a call. As an nta_request_f's result. proof is taken: of
 * admission_proof(). */
int invite_first(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		 char *proof);
/* One whose header named nobody, once it is known what was within. */
void invite_revealed(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		     const struct revealed *known);
/* Sofia's callback: ACK or CANCEL came, or (sip NULL) no ACK or PRACK. */
int invite_on_ack_cancel(struct txn *t, nta_incoming_t *irq,
			 const sip_t *sip);

/* For txn.c: a response came; which leg it is of. NULL: do not pass it. */
struct leg *invite_response(struct txn *t, const sip_t *sip);
/* A response came that nobody waits for: a 2xx is acknowledged and ended. */
void invite_late_response(struct txn *t, const sip_t *sip);
/* It needs a PRACK, and the other side can give one. */
bool invite_is_reliable(const struct txn *t, const sip_t *sip);
void invite_reply_reliably(struct passage *p, const sip_t *sip, msg_t *msg);
/* A final response went to where the INVITE came from. */
void invite_answered(struct txn *t, const sip_t *sip);
/* sip NULL: with nothing of its headers. */
void invite_pass_ack(struct txn *t, const sip_t *sip, const struct body *body);
/* Sends one that leg_ack_build() made and that is sealed; takes msg. */
void invite_ack_built(struct txn *t, msg_t *msg);
/* The pair ends; true: the txn must still wait. */
bool invite_end(struct txn *t, const struct refusal *no);

#endif
