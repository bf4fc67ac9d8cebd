/* admission.c - see admission.h. RFC 3261 22, with the hashes of RFC 8760.
 *
 *   no credentials, or none for our realm  -> challenge
 *   nonce too old, not ours or not given
 *   to this address; count used            -> challenge, stale=true
 *   keeper: wrong, or no such user         -> challenge, and a line in the log
 *   keeper does not answer                 -> 503
 *   right                                  -> the request goes on
 *
 * One challenge for each hash, the strongest first, all with one nonce (RFC
 * 7616 3.9.1). What a phone is told does not depend on whether an account
 * exists. An emergency call is asked for nothing. ACK and CANCEL cannot be
 * challenged, requests within a dialog are not: their tags were made for who
 * was admitted.
 *
 * A line of the log is read by other programs (etc/fail2ban), so that its form
 * stays:
 *   engine/sip: refused: credentials refused from ADDRESS for USER: WHY */
#include "modules/sip/registrar/admission.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/digest/users.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/registrar/nonce.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/url.h>

#define WAITING_MAX 2000
#define RETRY_S 10

/* A request whose credentials the keeper looks at. */
struct waiting {
	struct waiting *next, **prev;
	struct admissions *all;
	struct sip_face *face;
	nta_incoming_t *irq;
	msg_t *msg; /* the request */
	struct digest_credentials credentials;
	admitted_fn go_on;
};

struct admissions {
	struct sip *sip;
	struct nonces *nonces;
	struct waiting *waiting;
	size_t n;
};

static uint64_t now_us(void)
{
	return clock_mono_us(&clock_system);
}

static const struct registrar_settings *own(const struct sip *s)
{
	return &engine_settings(s->engine)->registrar;
}

static bool is_local(const struct sip *s)
{
	return engine_settings(s->engine)->register_mode == REGISTER_LOCAL;
}

const char *admission_realm(const struct sip_face *came)
{
	return came->face == INSIDE && is_local(came->sip)
		? own(came->sip)->domain : NULL;
}

/* -- refusals ------------------------------------------------------------- */

static void refuse(nta_incoming_t *irq, const sip_t *sip, int status,
		   const char *why)
{
	struct refusal no = reply_no(status, why);
	struct addr source = face_source(irq);
	char where[ADDR_TEXT];

	log_line(LOG_CLASS_REFUSED, SIP_TAG, 0, "%s from %s: %d %s%s%s",
		 sip->sip_request->rq_method_name, addr_text(&source, where),
		 status, reply_phrase(status), why ? ", " : "",
		 why ? why : "");
	no.retry_after_s = status == 503 ? RETRY_S : 0;
	reply_refuse(irq, &no);
	nta_incoming_destroy(irq);
}

/* Nothing that a line could be taken apart by. */
static void plain_user(const char *user, char out[static 64])
{
	size_t i;

	for (i = 0; user[i] && i < 63; i++)
		out[i] = user[i] > ' ' && user[i] < 0x7f && user[i] != ':'
			? user[i] : '?';
	out[i] = 0;
	if (!i)
		strcpy(out, "?");
}

/* Of who was given the nonce that he used: so the address is his. */
static void log_credentials(nta_incoming_t *irq, const char *user,
			    const char *why)
{
	struct addr source = face_source(irq);
	char where[ADDR_TEXT], name[64];

	plain_user(user, name);
	log_line(LOG_CLASS_REFUSED, SIP_TAG, 0, "credentials refused from %s "
		 "for %s: %s", addr_host(&source, where), name, why);
}

/* For the operator's eyes only: it may be anybody's address, or the phone that
 * somebody else's guesses keep out. */
static void log_useless(nta_incoming_t *irq, const char *user, const char *why)
{
	struct addr source = face_source(irq);
	char where[ADDR_TEXT], name[64];

	plain_user(user, name);
	log_line(LOG_CLASS_REFUSED, SIP_TAG, 0, "credentials of %s from %s are "
		 "of no use: %s", name, addr_text(&source, where), why);
}

/* -- challenges ----------------------------------------------------------- */

static bool is_register(const sip_t *sip)
{
	return sip->sip_request->rq_method == sip_method_register;
}

static bool challenge_text(const struct admissions *a, unsigned hash,
			   const char *nonce, bool stale, struct buf *out)
{
	struct digest_challenge c = {
		.algorithm.hash = (uint8_t)hash, .qop = DIGEST_AUTH,
		.stale = stale, .with_opaque = 1,
	};

	snprintf(c.realm, sizeof c.realm, "%s", own(a->sip)->domain);
	snprintf(c.nonce, sizeof c.nonce, "%s", nonce);
	snprintf(c.opaque, sizeof c.opaque, "%s", nonces_opaque(a->nonces));
	return !digest_write_challenge(&c, out);
}

