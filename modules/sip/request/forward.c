/* forward.c - see forward.h.
 *
 * The words of a MESSAGE go and come sealed where the peer's profile says so
 * (words.h): it waits for the keeper before it goes on. */
#include "modules/sip/request/forward.h"

#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/replaces.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/request/again.h"
#include "modules/sip/request/answer.h"
#include "modules/sip/sealed.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/words.h"

#include <stdlib.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/tport_tag.h>

static bool put(msg_t *msg, void *header)
{
	return header && !msg_header_insert(msg, NULL, header);
}

/* words: what was opened, or NULL. What is to be sealed comes later. */
static bool put_body(const struct ask *a, msg_t *msg, const sip_t *sip,
		     const struct body *words)
{
	if (words)
		return words_put(msg, words);
	if (a->sealed)
		return sealed_date(msg);
	return !sip->sip_payload ||
	       body_add(msg, sip->sip_payload->pl_data,
			sip->sip_payload->pl_len);
}

static bool fill(const struct ask *a, msg_t *msg, const sip_t *sip,
		 const struct body *words)
{
	const struct talk_end *to = &a->talk->end[!a->from];
	const struct request_way *w = &a->talk->way;
	const struct talk_end *from = &a->talk->end[a->from];
	const char *ruri = a->first ? w->target : NULL;
	struct crossing x = talk_crossing(from);
	unsigned flags = talk_flags(&x, sip);

	if (a->sealed)
		flags = (flags & ~COPY_BODY) | (words ? 0 : COPY_NO_DATE);
	if (replaces_refers(from->face, sip))
		flags |= COPY_NO_REFER_TO;
	if (headers_copy_request(from->face, msg, sip, flags) ||
	    !border_privacy(msg, sip, &x, flags) ||
	    !replaces_add(from->face, sip, msg) ||
	    headers_hop(msg, sip) ||
	    (a->first && !face_route_add(msg, w->next_hop)) ||
	    (a->first && *w->routes &&
	     !put(msg, sip_route_make(msg_home(msg), w->routes))) ||
	    (ask_has_contact(a) &&
	     !put(msg, sip_contact_dup(msg_home(msg), to->contact))) ||
	    !auth_put(a->auth, msg) || !put_body(a, msg, sip, words))
		return false;
	return !nta_msg_request_complete(msg, to->dialog, a->method,
					 sip->sip_request->rq_method_name,
					 (url_string_t *)ruri);
}

/* A SIP URI, or "": as the message says. */
static const char *hop_of(const struct ask *a)
{
	return a->first ? a->talk->way.next_hop : a->talk->end[!a->from].hop;
}

static nta_outgoing_t *launch(struct ask *a, msg_t *msg)
{
	struct txn *self = (struct txn *)(void *)a; /* Sofia's one type */
	const char *hop = hop_of(a);
	struct sip_face *face = a->talk->end[!a->from].face;
	char branch[FACE_BRANCH];

	face_branch(face->sip, sip_object(msg)->sip_request->rq_url, branch);
	return nta_outgoing_mcreate(face->agent, answer_take, self,
				    *hop ? (url_string_t *)hop : NULL, msg,
				    NTATAG_BRANCH_KEY(branch),
				    TPTAG_IDENT(face_ident(msg, hop)),
				    TAG_END());
}

/* Takes msg, which may be NULL: no memory. */
static void leave(struct ask *a, msg_t *msg)
{
	struct refusal no = reply_no(500, "the request cannot be sent on");

	if (msg && face_may_leave(msg, hop_of(a), a->talk->sips))
		a->orq = launch(a, msg);
	else if (msg)
		no = reply_no(480, "a sips: request needs TLS on the next "
			      "hop");
	if (a->orq) {
		again_await(a);
		return;
	}
	msg_destroy(msg);
	ask_refuse(a, &no);
}

static msg_t *build(struct ask *a, const sip_t *sip, const struct body *words)
{
	msg_t *msg = nta_msg_create(a->talk->end[!a->from].face->agent, 0);

	if (msg && fill(a, msg, sip, words))
		return msg;
	msg_destroy(msg);
	return NULL;
}

static void on_sealed(void *user, const struct refusal *no,
		      const struct call_sealed_body *body)
{
	struct ask *a = user;
	msg_t *msg = a->out;

	a->out = NULL;
	if (no) {
		msg_destroy(msg);
		ask_refuse(a, no);
		return;
	}
	a->brief = body->brief;
	if (!sealed_put(msg, body)) {
		msg_destroy(msg);
		msg = NULL;
	}
	leave(a, msg);
}

/* The headers that are bound to the words must be final: it is built first. */
static void seal(struct ask *a, const sip_t *sip)
{
	struct refusal no = reply_no(500, NULL);
	char *fields = sealed_fields(sip), *frag;
	const struct body words = words_of(sip, fields);

	a->out = build(a, sip, NULL);
	frag = a->out ? sealed_frag(sip_object(a->out)) : NULL;
	if (frag && fields)
		engine_words_seal(a->talk->all->sip->engine,
				  &a->talk->way.body, a->full, frag, &words,
				  on_sealed, a);
	else
		ask_refuse(a, &no);
	free(fields);
	free(frag);
}

static void on_opened(void *user, const struct refusal *no,
		      const struct body *words)
{
	struct ask *a = user;
	const struct refusal nobody = reply_no(404, NULL);
	msg_t *request = no ? NULL : nta_incoming_getrequest(a->irq);

	if (!no && a->talk->way.nowhere)
		no = &nobody;
	if (no)
		ask_refuse(a, no);
	else
		leave(a, request ? build(a, sip_object(request), words)
				 : NULL);
	msg_destroy(request);
}

static void open_words(struct ask *a, const sip_t *sip)
{
	struct refusal no = reply_no(500, NULL);
	struct call_given g;

	if (words_given(sip, &g))
		engine_words_open(a->talk->all->sip->engine,
				  &a->talk->way.body, &g, on_opened, a);
	else
		ask_refuse(a, &no);
	words_given_free(&g);
}

void forward(struct ask *a, const sip_t *sip)
{
	if (!a->sealed)
		leave(a, build(a, sip, NULL));
	else if (ask_goes_out(a))
		seal(a, sip);
	else
		open_words(a, sip);
}

void forward_again(struct ask *a)
{
	struct refusal no = reply_no(500, NULL);
	msg_t *request = nta_incoming_getrequest(a->irq);

	nta_outgoing_destroy(a->orq);
	a->orq = NULL;
	if (request)
		forward(a, sip_object(request));
	else
		ask_refuse(a, &no);
	msg_destroy(request);
}
