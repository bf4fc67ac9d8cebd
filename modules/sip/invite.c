/* invite.c - the first INVITE, and for every INVITE: branches, reliable
 * responses (RFC 3262), ACK, CANCEL.
 *
 * The ACK of a 2xx is sent to the called side when the caller's came, not
 * before: with a late offer it carries the answer. Sofia repeats our 2xx until
 * then and gives up after 64*T1 (RFC 3261 13.3.1.4): both legs then get a BYE.
 * A CANCEL is answered with 487 at once; on the other leg the INVITE is
 * cancelled, and a 2xx that crosses is acknowledged and ended. */
#include "modules/sip/invite.h"

#include "daemon/base/log.h"
#include "modules/sip/before/before.h"
#include "modules/sip/border/rank.h"
#include "modules/sip/early.h"
#include "modules/sip/fork.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/leg.h"
#include "modules/sip/pair.h"
#include "modules/sip/sealing/seals.h"
#include "modules/sip/reliable.h"
#include "modules/sip/message/replaces.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/session/session.h"
#include "modules/sip/txn.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>

#define RETRY_S 30 /* when we are going to be back */

/* -- responses ------------------------------------------------------------ */

static struct reliable *last_of(const struct txn *t, const struct leg *leg)
{
	struct reliable *r;

	for (r = t->reliables; r; r = r->next)
		if (r->leg == leg)
			return r;
	return NULL;
}

static bool wants_prack(const sip_t *sip)
{
	return sip->sip_rseq && sip->sip_status->st_status > 100 &&
	       sip->sip_status->st_status < 200 &&
	       sip_has_feature(sip->sip_require, "100rel");
}

/* A repeated or early reliable response is not for us (RFC 3262 4). */
static bool out_of_order(const struct txn *t, const struct leg *leg,
			 const sip_t *sip)
{
	const struct reliable *last = last_of(t, leg);

	return wants_prack(sip) && last &&
	       sip->sip_rseq->rs_response != last->rseq + 1;
}

static struct reliable *reliable_note(struct txn *t, struct leg *leg,
				      const sip_t *sip)
{
	struct reliable *r = reliable_new(t, leg);

	if (!r)
		return NULL;
	r->rseq = sip->sip_rseq->rs_response;
	r->offer = !t->offer && filter_offers(sip);
	return r;
}

/* In a running call that is signed nobody moves the far end but by what was
 * opened: then txn.c does it. */
static bool takes_target(const struct txn *t, const struct leg *leg, int status)
{
	return t->initial ||
	       seals_on(t->pair, leg, t->method, status) != SEALS_MUST;
}

struct leg *invite_response(struct txn *t, const sip_t *sip)
{
	int status = sip->sip_status->st_status;
	bool tagged = sip->sip_to && sip->sip_to->a_tag;
	struct leg *leg = t->to;
	struct refusal no;

	if (t->initial && status < 200 && leg_too_many(t, sip))
		return NULL;
	if (t->initial && tagged && status < 300)
		leg = leg_branch(t, sip);
	if (!leg) {
		no = reply_no(500, NULL);
		pair_end(t->pair, &no, "out of memory");
		return NULL;
	}
	if (status < 300 && leg->dialog && takes_target(t, leg, status))
		leg_retarget(leg, sip, t->initial && status >= 200);
	if (status >= 200 && status < 300) {
		t->to = leg;
		if (t->initial) {
			t->pair->state = PAIR_ANSWERED;
			leg_won(leg);
		}
	}
	if (out_of_order(t, leg, sip))
		return NULL;
	if (wants_prack(sip) && !reliable_note(t, leg, sip))
		return NULL; /* it comes again */
	if (before_response(t, leg, sip))
		return NULL;
	if (wants_prack(sip) && early_has_keys(t, sip)) {
		filter_pass(t, PASS_EARLY, leg->caller ? NULL : leg,
			    nta_outgoing_getresponse(t->orq));
		return NULL;
	}
	if (wants_prack(sip) && !t->rel100)
		leg_prack(leg, sip->sip_rseq->rs_response, t->cseq);
	return leg;
}

