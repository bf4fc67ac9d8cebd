/* session.c - session keys from a master key. See session.h.
 *
 * RFC 3711 4.3: the pseudo-random function is AES in counter mode under the
 * master key; its block starts from the master salt with the label in octet
 * 7 and r in the six octets behind it, where r is the packet index DIV the
 * key derivation rate, or 0 without one. RFC 6188 section 3 does the same with
 * AES-192 and AES-256, RFC 7714 section 11 with a 12-byte salt, which is
 * followed by zeroes.
 *
 * SRTCP's index has 31 bits; 4.3.2 reads as if its r had 32 and the label were
 * two octets further on. Everybody gives it 48, as RTP's has: without a rate
 * the label's place is the only difference, and there all agree. */
#include "modules/srtp/session.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <string.h>

/* RFC 3711 4.3.2: of RTP; RTCP's are LABEL_RTCP higher. */
enum { LABEL_KEY, LABEL_AUTH, LABEL_SALT, LABEL_RTCP };

int session_check(const struct srtp_key *key)
{
	const struct suite_info *info = suite_info(key->suite);

	if (!info)
		return E_UNSUPPORTED;
	if (key->key_len != info->key_len || key->salt_len != info->salt_len ||
	    key->mki_len > SRTP_MKI_MAX || key->kdr > KDR_MAX)
		return E_ARG;
	return 0;
}

static const EVP_CIPHER *prf_of(const struct suite_info *suite)
{
	switch (suite->key_len) {
	case 32:
		return EVP_aes_256_ctr();
	case 24:
		return EVP_aes_192_ctr();
	default:
		return EVP_aes_128_ctr();
	}
}

int derivation_open(struct derivation *d, const struct srtp_key *key)
{
	struct derivation new = { .suite = suite_info(key->suite) };
	int r = session_check(key);

	if (r)
		return r;
	memcpy(new.salt, key->salt, key->salt_len);
	new.cipher = EVP_CIPHER_CTX_new();
	if (!new.cipher)
		r = E_NOMEM;
	else if (!EVP_EncryptInit_ex2(new.cipher, prf_of(new.suite), key->key,
				      NULL, NULL))
		r = E_INTERNAL;
	if (r)
		derivation_close(&new);
	else
		*d = new;
	return r;
}

void derivation_close(struct derivation *d)
{
	EVP_CIPHER_CTX_free(d->cipher); /* wipes */
	wipe(d, sizeof *d);
}

static int prf(struct derivation *d, int label, uint64_t index_div_rate,
	       uint8_t *out, size_t len)
{
	static const uint8_t zeroes[SRTP_KEY_MAX];
	uint8_t iv[16] = { 0 };
	int r = E_INTERNAL, n;

	memcpy(iv, d->salt, sizeof d->salt);
	iv[7] ^= (uint8_t)label;
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index_div_rate >> (40 - 8 * i));
	if (EVP_EncryptInit_ex2(d->cipher, NULL, NULL, iv, NULL) &&
	    EVP_EncryptUpdate(d->cipher, out, &n, zeroes, (int)len))
		r = 0;
	wipe(iv, sizeof iv);
	return r;
}

int derivation_run(struct derivation *d, enum session_kind kind, uint64_t r,
		   struct session *out)
{
	const struct suite_info *info = d->suite;
	int base = kind == SESSION_RTCP ? LABEL_RTCP : 0, err;
	struct session s = { .r = r };

	err = prf(d, base + LABEL_KEY, r, s.key, info->key_len);
	if (!err && info->auth_len)
		err = prf(d, base + LABEL_AUTH, r, s.auth, info->auth_len);
	if (!err)
		err = prf(d, base + LABEL_SALT, r, s.salt, info->salt_len);
	if (!err)
		*out = s;
	wipe(&s, sizeof s);
	return err;
}

int session_derive(const struct srtp_key *key, struct session *rtp,
		   struct session *rtcp)
{
	struct derivation d = { 0 };
	struct session s[2] = { 0 };
	int r = derivation_open(&d, key);

	if (!r)
		r = derivation_run(&d, SESSION_RTP, 0, &s[0]);
	if (!r)
		r = derivation_run(&d, SESSION_RTCP, 0, &s[1]);
	if (!r) {
		*rtp = s[0];
		*rtcp = s[1];
	}
	derivation_close(&d);
	wipe(s, sizeof s);
	return r;
}
