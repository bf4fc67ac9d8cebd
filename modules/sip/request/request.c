/* request.c - a request outside a call goes on to the other face: MESSAGE (RFC
 * 3428), OPTIONS, PUBLISH (RFC 3903), SUBSCRIBE and NOTIFY of any event
 * package (RFC 6665: message waiting, busy lamps), REFER (RFC 3515).
 *
 * The peer and the way are the core's answer (engine_route()), as for a call.
 * Each face has a dialog of its own, so that neither side learns the other's
 * Call-ID or address. SUBSCRIBE and REFER leave a *talk* (talk.h): two dialogs
 * between which NOTIFY and further SUBSCRIBE pass, until the notifier says
 * "terminated", one side knows it no longer (481), or it ran out. All other
 * methods are over with their final response.
 *
 * A NOTIFY that nobody subscribed to (message waiting pushed by a registrar)
 * passes where a call to its Request-URI would.
 *
 * Refused: SDP in any of them (it would evade the filter of calls), a MESSAGE
 * with a peer that must be sealed and seals no bodies, OPTIONS and REFER
 * from outside (the one asks which phones are there, the other makes a phone
 * call somewhere). A talk does not outlive the process: the phone's next
 * SUBSCRIBE gets 481, after which it subscribes anew. */
#include "modules/sip/request/request.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/sip/filter.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/request/forward.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/words.h"

#include <stdio.h>
#include <stdlib.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_uniqueid.h>

#define RETRY_S 10

/* -- methods -------------------------------------------------------------- */

static const struct {
	sip_method_t method;
	bool from_outside; /* outside a dialog, too */
	bool subscribes;
} methods[] = {
	{ sip_method_options, false, false },
	{ sip_method_message, true, false },
	{ sip_method_publish, true, false },
	{ sip_method_subscribe, true, true },
	{ sip_method_refer, false, true },
	{ sip_method_notify, true, false },
};

static int row_of(sip_method_t m)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (methods[i].method == m)
			return (int)i;
	return -1;
}

bool request_passes(const struct sip_face *f, const sip_t *sip)
{
	int row = row_of(sip->sip_request->rq_method);
	const url_t *uri = sip->sip_request->rq_url;

	if (row < 0 || sip->sip_to->a_tag)
		return false;
	if (face_is_us(f, uri) &&
	    (!uri->url_user || methods[row].method == sip_method_options))
		return false;
	return f->face == INSIDE || methods[row].from_outside;
}

bool request_subscribes(sip_method_t m)
{
	int row = row_of(m);

	return row >= 0 && methods[row].subscribes;
}

/* -- requests of a talk --------------------------------------------------- */

/* 0, or the status to refuse with. */
static int examine(const struct sip *s, const sip_t *sip)
{
	if (sip->sip_max_forwards && !sip->sip_max_forwards->mf_count)
		return 483;
	if (filter_body_kind(sip) == BODY_SDP)
		return 415;
	return face_looped(s, sip) ? 482 : 0;
}

/* A NOTIFY may come before the 2xx that it belongs to (RFC 6665 4.4.1). */
static void meet(struct talk_end *e, nta_incoming_t *irq, const sip_t *sip)
{
	nat_hop(e->face, irq, sip, e->hop);
	if (!e->tagged && sip->sip_from->a_tag) {
		nta_leg_rtag(e->dialog, sip->sip_from->a_tag);
		nta_leg_server_route(e->dialog, sip->sip_record_route,
				     sip->sip_contact);
		e->tagged = true;
	} else if (sip->sip_contact) {
		nta_leg_client_reroute(e->dialog, NULL, sip->sip_contact, 0);
	}
}

static int on_request(struct leg *end, nta_leg_t *dialog, nta_incoming_t *irq,
		      const sip_t *sip)
{
	struct talk_end *e = (struct talk_end *)(void *)end;
	sip_method_t m = sip->sip_request->rq_method;
	struct talk *t = e->talk;
	struct ask *a;
	int status;

	(void)dialog;
	if (m != sip_method_notify && m != sip_method_subscribe)
		return 405;
	if (t->over)
		return 481;
	status = examine(t->all->sip, sip);
	if (status)
		return status;
	a = t->n_asks < ASKS_MAX ? ask_new(t, e == &t->end[1], irq, sip)
				 : NULL;
	if (!a)
		return 503;
	meet(e, irq, sip);
	forward(a, sip);
	return 0;
}

/* -- the first one -------------------------------------------------------- */

static nta_leg_t *dialog_to(struct talk_end *e, const sip_t *sip)
{
	struct leg *self = (struct leg *)(void *)e; /* Sofia's one type */
	struct crossing x = talk_crossing(&e->talk->end[0]);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	nta_leg_t *dialog = NULL;
	sip_call_id_t *id;
	sip_from_t *from;

	su_home_init(home);
	id = sip_call_id_create(home, NULL);
	from = border_from(home, &x, sip);
	if (id && from)
		dialog = nta_leg_tcreate(e->face->agent, on_request, self,
					 SIPTAG_CALL_ID(id), SIPTAG_FROM(from),
					 SIPTAG_TO(sip->sip_to), TAG_END());
	if (dialog && !nta_leg_tag(dialog, NULL)) {
		nta_leg_destroy(dialog);
		dialog = NULL;
	}
	su_home_deinit(home);
	return dialog;
}

