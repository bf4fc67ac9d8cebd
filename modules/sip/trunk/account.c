/* account.c - see account.h.
 *
 * An account registers (RFC 3261 10.2) one Contact, its user at the listener
 * by which the peer's next hop is reached, under one Call-ID as long as the
 * engine lives. What the registrar grants is refreshed when a tenth of it, at
 * least half a minute, is left. After a failure it tries again, first after
 * five seconds, each time twice as long up to five minutes, by another server
 * of the peer if there is one.
 *
 *   trying -> registered -> trying ... ; ending -> off
 *
 * After each success the keeper is asked for the next credentials by the same
 * nonce: the next refresh, and the de-registration when the gateway stops (the
 * keeper may be gone by then), do not have to be challenged first.
 *
 * Does not do: Service-Route and Path (we are the registered end), GRUU, flows
 * of RFC 5626; a challenge of a request outside a call, other than these. */
#include "modules/sip/trunk/account.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "daemon/base/log.h"
#include "daemon/engine/accounts.h"
#include "daemon/engine/way/hops.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/trunk/hops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_uniqueid.h>
#include <sofia-sip/tport_tag.h>

#define RETRY_MIN_S 5
#define RETRY_MAX_S 300
#define ANSWER_MAX_MS 10000 /* a registrar that says nothing for so long */

enum state { TRYING, REGISTERED, ENDING, OFF };

static const char *const states[] = { "trying", "registered", "ending",
				      "off" };

struct login {
	struct login *next;
	struct accounts *all;
	struct account is;     /* a copy; its texts are those below */
	char *uri, *peer, *password;
	enum state state;
	bool kept;             /* while the table is made anew */
	bool off;              /* it is to be taken back, or was */
	char id[33], tag[17];
	uint32_t cseq;
	uint32_t ask_s;        /* at least what the registrar wants */
	unsigned failed;       /* in a row */
	unsigned moved;        /* to another server, in this try */
	uint64_t since_us, expires_us; /* UTC; expires 0: not registered */
	char why[128];         /* of the last failure, or "" */
	char hop[512];         /* where the request under way went */
	nta_outgoing_t *orq;
	struct auth *auth;     /* of that request, or for the next */
	struct loop_timer *timer; /* the next try, or patience */
};

struct accounts {
	struct sip *sip;
	struct core *core;
	struct login *logins;
	struct accounts_role role;
};

static void begin(struct login *l);

static uint64_t now_us(void)
{
	return clock_wall_us(&clock_system);
}

static void turn(struct login *l, enum state to)
{
	if (l->state == to)
		return;
	l->state = to;
	l->since_us = now_us();
}

/* -- how it went ---------------------------------------------------------- */

static void over(struct login *l)
{
	if (l->orq)
		nta_outgoing_destroy(l->orq);
	l->orq = NULL;
}

static void forget_auth(struct login *l)
{
	auth_free(l->auth);
	l->auth = NULL;
}

static unsigned pause_s(const struct login *l)
{
	unsigned s = RETRY_MIN_S;

	for (unsigned i = 1; i < l->failed && s < RETRY_MAX_S; i++)
		s *= 2;
	s = s > RETRY_MAX_S ? RETRY_MAX_S : s;
	return s - (unsigned)su_randint(0, (int)s / 4);
}

static void fail(struct login *l, unsigned after_s, const char *why)
{
	bool again = !strcmp(why, l->why);

	over(l);
	forget_auth(l);
	if (l->off) {
		turn(l, OFF);
		return;
	}
	l->failed++;
	l->moved = 0;
	if (after_s < pause_s(l))
		after_s = pause_s(l);
	snprintf(l->why, sizeof l->why, "%s", why);
	if (l->expires_us && l->expires_us < now_us())
		l->expires_us = 0;
	if (!again || l->state == REGISTERED)
		log_line(LOG_CLASS_REMOTE, SIP_TAG, 0, "account %s: not "
			 "registered at %s: %s; again in %u s", l->is.name,
			 l->is.peer, why, after_s);
	turn(l, TRYING);
	loop_timer_set(l->timer, 1000 * after_s);
}

static void on_next_auth(void *user, bool good)
{
	struct login *l = user;

	if (!good)
		forget_auth(l);
}

/* Credentials for the next request, while the keeper is there. */
static void prepare_next(struct login *l)
{
	char uri[IDENTITY_TEXT];

	snprintf(uri, sizeof uri, "sip:%s", strchr(l->is.uri, '@') + 1);
	if (l->auth &&
	    auth_again(l->auth, "REGISTER", uri, on_next_auth, l))
		forget_auth(l);
}

static unsigned refresh_s(uint32_t granted_s)
{
	uint32_t spare = granted_s / 10 < 30 ? 30 : granted_s / 10;

	return granted_s > 2 * spare ? granted_s - spare
				     : granted_s / 2 ? granted_s / 2 : 1;
}