void invite_late_response(struct txn *t, const sip_t *sip)
{
	struct leg *leg = t->to;

	if (t->method != sip_method_invite) {
		if (t->answer)
			txn_done(t);
		return;
	}
	if (!t->answer)
		return;
	if (t->answer < 300 && !t->acked && sip) {
		if (t->initial)
			leg = leg_branch(t, sip);
		if (leg && leg->dialog) {
			leg_retarget(leg, sip, t->initial);
			leg_ack(leg, t, NULL, NULL);
			if (t->initial)
				leg_bye(leg, t->pair->end_status,
					t->pair->end_cause);
		}
	}
	txn_done(t);
}

bool invite_is_reliable(const struct txn *t, const sip_t *sip)
{
	return t->rel100 && !fork_is(t) && wants_prack(sip);
}

/* What waited for the PRACK goes on, though nothing of it is relayed. */
static int go_on(const struct reliable *r, int status)
{
	pair_run(r->txn->pair);
	return status;
}

static int on_prack(struct reliable *r, nta_reliable_t *rel,
		    nta_incoming_t *prack, const sip_t *sip)
{
	struct txn *t;

	r->rel = NULL;
	nta_reliable_destroy(rel);
	if (!prack || !sip)
		return 0; /* a final response overtook it, or it timed out */
	if (r->txn->pair->state == PAIR_ENDED || !r->leg->dialog)
		return go_on(r, 200);
	t = txn_new(r->txn->from, r->leg, prack, sip);
	if (!t)
		return go_on(r, 200);
	t->rack_rseq = r->rseq;
	t->rack_cseq = r->txn->cseq;
	t->prack_answer = r->offer;
	filter_pass(t, PASS_REQUEST, r->leg->caller ? NULL : r->leg,
		    nta_incoming_getrequest(prack));
	return 0;
}

void invite_reply_reliably(struct passage *p, const sip_t *sip, msg_t *msg)
{
	struct txn *t = p->txn;
	struct leg *leg = p->called && !t->to->caller ? p->called : t->to;
	struct reliable *r;

	for (r = t->reliables; r; r = r->next)
		if (r->leg == leg && r->rseq == sip->sip_rseq->rs_response)
			break;
	if (!r)
		msg_destroy(msg);
	else
		(void)reliable_send(r, on_prack, msg);
}

void invite_answered(struct txn *t, const sip_t *sip)
{
	struct pair *pair = t->pair;

	if (t->final >= 300) {
		txn_done(t);
		if (t->initial)
			pair_failed(pair, t->final, sip);
		return;
	}
	if (t->initial && pair->call)
		call_won(pair->call, t->to->branch);
	/* and now the ACK */
}

/* -- ACK and CANCEL ------------------------------------------------------- */

/* Its ACK has passed. */
static void acknowledged(struct txn *t)
{
	struct pair *pair = t->pair;

	txn_done(t);
	if (pair->state != PAIR_ANSWERED)
		return;
	pair->state = PAIR_UP;
	if (pair->call)
		call_up(pair->call);
}

void invite_pass_ack(struct txn *t, const sip_t *sip, const struct body *body)
{
	bool full = body && body->len;

	if (t->acked || !t->to->dialog)
		return;
	leg_ack(t->to, t, sip, full ? body : NULL);
	if (full && filter_offers(sip))
		session_said(t->to, body);
	acknowledged(t);
}

void invite_ack_built(struct txn *t, msg_t *msg)
{
	if (t->acked || t->done || !t->to->dialog) {
		msg_destroy(msg);
		return;
	}
	leg_ack_send(t->to, t, msg);
	acknowledged(t);
}

static void on_ack(struct txn *t, nta_incoming_t *irq)
{
	struct pair *pair = t->pair;

	if (t->final >= 300)
		return;
	pair->confirmed = true;
	if (t->local && pair->state != PAIR_ENDED) {
		t->acked = true;
		txn_done(t);
		return;
	}
	if (pair->state != PAIR_ENDED) {
		filter_pass(t, PASS_ACK, t->to->caller ? NULL : t->to,
			    nta_incoming_getrequest_ackcancel(irq));
		return;
	}
	if (pair->late_bye)
		leg_bye(t->from, pair->end_status, pair->end_cause);
	pair->late_bye = false;
	txn_done(t);
}

