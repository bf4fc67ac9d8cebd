/* siprelay.c - the signalling module with the mock core as a program: what
 * tests and load generators drive from outside.
 *
 *   siprelay PORT INSIDE-TARGET OUTSIDE-TARGET [KEY=VALUE ...]
 *
 * listens inside on PORT and outside on PORT + 1. A target is "URI" or
 * "URI,NEXT-HOP"; an empty URI is the one that was called. Keys: offer,
 * answer, ack = mark | same | refuse | late | never; keys: the same, of keys
 * that come early; before (1: the tunnel is a precondition), not_due (1: which
 * is known), unmet (1: nor met); early (1: keys are wanted so), no_keys (1: but
 * the core has none to give), rings_late (1: phones ring when they are
 * acknowledged); late_ms, t1 (ms: Sofia's T1, T2 = 8*T1, T4 = 10*T1, 64*T1),
 * refuse (status), retries (so many 488 make the first INVITE go out again),
 * refer (where a transfer to somebody @inside.example rings, that is ours to
 * do; not on standard input),
 * lead (a piece of those URIs that a call may lead to; not on standard input),
 * session (calls.session, s), sealed, trusted, follow (1: 3xx), skip (s: so far
 * the clock jumps), step (the same of the wall clock alone),
 * preempt (bits of limits.preempt),
 * oom (the N-th calloc() of ours from now on fails, once),
 * conf (path of a configuration, for its peers; again: a reload), public (what
 * the network sees of us outside; a reload, too), register (1:
 * passes, 2: local), users (path of the file of accounts of a.example; at the
 * start only), md5 (1: no other hash), any_qop (1), best (1: phones ring by q),
 * life (s of a nonce), verdict_ms (how late the keeper is), verdict (an error
 * that it gives), hosts (limit of one host), refresh (limits.refresh, s),
 * subscriptions (their limit), keepalive (s between questions to phones behind
 * a NAT), bindings (path of their file; at the start only), keys_only (1:
 * offers of the outside stay here), own_no (1: no offer of our own can be
 * made), bodies (1: they go sealed outside), whole (1: messages of calls do, as
 * a whole), hide (1: which do not name the caller, 2: nor who is called), known
 * (1: and our certificates were there), probes (1:
 * questions for certificates are answered), seal_ms, no_late (1: an INVITE that
 * is signed and has no offer is refused), forgot (so many 493 to requests in
 * calls are mended by certificates of ours).
 *
 * Commands on standard input, one a line: "hangup STATUS TEXT", "fetch" (a
 * certificate; what came of it is a line on standard output), "reoffer" (what
 * the order gave is a line on standard output), "set
 * KEY=VALUE", "stats", "registrations", "peers", "heard SERVER" (what
 * it said), "accounts" (answered on
 * standard output), "drain", "quit". */
#include "tests/mock/core.h"
#include "tests/mock/login.h"

#include "daemon/base/log.h"
#include "daemon/digest/users.h"
#include "modules/sip/pair.h"
#include "modules/sip/request/request.h"
#include "modules/sip/sip.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <sofia-sip/nta_tag.h>

extern const struct module sip_module;

struct program {
	struct engine engine;
	void *sip;
	char in[512];
	size_t n;
};

/* Linked with --wrap=calloc. */
static unsigned oom;
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	if (oom && --oom == 0)
		return NULL;
	return __real_calloc(n, size);
}

/* The clocks that everybody in this process reads, Sofia's library, too: the
 * dynamic linker prefers these. */
static long skip_s, step_s;

int clock_gettime(clockid_t id, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, id, t);

	if (!r)
		t->tv_sec += id == CLOCK_MONOTONIC ? skip_s
			   : id == CLOCK_REALTIME ? step_s : 0;
	return r;
}

int gettimeofday(struct timeval *t, void *zone)
{
	int r = (int)syscall(SYS_gettimeofday, t, zone);

	if (!r)
		t->tv_sec += step_s;
	return r;
}

static int mode(const char *word)
{
	static const char *const words[] = { "mark", "same", "refuse", "late",
					     "never" };
	int i;

	for (i = 0; i < 5; i++)
		if (!strcmp(words[i], word))
			return i;
	fprintf(stderr, "siprelay: unknown filter %s\n", word);
	exit(2);
}

