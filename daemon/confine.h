/* confine.h - giving up what a process does not need: no new privileges, no
 * capabilities (but the tunnel process's CAP_NET_ADMIN), no files but those
 * that name look-ups read (engine), a seccomp filter of the system calls its
 * job takes. Fails closed: a process that cannot be confined does not run. */
#ifndef CALLSEAL_CONFINE_H
#define CALLSEAL_CONFINE_H

#include "daemon/process.h"

#include <stdbool.h>

/* Confines the calling process for good, once its descriptors are open. Other
 * threads must not exist yet, or must share the filter (TSYNC). A forbidden
 * system call kills the process; the kernel logs which. The parent keeps what
 * starting children takes; what it loses they never get. */
int confine(enum process p);
/* The parent, with what it takes to start the tunnel process, or without. */
int confine_parent(bool tunnels);
/* The tunnel process, with a Unix socket to charon, or without. */
int confine_tunnel(bool charon);
/* False in builds with a sanitizer, whose own calls no list could name: they
 * drop privileges only. */
bool confine_filters(void);

#endif
