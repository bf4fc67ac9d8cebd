/* refresh.c - session refreshes of our own (RFC 4028 7.4, 10).
 *
 * UPDATE without SDP where the other end allows it: no offer, no key is
 * touched. Else a re-INVITE with the SDP that this end was sent last, byte for
 * byte; on the sealed side the core writes it, with the keys in force, and
 * reads the answer. Elsewhere the answer is not looked at: it repeats, too.
 *
 * 408, 481 or silence: the dialog is gone, both legs get a BYE. 422: once more
 * with the interval that it wants. 491: later (RFC 3261 14.1). A challenge is
 * answered by an account of ours; without one we cannot, the password is the
 * phone's: the other end decides then when the call is over. Whatever else
 * leaves the session to its end, but is tried again. */
#include "modules/sip/session/refresh.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/invite.h"
#include "modules/sip/leg.h"
#include "modules/sip/pair.h"
#include "modules/sip/reoffer.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/sealed.h"
#include "modules/sip/sealing/seals.h"
#include "modules/sip/sealing/whole.h"
#include "modules/sip/session/naming.h"
#include "modules/sip/session/session.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/trunk/challenge.h"
#include "modules/sip/txn.h"
#include "modules/sip/words.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/tport_tag.h>

#define AGAIN_MS 10000 /* after a refusal that says no time */
#define BUSY_MS 2000   /* somebody's offer is open */

static bool over(const struct txn *t)
{
	return t->done || t->pair->state == PAIR_ENDED || !t->pair->call;
}

/* The core says what the outside was told last. */
static bool repeats(const struct call *call)
{
	return call_sealed(call) || call_before(call);
}

/* In the session as it is: its end has not moved. */
static void again(struct leg *leg, unsigned ms)
{
	leg->session.refreshing = false;
	leg->session.refresh_us = clock_mono_us(&clock_system) + ms * 1000ull;
}

static void fail(struct txn *t, unsigned ms)
{
	if (t->tells)
		t->to->session.refreshing = false;
	else
		again(t->to, ms);
	txn_done(t);
}

/* -- the answer ----------------------------------------------------------- */

static void gone(struct txn *t, int status)
{
	struct refusal no = reply_no(status, "the session cannot be "
				     "refreshed: the other end is gone");
	struct pair *pair = t->pair;

	txn_done(t);
	pair_end(pair, &no, no.warn);
}

static void refused(struct txn *t, int status, const sip_t *sip)
{
	log_line(LOG_CLASS_REMOTE, SIP_TAG, pair_id(t->pair),
		 "session refresh to the %s: %d %s",
		 t->to->face->face == INSIDE ? "inside" : "outside", status,
		 reply_phrase(status));
	if (t->tells) {
		if (status != 491) /* else with what leaves next */
			naming_told(t->to, false);
		fail(t, 0); /* it need not know */
	} else if ((status == 408 || status == 481) &&
	    !reoffer_proves_nothing(t, sip)) {
		gone(t, status);
	} else if (!sip) {
		fail(t, AGAIN_MS);
	} else if (status == 401 || status == 407) {
		t->to->session = (struct session){
			.min_s = t->to->session.min_s };
		txn_done(t);
	} else if (status == 422) {
		fail(t, session_small(t, sip) ? 0 : AGAIN_MS);
	} else if (status == 491) {
		fail(t, reoffer_glare_ms(t->to));
	} else if (t->method == sip_method_update &&
		   (status == 405 || status == 501) &&
		   !reoffer_proves_nothing(t, sip)) {
		t->to->updates = false;
		fail(t, 0);
	} else {
		fail(t, AGAIN_MS);
	}
}

/* The core has read the far end's answer, which should be that of before. */
static void on_answer(void *user, const struct refusal *no,
		      const struct body *out)
{
	struct txn *t = user;
	struct pair *pair = t->pair;

	(void)out;
	if (over(t))
		return;
	txn_done(t);
	if (no)
		pair_end(pair, no, no->warn_code ? no->warn : no->phrase);
}

