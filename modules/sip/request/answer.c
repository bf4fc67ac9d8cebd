/* answer.c - see answer.h. */
#include "modules/sip/request/answer.h"

#include "daemon/base/log.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/registrar/admission.h"
#include "modules/sip/request/again.h"
#include "modules/sip/request/request.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/trunk/hops.h"

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>

#define REFER_S 300 /* an implicit subscription without news */

static uint32_t granted_s(const struct ask *a, const sip_t *sip)
{
	if (a->method == sip_method_refer)
		return REFER_S;
	return sip->sip_expires ? (uint32_t)sip->sip_expires->ex_delta
				: a->asked_s;
}

/* The other side's dialog, from a 2xx to the first request. */
static void confirm(struct talk_end *e, const sip_t *sip)
{
	if (!e->tagged && sip->sip_to->a_tag) {
		nta_leg_rtag(e->dialog, sip->sip_to->a_tag);
		nta_leg_client_route(e->dialog, sip->sip_record_route,
				     sip->sip_contact);
		e->tagged = true;
	} else if (sip->sip_contact) {
		nta_leg_client_reroute(e->dialog, NULL, sip->sip_contact, 0);
	}
}

/* What a final response means for the talk. */
static void learn(struct ask *a, const sip_t *sip)
{
	struct talk *t = a->talk;
	int status = sip->sip_status->st_status;

	if (status == 481 || status == 489 || (a->last && status >= 200)) {
		if (t->until_us)
			talk_over(t);
		return;
	}
	if (status >= 300 || !request_subscribes(a->method))
		return;
	confirm(&t->end[!a->from], sip);
	talk_lasts(t, granted_s(a, sip));
}

static bool put_body(msg_t *msg, const sip_t *sip)
{
	return !sip->sip_payload ||
	       body_add(msg, sip->sip_payload->pl_data,
			sip->sip_payload->pl_len);
}

static bool put_own_contact(const struct ask *a, msg_t *msg)
{
	const struct talk_end *back = &a->talk->end[a->from];
	void *contact = sip_contact_dup(msg_home(msg), back->contact);

	return contact && !msg_header_insert(msg, NULL, contact);
}

/* Contacts of a redirection, as far as they may be seen; ours else. */
static bool put_contacts(const struct ask *a, msg_t *msg, const sip_t *sip,
			 int *status)
{
	const struct talk_end *back = &a->talk->end[a->from];
	const struct sip_face *inside = &a->talk->all->sip->face[INSIDE];
	int n;

	if (*status < 300)
		return !ask_has_contact(a) || put_own_contact(a, msg);
	if (*status >= 400)
		return true;
	n = headers_contacts(msg, sip, back->face->face == OUTSIDE ?
			     inside->settings : NULL);
	if (!n)
		*status = 480;
	return n >= 0;
}

static void pass_back(struct ask *a, const sip_t *sip)
{
	const struct talk_end *came = &a->talk->end[!a->from];
	msg_t *msg = nta_msg_create(a->talk->end[a->from].face->agent, 0);
	int status = sip->sip_status->st_status, given = status;
	struct refusal no = reply_no(500, "out of memory");
	struct crossing x = talk_crossing(came);
	unsigned flags = (talk_flags(&x, sip) & ~(a->sealed ? COPY_BODY : 0)) |
			 (a->auth || a->proof ? COPY_NO_PROOF : 0);

	if (msg && !headers_copy(msg, sip, flags) &&
	    border_privacy(msg, sip, &x, flags) &&
	    (given >= 300 || admission_prove(a->proof, msg)) &&
	    put_contacts(a, msg, sip, &status) &&
	    (a->sealed || put_body(msg, sip)) &&
	    !nta_incoming_complete_response(
		    a->irq, msg, status, status == given ?
		    sip->sip_status->st_phrase : reply_phrase(status),
		    TAG_END())) {
		nta_incoming_mreply(a->irq, msg);
		ask_end(a);
		return;
	}
	msg_destroy(msg);
	ask_refuse(a, &no);
}

/* Nobody answered. A 408 is not for us to give (RFC 4320 4.2); whom a NOTIFY
 * does not reach has no subscription any more. */
static void unreached(struct ask *a, int status)
{
	struct refusal no = reply_no(status == 408 ? 504 : status,
				     "the next hop cannot be reached");

	if (a->method == sip_method_notify && !a->first) {
		no = reply_no(481, "the subscriber is gone");
		talk_over(a->talk);
	}
	log_line(LOG_CLASS_REMOTE, SIP_TAG, 0, "%s to the %s: %d, %s",
		 nta_outgoing_method_name(a->orq),
		 a->talk->end[!a->from].face->face == INSIDE ? "inside" :
		 "outside", no.status, no.warn);
	ask_refuse(a, &no);
}

void answer_back(struct ask *a, const sip_t *sip)
{
	learn(a, sip);
	pass_back(a, sip);
}

int answer_take(struct txn *ask, nta_outgoing_t *orq, const sip_t *sip)
{
	struct ask *a = (struct ask *)(void *)ask;
	int status = nta_outgoing_status(orq);

	if (status < 200)
		return 0;
	hops_note(a->talk->all->sip->hops, orq, sip);
	if (again(a, sip))
		return 0;
	if (!sip || nta_sip_is_internal(sip) || status == 408) {
		unreached(a, status);
		return 0;
	}
	if (a->auth && status < 300)
		auth_proved(a->auth, sip);
	answer_back(a, sip);
	return 0;
}
