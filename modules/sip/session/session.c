/* session.c - session timers (RFC 4028): what each leg agrees, and what is due.
 *
 * Every INVITE and UPDATE that we send says "Supported: timer" and, with
 * calls.session, the interval that we want; its 2xx tells what holds (7.2).
 * Every one that comes is answered for itself (section 9, table 2): the
 * interval that it asks, or less if we want less, or ours where it only says
 * that it knows timers. Who refreshes is the other end, unless it wants or
 * needs us to. An end that knows no timers has none.
 *
 * A session that is not refreshed ends the call on both legs, the lesser of 32
 * s and a third of the interval before its end where the other end had to
 * refresh (section 10). Time is monotonic.
 *
 * Does not do: timers towards an end that does not know them (7.2 would let us
 * refresh all the same); silence of its media ends such a call. */
#include "modules/sip/session/session.h"

#include "daemon/base/clock.h"
#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/leg.h"
#include "modules/sip/pair.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/session/refresh.h"
#include "modules/sip/txn.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>

#define SECOND_US 1000000ull
#define TICK_MS 1000
#define INTERVAL_MAX_S (7 * 86400) /* a greater one is as good as this */
#define MARGIN_S 32                /* section 10 */
#define SMALL_MAX 2                /* 422s that one request may get */

const char *const session_tags[] = { "timer", NULL };

static uint64_t now_us(void)
{
	return clock_mono_us(&clock_system);
}

static uint32_t bounded(unsigned long s)
{
	return s > INTERVAL_MAX_S ? INTERVAL_MAX_S : (uint32_t)s;
}

