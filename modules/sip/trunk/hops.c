/* hops.c - see hops.h.
 *
 * A hop is what the configuration names: a route of a peer, or outside.proxy.
 * It has one server, itself, until DNS tells more (locate.c); it is asked
 * again when the answer's time is over. When DNS does not answer, what was
 * known stays. Servers of the first rank come first, those of one rank in
 * random order by their weights (RFC 2782). */
#include "modules/sip/trunk/hops.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/engine/way/hops.h"
#include "modules/sip/trunk/locate.h"
#include "modules/sip/trunk/server.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/su_uniqueid.h>

#define RETRY_MAX_S 300

struct hop {
	struct hop *next;
	struct hop_table *table;
	char *uri;             /* as it is configured */
	unsigned keepalive_s;
	struct server *servers;
	struct locate *search;
	struct loop_timer *again; /* when DNS is to be asked */
	bool kept;             /* while the table is made anew */
};

struct hop_table {
	struct sip *sip;
	struct locator *locator; /* NULL: no DNS */
	struct hop *hops;
	struct hops role;
};

/* -- one hop -------------------------------------------------------------- */

static void hop_free(struct hop *h)
{
	struct server *v;

	locate_cancel(h->search);
	loop_timer_free(h->again);
	while ((v = h->servers)) {
		h->servers = v->next;
		server_free(v);
	}
	free(h->uri);
	free(h);
}

static struct server *server_of(struct server *list, const char *uri)
{
	while (list && strcmp(list->uri, uri))
		list = list->next;
	return list;
}

/* A server as DNS tells it: one that is known keeps its state. */
static int take_server(struct hop *h, const struct located *l,
		       struct server **list)
{
	struct server **at = &h->servers, *v;
	int r;

	if (server_of(*list, l->uri))
		return 0; /* two records for the same */
	while (*at && strcmp((*at)->uri, l->uri))
		at = &(*at)->next;
	if ((v = *at))
		*at = v->next;
	else if ((r = server_new(h->table->sip, l->uri, h->uri, &v)))
		return r;
	v->rank = l->rank;
	v->group = l->group;
	v->weight = l->weight;
	v->next = NULL;
	while (*list)
		list = &(*list)->next;
	*list = v;
	server_keepalive(v, h->keepalive_s);
	return 0;
}

static void on_located(void *user, const struct located *found, size_t n,
		       unsigned ttl_s)
{
	struct server *list = NULL, *v;
	struct hop *h = user;

	h->search = NULL;
	loop_timer_set(h->again, 1000 * ttl_s);
	for (size_t i = 0; i < n; i++)
		take_server(h, &found[i], &list);
	if (!list)
		return;
	while ((v = h->servers)) {
		h->servers = v->next;
		server_free(v);
	}
	h->servers = list;
}

static void look_up(void *user)
{
	struct hop *h = user;
	struct locator *l = h->table->locator;

	if (h->search || !l || !locate_wanted(h->uri))
		return;
	if (locate(l, h->uri, on_located, h, &h->search))
		loop_timer_set(h->again, 30000);
}

static int hop_add(struct hop_table *t, const char *uri, unsigned keepalive_s)
{
	struct hop *h = calloc(1, sizeof *h);

	if (!h)
		return E_NOMEM;
	h->table = t;
	h->keepalive_s = keepalive_s;
	h->kept = true;
	h->uri = strdup(uri);
	if (!h->uri || server_new(t->sip, h->uri, h->uri, &h->servers) ||
	    loop_timer_new(t->sip->loop, look_up, h, &h->again)) {
		hop_free(h);
		return E_NOMEM;
	}
	h->next = t->hops;
	t->hops = h;
	server_keepalive(h->servers, keepalive_s);
	look_up(h);
	return 0;
}

static struct hop *hop_of(const struct hop_table *t, const char *uri)
{
	struct hop *h = t->hops;

	while (h && strcmp(h->uri, uri))
		h = h->next;
	return h;
}

/* -- the configuration ---------------------------------------------------- */