static void give_core(struct txn *t, nta_outgoing_t *orq, const sip_t *sip)
{
	msg_t *msg = nta_outgoing_getresponse(orq);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct filter_request q = {
		.from = OUTSIDE, .role = BODY_ANSWER, .final = true,
		.ours = true,
		.secured = face_delivers_secured(t->to->face, msg),
	};

	su_home_init(home);
	q.body = filter_body(home, sip);
	t->pair->depth++;
	call_filter(t->pair->call, &q, on_answer, t);
	t->pair->depth--;
	su_home_deinit(home);
	msg_destroy(msg);
}

static void agreed(struct txn *t, nta_outgoing_t *orq, const sip_t *sip)
{
	bool invite = t->method == sip_method_invite;

	t->to->session.refreshing = false;
	if (t->tells)
		naming_told(t->to, true);
	leg_retarget(t->to, sip, false);
	session_agreed(t->to, sip);
	if (invite)
		leg_ack(t->to, t, NULL, NULL);
	if (invite && t->to->face->face == OUTSIDE &&
	    repeats(t->pair->call) && filter_offers(sip))
		give_core(t, orq, sip);
	else
		txn_done(t);
}

static void on_opened(void *user, const struct refusal *no,
		      const struct body *out)
{
	struct txn *t = user;
	msg_t *msg;

	(void)out;
	if (over(t))
		return;
	if (no) {
		fail(t, AGAIN_MS);
		return;
	}
	msg = nta_outgoing_getresponse(t->orq);
	agreed(t, t->orq, sip_object(msg));
	msg_destroy(msg);
}

/* A 2xx that has no description, but must be signed. */
static void open_answer(struct txn *t, const sip_t *sip)
{
	struct call_given g;

	t->pair->depth++;
	if (whole_given(call_whole(t->pair->call), sip, &g)) {
		g.words = false;
		g.response = g.bare = true;
		g.branch = t->to->branch;
		g.what = "UPDATE";
		call_open(t->pair->call, &g, on_opened, t);
	} else {
		fail(t, AGAIN_MS);
	}
	t->pair->depth--;
	words_given_free(&g);
}

static void answered(struct txn *t, nta_outgoing_t *orq, const sip_t *sip)
{
	if (seals_on(t->pair, t->to, t->method, 200))
		open_answer(t, sip);
	else
		agreed(t, orq, sip);
}

static void launch(struct txn *t, const struct body *body);
static void by_invite(struct txn *t);

static void on_credentials(struct txn *t, bool good)
{
	if (!good) {
		refused(t, t->answer, NULL);
		return;
	}
	nta_outgoing_destroy(t->orq);
	t->orq = NULL;
	t->answer = 0;
	if (t->method == sip_method_update)
		launch(t, NULL);
	else
		by_invite(t);
}

static int on_response(struct txn *t, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = txn_status(orq, sip);

	if (status < 200)
		return 0;
	t->answer = status;
	if (over(t)) {
		invite_late_response(t, sip);
		return 0;
	}
	if (sip && nta_sip_is_internal(sip))
		sip = NULL;
	if (status < 300 && sip)
		auth_proved(t->auth, sip);
	if (status < 300 && sip)
		answered(t, orq, sip);
	else if (!challenge_answer(t, sip, on_credentials))
		refused(t, status, sip);
	return 0;
}

/* -- the request ---------------------------------------------------------- */

