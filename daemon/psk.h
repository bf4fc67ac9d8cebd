/* psk.h - reading a file that holds a pre-shared key. */
#ifndef CALLSEAL_PSK_H
#define CALLSEAL_PSK_H

#include "daemon/base/secret.h"

#define PSK_MIN 16 /* bytes; fewer can be guessed from a harvested MAC */

/* Reads hex digits from the start of an open file; white space at the end is
 * allowed. The descriptor stays open. On failure *why says in words what is
 * wrong (static text). */
int psk_read(int fd, struct secret *out, const char **why);

#endif
