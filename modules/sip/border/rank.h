/* rank.h - what a request says of its priority (RFC 4412). */
#ifndef CALLSEAL_SIP_RANK_H
#define CALLSEAL_SIP_RANK_H

#include "modules/sip/sip.h"

/* How high it is by the namespaces whose bits are set (limits.preempt), from
 * 1; 0: none of them is named. */
unsigned rank_of(const sip_t *sip, unsigned namespaces);

#endif
