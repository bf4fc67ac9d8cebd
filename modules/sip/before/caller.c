/* caller.c - the gateway of who calls, where the tunnel is a precondition.
 *
 * A branch's reliable response with SDP is acknowledged; then the core has its
 * use of the tunnel, and an UPDATE says so. Until that UPDATE left nobody may
 * ring there, and until it is answered no 2xx goes on. A far end that rings or
 * answers before does not do what we required, and the call ends: nothing is
 * less protected than the profile says. One that does not answer us is left
 * where another branch of the call has the tunnel.
 *
 * An UPDATE of the far end's has what its phone takes; it is answered with what
 * our phone offered. */
#include "modules/sip/before/inside.h"

#include "modules/sip/leg.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/pair.h"
#include "modules/sip/session/session.h"
#include "modules/sip/txn.h"

#include "daemon/base/log.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/sip_header.h>

static bool gone(const struct leg *leg)
{
	return leg->pair->state != PAIR_CALLING || !leg->pair->call ||
	       !leg->dialog;
}

/* What the far end describes counts as the answer to the phone's offer, which
 * the phone hears of later. */
static void give_core(struct leg *leg, const struct said *s, bool offered,
		      filter_fn fn, void *user)
{
	const struct filter_request q = {
		.from = OUTSIDE, .role = BODY_ANSWER, .branch = leg->branch,
		.held = true, .offered = offered,
		.body = { .type = "application/sdp", .data = s->data,
			  .len = s->len },
	};
	struct pair *pair = leg->pair;

	pair->depth++;
	call_filter(pair->call, &q, fn, user);
	pair->depth--;
}

static void refused(struct pair *pair, const struct refusal *no)
{
	pair_end(pair, no, no->warn_code ? no->warn : no->phrase);
}

static void keep_terms(struct leg *leg, struct said *s)
{
	said_free(&leg->terms);
	leg->terms = *s;
	*s = (struct said){ 0 };
}

static bool is_queued(const struct leg *leg)
{
	const struct passage *p = leg->pair->queue;

	while (p && p->called != leg)
		p = p->next;
	return p;
}

/* This branch will not have the tunnel. The call goes on where another one has
 * it; too_soon() sees to it that this one neither rings nor answers. */
static void branch_fails(struct leg *leg, const char *why)
{
	const struct leg *other = leg->pair->called;

	leg->told = false;
	while (other && !other->told)
		other = other->next;
	if (!other || is_queued(leg))
		before_fails(leg->pair, why);
	else
		log_line(LOG_CLASS_REMOTE, SIP_TAG, pair_id(leg->pair),
			 "a branch is left: %s", why);
}

/* -- our UPDATE ------------------------------------------------------------ */

static void on_settled(void *user, const struct refusal *no,
		       const struct body *out)
{
	struct leg *leg = user;

	(void)out;
	if (leg->pair->state == PAIR_ENDED || !leg->dialog)
		return;
	if (no) {
		refused(leg->pair, no);
		return;
	}
	leg->met = true;
	pair_to_sweep(leg->pair); /* what waited goes on from the loop */
}

static void on_updated(struct txn *t, int status, const sip_t *sip)
{
	struct leg *leg = t->to;
	struct said s;

	if (leg->pair->state == PAIR_ENDED || !leg->dialog)
		return;
	if (status >= 300 || !sip || !before_description(sip, &s)) {
		branch_fails(leg, "the far end does not take the tunnel's "
			     "confirmation");
		return;
	}
	keep_terms(leg, &s);
	give_core(leg, &leg->terms, false, on_settled, leg);
}

static void on_news(void *user, const struct refusal *no,
		    const struct body *out)
{
	struct leg *leg = user;
	const struct txn *t = gone(leg) ? NULL : before_invite(leg->pair);

	if (!t)
		return;
	if (no) {
		refused(leg->pair, no);
		return;
	}
	leg->told = own_update(leg, out, on_updated);
	if (!leg->told)
		before_fails(leg->pair, "the UPDATE cannot be sent");
}

/* -- the far end's answer -------------------------------------------------- */

static void on_terms(void *user, const struct refusal *no,
		     const struct body *out)
{
	struct leg *leg = user;
	struct pair *pair = leg->pair;

	(void)out;
	if (gone(leg))
		return;
	if (no) {
		refused(pair, no);
	} else if (call_due(pair->call, leg->branch)) {
		pair->depth++;
		call_refresh(pair->call, leg->branch, on_news, leg);
		pair->depth--;
	} else if (call_met(pair->call, leg->branch)) {
		leg->told = leg->met = true; /* it knows already */
	} else {
		before_fails(pair, "the far end waits for nothing");
	}
}

