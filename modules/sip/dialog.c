/* dialog.c - a request that came in a leg's dialog: which methods pass, glare,
 * and what ends or is refused before there is a transaction to relay (txn.c).
 *
 * One offer at a time in the whole call (RFC 3261 14.2, RFC 3311 5.2): a
 * second INVITE, or UPDATE with SDP, gets 491 when the other side has asked
 * first, 500 with Retry-After when its own is still open. What we ask a branch
 * for a precondition's sake is in the way of that branch alone. */
#include "modules/sip/dialog.h"

#include "modules/sip/before/before.h"
#include "modules/sip/filter.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/pair.h"
#include "modules/sip/sealed.h"
#include "modules/sip/sealing/seals.h"
#include "modules/sip/sealing/whole.h"
#include "modules/sip/session/session.h"
#include "modules/sip/transfer/refer.h"
#include "modules/sip/transfer/transfer.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/txn.h"
#include "modules/sip/words.h"

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/su_uniqueid.h>

static const struct {
	sip_method_t method;
	int status; /* 0: relayed */
} methods[] = {
	{ sip_method_invite, 0 },
	{ sip_method_ack, 0 },
	{ sip_method_bye, 0 },
	{ sip_method_options, 0 },
	{ sip_method_update, 0 },
	{ sip_method_prack, 481 }, /* those that fit come by invite.c */
	{ sip_method_info, 0 },
	{ sip_method_message, 0 },
	{ sip_method_refer, 0 },
	{ sip_method_notify, 0 },
	{ sip_method_subscribe, 0 },
	{ sip_method_cancel, 481 },
	{ sip_method_register, 405 },
	{ sip_method_publish, 405 },
};

