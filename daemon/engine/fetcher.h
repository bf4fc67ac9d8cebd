/* fetcher.h - who asks far ends for their certificates: the role "fetcher" in
 * the engine's core. Engine thread only. */
#ifndef CALLSEAL_FETCHER_H
#define CALLSEAL_FETCHER_H

#include "daemon/engine/call.h"

#include <stdbool.h>

typedef void (*fetch_fn)(void *asker, bool shown);

struct fetcher {
	const char *name;
	void *user;
	/* Asks along that way, whose texts are borrowed for the call. fn is
	 * called once, maybe before this returns, within seconds: whether the
	 * keeper was shown a certificate. */
	void (*ask)(void *user, const struct body_way *w, fetch_fn fn,
		    void *asker);
};

#endif
