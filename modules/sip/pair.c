/* pair.c - the two legs of a call.
 *
 * A pair ends once, in end(): what is open on either leg is answered,
 * cancelled, acknowledged or sent a BYE, as its state asks; then the core's
 * call is released. What remains are transactions that still wait for the
 * other end (a cancelled INVITE, an ACK to a 2xx of ours); when the last is
 * done, the sweep frees the pair with its legs.
 *
 * The core calls us back from inside call_filter(), and we call call_end()
 * only when it is not on the stack (depth 0); else the sweep does. */
#include "modules/sip/pair.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/uri.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/filter.h"
#include "modules/sip/fork.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/merge.h"
#include "modules/sip/message/origin.h"
#include "modules/sip/border/rank.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/session/naming.h"
#include "modules/sip/session/session.h"
#include "modules/sip/transfer/transfer.h"
#include "modules/sip/txn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/url.h>

static void unlink_pair(struct pair *pair)
{
	*pair->prev = pair->next;
	if (pair->next)
		pair->next->prev = pair->prev;
	pair->sip->n_pairs--;
}

static void free_legs(struct leg *leg)
{
	struct leg *next;

	for (; leg; leg = next) {
		next = leg->next;
		leg_free(leg);
	}
}

void pair_free(struct pair *pair)
{
	struct txn *t;

	unlink_pair(pair);
	filter_drop(pair);
	fork_free(pair);
	transfer_free(pair);
	while ((t = pair->txns)) {
		pair->txns = t->next;
		txn_free(t);
	}
	free_legs(pair->caller);
	free_legs(pair->called);
	free_legs(pair->lost);
	said_free(&pair->said[0]);
	said_free(&pair->said[1]);
	free(pair->way);
	msg_destroy(pair->revealed);
	free(pair);
}

static struct pair *alloc(struct sip *s)
{
	struct pair *pair = calloc(1, sizeof *pair);

	if (!pair)
		return NULL;
	pair->sip = s;
	pair->next = s->pairs;
	pair->prev = &s->pairs;
	if (pair->next)
		pair->next->prev = &pair->next;
	s->pairs = pair;
	s->n_pairs++;
	return pair;
}

/* As the core wants to read them. */
static int ask_core(struct pair *pair, struct sip_face *f, nta_incoming_t *irq,
		    const sip_t *sip, enum hide hidden, struct refusal *no)
{
	const sip_t *said = pair->revealed ? sip_object(pair->revealed) : sip;
	/* proxies lead a call to where they know him, as far as they do */
	const sip_t *to = hidden == HIDE_BOTH ? said : sip;
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct call_start start = { .from = f->face, .hidden = hidden };
	int r = E_NOMEM;

	su_home_init(home);
	*no = reply_no(500, NULL);
	start.source = face_source(irq);
	start.secured = face_secured(f, irq);
	if (engine_trusts(f->sip->engine, f->face, &start.source))
		start.rank = rank_of(sip, engine_settings(f->sip->engine)
						  ->limits.preempt);
	start.late = !filter_offers(sip);
	start.caller = url_as_string(home, said->sip_from->a_url);
	start.callee = url_as_string(home, to->sip_request->rq_url);
	start.head = origin_head(home, said);
	start.transport = face_transport(f, irq);
	if (start.caller && start.callee)
		r = call_start(f->sip->engine, &start, pair, &pair->call, no);
	su_home_deinit(home);
	return r;
}

static int make_legs(struct pair *pair, struct sip_face *f,
		     nta_incoming_t *irq, const sip_t *sip)
{
	const struct call_route *route = call_route(pair->call);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct leg_to to = { .sips = uri_is_sips(route->target),
			     .nat = route->nat ? route->next_hop : "" };
	int r = E_NOMEM;

	su_home_init(home);
	to.hop = url_make(home,
			  *route->next_hop ? route->next_hop : route->target);
	if (!to.hop)
		r = E_CONF;
	else if (leg_caller(pair, f, irq, sip) &&
		 leg_called(pair, &f->sip->face[!f->face], sip, &to))
		r = 0;
	su_home_deinit(home);
	return r;
}

struct pair *pair_new(struct sip_face *f, nta_incoming_t *irq,
		      const sip_t *sip, const struct revealed *known,
		      struct refusal *no)
{
	struct pair *pair = alloc(f->sip);

	if (!pair) {
		*no = reply_no(500, NULL);
		return NULL;
	}
	pair->revealed = known->msg ? msg_ref(known->msg) : NULL;
	if (ask_core(pair, f, irq, sip, known->hidden, no)) {
		pair->call = NULL;
		pair_free(pair);
		return NULL;
	}
	snprintf(pair->peer, sizeof pair->peer, "%s", call_peer(pair->call));
	if (make_legs(pair, f, irq, sip) || !naming_begin(pair, sip)) {
		*no = reply_no(500, "the call cannot be set up");
		call_end(pair->call, no->status, no->warn);
		pair_free(pair);
		return NULL;
	}
	return pair;
}

