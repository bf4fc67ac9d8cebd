/* guard.c - see guard.h. Messages are looked at by the table of looks, calls
 * by the functions of each step; tolls are in toll.c.
 *
 * One line for fail2ban (etc/fail2ban): "hostile message from ADDRESS: WHY",
 * with words of ours only, at most one a second of an address. */
#include "config.h" /* strcasestr() */

#include "daemon/engine/guard/guard.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/engine/guard/inside.h"
#include "daemon/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TAG "sip" /* these lines are about what came by SIP */
#define REQUEST_HOSTS 4096
#define HOSTS 8192
#define CALLERS 8192
#define BURST 3   /* seconds of a rate, at once */
#define RETRY_S 5
#define SECOND_US 1000000ull
#define MINUTE_US (60 * SECOND_US)

/* What is counted of a host. */
enum kind { KIND_REQUEST, KIND_LOG, KIND_CALL, KIND_TALK, KIND_UNKNOWN,
	    KIND_ALL };

/* -- life ----------------------------------------------------------------- */

int guard_new(const struct clock *clock, struct guard **out)
{
	struct guard *g = calloc(1, sizeof *g);
	const struct screening none = { .file = "" };
	char why[64];
	int r;

	if (!g)
		return E_NOMEM;
	g->clock = clock;
	if ((r = tally_new(REQUEST_HOSTS, &g->requests)) ||
	    (r = tally_new(HOSTS, &g->hosts)) ||
	    (r = tally_new(CALLERS, &g->callers)) ||
	    (r = screen_new(&none, -1, &g->screen, why, sizeof why))) {
		guard_free(g);
		return r;
	}
	*out = g;
	return 0;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	tally_free(g->requests);
	tally_free(g->hosts);
	tally_free(g->callers);
	screen_free(g->screen);
	free(g);
}

static void know(struct nets *known, const char *uri)
{
	struct addr a;

	if (!*uri || !uri_address(uri, &a) || known->n == NETS_MAX)
		return;
	a.port = 0;
	known->at[known->n++] = (struct net){ a, a.family == 6 ? 128 : 32 };
}

int guard_apply(struct guard *g, const struct settings *s,
		const struct policy *policy, int fd)
{
	struct screen *screen;
	const struct peer *p;
	char why[160];
	int r = screen_new(&s->screening, fd, &screen, why, sizeof why);

	if (r) {
		log_error(TAG, "screening.file: %s", why);
		return r;
	}
	screen_free(g->screen);
	g->screen = screen;
	g->known.n = 0;
	know(&g->known, s->face[OUTSIDE].proxy ? s->face[OUTSIDE].proxy : "");
	for (size_t i = 0; policy && (p = policy_at(policy, i)); i++)
		for (size_t k = 0; k < p->n_routes; k++)
			know(&g->known, p->routes[k]);
	return 0;
}

void guard_count(struct guard *g, enum guard_event what)
{
	g->count[what]++;
}

uint64_t guard_counted(const struct guard *g, enum guard_event what)
{
	return g->count[what];
}

json_t *guard_counters(const struct guard *g)
{
	static const char *const names[GUARD_EVENTS] = {
		"denied", "malformed", "scanner", "flood", "screened", "rate",
		"host", "caller", "unknown", "toll", "preempted", "emergency"
	};
	json_t *o = json_object();

	for (int i = 0; o && i < GUARD_EVENTS; i++)
		json_object_set_new(o, names[i],
				    json_integer((json_int_t)g->count[i]));
	return o;
}

/* -- sources -------------------------------------------------------------- */

static bool among(const struct nets *nets, const struct addr *a)
{
	for (size_t i = 0; i < nets->n; i++)
		if (net_contains(&nets->at[i], a))
			return true;
	return false;
}

bool guard_trusts(const struct guard *g, const struct settings *s,
		  enum face from, const struct addr *source)
{
	return from == INSIDE || among(&s->face[OUTSIDE].trusted, source) ||
	       among(&g->known, source);
}

