/* usable.c - the rules of RFC 4568 section 6 that go beyond the grammar, and
 * what we do not want: media that is not encrypted or not authenticated.
 *
 * Of several keys in one attribute the first is taken, by which its sender
 * begins. WSH is a hint that our replay window (960 packets) is fit for.
 *
 * Does not do: error correction behind SRTP (FEC_ORDER=SRTP_FEC) or in a
 * stream of its own (FEC_KEY). */
#include "modules/sdes/usable.h"

#include "daemon/base/err.h"

#include <string.h>

#define LIFETIME_MAX (UINT64_C(1) << 48) /* section 6.2, RFC 7714 */

struct check {
	const struct crypto *c;
	const struct suite_info *suite; /* NULL: unknown */
	bool no_rate;
};

static bool suite_known(const struct check *k)
{
	return k->suite && !k->suite->readable; /* RFC 4568 has none */
}

static bool all_known(const struct check *k)
{
	return !k->c->foreign;
}

static bool sealed(const struct check *k)
{
	return !k->c->flags;
}

static bool no_fec(const struct check *k)
{
	return k->c->fec_order != CRYPTO_SRTP_FEC && !k->c->n_fec_keys;
}

/* Of every key: a wrong one makes the attribute invalid (6.1). */
static bool lengths(const struct check *k)
{
	for (size_t i = 0; i < k->c->n_keys; i++)
		if (k->c->key[i].len !=
		    (size_t)k->suite->key_len + k->suite->salt_len)
			return false;
	return true;
}

static bool lifetimes(const struct check *k)
{
	for (size_t i = 0; i < k->c->n_keys; i++)
		if (k->c->key[i].lifetime > LIFETIME_MAX)
			return false;
	return true;
}

static bool mki(const struct check *k)
{
	return k->c->key[0].mki_len <= SRTP_MKI_MAX;
}

static bool rate(const struct check *k)
{
	return !k->c->kdr || !k->no_rate;
}

static const struct {
	bool (*holds)(const struct check *k);
	int err;
	const char *why;
} checks[] = {
	{ suite_known, E_UNSUPPORTED, "its suite is unknown" },
	{ all_known, E_UNSUPPORTED, "it has a parameter that is unknown" },
	{ sealed, E_UNSUPPORTED, "it asks for media without encryption or "
	  "authentication" },
	{ no_fec, E_UNSUPPORTED, "it asks for error correction of its own" },
	{ lengths, E_FORMAT, "a key is not as long as the suite wants it" },
	{ lifetimes, E_FORMAT, "a key's lifetime is longer than 2^48" },
	{ mki, E_UNSUPPORTED, "its MKI is longer than 8 bytes" },
	{ rate, E_UNSUPPORTED, "it asks for a key derivation rate, which the "
	  "transform does not do" },
};

int usable(const struct crypto *c, bool no_rate, struct srtp_key *out,
	   const char **why)
{
	enum suite suite = suite_by_name(c->suite);
	const struct check k = { c, suite_info(suite), no_rate };
	const struct crypto_key *key = &c->key[0];

	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (!checks[i].holds(&k)) {
			*why = checks[i].why;
			return checks[i].err;
		}
	*out = (struct srtp_key){ .suite = (uint16_t)suite,
				  .key_len = k.suite->key_len,
				  .salt_len = k.suite->salt_len,
				  .mki_len = (uint8_t)key->mki_len,
				  .kdr = (uint8_t)(c->kdr ? c->kdr + 1 : 0),
				  .lifetime = key->lifetime };
	memcpy(out->key, key->bytes, out->key_len);
	memcpy(out->salt, key->bytes + out->key_len, out->salt_len);
	memcpy(out->mki, key->mki, key->mki_len);
	return 0;
}
