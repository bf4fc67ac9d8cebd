/* join.c - see inside.h.
 *
 * What who answered offers goes through filter and transactions as if he had
 * been in the call and made a re-INVITE of it: a txn without a request of its
 * own (t->joins), and what would answer that comes here. */
#include "modules/sip/transfer/inside.h"

#include "modules/sip/invite.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/pair.h"
#include "modules/sip/reoffer.h"
#include "modules/sip/sealing/seals.h"
#include "modules/sip/session/session.h"
#include "modules/sip/txn.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_string.h>

#define BUSY_MS 500 /* until the next look at somebody else's offer */
#define BUSY_MAX 20

struct leg *transfer_far(const struct pair *pair)
{
	return pair->caller->face->face == OUTSIDE ? pair->caller
						   : pair->called;
}

static const char *text(su_home_t *home, const void *header)
{
	return header ? sip_header_as_string(home, header) : "";
}

/* What he said in his 2xx, as if he was in the call and asked for it. */
static msg_t *as_request(const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const sip_payload_t *body = sip->sip_payload;
	msg_t *msg = NULL;
	char *all;

	su_home_init(home);
	all = su_sprintf(home, "INVITE sip:callseal.invalid SIP/2.0\r\n"
			 "From: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
			 "CSeq: %u INVITE\r\nMax-Forwards: 70\r\n"
			 "Contact: %s\r\nContent-Type: application/sdp\r\n"
			 "Content-Length: %u\r\n\r\n%.*s",
			 text(home, sip->sip_to), text(home, sip->sip_from),
			 text(home, sip->sip_call_id),
			 (unsigned)sip->sip_cseq->cs_seq,
			 text(home, sip->sip_contact), (unsigned)body->pl_len,
			 (int)body->pl_len, body->pl_data);
	if (all)
		msg = msg_make(sip_default_mclass(), 0, all,
			       (ssize_t)strlen(all));
	su_home_deinit(home);
	return msg;
}

static void offer(struct transfer *x)
{
	msg_t *said = nta_outgoing_getresponse(x->won->orq);
	struct leg *leg = x->won->to;
	struct txn *t = x->join;

	filter_pass(t, PASS_REQUEST, leg->caller ? t->to : leg,
		    as_request(sip_object(said)));
	msg_destroy(said);
}

static struct txn *join_new(struct transfer *x)
{
	struct txn *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->pair = x->pair;
	t->from = x->won->to;
	t->to = transfer_far(x->pair);
	t->method = sip_method_invite;
	t->offer = t->own = t->joins = true;
	t->next = x->pair->txns;
	x->pair->txns = t;
	return t;
}

/* One offer at a time: that of somebody else comes first. */
void transfer_join(struct transfer *x)
{
	if (reoffer_is_open(x->pair) || x->pair->state != PAIR_UP) {
		if (x->busy++ < BUSY_MAX)
			loop_timer_set(x->timer, BUSY_MS);
		else
			transfer_fail(x, 491);
		return;
	}
	x->join = join_new(x);
	if (x->join)
		offer(x);
	else
		transfer_fail(x, 500);
}

void transfer_again(struct txn *t, bool good)
{
	if (!good) {
		transfer_refused(t, t->answer);
		return;
	}
	nta_outgoing_destroy(t->orq);
	t->orq = NULL;
	t->answer = 0;
	call_offer_again(t->pair->call);
	offer(t->pair->transfer);
}

void transfer_refused(struct txn *t, int status)
{
	struct transfer *x = t->pair->transfer;
	unsigned wait_ms = reoffer_glare_ms(t->to);

	txn_done(t);
	if (x->join != t || x->over)
		return;
	x->join = NULL;
	if (status == 491 && x->busy++ < BUSY_MAX)
		loop_timer_set(x->timer, wait_ms);
	else
		transfer_fail(x, status);
}

/* His answer has to come, or nobody knows what is agreed. */
void transfer_answered(struct txn *t, const sip_t *sip,
		       const struct body *body)
{
	const struct refusal no = reply_no(502, "a 2xx without an answer");
	int status = sip->sip_status->st_status;
	struct transfer *x = t->pair->transfer;

	if (status < 200 || x->join != t)
		return;
	if (status >= 300) {
		transfer_refused(t, status);
		return;
	}
	if (!body->len) {
		pair_end(t->pair, &no, no.warn);
		return;
	}
	if (seals_on(t->pair, t->to, t->method, status) == SEALS_MUST)
		leg_retarget(t->to, sip, false);
	x->join = NULL;
	leg_ack(x->won->to, x->won, NULL, body);
	session_said(x->won->to, body);
	invite_pass_ack(t, NULL, NULL);
	transfer_done(x);
}
