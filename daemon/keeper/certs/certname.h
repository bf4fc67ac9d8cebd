/* certname.h - the SIP identities in a certificate (RFC 5922 section 7).
 * Private to the keeper: it speaks of OpenSSL's types. */
#ifndef CALLSEAL_KEEPER_CERTNAME_H
#define CALLSEAL_KEEPER_CERTNAME_H

#include "daemon/message.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether it holds for a SIP URI: names that user, or its domain. */
bool certname_holds(X509 *x, const char *id);
/* Whether what holds is the name of the domain, not of the user. */
bool certname_is_domain(X509 *x, const char *id);
/* Whose it is by itself, as "sip:user@host" or "sip:host": the one user that it
 * names, else the one domain. False: it names none, or several. */
bool certname_own(X509 *x, char out[static IDENTITY_TEXT]);
/* Whether it names anything that SIP can use. */
bool certname_any(X509 *x);
/* Calls fn for each name that SIP can use: "sip:b.example", "b.example". */
void certname_each(X509 *x, void (*fn)(void *user, const char *name),
		   void *user);
/* What it names, for a message: "sip:b.example", cut to fit. */
const char *certname_text(X509 *x, char *out, size_t size);
/* Whether its extended key usage, if it has one, allows SIP. */
bool certname_usage(X509 *x);

#endif
