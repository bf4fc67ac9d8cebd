/* fork.c - one INVITE from outside for several phones.
 *
 * Each phone's INVITE is a txn of its own, a prong, in a dialog of its own; the
 * caller's is the lead, which has no request out until the call is decided.
 * Then it takes over the request of the prong that counts, and from there on
 * all is as with one phone:
 *
 *   a 2xx      the first one; the other phones are cancelled and told that the
 *              call was answered (RFC 3326), their late 2xx get ACK and BYE
 *   a 6xx      at once, for all
 *   failures   when no phone is left, the best of them (RFC 3261 16.7, step 6);
 *              a phone that said nothing at all for some seconds is not there
 *
 * To the caller we are one phone that answers once: provisional responses go on
 * without SDP, and phones are not asked for reliable ones, whose answer would
 * count. So its offer is answered, and its keys are, by the 2xx alone.
 *
 * Phones of further groups ring when those before came to nothing. The caller's
 * INVITE then passes the core's filter again, which repeats itself; where the
 * tunnel came first they hear what it offered last (before/called.c). */
#include "modules/sip/fork.h"

#include "daemon/base/clock.h"
#include "daemon/uri.h"
#include "modules/sip/before/before.h"
#include "modules/sip/early.h"
#include "modules/sip/invite.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/pair.h"
#include "modules/sip/session/session.h"
#include "modules/sip/txn.h"

#include <stdlib.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/url.h>

#define PATIENCE_MS 4000 /* with a phone that says nothing: four INVITEs */
#define ELSEWHERE "SIP;cause=200;text=\"Call completed elsewhere\""

struct fork {
	struct txn *lead;         /* gone once it is decided, and done with */
	struct txn *prongs;       /* owned */
	struct loop_timer *timer; /* of the group's patience */
	bool impatient;           /* it is over */
	unsigned next;            /* phone, of which none before it waits */
	uint32_t todo;            /* a bit for each that has to be sent to */
	unsigned n_prongs;        /* ever */
	uint32_t min_s[CALL_PHONES_MAX]; /* Min-SE that it wants */
	bool decided;             /* the lead has a prong's request */
	uint64_t decided_us;      /* monotonic */
	struct txn *best;         /* of those that failed */
	msg_t *best_said;         /* owned; NULL: Sofia's own failure */
	struct refusal no;        /* when nothing could be sent */
};

bool fork_is(const struct txn *t)
{
	return t->initial && t->pair->fork;
}

static bool is_open(const struct txn *prong)
{
	return prong->orq && !prong->answer;
}

static bool has_spoken(const struct txn *prong)
{
	return nta_outgoing_status(prong->orq) >= 100;
}

/* -- the phones ----------------------------------------------------------- */

/* All of the next group. */
static void next_group(struct fork *f)
{
	const struct call *c = f->lead->pair->call;
	const struct call_route *r = call_phone(c, f->next);
	unsigned group = r ? r->group : 0;

	while (r && r->group == group) {
		f->todo |= 1u << f->next;
		r = call_phone(c, ++f->next);
	}
}

static bool has_more(const struct fork *f)
{
	return f->lead->pair->call &&
	       call_phone(f->lead->pair->call, f->next);
}

/* The caller's INVITE through the filter, or what it offered since, and on to
 * who is to do. */
static void go(struct fork *f)
{
	struct txn *lead = f->lead;

	lead->to = lead->pair->called;
	if (before_rings_on(lead))
		return;
	filter_pass(lead, PASS_REQUEST, lead->pair->called,
		    nta_incoming_getrequest(lead->irq));
}

static struct leg *leg_to(struct fork *f, unsigned phone, const sip_t *invite)
{
	struct pair *pair = f->lead->pair;
	const struct call_route *route = call_phone(pair->call, phone);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct leg_to to = { .sips = uri_is_sips(route->target),
			     .nat = route->nat ? route->next_hop : "" };
	struct leg *leg = NULL;

	if (!f->prongs)
		return pair->called; /* made with the pair */
	su_home_init(home);
	to.hop = url_make(home,
			  *route->next_hop ? route->next_hop : route->target);
	if (to.hop)
		leg = leg_called(pair, f->lead->to->face, invite, &to);
	su_home_deinit(home);
	return leg;
}

static struct txn *prong_new(struct fork *f, unsigned phone,
			     const sip_t *invite)
{
	struct leg *leg = leg_to(f, phone, invite);
	struct txn *t = leg ? calloc(1, sizeof *t) : NULL;

	if (!t)
		return NULL;
	t->pair = f->lead->pair;
	t->from = f->lead->from;
	t->to = leg;
	t->prong = leg->prong = ++f->n_prongs;
	t->phone = phone;
	t->method = sip_method_invite;
	t->initial = true;
	t->offer = f->lead->offer;
	leg->session.min_s = f->min_s[phone];
	t->next = f->prongs;
	f->prongs = t;
	return t;
}

