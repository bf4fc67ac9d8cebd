/* registrar.c - the embedded registrar, by the steps of RFC 3261 10.3: whose
 * domain it is (1), what it may require (2), who it is (3, admission.c), whose
 * account (4, 5), the Contacts (6, 7) and the list of all of them (8).
 *
 * Everything is read and checked before anything changes, so a request does
 * all that it asks or nothing. Each binding remembers the Call-ID and CSeq
 * that made it: what comes late does not undo what came after.
 *
 * Does not do: GRUU (RFC 5627), flows (RFC 5626), Path (RFC 3327: no proxy
 * is between a phone and us), third parties that register for an account. */
#include "modules/sip/registrar/registrar.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/sip/registration/binding.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/registration/register.h"
#include "modules/sip/registrar/admission.h"
#include "modules/sip/registrar/contact.h"
#include "modules/sip/message/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/url.h>

#define CONTACTS_MAX 8   /* of one REGISTER */
#define ACCOUNT_MAX 16   /* of one account */
#define Q_MOST 1000
#define RETRY_S 10

/* One Contact of the request. */
struct change {
	char contact[CONTACT_TEXT]; /* as the binding has it, if there is one */
	uint32_t expires_s; /* 0: to be removed */
	uint16_t q;
	bool known;
};

/* What a REGISTER asks for. */
struct order {
	struct sip *sip;
	struct bindings *bindings;
	char account[ACCOUNT_TEXT];
	char proto[PROTO_TEXT];
	char call[TOKEN_TEXT];
	struct addr source;
	uint32_t cseq;
	uint64_t now_us;
	bool all; /* "Contact: *" */
	size_t n;
	struct change change[CONTACTS_MAX];
};

static const struct registrar_settings *own(const struct sip *s)
{
	return &engine_settings(s->engine)->registrar;
}

/* -- refusals ------------------------------------------------------------- */

static void refuse(nta_incoming_t *irq, const char *account, int status,
		   const char *why)
{
	struct refusal no = reply_no(status, why);
	struct addr source = face_source(irq);
	char where[ADDR_TEXT];

	log_line(LOG_CLASS_REFUSED, SIP_TAG, 0, "REGISTER of %s from %s: %d "
		 "%s%s%s", *account ? account : "nobody",
		 addr_text(&source, where), status, reply_phrase(status),
		 why ? ", " : "", why ? why : "");
	no.retry_after_s = status == 503 ? RETRY_S : 0;
	reply_refuse(irq, &no);
	nta_incoming_destroy(irq);
}

/* RFC 3261 21.4.17 and 21.4.15: these say what would do. */
static void refuse_brief(nta_incoming_t *irq, const struct order *o)
{
	char min[16];

	snprintf(min, sizeof min, "%" PRIu32, own(o->sip)->expires_min);
	nta_incoming_treply(irq, 423, reply_phrase(423),
			    SIPTAG_MIN_EXPIRES_STR(min), TAG_END());
	nta_incoming_destroy(irq);
}

static void refuse_extension(nta_incoming_t *irq, const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *text;

	su_home_init(home);
	text = sip_header_as_string(home,
				    (const sip_header_t *)sip->sip_require);
	nta_incoming_treply(irq, SIP_420_BAD_EXTENSION,
			    TAG_IF(text, SIPTAG_UNSUPPORTED_STR(text)),
			    TAG_END());
	nta_incoming_destroy(irq);
	su_home_deinit(home);
}

/* -- before anybody is asked ---------------------------------------------- */

static bool is_ours(const struct sip_face *f, const url_t *url)
{
	return url->url_host &&
	       (!strcasecmp(url->url_host, own(f->sip)->domain) ||
		face_is_us(f, url));
}

/* 0, or the status to refuse with. */
static int examine(const struct sip_face *f, const sip_t *sip,
		   const char **why)
{
	const url_t *uri = sip->sip_request->rq_url;

	if (f->sip->draining) {
		*why = "the gateway is being stopped";
		return 503;
	}
	if (uri->url_type == url_sips) {
		*why = "a sips: account cannot be registered";
		return 480;
	}
	if (uri->url_type != url_sip)
		return 416;
	if (!is_ours(f, uri)) {
		*why = "its domain is not registrar.domain";
		return 404;
	}
	if (sip->sip_payload)
		return 415;
	if (!sip->sip_from->a_tag || !sip->sip_call_id || sip->sip_to->a_tag) {
		*why = "From, To or Call-ID cannot be used";
		return 400;
	}
	return 0;
}

/* -- the order is read ---------------------------------------------------- */

