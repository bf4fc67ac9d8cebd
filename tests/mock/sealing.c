/* sealing.c - the part of the mock core that "seals" and opens: what is bound
 * to a body is written before it, and must be there. */
#include "tests/mock/call.h"

#include "daemon/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void call_way(const struct call *c, struct body_way *out)
{
	*out = (struct body_way){
		.id = c->id, .whole = c->e->whole, .hide = call_hides(c),
		.outward = c->from == INSIDE, .target = c->route.target,
		.local_id = "sip:us@inside.example",
		.remote_id = "sip:them@b.example",
	};
}

const char *call_connected(const struct call *c)
{
	(void)c;
	return NULL; /* the one that was called */
}

bool call_changes(const struct call *c)
{
	(void)c;
	return false;
}

enum hide call_hides(const struct call *c)
{
	return (enum hide)c->e->hide;
}

bool engine_legacy(const struct engine *e)
{
	(void)e;
	return true;
}

bool engine_hides(const struct engine *e)
{
	return e->hide;
}

bool call_seal_again(struct call *c)
{
	return c->e->learned ? c->e->learned-- : c->e->forgot ?
	       c->e->forgot-- : false;
}

int call_late(struct call *c, struct refusal *no)
{
	*no = (struct refusal){ .status = 488, .phrase = "Not Late" };
	return c->e->no_late ? E_POLICY : 0;
}

/* "Sealed" here: the bound headers stand before SDP. */
bool call_opens(const struct call *c)
{
	return c->e->bodies;
}

enum words call_words(const struct call *c)
{
	return c->e->bodies ? WORDS_SEALED : WORDS_CLEAR;
}

/* Words have their own headers between those and themselves. */
static char *seal_text(const char *frag, const struct body *b)
{
	const char *fields = b->fields ? b->fields : "";
	char *text = malloc(strlen(frag) + strlen(fields) + b->len + 5);

	sprintf(text, "%s\r\n%s%s%.*s", frag, fields, *fields ? "\r\n" : "",
		(int)b->len, (const char *)b->data);
	return text;
}

static const struct refusal away = { .status = 503, .phrase =
				     "Service Unavailable" };

static struct call_sealed_body sealed_text(const char *text, bool whole)
{
	return (struct call_sealed_body){
		.whole = whole, .type = "multipart/signed;boundary=b",
		.disposition = "",
		.transfer = "binary", .data = (const uint8_t *)text,
		.len = strlen(text),
	};
}

static void on_sealed(void *user)
{
	struct call *c = user;
	char *text = c->sealed;
	struct call_sealed_body out = sealed_text(text, c->e->whole);

	c->sealed = NULL;
	if (c->e->no_seal) {
		c->seal_fn(c->seal_user, &away, NULL);
		free(text);
		return;
	}
	c->e->seals++;
	c->seal_fn(c->seal_user, NULL, &out);
	free(text);
}

void call_seal(struct call *c, const char *frag, const struct body *body,
	       seal_fn fn, void *user)
{
	c->sealed = seal_text(frag, body);
	c->seal_fn = fn;
	c->seal_user = user;
	if (!c->e->seal_ms)
		on_sealed(c);
	else if (c->sealer ||
		 !loop_timer_new(c->e->loop, on_sealed, c, &c->sealer))
		loop_timer_set(c->sealer, c->e->seal_ms);
}

/* Words: what stands before the empty line in what is left. */
static void give(const struct call_given *g, size_t n, filter_fn fn,
		 void *user)
{
	struct body out = { .type = "application/sdp", .data = g->body + n,
			    .len = g->len - n };
	const char *end = g->words ? strstr((const char *)out.data, "\r\n\r\n")
				   : NULL;
	char *fields = NULL;

	if (end) {
		fields = strndup((const char *)out.data,
				 (size_t)(end + 2 - (const char *)out.data));
		out.fields = fields;
		out.len -= strlen(fields) + 2;
		out.data += strlen(fields) + 2;
	}
	fn(user, NULL, &out);
	free(fields);
}

static bool has_line(const char *head, const char *name, const char *line)
{
	const char *own = strstr(line, name);
	char *text = own ? strndup(own, strcspn(own, "\r")) : NULL;
	bool has = text && strstr(head, text);

	free(text);
	return has;
}

