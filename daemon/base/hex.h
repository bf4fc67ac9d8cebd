/* hex.h - hexadecimal digits in text. Any thread. */
#ifndef CALLSEAL_HEX_H
#define CALLSEAL_HEX_H

#include "daemon/base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* The value of a digit, its letter in either case; -1: it is none. */
int hex_digit(int c);
/* Reads 2 * n digits, their letters in lower case alone, into n bytes.
 * E_FORMAT: something else is among them; what was written counts for nothing
 * then. */
int hex_read(const void *text, size_t n, uint8_t *out);
/* Writes n bytes as 2 * n digits in lower case: into out, which a zero ends; or
 * behind what a buffer has. Leaves no copy of them elsewhere. */
void hex_write(const uint8_t *bytes, size_t n, char *out);
void hex_put(struct buf *out, const uint8_t *bytes, size_t n);

#endif
