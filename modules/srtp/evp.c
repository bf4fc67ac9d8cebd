/* evp.c - the transform "evp": SRTP and SRTCP on OpenSSL's EVP.
 *
 * AES-CM of 128 bits with HMAC-SHA1 of 80 or 32 by RFC 3711 sections 3.1, 3.4,
 * 4.1.1 and 4.2.1, of 192 and 256 by RFC 6188, AES-f8 by RFC 3711 4.1.2,
 * AES-GCM of 128 and 256 bits by RFC 7714 sections 8 and 9; a key of one
 * direction, an MKI of fixed length or none, any key derivation rate. Layouts,
 * f8's being CM's, and the NULL cipher's (4.1), whose E bit is 0:
 *
 *   RTP,  CM    header, payload*, MKI, tag       tag over header..payload, ROC
 *   RTP,  GCM   header, payload*, tag, MKI       AAD: header
 *   RTCP, CM    8 bytes, rest*, E+index, MKI, tag       tag over all before MKI
 *   RTCP, GCM   8 bytes, rest*, tag, E+index, MKI        AAD: 8 bytes, E+index
 *
 * A key costs one cipher context, keyed for RTP, with CM a mac.c, with f8 one
 * cipher context more. RTCP is rare: it borrows the cipher, re-keyed, and
 * hashes HMAC's key anew.
 *
 * With a key derivation rate the session keys are those of the last packet's
 * index DIV rate; a packet of another one has them derived anew, forged or not:
 * they are a function of master key and index alone, so no packet can spoil
 * the next one's.
 *
 * Not done: unencrypted SRTCP under a cipher (there the E bit must be set),
 * RFC 6904. */
#include "modules/srtp/transforms.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "modules/srtp/keystream.h"
#include "modules/srtp/mac.h"
#include "modules/srtp/session.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_MAX 65535 /* far below the 2^16 blocks of a key stream */
#define RTP_CLEAR 12     /* the least header of RTP */
#define RTCP_CLEAR 8     /* bytes of RTCP that are never encrypted */
#define INDEX_LEN 4      /* E bit and SRTCP index */
#define E_BIT 0x80000000u
#define TAG_MAX 16
#define STALE UINT64_MAX /* a session that has no keys; r has 48 bits */

struct transform_key {
	const struct suite_info *suite;
	const struct session *keyed; /* whose key the cipher holds, or NULL */
	EVP_CIPHER_CTX *cipher;
	EVP_CIPHER_CTX *mask; /* f8 only: AES under k_e XOR m */
	struct mac mac; /* with RTP's key; not open with GCM */
	struct derivation derivation; /* open with a key derivation rate */
	uint8_t kdr, mki_len, send;
	uint8_t mki[SRTP_MKI_MAX];
	struct session rtp, rtcp;
};

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* -- ciphers -------------------------------------------------------------- */

static int mask_start(struct transform_key *t, const struct session *s)
{
	uint8_t key[SRTP_KEY_MAX];
	int r = E_INTERNAL;

	keystream_f8_mask(s->key, t->suite->key_len, s->salt,
			  t->suite->salt_len, key);
	if (EVP_CipherInit_ex2(t->mask, NULL, key, NULL, -1, NULL))
		r = 0;
	wipe(key, sizeof key);
	return r;
}

/* Sets the key unless the cipher holds it already, and the IV if it has one. */
static int cipher_start(struct transform_key *t, const struct session *s,
			const uint8_t *iv, const OSSL_PARAM *params)
{
	const uint8_t *key = t->keyed == s ? NULL : s->key;

	if (!key && !iv)
		return 0;
	t->keyed = NULL; /* should it fail */
	if (!EVP_CipherInit_ex2(t->cipher, NULL, key, iv, -1, params))
		return E_INTERNAL;
	if (key && t->mask && mask_start(t, s))
		return E_INTERNAL;
	t->keyed = s;
	return 0;
}

/* Encrypts or decrypts, which is the same. Counter mode uses 14 bytes of the
 * IV. */
static int stream(struct transform_key *t, const struct session *s,
		  const uint8_t iv[static 16], uint8_t *p, size_t len)
{
	static const uint8_t zero[16];
	int r;

	if (t->suite->readable)
		return 0;
	r = cipher_start(t, s, t->mask ? zero : NULL, NULL);
	if (r)
		return r;
	return t->mask ? keystream_f8(t->cipher, t->mask, iv, p, len) :
			 keystream_cm(t->cipher, iv, p, len);
}

