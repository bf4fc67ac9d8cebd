/* pke.h - the public-key encryption method (RFC 3830 3.2). */
#ifndef CALLSEAL_MIKEY_PKE_H
#define CALLSEAL_MIKEY_PKE_H

#include "daemon/keeper/keying.h"

extern const struct keying mikey_pke;

/* The responder's half, in pke_answer.c. As struct keying says. */
int mikey_pke_answer(const struct keying_terms *t, const uint8_t *offer,
		     size_t len, struct buf *out, struct keying_result *result,
		     struct keying_fault *fault);

#endif
