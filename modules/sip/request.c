/* request.c - a request outside a call goes on to the other face: MESSAGE (RFC
 * 3428), OPTIONS, PUBLISH (RFC 3903), SUBSCRIBE and NOTIFY of any event
 * package (RFC 6665: message waiting, busy lamps), REFER (RFC 3515).
 *
 * The peer and the way are the core's answer (engine_route()), as for a call.
 * Each face has a dialog of its own, so that neither side learns the other's
 * Call-ID or address. SUBSCRIBE and REFER leave a *talk*: two dialogs between
 * which NOTIFY and further SUBSCRIBE pass, until the notifier says
 * "terminated", one side knows it no longer (481), or it ran out. All other
 * methods are over with their final response. A challenge passes, and the
 * phone's answer to it comes as a new request.
 *
 * A NOTIFY that nobody subscribed to (message waiting pushed by a registrar)
 * passes where a call to its Request-URI would.
 *
 * The words of a MESSAGE go and come sealed where the peer's profile says so
 * (words.h): it waits for the keeper before it goes on, and goes out once more
 * with our certificates to who does not know them.
 *
 * Refused: SDP in any of them (it would evade the filter of calls), a MESSAGE
 * with a peer that must be sealed and seals no bodies, OPTIONS and REFER
 * from outside (the one asks which phones are there, the other makes a phone
 * call somewhere). A talk does not outlive the process: the phone's next
 * SUBSCRIBE gets 481, after which it subscribes anew. */
#include "modules/sip/request.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/sip/border/border.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/nat/nat.h"
#include "modules/sip/message/replaces.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/sealed.h"
#include "modules/sip/trunk/hops.h"
#include "modules/sip/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_uniqueid.h>
#include <sofia-sip/tport_tag.h>

#define ASKS_MAX 8   /* requests of one talk on their way */
#define SWEEP_MS 1000
#define RETRY_S 10
#define SECOND_US 1000000ull
#define GRACE_US (32 * SECOND_US) /* 64*T1: for what is still under way */
#define EXPIRES_DEFAULT 3600
#define REFER_S 300  /* an implicit subscription without news */

struct talk;

/* Our end of the dialog on one face. */
struct talk_end {
	struct talk *talk;
	struct sip_face *face;
	nta_leg_t *dialog;
	const sip_contact_t *contact; /* ours */
	char hop[NAT_HOP];            /* behind a NAT; or "" (nat.h) */
	bool tagged;                  /* the other side gave its tag */
};

/* One request on its way from end[from] to the other. */
struct ask {
	struct ask *next;
	struct talk *talk;
	unsigned from;
	nta_incoming_t *irq;
	nta_outgoing_t *orq;
	msg_t *out;       /* what goes on, until its words are sealed; owned */
	sip_method_t method;
	uint32_t asked_s; /* Expires of a SUBSCRIBE */
	bool sealed;      /* its words are, outside */
	bool brief, full; /* with our certificates referred to; or with them */
	bool first;       /* the one that made the talk */
	bool last;        /* a NOTIFY that says "terminated" */
};

struct talk {
	struct talk *next, **prev;
	struct requests *all;
	struct talk_end end[2]; /* [0]: whose request came first */
	struct request_way way;
	struct ask *asks;
	unsigned n_asks;
	bool sips;
	bool over;         /* the sweeper frees it */
	uint64_t until_us; /* 0: its one request is on its way */
};

struct requests {
	struct sip *sip;
	struct loop_timer *sweeper;
	struct talk *talks;
	size_t n;
};

static uint64_t now_us(void)
{
	return clock_mono_us(&clock_system);
}

/* -- methods -------------------------------------------------------------- */

static const struct {
	sip_method_t method;
	bool from_outside; /* outside a dialog, too */
	bool subscribes;
} methods[] = {
	{ sip_method_options, false, false },
	{ sip_method_message, true, false },
	{ sip_method_publish, true, false },
	{ sip_method_subscribe, true, true },
	{ sip_method_refer, false, true },
	{ sip_method_notify, true, false },
};

