/* called.c - the gateway of who is called, where the tunnel is a precondition.
 *
 * The core has raised the tunnel with the INVITE's offer. The INVITE then waits
 * here; a reliable 183 has an answer of ours, and asks for a confirmation. An
 * offer in UPDATE, or in the PRACK (RFC 5027 4.1), brings it; where the INVITE
 * had it already the PRACK is enough. Then the phone is called. It may send
 * nothing reliably: its answer would bind before it is told. When it answers,
 * an UPDATE of ours tells the far end what it takes, and the 2xx goes on
 * without SDP once that is agreed. */
#include "modules/sip/before/inside.h"

#include "daemon/engine/loop.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/pair.h"
#include "modules/sip/reliable.h"
#include "modules/sip/session/session.h"
#include "modules/sip/txn.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>

#define SDP_MAX (64u << 10)

struct before {
	struct txn *txn;          /* the INVITE */
	msg_t *invite;            /* as received; owned */
	struct said body;         /* the last description for the phones */
	bool parts;               /* it was among parts */
	struct loop_timer *timer; /* until it is confirmed, or to ring */
	bool told;                /* our answer was acknowledged */
	bool rings;               /* a phone was called */
	msg_t *ok;                /* its 2xx; owned, or NULL */
	struct leg *called;       /* that sent it */
	bool agreed;              /* the far end knows what it takes */
};

void before_free(struct before *b)
{
	if (!b)
		return;
	loop_timer_free(b->timer);
	msg_destroy(b->invite);
	msg_destroy(b->ok);
	said_free(&b->body);
	free(b);
}

/* -- the phone is called --------------------------------------------------- */

static bool replace(struct said *s, const struct body *body)
{
	uint8_t *data = malloc(body->len);

	if (!data)
		return false;
	memcpy(data, body->data, body->len);
	said_free(s);
	*s = (struct said){ data, body->len };
	return true;
}

/* b may be gone when it has passed. */
static void ring(struct before *b)
{
	const struct refusal no = reply_no(500, NULL);
	struct txn *t = b->txn;
	struct pair *pair = t->pair;
	struct passage p = { .txn = t, .kind = PASS_REQUEST,
			     .called = pair->called, .secured = t->secured };
	struct body body = { .type = "application/sdp",
			     .data = b->body.data, .len = b->body.len };
	struct said said = { 0 };

	b->rings = true;
	loop_timer_stop(b->timer);
	if (!replace(&said, &body)) {
		pair_end(pair, &no, "out of memory");
		return;
	}
	body.data = said.data;
	if (b->parts) /* its headers say something else */
		p.sdp = (char *)said.data;
	p.msg = msg_ref(b->invite);
	pair->depth++;
	txn_pass(&p, &body);
	pair->depth--;
	msg_destroy(p.msg);
	said_free(&said);
}

bool before_rings_on(const struct txn *t)
{
	if (!t->before || !t->before->rings)
		return false;
	ring(t->before);
	return true;
}

/* -- the far end's offer, once more ---------------------------------------- */

static void answer_offer(struct txn *t, struct before *b)
{
	struct refusal no = reply_no(500, NULL);
	struct buf out = buf_of(SDP_MAX);
	struct body body = { .type = "application/sdp" };

	if (call_accept(t->pair->call, &out)) {
		txn_refuse(t, &no);
	} else {
		body.data = out.data;
		body.len = out.len;
		before_answer(t, &body);
	}
	buf_free(&out);
	if (t->final == 200 && call_met(t->pair->call, 0))
		ring(b);
}

static void on_offer(void *user, const struct refusal *no,
		     const struct body *out)
{
	const struct refusal fault = reply_no(500, NULL);
	struct txn *t = user, *invite;

	if (before_over(t))
		return;
	invite = before_invite(t->pair);
	if (no || !invite || !invite->before || invite->before->rings ||
	    !replace(&invite->before->body, out))
		txn_refuse(t, no ? no : &fault);
	else
		answer_offer(t, invite->before);
}

static void take_offer(struct txn *t, const sip_t *sip)
{
	const struct refusal fault = reply_no(488, NULL);
	struct filter_request q = { .from = OUTSIDE, .role = BODY_OFFER,
				    .final = true, .secured = t->secured };
	struct pair *pair = t->pair;
	struct said s;

	if (!before_description(sip, &s)) {
		txn_refuse(t, &fault);
		return;
	}
	q.body = (struct body){ .type = "application/sdp", .data = s.data,
				.len = s.len };
	filter_origin(sip, &q.origin);
	pair->depth++;
	call_filter(pair->call, &q, on_offer, t);
	pair->depth--;
	said_free(&s);
}

bool before_listens(const struct txn *t)
{
	return t->before && t->before->told && !t->before->rings;
}

bool called_takes(struct txn *invite, struct leg *leg, nta_incoming_t *irq,
		  const sip_t *sip)
{
	struct txn *t;

	if (!before_listens(invite))
		return false;
	if (filter_body_kind(sip) == BODY_NONE) {
		nta_incoming_treply(irq, SIP_200_OK,
				    SIPTAG_CONTACT(leg->contact), TAG_END());
		nta_incoming_destroy(irq);
		return true;
	}
	t = before_offer(leg, invite->to, irq, sip);
	if (t)
		take_offer(t, sip);
	return true;
}

