/* turn.c - when what is sent goes over to new keys. See inside.h.
 *
 * Who offered them turns at once: the far end had them before its answer left.
 * Who answered has them a way of signalling earlier than the far end, and goes
 * on with the old ones until something came by the new, as the relay does with
 * SRTP; or for a third of media.grace, should nothing come. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/tunnel/inside.h"

#define LOOK_US UINT64_C(100000)

static void due(struct tunnels *c, uint64_t us)
{
	if (us < c->due_us)
		c->due_us = us;
}

static struct tunnel *replaced(const struct tunnels *c, const struct tunnel *t)
{
	struct place *p = table_find(c, t->wanted.instead);

	return p ? p->tunnel : NULL;
}

int turn_begin(struct tunnels *c, struct tunnel *t, struct tunnel *old,
	       struct tunnel_why *why)
{
	const struct tunnel_maker *maker = c->conf.maker;
	uint64_t now_us = clock_mono_us(c->conf.clock);

	if (!t->wanted.proven)
		return maker->turn(maker->state, t->pair, old->pair, why);
	t->turn_us = now_us + c->grace_us / 3;
	due(c, now_us + LOOK_US);
	return 0;
}

int turn_now(struct tunnels *c, struct tunnel *t)
{
	const struct tunnel_maker *maker = c->conf.maker;
	struct tunnel *old = replaced(c, t);
	struct tunnel_why why;
	int r;

	if (!t->turn_us)
		return 0;
	t->turn_us = 0;
	r = maker->turn(maker->state, t->pair, old ? old->pair : NULL, &why);
	if (r)
		log_line(LOG_CLASS_ERROR, "tunnel", t->call, "tunnel %u cannot "
			 "send: %s", t->id, why.text);
	return r;
}

int turn_tick(struct tunnels *c, struct tunnel *t, uint64_t now_us)
{
	const struct tunnel_maker *maker = c->conf.maker;

	if (!t->turn_us)
		return 0;
	if (t->turn_us <= now_us || maker->heard(maker->state, t->pair))
		return turn_now(c, t);
	due(c, now_us + LOOK_US);
	return 0;
}

void turn_from(struct tunnels *c, const struct tunnel *old)
{
	struct tunnel *t = *table_port(c, &old->local);

	for (; t; t = t->next)
		if (t->turn_us && t->wanted.instead == old->id)
			turn_now(c, t);
}