/* The IV is salt * 2^16 ^ SSRC * 2^64 ^ index * 2^16. */
static void cm_iv(const struct session *s, uint32_t ssrc, uint64_t index,
		  uint8_t iv[static 16])
{
	memset(iv, 0, 16);
	put_u32(iv + 4, ssrc);
	put_u32(iv + 8, (uint32_t)(index >> 16));
	iv[12] = (uint8_t)(index >> 8);
	iv[13] = (uint8_t)index;
	xor_bytes(iv, s->salt, sizeof s->salt);
}

/* f8's IV is the packet's header without its first octet, and the ROC:
 * RFC 3711 4.1.2.2. */
static int stream_rtp(struct transform_key *t, uint8_t *pkt, size_t len,
		      size_t hdr_len, uint64_t index)
{
	uint8_t iv[16] = { 0 };

	if (t->mask) {
		memcpy(iv + 1, pkt + 1, RTP_CLEAR - 1);
		put_u32(iv + 12, (uint32_t)(index >> 16));
	} else {
		cm_iv(&t->rtp, get_u32(pkt + 8), index, iv);
	}
	return stream(t, &t->rtp, iv, pkt + hdr_len, len - hdr_len);
}

/* word is E bit and index; f8's IV ends with the first header: 4.1.2.3. */
static int stream_rtcp(struct transform_key *t, uint8_t *pkt, size_t len,
		       const uint8_t *word)
{
	uint8_t iv[16] = { 0 };

	if (t->mask) {
		memcpy(iv + 4, word, INDEX_LEN);
		memcpy(iv + 8, pkt, RTCP_CLEAR);
	} else {
		cm_iv(&t->rtcp, get_u32(pkt + 4), get_u32(word) & ~E_BIT, iv);
	}
	return stream(t, &t->rtcp, iv, pkt + RTCP_CLEAR, len - RTCP_CLEAR);
}

/* One message of GCM: the tag is read or written at tag. */
struct gcm {
	const struct session *session;
	uint8_t iv[12];
	const uint8_t *aad, *aad2; /* aad2: E bit and index, or NULL */
	size_t aad_len;
	uint8_t *data, *tag;
	size_t len;
};

/* RFC 7714 8.1 and 9.1: the index fills the last 6 bytes, of which SRTCP's
 * has 31 bits. */
static void gcm_iv(struct gcm *m, uint32_t ssrc, uint64_t index)
{
	m->iv[0] = m->iv[1] = 0;
	put_u32(m->iv + 2, ssrc);
	m->iv[6] = (uint8_t)(index >> 40);
	m->iv[7] = (uint8_t)(index >> 32);
	put_u32(m->iv + 8, (uint32_t)index);
	xor_bytes(m->iv, m->session->salt, sizeof m->iv);
}

static int gcm_data(struct transform_key *t, const struct gcm *m)
{
	int n;

	if (!EVP_CipherUpdate(t->cipher, NULL, &n, m->aad, (int)m->aad_len))
		return E_INTERNAL;
	if (m->aad2 &&
	    !EVP_CipherUpdate(t->cipher, NULL, &n, m->aad2, INDEX_LEN))
		return E_INTERNAL;
	if (!EVP_CipherUpdate(t->cipher, m->data, &n, m->data, (int)m->len))
		return E_INTERNAL;
	return 0;
}

static int gcm_seal(struct transform_key *t, const struct gcm *m)
{
	OSSL_PARAM tag[] = {
		OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
						  m->tag, TAG_MAX),
		OSSL_PARAM_construct_end(),
	};
	uint8_t none[1];
	int r = cipher_start(t, m->session, m->iv, NULL), n;

	if (!r)
		r = gcm_data(t, m);
	if (!r && (!EVP_CipherFinal_ex(t->cipher, none, &n) ||
		   !EVP_CIPHER_CTX_get_params(t->cipher, tag)))
		r = E_INTERNAL;
	return r;
}