/* The binding that this Contact is (RFC 3261 19.1.4), or NULL. */
static const struct binding *same_contact(const struct order *o,
					  const url_t *url)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const struct binding *e = NULL;
	const url_t *theirs;
	bool same = false;

	su_home_init(home);
	while (!same && (e = bindings_next(o->bindings, o->account, e))) {
		theirs = e->local ? url_make(home, e->contact) : NULL;
		same = theirs && !url_cmp_all(theirs, url);
	}
	su_home_deinit(home);
	return e;
}

static uint16_t read_q(const sip_contact_t *m)
{
	double q = m->m_q ? strtod(m->m_q, NULL) : 1.0;

	if (!(q >= 0))
		return 0;
	return q >= 1 ? Q_MOST : (uint16_t)(q * Q_MOST + 0.5);
}

/* Whether the binding was made by a later request of the same phone. */
static bool is_late(const struct order *o, const struct binding *e)
{
	return !strcmp(e->call, o->call) && o->cseq <= e->cseq;
}

static int read_contact(struct order *o, const sip_contact_t *m,
			const sip_t *sip, const char **why)
{
	const struct registrar_settings *s = own(o->sip);
	struct change *c = &o->change[o->n];
	const struct binding *e;

	*why = "Contact cannot be used";
	if (o->n == CONTACTS_MAX ||
	    !contact_uri(m->m_url, c->contact, sizeof c->contact))
		return 400;
	e = same_contact(o, m->m_url);
	*why = "a later request came before";
	if (e && is_late(o, e))
		return 500;
	c->known = e;
	if (e)
		snprintf(c->contact, sizeof c->contact, "%s", e->contact);
	c->q = read_q(m);
	c->expires_s = contact_expires(m, sip, s->expires_max);
	if (c->expires_s && c->expires_s < s->expires_min)
		return 423;
	if (c->expires_s > s->expires_max)
		c->expires_s = s->expires_max;
	o->n++;
	return 0;
}

/* "*" stands alone, and only to remove. */
static int read_star(struct order *o, const sip_t *sip, const char **why)
{
	const struct binding *e = NULL;

	*why = "\"Contact: *\" is alone and has Expires: 0";
	if (sip->sip_contact->m_next ||
	    contact_expires(NULL, sip, 1))
		return 400;
	*why = "a later request came before";
	while ((e = bindings_next(o->bindings, o->account, e)))
		if (is_late(o, e))
			return 500;
	o->all = true;
	return 0;
}

static int read_contacts(struct order *o, const sip_t *sip, const char **why)
{
	const sip_contact_t *m = sip->sip_contact;
	int status = 0;

	if (m && m->m_url->url_type == url_any)
		return read_star(o, sip, why);
	for (; m && !status; m = m->m_next)
		status = m->m_url->url_type == url_any
			? 400 : read_contact(o, m, sip, why);
	return status;
}

static size_t count_account(const struct order *o)
{
	const struct binding *e = NULL;
	size_t n = 0;

	while ((e = bindings_next(o->bindings, o->account, e)))
		n += e->expires_us > o->now_us;
	return n;
}

static int limits(const struct order *o, const char **why)
{
	const struct settings *s = engine_settings(o->sip->engine);
	size_t fresh = 0;

	for (size_t i = 0; i < o->n; i++)
		fresh += o->change[i].expires_s && !o->change[i].known;
	if (!fresh)
		return 0;
	if (bindings_count(o->bindings) + fresh > s->registrations_max) {
		*why = "limits.registrations is reached";
		return 503;
	}
	if (bindings_count_host(o->bindings, &o->source) + fresh >
	    s->registrations_host_max) {
		*why = "limits.registrations_host is reached";
		return 403;
	}
	if (count_account(o) + fresh > ACCOUNT_MAX) {
		*why = "too many phones of one account";
		return 403;
	}
	return 0;
}

static void order_of(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		     struct order *o)
{
	*o = (struct order){ .sip = f->sip,
			     .bindings = registry_bindings(f->sip->registry),
			     .source = face_source(irq),
			     .cseq = sip->sip_cseq->cs_seq,
			     .now_us = clock_wall_us(&clock_system) };
	contact_proto(f, irq, o->proto, sizeof o->proto);
	bindings_alias(o->bindings, "call-id", sip->sip_call_id->i_id,
		       o->call);
}

/* -- and done ------------------------------------------------------------- */

static void say(const struct order *o, const struct change *c)
{
	char where[ADDR_TEXT];

	addr_text(&o->source, where);
	if (c->expires_s)
		log_info(SIP_TAG, "%s registered at %s, %s, for %" PRIu32 " s",
			 o->account, where, c->contact, c->expires_s);
	else
		log_info(SIP_TAG, "%s no longer registered at %s, %s",
			 o->account, where, c->contact);
}

