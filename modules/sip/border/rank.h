/* rank.h - what a request says of its priority (RFC 4412). */
#ifndef CALLSEAL_SIP_RANK_H
#define CALLSEAL_SIP_RANK_H

#include "modules/sip/sip.h"

/* How high it is by the namespaces whose bits are set (limits.preempt), from
 * 1; 0: none of them is named. */
unsigned rank_of(const sip_t *sip, unsigned namespaces);
/* It requires that its priority is understood, and it is not (RFC 4412 section
 * 4.6.1): the answer is 417. Never without namespaces. */
bool rank_unknown(const sip_t *sip, unsigned namespaces);

#define RANK_TEXT 640
/* What is understood: a header line Accept-Resource-Priority. "" without
 * namespaces. */
void rank_accepted(unsigned namespaces, char out[static RANK_TEXT]);

#endif