static int gcm_open(struct transform_key *t, const struct gcm *m)
{
	const OSSL_PARAM tag[] = {
		OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
						  m->tag, TAG_MAX),
		OSSL_PARAM_construct_end(),
	};
	uint8_t none[1];
	int r = cipher_start(t, m->session, m->iv, tag), n;

	if (!r)
		r = gcm_data(t, m);
	if (!r && !EVP_CipherFinal_ex(t->cipher, none, &n))
		r = E_AUTH;
	return r;
}

/* -- the transform -------------------------------------------------------- */

static void evp_close(struct transform_key *t)
{
	if (!t)
		return;
	EVP_CIPHER_CTX_free(t->cipher); /* these wipe what they hold */
	EVP_CIPHER_CTX_free(t->mask);
	mac_close(&t->mac);
	derivation_close(&t->derivation);
	wipe(t, sizeof *t);
	free(t);
}

static const EVP_CIPHER *cipher_of(const struct suite_info *suite)
{
	if (suite->f8)
		return EVP_aes_128_cbc();
	switch (suite->key_len) {
	case 32:
		return suite->aead ? EVP_aes_256_gcm() : EVP_aes_256_ecb();
	case 24:
		return EVP_aes_192_ecb();
	default:
		return suite->aead ? EVP_aes_128_gcm() : EVP_aes_128_ecb();
	}
}

static int mask_open(struct transform_key *t)
{
	t->mask = EVP_CIPHER_CTX_new();
	if (!t->mask)
		return E_NOMEM;
	if (!EVP_EncryptInit_ex2(t->mask, EVP_aes_128_ecb(), NULL, NULL,
				 NULL) ||
	    !EVP_CIPHER_CTX_set_padding(t->mask, 0))
		return E_INTERNAL;
	return mask_start(t, &t->rtp);
}

/* The session keys are set. Key streams encrypt in both directions. */
static int contexts_open(struct transform_key *t)
{
	int encrypt = t->send || !t->suite->aead, r = 0;

	t->cipher = EVP_CIPHER_CTX_new();
	if (!t->cipher)
		return E_NOMEM;
	if (!EVP_CipherInit_ex2(t->cipher, cipher_of(t->suite), t->rtp.key,
				NULL, encrypt, NULL))
		return E_INTERNAL;
	t->keyed = &t->rtp;
	if (t->suite->aead)
		return 0;
	if (!EVP_CIPHER_CTX_set_padding(t->cipher, 0))
		return E_INTERNAL;
	if (t->suite->f8)
		r = mask_open(t);
	return r ? r : mac_open(&t->mac, t->rtp.auth);
}

/* The first session keys; without a rate they are the last. */
static int derive(struct transform_key *t, const struct srtp_key *key)
{
	int r = derivation_open(&t->derivation, key);

	if (!r)
		r = derivation_run(&t->derivation, SESSION_RTP, 0, &t->rtp);
	if (!r)
		r = derivation_run(&t->derivation, SESSION_RTCP, 0, &t->rtcp);
	if (!key->kdr)
		derivation_close(&t->derivation);
	return r;
}

/* Makes s, which is t's rtp or rtcp, the session of a packet. */
static int session_of(struct transform_key *t, struct session *s,
		      uint64_t index)
{
	uint64_t i = t->kdr ? index >> (t->kdr - 1) : 0;
	bool rtp = s == &t->rtp;
	int r;

	if (s->r == i)
		return 0;
	if (t->keyed == s)
		t->keyed = NULL;
	s->r = STALE;
	r = derivation_run(&t->derivation, rtp ? SESSION_RTP : SESSION_RTCP, i,
			   s);
	if (!r && rtp && !t->suite->aead)
		r = mac_key(&t->mac, s->auth);
	if (r)
		s->r = STALE;
	return r;
}

static int evp_open(const struct srtp_key *key, int send,
		    struct transform_key **out)
{
	struct transform_key *t;
	int r = session_check(key);

	if (r)
		return r;
	t = calloc(1, sizeof *t);
	if (!t)
		return E_NOMEM;
	t->suite = suite_info(key->suite);
	t->send = send != 0;
	t->kdr = key->kdr;
	t->mki_len = key->mki_len;
	memcpy(t->mki, key->mki, key->mki_len);
	r = derive(t, key);
	if (!r)
		r = contexts_open(t);
	if (r) {
		evp_close(t);
		return r;
	}
	*out = t;
	return 0;
}

