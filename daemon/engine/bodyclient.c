/* bodyclient.c - descriptions that go from edge to edge sealed (S/MIME): the
 * engine asks the keeper to seal and to open, and sees SDP only. What is wrong
 * with a body that came is the keeper's to say; its status is passed on, and
 * the far end gets a Warning that helps no guesser. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

/* A question on its way. */
struct bodying {
	struct bodying *next;
	struct call *call; /* NULL: it ended, and nobody is told */
	uint64_t id;
	uint64_t until_us; /* monotonic */
	seal_fn sealed;    /* of these two ... */
	filter_fn opened;  /* ... one is there */
	void *user;
};

static const struct {
	unsigned status;
	const char *phrase, *warn;
} words[] = {
	{ 400, "Bad Request", "malformed S/MIME body" },
	{ 403, "Forbidden", "S/MIME: not signed by the far end for this "
			    "message" },
	{ 415, "Unsupported Media Type", "S/MIME: a form or part that is not "
					 "understood here" },
	{ 488, "Not Acceptable Here", "S/MIME required here: SDP sealed as the "
				      "profile wants, for this message" },
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

	while (words[i].status != status && words[i].status != 500)
		i++;
	no.status = (int)words[i].status;
	no.phrase = words[i].phrase;
	no.retry_after_s = status == 503 ? 5 : 0;
	snprintf(no.warn, sizeof no.warn, "%s", words[i].warn);
	return no;
}

bool call_opens(const struct call *c)
{
	return c->body != BODY_MODE_NONE;
}

static void refuse(struct bodying *b, unsigned status, const char *reason)
{
	const struct refusal no = refusal_of(status);
	struct call *c = b->call;

	snprintf(c->reason, sizeof c->reason, "%s", reason);
	LOG_CALL(c, LOG_CLASS_REFUSED, "peer %s: SDP that is %s refused with "
		 "%d: %s", c->peer, b->opened ? "from outside" :
		 "to be sealed", no.status, reason);
	if (b->opened)
		b->opened(b->user, &no, NULL);
	else
		b->sealed(b->user, &no, NULL);
}

bool bodyclient_retry(struct call *c, int status)
{
	if (status != 493 || !c->body_brief || c->body_full)
		return false;
	c->body_full = true;
	LOG_CALL(c, LOG_CLASS_REMOTE, "peer %s does not know our certificate: "
		 "offered again with it", c->peer);
	return true;
}

/* -- asking --------------------------------------------------------------- */

static struct bodying *bodying_new(struct call *c, void *user)
{
	struct bodying *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->call = c;
	b->user = user;
	b->id = call_request(c);
	b->until_us = clock_mono_us(c->engine->clock) +
		      KEEPER_DEADLINE_MS * 1000ull;
	return b;
}

static void fill_party(const struct call *c, struct msg_key_party *p)
{
	bool out = c->from == INSIDE;

	p->call = c->id;
	p->outward = out;
	memcpy(p->peer, c->peer, sizeof p->peer);
	route_identity(out ? c->caller : c->callee, p->local_id);
	route_identity(out ? c->callee : c->caller, p->remote_id);
}

/* Waits for the answer, or refuses now. */
static void ask(struct bodying *b, enum message type, const void *m,
		size_t len, const struct buf *tail)
{
	struct engine *e = b->call->engine;
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
	       r == E_CLOSED ? "the keeper is not there" : err_text(r));
	free(b);
}

void call_seal(struct call *c, const char *frag, const struct body *sdp,
	       seal_fn fn, void *user)
{
	struct bodying *b = bodying_new(c, user);
	const struct refusal no = refusal_of(500);
	struct buf tail = buf_of(BODY_TAIL_MAX);
	struct msg_body_seal m = { .frag_len = (uint32_t)strlen(frag),
				   .full = c->body_full };

	if (!b) {
		fn(user, &no, NULL);
		return;
	}
	b->sealed = fn;
	fill_party(c, &m.party);
	buf_put(&tail, frag, m.frag_len);
	buf_put(&tail, sdp->data, sdp->len);
	m.len = (uint32_t)tail.len;
	ask(b, MSG_BODY_SEAL, &m, sizeof m, &tail);
	buf_free(&tail);
}