static void timers(struct program *p, unsigned t1)
{
	struct sip *s = p->sip;
	int i;

	for (i = 0; i < 2; i++)
		nta_agent_set_params(s->face[i].agent, NTATAG_SIP_T1(t1),
				     NTATAG_SIP_T1X64(64 * t1),
				     NTATAG_SIP_T2(8 * t1),
				     NTATAG_SIP_T4(10 * t1), TAG_END());
	s->patience_us = 80 * 1000ull * t1;
	pair_give_up(s);
}

/* Redirections are followed, but not to the inside: its listeners, and ... */
static void follow(struct settings *s, bool may)
{
	struct face_settings *f = &s->face[INSIDE];

	s->redirect_follow = may;
	if (!net_parse("10.66.0.0/16", &f->nets[0]))
		f->n_nets = 1;
}

/* Fields of the core that are set as they are. */
enum field_kind { FIELD_MODE, FIELD_NUMBER, FIELD_FLAG };

#define FIELD(key, member, kind) \
	{ key "=", offsetof(struct engine, member), FIELD_##kind }

static const struct field {
	const char *key;
	size_t at;
	enum field_kind kind;
} fields[] = {
	FIELD("offer", offer, MODE),
	FIELD("answer", answer, MODE),
	FIELD("ack", ack, MODE),
	FIELD("keys", keys, MODE),
	FIELD("early", early, FLAG),
	FIELD("before", before, FLAG),
	FIELD("not_due", not_due, FLAG),
	FIELD("tells_late", tells_late, FLAG),
	FIELD("tells", tells, FLAG),
	FIELD("unmet", unmet, FLAG),
	FIELD("no_keys", no_keys, FLAG),
	FIELD("rings_late", rings_late, FLAG),
	FIELD("late_ms", late_ms, NUMBER),
	FIELD("retries", retries, NUMBER),
	FIELD("refuse", refuse_call, NUMBER),
	FIELD("session", settings.session_s, NUMBER),
	FIELD("sealed", sealed, FLAG),
	FIELD("trusted", trusted, FLAG),
	FIELD("preempt", settings.limits.preempt, NUMBER),
	FIELD("packages", packages, FLAG),
	FIELD("bodies", bodies, FLAG),
	FIELD("whole", whole, FLAG),
	FIELD("hide", hide, NUMBER),
	FIELD("signs", signs, FLAG),
	FIELD("no_late", no_late, FLAG),
	FIELD("forgot", forgot, NUMBER),
	FIELD("no_seal", no_seal, FLAG),
	FIELD("secret", secret, FLAG),
	FIELD("probes", probes, FLAG),
	FIELD("known", known, FLAG),
	FIELD("seal_ms", seal_ms, NUMBER),
	FIELD("keys_once", keys_once, FLAG),
	FIELD("keys_only", keys_only, FLAG),
	FIELD("own_no", own_no, FLAG),
	FIELD("any_qop", settings.registrar.any_qop, FLAG),
	FIELD("best", settings.registrar.ring_best, FLAG),
	FIELD("life", settings.registrar.nonce_s, NUMBER),
	FIELD("refresh", settings.refresh_s, NUMBER),
	FIELD("hosts", settings.registrations_host_max, NUMBER),
	FIELD("keepalive", settings.nat_keepalive_s, NUMBER),
	FIELD("subscriptions", settings.subscriptions_max, NUMBER),
	FIELD("no_keeper", no_keeper, FLAG),
	FIELD("no_link", no_link, FLAG),
};

/* False: it is none of them. */
static bool set_field(struct engine *e, const char *text, const char *value)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		const struct field *f = &fields[i];
		void *at = (char *)e + f->at;

		if (strncmp(text, f->key, strlen(f->key)))
			continue;
		if (f->kind == FIELD_MODE)
			*(enum mock_filter *)at = mode(value);
		else if (f->kind == FIELD_NUMBER)
			*(unsigned *)at = (unsigned)atoi(value);
		else
			*(bool *)at = atoi(value);
		return true;
	}
	return false;
}

static void move(struct program *p, const char *to)
{
	struct addr a = { 0 };

	addr_parse(to, &a);
	p->engine.settings.face[OUTSIDE].public[0] = a;
	sip_module.reload(p->sip, p->engine.conf);
}

