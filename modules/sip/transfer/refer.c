/* refer.c - see refer.h. */
#include "modules/sip/transfer/refer.h"

#include "modules/sip/leg.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/replaces.h"
#include "modules/sip/message/reply.h"

#include <stdio.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/url.h>

#define LIFE_S 200 /* more than who is called may let it ring */

const url_t *refer_target(const sip_t *sip)
{
	const msg_header_t *h = (const msg_header_t *)sip->sip_request;
	unsigned n = 0;

	for (; h; h = h->sh_succ)
		n += h->sh_class == sip_refer_to_class;
	return n == 1 && sip->sip_refer_to ? sip->sip_refer_to->r_url : NULL;
}

static bool wants_call(const url_t *uri)
{
	char method[16];

	if (uri->url_type != url_sip && uri->url_type != url_sips)
		return false;
	return !url_param(uri->url_params, "method", method, sizeof method) ||
	       !strcasecmp(method, "INVITE");
}

bool refer_read(su_home_t *home, const struct leg *leg, const sip_t *sip,
		struct refer *out)
{
	const url_t *target = refer_target(sip);

	if (!target || !wants_call(target) ||
	    replaces_refers(leg->face, sip))
		return false;
	*out = (struct refer){ .replaces = replaces_wanted(home, target),
			       .whom = url_hdup(home, target) };
	if (!out->whom)
		return false;
	out->whom->url_headers = NULL; /* they would be ours to obey */
	out->uri = url_as_string(home, out->whom);
	out->by = url_as_string(home, sip->sip_from->a_url);
	return out->uri && out->by;
}

void refer_notify(struct leg *leg, uint32_t cseq, int status)
{
	msg_t *msg = nta_msg_create(leg->face->agent, 0);
	sip_contact_t *c = msg ? sip_contact_dup(msg_home(msg), leg->contact)
			       : NULL;
	char event[32], state[48], line[64];
	int n;

	if (!c || msg_header_insert(msg, NULL, (msg_header_t *)c)) {
		msg_destroy(msg);
		return;
	}
	snprintf(event, sizeof event, "refer;id=%u", cseq);
	if (status < 200)
		snprintf(state, sizeof state, "active;expires=%d", LIFE_S);
	else
		snprintf(state, sizeof state, "terminated;reason=noresource");
	n = snprintf(line, sizeof line, "SIP/2.0 %d %s\r\n", status,
		     reply_phrase(status));
	if (header_add(msg, "Event", event) &&
	    header_add(msg, "Subscription-State", state) &&
	    header_add(msg, "Content-Type", "message/sipfrag;version=2.0") &&
	    body_add(msg, line, (size_t)n))
		leg_say(leg, msg, SIP_METHOD_NOTIFY);
	else
		msg_destroy(msg);
}
