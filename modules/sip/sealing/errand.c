/* errand.c - see errand.h.
 *
 * Where messages are signed it waits for the keeper, which the core gives up
 * after a while; nothing leaves then. Of a BYE only this end of the call knows
 * in that case: the far end learns it from silence. A BYE that was challenged
 * has another CSeq and is signed anew. */
#include "modules/sip/sealing/errand.h"

#include "daemon/base/log.h"
#include "modules/sip/leg.h"
#include "modules/sip/nat/nat.h"
#include "modules/sip/sealed.h"
#include "modules/sip/sealing/seals.h"
#include "modules/sip/sealing/whole.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/trunk/challenge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/tport_tag.h>

struct errand {
	struct errand *next;
	struct sip_face *face;
	nta_outgoing_t *orq;
	struct auth *auth;
	msg_t *bare;          /* before it is sealed; owned, or NULL */
	struct body_way *way; /* of a sealed one; owned, or NULL */
	char *branch;         /* of an ACK; owned, or NULL */
	bool sips;
	bool full;            /* with our certificates, which a 493 wants */
	char peer[NAME_TEXT];
	char hop[NAT_HOP];    /* or "" */
};

static void errand_free(struct errand *g)
{
	struct errand **at = &g->face->sip->errands;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	engine_words_forget(g->face->sip->engine, g);
	if (g->orq)
		nta_outgoing_destroy(g->orq);
	auth_free(g->auth);
	msg_destroy(g->bare);
	free(g->way);
	free(g->branch);
	free(g);
}

static int on_response(struct txn *self, nta_outgoing_t *orq,
		       const sip_t *sip);

/* An ACK has no response: nta keeps it as long as it needs. Takes msg. */
static void launch(struct errand *g, msg_t *msg)
{
	struct txn *self = (struct txn *)(void *)g; /* Sofia's one type */

	if (face_may_leave(msg, g->hop, g->sips))
		g->orq = nta_outgoing_mcreate(
			g->face->agent, g->branch ? NULL : on_response,
			g->branch ? NULL : self,
			*g->hop ? (url_string_t *)g->hop : NULL, msg,
			TAG_IF(g->branch, NTATAG_ACK_BRANCH(g->branch)),
			TPTAG_IDENT(face_ident(msg, g->hop)), TAG_END());
	if (!g->orq)
		msg_destroy(msg);
	if (!g->orq || g->branch)
		errand_free(g);
}

/* -- its seal ------------------------------------------------------------- */

static void on_sealed(void *user, const struct refusal *no,
		      const struct call_sealed_body *body)
{
	struct errand *g = user;
	const sip_t *sip = sip_object(g->bare);
	msg_t *msg = no ? NULL : msg_dup(g->bare);

	if (msg && sealed_put(msg, body)) {
		launch(g, msg);
		return;
	}
	msg_destroy(msg);
	log_line(LOG_CLASS_ERROR, SIP_TAG, g->way->id, "peer %s: %s not sent: "
		 "it cannot be signed now; the call is over on this side only",
		 g->peer, sip->sip_request->rq_method_name);
	errand_free(g);
}

/* Takes msg. */
static void seal(struct errand *g, msg_t *msg)
{
	static const struct body none = { .type = "" };
	const struct refusal no = { .status = 500 };
	char *frag = whole_bound(g->way, NULL, NULL, msg);

	msg_destroy(g->bare);
	g->bare = msg;
	if (frag)
		engine_words_seal(g->face->sip->engine, g->way, g->full, frag,
				  &none, on_sealed, g);
	else
		on_sealed(g, &no, NULL);
	free(frag);
}

static void send_on(struct errand *g, msg_t *msg)
{
	if (g->way)
		seal(g, msg);
	else
		launch(g, msg);
}

/* -- its challenge -------------------------------------------------------- */

static nta_leg_t *dialog_of(const struct errand *g, const sip_t *sip)
{
	return nta_leg_by_dialog(g->face->agent, NULL, sip->sip_call_id,
				 sip->sip_to->a_tag, NULL,
				 sip->sip_from->a_tag, NULL);
}

