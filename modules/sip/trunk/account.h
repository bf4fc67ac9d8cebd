/* account.h - the gateway's own registrations at its peers, by the group
 * "accounts" of the configuration. Engine thread. */
#ifndef CALLSEAL_SIP_ACCOUNT_H
#define CALLSEAL_SIP_ACCOUNT_H

#include "daemon/module.h"
#include "modules/sip/sip.h"

struct accounts;

/* Registers the role "accounts", and us where it is configured. */
int accounts_new(struct sip *s, struct core *core, struct accounts **out);
/* The configuration is another one: what is gone from it is taken back, what
 * stays as it was is left alone. */
int accounts_reload(struct accounts *a);
/* Our Contact is another one: all register anew. */
void accounts_moved(struct accounts *a);
/* Takes all registrations back; accounts_busy() tells when that is done. */
void accounts_end(struct accounts *a);
bool accounts_busy(const struct accounts *a);
void accounts_free(struct accounts *a); /* NULL is allowed */

#endif
