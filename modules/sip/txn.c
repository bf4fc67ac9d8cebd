/* txn.c - the transaction relay, the same for every method: the request in,
 * the request out, the responses back.
 *
 * What INVITE has more (ACK, CANCEL, branches, reliable responses) is in
 * invite.c, called from here by method. CSeq and branch are the leg's own;
 * method, Request-URI parameters and all other headers pass (headers.c). */
#include "modules/sip/txn.h"

#include "daemon/base/log.h"
#include "modules/sip/before/before.h"
#include "modules/sip/border/border.h"
#include "modules/sip/early.h"
#include "modules/sip/fork.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/invite.h"
#include "modules/sip/leg.h"
#include "modules/sip/pair.h"
#include "modules/sip/message/replaces.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/reoffer.h"
#include "modules/sip/retry.h"
#include "modules/sip/sealed.h"
#include "modules/sip/sealing/hidden.h"
#include "modules/sip/sealing/seals.h"
#include "modules/sip/session/naming.h"
#include "modules/sip/session/session.h"
#include "modules/sip/transfer/transfer.h"
#include "modules/sip/transport/tls.h"
#include "modules/sip/registrar/admission.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/trunk/challenge.h"
#include "modules/sip/trunk/hops.h"
#include "modules/sip/words.h"

#include <stdlib.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_uniqueid.h>
#include <sofia-sip/tport_tag.h>

struct txn *txn_new(struct leg *from, struct leg *to, nta_incoming_t *irq,
		    const sip_t *sip)
{
	struct txn *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->pair = from->pair;
	t->from = from;
	t->to = to;
	t->irq = irq;
	t->method = sip->sip_request->rq_method;
	t->offer = filter_offers(sip);
	t->secured = face_secured(from->face, irq);
	session_read(&t->ask, sip);
	t->needs_rel100 = sip_has_feature(sip->sip_require, "100rel");
	t->rel100 = t->needs_rel100 ||
		    sip_has_feature(sip->sip_supported, "100rel");
	t->next = t->pair->txns;
	t->pair->txns = t;
	nta_incoming_bind(irq, invite_on_ack_cancel, t);
	if (t->method != sip_method_invite)
		face_works(irq);
	return t;
}

struct txn *txn_own(struct leg *to, sip_method_t method)
{
	struct pair *pair = to->pair;
	struct txn *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->pair = pair;
	t->to = to;
	t->from = to->caller ? pair->called : pair->caller;
	t->method = method;
	t->next = pair->txns;
	pair->txns = t;
	return t;
}

void txn_done(struct txn *t)
{
	struct reliable *r;

	for (r = t->reliables; r; r = r->next)
		if (r->rel)
			nta_reliable_destroy(r->rel);
	for (r = t->reliables; r; r = r->next)
		r->rel = NULL;
	if (t->irq)
		nta_incoming_destroy(t->irq);
	if (t->orq)
		nta_outgoing_destroy(t->orq);
	msg_destroy(t->out);
	t->irq = NULL;
	t->orq = NULL;
	t->out = NULL;
	loop_timer_free(t->patience);
	t->patience = NULL;
	auth_free(t->auth);
	t->auth = NULL;
	before_free(t->before);
	t->before = NULL;
	t->done = true;
	pair_to_sweep(t->pair);
}

void txn_free(struct txn *t)
{
	struct reliable *r;

	while ((r = t->reliables)) {
		t->reliables = r->next;
		free(r);
	}
	loop_timer_free(t->patience);
	said_free(&t->said);
	auth_free(t->auth);
	before_free(t->before);
	free(t->proof);
	free(t);
}

/* What is said of keys is for the outside. */
static void answer_no(struct txn *t, const struct refusal *no)
{
	struct body unmet = { .fields = "Content-Type: application/sdp\r\n" };
	struct buf sdp = buf_of(64u << 10);
	struct refusal own = *no;

	if (t->from->face->face == INSIDE || hidden_on(t->pair, t->from)) {
		own.keys[0] = 0; /* which names who makes it, too */
		own.attached = NULL;
	}
	if (before_unmet(t, no, &sdp)) {
		unmet.data = sdp.data;
		unmet.len = sdp.len;
		own.attached = &unmet;
	}
	t->final = no->status;
	reply_refuse(t->irq, &own);
	buf_free(&sdp);
}