static int apply_one(const struct order *o, const struct change *c)
{
	const struct binding_facts f = {
		.account = o->account, .contact = c->contact, .routes = "",
		.source = o->source, .proto = o->proto, .now_us = o->now_us,
		.expires_us = o->now_us + c->expires_s * 1000000ull,
		.local = true, .q = c->q, .cseq = o->cseq, .call = o->call,
	};
	char token[TOKEN_TEXT];

	if (c->known != (c->expires_s > 0))
		say(o, c);
	if (c->expires_s)
		return bindings_put(o->bindings, &f);
	bindings_token(o->bindings, &f, token);
	bindings_drop(o->bindings, token);
	return 0;
}

static int apply(const struct order *o)
{
	int r = 0;

	if (o->all) {
		bindings_drop_account(o->bindings, o->account);
		log_info(SIP_TAG, "%s no longer registered at all", o->account);
	}
	for (size_t i = 0; i < o->n && !r; i++)
		r = apply_one(o, &o->change[i]);
	return r;
}

static bool put(msg_t *msg, void *header)
{
	return header && !msg_header_insert(msg, NULL, header);
}

static bool put_binding(const struct order *o, msg_t *msg,
			const struct binding *e)
{
	char q[16] = "";

	if (e->q < Q_MOST)
		snprintf(q, sizeof q, ";q=0.%03u", e->q);
	return put(msg, sip_contact_format(
			   msg_home(msg), "<%s>%s;expires=%" PRIu64,
			   e->contact, q,
			   (e->expires_us - o->now_us) / 1000000));
}

static bool put_bindings(const struct order *o, msg_t *msg)
{
	const struct binding *e = NULL;

	while ((e = bindings_next(o->bindings, o->account, e)))
		if (e->local && e->expires_us > o->now_us &&
		    !put_binding(o, msg, e))
			return false;
	return true;
}

static bool put_info(msg_t *msg, const struct admitted *who)
{
	char *proof = admission_proof(who);
	bool good = proof && header_add(msg, "Authentication-Info", proof);

	free(proof);
	return good;
}

static void accept_order(const struct order *o, const struct sip_face *f,
			 nta_incoming_t *irq, const struct admitted *who)
{
	msg_t *msg = nta_msg_create(f->agent, 0);

	if (msg && put_bindings(o, msg) && put_info(msg, who) &&
	    put(msg, sip_date_create(msg_home(msg), 0)) &&
	    !nta_incoming_complete_response(irq, msg, SIP_200_OK, TAG_END())) {
		nta_incoming_mreply(irq, msg);
		nta_incoming_destroy(irq);
		return;
	}
	msg_destroy(msg);
	refuse(irq, o->account, 500, "out of memory");
}

/* RFC 3261 10.3, steps 4 and 5. */
static bool is_own_account(const struct sip_face *f, const sip_t *sip,
			   const char *user, struct order *o)
{
	const url_t *to = sip->sip_to->a_url;

	return contact_account(sip, o->account, sizeof o->account) &&
	       is_ours(f, to) && !strcmp(to->url_user, user);
}

static void on_admitted(struct sip_face *f, nta_incoming_t *irq,
			const sip_t *sip, const struct admitted *who)
{
	const char *why = NULL;
	struct order o;
	int status;

	if (!who) { /* cannot be, and must not */
		refuse(irq, "", 500, NULL);
		return;
	}
	order_of(f, irq, sip, &o);
	if (!is_own_account(f, sip, who->user, &o)) {
		refuse(irq, o.account, 403, "To is not the account that the "
		       "credentials are of");
		return;
	}
	status = read_contacts(&o, sip, &why);
	if (!status)
		status = limits(&o, &why);
	if (!status && apply(&o)) {
		status = 500;
		why = "out of memory";
	}
	if (status == 423)
		refuse_brief(irq, &o);
	else if (status)
		refuse(irq, o.account, status, why);
	else
		accept_order(&o, f, irq, who);
}

int registrar_request(struct sip_face *f, nta_incoming_t *irq,
		      const sip_t *sip)
{
	const char *why = NULL;
	int status = examine(f, sip, &why);

	if (status)
		refuse(irq, "", status, why);
	else if (sip->sip_require)
		refuse_extension(irq, sip);
	else
		admission_ask(f, irq, sip, on_admitted);
	return 0;
}

bool registrar_asks(const struct sip_face *f, const sip_t *sip)
{
	const char *why;

	return f->face == INSIDE &&
	       engine_settings(f->sip->engine)->register_mode ==
		       REGISTER_LOCAL &&
	       !examine(f, sip, &why) && !sip->sip_require;
}