/* An IPv6 host counts as its /64. */
static uint64_t host_key(const struct tally *t, enum kind kind,
			 const struct addr *a)
{
	uint8_t text[2 + sizeof a->ip] = { (uint8_t)kind, a->family };

	memcpy(text + 2, a->ip, a->family == 6 ? 8 : 4);
	return tally_key(t, text, sizeof text);
}

static uint64_t now_us(const struct guard *g)
{
	return clock_mono_us(g->clock);
}

static struct tally_rate a_second(unsigned n)
{
	return (struct tally_rate){ n, BURST * n, SECOND_US };
}

static struct tally_rate a_minute(unsigned n)
{
	return (struct tally_rate){ n, n, MINUTE_US };
}

/* -- messages ------------------------------------------------------------- */

/* Words of ours: they go into the log, and others act by it. */
static void say_hostile(struct guard *g, const struct addr *source,
			const char *what, const char *more)
{
	static const struct tally_rate rate = { 1, 1, SECOND_US };
	char where[ADDR_TEXT];

	if (tally_take(g->requests, host_key(g->requests, KIND_LOG, source),
		       &rate, now_us(g)))
		log_line(LOG_CLASS_REFUSED, TAG, 0,
			 "hostile message from %s: %s%s",
			 addr_host(source, where), what, more);
}

static enum guard_fate look_net(struct guard *g, const struct settings *s,
				const struct guard_message *m)
{
	const struct face_settings *f = &s->face[OUTSIDE];

	(void)g;
	return among(&f->deny, &m->source) ||
	       (f->allow.n && !among(&f->allow, &m->source)) ?
	       GUARD_DROP : GUARD_PASS;
}

/* Those who break the protocol are answered (400), as far as their requests
 * are. */
static enum guard_fate look_form(struct guard *g, const struct settings *s,
				 const struct guard_message *m)
{
	(void)s;
	if (!m->malformed)
		return GUARD_PASS;
	guard_count(g, GUARD_MALFORMED);
	say_hostile(g, &m->source, "malformed", "");
	return GUARD_PASS;
}

static const char *scanner_of(const struct settings *s, const char *agent)
{
	const struct conf_node *n = s->screening.agents;
	const char *piece;

	for (size_t i = 0; n && agent && i < conf_texts(n, "agents"); i++) {
		piece = conf_text_at(n, "agents", i);
		if (strcasestr(agent, piece))
			return piece;
	}
	return NULL;
}

static enum guard_fate look_agent(struct guard *g, const struct settings *s,
				  const struct guard_message *m)
{
	const char *piece = m->request ? scanner_of(s, m->agent) : NULL;

	if (!piece || guard_trusts(g, s, m->face, &m->source))
		return GUARD_PASS;
	guard_count(g, GUARD_SCANNER);
	say_hostile(g, &m->source, "scanner ", piece);
	return s->screening.scanner == SCANNER_DROP ? GUARD_DROP :
	       s->screening.scanner == SCANNER_REFUSE ? GUARD_REFUSE :
							GUARD_PASS;
}

static enum guard_fate look_flood(struct guard *g, const struct settings *s,
				  const struct guard_message *m)
{
	struct tally_rate rate = a_second(s->limits.requests_host);

	if (!rate.n || !(m->request || m->malformed) ||
	    guard_trusts(g, s, m->face, &m->source) ||
	    tally_take(g->requests,
		       host_key(g->requests, KIND_REQUEST, &m->source), &rate,
		       now_us(g)))
		return GUARD_PASS;
	say_hostile(g, &m->source, "too many requests", "");
	return GUARD_DROP;
}

/* What is said by a look that ends here is counted under its event, but for
 * those (GUARD_EVENTS) that count by themselves. */
