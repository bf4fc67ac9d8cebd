/* route.c - whom a call is with and where it goes on.
 *
 * From inside the far end is the Request-URI, from outside the From URI; the
 * first peer whose pattern matches it gives the profile. Outward the call goes
 * to the peer's route, else outside.proxy, else straight to the Request-URI;
 * inward to the phones that registered this Request-URI (phone.c), else to the
 * contact that "phones" has for the user, else to inside.proxy. The routes that
 * came with a phone's registration lead its calls, unless the peer has a route.
 * No number is translated. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"
#include "daemon/engine/report/failure.h"
#include "daemon/engine/way/location.h"
#include "daemon/uri.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOBODY "no phone has this user: add one to phones, or set inside.proxy"

void route_identity(const char *uri, char out[static IDENTITY_TEXT])
{
	if (!uri_identity(uri, out))
		out[0] = 0; /* which the keeper refuses */
}

bool route_is_inside(const struct settings *s, const struct addr *a)
{
	const struct face_settings *f = &s->face[INSIDE];

	for (size_t i = 0; i < f->n_nets; i++)
		if (net_contains(&f->nets[i], a))
			return true;
	return false;
}

static int refuse(struct call *c, struct refusal *no, int status,
		  const char *reason)
{
	*no = (struct refusal){
		.status = status,
		.phrase = status == 404 ? "Not Found" :
			  status == 480 ? "Temporarily Unavailable" :
			  status == 488 ? "Not Acceptable Here" :
			  status == 503 ? "Service Unavailable" :
					  "Forbidden",
	};
	if (status == 480) {
		no->warn_code = 380; /* RFC 5630 section 7.1 */
		snprintf(no->warn, sizeof no->warn, "SIPS Not Allowed");
	}
	snprintf(c->reason, sizeof c->reason, "%s", reason);
	log_line(LOG_CLASS_REFUSED, "engine", 0, "%s -> %s refused: %s",
		 c->caller, c->callee, reason);
	return status == 404 ? E_NOTFOUND : status == 503 ? E_CLOSED : E_POLICY;
}

static int refuse_down(struct call *c, struct refusal *no)
{
	int r = refuse(c, no, 503, "every next hop of the peer is down: see "
		       "callsealctl peers");

	no->warn_code = 399;
	snprintf(no->warn, sizeof no->warn, "every next hop is down");
	return r;
}

/* It would fail later, and nobody would see why. */
static int refuse_unable(struct call *c, struct refusal *no)
{
	const struct failure *f = failure_of(STAGE_NEXT_HOP, E_UNSUPPORTED);
	int r = refuse(c, no, f->status, "the peer said, when it was asked by "
		       "OPTIONS, that it cannot do the IPsec of its profile: "
		       "see callsealctl peers");

	no->warn_code = f->warn_code;
	snprintf(no->warn, sizeof no->warn, "%s", f->warn);
	return r;
}

/* An emergency call needs no peer, and no peer requires anything of it. */
static int set_peer(struct call *c, const struct peer *p)
{
	snprintf(c->peer, sizeof c->peer, "%s", p ? p->name : "(emergency)");
	c->need = p ? p->profile->need : NEED_FORBID;
	if (p && !c->emergency) {
		c->body = p->profile->body;
		c->hide = p->profile->hide;
	}
	c->tunnelled = p && !c->emergency &&
		       profile_keys_tunnels(p->profile);
	c->ike_call = c->tunnelled && p->profile->ike_call;
	c->scope = p ? p->profile->esp_scope : ESP_MEDIA;
	/* plain in all but the way that its media go */
	c->carried = p && !c->emergency && profile_stands(p->profile);
	c->within = (c->carried || c->tunnelled) && p->profile->srtp_within;
	/* RTP/AVP, then, and a tunnel around it (the profile requires it) */
	c->avp = c->tunnelled && !c->within;
	c->before = c->carried && p->profile->ike_before;
	c->ike_sdp = c->carried ? p->profile->ike_sdp : IKE_SDP_NONE;
	c->sdp_vouched = call_signs(c);
	if (c->emergency && c->need == NEED_REQUIRE)
		c->need = NEED_PREFER;
	c->sealing = c->need == NEED_FORBID || call_bare(c) ? SEALING_NO :
		     c->need == NEED_REQUIRE ? SEALING_YES : SEALING_OPEN;
	c->profile = strdup(p ? p->profile->name : "(none)");
	return c->profile ? 0 : E_NOMEM;
}