void txn_refuse(struct txn *t, const struct refusal *no)
{
	if (t->joins) {
		transfer_refused(t, no->status);
		return;
	}
	if (t->irq && !t->final)
		answer_no(t, no);
	if (!t->orq || t->answer)
		txn_done(t);
}

/* -- the request ---------------------------------------------------------- */

/* Requests and responses that say where we are reached (RFC 3261 table 2). */
static bool has_contact(sip_method_t m)
{
	return m == sip_method_invite || m == sip_method_update ||
	       m == sip_method_refer || m == sip_method_notify ||
	       m == sip_method_subscribe;
}

static bool contact_add(msg_t *msg, const struct leg *leg)
{
	sip_contact_t *c = sip_contact_dup(msg_home(msg), leg->contact);

	return c && !msg_header_insert(msg, NULL, (msg_header_t *)c);
}

static bool rack_add(msg_t *msg, const struct txn *t)
{
	sip_rack_t *rack = sip_rack_format(msg_home(msg), "%u %u INVITE",
					   t->rack_rseq, t->rack_cseq);

	return rack && !msg_header_insert(msg, NULL, (msg_header_t *)rack);
}

/* "": where the message says. */
static const char *first_hop(const struct txn *t)
{
	return t->initial ? call_phone(t->pair->call, t->phone)->next_hop
			  : leg_hop(t->to);
}

/* An outbound proxy, then where the caller's registration said that its calls
 * go first. */
static bool routes_add(msg_t *msg, const struct txn *t)
{
	const char *routes = t->initial ? call_route(t->pair->call)->routes :
					  "";
	sip_route_t *route;

	if (t->initial && !face_route_add(msg, first_hop(t)))
		return false;
	if (!*routes)
		return true;
	route = sip_route_make(msg_home(msg), routes);
	return route && !msg_header_insert(msg, NULL, (msg_header_t *)route);
}

/* Option tags that are between us and the one who requires them. */
static const char *const *our_tags(const struct txn *t)
{
	static const char *const invite[] = { "timer", "100rel", NULL };
	static const char *const before[] = { "precondition", "timer",
					      "100rel", NULL };
	static const char *const later[] = { "precondition", "timer", NULL };

	if (before_has(t))
		return t->initial ? before : later;
	return t->initial ? invite : session_tags;
}

/* To one of several phones, or one whose gateway has answered for it: reliable
 * responses would be answers that bind before the call is theirs. */
static bool must_not_bind(const struct txn *t)
{
	return t->prong || before_comes(t);
}

/* What the other side supports is not all that this one can have of us. */
static bool supported_passes(const struct txn *t, const sip_t *sip)
{
	return !t->prong && !before_has(t) && !naming_hides(sip);
}

static bool supported_add(msg_t *msg, const struct txn *t, const sip_t *sip)
{
	static const char *const most[] = { "precondition", "from-change",
					    "100rel", NULL };
	static const char *const some[] = { "precondition", "from-change",
					    NULL };
	const char *const *tags = must_not_bind(t) ? most : some;

	return supported_passes(t, sip) ||
	       headers_support(msg, sip, tags + !before_has(t));
}

/* Dialogs are made by an INVITE and what answers it (RFC 4916 4.1, 4.2). */
static bool option_add(msg_t *msg, const struct txn *t, const struct leg *to,
		       int status)
{
	return t->method != sip_method_invite || status >= 300 ||
	       naming_supports(to, msg);
}

/* body NULL: a sealed one comes later. */
static unsigned body_flags(const struct body *body)
{
	if (!body)
		return COPY_NO_DATE;
	return body->len && !body->fields ? COPY_BODY : 0;
}

/* It left its seal or package here, or gets one: the headers that came with it
 * say something else. */
static bool is_retyped(const struct passage *p, const struct body *body)
{
	const sip_t *sip = sip_object(p->msg);

	return p->sdp || (body && body->len && *body->type &&
			  sip->sip_content_type &&
			  strcasecmp(sip->sip_content_type->c_type,
				     body->type));
}

static bool body_put(msg_t *msg, const struct passage *p,
		     const struct body *body)
{
	if (!body)
		return sealed_date(msg);
	if (body->fields)
		return words_put(msg, body);
	return (!body->len || !is_retyped(p, body) ||
		header_add(msg, "Content-Type", body->type)) &&
	       body_add(msg, body->data, body->len);
}

