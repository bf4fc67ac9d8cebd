/* alloc.h - memory that runs out on demand. Link with $(ALLOC_WRAP): then
 * malloc(), calloc(), realloc(), strdup() and strndup() of the objects under
 * test come through here (what shared libraries allocate does not). */
#ifndef CALLSEAL_MOCK_ALLOC_H
#define CALLSEAL_MOCK_ALLOC_H

#include <stddef.h>

/* The n-th allocation from now on (from 1) fails, and only that one. Also
 * starts counting anew. */
void alloc_fail_at(unsigned long n);
void alloc_fail_never(void);
/* Allocations since alloc_fail_at(), alloc_fail_never() or the start. */
unsigned long alloc_count(void);
/* Bytes of the largest one since then, given or not. */
size_t alloc_largest(void);

/* Runs fn with the 1st, 2nd, 3rd, ... allocation failing, until a run needs
 * fewer. fn must cope and give everything back. Returns how many it needs.
 * Under valgrind not all of a long walk fail in turn. */
unsigned long alloc_walk(void (*fn)(void *user), void *user);

#endif
