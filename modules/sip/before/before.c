/* before.c - the tunnel as a precondition: what both sides share.
 *
 *   phone     gateway A                           gateway B        phone
 *   INVITE ─▶ INVITE, curr none ────────────────▶ raises the tunnel
 *             ◀──────── 183 reliably, curr recv, conf sendrecv
 *             PRACK ───────────────────────────▶
 *             has its use of the tunnel
 *             UPDATE, curr sendrecv ───────────▶  INVITE ────────▶ rings
 *      180 ◀─ 180 ◀──────────────────────────────────────────────  180
 *             ◀────── UPDATE: what the phone takes ◀───────────── 200
 *      200 ◀─ 200 ◀───────────────────────────────
 *
 * In the 183 gateway B takes all that was offered, for its phone has not been
 * asked; what the phone takes of it can only be said in another offer, since an
 * INVITE has one answer (RFC 3261 13.2.1, RFC 6337). To the caller's phone the
 * last description of the far end is the answer, in the 2xx, and 18x have none.
 * Where SDP tells of IKE, and A's INVITE that A begins it, A's part of the
 * tunnel comes after the 183, whose curr is none, and B's with A's UPDATE.
 *
 * Does not do: an INVITE without an offer, early media. */
#include "modules/sip/before/before.h"

#include "modules/sip/before/inside.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/parts.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/pair.h"
#include "modules/sip/session/session.h"
#include "modules/sip/txn.h"

#include "daemon/base/log.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>

#define TAG "precondition" /* RFC 3312 section 11 */

const char *const before_tags[] = { TAG, NULL };

bool before_has(const struct txn *t)
{
	return t->pair->call && call_before(t->pair->call);
}

bool before_is(const struct txn *t)
{
	return t->initial && before_has(t);
}

bool before_goes(const struct txn *t)
{
	return before_is(t) && t->from->face->face == INSIDE;
}

bool before_comes(const struct txn *t)
{
	return before_is(t) && t->from->face->face == OUTSIDE;
}

bool before_hushes(const struct txn *t, const sip_t *sip)
{
	return before_is(t) && sip->sip_status &&
	       sip->sip_status->st_status < 200;
}

bool before_over(const struct txn *t)
{
	return t->done || t->pair->state == PAIR_ENDED || !t->pair->call;
}

struct txn *before_invite(const struct pair *pair)
{
	struct txn *t = pair->state != PAIR_ENDED ? pair->txns : NULL;

	while (t && (t->done || t->final || !before_is(t)))
		t = t->next;
	return t;
}

void before_fails(struct pair *pair, const char *why)
{
	struct refusal no = reply_no(580, why);

	log_line(LOG_CLASS_REMOTE, SIP_TAG, pair_id(pair), "580: %s; the "
		 "profile wants the tunnel before the call: set ike = "
		 "\"before\" at both ends", why);
	pair_end(pair, &no, no.warn);
}

/* -- the first INVITE ------------------------------------------------------ */

static bool has_tag(const sip_t *sip)
{
	return sip_has_feature(sip->sip_require, TAG) ||
	       sip_has_feature(sip->sip_supported, TAG);
}

bool before_admits(const struct txn *t, const sip_t *sip, struct refusal *no)
{
	if (!before_is(t))
		return true;
	if (before_goes(t) && sip_has_feature(sip->sip_require, TAG))
		*no = reply_no(420, "preconditions are the gateway's own");
	else if (before_comes(t) && !(t->rel100 && has_tag(sip)))
		*no = reply_no(421, "the tunnel is a precondition here (RFC "
			       "5027)");
	else if (!t->offer)
		*no = reply_no(488, "an offer is needed, or no tunnel can be "
			       "up before the call");
	else
		return true;
	return false;
}

bool before_request(const struct txn *t, msg_t *msg, const sip_t *sip)
{
	bool reliable = t->needs_rel100 ||
			sip_has_feature(sip->sip_supported, "100rel");
	bool updates = sip_is_allowed(sip->sip_allow, SIP_METHOD_UPDATE) &&
		       sip_is_allowed(sip->sip_allow, SIP_METHOD_PRACK);

	return !before_goes(t) ||
	       (header_add(msg, "Require", TAG) &&
		(reliable || header_add(msg, "Supported", "100rel")) &&
		(updates || header_add(msg, "Allow", "PRACK, UPDATE")));
}

/* -- descriptions ---------------------------------------------------------- */

bool before_description(const sip_t *sip, struct said *out)
{
	enum body_kind kind = filter_body_kind(sip);
	size_t len;
	char *text;

	*out = (struct said){ 0 };
	if (kind == BODY_PARTS && !parts_description(sip, &text, &len)) {
		*out = (struct said){ (uint8_t *)text, len };
	} else if (kind == BODY_SDP) {
		out->len = sip->sip_payload->pl_len;
		out->data = malloc(out->len);
		if (out->data)
			memcpy(out->data, sip->sip_payload->pl_data, out->len);
	}
	return out->data;
}

bool before_unmet(const struct txn *t, const struct refusal *no,
		  struct buf *out)
{
	bool refuses = no->status == 580 && before_has(t) && t->offer &&
		       t->from->face->face == OUTSIDE;
	msg_t *msg = refuses ? nta_incoming_getrequest(t->irq) : NULL;
	struct said s = { 0 };
	bool told = msg && before_description(sip_object(msg), &s) &&
		    !call_unmet(s.data, s.len, out);

	said_free(&s);
	msg_destroy(msg);
	return told;
}

static bool admits_offer(const sip_t *sip)
{
	enum body_kind kind = filter_body_kind(sip);

	return kind == BODY_SDP || kind == BODY_PARTS;
}

struct txn *before_offer(struct leg *leg, struct leg *to, nta_incoming_t *irq,
			 const sip_t *sip)
{
	const struct refusal no = reply_no(admits_offer(sip) ? 500 : 488, NULL);
	struct txn *t = admits_offer(sip) ? txn_new(leg, to, irq, sip) : NULL;

	if (t) {
		t->local = true;
		return t;
	}
	reply_refuse(irq, &no);
	nta_incoming_destroy(irq);
	return NULL;
}

void before_answer(struct txn *t, const struct body *body)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	sip_payload_t *payload;

	su_home_init(home);
	payload = sip_payload_create(home, body->data, (isize_t)body->len);
	t->final = payload ? 200 : 500;
	if (payload) {
		leg_accepted(t->from, t->irq);
		nta_incoming_treply(
			t->irq, SIP_200_OK,
			TAG_IF(t->method == sip_method_update,
			       SIPTAG_CONTACT(t->from->contact)),
			SIPTAG_ALLOW_STR(SIP_ALLOW),
			SIPTAG_CONTENT_TYPE_STR(body->type),
			SIPTAG_PAYLOAD(payload), TAG_END());
	} else {
		nta_incoming_treply(t->irq, SIP_500_INTERNAL_SERVER_ERROR,
				    TAG_END());
	}
	su_home_deinit(home);
	txn_done(t);
}

/* -- requests in the dialog ------------------------------------------------ */

bool before_takes(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct txn *t = before_invite(leg->pair);

	if (!t || leg->face->face != OUTSIDE ||
	    sip->sip_request->rq_method != sip_method_update)
		return false;
	return leg->caller ? called_takes(t, leg, irq, sip)
			   : filter_offers(sip) && caller_takes(leg, irq, sip);
}