/* Of the first INVITE. */
static const char *target_of(const struct txn *t, msg_t *msg)
{
	const char *target = call_phone(t->pair->call, t->phone)->target;

	return hidden_on(t->pair, t->to) == HIDE_BOTH
		? hidden_target(msg_home(msg), target, t->to->call_id) : target;
}

static bool request_fill(const struct passage *p, msg_t *msg, const sip_t *sip,
			 const struct body *body)
{
	struct txn *t = p->txn;
	bool requires = headers_requires(sip, our_tags(t));
	const char *ruri = t->initial ? target_of(t, msg) : NULL;
	struct crossing x = border_crossing(t->pair, t->from->face->face);
	unsigned border = border_flags(&x, sip, &t->from->privacy);
	unsigned flags = body_flags(body) | border;

	if (is_retyped(p, body))
		flags &= ~COPY_BODY;
	if (replaces_refers(t->from->face, sip))
		flags |= COPY_NO_REFER_TO;
	if (requires)
		flags |= COPY_NO_REQUIRE;
	if (!supported_passes(t, sip))
		flags |= COPY_NO_SUPPORTED;
	if (headers_copy_request(t->from->face, msg, sip, flags) ||
	    !border_privacy(msg, sip, &x, border) ||
	    (requires && !headers_require(msg, sip, our_tags(t))) ||
	    !supported_add(msg, t, sip) || !early_request(t, msg, sip) ||
	    !before_request(t, msg, sip) ||
	    !option_add(msg, t, t->to, 0) ||
	    !naming_assert(t->to, t->from, msg, sip) ||
	    (!t->initial && !naming_name(t->to, msg)) ||
	    !session_request(t, msg, sip) ||
	    !replaces_add(t->from->face, sip, msg) ||
	    headers_hop(msg, sip) || !routes_add(msg, t) ||
	    (has_contact(t->method) && !contact_add(msg, t->to)) ||
	    (t->method == sip_method_prack && !rack_add(msg, t)) ||
	    !auth_put(t->auth, msg) || !body_put(msg, p, body) ||
	    (t->initial && !ruri))
		return false;
	return !nta_msg_request_complete(msg, t->to->dialog, t->method,
					 sip->sip_request->rq_method_name,
					 (url_string_t *)ruri);
}

static nta_outgoing_t *request_send(struct txn *t, msg_t *msg)
{
	nta_response_f *fn = t->prong ? fork_response : txn_response;
	const char *hop = first_hop(t);
	url_string_t *route = *hop ? (url_string_t *)hop : NULL;
	nta_agent_t *agent = t->to->face->agent;
	const char *ident = face_ident(msg, hop);
	char branch[FACE_BRANCH];

	t->cseq = sip_object(msg)->sip_cseq->cs_seq;
	if (!t->initial)
		return nta_outgoing_mcreate(agent, fn, t, route, msg,
					    TPTAG_IDENT(ident), TAG_END());
	face_branch(t->pair->sip, sip_object(msg)->sip_request->rq_url, branch);
	return nta_outgoing_mcreate(agent, fn, t, route, msg,
				    NTATAG_BRANCH_KEY(branch),
				    TPTAG_IDENT(ident), TAG_END());
}

static msg_t *request_build(const struct passage *p, const struct body *body)
{
	const sip_t *sip = sip_object(p->msg);
	msg_t *msg = nta_msg_create(p->txn->to->face->agent, 0);

	if (msg && request_fill(p, msg, sip, body))
		return msg;
	msg_destroy(msg);
	return NULL;
}

/* Sends msg, which is taken and may be NULL: no memory; or no says why not.
 * secret: its body holds keys. */
static bool request_sent(struct txn *t, const sip_t *sip, msg_t *msg,
			 bool secret, struct refusal *no)
{
	struct crossing x = border_crossing(t->pair, t->from->face->face);
	const char *private = border_refuses(&x, sip);

	if (!private)
		private = hidden_refuses(t->pair, t->to, sip);
	*no = reply_no(500, "the request cannot be sent on");
	if (private)
		*no = reply_no(500, private);
	else if (msg && secret && !face_may_carry(msg, first_hop(t)))
		*no = reply_no(488, "SDES keys need verified TLS on the next "
			       "hop");
	else if (msg && !face_may_leave(msg, first_hop(t), t->to->sips))
		*no = reply_no(480, "a sips: call needs TLS on the next hop");
	else if (msg)
		t->orq = request_send(t, msg);
	if (!t->orq)
		msg_destroy(msg);
	return t->orq;
}