static void on_pracked(struct txn *t, int status, const sip_t *sip)
{
	struct leg *leg = t->to;

	(void)sip;
	if (gone(leg))
		return;
	if (status >= 300)
		branch_fails(leg, "the far end does not take the PRACK");
	else
		give_core(leg, &leg->terms, false, on_terms, leg);
}

/* Takes the response; false: it has no description that can be read. */
static bool begin(const struct txn *t, struct leg *leg, const sip_t *sip)
{
	struct said s;

	if (!before_description(sip, &s))
		return false;
	keep_terms(leg, &s);
	leg->begun = true;
	return own_prack(t, leg, sip->sip_rseq->rs_response, on_pracked);
}

static bool is_reliable(const sip_t *sip)
{
	return sip->sip_rseq && sip_has_feature(sip->sip_require, "100rel");
}

/* NULL: nothing is wrong with it. */
static const char *too_soon(const struct leg *leg, const sip_t *sip)
{
	int status = sip->sip_status->st_status;

	if (status == 420)
		return "the far end knows no preconditions";
	if (status >= 300 || leg->told)
		return NULL;
	if (status >= 200)
		return "the far end answered before the tunnel was up";
	if (status == 180)
		return "the far end rings before the tunnel is up";
	if (filter_offers(sip) && !is_reliable(sip))
		return "the far end describes its media before the tunnel is "
		       "up, and not reliably";
	return NULL;
}

bool before_response(struct txn *t, struct leg *leg, const sip_t *sip)
{
	const char *why = before_goes(t) ? too_soon(leg, sip) : NULL;

	if (!before_goes(t))
		return false;
	if (why) {
		before_fails(t->pair, why);
		return true;
	}
	if (sip->sip_status->st_status >= 200 || leg->begun ||
	    !is_reliable(sip) || !filter_offers(sip))
		return false;
	if (!begin(t, leg, sip))
		before_fails(t->pair, "the far end's description cannot be "
			     "used");
	return true;
}

/* -- what the phone hears -------------------------------------------------- */

/* Of a 2xx; or NULL. */
static const struct leg *answerer(const struct passage *p)
{
	const struct txn *t = p->txn;
	const sip_t *sip = sip_object(p->msg);

	if (p->kind != PASS_RESPONSE || !before_goes(t) ||
	    sip->sip_status->st_status < 200 ||
	    sip->sip_status->st_status >= 300)
		return NULL;
	return p->called ? p->called : t->to;
}

bool before_waits(const struct passage *p)
{
	const struct leg *leg = answerer(p);

	return leg && !leg->met;
}

void before_describes(struct passage *p)
{
	const struct leg *leg = answerer(p);

	if (!leg || !leg->terms.data || p->sdp)
		return;
	p->sdp = strndup((const char *)leg->terms.data, leg->terms.len);
	p->sdp_len = p->sdp ? strlen(p->sdp) : 0;
	p->parts = true; /* nobody has opened it */
}

/* -- the far end's UPDATE -------------------------------------------------- */

static void on_answer(void *user, const struct refusal *no,
		      const struct body *out)
{
	struct txn *t = user;

	if (before_over(t))
		return;
	if (no)
		txn_refuse(t, no);
	else
		before_answer(t, out);
}

static void on_offer(void *user, const struct refusal *no,
		     const struct body *out)
{
	struct txn *t = user;
	struct pair *pair = t->pair;

	(void)out;
	if (before_over(t))
		return;
	if (no) {
		txn_refuse(t, no);
		return;
	}
	keep_terms(t->from, &t->said);
	pair->depth++;
	call_respond(pair->call, t->from->branch, on_answer, t);
	pair->depth--;
}

bool caller_takes(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	const struct refusal early = reply_no(491, NULL);
	const struct refusal fault = reply_no(500, NULL);
	struct txn *t;

	if (!leg->met) {
		reply_refuse(irq, &early);
		nta_incoming_destroy(irq);
		return true;
	}
	t = before_offer(leg, leg->pair->caller, irq, sip);
	if (t && before_description(sip, &t->said))
		give_core(leg, &t->said, true, on_offer, t);
	else if (t)
		txn_refuse(t, &fault);
	return true;
}