static void put_mki(const struct transform_key *t, uint8_t *p)
{
	memcpy(p, t->mki, t->mki_len);
}

/* The MKI is in no tag: it must be compared. It is no secret. */
static int check_mki(const struct transform_key *t, const uint8_t *p)
{
	return memcmp(p, t->mki, t->mki_len) ? E_AUTH : 0;
}

/* -- RTP ------------------------------------------------------------------ */

/* A packet under an index that is not its own would be a lost one on the one
 * side, a key stream used twice on the other. */
static int check_rtp(const uint8_t *pkt, size_t len, size_t hdr_len,
		     uint64_t index)
{
	if (hdr_len < RTP_CLEAR || hdr_len > len || len > PACKET_MAX ||
	    index >> 48 || (uint16_t)index != (pkt[2] << 8 | pkt[3]))
		return E_ARG;
	return 0;
}

static struct gcm gcm_rtp(const struct transform_key *t, uint8_t *pkt,
			  size_t len, size_t hdr_len, uint64_t index)
{
	struct gcm m = {
		.session = &t->rtp,
		.aad = pkt,
		.aad_len = hdr_len,
		.data = pkt + hdr_len,
		.len = len - hdr_len,
		.tag = pkt + len,
	};

	gcm_iv(&m, get_u32(pkt + 8), index);
	return m;
}

/* The tag is over the packet and the ROC. This stands behind the packet for
 * a moment: where MKI and tag will be or have been. */
static int mac_rtp(struct transform_key *t, uint8_t *pkt, size_t len,
		   uint64_t index, uint8_t out[static MAC_LEN])
{
	put_u32(pkt + len, (uint32_t)(index >> 16));
	return mac_make(&t->mac, pkt, len + 4, out);
}

static int evp_protect_rtp(struct transform_key *t, uint8_t *pkt, size_t *len,
			   size_t hdr_len, uint64_t index)
{
	size_t n = *len, tag_len = t->suite->rtp_tag_len;
	int r = t->send ? check_rtp(pkt, n, hdr_len, index) : E_ARG;
	uint8_t tag[MAC_LEN];

	if (!r)
		r = session_of(t, &t->rtp, index);
	if (r)
		return r;
	if (t->suite->aead) {
		struct gcm m = gcm_rtp(t, pkt, n, hdr_len, index);

		r = gcm_seal(t, &m);
		put_mki(t, pkt + n + tag_len);
	} else {
		r = stream_rtp(t, pkt, n, hdr_len, index);
		if (!r)
			r = mac_rtp(t, pkt, n, index, tag);
		if (r)
			return r;
		put_mki(t, pkt + n);
		memcpy(pkt + n + t->mki_len, tag, tag_len);
	}
	if (!r)
		*len = n + tag_len + t->mki_len;
	return r;
}

static int open_rtp_cm(struct transform_key *t, uint8_t *pkt, size_t n,
		       size_t hdr_len, uint64_t index)
{
	size_t tag_len = t->suite->rtp_tag_len;
	uint8_t got[TAG_MAX], tag[MAC_LEN];
	int r = check_mki(t, pkt + n);

	if (r)
		return r;
	memcpy(got, pkt + n + t->mki_len, tag_len);
	r = mac_rtp(t, pkt, n, index, tag);
	if (r)
		return r;
	if (!equal_ct(got, tag, tag_len))
		return E_AUTH;
	return stream_rtp(t, pkt, n, hdr_len, index);
}

static int open_rtp_gcm(struct transform_key *t, uint8_t *pkt, size_t n,
			size_t hdr_len, uint64_t index)
{
	struct gcm m = gcm_rtp(t, pkt, n, hdr_len, index);
	int r = check_mki(t, m.tag + TAG_MAX);

	return r ? r : gcm_open(t, &m);
}

static int evp_open_rtp(struct transform_key *t, uint8_t *pkt, size_t *len,
			size_t hdr_len, uint64_t index)
{
	size_t extra = t->suite->rtp_tag_len + (size_t)t->mki_len, n;
	int r;

	if (*len < extra + hdr_len)
		return E_FORMAT;
	n = *len - extra;
	r = t->send ? E_ARG : check_rtp(pkt, n, hdr_len, index);
	if (!r)
		r = session_of(t, &t->rtp, index);
	if (!r)
		r = t->suite->aead ? open_rtp_gcm(t, pkt, n, hdr_len, index) :
				     open_rtp_cm(t, pkt, n, hdr_len, index);
	if (!r)
		*len = n;
	return r;
}