static void prong_over(struct txn *prong)
{
	leg_lost(prong);
	txn_done(prong);
}

/* -- the decision --------------------------------------------------------- */

static void cancel(struct txn *prong, const char *reason)
{
	nta_outgoing_tcancel(prong->orq, NULL, NULL,
			     TAG_IF(reason, SIPTAG_REASON_STR(reason)),
			     TAG_END());
}

static void cancel_others(struct fork *f, const struct txn *but,
			  const char *reason)
{
	f->decided = true;
	f->decided_us = clock_mono_us(&clock_system);
	loop_timer_free(f->timer);
	f->timer = NULL;
	for (struct txn *t = f->prongs; t; t = t->next)
		if (t != but && is_open(t))
			cancel(t, reason);
}

/* The lead goes on with this prong's request, as if it was its own. */
static void take_over(struct fork *f, struct txn *prong)
{
	struct txn *lead = f->lead;

	lead->orq = prong->orq;
	lead->to = prong->to;
	lead->cseq = prong->cseq;
	lead->phone = prong->phone;
	lead->prong = prong->prong;
	prong->orq = NULL;
	txn_done(prong);
	nta_outgoing_bind(lead->orq, txn_response, lead);
}

static void won(struct fork *f, struct txn *prong, const sip_t *sip)
{
	cancel_others(f, prong, ELSEWHERE);
	take_over(f, prong);
	txn_response(f->lead, f->lead->orq, sip);
}

/* No phone has it. */
static void fail(struct fork *f)
{
	struct txn *best = f->best;
	msg_t *said = f->best_said;

	f->best = NULL;
	f->best_said = NULL;
	cancel_others(f, best, NULL);
	if (best->orq) {
		take_over(f, best);
		txn_response(f->lead, f->lead->orq,
			     said ? sip_object(said) : NULL);
	} else {
		pair_end(f->lead->pair, &f->no, f->no.warn);
	}
	msg_destroy(said);
}

/* Whether anything is left to wait for; else the next group, or the end. */
static void look(struct fork *f)
{
	bool open = false, speaking = false;

	for (const struct txn *t = f->prongs; t; t = t->next) {
		open |= is_open(t);
		speaking |= is_open(t) && has_spoken(t);
	}
	if (f->decided || f->todo || speaking || (open && !f->impatient))
		return;
	if (has_more(f)) {
		next_group(f);
		go(f);
	} else if (f->best) {
		fail(f);
	}
}

static void on_patience(void *user)
{
	struct fork *f = user;

	f->impatient = true;
	if (f->lead->pair->state == PAIR_CALLING)
		look(f);
}

/* -- responses ------------------------------------------------------------ */

/* What a caller can make most of: the lowest counts (RFC 3261 16.7). */
static unsigned rank(int status)
{
	static const int order[] = { 401, 407, 415, 420, 484, 486, 480 };
	unsigned i;

	if (status >= 600)
		return 0;
	if (status == 408)
		return 499;
	if (status == 503)
		return 599;
	for (i = 0; i < sizeof order / sizeof order[0]; i++)
		if (order[i] == status)
			return 400 + i;
	return status < 400 ? 300 : status < 500 ? 450 : 500;
}

/* Takes msg, what it said; NULL: Sofia's own failure. */
static void note_failure(struct fork *f, struct txn *prong, msg_t *msg)
{
	struct txn *worse = prong;

	if (!f->best || rank(prong->answer) < rank(f->best->answer)) {
		worse = f->best;
		msg_destroy(f->best_said);
		f->best = prong;
		f->best_said = msg;
	} else {
		msg_destroy(msg);
	}
	if (worse)
		prong_over(worse);
}

/* An interval that suits this phone (RFC 4028 7.3). */
static bool once_more(struct fork *f, struct txn *prong, const sip_t *sip)
{
	if (prong->answer != 422 || !sip || f->min_s[prong->phone] ||
	    !session_small(prong, sip))
		return false;
	f->min_s[prong->phone] = prong->to->session.min_s;
	f->todo |= 1u << prong->phone;
	prong_over(prong);
	go(f);
	return true;
}

static void failed(struct fork *f, struct txn *prong, const sip_t *sip)
{
	bool ours = !sip || nta_sip_is_internal(sip);

	if (once_more(f, prong, ours ? NULL : sip))
		return;
	note_failure(f, prong, ours ? NULL :
		     nta_outgoing_getresponse(prong->orq));
	if (prong->answer >= 600 && !ours)
		fail(f);
	else
		look(f);
}

