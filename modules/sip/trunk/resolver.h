/* resolver.h - a shield before Sofia's DNS resolver. Sofia-SIP 1.12.11 tries
 * its name servers again and again, for ever, in one call, when the kernel lets
 * none of them be connected to (no route, a prohibiting one): the whole engine
 * stands still. So connect() and send() of ours come before the C library's:
 * a name server's socket counts as connected, what cannot be sent fails, and
 * the connection is made once there is a way. All other sockets are passed
 * through. Engine thread. */
#ifndef CALLSEAL_SIP_TRUNK_RESOLVER_H
#define CALLSEAL_SIP_TRUNK_RESOLVER_H

/* Whether Sofia's calls come by our functions: E_INTERNAL when they do not,
 * logged. */
int resolver_check(void);

#endif
