/* kek.h - session keys: one key that two ends have in common, under which the
 * later messages of a dialog are encrypted without public keys (RFC 5652
 * 6.2.3, KEKRecipientInfo). It proves the far end no better than the message
 * in which it came. */
#ifndef CALLSEAL_SMIME_KEK_H
#define CALLSEAL_SMIME_KEK_H

#include "daemon/base/buf.h"
#include "daemon/base/secret.h"
#include "daemon/mime/field.h"

#define SMIME_KEK_ID 16 /* bytes, at most */

struct smime_kek {
	uint8_t id[SMIME_KEK_ID];
	size_t id_len;
	struct secret key; /* 16 or 32 bytes */
};

/* A new one, its key of len bytes (16 or 32), its id of 8. E_ARG, or what
 * secret_random() returns. The owner wipes it. */
int smime_kek_new(struct smime_kek *k, size_t len);
/* Adds the header field that carries it, as a line: "Content-Session-Key:
 * kek;id=HEX;key=HEX". It goes before the other fields of an entity that is
 * then signed and encrypted. No standard has it; RFC 2045 9 lets others pass
 * over it. Failures stay in out. */
void smime_kek_put(const struct smime_kek *k, struct buf *out);
/* Reads it from the lines of an entity's head. E_NOTFOUND: there is none;
 * E_FORMAT. */
int smime_kek_get(struct mime_bytes head, struct smime_kek *out);

#endif
