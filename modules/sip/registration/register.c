/* register.c - registration that passes through: a phone's REGISTER goes on to
 * its registrar upstream, with our Contact instead of the phone's.
 *
 * The phone has the gateway as its outbound proxy, so that Request-URI, To and
 * what the phone's digest covers stay as they are; challenges and answers pass
 * unseen (RFC 3261 22, RFC 8760). Each binding has a user part of its own in
 * our Contact (binding.c), by which calls find their way back. Call-ID and tag
 * are a keyed hash of the phone's, and CSeq is the phone's: a registrar sees
 * the same order of requests as if there were no gateway, also over a restart
 * (RFC 3261 10.2).
 *
 * A binding exists once the registrar accepted it, for the time it granted.
 * A refresh that comes soon after (limits.refresh) is answered by that. The
 * phone is shown its own Contacts only. Service-Route (RFC 3608) stays
 * here and is used for the calls of that account; a phone that followed it
 * would go round the gateway.
 *
 * Does not do: a registrar of its own, requests without a phone's request
 * (nothing could answer a challenge), a Path of its own (RFC 3327: towards
 * the registrar we are the phone; that it may be added on the way is said),
 * flows and instance names (reg-id, RFC 5626; GRUU, RFC 5627). */
#include "config.h" /* strcasestr() */

#include "modules/sip/registration/register.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/sip/registration/binding.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/registration/location.h"
#include "modules/sip/nat/keepalive.h"
#include "modules/sip/registrar/contact.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/trunk/hops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/tport_tag.h>

#define CONTACTS_MAX 8      /* of one REGISTER */
#define OPEN_MAX 2000       /* requests that wait for the registrar */
#define EXPIRES_DEFAULT 3600 /* s; RFC 3261 10.2 */
#define SWEEP_MS 10000
#define RETRY_S 10

/* A Contact of the phone's, and what it is called upstream. */
struct wanted {
	char token[TOKEN_TEXT];
	char contact[CONTACT_TEXT];
	char form[TOKEN_TEXT]; /* what else it says of itself */
	uint32_t asked; /* s; 0: to be removed */
};

/* A REGISTER on its way. */
struct attempt {
	struct attempt *next, **prev;
	struct registry *registry;
	nta_incoming_t *irq;
	nta_outgoing_t *orq;
	char account[ACCOUNT_TEXT];
	const char *hop; /* SIP URI, or "" */
	struct addr source;
	char proto[PROTO_TEXT];
	bool all;        /* "Contact: *" */
	size_t n;
	struct wanted wanted[CONTACTS_MAX];
};

struct registry {
	struct sip *sip;
	struct bindings *bindings;
	struct location location;
	struct loop_timer *sweeper;
	struct keepalive *keepalive;
	struct attempt *open;
	size_t n_open;
};

static uint64_t now_us(void)
{
	return clock_wall_us(&clock_system);
}

/* -- attempts ------------------------------------------------------------- */

static struct attempt *attempt_new(struct registry *r, nta_incoming_t *irq)
{
	struct attempt *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->registry = r;
	a->irq = irq;
	face_works(irq);
	a->next = r->open;
	a->prev = &r->open;
	if (a->next)
		a->next->prev = &a->next;
	r->open = a;
	r->n_open++;
	return a;
}

static void attempt_end(struct attempt *a)
{
	*a->prev = a->next;
	if (a->next)
		a->next->prev = a->prev;
	a->registry->n_open--;
	if (a->orq)
		nta_outgoing_destroy(a->orq);
	nta_incoming_destroy(a->irq);
	free(a);
}

static void log_no(const struct attempt *a, int status, const char *why)
{
	char where[ADDR_TEXT];

	log_line(LOG_CLASS_REFUSED, SIP_TAG, 0, "REGISTER of %s from %s: %d "
		 "%s%s%s", *a->account ? a->account : "nobody",
		 addr_text(&a->source, where), status, reply_phrase(status),
		 why ? ", " : "", why ? why : "");
}