static void set(struct program *p, const char *text)
{
	struct engine *e = &p->engine;
	const char *value = strchr(text, '=');

	if (!value || set_field(e, text, value + 1))
		return;
	value++;
	if (!strncmp(text, "lead=", 5))
		e->lead = value;
	else if (!strncmp(text, "refer=", 6))
		e->refer = value;
	else if (!strncmp(text, "follow=", 7))
		follow(&e->settings, atoi(value));
	else if (!strncmp(text, "skip=", 5))
		skip_s += atoi(value);
	else if (!strncmp(text, "step=", 5))
		step_s += atoi(value);
	else if (!strncmp(text, "oom=", 4))
		oom = (unsigned)atoi(value);
	else if (!strncmp(text, "register=", 9))
		e->settings.register_mode = (enum register_mode)atoi(value);
	else if (!strncmp(text, "md5=", 4))
		e->settings.registrar.hashes = atoi(value)
			? DIGEST_BIT(DIGEST_MD5)
			: DIGEST_BIT(DIGEST_MD5) | DIGEST_BIT(DIGEST_SHA_256);
	else if (!strncmp(text, "verdict_ms=", 11))
		mock_login_late(e, (unsigned)atoi(value));
	else if (!strncmp(text, "verdict=", 8))
		mock_login_err(e, atoi(value));
	else if (!strncmp(text, "conf=", 5) && p->sip)
		sip_module.reload(p->sip, mock_core_conf(&p->engine, value) ?
					  NULL : p->engine.conf);
	else if (!strncmp(text, "public=", 7))
		move(p, value);
	else if (!strncmp(text, "t1=", 3))
		timers(p, (unsigned)atoi(value));
}

static void stats(const struct program *p)
{
	const struct engine *e = &p->engine;
	const struct sip *s = p->sip;

	printf("started=%u ended=%u up=%u won=%u filtered=%u taken=%u last=%d "
	       "pairs=%zu requests=%zu hints=%u done=%u busy=%u "
	       "challenged=%u failed=%u again=%u refreshed=%u answers=%u "
	       "anew=%u referred=%u held=%u "
	       "offered=%u replied=%u discovered=%u\n",
	       e->started, e->ended, e->up, e->won,
	       e->filtered, e->taken, e->last_status, s->n_pairs,
	       requests_count(s->requests), e->hints,
	       e->reoffered[REOFFER_DONE],
	       e->reoffered[REOFFER_BUSY], e->reoffered[REOFFER_CHALLENGED],
	       e->reoffered[REOFFER_FAILED], e->again_ms, e->refreshed,
	       e->answers, e->again, e->referred, e->held,
	       e->offered, e->replied, e->discovered);
	fflush(stdout);
}

static void registrations(const struct program *p)
{
	const struct location *l = p->engine.location;
	json_t *list = l->list(l->user);

	json_dumpf(list, stdout, JSON_COMPACT);
	puts("");
	fflush(stdout);
	json_decref(list);
}

static void peers(const struct program *p)
{
	const struct hops *h = p->engine.hops;
	const struct peer *peer;
	json_t *all = json_array(), *list;

	for (size_t i = 0; p->engine.policy &&
	     (peer = policy_at(p->engine.policy, i)); i++)
		for (size_t k = 0; k < peer->n_routes; k++) {
			list = h->state(h->user, peer->routes[k]);
			json_array_extend(all, list);
			json_decref(list);
		}
	json_dumpf(all, stdout, JSON_COMPACT);
	puts("");
	fflush(stdout);
	json_decref(all);
}

/* What a server said last when it was asked, and when. */
static void heard(const struct program *p, const char *server)
{
	const struct hops *h = p->engine.hops;
	const struct discovery *d = h->said(h->user, server), none = { 0 };
	char ike[ADDR_TEXT], esp[ADDR_TEXT];

	d = d ? d : &none;
	printf("at=%llu ike=%d:%s esp=%d:%s certs=%u why=%s\n",
	       (unsigned long long)d->at_us,
	       d->can.ike, addr_text(&d->can.ike_at, ike), d->can.esp,
	       addr_text(&d->can.esp_at, esp), d->can.certs.n,
	       d->why ? d->why : "");
	fflush(stdout);
}