static nta_leg_t *dialog_from(struct talk_end *e, nta_incoming_t *irq,
			      const sip_t *sip)
{
	struct leg *self = (struct leg *)(void *)e;
	nta_leg_t *dialog = nta_leg_tcreate(
		e->face->agent, on_request, self,
		SIPTAG_CALL_ID(sip->sip_call_id), SIPTAG_FROM(sip->sip_to),
		SIPTAG_TO(sip->sip_from),
		NTATAG_REMOTE_CSEQ(sip->sip_cseq->cs_seq), TAG_END());

	if (!dialog)
		return NULL;
	if (nta_leg_tag(dialog, nta_incoming_tag(irq, NULL)) &&
	    nta_leg_server_route(dialog, sip->sip_record_route,
				 sip->sip_contact) >= 0)
		return dialog;
	nta_leg_destroy(dialog);
	return NULL;
}

static bool make_dialogs(struct talk *t, nta_incoming_t *irq,
			 const sip_t *sip)
{
	const struct request_way *w = &t->way;
	struct talk_end *from = &t->end[0], *to = &t->end[1];

	from->contact = face_contact_of(from->face, irq, t->sips);
	talk_toward(t);
	from->tagged = true;
	nat_hop(from->face, irq, sip, from->hop);
	if (w->nat)
		snprintf(to->hop, sizeof to->hop, "%.*s", NAT_HOP - 1,
			 w->next_hop);
	if (request_subscribes(sip->sip_request->rq_method))
		from->dialog = dialog_from(from, irq, sip);
	to->dialog = dialog_to(to, sip);
	return to->dialog && (from->dialog ||
			      !request_subscribes(sip->sip_request->rq_method));
}

static int ask_way(struct talk *t, nta_incoming_t *irq, const sip_t *sip,
		   struct refusal *no)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct call_start start = { .from = t->end[0].face->face };
	int r = E_NOMEM;

	su_home_init(home);
	start.source = face_source(irq);
	start.caller = url_as_string(home, sip->sip_from->a_url);
	start.callee = url_as_string(home, sip->sip_request->rq_url);
	if (start.caller && start.callee)
		r = engine_route(t->all->sip->engine, &start,
				 words_in(sip), &t->way, no);
	su_home_deinit(home);
	return r;
}

/* 0, or why not in no. */
static int begin(struct talk *t, nta_incoming_t *irq, const sip_t *sip,
		 struct refusal *no)
{
	const struct sip *s = t->all->sip;
	int status = examine(s, sip);
	struct crossing x;

	if (status) {
		*no = reply_no(status, NULL);
		return E_POLICY;
	}
	if (s->draining || t->all->n >
	    engine_settings(s->engine)->subscriptions_max) {
		*no = reply_no(503, NULL);
		no->retry_after_s = RETRY_S;
		return E_FULL;
	}
	t->sips = sip->sip_request->rq_url->url_type == url_sips;
	if (t->sips && !face_by_tls(t->end[0].face, irq)) {
		*no = reply_no(480, "a request to a sips: URI has to come by "
			       "TLS");
		return E_POLICY;
	}
	*no = reply_no(500, NULL);
	if (ask_way(t, irq, sip, no))
		return E_POLICY;
	x = talk_crossing(&t->end[0]);
	if (border_refuses(&x, sip)) {
		*no = reply_no(500, border_refuses(&x, sip));
		return E_POLICY;
	}
	return make_dialogs(t, irq, sip) ? 0 : E_NOMEM;
}

static void log_no(nta_incoming_t *irq, const sip_t *sip,
		   const struct refusal *no)
{
	struct addr source = face_source(irq);
	char where[ADDR_TEXT];

	log_line(LOG_CLASS_REFUSED, SIP_TAG, 0, "%s from %s: %d %s%s%s",
		 sip->sip_request->rq_method_name, addr_text(&source, where),
		 no->status, reply_phrase(no->status), *no->warn ? ", " : "",
		 no->warn);
}

int request_outside(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		    char *proof)
{
	struct talk *t = talk_new(f->sip->requests, f);
	struct refusal no = reply_no(500, NULL);
	struct ask *a = NULL;

	if (t && !begin(t, irq, sip, &no))
		a = ask_new(t, 0, irq, sip);
	if (a) {
		a->first = true;
		a->proof = proof;
		forward(a, sip);
		return 0;
	}
	free(proof);
	log_no(irq, sip, &no);
	reply_refuse(irq, &no);
	nta_incoming_destroy(irq);
	if (t)
		talk_free(t);
	return 0;
}
