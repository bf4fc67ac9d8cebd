/* retry.c - see retry.h.
 *
 * The core says whether, and filters the caller's own INVITE once more; here
 * the called side's dialogs are given up for a fresh one (own Call-ID and tag:
 * to the far end it is a new call, RFC 3261 8.1.3.5 would also allow the old
 * one). Sofia has acknowledged the refusal. The caller's transaction stays as
 * it is; a CANCEL meanwhile ends the pair as always. Not after a reliable
 * response that the caller may still acknowledge.
 *
 * Another next hop (RFC 3263 4.3) is tried after a failure of the transport, a
 * 503, or four seconds, in which an INVITE by UDP goes out four times, without
 * a single response. The INVITE that nobody answered is cancelled as soon as
 * somebody does (RFC 3261 9.1); a 2xx that comes all the same is acknowledged
 * and ended by Sofia.
 *
 * A 493 to a sealed INVITE may bring a certificate that is to be sealed for
 * (RFC 3261 23.2): the keeper looks at it first.
 *
 * A redirection of the far end is followed where the configuration says so: the
 * best Contact to which the core lets the call go, never one inside. */
#include "modules/sip/retry.h"

#include "daemon/engine/loop.h"
#include "daemon/uri.h"
#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/leg.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/sealed.h"
#include "modules/sip/session/session.h"
#include "modules/sip/trunk/challenge.h"
#include "modules/sip/trunk/hops.h"
#include "modules/sip/txn.h"
#include "modules/sip/words.h"

#include <stdio.h>

#include <sofia-sip/msg.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/url.h>

/* Late responses of the old dialogs find nobody. */
static void leave_legs(struct pair *pair)
{
	struct leg **last = &pair->lost;

	for (struct leg *leg = pair->called; leg; leg = leg->next) {
		if (leg->dialog)
			nta_leg_destroy(leg->dialog);
		leg->dialog = NULL;
	}
	while (*last)
		last = &(*last)->next;
	*last = pair->called;
	pair->called = NULL;
}

static struct leg *fresh_leg(struct txn *t, const sip_t *invite)
{
	const struct call_route *route = call_route(t->pair->call);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct leg_to to = { .sips = uri_is_sips(route->target),
			     .nat = route->nat ? route->next_hop : "" };
	struct leg *leg = NULL, *old = t->pair->called;

	su_home_init(home);
	to.hop = url_make(home,
			  *route->next_hop ? route->next_hop : route->target);
	if (to.hop) {
		leave_legs(t->pair);
		leg = leg_called(t->pair, old->face, invite, &to);
	}
	su_home_deinit(home);
	return leg;
}

static bool waits(const struct pair *pair)
{
	return pair->queue || pair->state != PAIR_CALLING || !pair->call ||
	       pair->branches >= BRANCHES_MAX;
}

#define PATIENCE_MS 4000

static bool begun(const struct txn *t)
{
	return !t->initial || !t->irq || t->final || t->reliables ||
	       t->pair->fork ||
	       waits(t->pair);
}

/* Once more from the start; false: no memory, all is as it was. */
static bool again(struct txn *t)
{
	msg_t *request = nta_incoming_getrequest(t->irq);
	struct leg *leg = request ? fresh_leg(t, sip_object(request)) : NULL;

	if (!leg) {
		msg_destroy(request);
		return false;
	}
	leg->session.min_s = t->to->session.min_s;
	if (!t->answer)
		nta_outgoing_tcancel(t->orq, NULL, NULL, TAG_END());
	nta_outgoing_destroy(t->orq);
	t->orq = NULL;
	t->answer = 0;
	t->to = leg;
	filter_pass(t, PASS_REQUEST, leg, request);
	return true;
}

/* Less protected, or with a session interval that suits (RFC 4028 7.3): the
 * same offer then, for who refused it did not look at it. */
static bool once_more(struct txn *t, const sip_t *sip)
{
	if (sip->sip_status->st_status == 422)
		return session_small(t, sip);
	return call_retry(t->pair->call, sip->sip_status->st_status);
}

bool retry_invite(struct txn *t, const sip_t *sip)
{
	return !begun(t) && sip->sip_status->st_status >= 300 &&
	       once_more(t, sip) && again(t);
}

/* -- certificates that came with a 493 ------------------------------------ */

static void on_learned(void *user, bool learned)
{
	struct txn *t = user;

	(void)learned; /* call_retry() knows */
	if (!t->done && t->pair->state != PAIR_ENDED)
		txn_go_on(t);
}

