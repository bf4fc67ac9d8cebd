/* awaited.h - an offer that fixed the keys already (pre-shared key, public key
 * encryption) and waits for a verification by the far end. */
#ifndef CALLSEAL_MIKEY_AWAITED_H
#define CALLSEAL_MIKEY_AWAITED_H

#include "daemon/base/secret.h"
#include "modules/mikey/outgoing.h"
#include "modules/mikey/psk.h"

/* Secret: wipe it. */
struct mikey_awaited {
	struct mikey_outgoing o;
	struct mikey_psk_keys keys;
	uint8_t answer_type; /* the data type that answers it */
	struct secret tgk;
	const char *method;
	uint16_t key_bits;
};

/* What the offer fixed: secret, wipe it. Nothing is in it after an error. */
int mikey_awaited_early(const struct mikey_awaited *p,
			struct keying_result *out);
/* Wipes it and frees what it owns. */
void mikey_awaited_clear(struct mikey_awaited *p);

/* Takes the answer, or none if none was asked for. As keying.finish. */
int mikey_awaited_finish(const struct mikey_awaited *p,
			 struct mikey_bytes bytes,
			 struct keying_result *result,
			 struct keying_fault *fault);

#endif
