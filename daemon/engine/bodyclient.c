/* bodyclient.c - bodies that go from edge to edge sealed (S/MIME): the engine
 * asks the keeper to seal and to open, and sees what is within only: SDP in
 * calls, the words of a MESSAGE in one or outside of any. What is wrong with a
 * body that came is the keeper's to say; its status is passed on, and the far
 * end gets a Warning that helps no guesser. */
#include "daemon/base/err.h"
#include "daemon/engine/fetcher.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

/* A question on its way. */
struct bodying {
	struct bodying *next;
	struct engine *engine;
	struct call *call; /* NULL: none, or it ended */
	bool gone;         /* nobody is told */
	bool words;        /* of a MESSAGE; else SDP */
	bool whole;        /* it is a whole message */
	unsigned branch;   /* where it came from */
	char what[24];     /* for the log */
	char peer[NAME_TEXT];
	uint64_t of;       /* the call's or the way's id, for the log */
	uint64_t id;
	uint64_t until_us; /* monotonic */
	enum message type; /* which one answers it */
	seal_fn sealed;    /* of these three ... */
	filter_fn opened;
	learn_fn learned;  /* ... one is there */
	/* Until it is sealed: the question, for once more. */
	struct body_way way;
	struct msg_body_seal seal;
	struct buf tail;   /* owned, wiped */
	bool fetched;      /* the far end's certificate was asked for, ... */
	bool fetching;     /* ... and is not there yet */
	void *user;
};

static const struct {
	unsigned status;
	const char *phrase, *warn;
} refusals[] = {
	{ 400, "Bad Request", "malformed S/MIME body" },
	{ 403, "Forbidden", "S/MIME: not signed by the far end for this "
			    "message" },
	{ 415, "Unsupported Media Type", "S/MIME: a form or part that is not "
					 "understood here" },
	{ 480, "Temporarily Unavailable", "S/MIME: the far end shows no "
					  "certificate" },
	{ 488, "Not Acceptable Here", "S/MIME required here: a body sealed as "
				      "the profile wants, for this message" },
	{ 493, "Undecipherable", "S/MIME: the body is not for us, or does not "
				 "open" },
	{ 503, "Service Unavailable", "the gateway's key keeper does not "
				      "answer" },
	{ 500, "Server Internal Error", "a fault of the gateway" },
};

static struct refusal refusal_of(unsigned status)
{
	struct refusal no = { .warn_code = 399 };
	size_t i = 0;

	while (refusals[i].status != status && refusals[i].status != 500)
		i++;
	no.status = (int)refusals[i].status;
	no.phrase = refusals[i].phrase;
	no.retry_after_s = status == 503 ? 5 : 0;
	snprintf(no.warn, sizeof no.warn, "%s", refusals[i].warn);
	return no;
}

bool call_opens(const struct call *c)
{
	return c->body != BODY_MODE_NONE;
}

bool call_signs(const struct call *c)
{
	return c->body == BODY_MODE_SIGN ||
	       c->body == BODY_MODE_SIGN_ENCRYPT || call_whole(c);
}

bool call_whole(const struct call *c)
{
	return c->body == BODY_MODE_TUNNEL;
}

enum hide call_hides(const struct call *c)
{
	return c->hide;
}

static void refuse_with(struct bodying *b, unsigned status, const char *reason,
			const struct body *attached)
{
	struct refusal no = refusal_of(status);
	struct call *c = b->call;

	if (b->learned) {
		log_line(LOG_CLASS_REMOTE, "engine", b->of, "peer %s says 493: "
			 "%s", b->peer, reason);
		b->learned(b->user, false);
		return;
	}
	no.attached = attached;
	if (c)
		snprintf(c->reason, sizeof c->reason, "%s", reason);
	log_line(LOG_CLASS_REFUSED, "engine", b->of, "peer %s: %s %s refused "
		 "with %d: %s", b->peer, b->what,
		 b->opened ? "from outside" : "to be sealed", no.status,
		 reason);
	if (b->opened)
		b->opened(b->user, &no, NULL);
	else
		b->sealed(b->user, &no, NULL);
}

static void bodying_free(struct bodying *b)
{
	buf_free(&b->tail);
	free(b);
}

static void refuse(struct bodying *b, unsigned status, const char *reason)
{
	refuse_with(b, status, reason, NULL);
}

