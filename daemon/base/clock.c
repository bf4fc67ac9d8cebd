/* clock.c - the machine's clocks. See clock.h. */
#include "daemon/base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t mono_us(void *user)
{
	(void)user;
	return read_us(CLOCK_MONOTONIC);
}

static uint64_t wall_us(void *user)
{
	(void)user;
	return read_us(CLOCK_REALTIME);
}

const struct clock clock_system = { .mono_us = mono_us, .wall_us = wall_us };