static int row_of(sip_method_t m)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (methods[i].method == m)
			return (int)i;
	return -1;
}

bool request_passes(const struct sip_face *f, const sip_t *sip)
{
	int row = row_of(sip->sip_request->rq_method);
	const url_t *uri = sip->sip_request->rq_url;

	if (row < 0 || sip->sip_to->a_tag)
		return false;
	if (face_is_us(f, uri) &&
	    (!uri->url_user || methods[row].method == sip_method_options))
		return false;
	return f->face == INSIDE || methods[row].from_outside;
}

static bool subscribes(sip_method_t m)
{
	int row = row_of(m);

	return row >= 0 && methods[row].subscribes;
}

/* -- talks ---------------------------------------------------------------- */

static struct talk *talk_new(struct requests *all, struct sip_face *f)
{
	struct talk *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->all = all;
	t->end[0].talk = t->end[1].talk = t;
	t->end[0].face = f;
	t->end[1].face = &all->sip->face[!f->face];
	t->next = all->talks;
	t->prev = &all->talks;
	if (t->next)
		t->next->prev = &t->next;
	all->talks = t;
	all->n++;
	return t;
}

static void ask_free(struct ask *a)
{
	engine_words_forget(a->talk->all->sip->engine, a);
	msg_destroy(a->out);
	if (a->orq)
		nta_outgoing_destroy(a->orq);
	if (a->irq)
		nta_incoming_destroy(a->irq);
	free(a);
}

static void talk_free(struct talk *t)
{
	struct ask *a;

	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->all->n--;
	while ((a = t->asks)) {
		t->asks = a->next;
		ask_free(a);
	}
	for (int i = 0; i < 2; i++)
		if (t->end[i].dialog)
			nta_leg_destroy(t->end[i].dialog);
	request_way_free(t->all->sip->engine, &t->way);
	free(t);
}

/* Freed from the loop: we may be inside a callback of its dialogs. */
static void talk_over(struct talk *t)
{
	t->over = true;
	loop_timer_set(t->all->sweeper, 0);
}

static void talk_lasts(struct talk *t, uint32_t seconds)
{
	t->until_us = now_us() + seconds * SECOND_US + GRACE_US;
}

static void ask_end(struct ask *a)
{
	struct talk *t = a->talk;
	struct ask **at = &t->asks;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	t->n_asks--;
	ask_free(a);
	if (!t->until_us && !t->asks)
		talk_over(t);
}

static struct ask *ask_new(struct talk *t, unsigned from, nta_incoming_t *irq,
			   const sip_t *sip)
{
	struct ask *a = calloc(1, sizeof *a);
	const sip_subscription_state_t *s = sip->sip_subscription_state;

	if (!a)
		return NULL;
	a->talk = t;
	a->from = from;
	a->irq = irq;
	a->method = sip->sip_request->rq_method;
	a->asked_s = sip->sip_expires ? (uint32_t)sip->sip_expires->ex_delta
				      : EXPIRES_DEFAULT;
	a->last = a->method == sip_method_notify && s && s->ss_substate &&
		  !strcasecmp(s->ss_substate, "terminated");
	a->sealed = t->way.words == WORDS_SEALED && words_in(sip);
	a->next = t->asks;
	t->asks = a;
	t->n_asks++;
	return a;
}

static void refuse(struct ask *a, const struct refusal *no)
{
	reply_refuse(a->irq, no);
	ask_end(a);
}

/* -- the request goes on -------------------------------------------------- */

static bool has_contact(sip_method_t m)
{
	return subscribes(m) || m == sip_method_notify ||
	       m == sip_method_options;
}

static bool put(msg_t *msg, void *header)
{
	return header && !msg_header_insert(msg, NULL, header);
}