bool bodyclient_retry(struct call *c, int status)
{
	if (status != 493 || c->body_full ||
	    !(c->body_brief || c->body_learned))
		return false;
	c->body_full = true;
	LOG_CALL(c, LOG_CLASS_REMOTE, "peer %s %s: sealed again", c->peer,
		 c->body_learned ? "has another certificate than was known"
				 : "does not know our certificate");
	return true;
}

bool call_seal_again(struct call *c)
{
	return bodyclient_retry(c, 493);
}

/* -- asking --------------------------------------------------------------- */

static struct bodying *bodying_new(struct engine *e, uint64_t of,
				   const char *peer, void *user)
{
	struct bodying *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->engine = e;
	b->user = user;
	b->of = of;
	memcpy(b->peer, peer, sizeof b->peer);
	b->id = of << 32 | ++e->last_bodying;
	b->until_us = clock_mono_us(e->clock) + KEEPER_DEADLINE_MS * 1000ull;
	return b;
}

void call_way(const struct call *c, struct body_way *w)
{
	bool out = c->from == INSIDE;

	*w = (struct body_way){ .id = c->id, .outward = out,
				.whole = call_whole(c), .hide = c->hide };
	if (out) {
		w->target = c->route.target;
		w->next_hop = c->route.next_hop;
		w->routes = c->route.routes;
	}
	memcpy(w->peer, c->peer, sizeof w->peer);
	route_identity(out ? c->caller : c->callee, w->local_id);
	route_identity(out ? c->callee : c->caller, w->remote_id);
	if (c->connected)
		snprintf(w->connected, sizeof w->connected, "%s",
			 c->connected);
}

int engine_probe_way(struct engine *e, const struct call_start *s,
		     struct body_way *out)
{
	const struct peer *p = policy_match(child_policy(e->child), s->caller);
	struct call *c;

	if (!p || !p->profile->body || !p->profile->fetch)
		return E_NOTFOUND;
	if (call_new(e, s, NULL, &c))
		return E_NOMEM;
	snprintf(c->peer, sizeof c->peer, "%s", p->name);
	bodyclient_way(c, out);
	out->probe = true;
	call_free(c);
	return 0;
}

void bodyclient_way(struct call *c, struct body_way *w)
{
	call_way(c, w);
	w->whole = false; /* only messages of calls are */
	w->id = (uint64_t)child_epoch(c->engine->child) << 32 |
		++c->engine->last_call;
}

static void name(struct bodying *b, const char *what)
{
	snprintf(b->what, sizeof b->what, "%s", what);
}

static void fill_party(const struct body_way *w, struct msg_key_party *p)
{
	p->call = w->id;
	p->outward = w->outward;
	memcpy(p->peer, w->peer, sizeof p->peer);
	memcpy(p->local_id, w->local_id, sizeof p->local_id);
	memcpy(p->remote_id, w->remote_id, sizeof p->remote_id);
}

/* Session keys end with the call. */
static uint8_t whole_of(struct bodying *b, const struct body_way *w)
{
	b->whole = w->whole;
	if (!w->whole)
		return WHOLE_NOT;
	if (w->reveal)
		return WHOLE_REVEAL;
	if (b->call)
		b->call->keyed = true; /* the keeper is told of the end */
	return b->call ? WHOLE_CALL : WHOLE_LAST;
}

/* Waits for the answer, or refuses now. */
static void ask(struct engine *e, struct bodying *b, enum message type,
		const void *m, size_t len, const struct buf *tail)
{
	int r = tail->err ? tail->err :
		child_send(e->child, PROC_KEEPER, type, b->id, m, len,
			   tail->data, tail->len);

	if (!r) {
		b->next = e->bodyings;
		e->bodyings = b;
		engine_glance_soon(e);
		return;
	}
	refuse(b, r == E_CLOSED || r == E_FULL ? 503 :
	       r == E_SPACE && b->opened ? 400 : 500,
	       r == E_CLOSED ? "the keeper is not there" :
	       r == E_SPACE ? "it is too large for the keeper" : err_text(r));
	bodying_free(b);
}

