/* locate.c - see locate.h.
 *
 * RFC 3263 section 4 in three rounds, each of which waits for all its answers:
 *
 *   NAPTR   of the host, unless the URI names a transport or a port
 *   SRV     of what NAPTR named; without any, of _sip._udp, _sip._tcp (TLS:
 *           _sips._tcp); not with a port
 *   A, AAAA of the targets; without any, of the host itself
 *
 * The transport is the URI's, else NAPTR's or SRV's, else UDP. NAPTR's TLS
 * services count only where the URI asks for TLS: what the configuration calls
 * a way without TLS stays one. NAPTR flag "s" only; no record is believed for
 * longer than an hour or asked again within half a minute. */
#define SRES_CONTEXT_T struct query

#include "modules/sip/trunk/locate.h"

#include "daemon/base/err.h"
#include "daemon/uri.h"
#include "modules/sip/trunk/resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct query;

#include <sofia-sip/sresolv.h>
#include <sofia-sip/su_alloc.h>
#include <sofia-sip/url.h>

#define TTL_MIN 30
#define TTL_MAX 3600
#define HOST_TEXT 256
#define TARGETS_MAX 8

enum round { ROUND_NAPTR, ROUND_SRV, ROUND_ADDRESS, ROUND_DONE };

struct locator {
	sres_resolver_t *resolver;
	const struct face_settings *listen;
};

/* A host to be looked up, or a domain of SRV records. */
struct target {
	char name[HOST_TEXT];
	enum transport transport;
	unsigned port; /* 0: the transport's default */
	uint64_t rank;
	unsigned weight;
};

struct query {
	struct query *next;
	struct locate *search;
	sres_query_t *query;
	uint16_t type;
	unsigned target; /* which one it is about */
};

struct locate {
	struct locator *locator;
	char host[HOST_TEXT];
	unsigned port;
	bool tls, loose; /* the URI has ";lr" */
	bool named;      /* it names a transport */
	enum transport transport;
	enum round round;
	struct query *open;
	struct target domain[TARGETS_MAX]; /* of SRV */
	unsigned n_domains;
	struct target host_at[TARGETS_MAX];
	unsigned n_hosts;
	struct located found[LOCATED_MAX];
	size_t n;
	unsigned ttl_s;
	locate_fn fn;
	void *user;
};

static const char *const names[] = { "udp", "tcp", "tls" };
static const char *const services[] = { "SIP+D2U", "SIP+D2T", "SIPS+D2T" };
static const char *const prefixes[] = { "_sip._udp.", "_sip._tcp.",
					"_sips._tcp." };

int locator_new(void *root, const struct face_settings *listen,
		struct locator **out)
{
	struct locator *l;
	int r = resolver_check();

	if (r)
		return r;
	l = calloc(1, sizeof *l);
	if (!l)
		return E_NOMEM;
	l->listen = listen;
	l->resolver = sres_resolver_create(root, NULL, TAG_END());
	if (!l->resolver) {
		free(l);
		return E_IO;
	}
	*out = l;
	return 0;
}

void locator_free(struct locator *l)
{
	if (!l)
		return;
	sres_resolver_destroy(l->resolver);
	free(l);
}

/* -- the URI -------------------------------------------------------------- */

static bool is_address(const char *host)
{
	struct in6_addr any;

	return *host == '[' || inet_pton(AF_INET, host, &any) == 1;
}

static bool read_uri(struct locate *s, const char *text)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	char value[8] = "", pinned[4] = "";
	const url_t *url;
	bool good;

	su_home_init(home);
	url = url_make(home, text);
	good = url && url->url_host && *url->url_host &&
	       strlen(url->url_host) < sizeof s->host;
	if (good) {
		strcpy(s->host, url->url_host);
		s->port = url->url_port ? (unsigned)atoi(url->url_port) : 0;
		s->tls = uri_wants_tls(text);
		s->loose = url_has_param(url, "lr");
		s->named = url_param(url->url_params, "transport", value,
				     sizeof value) > 0;
		good = url_param(url->url_params, "maddr", pinned,
				 sizeof pinned) <= 0;
	}
	s->transport = s->tls ? TRANSPORT_TLS :
		       !strcasecmp(value, "tcp") ? TRANSPORT_TCP :
						   TRANSPORT_UDP;
	su_home_deinit(home);
	return good && !is_address(s->host);
}

