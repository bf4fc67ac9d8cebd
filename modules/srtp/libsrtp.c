/* libsrtp.c - the transform "libsrtp2": SRTP and SRTCP through libsrtp2.
 *
 * A second, independent implementation: tests compare evp.c with it, and an
 * operator may choose it. libsrtp2 counts packets itself, which the relay's
 * index.c must decide here, so it is held to our index:
 *
 * - RTP: every SSRC has a stream of its own, for only then can its ROC be set
 *   (srtp_set_stream_roc(), before each packet). Its window is at least as
 *   wide as ours; repeats are allowed on sending, where ours refuses them.
 *   What lies more than 2^15 behind is refused, since libsrtp2 would take it
 *   for the next ROC.
 * - SRTCP: the index cannot be set; it counts from 1. Packets are thrown away
 *   until it has caught up; index 0 is refused with E_UNSUPPORTED, so that
 *   the first report of a stream is lost.
 * - The MKI of SRTCP is taken off here: libsrtp2 (2.5) looks for it at the
 *   place that the length of RTP's tag gives, wrong with HMAC_SHA1_32.
 * - A source on the receive side is forgotten if its first packet fails.
 *
 * E_UNSUPPORTED: AES-f8 and a key derivation rate, which it does not know, and
 * AES-192: version 2.5 derives its session keys with AES-256 and the salt's
 * first bytes at the end of the key, which no RFC says.
 * What its replay list refuses comes as E_REPLAY. For one thread at a time. */
#include "modules/srtp/transforms.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"
#include "daemon/relay/index.h"
#include "modules/srtp/session.h"

#include <srtp2/srtp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 1024 /* packets; INDEX_RTP_WORDS * 64 */
#define RTCP_SKIP_MAX 1000
#define RTCP_LEAST 8
#define INDEX_LEN 4

struct source {
	uint32_t ssrc;
	uint32_t rtcp_next; /* the index of libsrtp2's next SRTCP packet */
	uint64_t top;       /* highest RTP index that went well */
	bool proved;        /* something went well */
};

struct transform_key {
	srtp_t srtp;
	const struct suite_info *suite;
	bool send;
	unsigned count;
	struct source sources[INDEX_SSRC_MAX];
	srtp_policy_t policy;
	srtp_master_key_t master, *masters[1];
	uint8_t key[SRTP_KEY_MAX + SRTP_SALT_MAX];
	uint8_t mki[SRTP_MKI_MAX];
};

/* Set before and reset after any thread. kept is a key that holds libsrtp2's
 * cryptographic library in memory: see libsrtp2_start(). */
static bool started;
static struct transform_key *kept;

static int error_of(srtp_err_status_t status)
{
	switch (status) {
	case srtp_err_status_ok:
		return 0;
	case srtp_err_status_auth_fail:
	case srtp_err_status_bad_mki:
	case srtp_err_status_cant_check: /* the E bit */
		return E_AUTH;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
	case srtp_err_status_pkt_idx_old:
		return E_REPLAY;
	case srtp_err_status_alloc_fail:
		return E_NOMEM;
	case srtp_err_status_key_expired:
		return E_STATE;
	case srtp_err_status_bad_param:
	case srtp_err_status_parse_err:
		return E_FORMAT;
	default:
		return E_INTERNAL;
	}
}

static void lib_close(struct transform_key *t)
{
	if (!t)
		return;
	if (t->srtp)
		srtp_dealloc(t->srtp);
	wipe(t, sizeof *t);
	free(t);
}

typedef void (*set_fn)(srtp_crypto_policy_t *p);

/* The default is AES_CM_128_HMAC_SHA1_80. RTCP keeps 80 bits with _32, see
 * suite.c. */
static const struct {
	set_fn rtp, rtcp;
} setters[SUITE_COUNT] = {
	[SUITE_AES_CM_128_HMAC_SHA1_80] = {
		srtp_crypto_policy_set_rtp_default,
		srtp_crypto_policy_set_rtp_default },
	[SUITE_AES_CM_128_HMAC_SHA1_32] = {
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
		srtp_crypto_policy_set_rtp_default },
	[SUITE_AES_256_CM_HMAC_SHA1_80] = {
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80 },
	[SUITE_AES_256_CM_HMAC_SHA1_32] = {
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80 },
	[SUITE_NULL_HMAC_SHA1_80] = {
		srtp_crypto_policy_set_null_cipher_hmac_sha1_80,
		srtp_crypto_policy_set_null_cipher_hmac_sha1_80 },
	[SUITE_AEAD_AES_128_GCM] = {
		srtp_crypto_policy_set_aes_gcm_128_16_auth,
		srtp_crypto_policy_set_aes_gcm_128_16_auth },
	[SUITE_AEAD_AES_256_GCM] = {
		srtp_crypto_policy_set_aes_gcm_256_16_auth,
		srtp_crypto_policy_set_aes_gcm_256_16_auth },
};

