/* reoffer.c - offers that we make and answer by ourselves, towards the outside
 * only: the core wants new keys, or the far end brought some.
 *
 * Ours is an UPDATE where the far end allows it (RFC 3311), else a re-INVITE.
 * While it is open, whoever offers something else hears 491; when the far end
 * says 491, we wait as RFC 3261 14.1 wants it: 2.1 to 4 s on a leg whose
 * Call-ID is ours, else up to 2 s. 408 and 481 mean that the dialog is gone
 * (12.2.1.2). A far end that refuses the keys (488 with Warning 306, or a
 * MIKEY message) ends the call (RFC 4567 4.1.2), and so does an answer whose
 * keys do not hold; other refusals leave everything as it is. A challenge is
 * answered where we have an account; the phone's password we have not.
 *
 * What the far end offers is answered with a 200 as soon as the core has the
 * answer; its ACK stays here, too. */
#include "modules/sip/reoffer.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/invite.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/parts.h"
#include "modules/sip/pair.h"
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

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_uniqueid.h>
#include <sofia-sip/tport_tag.h>

#define RETRY_MAX_S 60 /* a longer Retry-After is as good as a no */

static bool over(const struct txn *t)
{
	return t->done || t->pair->state == PAIR_ENDED || !t->pair->call;
}

/* -- how it ended --------------------------------------------------------- */

static void ended(struct txn *t, enum reoffered how, unsigned again_ms,
		  const char *why)
{
	struct pair *pair = t->pair;

	txn_done(t);
	pair->depth++;
	call_reoffered(pair->call, how, again_ms, why);
	pair->depth--;
}

static void hang_up(struct txn *t, int status, const char *why)
{
	struct refusal no = reply_no(status, why);

	txn_done(t);
	pair_end(t->pair, &no, why);
}

/* RFC 3261 14.1, in units of 10 ms. */
unsigned reoffer_glare_ms(const struct leg *leg)
{
	if (leg->caller) /* the Call-ID is theirs */
		return 10 * (unsigned)su_randint(0, 200);
	return 10 * (unsigned)su_randint(210, 400);
}

/* The keys themselves are what the far end does not take. */
static bool refuses_keys(const sip_t *sip)
{
	const sip_warning_t *w = sip->sip_warning;
	const char *type = sip->sip_content_type
		? sip->sip_content_type->c_type : NULL;

	if (sip->sip_status->st_status != 488 &&
	    sip->sip_status->st_status != 606)
		return false;
	while (w && w->w_code != 306)
		w = w->w_next;
	return w || (type && !strcasecmp(type, "application/mikey"));
}

static bool ends_call(int status, const sip_t *sip)
{
	return status == 408 || status == 481 || (sip && refuses_keys(sip));
}

bool reoffer_proves_nothing(const struct txn *t, const sip_t *sip)
{
	return sip && seals_on(t->pair, t->to, sip_method_bye, 0) ==
		      SEALS_MUST;
}

static unsigned retry_ms(const sip_t *sip)
{
	const sip_retry_after_t *after = sip->sip_retry_after;

	return after && after->af_delta && after->af_delta <= RETRY_MAX_S
		? 1000 * (unsigned)after->af_delta : 0;
}

static void refused(struct txn *t, int status, const sip_t *sip)
{
	char why[64];

	snprintf(why, sizeof why, "%d %s", status, reply_phrase(status));
	if (ends_call(status, sip) && reoffer_proves_nothing(t, sip))
		ended(t, REOFFER_FAILED, 0, why);
	else if (status == 408 || status == 481)
		hang_up(t, status, "the far end does not know the call");
	else if (status == 401 || status == 407)
		ended(t, REOFFER_CHALLENGED, 0, why);
	else if (status == 491)
		ended(t, REOFFER_BUSY, reoffer_glare_ms(t->to), why);
	else if (!sip)
		ended(t, REOFFER_FAILED, 0, why);
	else if (refuses_keys(sip))
		hang_up(t, 488, "the far end refuses new keys");
	else if (t->method == sip_method_update &&
		 (status == 405 || status == 501)) {
		t->to->updates = false;
		ended(t, REOFFER_BUSY, 0, why);
	} else if (retry_ms(sip)) {
		ended(t, REOFFER_BUSY, retry_ms(sip), why);
	} else {
		ended(t, REOFFER_FAILED, 0, why);
	}
}

