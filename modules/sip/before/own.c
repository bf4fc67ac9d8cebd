/* own.c - PRACK and UPDATE that the gateway sends for a precondition's sake.
 * They go one after the other: an UPDATE that overtakes its PRACK would have
 * that refused for its CSeq (RFC 3261 12.2.2). */
#include "modules/sip/before/inside.h"

#include "daemon/engine/loop.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/pair.h"
#include "modules/sip/reoffer.h"
#include "modules/sip/session/naming.h"
#include "modules/sip/session/session.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/trunk/challenge.h"
#include "modules/sip/txn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/tport_tag.h>

#define CROSSED_MAX 6 /* that often an offer is in the way of ours */
#define LATER_MAX_S 10 /* what RFC 3311 5.2 has in a 500 at most */

static bool fill_prack(const struct txn *t, msg_t *msg)
{
	char rack[48];

	snprintf(rack, sizeof rack, "%u %u INVITE", t->rack_rseq,
		 t->rack_cseq);
	return header_add(msg, "RAck", rack);
}

static bool fill_update(const struct txn *t, msg_t *msg)
{
	sip_contact_t *c = sip_contact_dup(msg_home(msg), t->to->contact);

	return c && !msg_header_insert(msg, NULL, (msg_header_t *)c) &&
	       header_add(msg, "Allow", SIP_ALLOW) &&
	       header_add(msg, "Require", "precondition") &&
	       header_add(msg, "Supported", "100rel") &&
	       header_add(msg, "Content-Type", "application/sdp") &&
	       body_add(msg, t->said.data, t->said.len);
}

static int on_response(struct txn *t, nta_outgoing_t *orq, const sip_t *sip);

static bool is_update(const struct txn *t)
{
	return t->method == sip_method_update;
}

static bool send_it(struct txn *t)
{
	const char *hop = leg_hop(t->to);
	msg_t *msg = t->to->dialog ? nta_msg_create(t->to->face->agent, 0)
				   : NULL;

	if (msg && (is_update(t) ? fill_update(t, msg) : fill_prack(t, msg)) &&
	    auth_put(t->auth, msg) && naming_name(t->to, msg) &&
	    !nta_msg_request_complete(msg, t->to->dialog, t->method,
				      is_update(t) ? "UPDATE" : "PRACK",
				      NULL) &&
	    face_may_leave(msg, hop, t->to->sips)) {
		t->cseq = sip_object(msg)->sip_cseq->cs_seq;
		t->orq = nta_outgoing_mcreate(
			t->to->face->agent, on_response, t,
			*hop ? (url_string_t *)hop : NULL, msg,
			TPTAG_IDENT(face_ident(msg, hop)), TAG_END());
	}
	if (!t->orq)
		msg_destroy(msg);
	return t->orq;
}

static void end(struct txn *t, int status, bool came)
{
	msg_t *msg = came ? nta_outgoing_getresponse(t->orq) : NULL;
	struct pair *pair = t->pair;

	txn_done(t);
	pair->depth++;
	t->ended(t, status, msg && status < 300 ? sip_object(msg) : NULL);
	pair->depth--;
	msg_destroy(msg);
}

static void again(struct txn *t, bool good)
{
	int status = t->answer;

	if (good) {
		nta_outgoing_destroy(t->orq);
		t->orq = NULL;
		t->answer = 0;
	}
	if (!good || !send_it(t))
		end(t, good ? 500 : status, false);
}

static void on_pause(void *user)
{
	struct txn *t = user;

	if (!before_over(t))
		again(t, true);
}

/* Another offer is in its way (RFC 3311 5.2). */
static bool is_early(int status, const sip_t *sip)
{
	const sip_retry_after_t *after = sip ? sip->sip_retry_after : NULL;

	return status == 491 ||
	       (status == 500 && after && after->af_delta <= LATER_MAX_S);
}

/* True: it goes once more. */
static bool crossed(struct txn *t, int status, const sip_t *sip)
{
	if (!is_update(t) || !is_early(status, sip) ||
	    ++t->small > CROSSED_MAX)
		return false;
	if (!t->patience && loop_timer_new(t->pair->sip->loop, on_pause, t,
					   &t->patience))
		return false;
	loop_timer_set(t->patience, status == 491 ? reoffer_glare_ms(t->to)
		       : 1000 * (unsigned)sip->sip_retry_after->af_delta);
	return true;
}

static int on_response(struct txn *t, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = nta_outgoing_status(orq);

	if (status < 200)
		return 0;
	t->answer = status;
	if (before_over(t)) {
		if (!t->done)
			txn_done(t);
		return 0;
	}
	if (sip && nta_sip_is_internal(sip))
		sip = NULL;
	if (crossed(t, status, sip) || challenge_answer(t, sip, again))
		return 0;
	if (status < 300 && sip) {
		auth_proved(t->auth, sip);
		leg_retarget(t->to, sip, false);
	}
	end(t, status, sip != NULL);
	return 0;
}

static struct txn *own_new(struct leg *leg, sip_method_t method, own_fn fn)
{
	struct txn *t = txn_own(leg, method);

	if (t) {
		t->own = true;
		t->ended = fn;
	}
	return t;
}

static bool launch(struct txn *t)
{
	if (send_it(t))
		return true;
	txn_done(t);
	return false;
}

bool own_prack(const struct txn *invite, struct leg *leg, uint32_t rseq,
	       own_fn fn)
{
	struct txn *t = own_new(leg, sip_method_prack, fn);

	if (!t)
		return false;
	t->rack_rseq = rseq;
	t->rack_cseq = invite->cseq;
	return launch(t);
}

bool own_update(struct leg *leg, const struct body *offer, own_fn fn)
{
	struct txn *t = own_new(leg, sip_method_update, fn);

	if (!t)
		return false;
	t->offer = true;
	t->said.data = malloc(offer->len);
	if (t->said.data) {
		t->said.len = offer->len;
		memcpy(t->said.data, offer->data, offer->len);
		return launch(t);
	}
	txn_done(t);
	return false;
}