static void succeed(struct login *l, uint32_t granted_s)
{
	over(l);
	l->failed = l->moved = 0;
	l->why[0] = 0;
	if (l->state != REGISTERED)
		log_info(SIP_TAG, "account %s: registered at %s for %u s",
			 l->is.name, l->is.peer, granted_s);
	turn(l, REGISTERED);
	l->expires_us = now_us() + granted_s * 1000000ull;
	prepare_next(l);
	loop_timer_set(l->timer, 1000 * refresh_s(granted_s));
}

static void end_well(struct login *l)
{
	log_info(SIP_TAG, "account %s: no longer registered at %s",
		 l->is.name, l->is.peer);
	over(l);
	forget_auth(l);
	l->expires_us = 0;
	turn(l, OFF);
}

/* -- the request ---------------------------------------------------------- */

static bool put(msg_t *msg, void *header)
{
	return header && !msg_header_insert(msg, NULL, header);
}

/* The next hop, "": by the Request-URI; false: every one is down. */
static bool choose_hop(struct login *l)
{
	struct engine *e = l->all->sip->engine;
	const char *proxy = engine_settings(e)->face[OUTSIDE].proxy;
	const struct policy *policy = child_policy(engine_child(e));
	const struct peer *p = policy ? policy_peer(policy, l->is.peer) : NULL;
	const struct hops *hops = core_find(l->all->core, "hops", NULL);
	const char *servers[SERVERS_MAX];
	size_t n = 1;

	servers[0] = "";
	if (hops && p && p->n_routes)
		n = hops->servers(hops->user, p->routes, p->n_routes, servers);
	else if (hops && *proxy)
		n = hops->servers(hops->user, &proxy, 1, servers);
	if (!n || strlen(servers[0]) >= sizeof l->hop)
		return false;
	strcpy(l->hop, servers[0]);
	return true;
}

static bool put_dialog(struct login *l, msg_t *msg)
{
	su_home_t *home = msg_home(msg);
	sip_from_t *from = sip_from_make(home, l->is.uri);

	return from && !sip_from_tag(home, from, l->tag) && put(msg, from) &&
	       put(msg, sip_to_make(home, l->is.uri)) &&
	       put(msg, sip_call_id_make(home, l->id)) &&
	       put(msg, sip_cseq_create(home, ++l->cseq,
					SIP_METHOD_REGISTER));
}

static bool put_contact(const struct login *l, msg_t *msg, const url_t *to)
{
	const struct sip_face *f = &l->all->sip->face[OUTSIDE];
	su_home_t *home = msg_home(msg);
	sip_contact_t *m = sip_contact_dup(home, face_contact_to(f, to,
								 false));
	const url_t *us = url_make(home, l->is.uri);

	if (!m || !us)
		return false;
	m->m_url->url_user = us->url_user;
	return put(msg, m) &&
	       put(msg, sip_expires_create(home, l->off ? 0 : l->ask_s));
}

static bool fill(struct login *l, msg_t *msg)
{
	su_home_t *home = msg_home(msg);
	char uri[IDENTITY_TEXT];
	const url_t *to;

	snprintf(uri, sizeof uri, "sip:%s", strchr(l->is.uri, '@') + 1);
	to = url_make(home, *l->hop ? l->hop : uri);
	return to && put(msg, sip_request_create(home, SIP_METHOD_REGISTER,
						 (url_string_t *)uri, NULL)) &&
	       put_dialog(l, msg) && put_contact(l, msg, to) &&
	       put(msg, sip_max_forwards_make(home, "70")) &&
	       face_route_add(msg, l->hop) && auth_put(l->auth, msg);
}

static int on_response(struct txn *self, nta_outgoing_t *orq,
		       const sip_t *sip);

static void launch(struct login *l)
{
	nta_agent_t *agent = l->all->sip->face[OUTSIDE].agent;
	msg_t *msg = nta_msg_create(agent, 0);
	struct txn *self = (struct txn *)(void *)l; /* Sofia's one type */

	if (msg && fill(l, msg))
		l->orq = nta_outgoing_mcreate(
			agent, on_response, self,
			*l->hop ? (url_string_t *)l->hop : NULL, msg,
			TPTAG_IDENT(face_ident(msg, l->hop)), TAG_END());
	if (!l->orq) {
		msg_destroy(msg);
		fail(l, 0, "the request cannot be sent");
		return;
	}
	loop_timer_set(l->timer, ANSWER_MAX_MS);
}

static void begin(struct login *l)
{
	if (l->orq)
		return;
	if (choose_hop(l))
		launch(l);
	else
		fail(l, 0, "every next hop is down");
}

