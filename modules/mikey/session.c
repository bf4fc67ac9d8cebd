/* session.c - SRTP master keys and salts of the crypto sessions (RFC 3830
 * 4.1.3).
 *
 * RFC 4567 section 7.1: each line has two crypto sessions. For the n-th line,
 * counted from 1, CS 2n-1 runs from the initiator to the responder and CS 2n
 * back; each has a TEK of its own, so the directions never share a key. A
 * salt that came with the TGK goes for every session, else each session's is
 * derived. out->n must be set; before the lines' sessions stand those of the
 * tunnels, if there are any (out->esp), from the same TGK; the nonces of the
 * first tunnel's ends then stand behind RAND for all lines.
 *
 * A suite that only the response names (doc/NEGOTIATION.md) stands behind RAND
 * in the derivation: keys of two suites from one TGK have nothing in common, so
 * that forked answers with different choices never share a key stream. */
#include "modules/mikey/session.h"

#include "daemon/base/err.h"
#include "modules/mikey/esp/keys.h"
#include "modules/mikey/map.h"

#include <string.h>

#define FIRST_MOST 0xffffu /* RFC 3711 3.3.1: where an index may begin */
#define INDEX_MOST ((1ull << 48) - 1)

/* -- validity ------------------------------------------------------------- */

/* A number of at most 8 bytes; false when it is longer. */
static bool number_of(struct mikey_bytes b, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < b.len; i++)
		*out = *out << 8 | b.p[i];
	return b.len <= 8;
}

int mikey_session_validity(const struct mikey_kv *kv,
			   struct keying_fault *fault)
{
	uint64_t from, to;

	if (kv->type == 1 && kv->spi.len > SRTP_MKI_MAX)
		return mikey_fault(fault, E_UNSUPPORTED, "the key's MKI has "
				   "%zu bytes, %d are supported", kv->spi.len,
				   SRTP_MKI_MAX);
	if (kv->type != 2)
		return 0;
	if (!number_of(kv->from, &from) || from || !kv->to.len ||
	    !number_of(kv->to, &to) || to <= 2 * FIRST_MOST)
		return mikey_fault(fault, E_UNSUPPORTED, "the key is valid "
				   "for an interval that does not begin with "
				   "the first packet, or is short");
	return 0;
}

/* How many packets an interval of indices (RFC 3711 8.1.1) is good for,
 * wherever the first stands; 0: as many as there are. */
static uint64_t lifetime_of(const struct mikey_kv *kv)
{
	uint64_t to;

	if (kv->type != 2 || !number_of(kv->to, &to) || to >= INDEX_MOST)
		return 0;
	return to - FIRST_MOST;
}

/* -- one session ---------------------------------------------------------- */

static bool is_tek(const struct mikey_key *k)
{
	return k->type == MIKEY_KEY_TEK || k->type == MIKEY_KEY_TEK_SALT;
}

static int derive(const struct mikey_root *root, const struct mikey_key *key,
		  uint8_t cs_id, struct srtp_key *out)
{
	int r = mikey_derive(root, MIKEY_TEK, cs_id, out->key, out->key_len);

	if (r)
		return r;
	if (key->salt.len) {
		memcpy(out->salt, key->salt.p, out->salt_len);
		return 0;
	}
	return mikey_derive(root, MIKEY_TGK_SALT, cs_id, out->salt,
			    out->salt_len);
}

static int one_key(const struct mikey_root *root, const struct mikey_key *key,
		   const struct mikey_sp *sp, uint8_t cs_id,
		   struct srtp_key *out)
{
	const struct suite_info *s = suite_info(sp->suite);

	*out = (struct srtp_key){ .suite = (uint16_t)sp->suite,
				  .kdr = sp->kdr,
				  .key_len = s->key_len,
				  .salt_len = s->salt_len,
				  .mki_len = (uint8_t)key->kv.spi.len,
				  .lifetime = lifetime_of(&key->kv) };
	if (key->kv.spi.len)
		memcpy(out->mki, key->kv.spi.p, key->kv.spi.len);
	if (!is_tek(key))
		return derive(root, key, cs_id, out);
	memcpy(out->key, key->key.p, s->key_len);
	memcpy(out->salt, key->salt.p, s->salt_len);
	return 0;
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

/* Where the key of session i (from 0) belongs. */
static struct srtp_key *place_of(struct keying_result *out, size_t i,
				 bool initiator)
{
	bool forth = i % 2 == 0;

	return forth == initiator ? &out->send[i / 2] : &out->recv[i / 2];
}

/* Behind those of the tunnels. */
static size_t session_of(const struct keying_result *out, size_t i)
{
	return 2 * out->esp.n + i;
}

static uint8_t cs_id(const struct keying_result *out, size_t i)
{
	return (uint8_t)(session_of(out, i) + 1);
}

int mikey_session_keys(const struct mikey_root *root,
		       const struct mikey_key *key, const struct mikey_sp *sp,
		       bool initiator, struct keying_result *out)
{
	const struct suite_info *s = suite_info(sp->suite);
	struct mikey_root named;
	uint8_t room[RAND_ROOM];
	int r = mikey_esp_keys(root, &out->esp);

	if (r || !out->n)
		return r;
	if (!s || key->kv.spi.len > SRTP_MKI_MAX ||
	    (key->salt.len && key->salt.len != s->salt_len))
		return E_ARG;
	if (out->esp.n)
		r = mikey_esp_fresh(root, &out->esp.tunnel[0], room, &named);
	else if (root->named)
		r = name_suite(root, sp->suite, room, &named);
	if (out->esp.n || root->named)
		root = &named;
	for (size_t i = 0; i < 2 * out->n && !r; i++)
		r = one_key(root, key, sp, cs_id(out, i),
			    place_of(out, i, initiator));
	return r;
}

/* -- keys of the far end -------------------------------------------------- */

/* Whether one key is long enough, and its salt is the suite's. */
static int check_key(const struct mikey_key *k, const struct suite_info *s,
		     struct keying_fault *fault)
{
	const char *what = is_tek(k) ? "TEK" : "TGK";

