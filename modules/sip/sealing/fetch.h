/* fetch.h - the far end's certificate, asked for before the first body is
 * sealed for it: an OPTIONS whose headers we sign and which brings our
 * certificates; its answer, signed too, brings the far end's (doc/SMIME.md). */
#ifndef CALLSEAL_SIP_FETCH_H
#define CALLSEAL_SIP_FETCH_H

#include "daemon/module.h"
#include "modules/sip/sip.h"

/* Registers the role "fetcher". 0, or what core_register() gives. */
int fetch_open(struct core *core, struct sip *s);
/* An OPTIONS that came in. True: it asks for our certificates and was taken;
 * it is answered later, to who proves that he is a peer as one of these, to
 * others as any OPTIONS. */
bool fetch_asked(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip);
/* Forgets all that are on their way; at the end. */
void fetch_free(struct sip *s);

#endif