static void on_cancel(struct txn *t)
{
	struct refusal no = reply_no(487, NULL);

	if (t->final)
		return;
	if (t->initial) {
		pair_end(t->pair, &no, "cancel");
		return;
	}
	if (t->orq) {
		/* Its own final response, whichever, goes back. */
		nta_outgoing_tcancel(t->orq, NULL, NULL, TAG_END());
		return;
	}
	t->final = 487;
	reply_refuse(t->irq, &no);
	if (!t->local)
		txn_done(t); /* else who makes the answer comes back */
}

static void on_no_ack(struct txn *t)
{
	struct pair *pair = t->pair;
	struct refusal no;

	if (t->final && t->final < 300) {
		no = reply_no(408, "the answer was not acknowledged");
	} else {
		no = reply_no(504, "a response was not acknowledged");
	}
	pair_end(pair, &no, no.warn);
	if (pair->late_bye)
		leg_bye(t->from, pair->end_status, pair->end_cause);
	pair->late_bye = false;
	if (!t->done && (t->answer || !t->orq))
		txn_done(t);
}

int invite_on_ack_cancel(struct txn *t, nta_incoming_t *irq, const sip_t *sip)
{
	if (t->method != sip_method_invite)
		return 0;
	if (!sip)
		on_no_ack(t);
	else if (sip->sip_request->rq_method == sip_method_cancel)
		on_cancel(t);
	else if (sip->sip_request->rq_method == sip_method_ack)
		on_ack(t, irq);
	return 0;
}

bool invite_end(struct txn *t, const struct refusal *no)
{
	char reason[REASON_TEXT + 32] = "";
	bool ours = t->initial && t->final && t->final < 300 &&
		    !t->pair->confirmed;

	if (t->orq && !t->answer) {
		if (no->status != 487)
			leg_reason(t->to, no->status,
				   no->warn_code ? no->warn : no->phrase,
				   reason, sizeof reason);
		nta_outgoing_tcancel(t->orq, NULL, NULL,
				     TAG_IF(*reason, SIPTAG_REASON_STR(reason)),
				     TAG_END());
		return true;
	}
	if (t->orq && t->answer && t->answer < 300 && !t->acked &&
	    t->to->dialog)
		leg_ack(t->to, t, NULL, NULL);
	/* Our 2xx may still be on its way: its ACK comes (or not). */
	if (ours && !t->pair->no_bye[t->from->caller])
		t->pair->late_bye = true;
	return ours && t->pair->late_bye;
}

/* -- the first INVITE ----------------------------------------------------- */

static int refuse_first(nta_incoming_t *irq, int status, const char *why)
{
	struct refusal no = reply_no(status, why);
	struct addr source = face_source(irq);
	char where[ADDR_TEXT];

	log_line(LOG_CLASS_REMOTE, SIP_TAG, 0, "INVITE from %s: %d %s%s%s",
		 addr_text(&source, where), status, no.phrase,
		 why ? ", " : "", why ? why : "");
	no.retry_after_s = status == 503 ? RETRY_S : 0;
	reply_refuse(irq, &no);
	nta_incoming_destroy(irq);
	return 0;
}

/* urn:service:... (RFC 5031), of a phone; which of them, the core knows. */
static bool is_service(const struct sip_face *f, const url_t *uri)
{
	return f->face == INSIDE && uri->url_scheme &&
	       !strcasecmp(uri->url_scheme, "urn");
}

