/* transfer.c - see transfer.h.
 *
 *   phone B      gateway      phone C      far end
 *      | -- REFER --> |            |            |
 *      | <-- 202 ---- | - INVITE > |            |     without an offer
 *      | <- NOTIFY -- | <-- 200 -- |            |     with C's
 *      |              | ------- re-INVITE ----> |     the same, keys kept
 *      |              | <-------- 200 --------- |
 *      | <- NOTIFY -- | -- ACK --> | -- ACK --> |     with the answer
 *      | <-- BYE ---- |            |            |
 *
 * (RFC 3725, flow I.) C's leg then is the pair's in place of B's. Until then
 * B's call is as it was, and stays so when nobody answers or the far end does
 * not take what C offers. B may hang up at once: then it is C, or the end. Of
 * several phones that the account has all ring, and the first one counts. */
#include "modules/sip/transfer/inside.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/engine/way/location.h"
#include "daemon/uri.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/pair.h"
#include "modules/sip/session/session.h"
#include "modules/sip/transfer/refer.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/txn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/tport_tag.h>

#define RING_MS 180000 /* RFC 3261 16.6, timer C */
#define ELSEWHERE "SIP;cause=200;text=\"Call completed elsewhere\""


/* -- how it ends ---------------------------------------------------------- */

static void cancel_others(struct transfer *x, const struct txn *but,
			  const char *reason)
{
	for (struct txn *t = x->rings; t; t = t->next)
		if (t != but && t->orq && !t->answer)
			nta_outgoing_tcancel(
				t->orq, NULL, NULL,
				TAG_IF(reason, SIPTAG_REASON_STR(reason)),
				TAG_END());
}

/* Who answered, and cannot have the call. */
static void send_away(struct txn *t, const char *cause)
{
	if (!t || t->done)
		return;
	if (!t->acked)
		leg_ack(t->to, t, NULL, NULL);
	leg_bye(t->to, 480, cause);
	txn_done(t);
}

static void close_rings(struct transfer *x, const struct txn *but,
			const char *reason)
{
	x->over = true;
	x->over_us = clock_mono_us(&clock_system);
	loop_timer_free(x->timer);
	x->timer = NULL;
	cancel_others(x, but, reason);
}

void transfer_fail(struct transfer *x, int status)
{
	const struct refusal no = reply_no(480, "the call was sent on, and "
					   "nobody took it");
	struct pair *pair = x->pair;

	if (x->over)
		return;
	close_rings(x, x->won, NULL);
	send_away(x->won, "the far end does not take the transfer");
	log_line(LOG_CLASS_REMOTE, SIP_TAG, pair_id(pair),
		 "transfer to %s failed: %d %s", x->uri, status,
		 reply_phrase(status));
	if (x->left)
		pair_end(pair, &no, no.warn);
	else
		refer_notify(x->by, x->cseq, status);
}

void transfer_done(struct transfer *x)
{
	struct leg *leg = x->won->to;

	close_rings(x, x->won, NULL);
	txn_done(x->won);
	leg_swap(x->by, leg);
	if (!x->left) {
		refer_notify(x->by, x->cseq, 200);
		leg_bye(x->by, 200, "transferred");
	}
	if (x->pair->call)
		call_referred(x->pair->call, x->uri);
}

/* -- the phones ----------------------------------------------------------- */

static void won(struct transfer *x, struct txn *t, const sip_t *sip)
{
	x->won = t;
	loop_timer_stop(x->timer);
	cancel_others(x, t, ELSEWHERE);
	leg_answered(t->to, t, sip);
	session_agreed(t->to, sip);
	if (filter_body_kind(sip) == BODY_SDP)
		transfer_join(x);
	else
		transfer_fail(x, 488);
}

/* Cancelled, or too late. */
static void late(struct txn *t, const sip_t *sip)
{
	if (t->answer < 300 && sip) {
		leg_answered(t->to, t, sip);
		send_away(t, "answered elsewhere");
	} else {
		txn_done(t);
	}
}

static bool rings(const struct transfer *x)
{
	const struct txn *t = x->rings;

	while (t && (!t->orq || t->answer))
		t = t->next;
	return t;
}

