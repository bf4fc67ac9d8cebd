/* contact.c - see contact.h. */
#include "modules/sip/registrar/contact.h"

#include "daemon/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/tport.h>

bool contact_uri(const url_t *url, char *out, size_t room)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *text;
	bool good;

	su_home_init(home);
	text = url->url_type == url_sip ? url_as_string(home, url) : NULL;
	good = text && strlen(text) < room && uri_is_sip(text);
	if (good)
		strcpy(out, text);
	su_home_deinit(home);
	return good;
}

uint32_t contact_expires(const sip_contact_t *m, const sip_t *sip,
			 uint32_t dflt)
{
	unsigned long s = dflt;

	if (m && m->m_expires)
		s = strtoul(m->m_expires, NULL, 10);
	else if (sip->sip_expires)
		s = sip->sip_expires->ex_delta;
	return s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

bool contact_account(const sip_t *sip, char *out, size_t room)
{
	char uri[2 * URI_NAME_TEXT], name[URI_NAME_TEXT];

	if (!contact_uri(sip->sip_to->a_url, uri, sizeof uri) ||
	    !uri_name(uri, name) || !strchr(name, '@') || strlen(name) >= room)
		return false;
	strcpy(out, name);
	return true;
}

void contact_proto(const struct sip_face *f, nta_incoming_t *irq, char *out,
		   size_t room)
{
	tport_t *tp = nta_incoming_transport(f->agent, irq, NULL);
	const char *proto = tp ? tport_name(tp)->tpn_proto : NULL;
	char *c;

	snprintf(out, room, "%s", proto ? proto : "udp");
	for (c = out; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
	tport_unref(tp);
}