/* Nothing outside a call is keyed in anybody's name. */
static struct crossing crossing_from(const struct talk_end *came)
{
	return (struct crossing){ came->face->face, came->talk->way.trusted,
				  false, false };
}

static unsigned copy_flags(const struct crossing *x, const sip_t *sip)
{
	return (sip->sip_payload ? COPY_BODY : 0) | border_flags(x, sip, NULL);
}

static bool goes_out(const struct ask *a)
{
	return a->talk->end[!a->from].face->face == OUTSIDE;
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
	struct crossing x = crossing_from(from);
	unsigned flags = copy_flags(&x, sip);

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
	    (has_contact(a->method) &&
	     !put(msg, sip_contact_dup(msg_home(msg), to->contact))) ||
	    !put_body(a, msg, sip, words))
		return false;
	return !nta_msg_request_complete(msg, to->dialog, a->method,
					 sip->sip_request->rq_method_name,
					 (url_string_t *)ruri);
}

static int on_response(struct txn *ask, nta_outgoing_t *orq,
		       const sip_t *sip);

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
	return nta_outgoing_mcreate(face->agent, on_response, self,
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
	if (a->orq)
		return;
	msg_destroy(msg);
	refuse(a, &no);
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
		refuse(a, no);
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
		refuse(a, &no);
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
		refuse(a, no);
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
		refuse(a, &no);
	words_given_free(&g);
}

static void send_on(struct ask *a, const sip_t *sip)
{
	if (!a->sealed)
		leave(a, build(a, sip, NULL));
	else if (goes_out(a))
		seal(a, sip);
	else
		open_words(a, sip);
}

/* -- the response goes back ----------------------------------------------- */

static uint32_t granted_s(const struct ask *a, const sip_t *sip)
{
	if (a->method == sip_method_refer)
		return REFER_S;
	return sip->sip_expires ? (uint32_t)sip->sip_expires->ex_delta
				: a->asked_s;
}

/* The other side's dialog, from a 2xx to the first request. */
static void confirm(struct talk_end *e, const sip_t *sip)
{
	if (!e->tagged && sip->sip_to->a_tag) {
		nta_leg_rtag(e->dialog, sip->sip_to->a_tag);
		nta_leg_client_route(e->dialog, sip->sip_record_route,
				     sip->sip_contact);
		e->tagged = true;
	} else if (sip->sip_contact) {
		nta_leg_client_reroute(e->dialog, NULL, sip->sip_contact, 0);
	}
}

/* What a final response means for the talk. */
static void learn(struct ask *a, const sip_t *sip)
{
	struct talk *t = a->talk;
	int status = sip->sip_status->st_status;

	if (status == 481 || status == 489 || (a->last && status >= 200)) {
		if (t->until_us)
			talk_over(t);
		return;
	}
	if (status >= 300 || !subscribes(a->method))
		return;
	confirm(&t->end[!a->from], sip);
	talk_lasts(t, granted_s(a, sip));
}

/* Contacts of a redirection, as far as they may be seen; ours else. */
static bool put_contacts(const struct ask *a, msg_t *msg, const sip_t *sip,
			 int *status)
{
	const struct talk_end *back = &a->talk->end[a->from];
	const struct sip_face *inside = &a->talk->all->sip->face[INSIDE];
	int n;

	if (*status < 300)
		return !has_contact(a->method) ||
		       put(msg, sip_contact_dup(msg_home(msg), back->contact));
	if (*status >= 400)
		return true;
	n = headers_contacts(msg, sip, back->face->face == OUTSIDE ?
			     inside->settings : NULL);
	if (!n)
		*status = 480;
	return n >= 0;
}

