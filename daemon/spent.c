/* spent.c - one bit for each id of a key. See spent.h. */
#include "daemon/spent.h"

#include "daemon/base/err.h"

#include <stddef.h>

static uint64_t *word_of(struct spent *s, uint32_t counter)
{
	return &s->bits[counter % SPENT_IDS / 64];
}

bool spent_seen(const struct spent *s, uint64_t id)
{
	uint32_t epoch = (uint32_t)(id >> 32), counter = (uint32_t)id;

	if (epoch != s->epoch)
		return epoch < s->epoch;
	if (counter > s->top)
		return false;
	if (s->top - counter >= SPENT_IDS)
		return true;
	return s->bits[counter % SPENT_IDS / 64] >> counter % 64 & 1;
}

/* Forgets all bits between the old top and the new one. */
static void rise(struct spent *s, uint32_t counter)
{
	uint32_t steps = counter - s->top;

	if (steps > SPENT_IDS)
		steps = SPENT_IDS;
	for (uint32_t i = counter - steps + 1; steps; steps--, i++)
		*word_of(s, i) &= ~(UINT64_C(1) << i % 64);
	s->top = counter;
}

int spent_mark(struct spent *s, uint64_t id)
{
	uint32_t epoch = (uint32_t)(id >> 32), counter = (uint32_t)id;

	if (spent_seen(s, id))
		return E_REPLAY;
	if (epoch != s->epoch) {
		for (size_t i = 0; i < SPENT_IDS / 64; i++)
			s->bits[i] = 0;
		s->epoch = epoch;
		s->top = 0;
	}
	if (counter > s->top)
		rise(s, counter);
	*word_of(s, counter) |= UINT64_C(1) << counter % 64;
	return 0;
}
