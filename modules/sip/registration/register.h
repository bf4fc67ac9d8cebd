/* register.h - registration of phones at a registrar upstream. */
#ifndef CALLSEAL_SIP_REGISTER_H
#define CALLSEAL_SIP_REGISTER_H

#include "daemon/module.h"
#include "modules/sip/sip.h"

struct bindings;
struct registry;

/* Reads what the file (the parent's "bindings") kept, and registers the role
 * "location". */
int registry_new(struct sip *s, struct core *core, struct registry **out);
/* Forgets what is on its way. NULL is allowed. */
void registry_free(struct registry *r);
/* A REGISTER from inside; as an nta_request_f's result. */
int register_request(struct sip_face *f, nta_incoming_t *irq,
		     const sip_t *sip);

/* The table that both kinds of registration share; never NULL. */
struct bindings *registry_bindings(const struct registry *r);

#endif