/* Whoever is to be hidden was shown by what came, or would be by what leaves:
 * only messages of calls go whole. */
static int check_hidden(struct call *c, enum hide hidden, struct refusal *no)
{
	if (!c->hide)
		return 0;
	if (!c->leg)
		return refuse(c, no, 403, "the peer's profile has hide, and "
			      "only calls hide who is in them");
	if (c->from == INSIDE && c->hide == HIDE_BOTH &&
	    !strncasecmp(c->callee, "tel:", 4))
		return refuse(c, no, 403, "the peer's profile has hide = "
			      "\"both\", and a tel: URI has no domain in whose "
			      "name to hide; dial the number at one");
	if (c->from == INSIDE || hidden >= c->hide)
		return 0;
	return refuse(c, no, 488, "the peer's profile has hide, and the call "
		      "shows who is in it");
}

static int find_peer(struct call *c, struct refusal *no)
{
	const char *uri = c->from == INSIDE ? c->callee : c->caller;
	const struct peer *p =
		policy_match(child_policy(c->engine->child), uri);

	if (!p && !c->emergency)
		return refuse(c, no, 403,
			      "no peer matches: add one to peers");
	return set_peer(c, p);
}

/* Descriptions that are signed, or encrypted, stay so; who is hidden, too. p:
 * NULL where no peer matches. */
static bool seals_as_well(const struct peer *p, const struct call *c)
{
	enum body_mode to = p ? p->profile->body : BODY_MODE_NONE;
	enum body_mode now = c->body;

	if (c->hide > (p ? p->profile->hide : HIDE_NONE))
		return false;
	return now == BODY_MODE_NONE || to == now || to == BODY_MODE_TUNNEL ||
	       (to == BODY_MODE_SIGN_ENCRYPT && now != BODY_MODE_TUNNEL);
}

bool call_may_lead(const struct call *c, const char *uri)
{
	const struct peer *p =
		policy_match(child_policy(c->engine->child), uri);

	if (!seals_as_well(p, c))
		return false;
	if (c->carried)
		return p && p->profile->need == NEED_REQUIRE;
	return c->sealing == SEALING_NO || (p && p->profile->need <= c->need);
}

const struct conf_node *route_phone(const struct conf *conf, const char *uri)
{
	char name[URI_NAME_TEXT];
	const struct conf_node *n;
	size_t len;

	if (!uri_name(uri, name))
		return NULL;
	len = strcspn(name, "@");
	for (size_t i = 0; i < conf_count(conf, "phones"); i++) {
		n = conf_at(conf, "phones", i);
		if (strlen(conf_text(n, "user")) == len &&
		    !memcmp(conf_text(n, "user"), name, len))
			return n;
	}
	return NULL;
}

static const struct location *location(const struct engine *e)
{
	return core_find(e->core, "location", NULL);
}

/* A call to a sips: URI goes on by TLS, or where a phone's rule allows it not
 * to (RFC 5630 section 5.3). */
static int check_sips(struct call *c, bool sips, struct refusal *no)
{
	const char *hop = *c->next_hop ? c->next_hop : c->target;

	if (!sips || uri_wants_tls(hop))
		return 0;
	return refuse(c, no, 480, c->from == INSIDE ?
		      "a sips: call needs a route with transport=tls" :
		      "a sips: call may not reach this phone without TLS: see "
		      "sips of phones");
}

/* Whoever has to prove himself is told who is there when he has, not before:
 * until then a user who does not exist is as good as any. */
static bool hides(const struct call *c)
{
	return c->leg ? call_proves(c) : c->words && c->body;
}

static int way_inward(struct call *c, struct refusal *no)
{
	const char *proxy = engine_settings(c->engine)->face[INSIDE].proxy;
	const struct conf_node *phone =
		route_phone(child_conf(c->engine->child), c->callee);
	const char *contact = phone ? conf_text(phone, "contact") : NULL;
	bool sips = uri_is_sips(c->callee) &&
		    !(phone && conf_bool(phone, "sips"));
	int r = phone_find(c, sips);

	if (r != E_NOTFOUND)
		return r ? r : check_sips(c, sips, no);
	if (!contact && !*proxy && !hides(c))
		return refuse(c, no, 404, NOBODY);
	c->route.nowhere = !contact && !*proxy;
	c->target = strdup(contact ? contact : c->callee);
	c->next_hop = strdup(contact ? "" : proxy);
	if (!c->target || !c->next_hop)
		return E_NOMEM;
	if (c->route.nowhere) {
		snprintf(c->reason, sizeof c->reason, NOBODY);
		return 0;
	}
	return check_sips(c, sips, no);
}