bool txn_send(struct txn *prong, const struct passage *p,
	      const struct body *body, struct refusal *no)
{
	struct passage own = *p;

	own.txn = prong;
	return request_sent(prong, sip_object(p->msg),
			    request_build(&own, body), body->secret, no);
}

/* Takes msg. */
static void request_leave(struct txn *t, const sip_t *sip, msg_t *msg,
			  bool secret)
{
	struct refusal no;

	if (request_sent(t, sip, msg, secret, &no)) {
		retry_await(t);
		early_answer(t, sip);
	} else if (t->initial) {
		pair_end(t->pair, &no, no.warn);
	} else {
		txn_refuse(t, &no);
	}
}

static void pass_request(struct passage *p, const struct body *body)
{
	struct txn *t = p->txn;
	struct refusal no;

	const sip_t *sip = sip_object(p->msg);

	if (t->final || !t->to->dialog)
		return;
	if (!body->len && seals_on(t->pair, t->from, t->method, 0) &&
	    session_only(t->from, t->to, sip)) {
		reoffer_accept(t); /* its body was opened */
		return;
	}
	if (t->initial && call_route(t->pair->call)->nowhere) {
		no = reply_no(404, NULL);
		pair_end(t->pair, &no, no.phrase);
		return;
	}
	if (before_holds(p, body))
		return;
	if (fork_is(t)) {
		fork_send(p, body);
		return;
	}
	request_leave(t, sip, request_build(p, body), body->secret);
	if (t->orq && body->len && !body->fields && filter_offers(sip))
		session_offered(t, body);
}

/* -- the responses -------------------------------------------------------- */

/* Why TLS failed with the host that the request was for; NULL: it did not. */
static const char *why_no_tls(const struct txn *t)
{
	const url_t *uri = nta_outgoing_route_uri(t->orq);

	if (!uri)
		uri = nta_outgoing_request_uri(t->orq);
	return uri ? tls_failure(uri->url_host) : NULL;
}

/* For the one who hung up the call is over all the same. */
static void bye_alone(struct txn *t)
{
	t->final = 200;
	nta_incoming_treply(t->irq, SIP_200_OK, TAG_END());
	txn_done(t);
	pair_over(t->pair, "bye");
}

/* Sofia's own: the far side did not answer or could not be reached. */
static void own_failure(struct txn *t, int status)
{
	const char *tls = why_no_tls(t);
	struct refusal no = reply_no(tls ? 503 : status, tls ? tls :
				     status == 408 ?
				     "no answer from the next hop" :
				     "the next hop cannot be reached");

	log_line(LOG_CLASS_REMOTE, SIP_TAG, pair_id(t->pair),
		 "%s to the %s: %d, %s; check the route of the peer",
		 nta_outgoing_method_name(t->orq),
		 t->to->face->face == INSIDE ? "inside" : "outside", no.status,
		 no.warn);
	if (t->method == sip_method_bye) {
		bye_alone(t);
	} else if (t->initial) {
		pair_end(t->pair, &no, no.warn);
	} else {
		txn_refuse(t, &no);
	}
}

/* An interval between us and the one who answers was too small: nothing that
 * the other side could mend. It may ask again, with what we know now. */
static bool too_small(struct txn *t, const sip_t *sip)
{
	struct refusal no = reply_no(500, "the far side wants a longer "
				     "session interval");

	if (t->method != sip_method_invite && t->method != sip_method_update)
		return false;
	session_small(t, sip);
	no.retry_after_s = 1;
	if (t->initial)
		pair_end(t->pair, &no, no.warn);
	else
		txn_refuse(t, &no);
	return true;
}

/* A 2xx: what holds on the leg that it came from. */
static void took(struct txn *t, struct leg *leg, const sip_t *sip)
{
	struct said *now = &t->pair->said[leg->caller];

	if (t->method != sip_method_invite && t->method != sip_method_update)
		return;
	session_agreed(leg, sip);
	if (!t->said.data)
		return;
	said_free(now);
	*now = t->said;
	t->said = (struct said){ 0 };
}

