/* password.h - reading a file that holds a password. */
#ifndef CALLSEAL_PASSWORD_H
#define CALLSEAL_PASSWORD_H

#include "daemon/base/secret.h"

/* Reads the one line of an open file, without its end; the descriptor stays
 * open. On failure *why says in words what is wrong (static text). */
int password_read(int fd, struct secret *out, const char **why);

#endif