/* A whole message: of this one, if three lines are the same. */
static void open_whole(const struct call_given *g, const struct refusal *no,
		       filter_fn fn, void *user)
{
	const char *text = (const char *)g->body;
	const char *end = g->len ? strstr(text, "\r\n\r\n") : NULL;
	struct body out = { .type = "application/sdp", .fields =
			    g->words ? "Content-Type: text/plain\r\n" : NULL };
	char *head = end ? strndup(text, (size_t)(end + 2 - text)) : NULL;

	out.head = head;
	if (head && has_line(g->frag, "Call-ID:", head) &&
	    has_line(g->frag, "CSeq:", head) &&
	    has_line(g->frag, "Date:", head)) {
		out.data = (const uint8_t *)end + 4;
		out.len = g->len - strlen(head) - 2;
		fn(user, NULL, &out);
	} else {
		fn(user, no, NULL);
	}
	free(head);
}

static void open_text(struct engine *e, const struct call_given *g, bool whole,
		      filter_fn fn, void *user)
{
	const struct refusal no = { .status = 488, .warn_code = 399,
				    .phrase = "Not Acceptable Here",
				    .warn = "not of this message" };
	static const char certs[] = "good certificates \1\2";
	const struct body ours = {
		.type = "", .fields = "Content-Type: application/pkcs7-mime;"
				      "smime-type=certs-only\r\n",
		.data = (const uint8_t *)certs, .len = sizeof certs - 1,
	};
	const struct refusal locked = { .status = 493, .warn_code = 399,
					.phrase = "Undecipherable",
					.warn = "not for us",
					.attached = &ours };
	const struct refusal unsigned_one = { .status = 403, .phrase =
					      "Forbidden" };
	size_t n = strlen(g->frag);

	e->opens++;
	if (g->len >= 6 && !memcmp(g->body, "locked", 6))
		fn(user, &locked, NULL);
	else if (g->bare && !g->len)
		fn(user, &unsigned_one, NULL);
	else if (whole)
		open_whole(g, &no, fn, user);
	else if (g->len < n + 2 || memcmp(g->body, g->frag, n) ||
	    !strstr(g->fields, "Content-Type: multipart/signed"))
		fn(user, &no, NULL);
	else
		give(g, n + 2, fn, user);
}

void call_open(struct call *c, const struct call_given *g, filter_fn fn,
	       void *user)
{
	open_text(c->e, g, c->e->whole, fn, user);
}

/* Outside a call: one at a time, if it takes a while. */
static void on_words(void *user)
{
	struct engine *e = user;
	char *text = e->words;
	struct call_sealed_body out;

	if (!text)
		return; /* forgotten */
	out = sealed_text(text, e->words_whole);
	out.brief = e->brief;
	e->words = NULL;
	if (e->no_seal) {
		e->words_fn(e->words_user, &away, NULL);
		free(text);
		return;
	}
	e->seals++;
	e->words_fn(e->words_user, NULL, &out);
	free(text);
}

void engine_words_seal(struct engine *e, const struct body_way *w, bool full,
		       const char *frag, const struct body *words, seal_fn fn,
		       void *user)
{
	e->words_whole = w->whole;
	e->brief = e->known && !full;
	e->words = seal_text(frag, words);
	e->words_fn = fn;
	e->words_user = user;
	if (!e->seal_ms)
		on_words(e);
	else if (e->worder ||
		 !loop_timer_new(e->loop, on_words, e, &e->worder))
		loop_timer_set(e->worder, e->seal_ms);
}

void engine_words_open(struct engine *e, const struct body_way *w,
		       const struct call_given *g, filter_fn fn, void *user)
{
	open_text(e, g, w->whole, fn, user);
}

void engine_reveal(struct engine *e, const struct call_given *g, filter_fn fn,
		   void *user)
{
	if (!e->seal_ms)
		open_text(e, g, true, fn, user);
	/* else who waits is left there */
}

int engine_probe_way(struct engine *e, const struct call_start *s,
		     struct body_way *out)
{
	if (!e->probes || strstr(s->caller, "stranger"))
		return E_NOTFOUND;
	*out = (struct body_way){ .id = 1, .probe = true };
	return 0;
}

/* It is believed if it says so. */
static bool is_learned(struct engine *e, const struct call_given *g)
{
	bool fine = strstr(g->fields, "certs-only") &&
		    !strncmp((const char *)g->body, "good", 4);

	e->learned += fine;
	return fine;
}

void call_learn(struct call *c, const struct call_given *g, learn_fn fn,
		void *user)
{
	fn(user, is_learned(c->e, g));
}

void engine_words_learn(struct engine *e, const struct body_way *w,
			const struct call_given *g, learn_fn fn, void *user)
{
	(void)w;
	fn(user, is_learned(e, g));
}

void engine_words_forget(struct engine *e, const void *user)
{
	if (e->words && e->words_user == user) {
		free(e->words);
		e->words = NULL;
	}
}
