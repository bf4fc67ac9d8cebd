/* reliable.c - reliable provisional responses on their way to a caller.
 *
 * Sofia repeats them and finds the PRACK by Call-ID, From tag and CSeq of the
 * INVITE, which are the same on all branches of a fork: where a proxy sends one
 * INVITE to several phones of ours, only one branch's would be found. So for
 * calls that have a sibling (pair->forked) the PRACK is found here, by its
 * dialog and RSeq, before Sofia looks. So that Sofia never has to hold one
 * back, they leave one at a time (early_holds()). */
#include "modules/sip/reliable.h"

#include "modules/sip/dialog.h"
#include "modules/sip/txn.h"

#include <stdlib.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>

struct reliable *reliable_new(struct txn *t, struct leg *leg)
{
	struct reliable *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->txn = t;
	r->leg = leg;
	r->next = t->reliables;
	t->reliables = r;
	return r;
}

bool reliable_send(struct reliable *r, nta_prack_f *fn, msg_t *msg)
{
	const sip_rseq_t *rseq;
	msg_t *sent = msg_ref_create(msg);

	r->on_prack = fn;
	r->rel = nta_reliable_mreply(r->txn->irq, fn, r, msg);
	rseq = sip_object(sent)->sip_rseq;
	r->told = r->rel && rseq ? rseq->rs_response : 0;
	msg_destroy(sent);
	return r->rel;
}

bool reliable_waits(const struct txn *t)
{
	const struct reliable *r = t->reliables;

	while (r && !r->rel)
		r = r->next;
	return r;
}

/* Which of a call's responses it acknowledges. */
static struct reliable *named(const struct pair *pair, const sip_rack_t *rack)
{
	struct reliable *r;

	for (const struct txn *t = pair->txns; t; t = t->next)
		for (r = t->irq ? t->reliables : NULL; r; r = r->next)
			if (r->rel && r->told == rack->ra_response &&
			    nta_incoming_cseq(t->irq) == rack->ra_cseq)
				return r;
	return NULL;
}

static struct reliable *find(const struct sip_face *f, const sip_t *sip,
			     nta_leg_t **dialog)
{
	const struct leg *leg;

	*dialog = nta_leg_by_dialog(f->agent, NULL, sip->sip_call_id,
				    sip->sip_from->a_tag, NULL,
				    sip->sip_to->a_tag, NULL);
	leg = *dialog ? nta_leg_magic(*dialog, dialog_on_request) : NULL;
	return leg && leg->pair && leg->pair->forked
		? named(leg->pair, sip->sip_rack) : NULL;
}

static bool is_prack(const sip_t *sip)
{
	return sip && sip->sip_request && !sip->sip_error &&
	       sip->sip_request->rq_method == sip_method_prack &&
	       sip->sip_rack && sip->sip_call_id && sip->sip_cseq &&
	       sip->sip_via && sip->sip_from && sip->sip_from->a_tag &&
	       sip->sip_to && sip->sip_to->a_tag;
}

bool reliable_prack(struct sip_face *f, msg_t *msg)
{
	const sip_t *sip = sip_object(msg);
	nta_incoming_t *irq, *invite;
	struct reliable *r;
	nta_leg_t *dialog;

	if (!f || !is_prack(sip) || !(r = find(f, sip, &dialog)))
		return false;
	invite = r->txn->irq;
	irq = nta_incoming_create(f->agent, dialog, msg, (sip_t *)sip,
				  TAG_END());
	if (!irq)
		return true;
	/* any further response ends the repetitions (Sofia's timer P2) */
	nta_incoming_treply(invite, SIP_100_TRYING, TAG_END());
	if (r->on_prack(r, r->rel, irq, sip)) {
		nta_incoming_treply(irq, SIP_200_OK, TAG_END());
		nta_incoming_destroy(irq);
	}
	return true;
}
