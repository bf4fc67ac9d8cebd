/* rekey.c - new keys for a call that is up: when they are due, and what comes
 * of it.
 *
 * They are due when a key's life nearly ends (the relay tells), when the
 * configured time is over (mikey.rekey), when somebody who answered and lost
 * has the keys, too (a forked offer that fixed them), when our own address is
 * another one (outside.public), or when the operator asks. The signalling
 * module then makes an offer to the outside that repeats what the inside said
 * last; it decides between UPDATE and re-INVITE and knows about crossing
 * offers. Meanwhile an offer of the phone brings new keys as well, and where
 * the far end wants a password that we do not have, it is the only way.
 *
 * What fails leaves the keys in force, to their end, and is tried again with
 * growing pauses. A far end that refuses the keys themselves ends the call
 * (RFC 4567 4.1.2): that is the signalling module's to see. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>

#define SECOND_US 1000000ull
#define BUSY_US 500000          /* another offer is open here */
#define PAUSE_US (15 * SECOND_US) /* after a failure; doubles up to ... */
#define PAUSES_MAX 5            /* ... 2^5 times */
#define PATIENCE_US (8 * SECOND_US) /* of who asked */
#define MOVE_US 2000            /* between calls that all move ... */
#define MOVE_AFTER_US SECOND_US /* ... once all processes know where to */
#define BUSY_MAX 10             /* crossed so often: that is a failure */

/* -- time ----------------------------------------------------------------- */

static uint64_t now_us(const struct call *c)
{
	return clock_mono_us(c->engine->clock);
}

static unsigned ms_until(uint64_t now, uint64_t at)
{
	uint64_t ms = at > now ? (at - now + 999) / 1000 : 0;

	if (ms < 10)
		return 10;
	return ms < TICK_SLOW_MS ? (unsigned)ms : TICK_SLOW_MS;
}

static void begin_at(struct call *c, uint64_t at_us)
{
	c->rekey.at_us = at_us;
	engine_rekey_in(c->engine, ms_until(now_us(c), at_us));
}

/* Both ends may have the same interval: who offered last begins, the other
 * waits a quarter longer, so that they do not cross each time. */
static void begin_by_interval(struct call *c)
{
	const struct conf *conf = child_conf(c->engine->child);
	uint64_t span = (uint64_t)conf_int(conf_one(conf, "mikey"), "rekey") *
			SECOND_US;

	c->rekey.at_us = 0;
	if (!span || !c->deal)
		return;
	if (c->deal->offerer != INSIDE)
		span += span / 4;
	begin_at(c, now_us(c) + span);
}

/* -- who asked ------------------------------------------------------------ */

static void tell_askers(struct call *c, int err, const char *why)
{
	struct asker *list = c->rekey.askers, *a;

	c->rekey.askers = NULL;
	while ((a = list)) {
		list = a->next;
		a->fn(a->user, a->token, err, why);
		free(a);
	}
}

static void forget(struct call *c, void *user)
{
	struct asker **slot = &c->rekey.askers, *a;

	while ((a = *slot)) {
		if (a->user != user) {
			slot = &a->next;
			continue;
		}
		*slot = a->next;
		free(a);
	}
}

void rekey_forget(struct engine *e, void *user)
{
	call_each(e, forget, user);
}

int engine_rekey(struct engine *e, uint64_t id, rekey_fn fn, void *user,
		 uint64_t token)
{
	struct call *c = call_find(e, id);
	struct asker *a;

	if (!c)
		return E_NOTFOUND;
	if (c->state != CALL_UP)
		return E_STATE;
	if (!call_sealed(c) || !call_facts(c))
		return E_UNSUPPORTED;
	a = malloc(sizeof *a);
	if (!a)
		return E_NOMEM;
	*a = (struct asker){ c->rekey.askers, fn, user, token };
	c->rekey.askers = a;
	c->rekey.patience_us = now_us(c) + PATIENCE_US;
	c->rekey.failed = 0;
	rekey_soon(c, "the operator asks");
	return 0;
}

/* -- when ----------------------------------------------------------------- */

/* What was under way when we moved said where we were. */
static void move_again(struct call *c)
{
	if (!c->rekey.again)
		return;
	c->rekey.again = false;
	rekey_soon(c, "our address outside is another one");
}

void rekey_up(struct call *c)
{
	if (!call_sealed(c) || !call_facts(c))
		return;
	begin_by_interval(c);
	if (c->shared)
		rekey_soon(c, "more than one branch has the keys");
	move_again(c);
}

void rekey_soon(struct call *c, const char *why)
{
	if (c->state != CALL_UP || !call_sealed(c) || c->rekey.open)
		return;
	LOG_CALL(c, LOG_CLASS_DEBUG, "new keys are due: %s", why);
	c->rekey.wanted = c->rekey.rides = true;
	begin_at(c, now_us(c));
}