/* The shortest keepalive of all peers that have it. */
static int want(struct hop_table *t, const char *uri, unsigned keepalive_s)
{
	struct hop *h = hop_of(t, uri);

	if (!h)
		return hop_add(t, uri, keepalive_s);
	if (!h->kept || (keepalive_s && (!h->keepalive_s ||
					 keepalive_s < h->keepalive_s)))
		h->keepalive_s = keepalive_s;
	h->kept = true;
	for (struct server *v = h->servers; v; v = v->next)
		server_keepalive(v, h->keepalive_s);
	return 0;
}

static void drop_others(struct hop_table *t)
{
	struct hop **at = &t->hops, *h;

	while ((h = *at)) {
		if (h->kept) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		hop_free(h);
	}
}

int hops_reload(struct hop_table *t)
{
	struct engine *e = t->sip->engine;
	const char *proxy = engine_settings(e)->face[OUTSIDE].proxy;
	const struct policy *policy = child_policy(engine_child(e));
	const struct peer *p;
	int r = 0;

	for (struct hop *h = t->hops; h; h = h->next)
		h->kept = false;
	for (size_t i = 0; !r && policy && (p = policy_at(policy, i)); i++)
		for (size_t k = 0; !r && k < p->n_routes; k++)
			r = want(t, p->routes[k], p->keepalive_s);
	if (!r && *proxy)
		r = want(t, proxy, 0);
	if (!r)
		drop_others(t);
	return r;
}

/* -- the role ------------------------------------------------------------- */

struct order {
	const char *first[SERVERS_MAX], *last[SERVERS_MAX];
	size_t n_first, n_last;
};

/* A group has the weight of one, however many addresses. */
static bool leads(const struct server *list, const struct server *v)
{
	for (; list != v; list = list->next)
		if (list->group == v->group)
			return false;
	return true;
}

/* The rank of the servers that come next; false: there are no more. done is a
 * bit for each group. */
static bool next_rank(const struct server *list, uint32_t done, uint64_t *rank)
{
	bool any = false;

	for (; list; list = list->next)
		if (!(done >> list->group & 1) &&
		    (!any || list->rank < *rank)) {
			*rank = list->rank;
			any = true;
		}
	return any;
}

/* A group of that rank, at random by weight (RFC 2782). */
static unsigned draw_group(const struct server *list, uint32_t done,
			   uint64_t rank)
{
	unsigned sum = 0, draw, group = 0;
	const struct server *v;

	for (v = list; v; v = v->next)
		if (v->rank == rank && !(done >> v->group & 1) &&
		    leads(list, v))
			sum += v->weight + 1;
	draw = (unsigned)su_randint(0, (int)sum - 1);
	for (v = list; v; v = v->next) {
		if (v->rank != rank || done >> v->group & 1 ||
		    !leads(list, v))
			continue;
		group = v->group;
		if (draw <= v->weight)
			break;
		draw -= v->weight + 1;
	}
	return group;
}

static void put_group(struct order *o, const struct server *v, unsigned group)
{
	for (; v; v = v->next) {
		if (v->group != group || v->state == SERVER_DOWN)
			continue;
		if (server_rests(v) && o->n_last < SERVERS_MAX)
			o->last[o->n_last++] = v->uri;
		else if (o->n_first < SERVERS_MAX)
			o->first[o->n_first++] = v->uri;
	}
}

static void order_hop(struct order *o, const struct hop *h)
{
	uint32_t done = 0;
	uint64_t rank = 0;
	unsigned group;

	while (next_rank(h->servers, done, &rank)) {
		group = draw_group(h->servers, done, rank);
		put_group(o, h->servers, group);
		done |= 1u << group;
	}
}

static size_t servers(void *user, const char *const *hops, size_t n,
		      const char *out[static SERVERS_MAX])
{
	struct order o = { .n_first = 0 };
	const struct hop *h;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		h = hop_of(user, hops[i]);
		if (h)
			order_hop(&o, h);
		else if (o.n_first < SERVERS_MAX)
			o.first[o.n_first++] = hops[i];
	}
	for (size_t i = 0; i < o.n_first; i++)
		out[count++] = o.first[i];
	for (size_t i = 0; i < o.n_last && count < SERVERS_MAX; i++)
		out[count++] = o.last[i];
	return count;
}

