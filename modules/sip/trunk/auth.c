/* auth.c - see auth.h.
 *
 * A response may hold several challenges, of several realms, and of one realm
 * several with different algorithms, of which the first that we can answer is
 * answered (RFC 8760 2.4). What was answered before for another realm goes
 * along again, with its next count. A challenge that comes again for what we
 * said is final, unless it says that only the nonce was too old. */
#include "modules/sip/trunk/auth.h"

#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "daemon/base/log.h"
#include "modules/sip/message/headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_uniqueid.h>

#define ANSWERS_MAX 4
#define TRIES_MAX 4 /* of one request */

struct answer {
	struct auth *auth;
	bool proxy;     /* Proxy-Authorization */
	bool there;     /* the keeper has made it */
	bool said;      /* it was in a request that was sent */
	bool fresh;     /* it answers the response at hand */
	char account[NAME_TEXT];
	struct digest_credentials c;
	char rspauth[DIGEST_HEX];
};

struct auth {
	struct sip *sip;
	struct answer answer[ANSWERS_MAX];
	unsigned n, waiting, tries;
	bool failed;
	auth_fn fn;
	void *user;
};

void auth_free(struct auth *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < ANSWERS_MAX; i++)
		engine_answer_forget(a->sip->engine, &a->answer[i]);
	free(a);
}

/* -- counts --------------------------------------------------------------- */

static uint64_t hash_of(const char *account, const char *nonce)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *account; account++)
		h = (h ^ (uint8_t)*account) * 0x100000001b3ull;
	for (; *nonce; nonce++)
		h = (h ^ (uint8_t)*nonce) * 0x100000001b3ull;
	return h ? h : 1;
}

static uint32_t next_count(struct nonce_counts *n, const char *account,
			   const char *nonce)
{
	uint64_t hash = hash_of(account, nonce);

	for (unsigned i = 0; i < NONCES_MAX; i++)
		if (n->used[i].hash == hash)
			return ++n->used[i].nc;
	n->used[n->next].hash = hash;
	n->used[n->next].nc = 1;
	n->next = (n->next + 1) % NONCES_MAX;
	return 1;
}

/* -- asking the keeper ---------------------------------------------------- */

static void on_answer(void *user, int err,
		      const struct msg_account_answered *m)
{
	struct answer *w = user;
	struct auth *a = w->auth;

	if (err) {
		log_error(SIP_TAG, "account %s: no answer to the challenge of "
			  "realm \"%s\": %s", w->account, w->c.realm,
			  err_text(err));
		a->failed = true;
	} else {
		memcpy(w->c.response, m->response, sizeof w->c.response);
		memcpy(w->rspauth, m->rspauth, sizeof w->rspauth);
		w->there = true;
	}
	if (!--a->waiting)
		a->fn(a->user, !a->failed);
}

static int ask(struct answer *w, const char *method)
{
	struct msg_account_answer m = { .nc = w->c.nc,
					.algorithm = w->c.algorithm,
					.qop = w->c.qop };
	int r;

	memcpy(m.account, w->account, sizeof m.account);
	memcpy(m.realm, w->c.realm, sizeof m.realm);
	memcpy(m.nonce, w->c.nonce, sizeof m.nonce);
	memcpy(m.uri, w->c.uri, sizeof m.uri);
	snprintf(m.cnonce, sizeof m.cnonce, "%.*s", CNONCE_TEXT - 1,
		 w->c.cnonce);
	snprintf(m.method, sizeof m.method, "%s", method);
	w->there = false;
	r = engine_answer(w->auth->sip->engine, &m, on_answer, w);
	w->auth->waiting += !r;
	return r;
}

static int ask_all(struct auth *a, const char *method, auth_fn fn, void *user)
{
	int r = 0;

	a->fn = fn;
	a->user = user;
	a->failed = false;
	for (unsigned i = 0; !r && i < a->n; i++)
		r = ask(&a->answer[i], method);
	if (!r)
		return 0;
	for (unsigned i = 0; i < a->n; i++)
		engine_answer_forget(a->sip->engine, &a->answer[i]);
	a->waiting = 0;
	return r;
}