static bool put_challenges(const struct admissions *a, const sip_t *sip,
			   const struct addr *whose, bool stale, msg_t *msg)
{
	static const unsigned strongest_first[] = { DIGEST_SHA_256,
						    DIGEST_MD5 };
	bool www = is_register(sip), good = true;
	struct buf text = buf_of(DIGEST_VALUE);
	char nonce[NONCE_TEXT];
	msg_header_t *h;

	if (nonce_make(a->nonces, whose, now_us(), nonce))
		return false;
	for (size_t i = 0; good && i < 2; i++) {
		if (!(own(a->sip)->hashes & DIGEST_BIT(strongest_first[i])))
			continue;
		buf_clear(&text);
		good = challenge_text(a, strongest_first[i], nonce, stale,
				      &text);
		h = !good ? NULL : (msg_header_t *)sip_header_make(
			msg_home(msg), www ? sip_www_authenticate_class :
			sip_proxy_authenticate_class, buf_string(&text));
		good = h && !msg_header_insert(msg, NULL, h);
	}
	buf_free(&text);
	return good;
}

/* Answers with a challenge; takes irq. */
static void challenge(const struct admissions *a, nta_incoming_t *irq,
		      const struct sip_face *f, const sip_t *sip, bool stale)
{
	int status = is_register(sip) ? 401 : 407;
	struct addr whose = face_source(irq);
	msg_t *msg = nta_msg_create(f->agent, 0);

	if (msg && put_challenges(a, sip, &whose, stale, msg) &&
	    !nta_incoming_complete_response(irq, msg, status,
					    reply_phrase(status), TAG_END())) {
		nta_incoming_mreply(irq, msg);
		nta_incoming_destroy(irq);
		return;
	}
	msg_destroy(msg);
	refuse(irq, sip, 500, "no challenge could be made");
}

/* -- credentials ---------------------------------------------------------- */

/* Sofia has taken the value apart at its commas. */
static int read_one(const msg_auth_t *au, struct digest_credentials *out)
{
	struct buf text = buf_of(2 * DIGEST_VALUE);
	const msg_param_t *p = au->au_params;
	int r;

	buf_printf(&text, "%s ", au->au_scheme ? au->au_scheme : "");
	for (; p && *p; p++)
		buf_printf(&text, "%s,", *p);
	r = text.err;
	if (!r)
		r = digest_read_credentials(buf_string(&text), text.len, out);
	buf_free(&text);
	return r;
}

static bool for_realm(const msg_auth_t *au, const char *realm)
{
	const char *value = msg_params_find(au->au_params, "realm=");
	size_t len = strlen(realm);

	if (!value)
		return false;
	value += *value == '"';
	return !strncmp(value, realm, len) && strchr("\"", value[len]);
}

/* Those for our realm (RFC 3261 22.3): 0, E_NOTFOUND, or what is wrong. */
static int read_credentials(const struct admissions *a, const sip_t *sip,
			    struct digest_credentials *out)
{
	const msg_auth_t *au = is_register(sip) ? sip->sip_authorization
						: sip->sip_proxy_authorization;

	while (au && !for_realm(au, own(a->sip)->domain))
		au = au->au_next;
	return au ? read_one(au, out) : E_NOTFOUND;
}

/* Host, port and user; a phone may leave out parameters. */
static bool same_uri(const char *uri, const url_t *requested)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const url_t *url;
	bool same;

	su_home_init(home);
	url = url_make(home, uri);
	same = url && !url_cmp(url, requested);
	su_home_deinit(home);
	return same;
}

/* What can be seen without the password: NULL, or why they are wrong. */
static const char *look(const struct admissions *a, const sip_t *sip,
			const struct digest_credentials *c)
{
	if (!(own(a->sip)->hashes & DIGEST_BIT(c->algorithm.hash)) ||
	    c->algorithm.sess)
		return "an algorithm that was not offered";
	if (c->qop != DIGEST_AUTH && (c->qop || !own(a->sip)->any_qop))
		return "no qop=auth; registrar.qop = \"any\" takes that";
	if (!same_uri(c->uri, sip->sip_request->rq_url))
		return "made for another Request-URI";
	return NULL;
}

/* -- who was admitted ----------------------------------------------------- */