void pair_siblings(struct pair *pair, const sip_t *invite)
{
	struct pair *other;

	pair->invite = merge_invite(pair->sip, pair->caller->face->face,
				    invite);
	for (other = pair->sip->pairs; pair->invite && other;
	     other = other->next)
		if (other != pair && other->invite == pair->invite)
			pair->forked = other->forked = true;
}

uint64_t pair_id(const struct pair *pair)
{
	return pair->call ? call_id(pair->call) : 0;
}

void pair_to_sweep(struct pair *pair)
{
	struct sip *s = pair->sip;

	if (pair->to_sweep)
		return;
	pair->to_sweep = true;
	pair->sweep_next = s->to_sweep;
	if (!s->to_sweep)
		loop_timer_set(s->sweeper, 0);
	s->to_sweep = pair;
}

static void release_call(struct pair *pair)
{
	struct call *call = pair->call;

	pair->call = NULL;
	if (call && call_signs(call) &&
	    (pair->way = malloc(sizeof *pair->way)))
		call_way(call, pair->way);
	if (call)
		call_end(call, pair->end_status, pair->end_cause);
}

static void end_legs(struct pair *pair, enum pair_state was)
{
	if (was != PAIR_CALLING && !pair->no_bye[0] && pair->called->tagged)
		leg_bye(pair->called, pair->end_status, pair->end_cause);
	if (pair->confirmed && !pair->no_bye[1])
		leg_bye(pair->caller, pair->end_status, pair->end_cause);
}

static void end(struct pair *pair, const struct refusal *no, int status,
		const char *cause)
{
	enum pair_state was = pair->state;
	struct txn *t;

	if (was == PAIR_ENDED)
		return;
	pair->state = PAIR_ENDED;
	pair->ended_us = clock_mono_us(&clock_system);
	pair->end_status = status;
	snprintf(pair->end_cause, sizeof pair->end_cause, "%s",
		 cause ? cause : "");
	for (t = pair->txns; t; t = t->next)
		txn_end(t, no);
	fork_end(pair, no);
	transfer_end(pair);
	end_legs(pair, was);
	if (!pair->depth) {
		release_call(pair);
		filter_drop(pair);
	}
	pair_to_sweep(pair);
}

void pair_end(struct pair *pair, const struct refusal *no, const char *cause)
{
	end(pair, no, no->status, cause);
}

void pair_over(struct pair *pair, const char *cause)
{
	struct refusal no = reply_no(481, NULL);

	pair->no_bye[0] = pair->no_bye[1] = true;
	end(pair, &no, 200, cause);
}

/* The text is the far end's: it goes into logs and JSON, so plain ASCII. */
static void plain(char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			*s = '?';
}

void pair_failed(struct pair *pair, int status, const sip_t *sip)
{
	struct refusal no = reply_no(status, NULL);
	const sip_warning_t *w = sip->sip_warning;
	char cause[REASON_TEXT];

	snprintf(cause, sizeof cause, "%s%s%s", no.phrase,
		 w && w->w_text ? "; the far end says: " : "",
		 w && w->w_text ? w->w_text : "");
	plain(cause);
	end(pair, &no, status, cause);
}

static void sweep_txns(struct pair *pair)
{
	struct txn **at = &pair->txns, *t;
	struct passage *p;
	bool used;

	while ((t = *at)) {
		for (used = false, p = pair->queue; p; p = p->next)
			used |= p->txn == t;
		if (!t->done || used) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		txn_free(t);
	}
}

void pair_sweep(void *sip)
{
	struct sip *s = sip;
	struct pair *pair;

	while ((pair = s->to_sweep)) {
		s->to_sweep = pair->sweep_next;
		pair->to_sweep = false;
		if (pair->state != PAIR_ENDED)
			pair_run(pair);
		if (pair->to_sweep)
			continue; /* it comes again */
		if (pair->state == PAIR_ENDED) {
			release_call(pair);
			filter_drop(pair);
		}
		sweep_txns(pair);
		if (pair->state == PAIR_ENDED && !pair->txns &&
		    !fork_busy(pair) && !transfer_busy(pair))
			pair_free(pair);
	}
}

/* An end that rang and then answers neither the CANCEL nor the INVITE would
 * hold the pair for ever: Sofia waits for it without a timer (RFC 3261 9.1:
 * after 64*T1 it is over). */
void pair_give_up(void *sip)
{
	struct sip *s = sip;
	uint64_t now = clock_mono_us(&clock_system);
	struct pair *pair;
	struct txn *t;

	for (pair = s->pairs; pair; pair = pair->next) {
		fork_give_up(pair, now);
		transfer_give_up(pair, now);
		if (pair->state != PAIR_ENDED ||
		    now - pair->ended_us < s->patience_us)
			continue;
		for (t = pair->txns; t; t = t->next)
			if (!t->done)
				txn_done(t);
	}
	loop_timer_set(s->patient, (unsigned)(s->patience_us / 4000));
}