	if (k->type > MIKEY_KEY_TEK_SALT)
		return mikey_fault(fault, E_UNSUPPORTED, "the MIKEY message "
				   "has a key of type %u: a TGK or TEK is "
				   "wanted", k->type);
	if (is_tek(k) ? k->key.len != s->key_len
		      : k->key.len < MIKEY_TGK_MIN || k->key.len < s->key_len)
		return mikey_fault(fault, E_UNSUPPORTED, "the %s has %zu "
				   "bytes, which does not fit %s", what,
				   k->key.len, s->name);
	if (k->type == MIKEY_KEY_TEK)
		return mikey_fault(fault, E_UNSUPPORTED, "the TEK comes "
				   "without the salt that SRTP takes");
	if (k->type != MIKEY_KEY_TGK && k->salt.len != s->salt_len)
		return mikey_fault(fault, E_UNSUPPORTED, "the salt has %zu "
				   "bytes, %s takes %u", k->salt.len, s->name,
				   s->salt_len);
	return 0;
}

static int check_keys(const struct mikey_session *s,
		      const struct mikey_keys *keys, size_t sessions,
		      struct keying_fault *fault)
{
	int r = 0;

	if (keys->n != 1 && keys->n != sessions)
		return mikey_fault(fault, E_UNSUPPORTED, "the MIKEY message "
				   "has %zu keys for %zu crypto sessions: one "
				   "for all or one for each is wanted",
				   keys->n, sessions);
	for (size_t i = 0; i < keys->n && !r; i++) {
		r = mikey_session_validity(&keys->key[i].kv, fault);
		if (!r)
			r = check_key(&keys->key[i], suite_info(s->sp->suite),
				      fault);
		if (!r && is_tek(&keys->key[i]) && s->root->named)
			r = mikey_fault(fault, E_UNSUPPORTED, "a TEK cannot "
					"follow a suite that the response "
					"names");
	}
	return r;
}

static uint32_t ssrc_of(const struct mikey_session *s, size_t i)
{
	bool ours = (i % 2 == 0) == s->initiator;

	return ours ? s->ours[i / 2] : mikey_map_ssrc(s->map, i);
}

/* RFC 3711 9.1: streams under one TEK must have SSRCs of their own, or two
 * have one key stream. The far end's must be told. */
static bool may_share(const struct mikey_session *s, size_t a, size_t b)
{
	uint32_t x = ssrc_of(s, a), y = ssrc_of(s, b);

	return x && y && x != y;
}

static int check_shared(const struct mikey_session *s,
			const struct mikey_keys *keys, size_t sessions,
			struct keying_fault *fault)
{
	for (size_t i = 0; i < sessions; i++) {
		int k = mikey_map_key(s->map, i, keys->key, keys->n);

		if (k < 0)
			return mikey_fault(fault, E_UNSUPPORTED, "no key of "
					   "the MIKEY message has the SPI of "
					   "crypto session %zu", i + 1);
		for (size_t j = 0; j < i && is_tek(&keys->key[k]); j++)
			if (mikey_map_key(s->map, j, keys->key, keys->n) ==
			    k && !may_share(s, i, j))
				return mikey_fault(fault, E_UNSUPPORTED,
						   "one TEK for several crypto "
						   "sessions whose SSRCs are "
						   "not told or not distinct");
	}
	return 0;
}

/* Of one TGK, for the tunnels that out knows and the streams in them. */
static int make_esp(const struct mikey_session *s,
		    const struct mikey_keys *keys, struct keying_result *out,
		    struct keying_fault *fault)
{
	struct mikey_root root = *s->root;
	int r = mikey_esp_keys_check(keys, &out->esp, fault);

	if (!r && out->n)
		r = check_key(&keys->key[0], suite_info(s->sp->suite), fault);
	if (r)
		return r;
	root.key = keys->key[0].key.p;
	root.key_len = keys->key[0].key.len;
	r = mikey_session_keys(&root, &keys->key[0], s->sp, s->initiator, out);
	return r ? mikey_fault(fault, r, "the ESP keys cannot be derived: %s",
			       err_text(r)) : 0;
}

int mikey_session_make(const struct mikey_session *s,
		       const struct mikey_keys *keys, struct keying_result *out,
		       struct keying_fault *fault)
{
	size_t sessions = 2 * out->n;
	struct mikey_root root = *s->root, named;
	uint8_t room[RAND_ROOM];
	int r;

	if (out->esp.n || !out->n)
		return make_esp(s, keys, out, fault);
	r = check_keys(s, keys, sessions, fault);
	if (!r)
		r = check_shared(s, keys, sessions, fault);
	if (r)
		return r;
	if (root.named) {
		r = name_suite(&root, s->sp->suite, room, &named);
		root = named;
	}
	for (size_t i = 0; i < sessions && !r; i++) {
		const struct mikey_key *k = &keys->key[mikey_map_key(s->map, i,
							keys->key, keys->n)];

		root.key = k->key.p;
		root.key_len = k->key.len;
		r = one_key(&root, k, s->sp, (uint8_t)(i + 1),
			    place_of(out, i, s->initiator));
	}
	return r ? mikey_fault(fault, r, "the session keys cannot be derived: "
			       "%s", err_text(r)) : 0;
}