static int checked(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		   const char **why)
{
	const url_t *uri = sip->sip_request->rq_url;

	*why = NULL;
	if (f->sip->draining) {
		*why = "the gateway is being stopped";
		return 503;
	}
	if (sip->sip_max_forwards && !sip->sip_max_forwards->mf_count)
		return 483;
	if (face_looped(f->sip, sip))
		return 482;
	if (uri->url_type == url_sips && !face_by_tls(f, irq)) {
		*why = "a call to a sips: URI has to come by TLS";
		return 480;
	}
	if (uri->url_type != url_sip && uri->url_type != url_sips &&
	    uri->url_type != url_tel && !is_service(f, uri))
		return 416;
	if (session_asked(NULL, sip))
		return 422;
	if (!sip->sip_contact || !sip->sip_from->a_tag) {
		*why = "no Contact or From tag";
		return 400;
	}
	if (filter_body_kind(sip) == BODY_HIDDEN) {
		*why = "a body that cannot be checked";
		return 415;
	}
	if (!replaces_allowed(f, sip)) {
		*why = "it would replace a sealed call by a plain one";
		return 403;
	}
	return 0;
}

/* What the sender may say, and requires to be heard; a call for help goes on
 * all the same. */
static bool is_ranked_oddly(struct sip_face *f, nta_incoming_t *irq,
			    const sip_t *sip)
{
	struct engine *e = f->sip->engine;
	const struct addr source = face_source(irq);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *callee;
	bool odd;

	if (!rank_unknown(sip, engine_settings(e)->limits.preempt) ||
	    !engine_trusts(e, f->face, &source))
		return false;
	su_home_init(home);
	callee = url_as_string(home, sip->sip_request->rq_url);
	odd = f->face != INSIDE || !callee || !engine_is_emergency(e, callee);
	su_home_deinit(home);
	return odd;
}

static int refuse_rank(struct sip_face *f, nta_incoming_t *irq)
{
	struct addr source = face_source(irq);
	char where[ADDR_TEXT], accept[RANK_TEXT];

	log_line(LOG_CLASS_REMOTE, SIP_TAG, 0, "INVITE from %s: 417, it "
		 "requires a Resource-Priority that limits.preempt does not "
		 "name", addr_text(&source, where));
	rank_accepted(engine_settings(f->sip->engine)->limits.preempt, accept);
	nta_incoming_treply(irq, 417, "Unknown Resource-Priority",
			    SIPTAG_HEADER_STR(accept), TAG_END());
	nta_incoming_destroy(irq);
	return 0;
}

static int go_on_as(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		    const struct revealed *known, char **proof)
{
	struct refusal no;
	struct pair *pair = pair_new(f, irq, sip, known, &no);
	struct txn *t;

	if (!pair) {
		reply_refuse(irq, &no);
		nta_incoming_destroy(irq);
		return 0;
	}
	t = txn_new(pair->caller, pair->called, irq, sip);
	if (!t) {
		no = reply_no(500, NULL);
		reply_refuse(irq, &no);
		nta_incoming_destroy(irq);
		pair_end(pair, &no, "out of memory");
		return 0;
	}
	t->initial = true;
	t->proof = *proof;
	*proof = NULL;
	if (!before_admits(t, sip, &no)) {
		pair_end(pair, &no, no.warn);
		return 0;
	}
	if (!fork_begin(t)) {
		no = reply_no(500, NULL);
		pair_end(pair, &no, "out of memory");
		return 0;
	}
	if (t->rel100 || call_packages(pair->call))
		pair_siblings(pair, sip);
	filter_pass(t, PASS_REQUEST, pair->called,
		    nta_incoming_getrequest(irq));
	return 0;
}

void invite_revealed(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		     const struct revealed *known)
{
	char *proof = NULL;

	go_on_as(f, irq, sip, known, &proof);
}

static int begin(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		 char **proof)
{
	static const struct revealed nothing = { .msg = NULL };
	const char *why;
	int status = checked(f, irq, sip, &why);

	if (status)
		return refuse_first(irq, status, why);
	if (is_ranked_oddly(f, irq, sip))
		return refuse_rank(f, irq);
	nta_incoming_treply(irq, SIP_100_TRYING, TAG_END());
	return reveal_begin(f, irq, sip) ? 0
		: go_on_as(f, irq, sip, &nothing, proof);
}

int invite_first(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		 char *proof)
{
	int r = begin(f, irq, sip, &proof);

	free(proof);
	return r;
}