static void refuse(struct attempt *a, int status, const char *why)
{
	struct refusal no = reply_no(status, why);

	log_no(a, status, why);
	no.retry_after_s = status == 503 ? RETRY_S : 0;
	reply_refuse(a->irq, &no);
	attempt_end(a);
}

/* -- the phone's request -------------------------------------------------- */

static struct binding_facts facts_of(const struct attempt *a,
				     const struct wanted *w)
{
	return (struct binding_facts){
		.account = a->account, .contact = w->contact, .routes = "",
		.source = a->source, .proto = a->proto, .now_us = now_us(),
		.form = w->form,
	};
}

/* Its parameters but for the time, by which a change of them shows; "" when
 * there are too many of them. */
static void read_form(const struct attempt *a, const sip_contact_t *m,
		      struct wanted *w)
{
	struct buf text = buf_of(4096);
	const msg_param_t *p = m->m_params;

	for (; p && *p; p++)
		if (strncasecmp(*p, "expires=", 8))
			buf_printf(&text, "%s;", *p);
	if (!text.err)
		bindings_alias(a->registry->bindings, "form",
			       buf_string(&text), w->form);
	buf_free(&text);
}

static bool read_contact(struct attempt *a, const sip_contact_t *m,
			 const sip_t *sip)
{
	struct wanted *w = &a->wanted[a->n];
	struct binding_facts f;

	if (a->n == CONTACTS_MAX ||
	    !contact_uri(m->m_url, w->contact, sizeof w->contact))
		return false;
	read_form(a, m, w);
	w->asked = contact_expires(m, sip, EXPIRES_DEFAULT);
	f = facts_of(a, w);
	bindings_token(a->registry->bindings, &f, w->token);
	a->n++;
	return true;
}

/* "*" stands alone, and only to remove (RFC 3261 10.3, step 6). */
static bool read_contacts(struct attempt *a, const sip_t *sip)
{
	const sip_contact_t *m = sip->sip_contact;

	if (m && m->m_url->url_type == url_any) {
		a->all = true;
		return !m->m_next &&
		       !contact_expires(NULL, sip, EXPIRES_DEFAULT);
	}
	for (; m; m = m->m_next)
		if (!read_contact(a, m, sip))
			return false;
	return true;
}

/* New bindings must fit the limits; those that are there may be refreshed. */
static int limits(const struct attempt *a, const char **why)
{
	const struct settings *s = engine_settings(a->registry->sip->engine);
	struct bindings *b = a->registry->bindings;
	size_t fresh = 0;

	for (size_t i = 0; i < a->n; i++)
		fresh += a->wanted[i].asked &&
			 !bindings_find(b, a->wanted[i].token, now_us());
	if (!fresh)
		return 0;
	if (bindings_count(b) + fresh > s->registrations_max) {
		*why = "limits.registrations is reached";
		return 503;
	}
	if (bindings_count_host(b, &a->source) + fresh >
	    s->registrations_host_max) {
		*why = "limits.registrations_host is reached";
		return 403;
	}
	return 0;
}

static int admitted(struct attempt *a, const char **why)
{
	struct registry *r = a->registry;

	switch (engine_registrar(r->sip->engine, a->account, &a->source,
				 &a->hop)) {
	case 0:
		break;
	case E_UNSUPPORTED:
		*why = "register is \"off\" in the configuration";
		return 405;
	case E_CLOSED:
		*why = "every next hop is down";
		return 503;
	default:
		*why = "the sender is not in inside.nets";
		return 403;
	}
	if (r->sip->draining || r->n_open > OPEN_MAX) {
		*why = r->sip->draining ? "the gateway is being stopped" :
					  "too many are on their way";
		return 503;
	}
	return 0;
}