/* -- the answer ----------------------------------------------------------- */

static void on_answer(void *user, const struct refusal *no,
		      const struct body *out)
{
	struct txn *t = user;

	(void)out;
	if (over(t))
		return;
	if (!no) {
		ended(t, REOFFER_DONE, 0, "");
		return;
	}
	/* the far end may use them already: there is no way back */
	txn_done(t);
	pair_end(t->pair, no, no->warn_code ? no->warn : no->phrase);
}

/* By the connection that just delivered it. */
static bool came_secured(const struct txn *t, nta_outgoing_t *orq)
{
	msg_t *msg = nta_outgoing_getresponse(orq);
	bool secured = face_delivers_secured(t->to->face, msg);

	msg_destroy(msg);
	return secured;
}

/* opened: the answer was sealed. */
static void filter_answer(struct txn *t, const struct body *body, bool opened)
{
	const struct filter_request q = {
		.from = OUTSIDE, .role = BODY_ANSWER, .final = true,
		.ours = true, .secured = t->secured, .body = *body,
		.opened = opened,
	};
	struct pair *pair = t->pair;

	pair->depth++;
	call_filter(pair->call, &q, on_answer, t);
	pair->depth--;
}

/* Where the far end is from now on, and how long. */
static void agreed(struct txn *t, const sip_t *sip)
{
	leg_retarget(t->to, sip, false);
	session_agreed(t->to, sip);
}

static void on_opened(void *user, const struct refusal *no,
		      const struct body *out)
{
	struct txn *t = user;
	msg_t *msg;

	if (no) {
		on_answer(user, no, NULL);
	} else if (!over(user)) {
		msg = nta_outgoing_getresponse(t->orq);
		agreed(t, sip_object(msg));
		msg_destroy(msg);
		filter_answer(t, out, true);
	}
}

static void open_answer(struct txn *t, const sip_t *sip)
{
	struct call_given g;

	t->pair->depth++;
	if (whole_given(call_whole(t->pair->call), sip, &g)) {
		g.words = false;
		g.response = true;
		g.branch = t->to->branch;
		call_open(t->pair->call, &g, on_opened, t);
	} else {
		ended(t, REOFFER_FAILED, 0, "out of memory");
	}
	t->pair->depth--;
	words_given_free(&g);
}

/* Of several parts. */
static void unpack_answer(struct txn *t, const sip_t *sip)
{
	struct body body = { .type = "application/sdp" };
	char *sdp;

	if (parts_description(sip, &sdp, &body.len)) {
		ended(t, REOFFER_FAILED, 0, "a 2xx without an answer");
		return;
	}
	body.data = (const uint8_t *)sdp;
	filter_answer(t, &body, false);
	wipe(sdp, body.len);
	free(sdp);
}

static void answered(struct txn *t, nta_outgoing_t *orq, const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct body body;

	t->secured = came_secured(t, orq);
	auth_proved(t->auth, sip);
	if (!sealed_from(t->pair, t->to))
		agreed(t, sip);
	if (t->method == sip_method_invite)
		leg_ack(t->to, t, NULL, NULL);
	if (!filter_offers(sip)) {
		ended(t, REOFFER_FAILED, 0, "a 2xx without an answer");
		return;
	}
	su_home_init(home);
	body = filter_body(home, sip);
	if (sealed_from(t->pair, t->to))
		open_answer(t, sip);
	else if (filter_body_kind(sip) == BODY_SDP ||
		 filter_packaged(t->pair, t->to))
		filter_answer(t, &body, false);
	else
		unpack_answer(t, sip);
	su_home_deinit(home);
}

