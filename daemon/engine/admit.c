/* admit.c - whether a call is let in: room, and what the guard says.
 *
 * When limits.calls is reached, a call that is worth more (RFC 4412: see
 * limits.preempt) makes room by ending the youngest of those that are worth
 * least; an emergency call comes in all the same. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <string.h>

static struct guard_asker asker_of(const struct call *c,
				   const struct call_start *s)
{
	return (struct guard_asker){ .from = s->from, .source = s->source,
				     .caller = s->caller, .callee = s->callee,
				     .sealed = call_proves(c) };
}

static int refused(struct call *c, const struct call_start *s,
		   const struct refusal *no, const char *reason)
{
	char where[ADDR_TEXT];

	snprintf(c->reason, sizeof c->reason, "%s", reason);
	log_line(LOG_CLASS_REFUSED, "engine", 0,
		 "%s -> %s from %s refused with %d: %s", c->caller, c->callee,
		 addr_text(&s->source, where), no->status, reason);
	return E_POLICY;
}

int admit_enter(struct call *c, const struct call_start *s,
		struct refusal *no)
{
	struct guard_asker a = asker_of(c, s);
	const char *why = guard_enter(c->engine->guard,
				      engine_settings(c->engine), &a,
				      &c->ticket, no);

	return why ? refused(c, s, no, why) : 0;
}

int admit_talk(struct call *c, const struct call_start *s, struct refusal *no)
{
	struct guard_asker a = asker_of(c, s);
	const char *why = guard_talk(c->engine->guard,
				     engine_settings(c->engine), &a,
				     &c->ticket, no);

	return why ? refused(c, s, no, why) : 0;
}

int admit_ring(struct call *c, const struct call_start *s, struct refusal *no)
{
	struct guard_asker a = asker_of(c, s);
	const char *why = guard_let_ring(c->engine->guard,
					 engine_settings(c->engine), &a,
					 &c->ticket, no);

	return why ? refused(c, s, no, why) : 0;
}

void admit_emergency(const struct call *c)
{
	guard_count(c->engine->guard, GUARD_EMERGENCY);
	LOG_CALL(c, LOG_CLASS_INFO, "audit: emergency call %s -> %s by %s; "
		 "limits, tolls and need = \"require\" do not hold for it",
		 c->caller, c->callee,
		 *c->next_hop ? c->next_hop : c->target);
}

/* Answers that tell who is there. */
static bool is_nobody(int status)
{
	static const int nobody[] = { 404, 410, 484, 604 };

	for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++)
		if (nobody[i] == status)
			return true;
	return false;
}

void admit_failed(struct call *c, int status)
{
	if (is_nobody(status))
		guard_missed(c->engine->guard, engine_settings(c->engine),
			     c->from, &c->source);
}

/* -- room ----------------------------------------------------------------- */

static void take_least(struct call *c, void *user)
{
	struct call **least = user;

	if (!*least || c->rank < (*least)->rank ||
	    (c->rank == (*least)->rank && c->id > (*least)->id))
		*least = c;
}

/* Whether a call that is worth less was ended. */
static bool preempt(struct engine *e, unsigned rank)
{
	struct call *least = NULL;

	if (!rank)
		return false;
	call_each(e, take_least, &least);
	if (!least || least->rank >= rank)
		return false;
	guard_count(e->guard, GUARD_PREEMPTED);
	LOG_CALL(least, LOG_CLASS_INFO, "audit: ended for a call with a higher "
		 "priority");
	call_hang_up(least, 503, "ended for a call with a higher priority");
	return true;
}

int admit_room(struct engine *e, const struct call_start *s,
	       struct refusal *no)
{
	const struct settings *set = engine_settings(e);
	unsigned max = set->calls_max;

	if (!e->draining &&
	    (e->n_calls < max ||
	     guard_is_emergency(set, s->from, s->callee) ||
	     preempt(e, s->rank)))
		return 0;
	*no = (struct refusal){ .status = 503,
				.phrase = "Service Unavailable",
				.retry_after_s = 5 };
	log_line(LOG_CLASS_REFUSED, "engine", 0,
		 e->draining ? "call refused: stopping"
			     : "call refused: limits.calls = %u reached", max);
	return E_FULL;
}

/* -- for the signalling module -------------------------------------------- */

bool engine_is_emergency(const struct engine *e, const char *callee)
{
	return guard_is_emergency(engine_settings(e), INSIDE, callee);
}

enum guard_fate engine_message(struct engine *e, const struct guard_message *m)
{
	return guard_message(e->guard, engine_settings(e), m);
}

bool engine_trusts(const struct engine *e, enum face from,
		   const struct addr *source)
{
	return guard_trusts(e->guard, engine_settings(e), from, source);
}