static bool is_own_host(const struct sip_face *f, const url_t *url)
{
	return url->url_host &&
	       (!strcasecmp(url->url_host, own(f->sip)->domain) ||
		face_is_us(f, url));
}

/* The From of a request is that of the account, so that nobody calls in the
 * name of another phone. */
static bool is_from(const struct sip_face *f, const sip_t *sip,
		    const char *user)
{
	const url_t *url = sip->sip_from->a_url;

	return url->url_type == url_sip && url->url_user &&
	       !strcmp(url->url_user, user) && is_own_host(f, url);
}

static void name_one(const struct sip_face *f, const url_t *url)
{
	url_t *own_url = (url_t *)(uintptr_t)url;

	if ((url->url_type != url_sip && url->url_type != url_sips) ||
	    !url->url_user || !url->url_host || !face_is_us(f, url))
		return;
	own_url->url_host = own(f->sip)->domain;
	own_url->url_port = NULL;
}

/* Sofia's transaction has copies of its own, so its answers bear what came. */
void admission_name(const struct sip_face *f, const sip_t *sip)
{
	if (!is_local(f->sip))
		return;
	name_one(f, sip->sip_request->rq_url);
	name_one(f, sip->sip_to->a_url);
	if (f->face == INSIDE)
		name_one(f, sip->sip_from->a_url);
}

static void go_on(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		  const struct admitted *who, admitted_fn next)
{
	if (!is_register(sip) && !is_from(f, sip, who->user)) {
		refuse(irq, sip, 403, "From is not of the account that the "
		       "credentials are of");
		return;
	}
	admission_name(f, sip);
	next(f, irq, sip, who);
}

char *admission_proof(const struct admitted *who)
{
	struct buf text = buf_of(DIGEST_VALUE);
	char *proof = NULL;

	if (who && !digest_write_info(who->info, &text))
		proof = strdup(buf_string(&text));
	buf_free(&text);
	return proof;
}

bool admission_prove(const char *proof, msg_t *msg)
{
	return !proof || header_add(msg, "Proxy-Authentication-Info", proof);
}

/* -- waiting for the keeper ----------------------------------------------- */

static void waiting_end(struct waiting *w)
{
	engine_login_forget(w->all->sip->engine, w);
	*w->prev = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->all->n--;
	msg_destroy(w->msg);
	free(w);
}

static void verdict(struct waiting *w, int err, const char *rspauth)
{
	const struct digest_credentials *c = &w->credentials;
	const sip_t *sip = sip_object(w->msg);
	struct digest_info info = { .nc = c->nc, .qop = c->qop };
	const struct admitted who = { c->user, &info };
	struct addr whose = face_source(w->irq);

	if (!err && nonce_use(w->all->nonces, c->nonce, &whose, c->nc)) {
		challenge(w->all, w->irq, w->face, sip, true);
		return;
	}
	if (!err) {
		snprintf(info.rspauth, sizeof info.rspauth, "%s", rspauth);
		snprintf(info.cnonce, sizeof info.cnonce, "%s", c->cnonce);
		go_on(w->face, w->irq, sip, &who, w->go_on);
		return;
	}
	if (err != E_AUTH && err != E_POLICY && err != E_FULL) {
		refuse(w->irq, sip, 503, "the keeper does not answer");
		return;
	}
	if (err == E_FULL)
		log_useless(w->irq, c->user, "too many wrong passwords of this "
			    "account, none is looked at for now");
	else
		log_credentials(w->irq, c->user, err == E_POLICY ?
				"not as asked for" :
				"wrong password or no such user");
	challenge(w->all, w->irq, w->face, sip, false);
}

static void on_verdict(void *user, int err, const char *rspauth)
{
	struct waiting *w = user;

	nta_incoming_bind(w->irq, NULL, NULL);
	verdict(w, err, rspauth);
	waiting_end(w);
}

/* A CANCEL while it waits. */
static int on_cancel(struct txn *waiting, nta_incoming_t *irq,
		     const sip_t *sip)
{
	struct waiting *w = (struct waiting *)(void *)waiting;
	struct refusal no = reply_no(487, NULL);

	if (!sip || sip->sip_request->rq_method != sip_method_cancel)
		return 0;
	nta_incoming_bind(irq, NULL, NULL);
	reply_refuse(w->irq, &no);
	nta_incoming_destroy(w->irq);
	waiting_end(w);
	return 0;
}