/* -- challenges ----------------------------------------------------------- */

static struct answer *answer_of(struct auth *a, bool proxy, const char *realm)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->answer[i].proxy == proxy &&
		    !strcmp(a->answer[i].c.realm, realm))
			return &a->answer[i];
	return NULL;
}

static void random_text(char out[static CNONCE_TEXT])
{
	uint8_t bytes[16];

	su_randmem(bytes, sizeof bytes);
	hex_write(bytes, sizeof bytes, out);
}

static bool read_challenge(const msg_auth_t *au, struct digest_challenge *out)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *text;
	bool good;

	su_home_init(home);
	text = sip_header_as_string(home, (const sip_header_t *)au);
	good = text && !digest_read_challenge(text, strlen(text), out);
	su_home_deinit(home);
	return good;
}

/* The phone has credentials of its own for the realm. */
static bool is_theirs(const struct auth_request *q, bool proxy,
		      const char *realm)
{
	const msg_auth_t *au = !q->theirs ? NULL :
			       proxy ? q->theirs->sip_proxy_authorization :
				       q->theirs->sip_authorization;
	const char *given;
	size_t len = strlen(realm);

	for (; au; au = au->au_next) {
		given = msg_params_find(au->au_params, "realm=");
		given = given && *given == '"' ? given + 1 : given;
		if (given && !strncmp(given, realm, len) &&
		    (!given[len] || given[len] == '"'))
			return true;
	}
	return false;
}

static const struct account *account_for(const struct auth *a,
					 const struct auth_request *q,
					 bool proxy, const char *realm)
{
	const struct policy *p = child_policy(engine_child(a->sip->engine));

	if (!p || is_theirs(q, proxy, realm))
		return NULL;
	return policy_account_for(p, q->peer, realm);
}

static int take(struct auth *a, const struct auth_request *q, bool proxy,
		const struct digest_challenge *ch)
{
	const struct account *account = account_for(a, q, proxy, ch->realm);
	struct answer *w = answer_of(a, proxy, ch->realm);
	char cnonce[CNONCE_TEXT];
	int r;

	if (!account)
		return E_NOTFOUND;
	if (w && w->said && !ch->stale) {
		log_error(SIP_TAG, "account %s: peer %s refuses it for realm "
			  "\"%s\"; are user and password right?",
			  account->name, q->peer, ch->realm);
		return E_AUTH;
	}
	if (!w && a->n == ANSWERS_MAX)
		return E_FULL;
	random_text(cnonce);
	w = w ? w : &a->answer[a->n];
	r = digest_answer(ch, account->user, q->uri, cnonce, 1, &w->c);
	if (r == E_UNSUPPORTED)
		log_error(SIP_TAG, "account %s: peer %s wants another digest "
			  "than qop=auth with MD5, SHA-256 or SHA-512-256 "
			  "for realm \"%s\"; ask for one of these there",
			  account->name, q->peer, ch->realm);
	if (r)
		return r;
	w->auth = a;
	w->proxy = proxy;
	w->said = w->there = false;
	w->fresh = true;
	memcpy(w->account, account->name, sizeof w->account);
	if (w == &a->answer[a->n])
		a->n++;
	return 0;
}

/* All challenges of one header; adds to *taken. E_AUTH ends it. */
static int take_list(struct auth *a, const struct auth_request *q, bool proxy,
		     unsigned *taken)
{
	const msg_auth_t *au = proxy ? q->response->sip_proxy_authenticate :
				       q->response->sip_www_authenticate;
	struct digest_challenge ch;
	const struct answer *w;
	int r, worst = E_NOTFOUND;

	for (; au; au = au->au_next) {
		if (!read_challenge(au, &ch))
			continue;
		w = answer_of(a, proxy, ch.realm);
		if (w && w->fresh)
			continue; /* by an algorithm further up */
		r = take(a, q, proxy, &ch);
		if (r == E_AUTH)
			return r;
		*taken += !r;
		if (r)
			worst = r;
	}
	return *taken ? 0 : worst;
}

