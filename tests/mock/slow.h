/* slow.h - what a test does fewer times under valgrind, fifty times slower:
 * there a wrong access shows in few rounds. All rounds are run in the plain
 * and in the sanitized build. */
#ifndef CALLSEAL_MOCK_SLOW_H
#define CALLSEAL_MOCK_SLOW_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

/* How many rounds, or how long a step. */
static inline unsigned rounds(unsigned all, unsigned under)
{
	return under_valgrind() ? under : all;
}

#endif