/* 0, or the status to refuse with. */
static int examine(struct attempt *a, const sip_t *sip, const char **why)
{
	const url_t *uri = sip->sip_request->rq_url;
	bool named = contact_account(sip, a->account, sizeof a->account);
	int status = admitted(a, why);

	if (status)
		return status;
	if (sip->sip_max_forwards && !sip->sip_max_forwards->mf_count)
		return 483;
	if (face_looped(a->registry->sip, sip))
		return 482;
	if (uri->url_type == url_sips) {
		*why = "no hop here can be secured by TLS";
		return 480;
	}
	if (uri->url_type != url_sip)
		return 416;
	if (sip->sip_payload)
		return 415;
	if (!named || !sip->sip_from->a_tag || !read_contacts(a, sip)) {
		*why = "To, From or Contact cannot be used";
		return 400;
	}
	return limits(a, why);
}

/* -- a refresh that comes too soon ----------------------------------------- */

static bool put(msg_t *msg, void *header)
{
	return header && !msg_header_insert(msg, NULL, header);
}

/* The binding, if there is nothing that the registrar had to know. */
static const struct binding *fresh(const struct attempt *a,
				   const struct wanted *w)
{
	const struct settings *s = engine_settings(a->registry->sip->engine);
	uint64_t at = now_us();
	const struct binding *e = bindings_find(a->registry->bindings,
						w->token, at);

	if (!e || !w->asked || !e->put_us || at < e->put_us ||
	    at - e->put_us >= s->refresh_s * 1000000ull)
		return NULL;
	return e->expires_us - at > at - e->put_us &&
	       addr_equal(&e->source, &a->source) &&
	       !strcmp(e->proto, a->proto) && *w->form &&
	       !strcmp(e->form, w->form) ? e : NULL;
}

static bool put_fresh(const struct attempt *a, msg_t *msg)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct wanted *w = &a->wanted[i];
		const struct binding *e = fresh(a, w);
		uint64_t left = e ? (e->expires_us - now_us()) / 1000000 : 0;

		if (!left || !put(msg, sip_contact_format(
				msg_home(msg), "<%s>;expires=%" PRIu64,
				w->contact, left < w->asked ? left :
				w->asked)))
			return false;
	}
	return true;
}

/* Answered by what the registrar granted of late. Nothing changes by it, so
 * nobody has to prove anything: who gets the answer sits where the binding's
 * phone does. */
static bool answered_here(struct attempt *a)
{
	msg_t *msg;

	if (!a->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!fresh(a, &a->wanted[i]))
			return false;
	msg = nta_msg_create(a->registry->sip->face[INSIDE].agent, 0);
	if (msg && put_fresh(a, msg) &&
	    !nta_incoming_complete_response(a->irq, msg, SIP_200_OK,
					    TAG_END())) {
		nta_incoming_mreply(a->irq, msg);
		attempt_end(a);
		return true;
	}
	msg_destroy(msg);
	return false;
}

/* -- the request upstream ------------------------------------------------- */

static bool put_dialog(const struct attempt *a, msg_t *msg, const sip_t *sip)
{
	const struct bindings *b = a->registry->bindings;
	su_home_t *home = msg_home(msg);
	char id[TOKEN_TEXT], tag[TOKEN_TEXT];
	sip_from_t *from = sip_from_dup(home, sip->sip_from);

	bindings_alias(b, "call-id", sip->sip_call_id->i_id, id);
	bindings_alias(b, "tag", sip->sip_from->a_tag, tag);
	if (!from)
		return false;
	msg_header_remove_param(from->a_common, "tag");
	from->a_tag = NULL;
	return !sip_from_tag(home, from, tag) && put(msg, from) &&
	       put(msg, sip_to_dup(home, sip->sip_to)) &&
	       put(msg, sip_call_id_make(home, id)) &&
	       put(msg, sip_cseq_create(home, sip->sip_cseq->cs_seq,
					SIP_METHOD_REGISTER));
}

/* expires and q are for the registrar, what the phone says of itself as well;
 * but flows end here. */
static bool put_params(su_home_t *home, sip_contact_t *to,
		       const sip_contact_t *from)
{
	const msg_param_t *p = from->m_params;

	for (; p && *p; p++)
		if (strncasecmp(*p, "reg-id", 6) &&
		    msg_header_add_param(home, to->m_common,
					 su_strdup(home, *p)) < 0)
			return false;
	return true;
}

