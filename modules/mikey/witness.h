/* witness.h - holding messages that somebody else exchanged against a
 * pre-shared key or trust anchors: do MACs and signatures hold, does the key
 * open. For explanations only: nothing is agreed, no policy is asked. */
#ifndef CALLSEAL_MIKEY_WITNESS_H
#define CALLSEAL_MIKEY_WITNESS_H

#include "daemon/base/secret.h"
#include "daemon/keeper/certs/credential.h"
#include "daemon/keeper/keying.h"

#include <stddef.h>
#include <stdint.h>

struct mikey_witness;

enum mikey_finding_word {
	MIKEY_HOLDS,
	MIKEY_WRONG,
	MIKEY_UNCHECKED /* what it takes is not there */
};

struct mikey_finding {
	const char *what; /* "MAC", "KEMAC", "signature" */
	enum mikey_finding_word word;
	char text[REASON_TEXT]; /* in words, without any secret */
};

typedef void (*mikey_finding_fn)(void *user, const struct mikey_finding *f);

/* psk: NULL checks no MAC; trust (with anchors): NULL checks no signature.
 * Both are borrowed as long as the witness is there. */
int mikey_witness_new(const struct secret *psk, const struct credential *trust,
		      struct mikey_witness **out);
void mikey_witness_free(struct mikey_witness *w); /* NULL allowed */
/* The next message; calls fn for each thing that a witness looks at. What a
 * response or an update needs of its offer is remembered from the last 16 that
 * were heard. A message that cannot be decoded says nothing. */
void mikey_witness_hear(struct mikey_witness *w, const uint8_t *msg,
			size_t len, mikey_finding_fn fn, void *user);

#endif
