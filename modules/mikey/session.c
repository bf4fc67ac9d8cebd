/* session.c - SRTP master keys and salts of the crypto sessions (RFC 3830
 * 4.1.3).
 *
 * RFC 4567 section 7.1: each line has two crypto sessions. For the n-th line,
 * counted from 1, CS 2n-1 runs from the initiator to the responder and CS 2n
 * back; each has a TEK of its own, so the directions never share a key. A
 * salt that came with the TGK goes for every session, else each session's is
 * derived. out->n must be set.
 *
 * A suite that only the response names (doc/NEGOTIATION.md) stands behind RAND
 * in the derivation: keys of two suites from one TGK have nothing in common, so
 * that forked answers with different choices never share a key stream. */
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

/* RAND and, behind it, the suite: must be as long as the longest RAND. */
#define RAND_ROOM (255 + 2)

static int name_suite(const struct mikey_root *root, unsigned suite,
		      uint8_t room[static RAND_ROOM], struct mikey_root *out)
{
	size_t len = root->rand.len;

	if (len > RAND_ROOM - 2)
		return E_ARG;
	memcpy(room, root->rand.p, len);
	room[len] = (uint8_t)(suite >> 8);
	room[len + 1] = (uint8_t)suite;
	*out = *root;
	out->rand = (struct mikey_bytes){ room, len + 2 };
	return 0;
}

int mikey_session_keys(const struct mikey_root *root,
		       const struct mikey_key *key, const struct mikey_sp *sp,
		       bool initiator, struct keying_result *out)
{
	const struct suite_info *s = suite_info(sp->suite);
	struct mikey_root named;
	uint8_t room[RAND_ROOM];
	int r = 0;

	if (!s || key->kv.spi.len > SRTP_MKI_MAX ||
	    (key->salt.len && key->salt.len != s->salt_len))
		return E_ARG;
	if (root->named) {
		r = name_suite(root, sp->suite, room, &named);
		root = &named;
	}
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