/* A response that we have nothing to do with, unless it lets us try again. */
static void go_back(struct txn *t, const sip_t *sip)
{
	int status = sip->sip_status->st_status;
	struct leg *leg = t->to;

	if (t->initial && status >= 300 &&
	    (retry_invite(t, sip) || retry_redirected(t, sip)))
		return;
	if (retry_sealed(t, sip))
		return;
	if (status == 422 && too_small(t, sip))
		return;
	if (t->method == sip_method_invite)
		leg = invite_response(t, sip);
	else if (status < 300 && has_contact(t->method) &&
		 seals_on(t->pair, t->to, t->method, status) != SEALS_MUST)
		leg_retarget(t->to, sip, false); /* else once it is opened */
	if (leg && status >= 200 && status < 300)
		took(t, leg, sip);
	if (leg)
		filter_pass(t, PASS_RESPONSE, leg->caller ? NULL : leg,
			    nta_outgoing_getresponse(t->orq));
}

void txn_go_on(struct txn *t)
{
	msg_t *msg = t->orq ? nta_outgoing_getresponse(t->orq) : NULL;

	if (msg && !t->final)
		go_back(t, sip_object(msg));
	msg_destroy(msg);
}

int txn_status(nta_outgoing_t *orq, const sip_t *sip)
{
	bool invite = nta_outgoing_method(orq) == sip_method_invite;
	int status = nta_outgoing_status(orq);
	int said = sip ? sip->sip_status->st_status : status;

	if (status <= 100 || (status < 200 && !invite))
		return 0;
	return said < 200 && status >= 200 ? 0 : status;
}

int txn_response(struct txn *t, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = txn_status(orq, sip);

	if (!status)
		return 0;
	if (status >= 200)
		t->answer = status;
	if (t->pair->state == PAIR_ENDED || t->final) {
		invite_late_response(t, sip);
		return 0;
	}
	hops_note(t->pair->sip->hops, orq, sip);
	if (retry_elsewhere(t, sip))
		return 0;
	if (!sip || nta_sip_is_internal(sip)) {
		own_failure(t, status);
		return 0;
	}
	if (challenge_answer(t, sip, t->joins ? transfer_again
					      : challenge_relay))
		return 0;
	if (t->auth && status < 300)
		auth_proved(t->auth, sip);
	if (t->initial && status >= 400 && t->to->face->face == OUTSIDE &&
	    filter_body_kind(sip) == BODY_SDP && t->pair->call &&
	    !call_opens(t->pair->call)) /* it would come sealed */
		call_hint(t->pair->call, sip->sip_payload->pl_data,
			  sip->sip_payload->pl_len);
	if (!retry_learns(t, sip))
		go_back(t, sip);
	return 0;
}

/* Whether the core lets the outside send the phone to this URI. */
bool txn_may_lead(const struct pair *pair, const url_t *uri)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *text;
	bool may;

	su_home_init(home);
	text = uri ? url_as_string(home, uri) : ""; /* nowhere known */
	may = text && pair->call && call_may_lead(pair->call, text);
	su_home_deinit(home);
	return may;
}

static bool all_may_lead(const struct pair *pair, const sip_contact_t *m)
{
	while (m && txn_may_lead(pair, m->m_url))
		m = m->m_next;
	return !m;
}

/* Our Contact, or in a redirection those of the other side, as far as they
 * may be seen. A 3xx of which none is left becomes 480; so does one that would
 * lead a phone out of a sealed call into a plain one. */
static bool response_contact(struct txn *t, msg_t *msg, const sip_t *sip,
			     int *status)
{
	const struct sip_face *inside = &t->pair->sip->face[INSIDE];
	bool inward = t->from->face->face == INSIDE;
	int n;

	if (*status < 300)
		return !has_contact(t->method) || contact_add(msg, t->from);
	if (*status >= 400 && *status != 485)
		return true;
	if ((inward && !all_may_lead(t->pair, sip->sip_contact)) ||
	    hidden_on(t->pair, t->from))
		n = 0;
	else
		n = headers_contacts(msg, sip,
				     inward ? NULL : inside->settings);
	if (!n && *status < 400)
		*status = 480;
	return n >= 0;
}

