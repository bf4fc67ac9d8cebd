/* alloc.c - memory that runs out on demand. See alloc.h. */
#include "tests/mock/alloc.h"
#include "tests/mock/slow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static unsigned long count, fail_at;
static size_t largest;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

void alloc_fail_at(unsigned long n)
{
	count = 0;
	largest = 0;
	fail_at = n;
}

void alloc_fail_never(void)
{
	alloc_fail_at(0);
}

unsigned long alloc_count(void)
{
	return count;
}

size_t alloc_largest(void)
{
	return largest;
}

/* Under valgrind a long walk takes longer steps. */
static unsigned long step_after(unsigned long n)
{
	return n >= 60 ? rounds(1, 61) : 1;
}

unsigned long alloc_walk(void (*fn)(void *user), void *user)
{
	unsigned long n = 1, all;

	for (;;) {
		alloc_fail_at(n);
		fn(user);
		all = count;
		if (all < n)
			break;
		n += step_after(n);
	}
	alloc_fail_never();
	return all;
}

static bool fails(size_t n)
{
	if (n > largest)
		largest = n;
	return ++count == fail_at;
}

void *__wrap_malloc(size_t n)
{
	return fails(n) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails(n * size) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails(n) ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return fails(strlen(s)) ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails(strnlen(s, n)) ? NULL : __real_strndup(s, n);
}
