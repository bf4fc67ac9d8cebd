/* session.c - SRTP master keys and salts of the crypto sessions (RFC 3830
 * 4.1.3).
 *
 * RFC 4567 section 7.1: each line has two crypto sessions. For the n-th line,
 * counted from 1, CS 2n-1 runs from the initiator to the responder and CS 2n
 * back; each has a TEK of its own, so the directions never share a key. A
 * salt that came with the TGK goes for every session, else each session's is
 * derived. out->n must be set. */
#include "modules/mikey/session.h"

#include "daemon/base/err.h"

#include <string.h>

static int one_key(const struct mikey_root *root, const struct mikey_key *key,
		   const struct mikey_sp *sp, uint8_t cs_id,
		   struct srtp_key *out)
{
	const struct suite_info *s = suite_info(sp->suite);
	int r;

	*out = (struct srtp_key){ .suite = (uint16_t)sp->suite,
				  .kdr = sp->kdr,
				  .key_len = s->key_len,
				  .salt_len = s->salt_len,
				  .mki_len = (uint8_t)key->kv.spi.len };
	if (key->kv.spi.len)
		memcpy(out->mki, key->kv.spi.p, key->kv.spi.len);
	r = mikey_derive(root, MIKEY_TEK, cs_id, out->key, s->key_len);
	if (r)
		return r;
	if (key->salt.len) {
		memcpy(out->salt, key->salt.p, s->salt_len);
		return 0;
	}
	return mikey_derive(root, MIKEY_TGK_SALT, cs_id, out->salt,
			    s->salt_len);
}

int mikey_session_keys(const struct mikey_root *root,
		       const struct mikey_key *key, const struct mikey_sp *sp,
		       bool initiator, struct keying_result *out)
{
	const struct suite_info *s = suite_info(sp->suite);
	int r = 0;

	if (!s || key->kv.spi.len > SRTP_MKI_MAX ||
	    (key->salt.len && key->salt.len != s->salt_len))
		return E_ARG;
	for (size_t i = 0; i < out->n && !r; i++) {
		struct srtp_key *forth = initiator ? &out->send[i]
						   : &out->recv[i];
		struct srtp_key *back = initiator ? &out->recv[i]
						  : &out->send[i];
		uint8_t cs = (uint8_t)(2 * i + 1);

		r = one_key(root, key, sp, cs, forth);
		if (!r)
			r = one_key(root, key, sp, cs + 1, back);
	}
	return r;
}