static bool put_contact(const struct attempt *a, msg_t *msg,
			const sip_contact_t *theirs, size_t i)
{
	const struct sip_face *f = &a->registry->sip->face[OUTSIDE];
	su_home_t *home = msg_home(msg);
	const url_t *to = sip_object(msg)->sip_request->rq_url;
	sip_contact_t *m;

	if (*a->hop)
		to = url_make(home, a->hop);
	m = sip_contact_dup(home, face_contact_to(f, to, false));
	if (!m)
		return false;
	m->m_url->url_user = su_strdup(home, a->wanted[i].token);
	return m->m_url->url_user && put_params(home, m, theirs) &&
	       put(msg, m);
}

static bool put_contacts(const struct attempt *a, msg_t *msg,
			 const sip_t *sip)
{
	const sip_contact_t *m = sip->sip_contact;

	if (a->all)
		return put(msg, sip_contact_make(msg_home(msg), "*"));
	for (size_t i = 0; i < a->n; i++, m = m->m_next)
		if (!put_contact(a, msg, m, i))
			return false;
	return true;
}

static bool fill(const struct attempt *a, msg_t *msg, const sip_t *sip)
{
	const url_string_t *uri = (url_string_t *)sip->sip_request->rq_url;

	return put(msg, sip_request_create(msg_home(msg), SIP_METHOD_REGISTER,
					   uri, NULL)) &&
	       !headers_copy(msg, sip, 0) && !headers_hop(msg, sip) &&
	       face_route_add(msg, a->hop) &&
	       put_dialog(a, msg, sip) && put_contacts(a, msg, sip) &&
	       (sip_has_feature(sip->sip_supported, "path") ||
		header_add(msg, "Supported", "path"));
}

static int on_response(struct txn *attempt, nta_outgoing_t *orq,
		       const sip_t *sip);

static bool send_on(struct attempt *a, const sip_t *sip)
{
	struct sip *s = a->registry->sip;
	nta_agent_t *agent = s->face[OUTSIDE].agent;
	msg_t *msg = nta_msg_create(agent, 0);
	struct txn *self = (struct txn *)(void *)a; /* Sofia's one type */
	char branch[FACE_BRANCH];

	if (!msg)
		return false;
	if (fill(a, msg, sip)) {
		face_branch(s, sip->sip_request->rq_url, branch);
		a->orq = nta_outgoing_mcreate(
			agent, on_response, self,
			*a->hop ? (url_string_t *)a->hop : NULL, msg,
			NTATAG_BRANCH_KEY(branch),
			TPTAG_IDENT(face_ident(msg, a->hop)), TAG_END());
	}
	if (!a->orq)
		msg_destroy(msg);
	return a->orq;
}

int register_request(struct sip_face *f, nta_incoming_t *irq,
		     const sip_t *sip)
{
	struct attempt *a = attempt_new(f->sip->registry, irq);
	const char *why = NULL;
	int status;

	if (!a) {
		nta_incoming_treply(irq, 500, reply_phrase(500), TAG_END());
		nta_incoming_destroy(irq);
		return 0;
	}
	a->source = face_source(irq);
	contact_proto(f, irq, a->proto, sizeof a->proto);
	status = examine(a, sip, &why);
	if (status)
		refuse(a, status, why);
	else if (!answered_here(a) && !send_on(a, sip))
		refuse(a, 500, "it cannot be sent on");
	return 0;
}

/* -- the answer ----------------------------------------------------------- */

static const sip_contact_t *contact_of(const sip_t *sip, const char *token)
{
	const sip_contact_t *m;

	for (m = sip->sip_contact; m; m = m->m_next)
		if (m->m_url->url_user && !strcmp(m->m_url->url_user, token))
			return m;
	return NULL;
}

/* Its Service-Route as the value of a Route header; "" when none, or when it
 * does not fit. */
