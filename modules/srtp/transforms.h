/* transforms.h - the records that this module registers. */
#ifndef CALLSEAL_SRTP_TRANSFORMS_H
#define CALLSEAL_SRTP_TRANSFORMS_H

#include "daemon/relay/transform.h"

#include <stdbool.h>

/* OpenSSL's EVP: the usual one. */
extern const struct transform evp_transform;
/* Tries every suite once, so that OpenSSL reads its files before a process is
 * confined, and a crippled one is found at start. Logs what fails. */
int evp_start(void);

/* libsrtp2. Its library must be up: libsrtp2_start() before the first open,
 * libsrtp2_stop() after the last close. E_INTERNAL. */
extern const struct transform libsrtp2_transform;
bool libsrtp2_does(unsigned suite);
int libsrtp2_start(void);
void libsrtp2_stop(void);

#endif
