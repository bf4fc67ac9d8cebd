/* hop.c - the next hops of a call that leaves, or of a request outside one:
 * where it goes first, and where then, when that one does not work (RFC 3263
 * section 4.3).
 *
 * A peer's route may list several next hops, and each may be a name with
 * several servers. The role "hops" knows which of them work; without it they
 * are tried as they are configured. A further attempt is a new dialog with an
 * offer of its own: keys that went to one server are not offered to another. */
#include "daemon/base/err.h"
#include "daemon/engine/way/discover.h"
#include "daemon/engine/way/hops.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

static size_t servers_of(const struct engine *e, const char *const *hops,
			 size_t n, const char *out[static SERVERS_MAX])
{
	const struct hops *role = core_find(e->core, "hops", NULL);

	if (role)
		return role->servers(role->user, hops, n, out);
	for (size_t i = 0; i < n && i < SERVERS_MAX; i++)
		out[i] = hops[i];
	return n < SERVERS_MAX ? n : SERVERS_MAX;
}

int hop_first(const struct engine *e, const char *const *hops, size_t n,
	      const char **out)
{
	const char *servers[SERVERS_MAX];

	if (!servers_of(e, hops, n, servers))
		return E_CLOSED;
	*out = servers[0];
	return 0;
}

static int keep(struct hop_list *l, const char *const *servers, size_t n)
{
	l->uri = calloc(n, sizeof *l->uri);
	if (!l->uri)
		return E_NOMEM;
	for (; l->n < n; l->n++)
		if (!(l->uri[l->n] = strdup(servers[l->n])))
			return E_NOMEM;
	return 0;
}

/* A call that needs IPsec does not go to who has said that he cannot; who said
 * nothing yet may. */
static size_t keep_able(const struct call *c, const char **servers, size_t n)
{
	const struct hops *role = core_find(c->engine->core, "hops", NULL);
	const struct peer *p =
		policy_peer(child_policy(c->engine->child), c->peer);
	size_t count = 0;

	if (!role || !p || p->profile->discover != DISCOVER_REQUIRE ||
	    !c->leg || !(c->tunnelled || c->carried))
		return n;
	for (size_t i = 0; i < n; i++)
		if (discover_judge(p, role->said(role->user, servers[i])) !=
		    DISCOVERED_NO)
			servers[count++] = servers[i];
	return count;
}

int hop_choose(struct call *c, const char *const *hops, size_t n)
{
	const char *servers[SERVERS_MAX];
	size_t count = servers_of(c->engine, hops, n, servers), able;
	int r = count ? 0 : E_CLOSED;

	able = keep_able(c, servers, count);
	if (!r)
		r = able ? keep(&c->hops, servers, able) : E_UNSUPPORTED;
	if (r)
		return r;
	c->next_hop = strdup(c->hops.uri[0]);
	return c->next_hop ? 0 : E_NOMEM;
}

void hop_free(struct hop_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->uri[i]);
	free(l->uri);
	*l = (struct hop_list){ NULL, 0, 0 };
}

bool call_has_hop(const struct call *c)
{
	return c->hops.at + 1 < c->hops.n && c->state != CALL_UP &&
	       c->won < 0 && !c->deal && !c->job && !c->queue;
}

bool call_next_hop(struct call *c, const char *why)
{
	char *next;

	if (!call_has_hop(c))
		return false;
	next = strdup(c->hops.uri[c->hops.at + 1]);
	if (!next)
		return false;
	c->hops.at++;
	LOG_CALL(c, LOG_CLASS_REMOTE, "peer %s: %s: %s; now by %s", c->peer,
		 c->next_hop, why, next);
	free(c->next_hop);
	c->route.next_hop = c->next_hop = next;
	sealing_anew(c);
	return true;
}

bool request_has_hop(const struct request_way *w)
{
	return w->hops.at + 1 < w->hops.n;
}

bool request_next_hop(struct request_way *w, const char *why)
{
	char *next = request_has_hop(w) ? strdup(w->hops.uri[w->hops.at + 1])
					: NULL;

	if (!next)
		return false;
	w->hops.at++;
	log_line(LOG_CLASS_REMOTE, "engine", 0, "peer %s: %s: %s; now by %s",
		 w->peer, w->next_hop, why, next);
	free(w->next_hop);
	w->next_hop = next;
	return true;
}

static void show_said(json_t *servers, const struct peer *p,
		      const struct hops *role)
{
	const char *name;
	json_t *server;
	size_t i;

	json_array_foreach(servers, i, server) {
		name = json_string_value(json_object_get(server, "server"));
		discover_show(server, p, name ? role->said(role->user, name)
					      : NULL);
	}
}

json_t *engine_peers(const struct engine *e)
{
	const struct policy *policy = child_policy(e->child);
	const struct hops *role = core_find(e->core, "hops", NULL);
	const struct peer *p;
	json_t *list = json_array(), *servers, *o, *one;

	for (size_t i = 0; list && (p = policy_at(policy, i)); i++) {
		servers = json_array();
		for (size_t k = 0; role && k < p->n_routes; k++) {
			one = role->state(role->user, p->routes[k]);
			show_said(one, p, role);
			json_array_extend(servers, one);
			json_decref(one);
		}
		o = json_pack("{s:s,s:s,s:s,s:s,s:I,s:o}", "name", p->name,
			      "match", p->match, "profile", p->profile->name,
			      "need", profile_need(p->profile->need),
			      "keepalive_s", (json_int_t)p->keepalive_s,
			      "servers", servers);
		json_array_append_new(list, o);
	}
	return list;
}