static void pass_back(struct ask *a, const sip_t *sip)
{
	const struct talk_end *came = &a->talk->end[!a->from];
	msg_t *msg = nta_msg_create(a->talk->end[a->from].face->agent, 0);
	int status = sip->sip_status->st_status, given = status;
	struct refusal no = reply_no(500, "out of memory");
	struct crossing x = crossing_from(came);
	unsigned flags = copy_flags(&x, sip) & ~(a->sealed ? COPY_BODY : 0);

	if (msg && !headers_copy(msg, sip, flags) &&
	    border_privacy(msg, sip, &x, flags) &&
	    put_contacts(a, msg, sip, &status) &&
	    (a->sealed || put_body(a, msg, sip, NULL)) &&
	    !nta_incoming_complete_response(
		    a->irq, msg, status, status == given ?
		    sip->sip_status->st_phrase : reply_phrase(status),
		    TAG_END())) {
		nta_incoming_mreply(a->irq, msg);
		ask_end(a);
		return;
	}
	msg_destroy(msg);
	refuse(a, &no);
}

/* Nobody answered. A 408 is not for us to give (RFC 4320 4.2); whom a NOTIFY
 * does not reach has no subscription any more. */
static void unreached(struct ask *a, int status)
{
	struct refusal no = reply_no(status == 408 ? 504 : status,
				     "the next hop cannot be reached");

	if (a->method == sip_method_notify && !a->first) {
		no = reply_no(481, "the subscriber is gone");
		talk_over(a->talk);
	}
	log_line(LOG_CLASS_REMOTE, SIP_TAG, 0, "%s to the %s: %d, %s",
		 nta_outgoing_method_name(a->orq),
		 a->talk->end[!a->from].face->face == INSIDE ? "inside" :
		 "outside", no.status, no.warn);
	refuse(a, &no);
}

static void again_in_full(struct ask *a)
{
	struct refusal no = reply_no(500, NULL);
	msg_t *request = nta_incoming_getrequest(a->irq);

	nta_outgoing_destroy(a->orq);
	a->orq = NULL;
	if (request)
		seal(a, sip_object(request));
	else
		refuse(a, &no);
	msg_destroy(request);
}