/* Each use of a nonce has a count of its own. */
static void count(struct auth *a, const char *uri)
{
	for (unsigned i = 0; i < a->n; i++) {
		struct answer *w = &a->answer[i];

		if (w->c.qop)
			w->c.nc = next_count(a->sip->counts, w->account,
					     w->c.nonce);
		snprintf(w->c.uri, sizeof w->c.uri, "%s", uri);
		w->said = true;
	}
}

int auth_challenged(struct sip *s, const struct auth_request *q, auth_fn fn,
		    void *user, struct auth **at)
{
	struct auth *a = *at ? *at : calloc(1, sizeof *a);
	unsigned taken = 0;
	int r;

	if (!a)
		return E_NOMEM;
	a->sip = s;
	for (unsigned i = 0; i < a->n; i++)
		a->answer[i].fresh = false;
	r = a->tries++ >= TRIES_MAX ? E_AUTH : take_list(a, q, false, &taken);
	if (r != E_AUTH) {
		int p = take_list(a, q, true, &taken);

		r = p == E_AUTH || r == E_NOTFOUND ? p : r;
	}
	if (taken && r != E_AUTH) {
		count(a, q->uri);
		r = ask_all(a, q->method, fn, user);
	}
	if (r && !*at)
		auth_free(a);
	else if (!r)
		*at = a;
	return r;
}

int auth_again(struct auth *a, const char *method, const char *uri,
	       auth_fn fn, void *user)
{
	a->tries = 0;
	count(a, uri);
	for (unsigned i = 0; i < a->n; i++)
		a->answer[i].said = false; /* it may have become too old */
	return ask_all(a, method, fn, user);
}

/* -- messages ------------------------------------------------------------- */

static bool put(const struct answer *w, msg_t *msg)
{
	struct buf text = buf_of(DIGEST_VALUE);
	bool good = !digest_write_credentials(&w->c, &text) &&
		    header_add(msg, w->proxy ? "Proxy-Authorization" :
					       "Authorization",
			       buf_string(&text));

	buf_free(&text);
	return good;
}

bool auth_put(const struct auth *a, msg_t *msg)
{
	for (unsigned i = 0; a && i < a->n; i++)
		if (a->answer[i].there && !put(&a->answer[i], msg))
			return false;
	return true;
}

static bool proves(const struct auth *a, const struct digest_info *info,
		   bool proxy)
{
	size_t len = strlen(info->rspauth);

	for (unsigned i = 0; i < a->n; i++)
		if (a->answer[i].proxy == proxy &&
		    strlen(a->answer[i].rspauth) == len &&
		    equal_ct(a->answer[i].rspauth, info->rspauth, len))
			return true;
	return false;
}

static bool check_info(const struct auth *a, const msg_header_t *h,
		       const char *name, bool proxy)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct digest_info info;
	const char *text;
	bool good = true;

	su_home_init(home);
	text = sip_header_as_string(home, (const sip_header_t *)h);
	if (!text || digest_read_info(text, strlen(text), &info))
		good = false;
	else if (*info.rspauth)
		good = proves(a, &info, proxy);
	if (!good)
		log_error(SIP_TAG, "account %s: a wrong %s: whoever answered "
			  "does not know the password", a->answer[0].account,
			  name);
	su_home_deinit(home);
	return good;
}

static bool is_named(const msg_header_t *h, const char *name)
{
	return h->sh_class == sip_unknown_class && h->sh_unknown->un_name &&
	       !strcasecmp(h->sh_unknown->un_name, name);
}

bool auth_proved(const struct auth *a, const sip_t *sip)
{
	const msg_header_t *h = (const msg_header_t *)sip->sip_status;

	for (; a && a->n && h; h = h->sh_succ) {
		if ((h->sh_class == sip_authentication_info_class ||
		     is_named(h, "Authentication-Info")) &&
		    !check_info(a, h, "Authentication-Info", false))
			return false;
		if ((h->sh_class == sip_proxy_authentication_info_class ||
		     is_named(h, "Proxy-Authentication-Info")) &&
		    !check_info(a, h, "Proxy-Authentication-Info", true))
			return false;
	}
	return true;
}
