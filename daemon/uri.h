/* uri.h - the little of SIP URIs that configuration and policy need: their
 * shape, and the name they are matched by. The SIP stack does the rest. */
#ifndef CALLSEAL_URI_H
#define CALLSEAL_URI_H

#include "daemon/base/addr.h"

#include <stdbool.h>

#define URI_NAME_TEXT 320
#define IDENTITY_TEXT 256 /* a SIP URI as an identity */

/* Whether text is "sip:[USER@]HOST[:PORT][;PARAMETERS]". */
bool uri_is_sip(const char *text);
/* conf_key.valid for an optional SIP URI. */
int uri_valid(const char *value, const char **why);
/* Whether a message to that SIP URI has to leave by TLS: a sips: URI, or
 * ";transport=tls". */
bool uri_wants_tls(const char *text);
/* Whether text is a sips: URI. */
bool uri_is_sips(const char *text);
/* "user@host" of a SIP, SIPS or tel URI or of a bare "user@host": without
 * scheme, password, port, parameters and escapes, the host in lower case, a tel
 * number without separators.
 * False when it does not fit or holds what no URI may hold. */
bool uri_name(const char *uri, char out[static URI_NAME_TEXT]);
/* An identity as messages between processes have it, "sip:user@host" by that
 * name; false: none, or longer than IDENTITY_TEXT takes. */
bool uri_identity(const char *uri, char out[static IDENTITY_TEXT]);
/* Whether a pattern of USER@HOST fits what uri_name() gave; "*" stands for any
 * characters, the case of the host does not count. */
bool uri_matches(const char *pattern, const char *name);
/* The address that is the host of a SIP URI, with its port or 0; false when
 * the host is a name. */
bool uri_address(const char *uri, struct addr *out);
/* The port in a SIP URI; 0: none, or none that can be. */
uint16_t uri_port(const char *uri);

#endif
