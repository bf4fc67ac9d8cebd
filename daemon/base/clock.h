/* clock.h - time is passed in, so that tests can make it. */
#ifndef CALLSEAL_CLOCK_H
#define CALLSEAL_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t (*mono_us)(void *user); /* never steps; microseconds */
	uint64_t (*wall_us)(void *user); /* since 1970-01-01 UTC */
	void *user;
};

/* The machine's own clocks. */
extern const struct clock clock_system;

static inline uint64_t clock_mono_us(const struct clock *c)
{
	return c->mono_us(c->user);
}

static inline uint64_t clock_wall_us(const struct clock *c)
{
	return c->wall_us(c->user);
}

#endif