static const struct {
	enum guard_fate (*look)(struct guard *g, const struct settings *s,
				const struct guard_message *m);
	enum guard_event event;
} looks[] = {
	{ look_net, GUARD_DENIED },
	{ look_form, GUARD_EVENTS },
	{ look_agent, GUARD_EVENTS },
	{ look_flood, GUARD_FLOOD },
};

enum guard_fate guard_message(struct guard *g, const struct settings *s,
			      const struct guard_message *m)
{
	enum guard_fate fate = GUARD_PASS;

	if (m->face == INSIDE) {
		g->count[GUARD_MALFORMED] += m->malformed;
		return GUARD_PASS;
	}
	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
		fate = looks[i].look(g, s, m);
		if (fate == GUARD_PASS)
			continue;
		if (looks[i].event != GUARD_EVENTS)
			guard_count(g, looks[i].event);
		break;
	}
	return fate;
}

/* -- calls ---------------------------------------------------------------- */

const char *guard_no(struct guard *g, enum guard_event event, int status,
		     const char *reason, struct refusal *no)
{
	guard_count(g, event);
	*no = (struct refusal){
		.status = status,
		.phrase = status == 503 ? "Service Unavailable" :
			  status == 404 ? "Not Found" : "Forbidden",
		.retry_after_s = status == 503 ? RETRY_S : 0,
	};
	return reason;
}

bool guard_denies(struct guard *g, const char *uri)
{
	bool denied = screen_denies(g->screen, uri);

	if (denied)
		guard_count(g, GUARD_SCREENED);
	return denied;
}

/* Whom nothing is told and nothing is done for. */
static const char *unwanted(struct guard *g, const struct settings *s,
			    const struct guard_asker *a, struct refusal *no)
{
	struct tally_rate unknown = a_minute(s->limits.unknown);

	if (screen_denies(g->screen, a->caller))
		return guard_no(g, GUARD_SCREENED, 403,
				"the caller is on a list of screening", no);
	if (unknown.n && !guard_trusts(g, s, OUTSIDE, &a->source) &&
	    !tally_may(g->hosts, host_key(g->hosts, KIND_UNKNOWN, &a->source),
		       &unknown, now_us(g)))
		return guard_no(g, GUARD_UNKNOWN, 404, "limits.unknown "
				"reached: this address asked for too many "
				"users who do not exist", no);
	return NULL;
}

/* The limits of one address outside that is not known. */
static const char *too_much(struct guard *g, const struct settings *s,
			    const struct guard_asker *a,
			    struct guard_ticket *t, struct refusal *no)
{
	struct tally_rate rate = a_second(s->limits.rate_host);
	uint64_t key = host_key(g->hosts, KIND_CALL, &a->source);

	if (rate.n && !tally_take(g->hosts, key, &rate, now_us(g))) {
		say_hostile(g, &a->source, "too many calls", "");
		return guard_no(g, GUARD_HOST, 503, "limits.rate_host reached: "
				"so many calls a second of one address", no);
	}
	if (!s->limits.calls_host)
		return NULL;
	if (!tally_hold(g->hosts, key, s->limits.calls_host, now_us(g)))
		return guard_no(g, GUARD_HOST, 503, "limits.calls_host "
				"reached: so many calls of one address", no);
	t->host = key;
	return NULL;
}

const char *guard_enter(struct guard *g, const struct settings *s,
			const struct guard_asker *a, struct guard_ticket *t,
			struct refusal *no)
{
	struct tally_rate all = a_second(s->limits.rate);
	const uint8_t kind = KIND_ALL;
	const char *why = NULL;

	if (guard_is_emergency(s, a->from, a->callee))
		return NULL;
	if (a->from == OUTSIDE && (why = unwanted(g, s, a, no)))
		return why;
	if (!guard_trusts(g, s, a->from, &a->source) &&
	    (why = too_much(g, s, a, t, no)))
		return why;
	if (all.n && !tally_take(g->hosts, tally_key(g->hosts, &kind, 1), &all,
				 now_us(g)))
		return guard_no(g, GUARD_RATE, 503, "limits.rate reached: so "
				"many calls a second", no);
	return NULL;
}

