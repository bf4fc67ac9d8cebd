/* reveal.c - see reveal.h.
 *
 * Only so many wait, whoever sends them: their senders are known to nobody yet,
 * so no other limit of calls holds. What is wrong with one is the keeper's to
 * say, and it says one thing. */
#include "modules/sip/sealing/reveal.h"

#include "modules/sip/filter.h"
#include "modules/sip/invite.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/sealing/hidden.h"
#include "modules/sip/sealing/whole.h"
#include "modules/sip/words.h"

#include <stdlib.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>

#define WAITING_MAX 64

struct reveal {
	struct reveal *next;
	struct sip_face *face;
	nta_incoming_t *irq; /* NULL: answered, or given on */
	msg_t *msg;
	enum hide hidden;
};

static void reveal_drop(struct reveal *r)
{
	struct reveal **at = &r->face->sip->reveals;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	engine_words_forget(r->face->sip->engine, r);
	if (r->irq)
		nta_incoming_destroy(r->irq);
	msg_destroy(r->msg);
	free(r);
}

static void refuse(struct reveal *r, const struct refusal *no)
{
	reply_refuse(r->irq, no);
	reveal_drop(r);
}

static int on_cancel(struct txn *self, nta_incoming_t *irq, const sip_t *sip)
{
	struct reveal *r = (struct reveal *)(void *)self; /* Sofia's one type */
	const struct refusal no = reply_no(487, NULL);

	(void)irq;
	if (sip && sip->sip_request &&
	    sip->sip_request->rq_method == sip_method_cancel)
		refuse(r, &no);
	return 0;
}

static void on_revealed(void *user, const struct refusal *no,
			const struct body *out)
{
	const struct refusal fault = reply_no(400, "malformed message");
	const struct refusal late = reply_no(503, NULL);
	struct reveal *r = user;
	msg_t *within = !no && out->head ? whole_within(out->head, r->msg)
					 : NULL;
	const struct revealed known = { within, r->hidden };
	nta_incoming_t *irq = r->irq;
	struct sip_face *face = r->face;
	msg_t *around;

	if (!within || face->sip->draining) {
		refuse(r, no ? no : within ? &late : &fault);
		msg_destroy(within);
		return;
	}
	around = msg_ref(r->msg);
	r->irq = NULL;
	reveal_drop(r);
	invite_revealed(face, irq, sip_object(around), &known);
	msg_destroy(around);
	msg_destroy(within);
}

static bool is_room(const struct sip *s)
{
	const struct reveal *r = s->reveals;
	size_t n = 0;

	for (; r; r = r->next)
		n++;
	return n < WAITING_MAX;
}

static struct reveal *reveal_new(struct sip_face *f, nta_incoming_t *irq,
				 enum hide hidden)
{
	struct reveal *r = is_room(f->sip) ? calloc(1, sizeof *r) : NULL;

	if (!r)
		return NULL;
	*r = (struct reveal){ .next = f->sip->reveals, .face = f, .irq = irq,
			      .msg = nta_incoming_getrequest(irq),
			      .hidden = hidden };
	f->sip->reveals = r;
	nta_incoming_bind(irq, on_cancel, (struct txn *)(void *)r);
	return r;
}

static void ask(struct reveal *r, const sip_t *sip)
{
	const struct refusal no = reply_no(500, NULL);
	struct call_given g;

	if (!r->msg || !whole_given(true, sip, &g)) {
		refuse(r, &no);
		return;
	}
	g.words = false;
	g.bare = true;
	g.what = "hidden INVITE";
	engine_reveal(r->face->sip->engine, &g, on_revealed, r);
	words_given_free(&g);
}

bool reveal_begin(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip)
{
	const struct refusal full = reply_no(503, NULL);
	enum hide hidden = hidden_in(sip);
	struct reveal *r;

	if (f->face != OUTSIDE || !hidden ||
	    filter_body_kind(sip) != BODY_SEALED ||
	    !engine_hides(f->sip->engine))
		return false;
	r = reveal_new(f, irq, hidden);
	if (r) {
		ask(r, sip);
		return true;
	}
	reply_refuse(irq, &full);
	nta_incoming_destroy(irq);
	return true;
}

void reveal_free(struct sip *s)
{
	while (s->reveals)
		reveal_drop(s->reveals);
}