static int method_status(sip_method_t m)
{
	size_t i;

	for (i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (methods[i].method == m)
			return methods[i].status;
	return 501;
}

/* A reliable response of the called side has passed. */
static bool answered(const struct txn *t)
{
	const struct reliable *r = t->reliables;

	while (r && !r->leg)
		r = r->next;
	return r || before_listens(t);
}

/* Of a branch that lost, or another one: they are dialogs of their own, and
 * that one may never answer. */
static bool is_elsewhere(const struct txn *t, const struct leg *leg)
{
	return t->to != leg && !t->to->caller &&
	       (t->to->lost ||
		(leg->pair->state == PAIR_CALLING && !leg->caller));
}

/* Status for an offer while another is open; 0 when none is. */
static int glare(const struct leg *leg, const sip_t *sip)
{
	sip_method_t m = sip->sip_request->rq_method;
	bool offers = m == sip_method_invite ||
		      (m == sip_method_update && filter_offers(sip));
	const struct txn *t;

	for (t = offers ? leg->pair->txns : NULL; t; t = t->next) {
		if (t->done || t->acked || (t->own && is_elsewhere(t, leg)))
			continue;
		if (t->own)
			return 491;
		if (t->method == sip_method_invite &&
		    !(m == sip_method_update && t->initial && answered(t)))
			return t->from->caller == leg->caller ? 500 : 491;
		if (t->method == sip_method_update && t->offer)
			return t->from->caller == leg->caller ? 500 : 491;
	}
	return 0;
}

static bool too_many(const struct pair *pair)
{
	const struct txn *t;
	unsigned n = 0;

	for (t = pair->txns; t; t = t->next)
		n += !t->done;
	return n >= TXNS_MAX;
}

/* A BYE where there is nothing yet to relay it to. */
static int early_bye(struct leg *leg, nta_incoming_t *irq)
{
	struct refusal no = reply_no(487, NULL);

	nta_incoming_treply(irq, SIP_200_OK, TAG_END());
	nta_incoming_destroy(irq);
	leg->pair->no_bye[leg->caller] = true;
	pair_end(leg->pair, &no, "bye");
	return 0;
}

static void on_early_bye(void *user, const struct refusal *no,
			 const struct body *out)
{
	const struct refusal gone = reply_no(487, NULL);
	struct txn *t = user;

	(void)out;
	if (t->done || t->final || t->pair->state == PAIR_ENDED)
		return;
	if (no) {
		txn_refuse(t, no);
		return;
	}
	t->pair->no_bye[t->from->caller] = true;
	pair_end(t->pair, &gone, "bye"); /* which answers it, too */
}

/* The same where it must be signed. It does not wait in the queue, for there
 * may be what only the call's end takes away. */
static int early_signed_bye(struct leg *leg, struct leg *to,
			    nta_incoming_t *irq, const sip_t *sip)
{
	struct txn *t = to && !too_many(leg->pair) ? txn_new(leg, to, irq, sip)
						   : NULL;
	const struct refusal no = reply_no(500, NULL);
	struct call_given g;

	if (!t)
		return 500;
	/* the txn has the request by now */
	if (!whole_given(call_whole(leg->pair->call), sip, &g)) {
		words_given_free(&g);
		txn_refuse(t, &no);
		return 0;
	}
	g.bare = true;
	g.branch = leg->branch;
	g.what = "BYE";
	leg->pair->depth++;
	call_open(leg->pair->call, &g, on_early_bye, t);
	leg->pair->depth--;
	words_given_free(&g);
	return 0;
}

/* A transfer that would lead a phone out of a sealed call. */
static bool leads_out(const struct leg *leg, const sip_t *sip)
{
	return sip->sip_request->rq_method == sip_method_refer &&
	       leg->face->face == OUTSIDE &&
	       !txn_may_lead(leg->pair, refer_target(sip));
}

/* A transfer names somebody outside, or is asked for by whom is hidden. */
static bool refers_hidden(const struct leg *leg, const sip_t *sip)
{
	const struct pair *pair = leg->pair;

	return sip->sip_request->rq_method == sip_method_refer && pair->call &&
	       call_hides(pair->call);
}

static int check(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct refusal no = reply_no(0, NULL);

	no.status = method_status(sip->sip_request->rq_method);
	if (!no.status && sip->sip_max_forwards &&
	    !sip->sip_max_forwards->mf_count)
		no.status = 483;
	if (!no.status && (leads_out(leg, sip) || refers_hidden(leg, sip)))
		no.status = 403;
	if (!no.status)
		no.status = session_asked(leg, sip);
	if (!no.status)
		no.status = too_many(leg->pair) ? 500 : glare(leg, sip);
	if (no.status == 500)
		no.retry_after_s = 1 + (unsigned)su_randint(0, 9);
	if (!no.status)
		return 0;
	no.phrase = reply_phrase(no.status);
	reply_refuse(irq, &no);
	nta_incoming_destroy(irq);
	return no.status;
}

int dialog_on_request(struct leg *leg, nta_leg_t *dialog, nta_incoming_t *irq,
		   const sip_t *sip)
{
	struct pair *pair = leg->pair;
	sip_method_t m = sip->sip_request->rq_method;
	struct leg *to;
	struct txn *t;
	int status;

	(void)dialog;
	if (m == sip_method_ack) {
		nta_incoming_destroy(irq);
		return 0;
	}
	if (pair->state == PAIR_ENDED || leg->lost)
		return m == sip_method_bye ? 200 : 481;
	if ((status = transfer_request(leg, m)))
		return status;
	if (m == sip_method_bye && leg->prong && pair->state == PAIR_CALLING)
		return 481; /* it is not this phone's to end */
	to = leg->caller ? pair->called : pair->caller;
	if (m == sip_method_bye && pair->state != PAIR_UP)
		return seals_on(pair, leg, m, 0) == SEALS_MUST
			? early_signed_bye(leg, to, irq, sip)
			: early_bye(leg, irq);
	if (check(leg, irq, sip) || before_takes(leg, irq, sip))
		return 0;
	if (leg->caller && (!to || !to->tagged))
		return 481;
	if (m == sip_method_refer && transfer_begin(leg, irq, sip))
		return 0;
	t = txn_new(leg, to, irq, sip);
	if (!t)
		return 500;
	if (filter_body_kind(sip) == BODY_NONE && session_only(leg, to, sip) &&
	    !seals_on(pair, leg, m, 0)) {
		session_answer(t);
		return 0;
	}
	if (m == sip_method_invite)
		nta_incoming_treply(irq, SIP_100_TRYING, TAG_END());
	filter_pass(t, PASS_REQUEST, leg->caller ? to : leg,
		    nta_incoming_getrequest(irq));
	return 0;
}
