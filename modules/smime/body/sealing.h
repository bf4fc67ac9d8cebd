/* sealing.h - bodies as they leave: the entity that is sealed, with what it is
 * bound to, and the form that the profile has. */
#ifndef CALLSEAL_SMIME_SEALING_H
#define CALLSEAL_SMIME_SEALING_H

#include "daemon/keeper/bodies.h"

/* As struct bodies has it. */
int body_seal(const struct bodies_terms *t, const struct bodies_text *in,
	      struct bodies_sealed *out, struct bodies_fault *why);

#endif
