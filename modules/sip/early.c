/* early.c - the keying answer in a reliable provisional response (RFC 3262),
 * so that both sides have the keys before the phone is picked up.
 *
 * Caller's gateway: its INVITE says "Supported: 100rel" and "Accept:
 * application/mikey". A reliable 183 with such a body is for us: the core
 * finishes the exchange, then we send the PRACK; the phone sees none of it. Of
 * several branches one may be all that can have keys (a tunnel): the others get
 * no PRACK, but a BYE, or whoever forked the INVITE would wait for them when
 * that one fails.
 * Called gateway: to such an INVITE it sends that 183 beside passing the
 * INVITE on. To others that know 100rel, it sends the phone's first
 * provisional response with SDP, which has the answer, reliably.
 *
 * Where the phones' packets pass us by (call_rings_late()) the INVITE goes on
 * only when the PRACK has come, and one that cannot be answered so is refused.
 * One PRACK is enough for all phones, however late they are called.
 *
 * Until the PRACK came, whatever the phone responds waits, but for a failure:
 * a 2xx has to (RFC 3262 3), and an unreliable response between would stop
 * Sofia from repeating the reliable one. Without PRACK the call ends after
 * 64*T1 (invite.c). The called side needs to know nothing of 100rel: a Require
 * of it stays here, and what its provisional responses say goes on reliably to
 * who required that, in either direction.
 *
 * Does not do: an offer in the PRACK (488), SDP of our own making. */
#include "modules/sip/early.h"

#include "daemon/base/err.h"
#include "modules/sip/before/before.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/leg.h"
#include "modules/sip/pair.h"
#include "modules/sip/reliable.h"
#include "modules/sip/message/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>

#define KEYS_TYPE "application/mikey"
/* Who does not know the type may leave it (RFC 3261 20.11). */
#define KEYS_DISPOSITION "session;handling=optional"

/* -- the INVITE ----------------------------------------------------------- */

static bool asks(const struct txn *t)
{
	return t->initial && t->offer && t->to->face->face == OUTSIDE &&
	       t->pair->call && call_wants_early(t->pair->call);
}

bool early_request(struct txn *t, msg_t *msg, const sip_t *sip)
{
	const char *accept = sip->sip_accept ? KEYS_TYPE :
					       "application/sdp, " KEYS_TYPE;

	if (t->initial && t->needs_rel100 && !before_comes(t) &&
	    !sip_has_feature(sip->sip_supported, "100rel") &&
	    !header_add(msg, "Supported", "100rel"))
		return false; /* we require it no more, but can do it */
	if (!asks(t))
		return true;
	t->early = true;
	return (t->rel100 || header_add(msg, "Supported", "100rel")) &&
	       header_add(msg, "Accept", accept);
}

/* -- called side ---------------------------------------------------------- */

static bool accepts_keys(const sip_t *sip)
{
	const sip_accept_t *a = sip->sip_accept;

	while (a && (!a->ac_type || strcasecmp(a->ac_type, KEYS_TYPE)))
		a = a->ac_next;
	return a != NULL;
}

static int on_prack(struct reliable *r, nta_reliable_t *rel,
		    nta_incoming_t *prack, const sip_t *sip)
{
	struct refusal no = reply_no(488, "no offer is taken in a PRACK");
	enum body_kind kind = sip ? filter_body_kind(sip) : BODY_NONE;
	struct txn *t = r->txn;

	r->rel = NULL;
	t->pracked = prack && sip;
	nta_reliable_destroy(rel);
	pair_to_sweep(t->pair); /* what waited goes on from the loop */
	if (!prack || !sip)
		return 0; /* a final response overtook it, or it timed out */
	if (kind == BODY_NONE || kind == BODY_OTHER)
		return 200;
	reply_refuse(prack, &no);
	nta_incoming_destroy(prack);
	return 0;
}

/* Takes msg. If it cannot be sent, keys come with the 2xx. */
static void tell(struct txn *t, struct reliable *r, msg_t *msg)
{
	t->keyed |= reliable_send(r, on_prack, msg);
}

