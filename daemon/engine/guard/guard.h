/* guard.h - who may take our time: the first look at each message that comes
 * in, and at each call and request before anything is done for it.
 *
 * What it holds of sources and callers is bounded (tally.h), whatever comes.
 * Phones inside and the proxies that are known (outside.trusted, and the
 * addresses in routes) are bound by the limits for all only; an emergency
 * call by none. Knows no SIP library. Engine thread. */
#ifndef CALLSEAL_GUARD_H
#define CALLSEAL_GUARD_H

#include "daemon/base/clock.h"
#include "daemon/engine/call.h"
#include "daemon/settings.h"

#include <jansson.h>

struct guard;

/* What is counted; see guard_counters(). */
enum guard_event {
	GUARD_DENIED,    /* dropped: outside.allow, outside.deny */
	GUARD_MALFORMED, /* messages that cannot be read */
	GUARD_SCANNER,   /* requests of known scanners */
	GUARD_FLOOD,     /* dropped: limits.requests_host */
	GUARD_SCREENED,  /* callers on a list */
	GUARD_RATE,      /* limits.rate */
	GUARD_HOST,      /* rate_host, calls_host, subscriptions_host */
	GUARD_CALLER,    /* limits.caller */
	GUARD_UNKNOWN,   /* limits.unknown */
	GUARD_TOLL,      /* tolls */
	GUARD_PREEMPTED, /* calls that made room for a higher priority */
	GUARD_EMERGENCY, /* emergency calls */
	GUARD_EVENTS
};

/* A message as it came. Borrowed. */
struct guard_message {
	enum face face;
	struct addr source;
	bool request;
	bool malformed;
	const char *agent; /* its User-Agent, or NULL */
};

enum guard_fate { GUARD_PASS, GUARD_REFUSE, GUARD_DROP };

/* A call, or another request outside one, that asks to be let in. Borrowed. */
struct guard_asker {
	enum face from;
	struct addr source;
	const char *caller, *callee; /* URIs */
	bool sealed;                 /* it will have to prove who it is */
};

/* clock is borrowed for ever. */
int guard_new(const struct clock *clock, struct guard **out);
void guard_free(struct guard *g); /* NULL is allowed */
/* The configuration is new. fd: screening.file, or -1; borrowed. On failure
 * the old one stays, and the log says why. policy may be NULL. */
int guard_apply(struct guard *g, const struct settings *s,
		const struct policy *policy, int fd);

/* Whether the limits of strangers do not hold for it. */
bool guard_trusts(const struct guard *g, const struct settings *s,
		  enum face from, const struct addr *source);
enum guard_fate guard_message(struct guard *g, const struct settings *s,
			      const struct guard_message *m);

/* Whether the lists of screening keep a caller out; counted. */
bool guard_denies(struct guard *g, const char *uri);

/* Each returns NULL, or why not for the operator (static text), and then no
 * says what the asker gets. What the ticket holds is to be given back by
 * guard_leave() either way.
 *
 * Before anything else is looked at: */
const char *guard_enter(struct guard *g, const struct settings *s,
			const struct guard_asker *a, struct guard_ticket *t,
			struct refusal *no);
/* The same for a request outside a call. */
const char *guard_talk(struct guard *g, const struct settings *s,
		       const struct guard_asker *a, struct guard_ticket *t,
		       struct refusal *no);
/* Of a call whose peer and way are known, before it goes on: */
const char *guard_let_ring(struct guard *g, const struct settings *s,
			   const struct guard_asker *a, struct guard_ticket *t,
			   struct refusal *no);
/* It rings no longer. */
void guard_rang(struct guard *g, struct guard_ticket *t);
void guard_leave(struct guard *g, struct guard_ticket *t);

/* It asked for a user who does not exist. */
void guard_missed(struct guard *g, const struct settings *s, enum face from,
		  const struct addr *source);

void guard_count(struct guard *g, enum guard_event what);
uint64_t guard_counted(const struct guard *g, enum guard_event what);
/* An object with a member for each event; NULL: no memory. */
json_t *guard_counters(const struct guard *g);

/* What is called (a URI) is an emergency call, from inside. */
bool guard_is_emergency(const struct settings *s, enum face from,
			const char *callee);

#endif