/* Asks the keeper; takes irq on success only. */
static int wait_for(struct admissions *a, struct sip_face *f,
		    nta_incoming_t *irq, const sip_t *sip,
		    const struct digest_credentials *c, admitted_fn next)
{
	struct waiting *w = a->n < WAITING_MAX ? calloc(1, sizeof *w) : NULL;
	int r;

	if (!w)
		return E_FULL;
	*w = (struct waiting){ .all = a, .face = f, .irq = irq,
			       .msg = nta_incoming_getrequest(irq),
			       .credentials = *c, .go_on = next };
	r = w->msg ? engine_login(a->sip->engine,
				  sip->sip_request->rq_method_name, c,
				  on_verdict, w) : E_NOMEM;
	if (r) {
		msg_destroy(w->msg);
		free(w);
		return r;
	}
	w->next = a->waiting;
	w->prev = &a->waiting;
	if (w->next)
		w->next->prev = &w->next;
	a->waiting = w;
	a->n++;
	nta_incoming_bind(irq, on_cancel, (struct txn *)(void *)w);
	return 0;
}

/* -- asking --------------------------------------------------------------- */

static bool holds(const struct admissions *a,
		  const struct digest_credentials *c, const struct addr *whose)
{
	return !strcmp(c->opaque, nonces_opaque(a->nonces)) &&
	       !nonce_check(a->nonces, c->nonce, whose, now_us(),
			    own(a->sip)->nonce_s * 1000000ull);
}

/* With credentials, whatever they are worth. */
static void examine(struct admissions *a, struct sip_face *f,
		    nta_incoming_t *irq, const sip_t *sip,
		    const struct digest_credentials *c, admitted_fn next)
{
	const char *why = look(a, sip, c);
	struct addr whose = face_source(irq);

	if (!holds(a, c, &whose)) {
		challenge(a, irq, f, sip, true);
	} else if (why) {
		log_credentials(irq, c->user, why);
		challenge(a, irq, f, sip, false);
	} else if (wait_for(a, f, irq, sip, c, next)) {
		refuse(irq, sip, 503, "the keeper is not there, or has too "
		       "much to do");
	}
}

/* An emergency call: it goes out, whoever it is. */
static bool is_emergency(const struct sip_face *f, const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *callee;
	bool is = false;

	if (sip->sip_request->rq_method != sip_method_invite)
		return false;
	su_home_init(home);
	callee = url_as_string(home, sip->sip_request->rq_url);
	is = callee && engine_is_emergency(f->sip->engine, callee);
	su_home_deinit(home);
	return is;
}

void admission_ask(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		   admitted_fn next)
{
	struct admissions *a = f->sip->admissions;
	struct digest_credentials c;
	struct addr source;
	const char *hop;
	int r;

	if (f->face != INSIDE || !is_local(f->sip) || is_emergency(f, sip)) {
		admission_name(f, sip);
		next(f, irq, sip, NULL);
		return;
	}
	source = face_source(irq);
	if (engine_registrar(f->sip->engine, "", &source, &hop)) {
		refuse(irq, sip, 403, "the sender is not in inside.nets");
		return;
	}
	r = read_credentials(a, sip, &c);
	if (!r) {
		examine(a, f, irq, sip, &c, next);
		return;
	}
	if (r != E_NOTFOUND)
		log_useless(irq, "?", "malformed");
	challenge(a, irq, f, sip, false);
}

bool admission_unknown(const struct sip_face *f, const sip_t *sip,
		       const struct addr *source, bool *stale)
{
	const struct admissions *a = f->sip->admissions;
	struct digest_credentials c;
	const char *hop;
	int r;

	if (engine_registrar(f->sip->engine, "", source, &hop))
		return false;
	r = read_credentials(a, sip, &c);
	*stale = !r;
	return r == E_NOTFOUND || (!r && !holds(a, &c, source));
}

bool admission_challenge(const struct sip_face *f, const sip_t *sip,
			 const struct addr *source, bool stale, msg_t *msg)
{
	return put_challenges(f->sip->admissions, sip, source, stale, msg);
}

/* -- life ----------------------------------------------------------------- */

int admissions_new(struct sip *s, struct admissions **out)
{
	struct admissions *a = calloc(1, sizeof *a);
	int r = a ? nonces_new(&a->nonces) : E_NOMEM;

	if (r) {
		free(a);
		return r;
	}
	a->sip = s;
	*out = a;
	return 0;
}

void admissions_free(struct admissions *a)
{
	struct waiting *w;

	if (!a)
		return;
	while ((w = a->waiting)) {
		nta_incoming_bind(w->irq, NULL, NULL);
		nta_incoming_destroy(w->irq);
		waiting_end(w);
	}
	nonces_free(a->nonces);
	free(a);
}