static void send_keys(struct txn *t, const struct buf *keys)
{
	struct reliable *r = reliable_new(t, NULL);
	msg_t *msg = r ? nta_msg_create(t->from->face->agent, 0) : NULL;

	if (!msg)
		return;
	if (body_add(msg, keys->data, keys->len) &&
	    !nta_incoming_complete_response(
		    t->irq, msg, 183, "Session Progress",
		    SIPTAG_CONTACT(t->from->contact),
		    SIPTAG_CONTENT_TYPE_STR(KEYS_TYPE),
		    SIPTAG_CONTENT_DISPOSITION_STR(KEYS_DISPOSITION),
		    TAG_END()))
		tell(t, r, msg);
	else
		msg_destroy(msg);
}

/* Keys of a far end that said that it can be answered reliably. */
static bool answers_early(const struct txn *t)
{
	return t->initial && t->offer && t->irq && !t->final && t->rel100 &&
	       t->from->face->face == OUTSIDE && !t->keyed &&
	       t->pair->call && call_wants_early(t->pair->call);
}

void early_answer(struct txn *t, const sip_t *sip)
{
	struct buf keys = buf_of(KEYING_MAX);

	if (answers_early(t) && accepts_keys(sip) &&
	    !call_early(t->pair->call, &keys))
		send_keys(t, &keys);
	buf_free(&keys);
}

bool early_keeps(struct passage *p, const struct body *out,
		 struct refusal *no)
{
	struct txn *t = p->txn;

	no->status = 0;
	if (p->kind != PASS_REQUEST || !t->initial || !t->irq || p->held ||
	    t->pracked || !call_rings_late(t->pair->call))
		return false;
	early_answer(t, sip_object(p->msg));
	if (!reliable_waits(t)) {
		*no = reply_no(488, "a tunnel between networks takes an INVITE "
			       "with 100rel and application/mikey");
		return false;
	}
	free(p->sdp);
	p->sdp = strndup((const char *)out->data, out->len);
	p->sdp_len = p->sdp ? strlen(p->sdp) : 0;
	if (!p->sdp)
		*no = reply_no(500, "out of memory");
	p->held = p->sdp;
	return p->held;
}

/* Who required it gets it of us, whatever the other side does (RFC 3262 3). An
 * offer in it would want an answer in the PRACK, for which there is no way
 * back to who knows no PRACK. */
static bool has_to_be(const struct txn *t, const sip_t *sip)
{
	return t->initial && t->needs_rel100 && t->irq && !t->final &&
	       (t->offer || !filter_offers(sip));
}

bool early_reply(struct txn *t, const sip_t *sip, bool answers, msg_t *msg)
{
	int status = sip->sip_status->st_status;
	struct reliable *r;

	if (status <= 100 || status >= 200 ||
	    !(has_to_be(t, sip) || (answers && answers_early(t))))
		return false;
	r = reliable_new(t, NULL);
	if (!r)
		return false;
	tell(t, r, msg);
	return true;
}

static bool is_failure(const struct passage *p)
{
	return p->kind == PASS_RESPONSE &&
	       sip_object(p->msg)->sip_status->st_status >= 300;
}

bool early_holds(const struct passage *p)
{
	const struct txn *t = p->txn;

	if (!(p->kind == PASS_RESPONSE || p->held) || !reliable_waits(t))
		return false;
	for (; p; p = p->next)
		if (p->txn == t && is_failure(p))
			return false;
	return true;
}

/* -- caller's side -------------------------------------------------------- */

bool early_has_keys(const struct txn *t, const sip_t *sip)
{
	const sip_content_type_t *c = sip->sip_content_type;

	return t->early && sip->sip_payload && sip->sip_payload->pl_len &&
	       c && c->c_type && !strcasecmp(c->c_type, KEYS_TYPE);
}

static struct leg *branch_of(const struct passage *p)
{
	return p->called ? p->called : p->txn->to;
}

void early_taken(const struct passage *p)
{
	struct leg *leg = branch_of(p);
	const sip_t *sip = sip_object(p->msg);

	leg->keyed = true;
	if (leg->dialog)
		leg_prack(leg, sip->sip_rseq->rs_response, p->txn->cseq);
}

bool early_spared(const struct passage *p)
{
	const struct leg *l = p->txn->pair->called;

	while (l && (l == branch_of(p) || l->lost || !l->keyed))
		l = l->next;
	return p->kind == PASS_EARLY && l;
}

void early_leave(const struct passage *p)
{
	leg_bye(branch_of(p), 488, "another branch has the tunnel");
}
