/* inside.h - the guard's own struct, for the files of this folder only. */
#ifndef CALLSEAL_GUARD_INSIDE_H
#define CALLSEAL_GUARD_INSIDE_H

#include "daemon/engine/guard/guard.h"
#include "daemon/engine/guard/screen.h"
#include "daemon/engine/guard/tally.h"

struct guard {
	const struct clock *clock;
	struct tally *requests; /* by address: what a flood fills */
	struct tally *hosts;    /* by address: calls, subscriptions */
	struct tally *callers;  /* by From, and by toll rule */
	struct screen *screen;
	struct nets known;      /* addresses in routes */
	uint64_t count[GUARD_EVENTS];
};

/* Counts the event and fills no; returns reason. */
const char *guard_no(struct guard *g, enum guard_event event, int status,
		     const char *reason, struct refusal *no);

/* toll.c: as guard_let_ring(), for a call from inside. */
const char *toll_take(struct guard *g, const struct settings *s,
		      const struct guard_asker *a, struct guard_ticket *t,
		      struct refusal *no);

#endif