/* The server failed, and rests: another one of the peer's, if there is any. */
static bool elsewhere(struct login *l)
{
	char failed[sizeof l->hop];

	strcpy(failed, l->hop);
	if (l->moved >= SERVERS_MAX || !choose_hop(l) ||
	    !strcmp(failed, l->hop))
		return false;
	l->moved++;
	over(l);
	forget_auth(l);
	launch(l);
	return true;
}

/* Time to try again, or the registrar says nothing. */
static void on_timer(void *user)
{
	struct login *l = user;

	if (!l->orq) {
		begin(l);
		return;
	}
	hops_silent(l->all->sip->hops, l->orq);
	if (!elsewhere(l))
		fail(l, 0, "no answer");
}

/* -- the response --------------------------------------------------------- */

static void on_auth(void *user, bool good)
{
	struct login *l = user;

	over(l);
	if (good)
		launch(l);
	else
		fail(l, 0, "the keeper has no answer to the challenge");
}

/* As auth_challenged(). */
static int challenged(struct login *l, const sip_t *sip)
{
	struct auth_request q = { .peer = l->is.peer, .method = "REGISTER",
				  .response = sip };
	char uri[IDENTITY_TEXT];

	snprintf(uri, sizeof uri, "sip:%s", strchr(l->is.uri, '@') + 1);
	q.uri = uri;
	return auth_challenged(l->all->sip, &q, on_auth, l, &l->auth);
}

/* What was granted to our Contact: its own word, else that of all. */
static uint32_t granted_of(const struct login *l, const sip_t *sip)
{
	const sip_contact_t *m;
	su_home_t home[1] = { SU_HOME_INIT(home) };
	uint32_t s = 0;
	const url_t *us;

	su_home_init(home);
	us = url_make(home, l->is.uri);
	for (m = sip->sip_contact; m && us; m = m->m_next) {
		if (!m->m_url->url_user || !us->url_user ||
		    strcmp(m->m_url->url_user, us->url_user))
			continue;
		s = m->m_expires ? (uint32_t)strtoul(m->m_expires, NULL, 10) :
		    sip->sip_expires ? (uint32_t)sip->sip_expires->ex_delta :
				       l->ask_s;
		break;
	}
	su_home_deinit(home);
	return s;
}

static void accepted(struct login *l, const sip_t *sip)
{
	uint32_t granted = granted_of(l, sip);

	if (!auth_proved(l->auth, sip))
		fail(l, RETRY_MAX_S, "the registrar does not know the "
		     "password that it asks for");
	else if (l->off)
		end_well(l);
	else if (!granted)
		fail(l, 0, "the registrar's answer lacks our Contact");
	else
		succeed(l, granted);
}

static unsigned retry_after(const sip_t *sip)
{
	const sip_retry_after_t *after = sip->sip_retry_after;

	return !after ? 0 : after->af_delta > RETRY_MAX_S ? RETRY_MAX_S :
			    (unsigned)after->af_delta;
}

static void refused(struct login *l, int status, const sip_t *sip)
{
	char why[64];

	snprintf(why, sizeof why, "%d %s", status, reply_phrase(status));
	if (status == 423 && sip->sip_min_expires && /* RFC 3261 10.2.8 */
	    sip->sip_min_expires->me_delta > l->ask_s &&
	    sip->sip_min_expires->me_delta <= 86400 && !l->off) {
		l->ask_s = (uint32_t)sip->sip_min_expires->me_delta;
		over(l);
		launch(l);
	} else if (status == 401 || status == 407 || status == 403 ||
		   status == 404) {
		fail(l, RETRY_MAX_S, why); /* nobody cures that soon */
	} else {
		fail(l, retry_after(sip), why);
	}
}

static int on_response(struct txn *self, nta_outgoing_t *orq, const sip_t *sip)
{
	struct login *l = (struct login *)(void *)self;
	int status = nta_outgoing_status(orq);
	bool challenge = status == 401 || status == 407;
	int r;

	if (status < 200)
		return 0;
	hops_note(l->all->sip->hops, orq, sip);
	if (hops_failed(sip, status) && elsewhere(l))
		return 0;
	if (!sip || nta_sip_is_internal(sip))
		fail(l, 0, status == 408 ? "no answer" :
					   "it cannot be reached");
	else if (status < 300)
		accepted(l, sip);
	else if (!challenge || (r = challenged(l, sip)) == E_NOTFOUND ||
		 r == E_AUTH || r == E_UNSUPPORTED)
		refused(l, status, sip);
	else if (r) /* ours to cure: soon again */
		fail(l, 0, r == E_CLOSED ? "the keeper is not there" :
					   err_text(r));
	return 0;
}

/* -- the table ------------------------------------------------------------ */

static void login_free(struct login *l)
{
	over(l);
	forget_auth(l);
	loop_timer_free(l->timer);
	free(l->uri);
	free(l->peer);
	free(l->password);
	free(l);
}