static void on_learned(void *user, bool learned)
{
	struct ask *a = user;
	msg_t *response;

	if (learned || a->brief) {
		again_in_full(a);
		return;
	}
	response = nta_outgoing_getresponse(a->orq);
	if (response)
		pass_back(a, sip_object(response));
	msg_destroy(response);
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
static bool goes_again(struct ask *a, const sip_t *sip)
{
	bool brief;

	if (sip->sip_status->st_status != 493 || !a->sealed || a->full ||
	    !goes_out(a))
		return false;
	a->full = true;
	if (learns(a, sip))
		return true;
	brief = a->brief;
	if (brief)
		again_in_full(a); /* it may end a */
	return brief;
}

static int on_response(struct txn *ask, nta_outgoing_t *orq,
		       const sip_t *sip)
{
	struct ask *a = (struct ask *)(void *)ask;
	int status = nta_outgoing_status(orq);

	if (status < 200)
		return 0;
	hops_note(a->talk->all->sip->hops, orq, sip);
	if (!sip || nta_sip_is_internal(sip) || status == 408) {
		unreached(a, status);
		return 0;
	}
	if (goes_again(a, sip))
		return 0;
	learn(a, sip);
	pass_back(a, sip);
	return 0;
}

/* -- requests of a talk --------------------------------------------------- */

/* 0, or the status to refuse with. */
static int examine(const struct sip *s, const sip_t *sip)
{
	if (sip->sip_max_forwards && !sip->sip_max_forwards->mf_count)
		return 483;
	if (filter_body_kind(sip) == BODY_SDP)
		return 415;
	return face_looped(s, sip) ? 482 : 0;
}

/* A NOTIFY may come before the 2xx that it belongs to (RFC 6665 4.4.1). */
static void meet(struct talk_end *e, nta_incoming_t *irq, const sip_t *sip)
{
	nat_hop(e->face, irq, sip, e->hop);
	if (!e->tagged && sip->sip_from->a_tag) {
		nta_leg_rtag(e->dialog, sip->sip_from->a_tag);
		nta_leg_server_route(e->dialog, sip->sip_record_route,
				     sip->sip_contact);
		e->tagged = true;
	} else if (sip->sip_contact) {
		nta_leg_client_reroute(e->dialog, NULL, sip->sip_contact, 0);
	}
}

static int on_request(struct leg *end, nta_leg_t *dialog, nta_incoming_t *irq,
		      const sip_t *sip)
{
	struct talk_end *e = (struct talk_end *)(void *)end;
	sip_method_t m = sip->sip_request->rq_method;
	struct talk *t = e->talk;
	struct ask *a;
	int status;

	(void)dialog;
	if (m != sip_method_notify && m != sip_method_subscribe)
		return 405;
	if (t->over)
		return 481;
	status = examine(t->all->sip, sip);
	if (status)
		return status;
	a = t->n_asks < ASKS_MAX ? ask_new(t, e == &t->end[1], irq, sip)
				 : NULL;
	if (!a)
		return 503;
	meet(e, irq, sip);
	send_on(a, sip);
	return 0;
}

/* -- the first one -------------------------------------------------------- */

static nta_leg_t *dialog_to(struct talk_end *e, const sip_t *sip)
{
	struct leg *self = (struct leg *)(void *)e; /* Sofia's one type */
	struct crossing x = crossing_from(&e->talk->end[0]);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	nta_leg_t *dialog = NULL;
	sip_call_id_t *id;
	sip_from_t *from;

	su_home_init(home);
	id = sip_call_id_create(home, NULL);
	from = border_from(home, &x, sip);
	if (id && from)
		dialog = nta_leg_tcreate(e->face->agent, on_request, self,
					 SIPTAG_CALL_ID(id), SIPTAG_FROM(from),
					 SIPTAG_TO(sip->sip_to), TAG_END());
	if (dialog && !nta_leg_tag(dialog, NULL)) {
		nta_leg_destroy(dialog);
		dialog = NULL;
	}
	su_home_deinit(home);
	return dialog;
}

static nta_leg_t *dialog_from(struct talk_end *e, nta_incoming_t *irq,
			      const sip_t *sip)
{
	struct leg *self = (struct leg *)(void *)e;
	nta_leg_t *dialog = nta_leg_tcreate(
		e->face->agent, on_request, self,
		SIPTAG_CALL_ID(sip->sip_call_id), SIPTAG_FROM(sip->sip_to),
		SIPTAG_TO(sip->sip_from),
		NTATAG_REMOTE_CSEQ(sip->sip_cseq->cs_seq), TAG_END());

	if (!dialog)
		return NULL;
	if (nta_leg_tag(dialog, nta_incoming_tag(irq, NULL)) &&
	    nta_leg_server_route(dialog, sip->sip_record_route,
				 sip->sip_contact) >= 0)
		return dialog;
	nta_leg_destroy(dialog);
	return NULL;
}

static bool make_dialogs(struct talk *t, nta_incoming_t *irq,
			 const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const struct request_way *w = &t->way;
	struct talk_end *from = &t->end[0], *to = &t->end[1];
	const url_t *hop;

	su_home_init(home);
	hop = url_make(home, *w->next_hop ? w->next_hop : w->target);
	from->contact = face_contact_of(from->face, irq, t->sips);
	to->contact = face_contact_to(to->face, hop, t->sips);
	su_home_deinit(home);
	from->tagged = true;
	nat_hop(from->face, irq, sip, from->hop);
	if (w->nat)
		snprintf(to->hop, sizeof to->hop, "%.*s", NAT_HOP - 1,
			 w->next_hop);
	if (subscribes(sip->sip_request->rq_method))
		from->dialog = dialog_from(from, irq, sip);
	to->dialog = dialog_to(to, sip);
	return to->dialog && (from->dialog ||
			      !subscribes(sip->sip_request->rq_method));
}

static int ask_way(struct talk *t, nta_incoming_t *irq, const sip_t *sip,
		   struct refusal *no)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct call_start start = { .from = t->end[0].face->face };
	int r = E_NOMEM;

	su_home_init(home);
	start.source = face_source(irq);
	start.caller = url_as_string(home, sip->sip_from->a_url);
	start.callee = url_as_string(home, sip->sip_request->rq_url);
	if (start.caller && start.callee)
		r = engine_route(t->all->sip->engine, &start,
				 words_in(sip), &t->way, no);
	su_home_deinit(home);
	return r;
}