static void ask_seal(struct engine *e, struct bodying *b,
		     const struct body_way *w, bool full, const char *frag,
		     const struct body *body)
{
	struct msg_body_seal *m = &b->seal;

	b->way = *w;
	b->words = body->fields;
	name(b, b->words ? "words" : body->len ? "SDP" : "a bare message");
	b->tail = buf_of(BODY_TAIL_MAX);
	*m = (struct msg_body_seal){ .frag_len = (uint32_t)strlen(frag),
				     .full = full, .words = b->words,
				     .probe = w->probe,
				     .whole = whole_of(b, w) };
	fill_party(w, &m->party);
	memcpy(m->connected, w->connected, sizeof m->connected);
	buf_put(&b->tail, frag, m->frag_len);
	if (body->fields) {
		m->fields_len = (uint32_t)strlen(body->fields);
		buf_put(&b->tail, body->fields, m->fields_len);
	}
	buf_put(&b->tail, body->data, body->len);
	m->len = (uint32_t)b->tail.len;
	ask(e, b, MSG_BODY_SEAL, m, sizeof *m, &b->tail);
}

static void ask_open(struct engine *e, struct bodying *b,
		     const struct body_way *w, const struct call_given *g)
{
	struct buf tail = buf_of(BODY_TAIL_MAX);
	struct msg_body_open m = { .origin = g->origin,
				   .response = g->response, .words = g->words,
				   .bare = g->bare,
				   .frag_len = (uint32_t)strlen(g->frag),
				   .fields_len = (uint32_t)strlen(g->fields) };

	b->words = g->words;
	b->branch = g->branch;
	name(b, g->what ? g->what : g->words ? "words" : "SDP");
	m.probe = w->probe;
	m.whole = whole_of(b, w);
	fill_party(w, &m.party);
	buf_put(&tail, g->frag, m.frag_len);
	buf_put(&tail, g->fields, m.fields_len);
	buf_put(&tail, g->body, g->len);
	m.len = (uint32_t)tail.len;
	ask(e, b, MSG_BODY_OPEN, &m, sizeof m, &tail);
	buf_free(&tail);
}

static void ask_learn(struct engine *e, struct bodying *b,
		      const struct body_way *w, const struct call_given *g)
{
	struct buf tail = buf_of(BODY_TAIL_MAX);
	struct msg_body_learn m = { .fields_len =
				    (uint32_t)strlen(g->fields) };

	fill_party(w, &m.party);
	buf_put(&tail, g->fields, m.fields_len);
	buf_put(&tail, g->body, g->len);
	m.len = (uint32_t)tail.len;
	ask(e, b, MSG_BODY_LEARN, &m, sizeof m, &tail);
	buf_free(&tail);
}

static const struct refusal no_memory = { .status = 500, .phrase =
					  "Server Internal Error" };

void call_seal(struct call *c, const char *frag, const struct body *body,
	       seal_fn fn, void *user)
{
	struct bodying *b = bodying_new(c->engine, c->id, c->peer, user);
	struct body_way w;

	if (!b) {
		fn(user, &no_memory, NULL);
		return;
	}
	b->call = c;
	b->type = MSG_BODY_SEALED;
	b->sealed = fn;
	call_way(c, &w);
	ask_seal(c->engine, b, &w, c->body_full, frag, body);
}

void call_open(struct call *c, const struct call_given *g, filter_fn fn,
	       void *user)
{
	struct bodying *b = bodying_new(c->engine, c->id, c->peer, user);
	struct body_way w;

	if (!b) {
		fn(user, &no_memory, NULL);
		return;
	}
	b->call = c;
	c->keyed = true; /* the keeper knows the call by it */
	b->type = MSG_BODY_OPENED;
	b->opened = fn;
	call_way(c, &w);
	ask_open(c->engine, b, &w, g);
}

void engine_words_seal(struct engine *e, const struct body_way *w, bool full,
		       const char *frag, const struct body *words, seal_fn fn,
		       void *user)
{
	struct bodying *b = bodying_new(e, w->id, w->peer, user);

	if (!b) {
		fn(user, &no_memory, NULL);
		return;
	}
	b->type = MSG_BODY_SEALED;
	b->sealed = fn;
	ask_seal(e, b, w, full, frag, words);
}

void engine_words_open(struct engine *e, const struct body_way *w,
		       const struct call_given *g, filter_fn fn, void *user)
{
	struct bodying *b = bodying_new(e, w->id, w->peer, user);

	if (!b) {
		fn(user, &no_memory, NULL);
		return;
	}
	b->type = MSG_BODY_OPENED;
	b->opened = fn;
	ask_open(e, b, w, g);
}

bool engine_hides(const struct engine *e)
{
	return policy_hides(child_policy(e->child));
}

