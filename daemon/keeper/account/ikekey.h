/* ikekey.h - the pre-shared key of IKE with a peer, for the tunnel process.
 * Keeper process. */
#ifndef CALLSEAL_IKEKEY_H
#define CALLSEAL_IKEKEY_H

#include "daemon/base/secret.h"
#include "daemon/message.h"
#include "daemon/policy.h"

/* The answer to m; psk is the peer's, or NULL. Only the key of a peer whose
 * profile has media = "ike", without keying of each call's (ike = "call"), is
 * given away, since it is used for nothing else. Wipe out. */
void ikekey_answer(const struct policy *policy, const struct secret *psk,
		   const struct msg_ike_key *m, struct msg_ike_keyed *out);

#endif