bool locate_wanted(const char *uri)
{
	struct locate s = { 0 };

	return read_uri(&s, uri);
}

/* -- queries -------------------------------------------------------------- */

static void on_answer(struct query *q, sres_query_t *query,
		      sres_record_t **answers);

/* One that cannot be asked is as good as one without an answer. */
static void ask(struct locate *s, uint16_t type, const char *name,
		unsigned target)
{
	struct query *q = calloc(1, sizeof *q);

	if (!q)
		return;
	*q = (struct query){ .next = s->open, .search = s, .type = type,
			     .target = target };
	q->query = sres_query(s->locator->resolver, on_answer, q, type, name);
	if (q->query)
		s->open = q;
	else
		free(q);
}

static bool has_listener(const struct locate *s, enum transport t, int family)
{
	const struct face_settings *f = s->locator->listen;

	for (size_t i = 0; i < f->n_listen; i++)
		if (f->listen[i].transport == t &&
		    (!family || f->listen[i].addr.family == family))
			return true;
	return false;
}

static bool usable(const struct locate *s, enum transport t)
{
	return (t == TRANSPORT_TLS) == s->tls && has_listener(s, t, 0) &&
	       (!s->named || t == s->transport);
}

static void add_target(struct target *list, unsigned *n,
		       const struct target *t, const char *name)
{
	size_t len = strlen(name);

	if (len && name[len - 1] == '.')
		len--; /* "." alone: not available (RFC 2782) */
	if (!len || len >= HOST_TEXT || *n == TARGETS_MAX)
		return;
	list[*n] = *t;
	memcpy(list[*n].name, name, len);
	list[*n].name[len] = 0;
	++*n;
}

/* Where NAPTR named none: those of every transport. */
static void guess_domains(struct locate *s)
{
	char name[HOST_TEXT + 16];

	for (int t = TRANSPORT_UDP; t <= TRANSPORT_TLS; t++) {
		struct target one = { .transport = (enum transport)t,
				      .rank = (uint64_t)t << 16 };

		snprintf(name, sizeof name, "%s%s", prefixes[t], s->host);
		if (usable(s, one.transport))
			add_target(s->domain, &s->n_domains, &one, name);
	}
}

static void begin_srv(struct locate *s)
{
	if (!s->n_domains)
		guess_domains(s);
	for (unsigned i = 0; i < s->n_domains; i++)
		ask(s, sres_type_srv, s->domain[i].name, i);
}

static void begin_addresses(struct locate *s)
{
	struct target own = { .transport = s->transport, .port = s->port };

	if (!s->n_hosts)
		add_target(s->host_at, &s->n_hosts, &own, s->host);
	for (unsigned i = 0; i < s->n_hosts; i++) {
		if (has_listener(s, s->host_at[i].transport, 4))
			ask(s, sres_type_a, s->host_at[i].name, i);
		if (has_listener(s, s->host_at[i].transport, 6))
			ask(s, sres_type_aaaa, s->host_at[i].name, i);
	}
}

static void finish(struct locate *s)
{
	struct locate copy = *s;
	unsigned ttl = copy.ttl_s < TTL_MIN ? TTL_MIN :
		       copy.ttl_s > TTL_MAX ? TTL_MAX : copy.ttl_s;

	free(s);
	copy.fn(copy.user, copy.found, copy.n, copy.n ? ttl : TTL_MIN);
	for (size_t i = 0; i < copy.n; i++)
		free(copy.found[i].uri);
}

/* To the next round that has something to wait for, or to the end. */
static void advance(struct locate *s)
{
	while (!s->open && s->round != ROUND_DONE) {
		s->round++;
		if (s->round == ROUND_SRV && !s->port)
			begin_srv(s);
		else if (s->round == ROUND_ADDRESS)
			begin_addresses(s);
	}
}

/* -- answers -------------------------------------------------------------- */

