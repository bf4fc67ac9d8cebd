/* failure.h - how a failed step ends a call: one table from the stage and the
 * error to the status the leg's peer gets and the line the operator reads.
 * Pure. */
#ifndef CALLSEAL_FAILURE_H
#define CALLSEAL_FAILURE_H

#include "daemon/base/log.h"

#include <stddef.h>

/* Where it failed. */
enum stage {
	STAGE_OFFER,      /* an offer's description */
	STAGE_ANSWER,     /* an answer's description */
	STAGE_UNSEALED,   /* what must be sealed is not */
	STAGE_SEALED,     /* what must be plain is sealed */
	STAGE_PLAIN,      /* whether it may be plain at all */
	STAGE_PORTS,      /* the relay opens ports */
	STAGE_KEY_OFFER,  /* the keeper makes our offer */
	STAGE_KEY_ANSWER, /* the keeper checks the far end's offer */
	STAGE_KEY_FINISH, /* the keeper checks the far end's answer */
	STAGE_EXPOSED,    /* keys where everybody can read them */
	STAGE_NEXT_HOP,   /* what next hops said that they can do */
	STAGE_TUNNEL,     /* the kernel makes room for ESP, and takes it */
	STAGE_PRECONDITION, /* a tunnel that must be up before all else */
	STAGE_BIND,       /* the relay takes addresses and keys */
	STAGE_QUEUE       /* the call's own queue of bodies */
};

struct failure {
	enum stage stage;
	int err;              /* or 0: every other error of the stage */
	int status;
	const char *phrase;
	unsigned warn_code;   /* RFC 3261 20.43; 0: none */
	const char *warn;     /* for the far end: helps no guesser */
	unsigned retry_after_s;
	enum log_class fault;
	const char *cure;     /* for the operator */
};

/* The i-th row of the table, NULL behind the last. doc/POLICY.md has them all,
 * and a test holds it to that. */
const struct failure *failure_at(size_t i);
/* As the page names it. Static text. */
const char *stage_name(enum stage stage);
/* The row; never NULL. */
const struct failure *failure_of(enum stage stage, int err);

#endif
