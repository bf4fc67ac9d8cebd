/* contact.h - Contacts of a REGISTER and of its answer, for both kinds of
 * registration. */
#ifndef CALLSEAL_SIP_CONTACT_H
#define CALLSEAL_SIP_CONTACT_H

#include "modules/sip/sip.h"

/* A URI as text; false for what is no sip: URI or does not fit. */
bool contact_uri(const url_t *url, char *out, size_t room);
/* For how long it asks or is granted, in s: its parameter, the message's
 * Expires, else dflt. m NULL: the message's. */
uint32_t contact_expires(const sip_contact_t *m, const sip_t *sip,
			 uint32_t dflt);
/* The account that a REGISTER is for, "user@host"; false when To has none or
 * it does not fit. */
bool contact_account(const sip_t *sip, char *out, size_t room);
/* Over what the request came, "udp", "tcp" or "tls". */
void contact_proto(const struct sip_face *f, nta_incoming_t *irq, char *out,
		   size_t room);

#endif
