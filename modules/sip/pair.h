/* pair.h - the two legs of a call: made, ended, freed. */
#ifndef CALLSEAL_SIP_PAIR_H
#define CALLSEAL_SIP_PAIR_H

#include "modules/sip/sealing/reveal.h"
#include "modules/sip/sip.h"

/* Asks the core where the call goes and makes both legs, in the name of what is
 * known beside the INVITE, if anything is. NULL: refused, no says why; nothing
 * is left behind. */
struct pair *pair_new(struct sip_face *f, nta_incoming_t *irq,
		      const sip_t *sip, const struct revealed *known,
		      struct refusal *no);
/* Its first INVITE is there: finds those that are branches of the same one. */
void pair_siblings(struct pair *pair, const sip_t *invite);
/* The core's id of the call, for the log; 0 once it is released. */
uint64_t pair_id(const struct pair *pair);
/* Works on the queue of filter.c. */
void pair_run(struct pair *pair);
/* Ends the call on both legs, each by its state: no's status to an INVITE
 * that is not answered, CANCEL to one that is out, BYE to a dialog that is up.
 * May be called from anywhere and again. */
void pair_end(struct pair *pair, const struct refusal *no, const char *cause);
/* A BYE was relayed and answered. */
void pair_over(struct pair *pair, const char *cause);
/* The called side refused with sip, and the caller was told status. The cause
 * has the far end's Warning, if any: the operator reads it, too. */
void pair_failed(struct pair *pair, int status, const sip_t *sip);
/* Something of the pair can be freed, from the loop. */
void pair_to_sweep(struct pair *pair);
/* At once, whatever is open: when the module stops. */
void pair_free(struct pair *pair);
/* The loop's timer: frees what is done with. */
void pair_sweep(void *sip);
/* Gives up what ended calls still wait for, after patience_us, and sets its
 * timer (sip->patient) again. */
void pair_give_up(void *sip);

#endif
