/* own.h - the role "tunnel" by charon: tunnels that each call has for itself,
 * by a key that its keying agreed on. See daemon/tunnel/tunnel.h. */
#ifndef CALLSEAL_VICI_OWN_H
#define CALLSEAL_VICI_OWN_H

#include "daemon/tunnel/tunnel.h"
#include "modules/vici/ike/ike.h"

struct owns;

/* E_NOMEM. */
int owns_new(struct owns **out);
void owns_free(struct owns *o); /* NULL is allowed */
const struct tunnel_maker *owns_maker(const struct owns *o);
/* The manager to raise them by, borrowed; NULL: there is none (any more), and
 * what was raised is forgotten. */
void owns_use(struct owns *o, struct ike *ike);
/* What the manager tells, if it is of a call's tunnel; false: it is not. */
bool owns_need_key(struct owns *o, const char *peer);
bool owns_event(struct owns *o, const struct ike_event *e);

/* The name of the policy's peer in that of such a connection (struct
 * ike_peer); NULL: it is none. */
const char *owns_peer(const char *name);

#endif