static uint32_t greater(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static bool is_refresh(sip_method_t m)
{
	return m == sip_method_invite || m == sip_method_update;
}

/* The interval that the configuration wants; 0: none of our own. */
static uint32_t wanted_s(const struct leg *leg)
{
	return engine_settings(leg->face->sip->engine)->session_s;
}

/* -- what is agreed ------------------------------------------------------- */

static void run(struct sip *s)
{
	if (s->sessions_run)
		return;
	s->sessions_run = true;
	loop_timer_set(s->sessions, TICK_MS);
}

/* From now on; interval 0: no timer. */
static void begin(struct leg *leg, uint32_t interval_s, bool ours)
{
	struct session *n = &leg->session;
	uint32_t margin = interval_s / 3 < MARGIN_S ? interval_s / 3
						    : MARGIN_S;
	uint64_t now = now_us();

	n->interval_s = interval_s;
	n->ours = ours;
	n->refresh_us = n->end_us = 0;
	if (!interval_s)
		return;
	if (ours)
		n->refresh_us = now + interval_s * SECOND_US / 2;
	n->end_us = now + (interval_s - (ours ? 0 : margin)) * SECOND_US;
	run(leg->face->sip);
}

static bool refresher_is(const sip_session_expires_t *x, const char *who)
{
	return x->x_refresher && !strcasecmp(x->x_refresher, who);
}

void session_read(struct session_ask *out, const sip_t *sip)
{
	const sip_session_expires_t *x = sip->sip_session_expires;

	*out = (struct session_ask){ 0 };
	if (!is_refresh(sip->sip_request->rq_method))
		return;
	out->timer = sip_has_feature(sip->sip_supported, "timer") ||
		     sip_has_feature(sip->sip_require, "timer");
	if (sip->sip_min_se)
		out->min_s = bounded(sip->sip_min_se->min_delta);
	if (!x)
		return;
	out->interval_s = greater(bounded(x->x_delta), SESSION_MIN_S);
	out->uac = refresher_is(x, "uac");
	out->uas = refresher_is(x, "uas");
}

static void note_min(struct leg *leg, const sip_t *sip)
{
	if (sip->sip_min_se)
		leg->session.min_s =
			greater(leg->session.min_s,
				bounded(sip->sip_min_se->min_delta));
}

int session_asked(struct leg *from, const sip_t *sip)
{
	const sip_session_expires_t *x = sip->sip_session_expires;

	if (!is_refresh(sip->sip_request->rq_method))
		return 0;
	if (x && x->x_delta < SESSION_MIN_S &&
	    sip_has_feature(sip->sip_supported, "timer"))
		return 422;
	if (from)
		note_min(from, sip);
	return 0;
}

void session_agreed(struct leg *to, const sip_t *sip)
{
	const sip_session_expires_t *x = sip->sip_session_expires;

	if (!x)
		begin(to, 0, false);
	else
		begin(to, greater(bounded(x->x_delta), SESSION_MIN_S),
		      !refresher_is(x, "uas"));
}

/* Not less than the request's Min-SE, not more than it asks for. */
static uint32_t grant_s(const struct session_ask *ask, uint32_t want)
{
	if (!want && !ask->interval_s)
		return 0;
	if (!ask->interval_s)
		return ask->timer ? greater(want, ask->min_s) : 0;
	if (!want || want > ask->interval_s)
		return ask->interval_s;
	want = greater(want, ask->min_s);
	return want < ask->interval_s ? want : ask->interval_s;
}

bool session_grant(struct txn *t, char out[static SESSION_TEXT])
{
	const struct session_ask *ask = &t->ask;
	struct leg *leg = t->from;
	uint32_t interval = grant_s(ask, wanted_s(leg));
	bool ours = ask->uas || !ask->timer;

	/* in a session that is on its way roles stay as they are */
	if (ask->timer && !ask->uac && !ask->uas && leg->session.interval_s)
		ours = leg->session.ours;
	if (!interval) {
		begin(leg, 0, false);
		return false;
	}
	begin(leg, interval, ours);
	snprintf(out, SESSION_TEXT, "%u;refresher=%s", interval,
		 ours ? "uas" : "uac");
	return true;
}

bool session_response(struct txn *t, msg_t *msg)
{
	char expires[SESSION_TEXT];

	if (!is_refresh(t->method) || !session_grant(t, expires))
		return true;
	return header_add(msg, "Session-Expires", expires) &&
	       (!t->ask.timer || header_add(msg, "Require", "timer"));
}

/* -- what we ask ---------------------------------------------------------- */

static bool ask_interval(const struct leg *to, msg_t *msg)
{
	const struct session *n = &to->session;
	uint32_t want = n->interval_s ? n->interval_s : wanted_s(to);
	char text[SESSION_TEXT];

	if (!want)
		return true;
	want = greater(want, n->min_s);
	snprintf(text, sizeof text, "%u%s", want, !n->interval_s ? "" :
		 n->ours ? ";refresher=uac" : ";refresher=uas");
	return header_add(msg, "Session-Expires", text);
}

bool session_request(struct txn *t, msg_t *msg, const sip_t *sip)
{
	char text[SESSION_TEXT];

	if (!is_refresh(t->method))
		return true;
	if (!(sip && sip_has_feature(sip->sip_supported, "timer")) &&
	    !header_add(msg, "Supported", "timer"))
		return false;
	snprintf(text, sizeof text, "%u", t->to->session.min_s);
	return ask_interval(t->to, msg) &&
	       (!t->to->session.min_s || header_add(msg, "Min-SE", text));
}

bool session_small(struct txn *t, const sip_t *sip)
{
	uint32_t before = t->to->session.min_s;

	note_min(t->to, sip);
	return t->to->session.min_s > before && t->small++ < SMALL_MAX;
}

/* -- a refresh that need not pass ----------------------------------------- */

/* It also tells who is there now (RFC 3325, 5876). */
static bool names_somebody(const sip_t *sip)
{
	const sip_unknown_t *h = sip->sip_unknown;

	while (h && strcasecmp(h->un_name, "P-Asserted-Identity") &&
	       strcasecmp(h->un_name, "P-Preferred-Identity") &&
	       strcasecmp(h->un_name, "Remote-Party-ID"))
		h = h->un_next;
	return h;
}

bool session_only(const struct leg *from, const struct leg *to,
		  const sip_t *sip)
{
	return sip->sip_request->rq_method == sip_method_update &&
	       sip->sip_session_expires && from->session.interval_s &&
	       (!names_somebody(sip) || !to->updates);
}

void session_answer(struct txn *t)
{
	char expires[SESSION_TEXT];
	bool timed = session_grant(t, expires);

	leg_accepted(t->from, t->irq);
	t->final = 200;
	t->local = true;
	nta_incoming_treply(
		t->irq, SIP_200_OK, SIPTAG_CONTACT(t->from->contact),
		SIPTAG_ALLOW_STR(SIP_ALLOW),
		TAG_IF(timed, SIPTAG_SESSION_EXPIRES_STR(expires)),
		TAG_IF(timed && t->ask.timer, SIPTAG_REQUIRE_STR("timer")),
		TAG_END());
	txn_done(t);
}

/* -- what was said -------------------------------------------------------- */

void said_free(struct said *s)
{
	if (s->data)
		OPENSSL_cleanse(s->data, s->len);
	free(s->data);
	*s = (struct said){ 0 };
}

/* Without memory there is none, and a refresh by re-INVITE fails later. The
 * outside of a sealed call is the core's to repeat, with its keys; so is one
 * that has had preconditions, without them. */
static void keep(struct said *s, const struct leg *leg,
		 const struct body *body)
{
	const struct call *call = leg->pair->call;

	said_free(s);
	if (!call || (leg->face->face == OUTSIDE &&
		      (call_sealed(call) || call_before(call))))
		return;
	s->data = malloc(body->len);
	if (!s->data)
		return;
	memcpy(s->data, body->data, body->len);
	s->len = body->len;
}

void session_offered(struct txn *t, const struct body *body)
{
	keep(&t->said, t->to, body);
}

void session_said(struct leg *leg, const struct body *body)
{
	keep(&leg->pair->said[leg->caller], leg, body);
}

/* -- time ----------------------------------------------------------------- */

static void end(struct leg *leg)
{
	struct refusal no = reply_no(408, "the session was not refreshed");

	leg->session.end_us = 0;
	pair_end(leg->pair, &no, no.warn);
}

/* Whether the leg still has a timer. */
static bool look(struct leg *leg, uint64_t now)
{
	struct session *n = &leg->session;

	if (!n->interval_s || leg->pair->state == PAIR_ENDED)
		return false;
	if (n->end_us && now >= n->end_us)
		end(leg);
	else if (n->refresh_us && now >= n->refresh_us && !n->refreshing &&
		 leg->pair->state == PAIR_UP)
		refresh_begin(leg);
	return true;
}

void session_tick(void *sip)
{
	struct sip *s = sip;
	uint64_t now = now_us();
	struct pair *pair;
	bool any = false;

	s->sessions_run = false;
	/* a pair that ends is freed by the sweep, later */
	for (pair = s->pairs; pair; pair = pair->next) {
		any |= look(pair->caller, now);
		any |= pair->called && look(pair->called, now);
	}
	if (any)
		run(s);
}
