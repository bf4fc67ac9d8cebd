/* hops.h - the next hops that the configuration names, and which of their
 * servers work: the role "hops" (daemon/engine/way/hops.h). Engine thread. */
#ifndef CALLSEAL_SIP_HOPS_H
#define CALLSEAL_SIP_HOPS_H

#include "daemon/module.h"
#include "modules/sip/sip.h"

struct hop_table;

/* Registers the role, looks up names, begins to ask those that have a
 * keepalive. */
int hops_new(struct sip *s, struct core *core, struct hop_table **out);
void hops_free(struct hop_table *t); /* NULL is allowed */
/* The configuration is another one: what is still in it keeps its state. */
int hops_reload(struct hop_table *t);
/* How a request to a next hop fared: by a response, or sip is NULL or Sofia's
 * own. One that went elsewhere does not count. */
void hops_note(struct hop_table *t, const nta_outgoing_t *orq,
	       const sip_t *sip);
/* It said nothing for so long that the request goes elsewhere. */
void hops_silent(struct hop_table *t, const nta_outgoing_t *orq);
/* Whether a response or failure says that the next hop does not serve now, so
 * that another one may be tried. */
bool hops_failed(const sip_t *sip, int status);

#endif
