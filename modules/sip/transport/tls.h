/* tls.h - TLS under Sofia's TLS transports: which certificates they use, whose
 * they check, and what they leave behind. See the story in tls.c. */
#ifndef CALLSEAL_SIP_TLS_H
#define CALLSEAL_SIP_TLS_H

#include "daemon/settings.h"
#include "daemon/tlsfile.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include <sofia-sip/tport.h>

/* Sets what TLS works with from now on, in contexts that are there and those
 * that are made later; connections that are up stay as they are. Takes f.
 * E_INTERNAL when this program's hooks are not in Sofia's way. */
int tls_use(struct tls_file *f, enum tls_verify verify);
/* Forgets and wipes it; after the agents are destroyed. */
void tls_forget(void);
/* When our certificate is over; false: none is in use. */
bool tls_expires(int64_t *unix_s);
/* Whether the far end of a connection showed a certificate that was verified;
 * false for what is no TLS connection of Sofia's. */
bool tls_verified(const tport_t *tp);
/* Whether connections that we make from now on check the server's. */
bool tls_verifies(void);
/* How many TLS connections Sofia has. */
size_t tls_links(void);
/* Why the last TLS connection to a host (a URI's host) failed, within the
 * last seconds, or NULL: what has to be looked at. Static until the next
 * failure. */
const char *tls_failure(const char *host);

/* Whether a certificate speaks for a SIP domain or address (RFC 5922 section
 * 7): a "sip:HOST" URI among the subjectAltNames, else a DNS name, else, if
 * there is no such name at all, the subject's CN. No wildcards. An address
 * (text, IPv6 with or without brackets) matches an IP name only. */
bool tls_speaks_for(X509 *cert, const char *host);

#endif