static bool fill(struct txn *t, msg_t *msg, const struct body *body)
{
	bool invite = t->method == sip_method_invite;
	bool seals = seals_on(t->pair, t->to, t->method, 0);
	sip_contact_t *c = sip_contact_dup(msg_home(msg), t->to->contact);

	return c && !msg_header_insert(msg, NULL, (msg_header_t *)c) &&
	       header_add(msg, "Allow", SIP_ALLOW) &&
	       session_request(t, msg, NULL) && auth_put(t->auth, msg) &&
	       (t->tells ? naming_first(t->to, msg)
			 : naming_name(t->to, msg)) &&
	       (!seals || sealed_date(msg)) &&
	       (!body || (header_add(msg, "Content-Type", body->type) &&
			  body_add(msg, body->data, body->len))) &&
	       !nta_msg_request_complete(msg, t->to->dialog, t->method,
					 invite ? "INVITE" : "UPDATE", NULL) &&
	       face_may_leave(msg, leg_hop(t->to), t->to->sips) &&
	       (!body || !body->secret || face_may_carry(msg, leg_hop(t->to)));
}

/* Takes msg. */
static void send_on(struct txn *t, msg_t *msg)
{
	const char *hop = leg_hop(t->to);

	t->cseq = sip_object(msg)->sip_cseq->cs_seq;
	t->orq = nta_outgoing_mcreate(t->to->face->agent, on_response, t,
				      *hop ? (url_string_t *)hop : NULL, msg,
				      TPTAG_IDENT(face_ident(msg, hop)),
				      TAG_END());
	if (t->orq)
		return;
	msg_destroy(msg);
	fail(t, AGAIN_MS);
}

static void on_sealed(void *user, const struct refusal *no,
		      const struct call_sealed_body *body)
{
	struct txn *t = user;
	msg_t *msg;

	if (over(t))
		return;
	if (!sealed_fits(t, no, body)) {
		fail(t, AGAIN_MS);
		return;
	}
	msg = t->out;
	t->out = NULL;
	send_on(t, msg);
}

static void launch(struct txn *t, const struct body *body)
{
	static const struct body none = { .type = "" };
	msg_t *msg = nta_msg_create(t->to->face->agent, 0);

	if (!msg || !fill(t, msg, body)) {
		msg_destroy(msg);
		fail(t, AGAIN_MS);
	} else if (seals_on(t->pair, t->to, t->method, 0)) {
		t->out = msg; /* an UPDATE: by_invite() does not get here */
		sealed_ask(t, &none, on_sealed);
	} else {
		send_on(t, msg);
	}
}

static void on_offer(void *user, const struct refusal *no,
		     const struct body *out)
{
	struct txn *t = user;

	if (over(t))
		return;
	if (no)
		fail(t, AGAIN_MS);
	else
		launch(t, out);
}

static void by_invite(struct txn *t)
{
	const struct said *s = &t->pair->said[t->to->caller];
	struct body body = { .type = "application/sdp", .data = s->data,
			     .len = s->len };
	struct pair *pair = t->pair;

	t->own = t->offer = true; /* others hear 491 meanwhile */
	if (sealed_from(pair, t->to))
		fail(t, AGAIN_MS); /* S/MIME both have UPDATE */
	else if (t->to->face->face == OUTSIDE && repeats(pair->call)) {
		pair->depth++;
		call_refresh(pair->call, 0, on_offer, t);
		pair->depth--;
	} else if (s->data) {
		launch(t, &body);
	} else {
		fail(t, AGAIN_MS);
	}
}

static struct txn *refresh_new(struct leg *leg)
{
	return txn_own(leg, leg->updates ? sip_method_update
					 : sip_method_invite);
}

void refresh_tell(struct leg *leg)
{
	struct txn *t = leg->session.refreshing ? NULL
					 : refresh_new(leg);

	if (!t)
		return;
	t->tells = true;
	leg->session.refreshing = true;
	launch(t, NULL);
}

void refresh_begin(struct leg *leg)
{
	struct pair *pair = leg->pair;
	struct txn *t = NULL;

	if (!pair->call || !leg->dialog)
		return;
	if (leg->updates || !reoffer_is_open(pair))
		t = refresh_new(leg);
	if (!t) {
		again(leg, BUSY_MS);
		return;
	}
	leg->session.refreshing = true;
	if (t->method == sip_method_update)
		launch(t, NULL);
	else
		by_invite(t);
}
