/* spent.h - which ids of session keys were seen, so that none is taken twice,
 * whatever became of its key. By value; one thread.
 *
 * The keeper counts ids up and ships them nearly in order, so one bit for each
 * of the last 2^18 ids of this keeper is enough; what is older counts as
 * seen. */
#ifndef CALLSEAL_SPENT_H
#define CALLSEAL_SPENT_H

#include <stdbool.h>
#include <stdint.h>

#define SPENT_IDS (UINT32_C(1) << 18)

/* All zero at first. */
struct spent {
	uint32_t epoch; /* of the keeper whose ids are in bits */
	uint32_t top;   /* highest counter seen */
	uint64_t bits[SPENT_IDS / 64];
};

bool spent_seen(const struct spent *s, uint64_t id);
/* E_REPLAY: it was seen, or belongs to an older keeper. */
int spent_mark(struct spent *s, uint64_t id);

#endif