bool libsrtp2_does(unsigned suite)
{
	return suite < SUITE_COUNT && setters[suite].rtp;
}

static void set_policy(struct transform_key *t, const struct srtp_key *key)
{
	memcpy(t->key, key->key, key->key_len);
	memcpy(t->key + key->key_len, key->salt, key->salt_len);
	memcpy(t->mki, key->mki, key->mki_len);
	t->master = (srtp_master_key_t){ t->key, t->mki, key->mki_len };
	t->masters[0] = &t->master;
	setters[key->suite].rtp(&t->policy.rtp);
	setters[key->suite].rtcp(&t->policy.rtcp);
	t->policy.keys = t->masters;
	t->policy.num_master_keys = 1;
	t->policy.window_size = WINDOW;
	t->policy.allow_repeat_tx = 1;
	t->policy.ssrc.type = ssrc_specific;
}

static int add_stream(struct transform_key *t, uint32_t ssrc)
{
	t->policy.ssrc.value = ssrc;
	return error_of(srtp_add_stream(t->srtp, &t->policy));
}

static int lib_open(const struct srtp_key *key, int send,
		    struct transform_key **out)
{
	struct transform_key *t;
	int r = session_check(key);

	if (r)
		return r;
	if (!started)
		return E_STATE;
	if (key->kdr || !libsrtp2_does(key->suite))
		return E_UNSUPPORTED;
	t = calloc(1, sizeof *t);
	if (!t)
		return E_NOMEM;
	t->suite = suite_info(key->suite);
	t->send = send != 0;
	set_policy(t, key);
	r = error_of(srtp_create(&t->srtp, NULL));
	/* a key or suite that libsrtp2 does not take must fail now */
	if (!r)
		r = add_stream(t, 0);
	if (!r)
		r = error_of(srtp_remove_stream(t->srtp, 0));
	if (r) {
		lib_close(t);
		return r == E_INTERNAL ? E_UNSUPPORTED : r;
	}
	*out = t;
	return 0;
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static int source(struct transform_key *t, uint32_t ssrc, struct source **out)
{
	unsigned i = 0;
	int r;

	while (i < t->count && t->sources[i].ssrc != ssrc)
		i++;
	if (i == INDEX_SSRC_MAX)
		return E_FULL;
	if (i == t->count) {
		r = add_stream(t, ssrc);
		if (r)
			return r;
		t->count++;
		t->sources[i] = (struct source){ .ssrc = ssrc, .rtcp_next = 1 };
	}
	*out = &t->sources[i];
	return 0;
}

/* A source that nothing was heard of properly makes room again. It is the
 * last one, since all before it were proved. */
static void drop_unproved(struct transform_key *t, struct source *s)
{
	if (s->proved)
		return;
	srtp_remove_stream(t->srtp, s->ssrc);
	t->count--;
}

static int lib_rtp(struct transform_key *t, uint8_t *pkt, size_t *len,
		   uint64_t index)
{
	unsigned mki = t->master.mki_size != 0;
	int n = (int)*len, r;
	struct source *s;

	r = source(t, get_u32(pkt + 8), &s);
	if (r)
		return r;
	if (s->top > index && s->top - index > 0x8000)
		return E_REPLAY;
	r = error_of(srtp_set_stream_roc(t->srtp, s->ssrc,
					 (uint32_t)(index >> 16)));
	if (!r && t->send)
		r = error_of(srtp_protect_mki(t->srtp, pkt, &n, mki, 0));
	else if (!r)
		r = error_of(srtp_unprotect_mki(t->srtp, pkt, &n, mki));
	if (r) {
		drop_unproved(t, s);
		return r;
	}
	s->proved = true;
	if (index > s->top)
		s->top = index;
	*len = (size_t)n;
	return 0;
}

static int check_rtp(const uint8_t *pkt, size_t len, size_t hdr_len,
		     uint64_t index)
{
	uint16_t seq = len < 12 ? 0 : (uint16_t)(pkt[2] << 8 | pkt[3]);

	if (hdr_len < 12 || hdr_len > len || len > UINT16_MAX ||
	    index >> 48 || (uint16_t)index != seq)
		return E_ARG;
	return 0;
}

static int lib_protect_rtp(struct transform_key *t, uint8_t *pkt, size_t *len,
			   size_t hdr_len, uint64_t index)
{
	int r = t->send ? check_rtp(pkt, *len, hdr_len, index) : E_ARG;

	return r ? r : lib_rtp(t, pkt, len, index);
}

static int lib_open_rtp(struct transform_key *t, uint8_t *pkt, size_t *len,
			size_t hdr_len, uint64_t index)
{
	int r;

	if (*len < hdr_len + t->suite->rtp_tag_len + t->master.mki_size)
		return E_FORMAT;
	r = t->send ? E_ARG : check_rtp(pkt, *len, hdr_len, index);
	return r ? r : lib_rtp(t, pkt, len, index);
}

/* Makes libsrtp2's counter reach index. */
static int skip_to(struct transform_key *t, struct source *s, uint32_t index)
{
	uint8_t empty[RTCP_LEAST + TRANSFORM_ROOM + 16];
	int r = 0;

	if (!index || (index > s->rtcp_next &&
		       index - s->rtcp_next > RTCP_SKIP_MAX))
		return E_UNSUPPORTED;
	if (index < s->rtcp_next)
		return E_REPLAY;
	for (; !r && s->rtcp_next < index; s->rtcp_next++) {
		int n = RTCP_LEAST;

		memset(empty, 0, sizeof empty);
		memcpy(empty, "\x80\xc9\x00\x01", 4); /* an RR */
		for (int i = 0; i < 4; i++)
			empty[4 + i] = (uint8_t)(s->ssrc >> (24 - 8 * i));
		r = error_of(srtp_protect_rtcp_mki(t->srtp, empty, &n, 0, 0));
	}
	return r;
}

static int lib_protect_rtcp(struct transform_key *t, uint8_t *pkt, size_t *len,
			    uint32_t index)
{
	struct source *s;
	int n = (int)*len, r;

	if (!t->send || *len < RTCP_LEAST || *len > UINT16_MAX ||
	    index >= INDEX_RTCP_LIMIT)
		return E_ARG;
	r = source(t, get_u32(pkt + 4), &s);
	if (r)
		return r;
	s->proved = true; /* our own */
	r = skip_to(t, s, index);
	if (r)
		return r;
	r = error_of(srtp_protect_rtcp_mki(t->srtp, pkt, &n,
					   t->master.mki_size != 0, 0));
	if (r)
		return r;
	s->rtcp_next++;
	*len = (size_t)n;
	return 0;
}

/* Takes the MKI out: with CM it stands before the tag, with GCM behind it and
 * the index. E_AUTH if it is another. */
static int cut_mki(const struct transform_key *t, uint8_t *pkt, size_t *len)
{
	size_t mki_len = t->master.mki_size;
	size_t behind = t->suite->aead ? 0 : t->suite->rtcp_tag_len;
	uint8_t *at = pkt + *len - behind - mki_len;

	if (memcmp(at, t->mki, mki_len))
		return E_AUTH;
	memmove(at, at + mki_len, behind);
	*len -= mki_len;
	return 0;
}

static int lib_open_rtcp(struct transform_key *t, uint8_t *pkt, size_t *len,
			 uint32_t *index)
{
	size_t tag_len = t->suite->rtcp_tag_len, n = *len;
	struct source *s;
	uint32_t word;
	int r, out;

	if (t->send || n > UINT16_MAX)
		return E_ARG;
	if (n < RTCP_LEAST + INDEX_LEN + tag_len + t->master.mki_size)
		return E_FORMAT;
	r = cut_mki(t, pkt, &n);
	if (!r)
		r = source(t, get_u32(pkt + 4), &s);
	if (r)
		return r;
	word = get_u32(pkt + n - INDEX_LEN - (t->suite->aead ? 0 : tag_len));
	out = (int)n;
	r = error_of(srtp_unprotect_rtcp_mki(t->srtp, pkt, &out, 0));
	if (r) {
		drop_unproved(t, s);
		return r;
	}
	s->proved = true;
	*index = word & 0x7fffffff;
	*len = (size_t)out;
	return 0;
}

const struct transform libsrtp2_transform = {
	.name = "libsrtp2",
	.open = lib_open,
	.close = lib_close,
	.protect_rtp = lib_protect_rtp,
	.open_rtp = lib_open_rtp,
	.protect_rtcp = lib_protect_rtcp,
	.open_rtcp = lib_open_rtcp,
};

/* Debian's libsrtp2 uses NSS, which loads its libraries with the first key and
 * drops them with the last. A confined process cannot load anything: one key
 * is opened and used before, and kept. */
static int keep_key(void)
{
	const struct srtp_key key = { .suite = SUITE_AES_CM_128_HMAC_SHA1_80,
				      .key_len = 16, .salt_len = 14 };
	uint8_t pkt[12 + TRANSFORM_ROOM] = { 0x80 };
	size_t len = 12;
	int r = lib_open(&key, 1, &kept);

	return r ? r : lib_protect_rtp(kept, pkt, &len, len, 0);
}

int libsrtp2_start(void)
{
	int r = E_INTERNAL;

	if (started)
		return E_STATE;
	if (srtp_init() == srtp_err_status_ok) {
		started = true;
		r = keep_key();
	}
	if (r) {
		log_error("srtp", "libsrtp2 does not start: %s; reinstall "
			  "libsrtp2-1 and libnss3", err_text(r));
		libsrtp2_stop();
	}
	return r;
}

void libsrtp2_stop(void)
{
	lib_close(kept);
	kept = NULL;
	if (started)
		srtp_shutdown();
	started = false;
}