/* 0, or why not in no. */
static int begin(struct talk *t, nta_incoming_t *irq, const sip_t *sip,
		 struct refusal *no)
{
	const struct sip *s = t->all->sip;
	int status = examine(s, sip);
	struct crossing x;

	if (status) {
		*no = reply_no(status, NULL);
		return E_POLICY;
	}
	if (s->draining || t->all->n >
	    engine_settings(s->engine)->subscriptions_max) {
		*no = reply_no(503, NULL);
		no->retry_after_s = RETRY_S;
		return E_FULL;
	}
	t->sips = sip->sip_request->rq_url->url_type == url_sips;
	if (t->sips && !face_by_tls(t->end[0].face, irq)) {
		*no = reply_no(480, "a request to a sips: URI has to come by "
			       "TLS");
		return E_POLICY;
	}
	*no = reply_no(500, NULL);
	if (ask_way(t, irq, sip, no))
		return E_POLICY;
	x = crossing_from(&t->end[0]);
	if (border_refuses(&x, sip)) {
		*no = reply_no(500, border_refuses(&x, sip));
		return E_POLICY;
	}
	return make_dialogs(t, irq, sip) ? 0 : E_NOMEM;
}

static void log_no(nta_incoming_t *irq, const sip_t *sip,
		   const struct refusal *no)
{
	struct addr source = face_source(irq);
	char where[ADDR_TEXT];

	log_line(LOG_CLASS_REFUSED, SIP_TAG, 0, "%s from %s: %d %s%s%s",
		 sip->sip_request->rq_method_name, addr_text(&source, where),
		 no->status, reply_phrase(no->status), *no->warn ? ", " : "",
		 no->warn);
}

int request_outside(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip)
{
	struct talk *t = talk_new(f->sip->requests, f);
	struct refusal no = reply_no(500, NULL);
	struct ask *a = NULL;

	if (t && !begin(t, irq, sip, &no))
		a = ask_new(t, 0, irq, sip);
	if (a) {
		a->first = true;
		send_on(a, sip);
		return 0;
	}
	log_no(irq, sip, &no);
	reply_refuse(irq, &no);
	nta_incoming_destroy(irq);
	if (t)
		talk_free(t);
	return 0;
}

/* -- life ----------------------------------------------------------------- */

static void sweep(void *requests)
{
	struct requests *r = requests;
	uint64_t now = now_us();
	struct talk *t, *next;

	for (t = r->talks; t; t = next) {
		next = t->next;
		if (t->over || (t->until_us && now > t->until_us))
			talk_free(t);
	}
	loop_timer_set(r->sweeper, SWEEP_MS);
}

int requests_new(struct sip *s, struct requests **out)
{
	struct requests *r = calloc(1, sizeof *r);
	int err;

	if (!r)
		return E_NOMEM;
	r->sip = s;
	err = loop_timer_new(s->loop, sweep, r, &r->sweeper);
	if (err) {
		free(r);
		return err;
	}
	loop_timer_set(r->sweeper, SWEEP_MS);
	*out = r;
	return 0;
}

void requests_free(struct requests *r)
{
	struct talk *t;

	if (!r)
		return;
	while ((t = r->talks))
		talk_free(t);
	loop_timer_free(r->sweeper);
	free(r);
}

size_t requests_count(const struct requests *r)
{
	return r->n;
}
