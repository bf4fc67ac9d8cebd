/* phone.c - the registered phones that a call inwards is for.
 *
 * An account of our own registrar may have several. They ring at once, or
 * (registrar.ring = "best") those alone that it prefers (q, RFC 3261 16.6), and
 * the next ones when all of those failed: that is the signalling module's to
 * do, which knows what phones answer. Of a call to a sips: URI, phones without
 * TLS hear nothing. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"
#include "daemon/engine/way/location.h"
#include "daemon/uri.h"

#include <stdlib.h>
#include <string.h>

struct phone {
	struct call_route route; /* its texts are those below */
	char target[LOCATION_TEXT], next_hop[LOCATION_TEXT];
};

size_t phone_by_tls(struct location_way *way, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (uri_wants_tls(way[i].next_hop)) {
			if (kept != i)
				way[kept] = way[i];
			kept++;
		}
	return kept ? kept : n;
}

/* Groups that ring one after the other. */
static void number(struct phone_list *l, const struct location_way *way,
		   bool best)
{
	for (size_t i = 1; i < l->n; i++)
		l->phone[i].route.group = l->phone[i - 1].route.group +
			(best && way[i].q != way[i - 1].q);
}

static int keep(struct call *c, const struct location_way *way, size_t n)
{
	const struct settings *s = engine_settings(c->engine);
	struct phone *p = calloc(n, sizeof *p);

	if (!p)
		return E_NOMEM;
	c->phones = (struct phone_list){ p, n };
	for (size_t i = 0; i < n; i++, p++) {
		memcpy(p->target, way[i].target, sizeof p->target);
		memcpy(p->next_hop, way[i].next_hop, sizeof p->next_hop);
		p->route = (struct call_route){
			.target = p->target, .next_hop = p->next_hop,
			.routes = "", .nat = way[i].nat,
		};
	}
	number(&c->phones, way, s->registrar.ring_best);
	return 0;
}

/* The call is for the account that registered: this is whom the caller meant,
 * and what its keys are for. */
int phone_find(struct call *c, bool sips)
{
	const struct location *l = core_find(c->engine->core, "location",
					     NULL);
	struct location_way way[CALL_PHONES_MAX];
	int n = l ? l->find(l->user, c->callee, way, CALL_PHONES_MAX)
		  : E_NOTFOUND;
	char *account;

	if (n < 0)
		return n;
	if (sips)
		n = (int)phone_by_tls(way, (size_t)n);
	account = strdup(way[0].account);
	c->target = strdup(way[0].target);
	c->next_hop = strdup(way[0].next_hop);
	if (!account || !c->target || !c->next_hop) {
		free(account);
		return E_NOMEM;
	}
	c->route.nat = way[0].nat;
	free(c->callee);
	c->callee = account;
	return n > 1 ? keep(c, way, (size_t)n) : 0;
}

const struct call_route *call_phone(const struct call *c, unsigned n)
{
	if (!c->phones.n)
		return n ? NULL : &c->route;
	return n < c->phones.n ? &c->phones.phone[n].route : NULL;
}

void phone_free(struct phone_list *l)
{
	free(l->phone);
	*l = (struct phone_list){ NULL, 0 };
}
