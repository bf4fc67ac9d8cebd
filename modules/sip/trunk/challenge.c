/* challenge.c - see challenge.h.
 *
 * A request with new credentials has the same Call-ID and tags and the next
 * CSeq (RFC 3261 22.2), so that keys in its offer are made anew: a keying
 * message is bound to the request that it came in. A first INVITE goes through
 * the core's filter once more as if the phone had sent it again. Where the
 * phone brings credentials of its own for that realm, its answer counts. */
#include "modules/sip/trunk/challenge.h"

#include "daemon/base/log.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/filter.h"
#include "modules/sip/leg.h"
#include "modules/sip/nat/nat.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/txn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/tport_tag.h>

bool challenge_is(const sip_t *sip)
{
	return sip && !nta_sip_is_internal(sip) && sip->sip_status &&
	       (sip->sip_status->st_status == 401 ||
		sip->sip_status->st_status == 407);
}

/* -- requests of a call --------------------------------------------------- */

static void on_auth(void *user, bool good)
{
	struct txn *t = user;

	if (!t->done && t->pair->state != PAIR_ENDED)
		t->again(t, good);
}

/* A first INVITE whose early dialogs are there is not made again: they would
 * stay behind. */
static bool may_answer(const struct txn *t)
{
	return t->to->face->face == OUTSIDE && t->pair->call && !t->final &&
	       !t->done && !(t->initial && (t->to->tagged || t->reliables));
}

bool challenge_answer(struct txn *t, const sip_t *sip,
		      void (*again)(struct txn *t, bool good))
{
	struct auth_request q = { .peer = t->pair->peer, .response = sip };
	su_home_t home[1] = { SU_HOME_INIT(home) };
	msg_t *theirs;
	int r;

	if (!challenge_is(sip) || !may_answer(t))
		return false;
	su_home_init(home);
	theirs = t->irq ? nta_incoming_getrequest(t->irq) : NULL;
	q.theirs = theirs ? sip_object(theirs) : NULL;
	q.method = nta_outgoing_method_name(t->orq);
	q.uri = url_as_string(home, nta_outgoing_request_uri(t->orq));
	t->again = again;
	r = q.uri ? auth_challenged(t->pair->sip, &q, on_auth, t, &t->auth)
		  : -1;
	msg_destroy(theirs);
	su_home_deinit(home);
	return !r;
}

/* The leg of the called side that a message belongs to (filter.h). */
static struct leg *branch_of(const struct txn *t)
{
	if (!t->to->caller)
		return t->to;
	return t->method == sip_method_prack ? NULL : t->from;
}

void challenge_relay(struct txn *t, bool good)
{
	if (!good) {
		filter_pass(t, PASS_RESPONSE, t->to->caller ? NULL : t->to,
			    nta_outgoing_getresponse(t->orq));
		return;
	}
	nta_outgoing_destroy(t->orq);
	t->orq = NULL;
	t->answer = 0;
	if (t->offer)
		call_offer_again(t->pair->call);
	filter_pass(t, PASS_REQUEST, branch_of(t),
		    nta_incoming_getrequest(t->irq));
}