static void read_routes(const sip_t *sip, char out[static ROUTES_TEXT])
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const sip_service_route_t *r;
	size_t len = 0;
	int n = 0;

	su_home_init(home);
	out[0] = 0;
	for (r = sip->sip_service_route; r && n >= 0; r = r->r_next) {
		n = snprintf(out + len, ROUTES_TEXT - len, "%s<%s>",
			     len ? ", " : "", url_as_string(home, r->r_url));
		len += (size_t)n;
		if (len >= ROUTES_TEXT)
			n = -1;
	}
	if (n < 0) {
		out[0] = 0;
		log_line(LOG_CLASS_REMOTE, SIP_TAG, 0, "a Service-Route of "
			 "more than %d bytes is not used", ROUTES_TEXT - 1);
	}
	su_home_deinit(home);
}

static void say(const struct attempt *a, const struct wanted *w,
		uint32_t granted)
{
	char where[ADDR_TEXT];

	addr_text(&a->source, where);
	if (granted)
		log_info(SIP_TAG, "%s registered at %s, %s, for %" PRIu32 " s",
			 a->account, where, w->contact, granted);
	else
		log_info(SIP_TAG, "%s no longer registered at %s, %s",
			 a->account, where, w->contact);
}

static int accept_one(struct attempt *a, const struct wanted *w,
		      const sip_t *sip, const char *routes)
{
	struct bindings *b = a->registry->bindings;
	const sip_contact_t *m = contact_of(sip, w->token);
	uint32_t granted = m ? contact_expires(m, sip, EXPIRES_DEFAULT) : 0;
	struct binding_facts f = facts_of(a, w);
	bool known = bindings_find(b, w->token, f.now_us);

	if (!known != !granted)
		say(a, w, granted);
	if (!granted) {
		bindings_drop(b, w->token);
		return 0;
	}
	f.routes = routes;
	f.expires_us = f.now_us + granted * 1000000ull;
	return bindings_put(b, &f);
}

static int accept_all(struct attempt *a, const sip_t *sip)
{
	char routes[ROUTES_TEXT];
	int r = 0;

	read_routes(sip, routes);
	if (a->all) {
		bindings_drop_account(a->registry->bindings, a->account);
		log_info(SIP_TAG, "%s no longer registered at all", a->account);
	}
	for (size_t i = 0; i < a->n && !r; i++)
		r = accept_one(a, &a->wanted[i], sip, routes);
	return r;
}

/* What the phone called the Contact m of the registrar's list; NULL when it is
 * not this phone's. */
static const char *name_for(const struct attempt *a, const sip_contact_t *m)
{
	const struct binding *e;
	const char *token = m->m_url->url_user;

	for (size_t i = 0; token && i < a->n; i++)
		if (!strcmp(a->wanted[i].token, token))
			return a->wanted[i].contact;
	e = token ? bindings_find(a->registry->bindings, token, now_us())
		  : NULL;
	return e && !strcmp(e->account, a->account) &&
	       addr_equal(&e->source, &a->source) ? e->contact : NULL;
}

static bool show_contacts(const struct attempt *a, msg_t *msg,
			  const sip_t *sip)
{
	const sip_contact_t *m;
	const char *name;

	for (m = sip->sip_contact; m; m = m->m_next)
		if ((name = name_for(a, m)) &&
		    !put(msg, sip_contact_format(
				      msg_home(msg), "<%s>;expires=%" PRIu32,
				      name, contact_expires(
					      m, sip, EXPIRES_DEFAULT))))
			return false;
	return true;
}

static void pass(struct attempt *a, const sip_t *sip)
{
	struct sip *s = a->registry->sip;
	int status = sip->sip_status->st_status;
	msg_t *msg = nta_msg_create(s->face[INSIDE].agent, 0);
	bool good = msg && !headers_copy(msg, sip, 0);

	if (good && status < 300)
		good = show_contacts(a, msg, sip);
	else if (good && status < 400)
		good = headers_contacts(msg, sip, NULL) >= 0;
	if (good && !nta_incoming_complete_response(
			    a->irq, msg, status, sip->sip_status->st_phrase,
			    TAG_END())) {
		nta_incoming_mreply(a->irq, msg);
		attempt_end(a);
		return;
	}
	msg_destroy(msg);
	refuse(a, 500, "out of memory");
}

