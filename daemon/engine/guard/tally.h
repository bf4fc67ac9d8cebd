/* tally.h - a table of counts by key that never grows: how often somebody did
 * something lately, and how many of it he has now. Engine thread.
 *
 * Who comes last takes the place of whom was longest not heard of, in the few
 * places that a keyed hash leaves him: nobody can choose whom he drives out.
 * An entry that still holds something is never driven out. */
#ifndef CALLSEAL_TALLY_H
#define CALLSEAL_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally;

/* n in period_us, and burst at once after a pause. */
struct tally_rate {
	unsigned n, burst;
	uint64_t period_us;
};

/* Of at least so many entries. E_NOMEM, or secret_random()'s error. */
int tally_new(size_t entries, struct tally **out);
void tally_free(struct tally *t); /* NULL is allowed */
/* The key of somebody; never 0. */
uint64_t tally_key(const struct tally *t, const void *data, size_t len);
/* Counts once more; false, and nothing is counted, when that is too often. */
bool tally_take(struct tally *t, uint64_t key, const struct tally_rate *r,
		uint64_t now_us);
/* Whether tally_take() would say so; counts nothing. */
bool tally_may(struct tally *t, uint64_t key, const struct tally_rate *r,
	       uint64_t now_us);
/* Holds one more until tally_release(); false, and nothing is held, when there
 * are max already, or no place is left. */
bool tally_hold(struct tally *t, uint64_t key, unsigned max, uint64_t now_us);
void tally_release(struct tally *t, uint64_t key);
/* How many the key holds. */
unsigned tally_held(const struct tally *t, uint64_t key);

#endif
