/* door.h - our port of ESP in UDP (RFC 3948): a socket by which the kernel
 * knows it, and from which keep-alives leave. Nothing is read from it. */
#ifndef CALLSEAL_XFRM_DOOR_H
#define CALLSEAL_XFRM_DOOR_H

#include "daemon/base/addr.h"

/* Closed when the owner closes *fd. What comes and is no ESP is dropped. E_IO:
 * *why (static text) and errno say what failed. */
int door_open(const struct addr *host, unsigned port, int *fd,
	      const char **why);
/* Sends one keep-alive (2.3) to that address and port. E_IO: it did not leave;
 * errno says why. */
int door_keep(int fd, const struct addr *far);

#endif
