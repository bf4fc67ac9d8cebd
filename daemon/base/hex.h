/* hex.h - hexadecimal digits in text. Any thread. */
#ifndef CALLSEAL_HEX_H
#define CALLSEAL_HEX_H

#include <stddef.h>
#include <stdint.h>

/* The value of a digit, its letter in either case; -1: it is none. */
int hex_digit(int c);
/* Reads 2 * n digits, their letters in lower case alone, into n bytes.
 * E_FORMAT: something else is among them; what was written counts for nothing
 * then. */
int hex_read(const void *text, size_t n, uint8_t *out);

#endif
