/* turn.c - when what is sent goes over to other keys. See inside.h.
 *
 * Who offered them turns at once: the far end had them before its answer left.
 * Who answered has them a way of signalling earlier than the far end, and goes
 * on with what there is until something came by the new ones, as the relay does
 * with SRTP; or for a third of media.grace, should nothing come. Where the far
 * end is to raise it by IKE, nothing but that counts. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/tunnel/inside.h"

#define LOOK_US UINT64_C(100000)

static void due(struct tunnels *c, uint64_t us)
{
	if (us < c->due_us)
		c->due_us = us;
}

/* Those that are older and wait have nothing to wait for any more. */
static void pass_by(struct tunnels *c, const struct tunnel *t)
{
	struct tunnel *o = share_is(t) ? *table_port(c, &t->local) : NULL;

	for (; o; o = o->next)
		if (o->id < t->id && share_same(o, t))
			o->turn_us = 0;
}

bool turn_waits(const struct tunnels *c, const struct tunnel *t)
{
	return t->maker == c->conf.charon && t->state == TUNNEL_RAISED &&
	       !t->maker->sends(t->maker->state, t->pair);
}

int turn_begin(struct tunnels *c, struct tunnel *t, struct tunnel_why *why)
{
	const struct tunnel_maker *maker = t->maker;
	uint64_t now_us = clock_mono_us(c->conf.clock);

	int r;

	if (!t->wanted.proven) {
		r = maker->turn(maker->state, t->pair, why);
		if (!r)
			pass_by(c, t);
		return r;
	}
	if (turn_waits(c, t)) {
		t->turn_us = UINT64_MAX; /* tunnels.c hears of it */
		return 0;
	}
	t->turn_us = now_us + c->grace_us / 3;
	due(c, now_us + LOOK_US);
	return 0;
}

int turn_now(struct tunnels *c, struct tunnel *t)
{
	const struct tunnel_maker *maker = t->maker;
	struct tunnel_why why;
	int r;

	if (!t->turn_us)
		return 0;
	t->turn_us = 0;
	r = maker->turn(maker->state, t->pair, &why);
	if (r)
		log_line(LOG_CLASS_ERROR, "tunnel", t->call, "tunnel %u cannot "
			 "send: %s", t->id, why.text);
	else
		pass_by(c, t);
	return r;
}

int turn_tick(struct tunnels *c, struct tunnel *t, uint64_t now_us)
{
	const struct tunnel_maker *maker = t->maker;

	if (!t->turn_us)
		return 0;
	if (t->turn_us <= now_us || maker->heard(maker->state, t->pair))
		return turn_now(c, t);
	due(c, now_us + LOOK_US);
	return 0;
}

/* The next tick finds that it cannot send, and tells. */
static void fail(struct tunnels *c, struct tunnel *t)
{
	t->turn_us = 1;
	due(c, 1);
}

/* Nothing leaves any more. */
static void fail_all(struct tunnels *c, const struct tunnel *old)
{
	struct tunnel *o = *table_port(c, &old->local);

	for (; o; o = o->next)
		if (o->state == TUNNEL_RAISED && share_same(o, old))
			fail(c, o);
}

static void turn_share(struct tunnels *c, const struct tunnel *old)
{
	const struct tunnel_maker *maker = old->maker;
	struct tunnel *t;

	if (!old->pair || !maker->sends(maker->state, old->pair))
		return;
	t = share_next(c, old);
	if (!t)
		return;
	t->turn_us = 1; /* now */
	if (turn_now(c, t))
		fail_all(c, old);
}

void turn_from(struct tunnels *c, const struct tunnel *old)
{
	struct tunnel *t = *table_port(c, &old->local);

	if (share_is(old)) {
		turn_share(c, old);
		return;
	}
	for (; t; t = t->next)
		if (t->turn_us && t->wanted.instead == old->id &&
		    turn_now(c, t))
			fail(c, t);
}