static void failed(struct transfer *x, struct txn *t)
{
	if (!x->status || t->answer < x->status || t->answer >= 600)
		x->status = t->answer;
	txn_done(t);
	if (x->status >= 600 || !rings(x))
		transfer_fail(x, x->status);
}

static int on_response(struct txn *t, nta_outgoing_t *orq, const sip_t *sip)
{
	struct transfer *x = t->pair->transfer;
	int status = nta_outgoing_status(orq);

	if (t->answer || t->done)
		return 0; /* once more: the ACK is on its way */
	if (status >= 200)
		t->answer = status;
	if (x->over || x->won) {
		if (t->answer)
			late(t, sip);
	} else if (status >= 300) {
		failed(x, t);
	} else if (status >= 200 && sip) {
		won(x, t, sip);
	} else if (status > 100 && !x->rang) {
		x->rang = true;
		if (!x->left)
			refer_notify(x->by, x->cseq, 180);
	}
	return 0;
}

static bool replaces_put(msg_t *msg, const sip_replaces_t *replaces)
{
	sip_replaces_t *r = replaces ? sip_replaces_dup(msg_home(msg),
							replaces) : NULL;

	if (!replaces)
		return true;
	return r && !msg_header_insert(msg, NULL, (msg_header_t *)r) &&
	       header_add(msg, "Require", "replaces");
}

static bool fill(struct txn *t, msg_t *msg, const struct refer *r,
		 const struct location_way *way)
{
	sip_contact_t *c = sip_contact_dup(msg_home(msg), t->to->contact);
	char by[LOCATION_TEXT + 2];

	snprintf(by, sizeof by, "<%s>", r->by);
	return c && !msg_header_insert(msg, NULL, (msg_header_t *)c) &&
	       header_add(msg, "Allow", SIP_ALLOW) &&
	       header_add(msg, "Referred-By", by) &&
	       session_request(t, msg, NULL) &&
	       replaces_put(msg, r->replaces) &&
	       !nta_msg_request_complete(msg, t->to->dialog,
					 SIP_METHOD_INVITE,
					 (url_string_t *)way->target) &&
	       face_may_leave(msg, way->next_hop, t->to->sips);
}

static bool invite(struct txn *t, const struct refer *r,
		   const struct location_way *way)
{
	msg_t *msg = nta_msg_create(t->to->face->agent, 0);
	const char *hop = way->next_hop;

	if (!msg || !fill(t, msg, r, way)) {
		msg_destroy(msg);
		return false;
	}
	t->cseq = sip_object(msg)->sip_cseq->cs_seq;
	t->orq = nta_outgoing_mcreate(t->to->face->agent, on_response, t,
				      *hop ? (url_string_t *)hop : NULL, msg,
				      TPTAG_IDENT(face_ident(msg, hop)),
				      TAG_END());
	if (!t->orq)
		msg_destroy(msg);
	return t->orq;
}

static struct leg *leg_to(struct leg *by, const sip_t *sip,
			  const struct refer *r,
			  const struct location_way *way)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct leg_to to = { .sips = uri_is_sips(r->uri),
			     .nat = way->nat ? way->next_hop : "" };
	struct leg *leg = NULL;

	su_home_init(home);
	to.hop = url_make(home, *way->next_hop ? way->next_hop : way->target);
	if (to.hop)
		leg = leg_referred(by, sip, r->whom, &to);
	su_home_deinit(home);
	return leg;
}

/* False: this one is not called. */
static bool ring(struct transfer *x, const sip_t *sip, const struct refer *r,
		 const struct location_way *way)
{
	struct txn *t = calloc(1, sizeof *t);

	if (!t)
		return false;
	t->pair = x->pair;
	t->from = transfer_far(x->pair);
	t->to = leg_to(x->by, sip, r, way);
	t->method = sip_method_invite;
	if (!t->to || !invite(t, r, way)) {
		leg_free(t->to);
		txn_free(t);
		return false;
	}
	t->next = x->rings;
	x->rings = t;
	return true;
}

/* -- the REFER ------------------------------------------------------------ */

static void on_timer(void *user)
{
	struct transfer *x = user;

	if (x->won)
		transfer_join(x);
	else
		transfer_fail(x, 408);
}

static void refuse(nta_incoming_t *irq, int status)
{
	const struct refusal no = reply_no(status, NULL);

	reply_refuse(irq, &no);
	nta_incoming_destroy(irq);
}

