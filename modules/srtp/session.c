/* session.c - session keys from a master key. See session.h.
 *
 * RFC 3711 4.3: the pseudo-random function is AES in counter mode under the
 * master key; its block starts from the master salt with the label in octet
 * 7. RFC 6188 section 3 does the same with AES-256, RFC 7714 section 11 with a
 * 12-byte salt, which is followed by zeroes. Only a key derivation rate of 0
 * is done: keys are derived once, r is 0. */
#include "modules/srtp/session.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <openssl/evp.h>
#include <string.h>

/* RFC 3711 4.3.2: of RTP; RTCP's are LABEL_RTCP higher. */
enum { LABEL_KEY, LABEL_AUTH, LABEL_SALT, LABEL_RTCP };

int session_check(const struct srtp_key *key)
{
	const struct suite_info *info = suite_info(key->suite);

	if (!info)
		return E_UNSUPPORTED;
	if (key->key_len != info->key_len || key->salt_len != info->salt_len ||
	    key->mki_len > SRTP_MKI_MAX)
		return E_ARG;
	return 0;
}

/* The cipher holds the master key. */
static int prf(EVP_CIPHER_CTX *cipher, const struct srtp_key *key, int label,
	       uint8_t *out, size_t len)
{
	static const uint8_t zeroes[SRTP_KEY_MAX];
	uint8_t iv[16] = { 0 };
	int r = E_INTERNAL, n;

	memcpy(iv, key->salt, key->salt_len);
	iv[7] ^= (uint8_t)label;
	if (EVP_EncryptInit_ex2(cipher, NULL, NULL, iv, NULL) &&
	    EVP_EncryptUpdate(cipher, out, &n, zeroes, (int)len))
		r = 0;
	wipe(iv, sizeof iv);
	return r;
}

static int derive(EVP_CIPHER_CTX *cipher, const struct srtp_key *key, int base,
		  struct session *out)
{
	const struct suite_info *info = suite_info(key->suite);
	int r = prf(cipher, key, base + LABEL_KEY, out->key, info->key_len);

	if (!r && info->auth_len)
		r = prf(cipher, key, base + LABEL_AUTH, out->auth,
			info->auth_len);
	if (!r)
		r = prf(cipher, key, base + LABEL_SALT, out->salt,
			info->salt_len);
	return r;
}

int session_derive(const struct srtp_key *key, struct session *rtp,
		   struct session *rtcp)
{
	struct session s[2] = { 0 };
	EVP_CIPHER_CTX *cipher = NULL;
	int r = session_check(key);

	if (r)
		return r;
	r = E_NOMEM;
	cipher = EVP_CIPHER_CTX_new();
	if (!cipher)
		goto out;
	r = E_INTERNAL;
	if (!EVP_EncryptInit_ex2(cipher,
				 key->key_len == 32 ? EVP_aes_256_ctr() :
						      EVP_aes_128_ctr(),
				 key->key, NULL, NULL))
		goto out;
	r = derive(cipher, key, 0, &s[0]);
	if (!r)
		r = derive(cipher, key, LABEL_RTCP, &s[1]);
	if (r)
		goto out;
	*rtp = s[0];
	*rtcp = s[1];
out:
	EVP_CIPHER_CTX_free(cipher);
	wipe(s, sizeof s);
	return r;
}
