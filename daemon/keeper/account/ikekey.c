/* ikekey.c - see ikekey.h. */
#include "daemon/keeper/account/ikekey.h"

#include "daemon/base/err.h"

#include <string.h>

void ikekey_answer(const struct policy *policy, const struct secret *psk,
		   const struct msg_ike_key *m, struct msg_ike_keyed *out)
{
	const struct peer *p = policy_peer(policy, m->peer);

	memset(out, 0, sizeof *out);
	memcpy(out->peer, m->peer, sizeof out->peer);
	if (!p || !psk) {
		out->err = E_NOTFOUND;
		return;
	}
	if (!profile_stands(p->profile)) {
		out->err = E_POLICY;
		return;
	}
	out->key_len = (uint32_t)psk->len;
	memcpy(out->key, psk->bytes, psk->len);
}
