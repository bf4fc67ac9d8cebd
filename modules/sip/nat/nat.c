/* nat.c - see nat.h.
 *
 * A sender is behind a NAT when its one Via says another address than the
 * packet came from (RFC 3261 18.2.1), or another port and asks for rport (RFC
 * 3581 section 4). What is sent back to where the packet came from passes the
 * NAT as the responses do. With a Record-Route or more than one Via a proxy is
 * in between, who knows the way; a Via that names a host says nothing. */
#include "modules/sip/nat/nat.h"

#include "modules/sip/transport/face.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIP_PORT 5060

/* What the Via says; false when it names no address. */
static bool sent_by(const sip_via_t *v, struct addr *out)
{
	char host[ADDR_TEXT];
	size_t len;

	if (!v->v_host)
		return false;
	snprintf(host, sizeof host, "%.60s",
		 v->v_host + (v->v_host[0] == '['));
	len = strcspn(host, "]");
	host[len] = 0;
	if (addr_parse(host, out))
		return false;
	out->port = v->v_port ? (uint16_t)strtoul(v->v_port, NULL, 10)
			      : SIP_PORT;
	return true;
}

static bool is_elsewhere(const sip_via_t *v, const struct addr *source,
			 bool udp)
{
	struct addr said;

	if (!sent_by(v, &said))
		return false;
	return !addr_same_host(&said, source) ||
	       (udp && v->v_rport && said.port != source->port);
}

bool nat_hop(const struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
	     char out[static NAT_HOP])
{
	const char *transport = face_transport(f, irq);
	struct addr source = face_source(irq);
	char where[ADDR_TEXT];

	if (!source.family || !source.port || sip->sip_record_route ||
	    !sip->sip_via || sip->sip_via->v_next ||
	    !is_elsewhere(sip->sip_via, &source, !strcmp(transport, "udp")))
		return false;
	snprintf(out, NAT_HOP, "sip:%s;transport=%s",
		 addr_text(&source, where), transport);
	return true;
}