/* A challenge that only auth-int can answer (RFC 7616 3.4.3). */
static bool only_auth_int(const msg_auth_t *au)
{
	const char *qop;

	for (; au; au = au->au_next) {
		qop = msg_params_find(au->au_params, "qop=");
		if (!qop || !strcasestr(qop, "auth-int"))
			return false;
		qop += *qop == '"';
		if (strncasecmp(qop, "auth-int", 8) ||
		    strcasestr(qop + 8, "auth"))
			return false;
	}
	return true;
}

static void look_at_challenge(const struct attempt *a, const sip_t *sip)
{
	const msg_auth_t *au = sip->sip_www_authenticate;

	if (!au)
		au = sip->sip_proxy_authenticate;
	if (au && only_auth_int(au))
		log_line(LOG_CLASS_REMOTE, SIP_TAG, 0, "the registrar of %s "
			 "insists on qop=auth-int: calls challenged so will "
			 "fail, since their bodies change on the way; ask for "
			 "qop=auth there", a->account);
}

static int on_response(struct txn *attempt, nta_outgoing_t *orq,
		       const sip_t *sip)
{
	struct attempt *a = (struct attempt *)(void *)attempt;
	int status = nta_outgoing_status(orq);

	if (status < 200)
		return 0;
	hops_note(a->registry->sip->hops, orq, sip);
	if (!sip || nta_sip_is_internal(sip)) {
		refuse(a, status == 408 ? 504 : status, status == 408 ?
		       "no answer from the registrar" :
		       "the registrar cannot be reached");
		return 0;
	}
	if (status == 408) { /* not for us to give either: RFC 4320 4.2 */
		refuse(a, 504, "408 from the registrar");
		return 0;
	}
	if (status < 300 && accept_all(a, sip)) {
		refuse(a, 500, "the registration cannot be kept");
		return 0;
	}
	if (status == 401 || status == 407)
		look_at_challenge(a, sip);
	else if (status >= 300)
		log_no(a, status, "says the registrar");
	pass(a, sip);
	return 0;
}

/* -- life ----------------------------------------------------------------- */

static void sweep(void *registry)
{
	struct registry *r = registry;

	bindings_sweep(r->bindings, now_us());
	loop_timer_set(r->sweeper, SWEEP_MS);
}

static int open_bindings(struct registry *r)
{
	int fd = child_file(engine_child(r->sip->engine), "bindings");
	int err = bindings_new(fd, now_us(), &r->bindings);
	size_t n;

	if (err) {
		log_error(SIP_TAG, "the file of registrations cannot be read: "
			  "%s", err_text(err));
		return err;
	}
	n = bindings_count(r->bindings);
	if (n)
		log_info(SIP_TAG, "%zu registrations kept from before", n);
	return 0;
}

int registry_new(struct sip *s, struct core *core, struct registry **out)
{
	struct registry *r = calloc(1, sizeof *r);
	int err;

	if (!r)
		return E_NOMEM;
	r->sip = s;
	if ((err = open_bindings(r)) ||
	    (err = keepalive_new(s, r->bindings, &r->keepalive)) ||
	    (err = loop_timer_new(s->loop, sweep, r, &r->sweeper)))
		goto out;
	r->location = location_of(r->bindings);
	err = core_register(core, "location", r->location.name, &r->location);
	if (err)
		goto out;
	loop_timer_set(r->sweeper, SWEEP_MS);
	*out = r;
	return 0;
out:
	registry_free(r);
	return err;
}

struct bindings *registry_bindings(const struct registry *r)
{
	return r->bindings;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	while (r->open)
		attempt_end(r->open);
	loop_timer_free(r->sweeper);
	keepalive_free(r->keepalive);
	bindings_free(r->bindings);
	free(r);
}
