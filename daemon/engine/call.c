/* call.c - the table of calls and the life of one: start, up, end.
 *
 * A call owns its streams (in the relay), its keying deals (in the keeper),
 * the bodies that wait to pass, and its texts; all of it dies in call_end().
 * Call ids are the engine's epoch and a counter, so that no id of an earlier
 * engine comes back. Bodies are filter.c's work. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static size_t bucket_of(uint64_t id)
{
	return id & (CALL_BUCKETS - 1);
}

struct call *call_find(const struct engine *e, uint64_t id)
{
	struct call *c = e->calls[bucket_of(id)];

	while (c && c->id != id)
		c = c->next;
	return c;
}

void call_name(struct call *c)
{
	struct engine *e = c->engine;

	c->id = (uint64_t)child_epoch(e->child) << 32 | ++e->last_call;
}

static void enter(struct engine *e, struct call *c)
{
	struct call **slot;

	call_name(c);
	slot = &e->calls[bucket_of(c->id)];
	c->next = *slot;
	*slot = c;
	e->n_calls++;
}

static void leave(struct call *c)
{
	struct call **slot = &c->engine->calls[bucket_of(c->id)];

	while (*slot != c)
		slot = &(*slot)->next;
	*slot = c->next;
	c->engine->n_calls--;
}

/* The next call of a bucket that this walk has not seen; fn may have ended
 * any call, so the walk begins anew each time. */
static struct call *unseen(struct call *c, uint32_t walk)
{
	while (c && c->walk == walk)
		c = c->next;
	return c;
}

void call_each(struct engine *e, void (*fn)(struct call *c, void *user),
	       void *user)
{
	uint32_t walk = ++e->walk;
	struct call *c;

	for (size_t i = 0; i < CALL_BUCKETS; i++)
		while ((c = unseen(e->calls[i], walk))) {
			c->walk = walk;
			fn(c, user);
		}
}

/* -- lines by stream ------------------------------------------------------ */

struct line *call_line_of(const struct engine *e, uint32_t stream)
{
	struct line *l = e->streams[bucket_of(stream)];

	while (l && l->stream != stream)
		l = l->next;
	return l;
}

void call_line_add(struct call *c, struct line *l)
{
	struct line **slot = &c->engine->streams[bucket_of(l->stream)];

	l->call = c;
	l->next = *slot;
	*slot = l;
}

void call_line_drop(struct call *c, struct line *l)
{
	struct line **slot = &c->engine->streams[bucket_of(l->stream)];

	if (!l->stream)
		return;
	while (*slot != l)
		slot = &(*slot)->next;
	*slot = l->next;
	free(l->stats);
	*l = (struct line){ 0 };
}

/* -- start ---------------------------------------------------------------- */

void call_free(struct call *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n_tried; i++)
		free(c->tried[i]);
	guard_leave(c->engine->guard, &c->ticket);
	deal_free(c->deal);
	deal_free(c->pending);
	dual_free(c->dual);
	standing_free(c->standing);
	free(c->caller);
	free(c->callee);
	free(c->connected);
	free(c->target);
	free(c->next_hop);
	hop_free(&c->hops);
	phone_free(&c->phones);
	free(c->routes);
	free(c->profile);
	free(c->head);
	free(c);
}

int call_new(struct engine *e, const struct call_start *s, void *leg,
	     struct call **out)
{
	struct call *c = calloc(1, sizeof *c);

	if (!c)
		return E_NOMEM;
	c->engine = e;
	c->leg = leg;
	c->from = s->from;
	c->secured = s->from == OUTSIDE && s->secured;
	c->source = s->source;
	c->rank = s->rank;
	c->transport = s->transport;
	c->head = s->head ? strdup(s->head) : NULL;
	c->emergency = guard_is_emergency(engine_settings(e), s->from,
					  s->callee);
	c->won = -1;
	c->started_us = clock_wall_us(e->clock);
	c->caller = strdup(s->caller);
	c->callee = strdup(s->callee);
	if (!c->caller || !c->callee) {
		call_free(c);
		return E_NOMEM;
	}
	*out = c;
	return 0;
}

static const struct refusal no_memory = { .status = 500,
					  .phrase = "Server Internal Error" };

/* An own SDP id for each leg: RFC 8866 5.2 suggests a timestamp. The two must
 * not be alike, or they would tie the legs together. */
