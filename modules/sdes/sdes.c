/* sdes.c - SDP security descriptions (RFC 4568) as a keying of the keeper; the
 * map of this folder.
 *
 *   crypto.c    an a=crypto value read and written
 *   usable.c    whether it can be used, and its key
 *   exchange.c  offer, answer, finish
 *
 * Everything is a pure function; the module only registers its record. Whether
 * the signalling is good enough to carry keys is decided in daemon/protocol.c.
 * The suites' names are those of RFC 4568, 6188 and 7714 (suite.c of base). */
#include "daemon/base/err.h"
#include "daemon/module.h"
#include "modules/sdes/exchange.h"

static const char *const provides[] = { "keying", NULL };

static int start(struct core *core, const struct conf *c, void **state)
{
	int r = core_register(core, "keying", sdes_keying.name, &sdes_keying);

	(void)c;
	if (!r)
		*state = NULL;
	return r;
}

static void stop(void *state)
{
	(void)state; /* nothing is kept */
}

extern const struct module sdes_module;

const struct module sdes_module = {
	.name = "sdes",
	.process = PROC_KEEPER,
	.provides = provides,
	.start = start,
	.stop = stop,
};
