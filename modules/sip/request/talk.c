/* talk.c - see talk.h. */
#include "modules/sip/request/talk.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/request/request.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/words.h"

#include <stdlib.h>
#include <strings.h>

#include <sofia-sip/sip_header.h>

#define SWEEP_MS 1000
#define SECOND_US 1000000ull
#define GRACE_US (32 * SECOND_US) /* 64*T1: for what is still under way */
#define EXPIRES_DEFAULT 3600

static uint64_t now_us(void)
{
	return clock_mono_us(&clock_system);
}

/* -- talks ---------------------------------------------------------------- */

struct talk *talk_new(struct requests *all, struct sip_face *f)
{
	struct talk *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->all = all;
	t->end[0].talk = t->end[1].talk = t;
	t->end[0].face = f;
	t->end[1].face = &all->sip->face[!f->face];
	t->next = all->talks;
	t->prev = &all->talks;
	if (t->next)
		t->next->prev = &t->next;
	all->talks = t;
	all->n++;
	return t;
}

static void ask_free(struct ask *a)
{
	engine_words_forget(a->talk->all->sip->engine, a);
	auth_free(a->auth);
	free(a->proof);
	loop_timer_free(a->patience);
	msg_destroy(a->out);
	if (a->orq)
		nta_outgoing_destroy(a->orq);
	if (a->irq)
		nta_incoming_destroy(a->irq);
	free(a);
}

void talk_free(struct talk *t)
{
	struct ask *a;

	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->all->n--;
	while ((a = t->asks)) {
		t->asks = a->next;
		ask_free(a);
	}
	for (int i = 0; i < 2; i++)
		if (t->end[i].dialog)
			nta_leg_destroy(t->end[i].dialog);
	request_way_free(t->all->sip->engine, &t->way);
	free(t);
}

/* Freed from the loop: we may be inside a callback of its dialogs. */
void talk_over(struct talk *t)
{
	t->over = true;
	loop_timer_set(t->all->sweeper, 0);
}

void talk_lasts(struct talk *t, uint32_t seconds)
{
	t->until_us = now_us() + seconds * SECOND_US + GRACE_US;
}

void talk_toward(struct talk *t)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const struct request_way *w = &t->way;

	su_home_init(home);
	t->end[1].contact = face_contact_to(
		t->end[1].face,
		url_make(home, *w->next_hop ? w->next_hop : w->target),
		t->sips);
	su_home_deinit(home);
}

void ask_end(struct ask *a)
{
	struct talk *t = a->talk;
	struct ask **at = &t->asks;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	t->n_asks--;
	ask_free(a);
	if (!t->until_us && !t->asks)
		talk_over(t);
}

struct ask *ask_new(struct talk *t, unsigned from, nta_incoming_t *irq,
		    const sip_t *sip)
{
	struct ask *a = calloc(1, sizeof *a);
	const sip_subscription_state_t *s = sip->sip_subscription_state;

	if (!a)
		return NULL;
	a->talk = t;
	a->from = from;
	a->irq = irq;
	face_works(irq);
	a->method = sip->sip_request->rq_method;
	a->asked_s = sip->sip_expires ? (uint32_t)sip->sip_expires->ex_delta
				      : EXPIRES_DEFAULT;
	a->last = a->method == sip_method_notify && s && s->ss_substate &&
		  !strcasecmp(s->ss_substate, "terminated");
	a->sealed = t->way.words == WORDS_SEALED && words_in(sip);
	a->next = t->asks;
	t->asks = a;
	t->n_asks++;
	return a;
}

void ask_refuse(struct ask *a, const struct refusal *no)
{
	reply_refuse(a->irq, no);
	ask_end(a);
}

bool ask_has_contact(const struct ask *a)
{
	return request_subscribes(a->method) ||
	       a->method == sip_method_notify ||
	       a->method == sip_method_options;
}

/* Nothing outside a call is keyed in anybody's name. */
struct crossing talk_crossing(const struct talk_end *came)
{
	return (struct crossing){ came->face->face, came->talk->way.trusted,
				  false, false };
}

unsigned talk_flags(const struct crossing *x, const sip_t *sip)
{
	return (sip->sip_payload ? COPY_BODY : 0) | border_flags(x, sip, NULL);
}

bool ask_goes_out(const struct ask *a)
{
	return a->talk->end[!a->from].face->face == OUTSIDE;
}

/* -- life ----------------------------------------------------------------- */

static void sweep(void *requests)
{
	struct requests *r = requests;
	uint64_t now = now_us();
	struct talk *t, *next;

	for (t = r->talks; t; t = next) {
		next = t->next;
		if (t->over || (t->until_us && now > t->until_us))
			talk_free(t);
	}
	loop_timer_set(r->sweeper, SWEEP_MS);
}

int requests_new(struct sip *s, struct requests **out)
{
	struct requests *r = calloc(1, sizeof *r);
	int err;

	if (!r)
		return E_NOMEM;
	r->sip = s;
	err = loop_timer_new(s->loop, sweep, r, &r->sweeper);
	if (err) {
		free(r);
		return err;
	}
	loop_timer_set(r->sweeper, SWEEP_MS);
	*out = r;
	return 0;
}

void requests_free(struct requests *r)
{
	struct talk *t;

	if (!r)
		return;
	while ((t = r->talks))
		talk_free(t);
	loop_timer_free(r->sweeper);
	free(r);
}

size_t requests_count(const struct requests *r)
{
	return r->n;
}
