/* list.h - what charon has, as the role "standing" lists it. */
#ifndef CALLSEAL_VICI_LIST_H
#define CALLSEAL_VICI_LIST_H

#include "daemon/tunnel/standing.h"
#include "modules/vici/ike/ike.h"

/* As struct standing's list; prefix begins the names of our connections, and is
 * borrowed until it is over. */
int vici_standing_list(struct ike *ike, const char *prefix,
		       standing_sa_fn each, standing_listed_fn listed,
		       void *user);

#endif