const char *guard_talk(struct guard *g, const struct settings *s,
		       const struct guard_asker *a, struct guard_ticket *t,
		       struct refusal *no)
{
	uint64_t key = host_key(g->hosts, KIND_TALK, &a->source);
	unsigned max = s->limits.subscriptions_host;
	const char *why = NULL;

	if (a->from == OUTSIDE && (why = unwanted(g, s, a, no)))
		return why;
	if (!max || (a->from == OUTSIDE &&
		     guard_trusts(g, s, OUTSIDE, &a->source)))
		return NULL;
	if (!tally_hold(g->hosts, key, max, now_us(g)))
		return guard_no(g, GUARD_HOST, 503, "limits.subscriptions_host "
				"reached: so many of one address", no);
	t->talk = key;
	return NULL;
}

/* A From that makes many phones ring, where nothing proves it. */
static const char *rings_many(struct guard *g, const struct settings *s,
			      const struct guard_asker *a,
			      struct guard_ticket *t, struct refusal *no)
{
	char name[URI_NAME_TEXT];
	uint64_t key;

	if (!s->limits.caller || a->from != OUTSIDE || a->sealed ||
	    guard_trusts(g, s, OUTSIDE, &a->source) ||
	    !uri_name(a->caller, name))
		return NULL;
	key = tally_key(g->callers, name, strlen(name));
	if (!tally_hold(g->callers, key, s->limits.caller, now_us(g)))
		return guard_no(g, GUARD_CALLER, 503, "limits.caller reached: "
				"this caller makes so many phones ring", no);
	t->caller = key;
	return NULL;
}

const char *guard_let_ring(struct guard *g, const struct settings *s,
			   const struct guard_asker *a, struct guard_ticket *t,
			   struct refusal *no)
{
	if (guard_is_emergency(s, a->from, a->callee))
		return NULL;
	if (a->from == OUTSIDE)
		return rings_many(g, s, a, t, no);
	return toll_take(g, s, a, t, no);
}

static void give_back(struct tally *t, uint64_t *key)
{
	if (*key)
		tally_release(t, *key);
	*key = 0;
}

void guard_rang(struct guard *g, struct guard_ticket *t)
{
	give_back(g->callers, &t->caller);
}

void guard_leave(struct guard *g, struct guard_ticket *t)
{
	guard_rang(g, t);
	give_back(g->hosts, &t->host);
	give_back(g->hosts, &t->talk);
	for (int i = 0; i < GUARD_TOLLS; i++)
		give_back(g->callers, &t->toll[i]);
}

void guard_missed(struct guard *g, const struct settings *s, enum face from,
		  const struct addr *source)
{
	struct tally_rate rate = a_minute(s->limits.unknown);
	uint64_t key = host_key(g->hosts, KIND_UNKNOWN, source);

	if (!rate.n || guard_trusts(g, s, from, source))
		return;
	tally_take(g->hosts, key, &rate, now_us(g));
	if (!tally_may(g->hosts, key, &rate, now_us(g)))
		say_hostile(g, source, "too many unknown users", "");
}

/* -- emergency calls ------------------------------------------------------ */

#define SOS "urn:service:sos" /* RFC 5031 4.2; a dot leads to its parts */

bool guard_is_emergency(const struct settings *s, enum face from,
			const char *callee)
{
	char name[URI_NAME_TEXT];

	if (from != INSIDE)
		return false;
	if (!strncasecmp(callee, SOS, strlen(SOS)))
		return !callee[strlen(SOS)] || callee[strlen(SOS)] == '.';
	if (!uri_name(callee, name))
		return false;
	name[strcspn(name, "@")] = 0;
	for (size_t i = 0; i < s->screening.n_numbers; i++)
		if (!strcmp(name, s->screening.numbers[i]))
			return true;
	return false;
}
