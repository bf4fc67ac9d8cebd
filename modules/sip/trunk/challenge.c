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

static bool is_challenge(const sip_t *sip)
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

	if (!is_challenge(sip) || !may_answer(t))
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

/* -- a BYE of our own ----------------------------------------------------- */

struct goodbye {
	struct goodbye *next;
	struct sip_face *face;
	nta_outgoing_t *orq;
	struct auth *auth;
	bool sips;
	char peer[NAME_TEXT];
	char hop[NAT_HOP]; /* or "" */
};

static void goodbye_free(struct goodbye *g)
{
	struct goodbye **at = &g->face->sip->goodbyes;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	if (g->orq)
		nta_outgoing_destroy(g->orq);
	auth_free(g->auth);
	free(g);
}

static int on_bye_response(struct txn *self, nta_outgoing_t *orq,
			   const sip_t *sip);

static bool launch(struct goodbye *g, msg_t *msg)
{
	struct txn *self = (struct txn *)(void *)g; /* Sofia's one type */

	if (face_may_leave(msg, g->hop, g->sips))
		g->orq = nta_outgoing_mcreate(
			g->face->agent, on_bye_response, self,
			*g->hop ? (url_string_t *)g->hop : NULL, msg,
			TPTAG_IDENT(face_ident(msg, g->hop)), TAG_END());
	return g->orq;
}

/* The same once more: no dialog is needed for it, which may be gone. */
static msg_t *repeat(struct goodbye *g)
{
	msg_t *sent = nta_outgoing_getrequest(g->orq);
	msg_t *msg = sent ? msg_dup(sent) : NULL;
	sip_t *sip = msg ? sip_object(msg) : NULL;
	sip_cseq_t *cseq;

	msg_destroy(sent);
	if (!sip)
		return NULL;
	while (sip->sip_via)
		msg_header_remove(msg, (msg_pub_t *)sip,
				  (msg_header_t *)sip->sip_via);
	cseq = sip_cseq_create(msg_home(msg), sip->sip_cseq->cs_seq + 1,
			       SIP_METHOD_BYE);
	msg_header_remove(msg, (msg_pub_t *)sip,
			  (msg_header_t *)sip->sip_cseq);
	if (cseq && !msg_header_insert(msg, (msg_pub_t *)sip,
				       (msg_header_t *)cseq) &&
	    auth_put(g->auth, msg))
		return msg;
	msg_destroy(msg);
	return NULL;
}

static void on_bye_auth(void *user, bool good)
{
	struct goodbye *g = user;
	msg_t *msg = good ? repeat(g) : NULL;

	nta_outgoing_destroy(g->orq);
	g->orq = NULL;
	if (msg && launch(g, msg))
		return;
	msg_destroy(msg);
	goodbye_free(g);
}

static int on_bye_response(struct txn *self, nta_outgoing_t *orq,
			   const sip_t *sip)
{
	struct goodbye *g = (struct goodbye *)(void *)self;
	struct auth_request q = { .peer = g->peer, .response = sip,
				  .method = "BYE" };
	su_home_t home[1] = { SU_HOME_INIT(home) };
	int r = -1;

	if (nta_outgoing_status(orq) < 200)
		return 0;
	su_home_init(home);
	q.uri = url_as_string(home, nta_outgoing_request_uri(orq));
	if (is_challenge(sip) && q.uri && !g->auth)
		r = auth_challenged(g->face->sip, &q, on_bye_auth, g,
				    &g->auth);
	su_home_deinit(home);
	if (r)
		goodbye_free(g);
	return 0;
}

void challenge_bye(struct leg *leg, msg_t *msg)
{
	struct sip *s = leg->face->sip;
	struct goodbye *g = calloc(1, sizeof *g);

	if (!g) {
		msg_destroy(msg);
		return;
	}
	g->face = leg->face;
	g->sips = leg->sips;
	memcpy(g->peer, leg->pair->peer, sizeof g->peer);
	snprintf(g->hop, sizeof g->hop, "%s", leg_hop(leg));
	g->next = s->goodbyes;
	s->goodbyes = g;
	if (launch(g, msg))
		return;
	msg_destroy(msg);
	goodbye_free(g);
}

void challenge_forget(struct sip *s)
{
	while (s->goodbyes)
		goodbye_free(s->goodbyes);
}
