/* again.c - see again.h.
 *
 * The same request goes out with the next CSeq (RFC 3261 22.2), so that what
 * is sealed in it is sealed anew: the seal is bound to its CSeq. Credentials
 * are headers beside it. Where the phone brings credentials of its own for the
 * realm, its answer counts; a challenge that no account is for passes to it.
 *
 * Another next hop (RFC 3263 4.3) is tried after a failure of the transport, a
 * 503, or five seconds of silence: who still works on a request says 100 when
 * 3.5 are over (RFC 4320 4.1). Not once a NOTIFY came, or inside a dialog. */
#include "modules/sip/request/again.h"

#include "modules/sip/filter.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/request/answer.h"
#include "modules/sip/request/forward.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/trunk/challenge.h"
#include "modules/sip/trunk/hops.h"
#include "modules/sip/words.h"

#include <stdio.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>

#define PATIENCE_MS 5000

/* The response that was held goes back after all. */
static void let_go(struct ask *a)
{
	const struct refusal no = reply_no(500, NULL);
	msg_t *response = nta_outgoing_getresponse(a->orq);

	if (response)
		answer_back(a, sip_object(response));
	else
		ask_refuse(a, &no);
	msg_destroy(response);
}

/* -- a challenge ---------------------------------------------------------- */

static void on_auth(void *user, bool good)
{
	struct ask *a = user;

	if (good)
		forward_again(a);
	else
		let_go(a);
}

static bool answers(struct ask *a, const sip_t *sip)
{
	struct auth_request q = { .peer = a->talk->way.peer, .response = sip };
	su_home_t home[1] = { SU_HOME_INIT(home) };
	msg_t *theirs;
	int r;

	if (!challenge_is(sip) || !ask_goes_out(a))
		return false;
	su_home_init(home);
	theirs = nta_incoming_getrequest(a->irq);
	q.theirs = theirs ? sip_object(theirs) : NULL;
	q.method = nta_outgoing_method_name(a->orq);
	q.uri = url_as_string(home, nta_outgoing_request_uri(a->orq));
	r = q.uri ? auth_challenged(a->talk->all->sip, &q, on_auth, a, &a->auth)
		  : -1;
	msg_destroy(theirs);
	su_home_deinit(home);
	return !r;
}

/* -- certificates --------------------------------------------------------- */

static void on_learned(void *user, bool learned)
{
	struct ask *a = user;

	if (learned || a->brief)
		forward_again(a);
	else
		let_go(a);
}

static bool learns(struct ask *a, const sip_t *sip)
{
	struct call_given g;
	bool fine = filter_body_kind(sip) == BODY_SEALED &&
		    words_given(sip, &g);

	if (!fine)
		return false;
	engine_words_learn(a->talk->all->sip->engine, &a->talk->way.body, &g,
			   on_learned, a);
	words_given_free(&g);
	return true;
}

/* It does not know our certificates (any more), or has another one than we
 * knew: once more, with ours, for that one. */
static bool shows(struct ask *a, const sip_t *sip)
{
	bool brief;

	if (sip->sip_status->st_status != 493 || !a->sealed || a->full ||
	    !ask_goes_out(a))
		return false;
	a->full = true;
	if (learns(a, sip))
		return true;
	brief = a->brief;
	if (brief)
		forward_again(a); /* it may end a */
	return brief;
}

/* -- another next hop ----------------------------------------------------- */

static bool may_move(const struct ask *a)
{
	return a->first && a->orq && ask_goes_out(a) &&
	       !a->talk->end[!a->from].tagged &&
	       request_has_hop(&a->talk->way);
}

/* Nonces are each server's own. */
static bool move(struct ask *a, const char *why)
{
	if (!may_move(a) || !request_next_hop(&a->talk->way, why))
		return false;
	auth_free(a->auth);
	a->auth = NULL;
	talk_toward(a->talk);
	forward_again(a);
	return true;
}

static bool moves(struct ask *a, const sip_t *sip)
{
	int status = nta_outgoing_status(a->orq);
	char why[64];

	snprintf(why, sizeof why, "%d %s", status, reply_phrase(status));
	return hops_failed(sip, status) && move(a, why);
}

static void on_silence(void *user)
{
	struct ask *a = user;

	if (!may_move(a) || nta_outgoing_status(a->orq) >= 100)
		return;
	hops_silent(a->talk->all->sip->hops, a->orq);
	move(a, "no answer");
}

void again_await(struct ask *a)
{
	if (!may_move(a))
		return;
	if (!a->patience &&
	    loop_timer_new(a->talk->all->sip->loop, on_silence, a,
			   &a->patience))
		return; /* Sofia's own timers are left */
	loop_timer_set(a->patience, PATIENCE_MS);
}

bool again(struct ask *a, const sip_t *sip)
{
	if (moves(a, sip))
		return true;
	return sip && !nta_sip_is_internal(sip) &&
	       (answers(a, sip) || shows(a, sip));
}
