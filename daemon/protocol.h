/* protocol.h - in what form a method of keying stands in SDP, and where it may
 * stand there. Pure; engine and keeper both ask. */
#ifndef CALLSEAL_PROTOCOL_H
#define CALLSEAL_PROTOCOL_H

#include "daemon/policy.h"

#include <stdbool.h>

/* a=key-mgmt:mikey (RFC 4567) or a=crypto (RFC 4568). */
enum protocol { PROTOCOL_MIKEY, PROTOCOL_SDES };

/* Of a method by its name in a profile. */
enum protocol protocol_of(const char *method);
/* Whether a method may be used: secured tells that SIP with the far side goes
 * by TLS whose certificate was verified. SDES needs that, or bodies that hide
 * and prove what is in them, or a profile that says otherwise (RFC 4568 section
 * 8). */
bool protocol_permits(const struct profile *p, const char *method,
		      bool secured);
/* Whether keys that stand in SDP go from edge to edge: within bodies that are
 * encrypted and signed. The engine then sees them veiled (veil.h). */
bool protocol_veiled(const struct profile *p);
/* Whether such keys may go by verified TLS alone. */
bool protocol_hop(const struct profile *p);

#endif