/* -- RTCP ----------------------------------------------------------------- */

/* word is where E bit and index stand in the packet. */
static struct gcm gcm_rtcp(const struct transform_key *t, uint8_t *pkt,
			   size_t len, const uint8_t *word)
{
	struct gcm m = {
		.session = &t->rtcp,
		.aad = pkt,
		.aad_len = RTCP_CLEAR,
		.aad2 = word,
		.data = pkt + RTCP_CLEAR,
		.len = len - RTCP_CLEAR,
		.tag = pkt + len,
	};

	gcm_iv(&m, get_u32(pkt + 4), get_u32(word) & ~E_BIT);
	return m;
}

static int evp_protect_rtcp(struct transform_key *t, uint8_t *pkt, size_t *len,
			    uint32_t index)
{
	size_t n = *len, tag_len = t->suite->rtcp_tag_len;
	uint8_t *word = pkt + n + (t->suite->aead ? TAG_MAX : 0);
	uint8_t tag[MAC_LEN];
	int r;

	if (!t->send || n < RTCP_CLEAR || n > PACKET_MAX || index & E_BIT)
		return E_ARG;
	r = session_of(t, &t->rtcp, index);
	if (r)
		return r;
	put_u32(word, (t->suite->readable ? 0 : E_BIT) | index);
	put_mki(t, word + INDEX_LEN);
	if (t->suite->aead) {
		struct gcm m = gcm_rtcp(t, pkt, n, word);

		r = gcm_seal(t, &m);
	} else {
		r = stream_rtcp(t, pkt, n, word);
		if (!r)
			r = mac_make_with(&t->mac, t->rtcp.auth, pkt,
					  n + INDEX_LEN, tag);
		if (!r)
			memcpy(word + INDEX_LEN + t->mki_len, tag, tag_len);
	}
	if (!r)
		*len = n + INDEX_LEN + t->mki_len + tag_len;
	return r;
}

static int open_rtcp_cm(struct transform_key *t, uint8_t *pkt, size_t n)
{
	const uint8_t *word = pkt + n;
	uint8_t tag[MAC_LEN];
	int r = mac_make_with(&t->mac, t->rtcp.auth, pkt, n + INDEX_LEN, tag);

	if (r)
		return r;
	if (!equal_ct(word + INDEX_LEN + t->mki_len, tag,
		      t->suite->rtcp_tag_len))
		return E_AUTH;
	return stream_rtcp(t, pkt, n, word);
}

static int evp_open_rtcp(struct transform_key *t, uint8_t *pkt, size_t *len,
			 uint32_t *index)
{
	size_t extra = t->suite->rtcp_tag_len + INDEX_LEN + (size_t)t->mki_len;
	const uint8_t *word;
	size_t n;
	int r;

	if (t->send || *len > PACKET_MAX)
		return E_ARG;
	if (*len < RTCP_CLEAR + extra)
		return E_FORMAT;
	n = *len - extra;
	word = pkt + n + (t->suite->aead ? TAG_MAX : 0);
	if ((!(get_u32(word) & E_BIT) && !t->suite->readable) ||
	    check_mki(t, word + INDEX_LEN))
		return E_AUTH;
	r = session_of(t, &t->rtcp, get_u32(word) & ~E_BIT);
	if (r)
		return r;
	if (t->suite->aead) {
		struct gcm m = gcm_rtcp(t, pkt, n, word);

		r = gcm_open(t, &m);
	} else {
		r = open_rtcp_cm(t, pkt, n);
	}
	if (r)
		return r;
	*index = get_u32(word) & ~E_BIT;
	*len = n;
	return 0;
}

const struct transform evp_transform = {
	.name = "evp",
	.open = evp_open,
	.close = evp_close,
	.protect_rtp = evp_protect_rtp,
	.open_rtp = evp_open_rtp,
	.protect_rtcp = evp_protect_rtcp,
	.open_rtcp = evp_open_rtcp,
};