/* Where the first request goes: the next hop, else the first route, else the
 * target. */
static void first_hop(const struct call *c, char out[static IDENTITY_TEXT])
{
	const char *uri = *c->next_hop || !c->routes || !*c->routes
		? (*c->next_hop ? c->next_hop : c->target) : c->routes;
	size_t n = strcspn(uri, ">");

	if (*uri == '<') {
		uri++;
		n--;
	}
	snprintf(out, IDENTITY_TEXT, "%.*s",
		 n < IDENTITY_TEXT ? (int)n : 0, uri);
}

/* By TLS, and only to a server whose certificate we have checked. */
static bool leaves_secured(const struct call *c)
{
	char hop[IDENTITY_TEXT];

	first_hop(c, hop);
	return uri_wants_tls(hop) && engine_settings(c->engine)->tls.verify !=
					     TLS_VERIFY_NONE;
}

/* An emergency call's own route, the peer's, outside.proxy, or nothing in
 * between. All that are down are still better than none for an emergency. */
static int next_hops(struct call *c)
{
	const struct settings *s = engine_settings(c->engine);
	const struct peer *p =
		policy_peer(child_policy(c->engine->child), c->peer);
	const char *proxy = s->face[OUTSIDE].proxy;
	const char *sos = s->screening.emergency_route;
	const char *const *hops = &proxy;
	size_t n = *proxy != 0;
	int r = E_CLOSED;

	if (c->emergency && *sos) {
		hops = &sos;
		n = 1;
	} else if (p && p->n_routes) {
		hops = p->routes;
		n = p->n_routes;
	}
	if (n && ((r = hop_choose(c, hops, n)) != E_CLOSED || !c->emergency))
		return r;
	c->next_hop = strdup(n ? hops[0] : "");
	return c->next_hop ? 0 : E_NOMEM;
}

static bool has_route(const struct call *c)
{
	const struct peer *p =
		policy_peer(child_policy(c->engine->child), c->peer);

	return (p && p->n_routes) ||
	       (c->emergency && *engine_settings(c->engine)->screening
						.emergency_route);
}

static int way_outward(struct call *c, const struct addr *source,
		       struct refusal *no)
{
	const struct location *l = has_route(c) ? NULL : location(c->engine);
	int r = next_hops(c);

	if (r)
		return r == E_CLOSED ? refuse_down(c, no) :
		       r == E_UNSUPPORTED ? refuse_unable(c, no) : r;
	c->target = strdup(c->callee);
	if (l)
		c->routes = strdup(l->routes(l->user, c->caller, source));
	if (!c->target || (l && !c->routes))
		return E_NOMEM;
	if (!*c->next_hop && !strncasecmp(c->target, "urn:", 4))
		return refuse(c, no, 404, "an emergency call has no way out: "
			      "set emergency.route or outside.proxy");
	c->secured = leaves_secured(c);
	return check_sips(c, uri_is_sips(c->callee), no);
}

int route_call(struct call *c, const struct call_start *s, struct refusal *no)
{
	int r;

	if (s->from == INSIDE &&
	    !route_is_inside(engine_settings(c->engine), &s->source))
		return refuse(c, no, 403, "the sender is not in inside.nets");
	if ((r = find_peer(c, no)) || (r = check_hidden(c, s->hidden, no)))
		return r;
	r = s->from == INSIDE ? way_outward(c, &s->source, no) :
				way_inward(c, no);
	if (r)
		return r;
	c->route.target = c->target;
	c->route.next_hop = c->next_hop;
	c->route.routes = c->routes ? c->routes : "";
	return 0;
}

int engine_registrar(struct engine *e, const char *account,
		     const struct addr *source, const char **hop)
{
	const struct settings *s = engine_settings(e);
	const char *proxy = s->face[OUTSIDE].proxy;
	const struct peer *p;

	if (s->register_mode == REGISTER_OFF)
		return E_UNSUPPORTED;
	if (!route_is_inside(s, source))
		return E_POLICY;
	if (s->register_mode == REGISTER_LOCAL) {
		*hop = "";
		return 0;
	}
	if (*proxy)
		return hop_first(e, &proxy, 1, hop);
	p = policy_match(child_policy(e->child), account);
	if (p && p->n_routes)
		return hop_first(e, p->routes, p->n_routes, hop);
	*hop = "";
	return 0;
}
