/* core.c - a mock of the engine's core. See core.h. */
#include "tests/mock/call.h"

#include "daemon/base/err.h"
#include "daemon/digest/users.h"
#include "daemon/keeper/account/answer.h"
#include "daemon/password.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct core {
	struct engine *e;
};

int core_register(struct core *core, const char *role, const char *name,
		  const void *record)
{
	(void)name;
	struct engine *e = (struct engine *)(void *)core;

	if (!strcmp(role, "signalling"))
		e->signalling = record;
	else if (!strcmp(role, "location"))
		e->location = record;
	else if (!strcmp(role, "accounts"))
		e->accounts = record;
	else if (!strcmp(role, "fetcher"))
		e->fetcher = record;
	else if (!strcmp(role, "hops"))
		e->hops = record;
	else
		return E_ARG;
	return 0;
}

struct child *engine_child(struct engine *e)
{
	return (struct child *)(void *)e;
}

int child_file(const struct child *c, const char *name)
{
	const struct engine *e = (const struct engine *)(const void *)c;

	return strcmp(name, "bindings") ? -1 : e->bindings;
}

const struct policy *child_policy(const struct child *c)
{
	return ((const struct engine *)(const void *)c)->policy;
}

int mock_core_conf(struct engine *e, const char *path)
{
	struct conf_err err = { "" };
	struct policy *policy;
	struct conf *conf;

	if (conf_load(path, settings_groups(), &conf, &err) ||
	    policy_new(conf, &policy, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return E_CONF;
	}
	loop_timer_free(e->worder);
	policy_free(e->policy);
	conf_free(e->conf);
	e->conf = conf;
	e->policy = policy;
	return 0;
}

const void *core_find(const struct core *core, const char *role,
		      const char *name)
{
	const struct engine *e = (const struct engine *)(const void *)core;

	(void)name;
	return strcmp(role, "hops") ? NULL : e->hops;
}

/* -- the keeper ----------------------------------------------------------- */

struct question {
	struct question *next;
	struct loop_timer *timer;
	struct engine *e;
	struct msg_account_answer m;
	answer_fn fn;
	void *user;
};

static struct question *questions;

static void question_free(struct question *q)
{
	struct question **at = &questions;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	loop_timer_free(q->timer);
	free(q);
}

/* As the keeper would: from the account's file. */
static void on_question(void *user)
{
	struct question *q = user, copy = *q;
	const struct account *a =
		policy_account(q->e->policy, q->m.account);
	struct msg_account_answered reply;
	struct secret password = { 0 };
	const char *why;
	int fd = a ? open(a->password + 5, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0 && !q->e->no_keeper)
		password_read(fd, &password, &why);
	if (fd >= 0)
		close(fd);
	account_answer(q->e->policy, password.len ? &password : NULL, &q->m,
		       &reply);
	question_free(q);
	copy.fn(copy.user, reply.err, reply.err ? NULL : &reply);
}

int engine_answer(struct engine *e, const struct msg_account_answer *m,
		  answer_fn fn, void *user)
{
	struct question *q;

	if (e->no_link)
		return E_CLOSED;
	q = calloc(1, sizeof *q);
	*q = (struct question){ .next = questions, .e = e, .m = *m, .fn = fn,
				.user = user };
	questions = q;
	e->answers++;
	loop_timer_new(e->loop, on_question, q, &q->timer);
	loop_timer_set(q->timer, 0);
	return 0;
}

void engine_answer_forget(struct engine *e, const void *user)
{
	struct question *q = questions, *next;

	(void)e;
	for (; q; q = next) {
		next = q->next;
		if (q->user == user)
			question_free(q);
	}
}

int engine_registrar(struct engine *e, const char *account,
		     const struct addr *source, const char **hop)
{
	(void)account;
	(void)source;
	*hop = e->next_hop[OUTSIDE];
	return e->settings.register_mode ? 0 : E_UNSUPPORTED;
}

int engine_login(struct engine *e, const char *method,
		 const struct digest_credentials *c, login_fn fn, void *user)
{
	return e->login ? e->login(e, method, c, fn, user) : E_CLOSED;
}

void engine_login_forget(struct engine *e, void *user)
{
	if (e->forget)
		e->forget(e, user);
}

void *core_process(const struct core *core)
{
	return (void *)(uintptr_t)core;
}

struct loop *engine_loop(struct engine *e)
{
	return e->loop;
}

const struct settings *engine_settings(const struct engine *e)
{
	return &e->settings;
}

bool engine_is_emergency(const struct engine *e, const char *callee)
{
	(void)e;
	return !strncmp(callee, "urn:service:sos", 15) ||
	       !strncmp(callee, "sip:112@", 8);
}

enum guard_fate engine_message(struct engine *e, const struct guard_message *m)
{
	return guard_message(e->guard, &e->settings, m);
}

bool engine_trusts(const struct engine *e, enum face from,
		   const struct addr *source)
{
	return guard_trusts(e->guard, &e->settings, from, source);
}

/* What is told does not matter here, but to whom does. */
int engine_capable(struct engine *e, const struct addr *source,
		   struct capable *out)
{
	struct sdp_can can = { .ike = true, .esp = true };
	bool there = false;
	const struct peer *p;

	for (size_t i = 0; e->policy && (p = policy_at(e->policy, i)); i++)
		for (size_t k = 0; k < p->n_routes; k++)
			there |= e->hops->serves(e->hops->user, p->routes[k],
						 source);
	if (!there || !(e->tells || e->tells_late))
		return E_NOTFOUND;
	if (e->tells_late)
		return E_STATE;
	addr_parse("192.0.2.1", &can.ike_at);
	can.esp_at = can.ike_at;
	out->before = true;
	out->sdp = buf_of(4096);
	return sdp_can_write(&can, 1, &can.ike_at, &out->sdp);
}

void engine_discovered(struct engine *e, const char *hop)
{
	e->discovered += *hop != 0;
}

#define PACKAGE "multipart/mixed;boundary=b"

/* A package is SDP between two lines, here. */
static void repack(const struct call *c, const struct filter_request *q,
		   struct body *out)
{
	static char text[8192];
	const char *begin = strstr((const char *)out->data, "v=0");

	if (!c->e->packages)
		return;
	snprintf(text, sizeof text, q->from == INSIDE ? "--b\r\n%.*s--b--\r\n"
						      : "%.*s",
		 (int)(out->len - (size_t)(begin - (const char *)out->data)),
		 begin);
	out->type = q->from == INSIDE ? PACKAGE : "application/sdp";
	out->data = (const uint8_t *)text;
	out->len = strlen(text);
}

static bool says(const void *data, size_t len, const char *what)
{
	char *text = strndup(data, len);
	bool does = text && strstr(text, what);

	free(text);
	return does;
}

static void deliver(struct call *c, const struct filter_request *q,
		    filter_fn fn, void *user)
{
	if (q->from == OUTSIDE)
		c->met = says(q->body.data, q->body.len,
			      "a=curr:sec e2e sendrecv");
	if (q->held) {
		c->e->held++;
		c->e->offered += q->offered;
		fn(user, NULL, &(struct body){ .type = "" });
		return;
	}
	struct body out = q->body;
	char *text = malloc(q->body.len + 32);
	bool open = c->e->packages && q->from == OUTSIDE;
	struct refusal no = { .status = 488, .phrase = "No Package" };

	if (open && strcmp(q->body.type, PACKAGE) &&
	    strcmp(q->body.type, "multipart/mixed; boundary=b") &&
	    strcmp(q->body.type, "multipart/mixed;boundary=\"boun=_dry\"")) {
		free(text);
		fn(user, &no, NULL);
		return;
	}

	if (!strcmp(q->body.type, "application/mikey")) {
		c->e->taken++;
		free(text);
		fn(user, NULL, &(struct body){ .type = "" });
		return;
	}
	memcpy(text, q->body.data, q->body.len);
	out.len += (size_t)sprintf(text + out.len, "a=branch:%u\r\n",
				   q->branch);
	out.data = (uint8_t *)text;
	out.seal = c->e->bodies && q->from == INSIDE;
	out.secret = c->e->secret && q->from == INSIDE;
	c->e->filtered++;
	repack(c, q, &out);
	fn(user, NULL, &out);
	free(text);
}

static void on_late(void *user)
{
	struct call *c = user;
	uint8_t *data = (uint8_t *)(uintptr_t)c->late.body.data;
	struct filter_request q = c->late;

	c->waiting = false;
	c->late.body.data = NULL;
	deliver(c, &q, c->fn, c->user);
	free(data);
}

static void further_phone(struct call *c, struct phone *p,
			  const struct location_way *last,
			  const struct location_way *way)
{
	unsigned before = p == &c->phone[1] ? 0 : p[-1].route.group;

	p->way = *way;
	p->route = (struct call_route){
		.target = p->way.target, .next_hop = p->way.next_hop,
		.routes = "", .nat = way->nat,
		.group = before + (c->e->settings.registrar.ring_best &&
				   last->q != way->q),
	};
}

static void ask_location(struct call *c, const struct call_start *s)
{
	const struct location *l = c->e->location;
	struct location_way way[CALL_PHONES_MAX];
	int n;

	if (s->from == INSIDE) {
		snprintf(c->routes, sizeof c->routes, "%s",
			 l->routes(l->user, s->caller, &s->source));
		return;
	}
	n = l->find(l->user, s->callee, way, CALL_PHONES_MAX);
	if (n < 0)
		return;
	snprintf(c->target, sizeof c->target, "%s", way[0].target);
	snprintf(c->next_hop, sizeof c->next_hop, "%s", way[0].next_hop);
	c->route.nat = way[0].nat;
	for (int i = 1; i < n; i++)
		further_phone(c, &c->phone[i], &way[i - 1], &way[i]);
}

static int ask_hops(struct call *c, const char *callee)
{
	const char *list[SERVERS_MAX];
	const struct peer *p = c->e->policy ?
		policy_match(c->e->policy, callee) : NULL;
	const struct hops *h = c->e->hops;
	size_t n;

	if (!p || !p->n_routes)
		return 0;
	n = h->servers(h->user, p->routes, p->n_routes, list);
	if (!n)
		return E_CLOSED;
	snprintf(c->next_hop, sizeof c->next_hop, "%s", list[0]);
	for (size_t i = 1; i < n && c->n_more < 8; i++)
		snprintf(c->more[c->n_more++], sizeof c->more[0], "%s",
			 list[i]);
	return 0;
}

const char *call_peer(const struct call *c)
{
	const struct peer *p = c->e->policy ?
		policy_at(c->e->policy, 0) : NULL;

	return p ? p->name : "";
}

void call_offer_again(struct call *c)
{
	c->e->again++;
}

bool call_has_hop(const struct call *c)
{
	return c->at < c->n_more;
}

bool call_next_hop(struct call *c, const char *why)
{
	(void)why;
	if (!call_has_hop(c))
		return false;
	strcpy(c->next_hop, c->more[c->at++]);
	return true;
}

int call_start(struct engine *e, const struct call_start *s, void *leg,
	       struct call **out, struct refusal *no)
{
	enum face to = s->from == INSIDE ? OUTSIDE : INSIDE;
	const char *target = *e->target[to] ? e->target[to] : s->callee;
	struct call *c;

	if (e->refuse_call) {
		*no = (struct refusal){ .status = e->refuse_call,
					.phrase = "Not Today",
					.warn_code = 399,
					.warn = "mock \"says\" no",
					.retry_after_s = 7 };
		return E_POLICY;
	}
	c = calloc(1, sizeof *c);
	if (!c)
		return E_NOMEM;
	c->e = e;
	c->leg = leg;
	c->from = s->from;
	snprintf(c->target, sizeof c->target, "%s", target);
	snprintf(c->next_hop, sizeof c->next_hop, "%s", e->next_hop[to]);
	ask_location(c, s);
	c->route.target = c->target;
	c->route.next_hop = c->next_hop;
	c->route.routes = c->routes;
	if (s->from == INSIDE && ask_hops(c, s->callee)) {
		*no = (struct refusal){ .status = 503,
					.phrase = "Service Unavailable",
					.warn_code = 399,
					.warn = "every next hop is down" };
		free(c);
		return E_CLOSED;
	}
	if (loop_timer_new(e->loop, on_late, c, &c->timer)) {
		free(c);
		return E_NOMEM;
	}
	c->id = ++e->started;
	c->next = e->calls;
	e->calls = c;
	*out = c;
	return 0;
}

/* Those after the first. */
static void mock_hop(struct hop_list *l, const char *uri)
{
	char **more = realloc(l->uri, (l->n + 1) * sizeof *more);

	if (!more)
		return;
	l->uri = more;
	l->uri[l->n++] = strdup(uri);
}

int engine_route(struct engine *e, const struct call_start *s, bool content,
		 struct request_way *out, struct refusal *no)
{
	struct call *c, **at = &e->calls;
	int r = call_start(e, s, NULL, &c, no);

	if (r)
		return r;
	*out = (struct request_way){
		.target = strdup(c->target), .next_hop = strdup(c->next_hop),
		.routes = strdup(c->routes), .nat = c->route.nat,
		.trusted = e->trusted,
		.words = content && e->bodies ? WORDS_SEALED : WORDS_CLEAR,
		.body = { .id = c->id, .outward = s->from == INSIDE },
	};
	snprintf(out->peer, sizeof out->peer, "%s", call_peer(c));
	for (unsigned i = 0; i < c->n_more; i++)
		mock_hop(&out->hops, c->more[i]);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	e->started--;
	loop_timer_free(c->timer);
	free(c);
	return 0;
}

void request_way_free(struct engine *e, struct request_way *w)
{
	guard_leave(e->guard, &w->ticket);
	free(w->target);
	free(w->next_hop);
	free(w->routes);
	for (size_t i = 0; i < w->hops.n; i++)
		free(w->hops.uri[i]);
	free(w->hops.uri);
}

bool request_has_hop(const struct request_way *w)
{
	return w->hops.at < w->hops.n;
}

bool request_next_hop(struct request_way *w, const char *why)
{
	(void)why;
	if (!request_has_hop(w))
		return false;
	free(w->next_hop);
	w->next_hop = strdup(w->hops.uri[w->hops.at++]);
	return true;
}

uint64_t call_id(const struct call *c)
{
	return c->id;
}

const struct call_route *call_route(const struct call *c)
{
	return &c->route;
}

const struct call_route *call_phone(const struct call *c, unsigned n)
{
	if (!n)
		return &c->route;
	return n < CALL_PHONES_MAX && c->phone[n].route.target
		? &c->phone[n].route : NULL;
}

bool call_may_lead(const struct call *c, const char *uri)
{
	return !c->e->lead || strstr(uri, c->e->lead);
}

static enum mock_filter mode_of(const struct call *c,
				const struct filter_request *q)
{
	if (!strcmp(q->body.type, "application/mikey"))
		return c->e->keys_once && q->branch ? MOCK_REFUSE : c->e->keys;
	if (q->role == BODY_OFFER)
		return c->e->offer;
	return q->final && q->from == INSIDE && c->e->ack != MOCK_MARK ?
		c->e->ack : c->e->answer;
}

static void keep(struct call *c, const struct filter_request *q, filter_fn fn,
		 void *user)
{
	uint8_t *data = malloc(q->body.len + 1);

	memcpy(data, q->body.data, q->body.len);
	free((void *)(uintptr_t)c->late.body.data);
	c->late = *q;
	c->late.body.data = data;
	c->fn = fn;
	c->user = user;
	c->waiting = true;
}

void call_filter(struct call *c, const struct filter_request *q, filter_fn fn,
		 void *user)
{
	struct refusal no = { .status = 488, .warn_code = 399,
			      .phrase = "Not Acceptable Here",
			      .warn = "mock refuses", .keys = "RVJST1I=" };
	const struct body none = { .type = "" };

	if (c->e->keys_only && c->up && q->role == BODY_OFFER &&
	    q->from == OUTSIDE) {
		fn(user, NULL, &none);
		return;
	}
	switch (mode_of(c, q)) {
	case MOCK_MARK:
		deliver(c, q, fn, user);
		break;
	case MOCK_SAME:
		c->e->filtered++;
		fn(user, NULL, &q->body);
		break;
	case MOCK_REFUSE:
		fn(user, &no, NULL);
		break;
	case MOCK_LATE:
		keep(c, q, fn, user);
		loop_timer_set(c->timer, c->e->late_ms);
		break;
	default:
		keep(c, q, fn, user);
		break;
	}
}

bool call_before(const struct call *c)
{
	return c->e->before;
}

bool call_met(const struct call *c, unsigned branch)
{
	(void)branch;
	return c->met && !c->e->unmet;
}

bool call_due(const struct call *c, unsigned branch)
{
	(void)branch;
	return !c->e->not_due;
}

int call_accept(struct call *c, struct buf *out)
{
	buf_printf(out, "v=0\r\no=- 7 8 IN IP4 192.0.2.7\r\ns=accepted\r\n"
		   "a=met:%d\r\n", c->met);
	return out->err;
}

int call_unmet(const void *data, size_t len, struct buf *out)
{
	buf_printf(out, "v=0\r\ns=unmet\r\na=of:%d\r\n",
		   says(data, len, "m=audio"));
	return out->err;
}

int call_agrees(struct call *c, const void *data, size_t len)
{
	(void)c;
	return says(data, len, "a=moved") ? E_POLICY : 0;
}

bool call_wants_early(const struct call *c)
{
	return c->e->early;
}

bool call_rings_late(const struct call *c)
{
	return c->e->rings_late;
}

int call_early(const struct call *c, struct buf *out)
{
	buf_put(out, "KEYS", 4);
	return c->e->no_keys ? E_NOTFOUND : out->err;
}

void call_hint(struct call *c, const void *data, size_t len)
{
	(void)data;
	(void)len;
	c->e->hints++;
}

bool call_retry(struct call *c, int status)
{
	if (status == 493 && c->e->learned) {
		c->e->learned--;
		return true;
	}
	if (!c->e->retries || status != 488)
		return false;
	c->e->retries--;
	return true;
}

void call_won(struct call *c, unsigned branch)
{
	(void)branch;
	c->e->won++;
}

void call_up(struct call *c)
{
	c->e->up++;
	c->up = true;
}

#define OWN "v=0\r\no=- 7 8 IN IP4 192.0.2.7\r\ns=own\r\n"

void call_repeat(struct call *c, enum body_role role, filter_fn fn, void *user)
{
	const struct refusal no = { .status = 503, .warn_code = 399,
				    .phrase = "Service Unavailable",
				    .warn = "the mock keeper is gone" };
	const char *text = role == BODY_OFFER ? OWN "a=own-offer\r\n"
					      : OWN "a=own-answer\r\n";
	const struct body out = { .type = "application/sdp",
				  .data = (const uint8_t *)text,
				  .len = strlen(text),
				  .seal = c->e->bodies };

	fn(user, c->e->own_no ? &no : NULL, c->e->own_no ? NULL : &out);
}

int call_redirect(struct call *c, const char *uri)
{
	if (!call_may_lead(c, uri))
		return E_POLICY;
	if (c->e->redirects >= 3 || !strcmp(c->target, uri))
		return E_FULL;
	c->e->redirects++;
	snprintf(c->target, sizeof c->target, "%s", uri);
	return 0;
}

/* Whoever is at inside.example is ours. */
int call_refer(const struct call *c, const char *uri, const char *by,
	       struct location_way *out, size_t room)
{
	const char *at = c->e->refer;
	int n = 0;

	(void)by;
	if (!at || !strstr(uri, "@inside.example"))
		return at ? E_NOTFOUND : E_UNSUPPORTED;
	for (; *at && (size_t)n < room; at += *at == ' ', n++) {
		out[n] = (struct location_way){ .q = 1000 };
		snprintf(out[n].target, sizeof out[n].target, "%.*s",
			 (int)strcspn(at, " "), at);
		at += strcspn(at, " ");
	}
	return n;
}

void call_referred(struct call *c, const char *uri)
{
	(void)uri;
	c->e->referred++;
}

bool call_trusts(const struct call *c)
{
	return c->e->trusted;
}

bool call_names(const struct call *c)
{
	return c->e->sealed;
}

bool call_sealed(const struct call *c)
{
	return c->e->sealed;
}

bool call_packages(const struct call *c)
{
	return c->e->packages;
}

bool call_signs(const struct call *c)
{
	return c->e->signs;
}

bool call_whole(const struct call *c)
{
	return c->e->whole;
}

void call_refresh(struct call *c, unsigned branch, filter_fn fn, void *user)
{
	char text[sizeof OWN + 40];
	const struct body out = { .type = "application/sdp",
				  .data = (const uint8_t *)text,
				  .len = (size_t)snprintf(text, sizeof text,
					OWN "a=for:%u\r\na=refresh\r\n",
					branch) };

	c->e->refreshed++;
	fn(user, NULL, &out);
}

void call_respond(struct call *c, unsigned branch, filter_fn fn, void *user)
{
	static const char text[] = OWN "a=reply\r\n";
	const struct body out = { .type = "application/sdp",
				  .data = (const uint8_t *)text,
				  .len = strlen(text) };

	(void)branch;
	c->e->replied++;
	fn(user, NULL, &out);
}

void call_reoffered(struct call *c, enum reoffered how, unsigned again_ms,
		    const char *why)
{
	(void)why;
	c->e->reoffered[how]++;
	c->e->again_ms = again_ms;
}

int mock_core_reoffer(struct engine *e)
{
	struct call *c, *next;
	int r = 0;

	for (c = e->calls; c; c = next) {
		next = c->next;
		r = e->signalling->reoffer(c->leg);
	}
	return r;
}

void call_end(struct call *c, int status, const char *cause)
{
	struct call **at;

	(void)cause;
	for (at = &c->e->calls; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	c->e->ended++;
	c->e->last_status = status;
	loop_timer_free(c->timer);
	loop_timer_free(c->sealer);
	free(c->sealed);
	free((void *)(uintptr_t)c->late.body.data);
	free(c);
}

static void add_listener(struct face_settings *f, enum transport t,
			 const char *host, unsigned port)
{
	struct listener *l = &f->listen[f->n_listen++];

	l->transport = t;
	addr_parse(host, &l->addr);
	l->addr.port = (uint16_t)port;
}

int mock_core_open(struct engine *e, unsigned port)
{
	int face, r;

	memset(e, 0, sizeof *e);
	for (face = INSIDE; face <= OUTSIDE; face++) {
		struct face_settings *f = &e->settings.face[face];

		add_listener(f, TRANSPORT_UDP, "127.0.0.1", port + face);
		add_listener(f, TRANSPORT_TCP, "127.0.0.1", port + face);
		add_listener(f, TRANSPORT_UDP, "::1", port + face);
		add_listener(f, TRANSPORT_TCP, "::1", port + face);
		f->proxy = "";
		e->target[face] = e->next_hop[face] = "";
	}
	e->bindings = -1;
	e->settings.registrations_max = 1000;
	e->settings.registrar = (struct registrar_settings){
		.domain = "a.example", .nonce_s = 300, .expires_min = 60,
		.expires_max = 3600,
		.hashes = DIGEST_BIT(DIGEST_MD5) | DIGEST_BIT(DIGEST_SHA_256),
	};
	e->settings.registrations_host_max = 1000;
	e->settings.subscriptions_max = 1000;
	e->settings.limits.message = 256 * 1024;
	r = guard_new(&clock_system, &e->guard);
	return r ? r : loop_new(&e->loop);
}

void mock_core_close(struct engine *e)
{
	while (e->calls)
		call_end(e->calls, 0, "closed");
	loop_timer_free(e->worder);
	policy_free(e->policy);
	conf_free(e->conf);
	guard_free(e->guard);
	loop_free(e->loop);
}

void mock_core_hangup(struct engine *e, int status, const char *cause)
{
	struct call *c, *next;

	for (c = e->calls; c; c = next) {
		next = c->next;
		e->signalling->hangup(c->leg, status, cause);
	}
}