static msg_t *response_build(struct passage *p, const struct body *body)
{
	static const struct body none = { .type = "" };
	const sip_t *sip = sip_object(p->msg);
	struct txn *t = p->txn;
	int status = sip->sip_status->st_status, given = status;
	const char *phrase = sip->sip_status->st_phrase;
	bool success = status >= 200 && status < 300;
	const char *const *ours = before_has(t) ? our_tags(t) : session_tags;
	bool requires = status >= 200 && headers_requires(sip, ours);
	struct crossing x = border_crossing(t->pair, t->to->face->face);
	unsigned border = border_flags(&x, sip, &t->to->privacy);
	unsigned flags = body_flags(body) | border |
			 (status < 200 || requires ? COPY_NO_REQUIRE : 0) |
			 (t->auth || t->proof ? COPY_NO_PROOF : 0) |
			 (supported_passes(t, sip) ? 0 : COPY_NO_SUPPORTED);
	bool hidden = hidden_on(t->pair, t->from);
	bool hushed = hidden && status >= 300;
	msg_t *msg = nta_msg_create(t->from->face->agent, 0);

	if (!msg)
		return NULL;
	if (hushed)
		body = &none;
	if (hushed || is_retyped(p, body))
		flags &= ~COPY_BODY;
	if (!headers_copy(msg, sip, flags) &&
	    border_privacy(msg, sip, &x, border) &&
	    (!requires || headers_require(msg, sip, ours)) &&
	    supported_add(msg, t, sip) &&
	    (status >= 300 || naming_assert(t->from, p->called ? p->called
							       : t->to,
					    msg, sip)) &&
	    option_add(msg, t, t->from, status) &&
	    (!success || (session_response(t, msg) &&
			  admission_prove(t->proof, msg))) &&
	    response_contact(t, msg, sip, &status) && body_put(msg, p, body) &&
	    !nta_incoming_complete_response(
		    t->irq, msg, status, status == given && !hidden
		    ? phrase : reply_phrase(status), TAG_END())) {
		if (hushed)
			hidden_failure(msg);
		return msg;
	}
	msg_destroy(msg);
	return NULL;
}

/* A response to a BYE that ends the call; a challenge does not (RFC 3261
 * 22.2), nor does a redirection. */
static bool bye_ends(int status)
{
	return status < 300 || (status >= 400 && status != 401 &&
				status != 407 && status != 491);
}

static void response_sent(struct txn *t, const sip_t *sip)
{
	int status = sip->sip_status->st_status;

	if (status < 200)
		return;
	if (status < 300 && !t->initial && has_contact(t->method))
		leg_accepted(t->from, t->irq);
	if (status < 300 && !t->initial && has_contact(t->method) &&
	    seals_on(t->pair, t->to, t->method, status) == SEALS_MUST)
		leg_retarget(t->to, sip, false);
	t->final = status;
	if (t->method == sip_method_invite) {
		invite_answered(t, sip);
		return;
	}
	txn_done(t);
	if (t->method == sip_method_bye && bye_ends(status))
		pair_over(t->pair, "bye");
}

/* Takes msg. described: it has SDP. */
static void response_leave(struct passage *p, msg_t *msg, bool described)
{
	const sip_t *sip = sip_object(p->msg);
	struct txn *t = p->txn;

	if (invite_is_reliable(t, sip)) {
		invite_reply_reliably(p, sip, msg);
	} else if (!early_reply(t, sip, described, msg)) {
		nta_incoming_mreply(t->irq, msg);
		response_sent(t, sip);
	}
}

/* Ends the call rather than to send keys where others may read them; signed
 * ones are as readable. */
static bool exposes(struct txn *t, bool secret)
{
	struct refusal no = reply_no(488, "SDES keys need verified TLS");

	if (!secret || t->secured)
		return false;
	pair_end(t->pair, &no, no.warn);
	return true;
}

static void pass_response(struct passage *p, const struct body *body)
{
	const sip_t *sip = sip_object(p->msg);
	struct refusal no = reply_no(500, NULL);
	struct txn *t = p->txn;
	msg_t *msg;

	if (t->joins) {
		transfer_answered(t, sip, body);
		return;
	}
	if (t->final || !t->irq || exposes(t, body->secret) ||
	    before_confirms(p, body))
		return;
	msg = response_build(p, body);
	if (msg && body->len && filter_offers(sip) &&
	    (t->initial || sip->sip_status->st_status >= 200))
		session_said(t->from, body);
	if (msg)
		response_leave(p, msg, body->len && filter_offers(sip));
	else
		pair_end(t->pair, &no, "out of memory");
}

/* -- the filter's results ------------------------------------------------- */

