/* process.c - the names of the processes. */
#include "daemon/process.h"

static const char *const names[PROC_COUNT] = {
	[PROC_PARENT] = "parent", [PROC_ENGINE] = "engine",
	[PROC_KEEPER] = "keeper", [PROC_RELAY] = "relay",
	[PROC_TUNNEL] = "tunnel",
};

const char *process_name(enum process p)
{
	return (unsigned)p < PROC_COUNT ? names[p] : "?";
}