static struct transfer *transfer_new(struct leg *leg, const sip_t *sip,
				     const struct refer *r)
{
	struct transfer *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->pair = leg->pair;
	x->by = leg;
	x->cseq = sip->sip_cseq->cs_seq;
	x->uri = strdup(r->uri);
	if (x->uri && !loop_timer_new(leg->pair->sip->loop, on_timer, x,
				      &x->timer))
		return x;
	free(x->uri);
	free(x);
	return NULL;
}

static int start(struct leg *leg, const sip_t *sip, const struct refer *r,
		 const struct location_way *way, int n)
{
	struct transfer *x;

	if (leg->pair->transfer && (!leg->pair->transfer->over ||
				    transfer_busy(leg->pair)))
		return 491;
	transfer_free(leg->pair);
	x = leg->pair->transfer = transfer_new(leg, sip, r);
	if (!x)
		return 500;
	for (int i = 0; i < n; i++)
		ring(x, sip, r, &way[i]);
	loop_timer_set(x->timer, RING_MS);
	return x->rings ? 202 : 503;
}

static void take(struct leg *leg, nta_incoming_t *irq, int status)
{
	struct transfer *x = leg->pair->transfer;

	if (status != 202) {
		if (status != 491)
			transfer_free(leg->pair);
		refuse(irq, status);
		return;
	}
	leg_accepted(leg, irq);
	nta_incoming_treply(irq, SIP_202_ACCEPTED,
			    SIPTAG_CONTACT(leg->contact), TAG_END());
	nta_incoming_destroy(irq);
	refer_notify(leg, x->cseq, 100);
}

bool transfer_begin(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct location_way *way = NULL;
	struct pair *pair = leg->pair;
	struct refer r;
	int n = 0;

	if (leg->face->face != INSIDE || pair->state != PAIR_UP || !pair->call)
		return false;
	su_home_init(home);
	if (refer_read(home, leg, sip, &r))
		way = calloc(CALL_PHONES_MAX, sizeof *way);
	if (way)
		n = call_refer(pair->call, r.uri, r.by, way, CALL_PHONES_MAX);
	if (n > 0)
		take(leg, irq, start(leg, sip, &r, way, n));
	free(way);
	su_home_deinit(home);
	return n > 0;
}

int transfer_request(struct leg *leg, sip_method_t method)
{
	const struct refusal no = reply_no(487, NULL);
	struct transfer *x = leg->pair->transfer;

	if (leg->referred && method != sip_method_bye)
		return 491;
	if (leg->referred) {
		if (x->join) /* the far end may have agreed by now */
			pair_end(leg->pair, &no, "bye");
		else
			transfer_fail(x, 487);
		return 200;
	}
	if (!x || x->over)
		return 0;
	if (method != sip_method_bye) /* of who has left nobody answers */
		return x->left ? 491 : 0;
	if (leg != x->by)
		return 0;
	x->left = true;
	leg->session = (struct session){ 0 }; /* nobody refreshes it */
	leg->pair->no_bye[leg->caller] = true;
	return 200;
}

/* -- life ----------------------------------------------------------------- */

void transfer_end(struct pair *pair)
{
	struct transfer *x = pair->transfer;

	if (!x || x->over)
		return;
	close_rings(x, x->won, NULL);
	send_away(x->won, "the call is over");
}

bool transfer_busy(const struct pair *pair)
{
	return pair->transfer && rings(pair->transfer);
}

void transfer_give_up(struct pair *pair, uint64_t now_us)
{
	struct transfer *x = pair->transfer;

	if (!x || !x->over || now_us - x->over_us < pair->sip->patience_us)
		return;
	for (struct txn *t = x->rings; t; t = t->next)
		if (!t->done)
			txn_done(t);
}

void transfer_free(struct pair *pair)
{
	struct transfer *x = pair->transfer;
	struct txn *t;

	if (!x)
		return;
	while ((t = x->rings)) {
		x->rings = t->next;
		if (t->orq)
			nta_outgoing_destroy(t->orq);
		if (t->to->referred)
			leg_free(t->to);
		txn_free(t);
	}
	loop_timer_free(x->timer);
	free(x->uri);
	free(x);
	pair->transfer = NULL;
}