void engine_reveal(struct engine *e, const struct call_given *g, filter_fn fn,
		   void *user)
{
	static const struct body_way nobody = {
		.whole = true, .reveal = true, .peer = "(hidden)",
		.local_id = "sip:anonymous@anonymous.invalid",
		.remote_id = "sip:anonymous@anonymous.invalid",
	};
	struct body_way w = nobody;

	w.id = (uint64_t)child_epoch(e->child) << 32 | ++e->last_call;
	engine_words_open(e, &w, g, fn, user);
}

void call_learn(struct call *c, const struct call_given *g, learn_fn fn,
		void *user)
{
	struct bodying *b = bodying_new(c->engine, c->id, c->peer, user);
	struct body_way w;

	if (!b) {
		fn(user, false);
		return;
	}
	b->call = c;
	b->type = MSG_BODY_LEARNED;
	b->learned = fn;
	call_way(c, &w);
	ask_learn(c->engine, b, &w, g);
}

void engine_words_learn(struct engine *e, const struct body_way *w,
			const struct call_given *g, learn_fn fn, void *user)
{
	struct bodying *b = bodying_new(e, w->id, w->peer, user);

	if (!b) {
		fn(user, false);
		return;
	}
	b->type = MSG_BODY_LEARNED;
	b->learned = fn;
	ask_learn(e, b, w, g);
}

void engine_words_forget(struct engine *e, const void *user)
{
	for (struct bodying *b = e->bodyings; b; b = b->next)
		if (!b->call && b->user == user)
			b->gone = true;
}

/* -- what comes back ------------------------------------------------------ */

static struct bodying *take(struct engine *e, struct bodying **at)
{
	struct bodying *b = *at;

	*at = b->next;
	if (b->gone)
		e->count.late++;
	return b;
}

/* -- a certificate is asked for first ------------------------------------- */

static void leave(struct bodying *b)
{
	struct bodying **at = &b->engine->bodyings;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
}

static void on_fetched(void *asker, bool shown)
{
	struct bodying *b = asker;
	struct engine *e = b->engine;

	leave(b);
	b->fetching = false;
	if (b->gone) {
		bodying_free(b);
		return;
	}
	if (!shown) {
		refuse(b, 480, "no certificate of the far end is known, and it "
		       "showed none: set its peer's cert");
		bodying_free(b);
		return;
	}
	b->id = b->of << 32 | ++e->last_bodying;
	b->until_us = clock_mono_us(e->clock) + KEEPER_DEADLINE_MS * 1000ull;
	ask(e, b, MSG_BODY_SEAL, &b->seal, sizeof b->seal, &b->tail);
}

/* The question waits until the fetcher is done, however that ends. */
static bool fetch(struct bodying *b)
{
	struct engine *e = b->engine;
	const struct fetcher *f = core_find(e->core, "fetcher", NULL);

	if (!f || b->fetched || !b->way.target)
		return false;
	if (b->call)
		call_way(b->call, &b->way); /* its next hop may be another */
	b->fetched = b->fetching = true;
	b->next = e->bodyings;
	e->bodyings = b;
	log_line(LOG_CLASS_INFO, "engine", b->of, "peer %s: no certificate of "
		 "%s is known: it is asked for", b->peer, b->way.remote_id);
	f->ask(f->user, &b->way, on_fetched, b);
	return true;
}

static void sealed(struct bodying *b, const struct ipc_msg *msg)
{
	const struct msg_body_sealed *m = msg->body;
	const struct call_sealed_body out = {
		.brief = m->brief, .whole = b->whole, .type = m->type,
		.disposition = m->disposition, .transfer = m->transfer,
		.data = msg->tail, .len = msg->tail_len
	};

	if (b->call)
		b->call->body_brief = !m->err && m->brief;
	if (m->err)
		refuse(b, m->status, m->reason);
	else
		b->sealed(b->user, NULL, &out);
}

/* What came: SDP, or words, or what goes with a refusal, which have headers of
 * their own; and all around it, of a whole message. */
static void give(struct bodying *b, const struct ipc_msg *msg, struct buf *head,
		 struct buf *fields)
{
	const struct msg_body_opened *m = msg->body;
	size_t at = (size_t)m->head_len + m->fields_len;
	struct body out = { .type = "", .data = msg->tail + at,
			    .len = msg->tail_len - at };