void txn_pass(struct passage *p, const struct body *body)
{
	if (p->txn->done)
		return;
	if (p->kind == PASS_REQUEST)
		pass_request(p, body);
	else if (p->kind == PASS_RESPONSE)
		pass_response(p, body);
	else if (p->kind == PASS_EARLY)
		early_taken(p);
	else
		invite_pass_ack(p->txn, sip_object(p->msg), body);
}

msg_t *txn_build(struct passage *p)
{
	struct txn *t = p->txn;

	if (p->kind == PASS_ACK && !t->done && !t->acked && t->to->dialog)
		return leg_ack_build(t->to, t, sip_object(p->msg));
	if (t->done || t->final)
		return NULL;
	if (p->kind == PASS_REQUEST && t->to->dialog)
		return request_build(p, NULL);
	if (p->kind == PASS_RESPONSE && t->irq)
		return response_build(p, NULL);
	return NULL;
}

void txn_pass_built(struct passage *p)
{
	struct txn *t = p->txn;
	msg_t *msg = p->out;

	p->out = NULL;
	if (p->kind == PASS_ACK) {
		invite_ack_built(t, msg);
	} else if (t->done || t->final) {
		msg_destroy(msg);
	} else if (p->kind == PASS_REQUEST) {
		request_leave(t, sip_object(p->msg), msg, p->secret);
	} else if (exposes(t, p->secret)) {
		msg_destroy(msg);
	} else {
		response_leave(p, msg, p->described);
	}
}

/* Of a call whose messages are signed; it was not opened to a description, nor
 * has it one to be sealed. */
static bool is_bare_response(const struct passage *p)
{
	const struct txn *t = p->txn;
	const struct leg *leg = t->to->face->face == OUTSIDE ? t->to : t->from;

	return p->kind == PASS_RESPONSE && !p->sdp && !p->described &&
	       seals_on(t->pair, leg, t->method,
			sip_object(p->msg)->sip_status->st_status);
}

/* What need not end the call when it is not signed as it should be, or cannot
 * be signed: a sign of ringing, which is left out; the ACK of an offer in a
 * running call; a BYE from inside, which is then all there is. Early keys of a
 * branch where another one has them. */
static bool spared(struct passage *p)
{
	struct txn *t = p->txn;

	if (early_spared(p)) {
		early_leave(p);
		return true;
	}
	if (is_bare_response(p))
		return sip_object(p->msg)->sip_status->st_status < 200;
	if (p->kind == PASS_ACK && !t->initial) {
		invite_pass_ack(t, NULL, NULL);
		return true;
	}
	if (p->kind == PASS_REQUEST && t->method == sip_method_bye &&
	    t->from->face->face == INSIDE && t->irq && !t->final) {
		bye_alone(t);
		return true;
	}
	return false;
}

/* Signs of nothing agreed: only who asked hears of them. */
static bool answers_alone(const struct passage *p)
{
	return is_bare_response(p) && p->txn->method != sip_method_invite &&
	       !p->txn->offer;
}

/* A request that fails is answered; an answer that fails, and whatever fails
 * before the call is up, ends the call. */
void txn_refused(struct passage *p, const struct refusal *no)
{
	struct txn *t = p->txn;

	struct refusal gateway = reply_no(502, "the answer is not signed");

	if (t->done || spared(p))
		return;
	if (p->kind == PASS_REQUEST && !t->initial && !t->prack_answer) {
		txn_refuse(t, no);
		return;
	}
	if (answers_alone(p)) {
		txn_refuse(t, &gateway);
		return;
	}
	/* the core, which decided, has told the operator why */
	log_line(LOG_CLASS_DEBUG, SIP_TAG, pair_id(t->pair), "%d %s: %s",
		 no->status, no->phrase ? no->phrase : "", no->warn);
	pair_end(t->pair, no, no->warn_code ? no->warn : no->phrase);
}

/* -- the end -------------------------------------------------------------- */

void txn_end(struct txn *t, const struct refusal *no)
{
	struct refusal gone = reply_no(481, NULL);

	if (t->done)
		return;
	if (t->irq && !t->final && t->method == sip_method_bye) {
		t->final = 200;
		nta_incoming_treply(t->irq, SIP_200_OK, TAG_END());
	} else if (t->irq && !t->final) {
		if (t->method != sip_method_invite)
			no = &gone;
		answer_no(t, no);
	}
	if (t->method != sip_method_invite || !invite_end(t, no))
		txn_done(t);
}
