/* door.h - our port of ESP in UDP (RFC 3948): a socket by which the kernel
 * knows it. Nothing is read from it. */
#ifndef CALLSEAL_XFRM_DOOR_H
#define CALLSEAL_XFRM_DOOR_H

#include "daemon/base/addr.h"

/* Closed when the owner closes *fd. What comes and is no ESP is dropped. E_IO:
 * *why (static text) and errno say what failed. */
int door_open(const struct addr *host, unsigned port, int *fd,
	      const char **why);

#endif