static void random_hex(char *out, size_t digits)
{
	uint8_t byte;

	for (size_t i = 0; i < digits; i += 2) {
		su_randmem(&byte, 1);
		hex_write(&byte, 1, out + i);
	}
}

static int login_new(struct accounts *all, const struct account *is)
{
	struct login *l = calloc(1, sizeof *l);

	if (!l)
		return E_NOMEM;
	l->all = all;
	l->is = *is;
	l->is.uri = l->uri = strdup(is->uri);
	l->is.peer = l->peer = strdup(is->peer);
	l->is.password = l->password = strdup(is->password);
	l->kept = true;
	l->since_us = now_us();
	l->ask_s = is->register_s;
	random_hex(l->id, 32);
	random_hex(l->tag, 16);
	if (!l->uri || !l->peer || !l->password ||
	    loop_timer_new(all->sip->loop, on_timer, l, &l->timer)) {
		login_free(l);
		return E_NOMEM;
	}
	l->next = all->logins;
	all->logins = l;
	if (is->register_s)
		loop_timer_set(l->timer, 0);
	else
		l->state = OFF;
	return 0;
}

static bool same(const struct account *a, const struct account *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->uri, b->uri) &&
	       !strcmp(a->peer, b->peer) && !strcmp(a->user, b->user) &&
	       !strcmp(a->realm, b->realm) &&
	       !strcmp(a->password, b->password) &&
	       a->register_s == b->register_s;
}

/* Takes the registration back, with the credentials that are ready. */
static void take_back(struct login *l)
{
	bool registered = l->expires_us > now_us();

	if (l->off)
		return;
	l->off = true;
	loop_timer_stop(l->timer);
	over(l);
	turn(l, registered ? ENDING : OFF);
	if (registered)
		begin(l);
}

/* Those that are gone from the configuration stay until they are off. */
static void drop_others(struct accounts *a)
{
	struct login **at = &a->logins, *l;

	while ((l = *at)) {
		if (!l->kept)
			take_back(l);
		if (l->kept || l->state != OFF) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		login_free(l);
	}
}

static struct login *known(const struct accounts *a, const struct account *is)
{
	struct login *l = a->logins;

	while (l && (l->off || !same(&l->is, is)))
		l = l->next;
	return l;
}

int accounts_reload(struct accounts *a)
{
	const struct policy *p = child_policy(engine_child(a->sip->engine));
	const struct account *is;
	struct login *l;
	int r = 0;

	for (l = a->logins; l; l = l->next)
		l->kept = false;
	for (size_t i = 0; !r && p && (is = policy_account_at(p, i)); i++)
		if ((l = known(a, is)))
			l->kept = true;
		else
			r = login_new(a, is);
	drop_others(a);
	return r;
}

void accounts_moved(struct accounts *a)
{
	for (struct login *l = a->logins; l; l = l->next)
		if (!l->off && l->is.register_s) {
			over(l);
			loop_timer_set(l->timer, 0);
		}
}

void accounts_end(struct accounts *a)
{
	for (struct login *l = a->logins; l; l = l->next)
		take_back(l);
}

bool accounts_busy(const struct accounts *a)
{
	for (const struct login *l = a->logins; l; l = l->next)
		if (l->state == ENDING)
			return true;
	return false;
}

/* -- for the operator ----------------------------------------------------- */

static double seconds(uint64_t us)
{
	return (double)(us / 1000) / 1e3;
}

static json_t *login_json(const struct login *l)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:f}", "name", l->is.name,
			      "uri", l->is.uri, "peer", l->is.peer, "state",
			      states[l->state], "since",
			      seconds(l->since_us));

	if (o && l->expires_us)
		json_object_set_new(o, "expires",
				    json_real(seconds(l->expires_us)));
	if (o && *l->why)
		json_object_set_new(o, "trouble", json_string(l->why));
	return o;
}

static json_t *list(void *user)
{
	const struct accounts *a = user;
	json_t *out = json_array();

	for (const struct login *l = a->logins; out && l; l = l->next)
		json_array_insert_new(out, 0, login_json(l));
	return out;
}

/* -- life ----------------------------------------------------------------- */

int accounts_new(struct sip *s, struct core *core, struct accounts **out)
{
	struct accounts *a = calloc(1, sizeof *a);
	int r;

	if (!a)
		return E_NOMEM;
	a->sip = s;
	a->core = core;
	a->role = (struct accounts_role){ "sip", a, list };
	if ((r = accounts_reload(a)) ||
	    (r = core_register(core, "accounts", a->role.name, &a->role))) {
		accounts_free(a);
		return r;
	}
	*out = a;
	return 0;
}

void accounts_free(struct accounts *a)
{
	struct login *l;

	if (!a)
		return;
	while ((l = a->logins)) {
		a->logins = l->next;
		login_free(l);
	}
	free(a);
}