static int name_descriptions(struct call *c)
{
	struct secret random;
	struct reader r;
	int err = secret_random(&random, 16);

	if (err)
		return err;
	r = reader_of(random.bytes, random.len);
	for (int f = INSIDE; f <= OUTSIDE; f++)
		c->own[f].id = reader_u64(&r) >> 2; /* some read it signed */
	return 0;
}

int call_start(struct engine *e, const struct call_start *s, void *leg,
	       struct call **out, struct refusal *no)
{
	struct call *c = NULL;
	int r = E_NOMEM;

	*no = no_memory;
	if ((r = call_new(e, s, leg, &c)) || (r = name_descriptions(c)))
		goto out;
	if ((r = admit_enter(c, s, no)) || (r = admit_room(e, s, no)))
		goto out;
	*no = no_memory;
	if ((r = route_call(c, s, no)) || (r = admit_ring(c, s, no)) ||
	    (r = setup_admit(c, s, no)))
		goto out;
	enter(e, c);
	e->count.started++;
	if (c->emergency)
		admit_emergency(c);
	LOG_CALL(c, LOG_CLASS_DEBUG, "%s -> %s, peer %s, profile %s",
		 c->caller, c->callee, c->peer, c->profile);
	*out = c;
out:
	if (r) {
		e->count.refused++;
		record_refused(e, s, no, c);
		if (c)
			admit_failed(c, no->status);
		call_free(c);
	}
	return r;
}

enum words call_words(const struct call *c)
{
	if (c->body)
		return WORDS_SEALED;
	return c->need == NEED_REQUIRE ? WORDS_NONE : WORDS_CLEAR;
}

/* Words do not go in clear where calls may not. */
static int check_content(const struct call *c, struct refusal *no)
{
	if (call_words(c) != WORDS_NONE)
		return 0;
	*no = (struct refusal){ .status = 403, .phrase = "Forbidden",
				.warn_code = 399 };
	snprintf(no->warn, sizeof no->warn, "the profile requires sealing, "
		 "and has no body = \"sign-encrypt\" for a MESSAGE");
	log_line(LOG_CLASS_REFUSED, "engine", 0, "%s -> %s, peer %s: MESSAGE "
		 "refused: its profile requires sealing; what seals messages "
		 "is body = \"sign-encrypt\"", c->caller, c->callee, c->peer);
	return E_POLICY;
}

int engine_route(struct engine *e, const struct call_start *s, bool content,
		 struct request_way *out, struct refusal *no)
{
	struct call *c = NULL;
	int r;

	*no = no_memory;
	if ((r = call_new(e, s, NULL, &c)))
		goto out;
	c->words = content;
	if ((r = admit_talk(c, s, no)) || (r = route_call(c, s, no)) ||
	    (content && (r = check_content(c, no)))) {
		admit_failed(c, no->status);
		goto out;
	}
	*no = no_memory;
	if (!c->routes && !(c->routes = strdup(""))) {
		r = E_NOMEM;
		goto out;
	}
	*out = (struct request_way){
		.target = c->target, .next_hop = c->next_hop,
		.routes = c->routes, .nat = c->route.nat, .ticket = c->ticket,
		.nowhere = c->route.nowhere, .trusted = call_trusts(c),
		.hops = c->hops,
	};
	memcpy(out->peer, c->peer, sizeof out->peer);
	if (content && call_words(c) == WORDS_SEALED) {
		out->words = WORDS_SEALED;
		bodyclient_way(c, &out->body);
	}
	c->target = c->next_hop = c->routes = NULL;
	c->hops = (struct hop_list){ NULL, 0, 0 };
	c->ticket = (struct guard_ticket){ 0 };
out:
	call_free(c);
	return r;
}

void request_way_free(struct engine *e, struct request_way *w)
{
	guard_leave(e->guard, &w->ticket);
	free(w->target);
	free(w->next_hop);
	free(w->routes);
	hop_free(&w->hops);
	*w = (struct request_way){ .target = NULL };
}

uint64_t call_id(const struct call *c)
{
	return c->id;
}

const char *call_peer(const struct call *c)
{
	return c->peer;
}

const struct call_route *call_route(const struct call *c)
{
	return &c->route;
}

const struct profile *call_profile(const struct call *c)
{
	const struct peer *p =
		policy_peer(child_policy(c->engine->child), c->peer);

	return p ? p->profile : NULL;
}

bool call_trusts(const struct call *c)
{
	const struct profile *p = call_profile(c);

	return c->emergency || (p && p->asserted);
}

