/* merge.h - the same request on two ways (RFC 3261 8.2.2.2). */
#ifndef CALLSEAL_SIP_MERGE_H
#define CALLSEAL_SIP_MERGE_H

#include "modules/sip/sip.h"

struct merges;

/* NULL: no memory. */
struct merges *merges_new(void);
void merges_free(struct merges *m); /* NULL is allowed */
/* Whether a request outside any dialog came before on another branch; if not,
 * it is remembered for 64*T1. Engine thread. */
bool merge_seen(struct sip *s, enum face face, const sip_t *sip);
/* A name of the request that the branches of a fork share. 0: no memory. */
uint64_t merge_invite(const struct sip *s, enum face face, const sip_t *sip);

#endif