/* -- our answer ------------------------------------------------------------ */

/* The confirmation; at once: there is none to come, and the phone is called
 * from the loop. */
static void await(struct before *b, bool at_once)
{
	uint64_t patience_us = b->txn->pair->sip->patience_us;

	loop_timer_set(b->timer, at_once ? 0 : (unsigned)(patience_us / 1000));
}

static int on_prack(struct reliable *r, nta_reliable_t *rel,
		    nta_incoming_t *prack, const sip_t *sip)
{
	struct txn *invite = r->txn, *t;
	struct before *b = invite->before;

	r->rel = NULL;
	nta_reliable_destroy(rel);
	if (!prack || !sip)
		return 0; /* a final response overtook it, or it timed out */
	pair_to_sweep(invite->pair); /* what waited goes on from the loop */
	if (!b || before_over(invite) || invite->final)
		return 200;
	b->told = true;
	if (filter_body_kind(sip) == BODY_NONE) {
		await(b, call_met(invite->pair->call, 0));
		return 200;
	}
	await(b, false);
	t = before_offer(invite->from, invite->to, prack, sip);
	if (t)
		take_offer(t, sip);
	return 0;
}

/* False: it cannot be sent. */
static bool tell(struct txn *t, const struct buf *sdp)
{
	struct reliable *r = reliable_new(t, NULL);
	msg_t *msg = r ? nta_msg_create(t->from->face->agent, 0) : NULL;

	if (!msg)
		return false;
	if (body_add(msg, sdp->data, sdp->len) &&
	    !nta_incoming_complete_response(
		    t->irq, msg, 183, "Session Progress",
		    SIPTAG_CONTACT(t->from->contact),
		    SIPTAG_ALLOW_STR(SIP_ALLOW),
		    SIPTAG_CONTENT_TYPE_STR("application/sdp"), TAG_END()))
		return reliable_send(r, on_prack, msg);
	msg_destroy(msg);
	return false;
}

/* Who knew of both directions when he called has nothing to confirm. */
static void on_time(void *user)
{
	struct before *b = user;
	struct txn *t = b->txn;

	if (before_over(t) || t->final)
		return;
	if (b->told && call_met(t->pair->call, 0))
		ring(b);
	else
		before_fails(t->pair,
			     "the far end did not confirm the tunnel");
}

static struct before *hold(struct passage *p, const struct body *body)
{
	struct before *b = calloc(1, sizeof *b);
	struct txn *t = p->txn;

	if (!b)
		return NULL;
	b->txn = t;
	b->invite = msg_ref(p->msg);
	b->parts = p->sdp;
	if (replace(&b->body, body) &&
	    !loop_timer_new(t->pair->sip->loop, on_time, b, &b->timer))
		return b;
	before_free(b);
	return NULL;
}

bool before_holds(struct passage *p, const struct body *body)
{
	const struct refusal no = reply_no(500, NULL);
	struct buf sdp = buf_of(SDP_MAX);
	struct txn *t = p->txn;

	if (!before_comes(t) || (t->before && t->before->rings))
		return false;
	if (!t->before)
		t->before = hold(p, body);
	if (!t->before || call_accept(t->pair->call, &sdp) || !tell(t, &sdp))
		pair_end(t->pair, &no, "no answer can be given");
	buf_free(&sdp);
	return true;
}

/* -- what the phone takes -------------------------------------------------- */

static void on_agreed(struct txn *t, int status, const sip_t *sip)
{
	static const struct body none = { .type = "" };
	const struct refusal no = reply_no(488, "the far end does not take "
					   "what the phone answered");
	struct txn *invite = before_invite(t->pair);
	struct before *b = invite ? invite->before : NULL;
	struct passage p = { .kind = PASS_RESPONSE };
	struct said s = { 0 };

	if (!b || !b->ok)
		return;
	if (status >= 300 || !sip || !before_description(sip, &s) ||
	    call_agrees(t->pair->call, s.data, s.len)) {
		pair_end(t->pair, &no, no.warn);
	} else {
		b->agreed = true;
		p.txn = invite;
		p.called = b->called;
		p.msg = msg_ref(b->ok);
		txn_pass(&p, &none);
		msg_destroy(p.msg);
	}
	said_free(&s);
}

bool before_confirms(struct passage *p, const struct body *body)
{
	const struct refusal no = reply_no(500, "the phone gave no answer");
	int status = sip_object(p->msg)->sip_status->st_status;
	struct txn *t = p->txn;
	struct before *b = t->before;

	if (!before_comes(t) || status < 200 || status >= 300 ||
	    (b && b->agreed))
		return false;
	if (b && b->ok)
		return true; /* it comes again */
	if (b && body->len) {
		b->ok = msg_ref(p->msg);
		b->called = p->called;
	}
	if (!b || !b->ok || !own_update(t->from, body, on_agreed))
		pair_end(t->pair, &no, no.warn);
	return true;
}