/* A phone's request in a call that waits for its answer. */
static bool goes_on(const struct txn *t)
{
	return !t->initial && t->irq && !t->final && t->pair->call &&
	       t->pair->state != PAIR_ENDED;
}

bool retry_learns(struct txn *t, const sip_t *sip)
{
	struct call_given g;
	bool fine;

	if (sip->sip_status->st_status != 493 || t->learned ||
	    (t->initial ? begun(t) : !goes_on(t)) ||
	    !sealed_from(t->pair, t->to) ||
	    filter_body_kind(sip) != BODY_SEALED)
		return false;
	t->learned = true;
	fine = words_given(sip, &g);
	if (fine)
		call_learn(t->pair->call, &g, on_learned, t);
	words_given_free(&g);
	return fine;
}

/* As with credentials: the next CSeq, and new keys. */
bool retry_sealed(struct txn *t, const sip_t *sip)
{
	if (sip->sip_status->st_status != 493 || !goes_on(t) ||
	    !sealed_from(t->pair, t->to) || !call_seal_again(t->pair->call))
		return false;
	challenge_relay(t, true);
	return true;
}

/* -- a redirection -------------------------------------------------------- */

#define CONTACTS_MAX 16 /* that are looked at */

/* In thousandths; 1 when it is not told (RFC 3261 20.10). */
static unsigned quality(const sip_contact_t *m)
{
	return m->m_q ? (unsigned)msg_q_value(m->m_q) : 1000;
}

/* The best of those whose bit is not set in seen; their order is kept where
 * they are alike. */
static const sip_contact_t *best(const sip_t *sip, unsigned *seen)
{
	const sip_contact_t *m = sip->sip_contact, *found = NULL;
	unsigned at = 0;

	for (unsigned i = 0; m && i < CONTACTS_MAX; m = m->m_next, i++)
		if (!(*seen >> i & 1) &&
		    (!found || quality(m) > quality(found))) {
			found = m;
			at = i;
		}
	*seen |= found ? 1u << at : 0;
	return found;
}

/* A place outside, and by TLS where the call is (RFC 5630 section 4). */
static bool is_place(const struct txn *t, const url_t *uri)
{
	const struct sip_face *inside = &t->pair->sip->face[INSIDE];

	if (uri->url_type == url_tel)
		return !t->to->sips;
	return (uri->url_type == url_sips ||
		(uri->url_type == url_sip && !t->to->sips)) &&
	       !headers_show_inside(uri, inside->settings);
}

static bool redirect(const struct txn *t, const sip_contact_t *m)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	url_t place = *m->m_url;
	const char *text;
	bool went;

	if (!is_place(t, m->m_url))
		return false;
	place.url_headers = NULL; /* they would be ours to obey */
	su_home_init(home);
	text = url_as_string(home, &place);
	went = text && !call_redirect(t->pair->call, text);
	su_home_deinit(home);
	return went;
}

bool retry_redirected(struct txn *t, const sip_t *sip)
{
	int status = sip->sip_status->st_status;
	const sip_contact_t *m;
	unsigned seen = 0;

	if (status < 300 || status > 302 || t->to->face->face != OUTSIDE ||
	    !engine_settings(t->pair->sip->engine)->redirect_follow || begun(t))
		return false;
	while ((m = best(sip, &seen)))
		if (redirect(t, m))
			return again(t);
	return false;
}

/* -- another next hop ----------------------------------------------------- */

bool retry_elsewhere(struct txn *t, const sip_t *sip)
{
	int status = nta_outgoing_status(t->orq);
	char why[64];

	if (t->to->face->face != OUTSIDE || begun(t) ||
	    !hops_failed(sip, status))
		return false;
	snprintf(why, sizeof why, "%d %s", status, reply_phrase(status));
	return call_next_hop(t->pair->call, why) && again(t);
}

static void on_silence(void *user)
{
	struct txn *t = user;

	if (t->done || !t->orq || begun(t) ||
	    nta_outgoing_status(t->orq) >= 100)
		return;
	hops_silent(t->pair->sip->hops, t->orq);
	if (call_next_hop(t->pair->call, "no answer"))
		again(t);
}

void retry_await(struct txn *t)
{
	struct sip *s = t->pair->sip;

	if (t->to->face->face != OUTSIDE || !t->initial ||
	    !call_has_hop(t->pair->call))
		return;
	if (!t->patience &&
	    loop_timer_new(s->loop, on_silence, t, &t->patience))
		return; /* Sofia's own timers are left */
	loop_timer_set(t->patience, PATIENCE_MS);
}
