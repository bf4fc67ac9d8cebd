/* secret.h - bytes that must not be seen: fixed room, wiped when dropped,
 * compared in constant time. There is no way to print one; log a key id. */
#ifndef CALLSEAL_SECRET_H
#define CALLSEAL_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_MAX 256 /* bytes: the longest pre-shared key or TGK */

struct secret {
	size_t len; /* bytes */
	uint8_t bytes[SECRET_MAX];
};

/* Copies len bytes in, wiping what was there. E_SPACE past SECRET_MAX. */
int secret_set(struct secret *s, const void *bytes, size_t len);
/* Fills it with len random bytes from the system's generator. */
int secret_random(struct secret *s, size_t len);
/* Equal length and bytes; the time depends on the length only. */
bool secret_equal(const struct secret *a, const struct secret *b);
void secret_wipe(struct secret *s);
/* Wipes any memory, in a way the compiler keeps. */
void wipe(void *p, size_t len);
/* Constant-time comparison of two runs of len bytes. */
bool equal_ct(const void *a, const void *b, size_t len);

#endif
