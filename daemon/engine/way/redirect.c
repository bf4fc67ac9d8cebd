/* redirect.c - a call that the far end sent elsewhere (RFC 3261 8.1.3.4), and
 * that we follow for the phone (calls.redirect).
 *
 * The new way is decided as for a new call: screening and limits, peer,
 * profile, next hop; with the old one's only in common who calls. First of all
 * it must be one that the outside may lead the call to (call_may_lead()), since
 * anybody on the way can say so. What was offered before is forgotten: keys
 * for one far end are not shown to another. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

/* Nothing of the call has been answered, and nothing is on its way. */
static bool may_move(const struct call *c)
{
	return c->from == INSIDE && c->state != CALL_UP && c->won < 0 &&
	       !c->deal && !c->job && !c->queue;
}

static bool was_there(const struct call *c, const char *uri)
{
	if (!strcmp(c->callee, uri))
		return true;
	for (unsigned i = 0; i < c->n_tried; i++)
		if (!strcmp(c->tried[i], uri))
			return true;
	return false;
}

static int decide(const struct call *c, const char *uri, struct call **out)
{
	struct call_start s = { .from = INSIDE, .caller = c->caller,
				.callee = uri, .source = c->source,
				.rank = c->rank, .transport = c->transport };
	struct call *way = NULL;
	struct refusal no;
	int r = call_new(c->engine, &s, c->leg, &way);

	if (r)
		return r;
	if ((r = admit_enter(way, &s, &no)) || (r = route_call(way, &s, &no)))
		call_free(way);
	else
		*out = way;
	return r;
}

#define SWAP(a, b) do { \
	__typeof__(a) old_ = (a); (a) = (b); (b) = old_; \
} while (0)

/* What the old way held goes with the other call, which is freed. */
static void take(struct call *c, struct call *way)
{
	connected_forget(c);
	c->tried[c->n_tried++] = c->callee;
	c->callee = way->callee;
	way->callee = NULL;
	SWAP(c->target, way->target);
	SWAP(c->next_hop, way->next_hop);
	SWAP(c->routes, way->routes);
	SWAP(c->route, way->route);
	SWAP(c->hops, way->hops);
	SWAP(c->profile, way->profile);
	SWAP(c->ticket, way->ticket);
	memcpy(c->peer, way->peer, sizeof c->peer);
	c->secured = way->secured;
	c->need = way->need;
	c->body = way->body;
	c->hide = way->hide;
	c->sdp_vouched = way->sdp_vouched;
	c->sealing = way->sealing;
	c->emergency = way->emergency;
	c->rung = RUNG_SEALED;
	c->tunnelled = way->tunnelled;
	c->ike_call = way->ike_call;
	c->scope = way->scope;
	c->carried = way->carried;
	c->within = way->within;
	c->before = way->before;
	c->ike_sdp = way->ike_sdp;
	c->avp = way->avp;
	c->again = c->pressed = false;
}

int call_redirect(struct call *c, const char *uri)
{
	struct call *way;
	int r;

	if (!may_move(c))
		return E_STATE;
	if (c->n_tried >= REDIRECTS_MAX || was_there(c, uri))
		return E_FULL;
	if (!call_may_lead(c, uri)) {
		LOG_CALL(c, LOG_CLASS_REFUSED, "peer %s: not followed to %s, "
			 "where the call need not be sealed as it is", c->peer,
			 uri);
		return E_POLICY;
	}
	r = decide(c, uri, &way);
	if (r)
		return r;
	sealing_anew(c);
	take(c, way);
	call_free(way);
	LOG_CALL(c, LOG_CLASS_INFO, "redirected to %s, peer %s, profile %s",
		 uri, c->peer, c->profile);
	return 0;
}
