/* opening.h - bodies as they come: opened, held against the message that they
 * came in, all or nothing. */
#ifndef CALLSEAL_SMIME_OPENING_H
#define CALLSEAL_SMIME_OPENING_H

#include "daemon/keeper/bodies.h"

/* As struct bodies has it. */
int body_open(const struct bodies_terms *t, const struct bodies_given *in,
	      struct bodies_opened *out, struct bodies_fault *why);

#endif
