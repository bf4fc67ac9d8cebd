/* terms.h - what sealing and opening are told; all is borrowed for the call. */
#ifndef CALLSEAL_SMIME_TERMS_H
#define CALLSEAL_SMIME_TERMS_H

#include "daemon/base/secret.h"
#include "daemon/keeper/certs/credential.h"
#include "daemon/mime/field.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smime_terms {
	const struct credential *credential; /* ours, and whom we believe */
	struct trust trust;
	uint64_t wall_us; /* the only clock there is */
};

#endif