static void on_offer(void *user, const struct refusal *no,
		     const struct body *out);

/* With credentials of ours, or sealed anew; with new keys. */
static void again(struct txn *t, bool good)
{
	struct pair *pair = t->pair;

	if (!good) {
		refused(t, t->answer, NULL);
		return;
	}
	nta_outgoing_destroy(t->orq);
	t->orq = NULL;
	t->answer = 0;
	pair->depth++;
	call_offer_again(pair->call);
	call_repeat(pair->call, BODY_OFFER, on_offer, t);
	pair->depth--;
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
		answered(t, orq, sip);
	else if (status == 493 && sealed_from(t->pair, t->to) &&
		 call_seal_again(t->pair->call))
		again(t, true);
	else if (!challenge_answer(t, sip, again))
		refused(t, status, sip);
	return 0;
}

/* -- the offer ------------------------------------------------------------ */

/* One that is sealed comes later. */
static bool fill(struct txn *t, msg_t *msg, const struct body *body)
{
	sip_contact_t *c = sip_contact_dup(msg_home(msg), t->to->contact);
	const char *name = t->method == sip_method_update ? "UPDATE" : "INVITE";

	return c && !msg_header_insert(msg, NULL, (msg_header_t *)c) &&
	       header_add(msg, "Allow", SIP_ALLOW) &&
	       session_request(t, msg, NULL) &&
	       auth_put(t->auth, msg) && naming_name(t->to, msg) &&
	       (!body->seal ? header_add(msg, "Content-Type", body->type) &&
			      body_add(msg, body->data, body->len)
			    : sealed_date(msg)) &&
	       !nta_msg_request_complete(msg, t->to->dialog, t->method, name,
					 NULL) &&
	       face_may_leave(msg, leg_hop(t->to), t->to->sips) &&
	       (!body->secret || face_may_carry(msg, leg_hop(t->to)));
}

static void send_offer(struct txn *t, msg_t *msg)
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
	ended(t, REOFFER_FAILED, 0, "the request cannot be sent");
}

static msg_t *take_out(struct txn *t)
{
	msg_t *msg = t->out;

	t->out = NULL;
	return msg;
}

static void on_offer_sealed(void *user, const struct refusal *no,
			    const struct call_sealed_body *body)
{
	struct txn *t = user;

	if (over(t))
		return;
	if (sealed_fits(t, no, body))
		send_offer(t, take_out(t));
	else
		ended(t, REOFFER_FAILED, 0, "the offer cannot be sealed");
}

static void on_offer(void *user, const struct refusal *no,
		     const struct body *out)
{
	struct txn *t = user;
	msg_t *msg;

	if (over(t))
		return;
	if (no) {
		ended(t, REOFFER_FAILED, 0, *no->warn ? no->warn : no->phrase);
		return;
	}
	msg = nta_msg_create(t->to->face->agent, 0);
	if (!msg || !fill(t, msg, out)) {
		msg_destroy(msg);
		ended(t, REOFFER_FAILED, 0, "the request cannot be sent");
	} else if (out->seal) {
		t->out = msg;
		sealed_ask(t, out, on_offer_sealed);
	} else {
		send_offer(t, msg);
	}
}

bool reoffer_is_open(const struct pair *pair)
{
	const struct txn *t = pair->txns;

	while (t && (t->done || t->acked ||
		     !(t->method == sip_method_invite || t->offer)))
		t = t->next;
	return t || pair->queue;
}

int reoffer_begin(struct pair *pair)
{
	bool in = pair->caller->face->face == INSIDE;
	struct leg *to = in ? pair->called : pair->caller;
	struct txn *t;

	if (pair->state != PAIR_UP || !to->dialog)
		return E_STATE;
	if (reoffer_is_open(pair))
		return E_AGAIN;
	t = txn_own(to, to->updates ? sip_method_update : sip_method_invite);
	if (!t)
		return E_NOMEM;
	t->own = t->offer = true;
	pair->depth++;
	call_repeat(pair->call, BODY_OFFER, on_offer, t);
	pair->depth--;
	return 0;
}