static void add_naptr(struct locate *s, const sres_naptr_record_t *r)
{
	for (int t = TRANSPORT_UDP; t <= TRANSPORT_TLS; t++) {
		struct target one = {
			.transport = (enum transport)t,
			/* RFC 3403: order first, then preference */
			.rank = (uint64_t)r->na_order << 32 |
				(uint64_t)r->na_prefer << 16,
		};

		if (!strcasecmp(r->na_services, services[t]) &&
		    !strcasecmp(r->na_flags, "s") && usable(s, one.transport))
			add_target(s->domain, &s->n_domains, &one,
				   r->na_replace);
	}
}

static void add_srv(struct locate *s, const struct query *q,
		    const sres_srv_record_t *r)
{
	struct target one = s->domain[q->target];

	one.port = r->srv_port;
	one.rank += r->srv_priority;
	one.weight = r->srv_weight;
	add_target(s->host_at, &s->n_hosts, &one, r->srv_target);
}

static void add_address(struct locate *s, const struct query *q,
			const void *address, int family)
{
	const struct target *t = &s->host_at[q->target];
	char at[INET6_ADDRSTRLEN], uri[HOST_TEXT + 128];
	struct located *l = &s->found[s->n];
	unsigned port = t->port ? t->port :
			t->transport == TRANSPORT_TLS ? 5061 : 5060;

	if (s->n == LOCATED_MAX ||
	    !inet_ntop(family, address, at, sizeof at))
		return;
	snprintf(uri, sizeof uri, family == AF_INET6 ?
		 "sip:%s:%u;transport=%s%s;maddr=[%s]" :
		 "sip:%s:%u;transport=%s%s;maddr=%s", s->host, port,
		 names[t->transport], s->loose ? ";lr" : "", at);
	l->uri = strdup(uri);
	l->rank = t->rank;
	l->group = q->target;
	l->weight = t->weight;
	s->n += l->uri != NULL;
}

static void add_record(struct locate *s, const struct query *q,
		       const sres_record_t *r)
{
	if (r->sr_record->r_status || r->sr_record->r_type != q->type)
		return;
	if (!s->ttl_s || r->sr_record->r_ttl < s->ttl_s)
		s->ttl_s = r->sr_record->r_ttl ? r->sr_record->r_ttl : 1;
	if (q->type == sres_type_naptr)
		add_naptr(s, r->sr_naptr);
	else if (q->type == sres_type_srv)
		add_srv(s, q, r->sr_srv);
	else if (q->type == sres_type_a)
		add_address(s, q, &r->sr_a->a_addr, AF_INET);
	else
		add_address(s, q, &r->sr_aaaa->aaaa_addr, AF_INET6);
}

static void on_answer(struct query *q, sres_query_t *query,
		      sres_record_t **answers)
{
	struct locate *s = q->search;
	struct query **at = &s->open;

	(void)query;
	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	for (size_t i = 0; answers && answers[i]; i++)
		add_record(s, q, answers[i]);
	if (answers)
		sres_free_answers(s->locator->resolver, answers);
	free(q);
	advance(s);
	if (s->round == ROUND_DONE)
		finish(s);
}

/* -- one search ----------------------------------------------------------- */

int locate(struct locator *l, const char *uri, locate_fn fn, void *user,
	   struct locate **out)
{
	struct locate *s = calloc(1, sizeof *s);

	if (!s)
		return E_NOMEM;
	s->locator = l;
	s->fn = fn;
	s->user = user;
	if (!read_uri(s, uri)) {
		free(s);
		return E_ARG;
	}
	if (!s->named && !s->port)
		ask(s, sres_type_naptr, s->host, 0);
	advance(s);
	if (!s->open) {
		free(s);
		return E_IO;
	}
	*out = s;
	return 0;
}

void locate_cancel(struct locate *s)
{
	struct query *q;

	if (!s)
		return;
	while ((q = s->open)) {
		s->open = q->next;
		sres_query_bind(q->query, NULL, NULL);
		free(q);
	}
	for (size_t i = 0; i < s->n; i++)
		free(s->found[i].uri);
	free(s);
}
