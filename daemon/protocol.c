/* protocol.c - see protocol.h. */
#include "daemon/protocol.h"

#include <string.h>

enum protocol protocol_of(const char *method)
{
	return strcmp(method, "sdes") ? PROTOCOL_MIKEY : PROTOCOL_SDES;
}

bool protocol_permits(const struct profile *p, const char *method,
		      bool secured)
{
	return protocol_of(method) != PROTOCOL_SDES || secured ||
	       !protocol_hop(p);
}

bool protocol_veiled(const struct profile *p)
{
	return p->body == BODY_MODE_SIGN_ENCRYPT ||
	       p->body == BODY_MODE_TUNNEL;
}

bool protocol_hop(const struct profile *p)
{
	return p->sdes == SDES_TLS && !protocol_veiled(p);
}