static void accounts(const struct program *p)
{
	const struct accounts_role *a = p->engine.accounts;
	json_t *list = a->list(a->user);

	json_dumpf(list, stdout, JSON_COMPACT);
	puts("");
	fflush(stdout);
	json_decref(list);
}

static void on_fetched(void *asker, bool shown)
{
	(void)asker;
	printf("shown=%d\n", shown);
	fflush(stdout);
}

static void fetch(struct engine *e)
{
	const struct body_way way = {
		.id = 1, .outward = true, .target = "sip:bob@b.example",
		.next_hop = e->target[OUTSIDE], .routes = "",
		.local_id = "sip:alice@inside.example",
		.remote_id = "sip:bob@b.example",
	};

	e->fetcher->ask(e->fetcher->user, &way, on_fetched, NULL);
}

static void command(struct program *p, char *line)
{
	char *text;

	if (!strncmp(line, "hangup ", 7)) {
		text = strchr(line + 7, ' ');
		mock_core_hangup(&p->engine, atoi(line + 7),
				 text ? text + 1 : "");
	} else if (!strncmp(line, "set ", 4)) {
		set(p, line + 4);
	} else if (!strcmp(line, "fetch")) {
		fetch(&p->engine);
	} else if (!strcmp(line, "reoffer")) {
		printf("%d\n", mock_core_reoffer(&p->engine));
		fflush(stdout);
	} else if (!strcmp(line, "stats")) {
		stats(p);
	} else if (!strcmp(line, "registrations")) {
		registrations(p);
	} else if (!strcmp(line, "peers")) {
		peers(p);
	} else if (!strncmp(line, "heard ", 6)) {
		heard(p, line + 6);
	} else if (!strcmp(line, "accounts")) {
		accounts(p);
	} else if (!strcmp(line, "drain")) {
		sip_module.drain(p->sip);
	} else if (!strcmp(line, "quit")) {
		loop_stop(p->engine.loop);
	}
}

static void on_input(void *user, bool readable, bool writable)
{
	struct program *p = user;
	ssize_t n = read(STDIN_FILENO, p->in + p->n, sizeof p->in - 1 - p->n);
	char *end;

	(void)readable;
	(void)writable;
	if (n <= 0) {
		loop_stop(p->engine.loop);
		return;
	}
	p->n += (size_t)n;
	p->in[p->n] = 0;
	while ((end = strchr(p->in, '\n'))) {
		*end = 0;
		command(p, p->in);
		p->n -= (size_t)(end + 1 - p->in);
		memmove(p->in, end + 1, p->n + 1);
	}
}

static void target(struct engine *e, enum face f, char *text)
{
	char *comma = strchr(text, ',');

	if (comma)
		*comma++ = 0;
	e->target[f] = text;
	e->next_hop[f] = comma ? comma : "";
}

int main(int argc, char **argv)
{
	static struct program p;
	struct loop_watch *watch;
	int i;

	if (argc < 4)
		return 2;
	log_open("siprelay", LOG_CLASS_INFO);
	if (mock_core_open(&p.engine, (unsigned)atoi(argv[1])))
		return 1;
	for (i = 4; i < argc; i++)
		if (!strncmp(argv[i], "bindings=", 9))
			p.engine.bindings = open(argv[i] + 9, O_RDWR | O_CREAT |
						 O_CLOEXEC, 0600);
		else if (!strncmp(argv[i], "conf=", 5) &&
			 mock_core_conf(&p.engine, argv[i] + 5))
			return 1;
		else if (!strncmp(argv[i], "users=", 6) &&
			 mock_login_open(&p.engine, argv[i] + 6))
			return 1;
	target(&p.engine, INSIDE, argv[2]);
	target(&p.engine, OUTSIDE, argv[3]);
	if (sip_module.start((struct core *)(void *)&p.engine, NULL, &p.sip))
		return 1;
	for (i = 4; i < argc; i++)
		set(&p, argv[i]);
	if (loop_watch(p.engine.loop, STDIN_FILENO, on_input, &p, &watch))
		return 1;
	puts("ready");
	fflush(stdout);
	loop_run(p.engine.loop);
	loop_unwatch(watch);
	sip_module.stop(p.sip);
	mock_login_close(&p.engine);
	mock_core_close(&p.engine);
	return 0;
}