	buf_put(head, msg->tail, m->head_len);
	buf_put(fields, msg->tail + m->head_len, m->fields_len);
	if (m->err || b->words)
		out.fields = buf_string(fields);
	else
		out.type = "application/sdp";
	if (m->head_len)
		out.head = buf_string(head);
	if (m->err)
		refuse_with(b, m->status, m->reason,
			    out.len && !fields->err ? &out : NULL);
	else if (head->err || fields->err)
		refuse(b, 500, err_text(E_NOMEM));
	else
		b->opened(b->user, NULL, &out);
}

/* Nobody gets into a call who may not make it. */
static void refuse_connected(struct bodying *b, int r)
{
	static const char why[] = "the caller is another by now, and on a list "
				  "of screening";
	struct engine *e = b->engine;
	uint64_t id = b->call->id;
	struct call *c;

	if (r != E_POLICY) {
		refuse(b, 500, err_text(r));
		return;
	}
	refuse(b, 403, why);
	c = call_find(e, id);
	if (c)
		call_hang_up(c, 403, why);
}

static void opened(struct bodying *b, const struct ipc_msg *msg)
{
	const struct msg_body_opened *m = msg->body;
	struct buf head = buf_of(BODY_TAIL_MAX), fields = buf_of(BODY_TAIL_MAX);

	int r = m->err || !b->call ? 0 :
		connected_note(b->call, b->branch, m->connected);

	if (r) {
		refuse_connected(b, r);
		return;
	}
	/* policy may be another by now */
	if (!m->err && !b->words && b->call && (!m->is_signed || m->pinned))
		b->call->sdp_vouched = false;
	give(b, msg, &head, &fields);
	buf_free(&head);
	buf_free(&fields);
}

static void learned(struct bodying *b, const struct ipc_msg *msg)
{
	const struct msg_body_learned *m = msg->body;

	if (m->err) {
		refuse(b, 493, m->reason);
		return;
	}
	if (b->call)
		b->call->body_learned = true;
	b->learned(b->user, true);
}

/* What the keeper may not say. */
static bool is_broken(const struct bodying *b, const struct ipc_msg *msg)
{
	const struct msg_body_opened *m = msg->body;

	if (msg->type != b->type || !b->opened)
		return msg->type != b->type;
	return m->head_len > (b->whole && !m->err ? msg->tail_len : 0) ||
	       (!m->err && b->whole && !m->head_len) ||
	       m->fields_len > (b->words || m->err ?
				msg->tail_len - m->head_len : 0);
}

static void answered(struct bodying *b, const struct ipc_msg *msg)
{
	const struct msg_body_sealed *m = msg->body;

	if (b->sealed && m->err && m->fetch && fetch(b))
		return;
	if (b->sealed)
		sealed(b, msg);
	else if (b->opened)
		opened(b, msg);
	else
		learned(b, msg);
	bodying_free(b);
}

int bodyclient_handle(struct engine *e, const struct ipc_msg *msg)
{
	struct bodying **at = &e->bodyings, *b;

	while (*at && ((*at)->id != msg->id || (*at)->fetching))
		at = &(*at)->next;
	if (!*at) {
		e->count.late++;
		return 0;
	}
	if (is_broken(*at, msg))
		return E_STATE;
	b = take(e, at);
	if (b->gone)
		bodying_free(b);
	else
		answered(b, msg);
	return 0;
}

void bodyclient_end(struct call *c)
{
	for (struct bodying *b = c->engine->bodyings; b; b = b->next)
		if (b->call == c) {
			b->call = NULL;
			b->gone = true;
		}
}

void bodyclient_free(struct engine *e)
{
	struct bodying *b;

	while ((b = e->bodyings)) {
		e->bodyings = b->next;
		bodying_free(b);
	}
}

static struct bodying *due(struct engine *e, bool lost)
{
	uint64_t now = clock_mono_us(e->clock);
	struct bodying **at = &e->bodyings;

	while (*at && ((*at)->fetching ||
		       (!lost && now < (*at)->until_us)))
		at = &(*at)->next;
	return *at ? take(e, at) : NULL;
}

/* A refusal may end calls and ask anew: the list is looked through again. */
bool bodyclient_tick(struct engine *e, bool lost)
{
	struct bodying *b;

	while ((b = due(e, lost))) {
		if (!b->gone)
			refuse(b, 503, lost ? "the keeper is gone" : "the "
			       "keeper did not answer in time");
		bodying_free(b);
	}
	return e->bodyings;
}