/* One after the other: the keeper makes keys for each. */
static void move(struct call *c, void *user)
{
	uint64_t *at_us = user;

	c->rekey.again = c->state != CALL_UP || c->rekey.open || c->pending ||
			 c->job;
	if (c->state != CALL_UP || !call_sealed(c) || c->rekey.open)
		return;
	c->rekey.wanted = c->rekey.rides = true;
	begin_at(c, *at_us);
	*at_us += MOVE_US;
}

void rekey_moved(struct engine *e)
{
	uint64_t at_us = clock_mono_us(e->clock) + MOVE_AFTER_US;

	call_each(e, move, &at_us);
}

bool rekey_rides(const struct call *c, const struct job *j)
{
	return j->q.from == INSIDE &&
	       ((j->own && !j->refresh) || c->rekey.rides);
}

void rekey_done(struct call *c)
{
	c->rekey.wanted = c->rekey.rides = false;
	c->rekey.failed = 0;
	c->rekey.count++;
	c->rekey.last_us = clock_wall_us(c->engine->clock);
	c->engine->count.rekeyed++;
	begin_by_interval(c);
	if (!c->rekey.open) {
		tell_askers(c, 0, "");
		move_again(c);
	}
}

static void pause(struct call *c)
{
	unsigned times = c->rekey.failed < PAUSES_MAX ? c->rekey.failed
						      : PAUSES_MAX;

	c->rekey.failed++;
	begin_at(c, now_us(c) + (PAUSE_US << times));
}

/* -- the offer ------------------------------------------------------------ */

static void begin(struct call *c)
{
	const struct signalling *s =
		core_find(c->engine->core, "signalling", NULL);
	int r;

	c->rekey.open = true; /* it may be over before it returns */
	c->rekey.again = false;
	r = s && s->reoffer ? s->reoffer(c->leg) : E_UNSUPPORTED;
	if (!r)
		return;
	c->rekey.open = false;
	if (r == E_AGAIN) {
		begin_at(c, now_us(c) + BUSY_US);
		return;
	}
	LOG_CALL(c, LOG_CLASS_ERROR, "no offer for new keys: %s", err_text(r));
	tell_askers(c, r, "the offer cannot be made");
	pause(c);
}

static void due(struct call *c, void *user)
{
	uint64_t now = *(const uint64_t *)user;

	if (c->rekey.askers && now >= c->rekey.patience_us)
		tell_askers(c, E_AGAIN, "no answer yet; it goes on by itself");
	if (!c->rekey.at_us || now < c->rekey.at_us)
		return;
	c->rekey.at_us = 0;
	c->rekey.wanted = c->rekey.rides = true;
	begin(c);
}

struct next {
	uint64_t now;
	unsigned ms;
};

static void see_next(struct call *c, void *user)
{
	struct next *n = user;
	unsigned ms = 0;

	if (c->rekey.at_us)
		ms = ms_until(n->now, c->rekey.at_us);
	else if (c->rekey.askers)
		ms = ms_until(n->now, c->rekey.patience_us);
	if (ms && (!n->ms || ms < n->ms))
		n->ms = ms;
}

unsigned rekey_tick(struct engine *e)
{
	struct next n = { clock_mono_us(e->clock), 0 };

	call_each(e, due, &n.now);
	call_each(e, see_next, &n);
	return n.ms;
}

/* An offer of ours that came to nothing: its keys are for nobody. */
static void drop_offer(struct call *c)
{
	if (!c->pending || c->pending->offerer != INSIDE)
		return;
	keyclient_drop(c, c->pending);
	deal_free(c->pending);
	c->pending = NULL;
}

static void failed(struct call *c, int err, const char *why)
{
	c->engine->count.rekey_failed++;
	LOG_CALL(c, LOG_CLASS_REMOTE, "peer %s: no new keys, the old ones "
		 "stay: %s", c->peer, why);
	tell_askers(c, err, why);
}

void call_reoffered(struct call *c, enum reoffered how, unsigned again_ms,
		    const char *why)
{
	c->rekey.open = false;
	if (how == REOFFER_DONE) {
		tell_askers(c, 0, "");
		move_again(c);
		return;
	}
	drop_offer(c);
	if (how == REOFFER_BUSY && c->rekey.failed < BUSY_MAX) {
		c->rekey.failed++;
		begin_at(c, now_us(c) + again_ms * 1000ull);
		return;
	}
	if (how == REOFFER_CHALLENGED) {
		/* until the phone offers something by itself */
		failed(c, E_POLICY, why);
		c->rekey.failed = PAUSES_MAX;
	} else {
		failed(c, E_STATE, why);
	}
	pause(c);
}

void rekey_end(struct call *c)
{
	tell_askers(c, E_CLOSED, "the call ended");
}