/* -- the far end's offers ------------------------------------------------- */

static void give_answer(struct txn *t, const struct body *body)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	char expires[SESSION_TEXT];
	sip_payload_t *payload;
	bool timed;

	su_home_init(home);
	payload = sip_payload_create(home, body->data, (isize_t)body->len);
	t->final = payload ? 200 : 500;
	if (payload) {
		leg_accepted(t->from, t->irq);
		timed = session_grant(t, expires);
		nta_incoming_treply(t->irq, SIP_200_OK,
				    SIPTAG_CONTACT(t->from->contact),
				    SIPTAG_ALLOW_STR(SIP_ALLOW),
				    TAG_IF(timed, SIPTAG_SESSION_EXPIRES_STR(
							  expires)),
				    TAG_IF(timed && t->ask.timer,
					   SIPTAG_REQUIRE_STR("timer")),
				    SIPTAG_CONTENT_TYPE_STR(body->type),
				    SIPTAG_PAYLOAD(payload), TAG_END());
	} else {
		nta_incoming_treply(t->irq, SIP_500_INTERNAL_SERVER_ERROR,
				    TAG_END());
	}
	su_home_deinit(home);
}

/* A 200 that is complete but for its body. */
static msg_t *answer_build(struct txn *t)
{
	msg_t *msg = nta_msg_create(t->from->face->agent, 0);
	sip_contact_t *c = msg ? sip_contact_dup(msg_home(msg),
						 t->from->contact) : NULL;

	if (c && !msg_header_insert(msg, NULL, (msg_header_t *)c) &&
	    header_add(msg, "Allow", SIP_ALLOW) && session_response(t, msg) &&
	    sealed_date(msg) &&
	    !nta_incoming_complete_response(t->irq, msg, SIP_200_OK,
					    TAG_END()))
		return msg;
	msg_destroy(msg);
	return NULL;
}

static void refuse_offer(struct txn *t, const struct refusal *no)
{
	t->final = no->status;
	reply_refuse(t->irq, no);
}

static void answer_given(struct txn *t)
{
	if (t->final >= 300 || t->method != sip_method_invite)
		txn_done(t); /* else the ACK comes */
}

static void on_answer_sealed(void *user, const struct refusal *no,
			     const struct call_sealed_body *body)
{
	const struct refusal fault = reply_no(500, NULL);
	struct txn *t = user;

	if (over(t))
		return;
	if (t->final) {
		txn_done(t); /* cancelled meanwhile */
		return;
	}
	if (sealed_fits(t, no, body)) {
		t->final = 200;
		leg_accepted(t->from, t->irq);
		nta_incoming_mreply(t->irq, take_out(t));
	} else {
		refuse_offer(t, no ? no : &fault);
	}
	answer_given(t);
}

static void on_own_answer(void *user, const struct refusal *no,
			  const struct body *out)
{
	const struct refusal fault = reply_no(500, NULL);
	struct txn *t = user;

	if (over(t))
		return;
	if (t->final) {
		txn_done(t);
		return;
	}
	if (!no && out->seal && (t->out = answer_build(t))) {
		sealed_ask(t, out, on_answer_sealed);
		return;
	}
	if (no || out->seal)
		refuse_offer(t, no ? no : &fault);
	else
		give_answer(t, out);
	answer_given(t);
}

void reoffer_accept(struct txn *t)
{
	static const struct body none = { .type = "" };
	const struct refusal fault = reply_no(500, NULL);

	t->local = true;
	t->out = answer_build(t);
	if (t->out) {
		sealed_ask(t, &none, on_answer_sealed);
		return;
	}
	refuse_offer(t, &fault);
	answer_given(t);
}

void reoffer_answer(struct txn *t)
{
	struct pair *pair = t->pair;

	t->local = true;
	pair->depth++;
	call_repeat(pair->call, BODY_ANSWER, on_own_answer, t);
	pair->depth--;
}