static void rings(struct fork *f, struct txn *prong, const sip_t *sip)
{
	bool tagged = sip->sip_to && sip->sip_to->a_tag;
	struct leg *leg = prong->to;

	if (leg_too_many(prong, sip))
		return;
	if (tagged)
		leg = leg_branch(prong, sip);
	if (!leg)
		return; /* no memory: it can still answer */
	leg_retarget(leg, sip, false);
	if (sip->sip_rseq && sip_has_feature(sip->sip_require, "100rel"))
		leg_prack(leg, sip->sip_rseq->rs_response, prong->cseq);
	filter_pass(f->lead, PASS_RESPONSE, leg,
		    nta_outgoing_getresponse(prong->orq));
}

int fork_response(struct txn *prong, nta_outgoing_t *orq, const sip_t *sip)
{
	struct fork *f = prong->pair->fork;
	int status = txn_status(orq, sip);

	if (!status)
		return 0;
	if (status >= 200)
		prong->answer = status;
	if (f->decided || prong->pair->state == PAIR_ENDED) {
		invite_late_response(prong, sip);
		return 0;
	}
	if (!sip || status >= 300)
		failed(f, prong, sip);
	else if (status >= 200)
		won(f, prong, sip);
	else
		rings(f, prong, sip);
	return 0;
}

/* A proxy's fork, with one tunnel for all of its branches: an answer in a 18x
 * would have it, and the phone that is picked up could not. A reliable one
 * passes, since the 2xx may then be without. */
static bool shares_tunnel(const struct txn *t, const sip_t *sip)
{
	return t->initial && t->pair->forked && !sip->sip_rseq &&
	       t->pair->call && call_packages(t->pair->call);
}

bool fork_hushes(const struct txn *t, const sip_t *sip)
{
	return sip->sip_status && sip->sip_status->st_status < 200 &&
	       (fork_is(t) || shares_tunnel(t, sip));
}

/* -- sending -------------------------------------------------------------- */

/* It could not leave: its phone has failed. */
static void not_sent(struct fork *f, struct txn *prong,
		     const struct refusal *no)
{
	f->no = *no;
	prong->answer = no->status;
	note_failure(f, prong, NULL);
}

void fork_send(struct passage *p, const struct body *body)
{
	struct txn *lead = p->txn, *prong;
	struct fork *f = lead->pair->fork;
	const sip_t *invite = sip_object(p->msg);
	struct refusal no = reply_no(500, "the request cannot be sent on");
	uint32_t todo = f->todo;

	if (f->decided) /* while the offer was on its way to here */
		return;
	f->todo = 0;
	for (unsigned i = 0; todo >> i; i++) {
		if (!(todo >> i & 1))
			continue;
		prong = prong_new(f, i, invite);
		if (prong && !txn_send(prong, p, body, &no))
			not_sent(f, prong, &no);
	}
	if (!f->prongs) {
		pair_end(lead->pair, &no, "out of memory");
		return;
	}
	if (body->len && filter_offers(invite))
		session_offered(lead, body);
	early_answer(lead, invite);
	f->impatient = false; /* it may have waited here for long */
	loop_timer_set(f->timer, PATIENCE_MS);
	look(f);
}

/* -- life ----------------------------------------------------------------- */

bool fork_begin(struct txn *t)
{
	struct fork *f;

	if (!call_phone(t->pair->call, 1))
		return true;
	f = calloc(1, sizeof *f);
	if (!f)
		return false;
	if (loop_timer_new(t->pair->sip->loop, on_patience, f, &f->timer)) {
		free(f);
		return false;
	}
	f->lead = t;
	t->pair->fork = f;
	next_group(f);
	return true;
}

void fork_end(struct pair *pair, const struct refusal *no)
{
	struct fork *f = pair->fork;
	char reason[REASON_TEXT + 32];

	if (!f || f->decided)
		return;
	leg_reason(pair->called, no->status,
		   no->warn_code ? no->warn : no->phrase, reason,
		   sizeof reason);
	cancel_others(f, NULL, no->status == 487 ? NULL : reason);
}

bool fork_busy(const struct pair *pair)
{
	const struct txn *t = pair->fork ? pair->fork->prongs : NULL;

	while (t && !is_open(t))
		t = t->next;
	return t;
}

void fork_give_up(struct pair *pair, uint64_t now_us)
{
	struct fork *f = pair->fork;

	if (!f || !f->decided ||
	    now_us - f->decided_us < pair->sip->patience_us)
		return;
	for (struct txn *t = f->prongs; t; t = t->next)
		if (!t->done)
			txn_done(t);
}

void fork_free(struct pair *pair)
{
	struct fork *f = pair->fork;
	struct txn *t;

	if (!f)
		return;
	while ((t = f->prongs)) {
		f->prongs = t->next;
		if (t->orq)
			nta_outgoing_destroy(t->orq);
		txn_free(t);
	}
	loop_timer_free(f->timer);
	msg_destroy(f->best_said);
	free(f);
	pair->fork = NULL;
}
