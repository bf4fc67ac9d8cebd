/* terms.h - what sealing and opening are told; all is borrowed for the call. */
#ifndef CALLSEAL_SMIME_TERMS_H
#define CALLSEAL_SMIME_TERMS_H

#include "daemon/base/secret.h"
#include "daemon/keeper/credential.h"
#include "daemon/mime/field.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smime_terms {
	const struct credential *credential; /* ours, and whom we believe */
	struct trust trust;
	uint64_t wall_us; /* the only clock there is */
};

#define SMIME_KEK_ID 16 /* bytes, at most */

/* A key that two ends have in common (RFC 5652 6.2.3): the later messages of
 * a dialog are encrypted under it, without public keys. It proves the far end
 * no better than the message in which it came. */
struct smime_kek {
	uint8_t id[SMIME_KEK_ID];
	size_t id_len;
	struct secret key; /* 16 or 32 bytes */
};

#endif