bool call_names(const struct call *c)
{
	return c->need == NEED_REQUIRE || c->need == NEED_PREFER;
}

/* -- up ------------------------------------------------------------------- */

const struct msg_key_facts *call_facts(const struct call *c)
{
	const struct deal *d = c->deal;

	if (!d || !d->active)
		return NULL;
	return d->offerer == INSIDE ? &d->active->facts : &d->facts;
}

static void judge(struct call *c)
{
	const struct msg_key_facts *key = call_facts(c);
	struct verdict_facts f = { .sealed = c->sealing == SEALING_YES,
				   .forbidden = c->need == NEED_FORBID,
				   .emergency = c->emergency,
				   .carried = call_bare(c),
				   .by_ike = c->ike_call,
				   .sdp_signed = c->sdp_vouched,
				   .diverted = call_strayed(c) };

	if (key && verdict_suite(key)) {
		f.keyed = true;
		f.offerer = c->deal->offerer == INSIDE;
		f.key = *key;
		f.hop = c->deal->hop;
	}
	c->verdict = verdict_of(&f);
}

static bool any_key(const struct deal *d)
{
	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		if (d->key[i].send && d->offerer == INSIDE)
			return true;
	return false;
}

void call_won(struct call *c, unsigned branch)
{
	struct branch *b;

	c->won = (int)branch;
	keyclient_won(c);
	if (!c->deal)
		return;
	b = deal_branch(c->deal, branch);
	/* Keys that the offer fixed are known to others now. */
	c->shared = c->deal->branches && c->deal->branches->next &&
		    any_key(c->deal);
	if (b && b->lost) {
		tunnelclient_gone(c);
		return;
	}
	if (b && b != c->deal->active) {
		sealing_agreed(c, b);
		c->deal->active = b;
		media_turn(c, b);
	}
	if (b) {
		ikeclient_won(c, c->deal, branch);
		deal_settle(c->deal, branch);
	}
}

static void say(const struct call *c, const char *what)
{
	const struct msg_key_facts *key = call_facts(c);
	const char *suite = key ? verdict_suite(key) : NULL;
	const char *around = key ? verdict_around(key) : NULL;

	LOG_CALL(c, LOG_CLASS_INFO,
		 "%s: %s -> %s, peer %s, verdict %s (%s), method %s, suite "
		 "%s%s%s",
		 what, c->caller, c->callee, c->peer,
		 verdict_name(c->verdict.word), c->verdict.reason,
		 suite ? key->method : "none",
		 suite ? suite : "none", around ? " in ESP " : "",
		 around ? around : "");
}

void call_up(struct call *c)
{
	if (c->state == CALL_UP)
		return;
	c->state = CALL_UP;
	setup_over(c);
	guard_rang(c->engine->guard, &c->ticket);
	c->up_us = clock_wall_us(c->engine->clock);
	c->engine->count.up++;
	media_open(c);
	judge(c);
	say(c, "up");
	rekey_up(c);
}

void call_rejudge(struct call *c)
{
	judge(c);
	say(c, "new keys");
}

void call_judge_again(struct call *c)
{
	judge(c);
	say(c, "diverted");
}

/* -- end ------------------------------------------------------------------ */

void call_hang_up(struct call *c, int status, const char *cause)
{
	const struct signalling *s =
		core_find(c->engine->core, "signalling", NULL);

	snprintf(c->reason, sizeof c->reason, "%s", cause);
	c->engine->count.hung_up++;
	if (s)
		s->hangup(c->leg, status, cause);
	else
		LOG_CALL(c, LOG_CLASS_BUG, "no signalling to end it: %s",
			 cause);
}

/* Those who asked for counters of a call that is gone. */
static void end_measures(struct call *c)
{
	struct measure *m;

	while ((m = c->measures)) {
		c->measures = m->next;
		m->fn(m->user, m->token, E_NOTFOUND);
		free(m);
	}
}

void call_end(struct call *c, int status, const char *cause)
{
	struct engine *e = c->engine;

	e->count.ended++;
	if (c->state != CALL_UP) {
		e->count.failed++;
		admit_failed(c, status);
	}
	setup_over(c);
	filter_drop_jobs(c);
	bodyclient_end(c);
	record_call(c, status, cause ? cause : "");
	tunnelclient_release(c);
	media_release(c);
	keyclient_release(c);
	leave(c);
	end_measures(c);
	rekey_end(c);
	call_free(c);
	engine_ended_one(e);
}