void call_open(struct call *c, const struct call_given *g, filter_fn fn,
	       void *user)
{
	struct bodying *b = bodying_new(c, user);
	const struct refusal no = refusal_of(500);
	struct buf tail = buf_of(BODY_TAIL_MAX);
	struct msg_body_open m = { .origin = g->origin,
				   .response = g->response,
				   .frag_len = (uint32_t)strlen(g->frag),
				   .fields_len = (uint32_t)strlen(g->fields) };

	if (!b) {
		fn(user, &no, NULL);
		return;
	}
	b->opened = fn;
	fill_party(c, &m.party);
	buf_put(&tail, g->frag, m.frag_len);
	buf_put(&tail, g->fields, m.fields_len);
	buf_put(&tail, g->body, g->len);
	m.len = (uint32_t)tail.len;
	ask(b, MSG_BODY_OPEN, &m, sizeof m, &tail);
	buf_free(&tail);
}

/* -- what comes back ------------------------------------------------------ */

static struct bodying *take(struct engine *e, struct bodying **at)
{
	struct bodying *b = *at;

	*at = b->next;
	if (!b->call)
		e->count.late++;
	return b;
}

static void sealed(struct bodying *b, const struct ipc_msg *msg)
{
	const struct msg_body_sealed *m = msg->body;
	const struct call_sealed_body out = {
		m->type, m->disposition, m->transfer, msg->tail, msg->tail_len
	};

	b->call->body_brief = !m->err && m->brief;
	if (m->err)
		refuse(b, m->status, m->reason);
	else
		b->sealed(b->user, NULL, &out);
}

static void opened(struct bodying *b, const struct ipc_msg *msg)
{
	const struct msg_body_opened *m = msg->body;
	const struct body out = { .type = "application/sdp",
				  .data = msg->tail, .len = msg->tail_len };

	if (m->err) {
		refuse(b, m->status, m->reason);
		return;
	}
	if (!m->is_signed || m->pinned) /* policy may be another by now */
		b->call->sdp_vouched = false;
	b->opened(b->user, NULL, &out);
}

int bodyclient_handle(struct engine *e, const struct ipc_msg *msg)
{
	bool seals = msg->type == MSG_BODY_SEALED;
	struct bodying **at = &e->bodyings, *b;

	while (*at && (*at)->id != msg->id)
		at = &(*at)->next;
	if (!*at) {
		e->count.late++;
		return 0;
	}
	if (seals != ((*at)->sealed != NULL))
		return E_STATE;
	b = take(e, at);
	if (b->call && seals)
		sealed(b, msg);
	else if (b->call)
		opened(b, msg);
	free(b);
	return 0;
}

void bodyclient_end(struct call *c)
{
	for (struct bodying *b = c->engine->bodyings; b; b = b->next)
		if (b->call == c)
			b->call = NULL;
}

void bodyclient_free(struct engine *e)
{
	struct bodying *b;

	while ((b = e->bodyings)) {
		e->bodyings = b->next;
		free(b);
	}
}

static struct bodying *due(struct engine *e, bool lost)
{
	uint64_t now = clock_mono_us(e->clock);
	struct bodying **at = &e->bodyings;

	while (*at && !lost && now < (*at)->until_us)
		at = &(*at)->next;
	return *at ? take(e, at) : NULL;
}

/* A refusal may end calls and ask anew: the list is looked through again. */
bool bodyclient_tick(struct engine *e, bool lost)
{
	struct bodying *b;

	while ((b = due(e, lost))) {
		if (b->call)
			refuse(b, 503, lost ? "the keeper is gone" : "the "
			       "keeper did not answer in time");
		free(b);
	}
	return e->bodyings;
}
