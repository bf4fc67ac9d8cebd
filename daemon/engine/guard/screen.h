/* screen.h - callers who are let in or not: the lists of the configuration and
 * of screening.file. Engine thread. */
#ifndef CALLSEAL_SCREEN_H
#define CALLSEAL_SCREEN_H

#include "daemon/screening.h"

#include <stdbool.h>
#include <stddef.h>

struct screen;

/* Reads both. fd: the file, or -1; borrowed. On failure (E_CONF, E_IO,
 * E_NOMEM) why says the line and the cure. */
int screen_new(const struct screening *s, int fd, struct screen **out,
	       char *why, size_t room);
void screen_free(struct screen *s); /* NULL is allowed */
/* Whether the caller's URI is on a list that denies, and on none that
 * allows. */
bool screen_denies(const struct screen *s, const char *uri);
size_t screen_count(const struct screen *s);

#endif
