/* retry.c - see retry.h.
 *
 * The core says whether, and filters the caller's own INVITE once more; here
 * the called side's dialogs are given up for a fresh one (own Call-ID and tag:
 * to the far end it is a new call, RFC 3261 8.1.3.5 would also allow the old
 * one). Sofia has acknowledged the refusal. The caller's transaction stays as
 * it is; a CANCEL meanwhile ends the pair as always. Not after a reliable
 * response that the caller may still acknowledge. */
#include "modules/sip/retry.h"

#include "daemon/uri.h"
#include "modules/sip/filter.h"
#include "modules/sip/leg.h"

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
	struct leg_to to = { .sips = uri_is_sips(route->target) };
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

bool retry_invite(struct txn *t, const sip_t *sip)
{
	struct pair *pair = t->pair;
	msg_t *request;
	struct leg *leg;

	if (!t->initial || !t->irq || t->final || t->reliables ||
	    waits(pair) || sip->sip_status->st_status < 300 ||
	    !call_retry(pair->call, sip->sip_status->st_status))
		return false;
	request = nta_incoming_getrequest(t->irq);
	leg = request ? fresh_leg(t, sip_object(request)) : NULL;
	if (!leg) {
		msg_destroy(request);
		return false;
	}
	nta_outgoing_destroy(t->orq);
	t->orq = NULL;
	t->answer = 0;
	t->to = leg;
	filter_pass(t, PASS_REQUEST, leg, request);
	return true;
}