/* In a dialog that lives on, its next number; after a BYE none comes. */
static bool count_on(const struct errand *g, msg_t *msg, sip_t *sip)
{
	const sip_request_t *rq = sip->sip_request;
	nta_leg_t *dialog = dialog_of(g, sip);
	sip_cseq_t *cseq = sip_cseq_create(msg_home(msg),
					   sip->sip_cseq->cs_seq + 1,
					   rq->rq_method, rq->rq_method_name);

	msg_header_remove(msg, (msg_pub_t *)sip,
			  (msg_header_t *)sip->sip_cseq);
	if (dialog)
		return !nta_msg_request_complete(msg, dialog, rq->rq_method,
						 rq->rq_method_name, NULL);
	return cseq && !msg_header_insert(msg, (msg_pub_t *)sip,
					  (msg_header_t *)cseq);
}

/* The same once more; its dialog may be gone. */
static msg_t *repeat(struct errand *g)
{
	msg_t *sent = g->bare ? msg_ref(g->bare)
			      : nta_outgoing_getrequest(g->orq);
	msg_t *msg = sent ? msg_dup(sent) : NULL;
	sip_t *sip;

	msg_destroy(sent);
	if (!msg)
		return NULL;
	sip = sip_object(msg);
	while (sip->sip_via)
		msg_header_remove(msg, (msg_pub_t *)sip,
				  (msg_header_t *)sip->sip_via);
	if (count_on(g, msg, sip) && auth_put(g->auth, msg))
		return msg;
	msg_destroy(msg);
	return NULL;
}

static void on_auth(void *user, bool good)
{
	struct errand *g = user;
	msg_t *msg = good ? repeat(g) : NULL;

	nta_outgoing_destroy(g->orq);
	g->orq = NULL;
	if (msg)
		send_on(g, msg);
	else
		errand_free(g);
}

static int on_response(struct txn *self, nta_outgoing_t *orq,
		       const sip_t *sip)
{
	struct errand *g = (struct errand *)(void *)self;
	struct auth_request q = { .peer = g->peer, .response = sip,
				  .method = nta_outgoing_method_name(orq) };
	su_home_t home[1] = { SU_HOME_INIT(home) };
	int r = -1;

	if (nta_outgoing_status(orq) < 200)
		return 0;
	su_home_init(home);
	q.uri = url_as_string(home, nta_outgoing_request_uri(orq));
	if (challenge_is(sip) && q.uri && !g->auth)
		r = auth_challenged(g->face->sip, &q, on_auth, g, &g->auth);
	su_home_deinit(home);
	if (r && sip && nta_outgoing_status(orq) < 300)
		auth_proved(g->auth, sip);
	if (r && nta_outgoing_status(orq) == 493 && g->way && !g->full) {
		g->full = true;
		on_auth(g, true);
	} else if (r) {
		errand_free(g);
	}
	return 0;
}

/* -- sending -------------------------------------------------------------- */

bool errand_is_sealed(const struct leg *leg, sip_method_t method)
{
	const struct pair *pair = leg->pair;
	bool whole = pair->call ? call_whole(pair->call)
				: pair->way && pair->way->whole;

	return leg->face->face == OUTSIDE &&
	       seals_of(method, 0, whole) != SEALS_NONE &&
	       (pair->call ? call_signs(pair->call) : pair->way != NULL);
}

static struct errand *errand_new(struct leg *leg)
{
	struct errand *g = calloc(1, sizeof *g);
	struct sip *s = leg->face->sip;

	if (!g)
		return NULL;
	g->face = leg->face;
	g->sips = leg->sips;
	memcpy(g->peer, leg->pair->peer, sizeof g->peer);
	snprintf(g->hop, sizeof g->hop, "%s", leg_hop(leg));
	g->next = s->errands;
	s->errands = g;
	return g;
}

static bool take_way(struct errand *g, const struct pair *pair)
{
	g->way = malloc(sizeof *g->way);
	if (!g->way)
		return false;
	if (pair->call)
		call_way(pair->call, g->way);
	else
		*g->way = *pair->way;
	/* the call's, which ends before; for what is fetched, which this is
	 * not worth */
	g->way->target = g->way->next_hop = g->way->routes = NULL;
	return true;
}

void errand_send(struct leg *leg, msg_t *msg, const char *branch)
{
	sip_method_t method = sip_object(msg)->sip_request->rq_method;
	struct errand *g = errand_new(leg);

	if (!g) {
		msg_destroy(msg);
		return;
	}
	if ((branch && !(g->branch = strdup(branch))) ||
	    (errand_is_sealed(leg, method) && !take_way(g, leg->pair))) {
		msg_destroy(msg);
		errand_free(g);
		return;
	}
	send_on(g, msg);
}

void errands_forget(struct sip *s)
{
	while (s->errands)
		errand_free(s->errands);
}