static json_t *state(void *user, const char *hop)
{
	const struct hop *h = hop_of(user, hop);
	json_t *list = json_array(), *o;

	for (const struct server *v = h ? h->servers : NULL; list && v;
	     v = v->next) {
		o = server_json(v);
		if (o)
			json_object_set_new(o, "route", json_string(hop));
		json_array_append_new(list, o);
	}
	return list;
}

static bool serves(void *user, const char *hop, const struct addr *at)
{
	const struct hop *h = hop_of(user, hop);

	for (const struct server *v = h ? h->servers : NULL; v; v = v->next)
		if (v->addr.family && addr_same_host(&v->addr, at))
			return true;
	return false;
}

/* What was said last, where several next hops have it. */
static const struct discovery *said(void *user, const char *server)
{
	const struct hop_table *t = user;
	const struct discovery *last = NULL;
	const struct server *v;

	for (const struct hop *h = t->hops; h; h = h->next) {
		v = server_of(h->servers, server);
		if (v && (!last || v->said.at_us > last->at_us))
			last = &v->said;
	}
	return last;
}

/* -- what calls meet ------------------------------------------------------ */

bool hops_failed(const sip_t *sip, int status)
{
	return status == 503 ||
	       (status == 408 && (!sip || nta_sip_is_internal(sip)));
}

/* The server to which a request went. */
static struct server *server_asked(const struct hop_table *t,
				   const nta_outgoing_t *orq)
{
	const url_t *url = nta_outgoing_route_uri(orq);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct server *found = NULL;
	const char *text;

	su_home_init(home);
	text = url ? url_as_string(home, url) : NULL;
	for (struct hop *h = t->hops; text && h && !found; h = h->next)
		found = server_of(h->servers, text);
	su_home_deinit(home);
	return found;
}

static bool any_rests(const struct hop_table *t)
{
	for (const struct hop *h = t->hops; h; h = h->next)
		for (const struct server *v = h->servers; v; v = v->next)
			if (v->rest_s)
				return true;
	return false;
}

static unsigned retry_after(const sip_t *sip)
{
	const sip_retry_after_t *after = sip ? sip->sip_retry_after : NULL;

	return after && after->af_delta && after->af_delta < RETRY_MAX_S ?
		(unsigned)after->af_delta : after ? RETRY_MAX_S : 0;
}

/* A 503 without Retry-After is about this call alone (RFC 3261 21.5.4). */
void hops_note(struct hop_table *t, const nta_outgoing_t *orq,
	       const sip_t *sip)
{
	int status = nta_outgoing_status(orq);
	bool own = !sip || nta_sip_is_internal(sip);
	struct server *v;

	if (!own && status != 503 && !any_rests(t))
		return;
	v = server_asked(t, orq);
	if (!v)
		return;
	if (own)
		server_failed(v, 0, status == 408 ? "no answer" :
						    "it cannot be reached");
	else if (status == 503 && sip->sip_retry_after)
		server_failed(v, retry_after(sip), "503 Service Unavailable");
	else if (status != 503)
		server_answered(v);
}

void hops_silent(struct hop_table *t, const nta_outgoing_t *orq)
{
	struct server *v = server_asked(t, orq);

	if (v)
		server_failed(v, 0, "no answer");
}

/* -- life ----------------------------------------------------------------- */

int hops_new(struct sip *s, struct core *core, struct hop_table **out)
{
	struct hop_table *t = calloc(1, sizeof *t);
	int r;

	if (!t)
		return E_NOMEM;
	t->sip = s;
	t->role = (struct hops){ "sip", t, servers, state, serves, said };
	r = locator_new(loop_root(s->loop), s->face[OUTSIDE].settings,
			&t->locator);
	if (r)
		log_error(SIP_TAG, "names of next hops cannot be looked up: "
			  "%s", err_text(r));
	if ((r = hops_reload(t)) ||
	    (r = core_register(core, "hops", t->role.name, &t->role))) {
		hops_free(t);
		return r;
	}
	*out = t;
	return 0;
}

void hops_free(struct hop_table *t)
{
	struct hop *h;

	if (!t)
		return;
	while ((h = t->hops)) {
		t->hops = h->next;
		hop_free(h);
	}
	locator_free(t->locator);
	free(t);
}
