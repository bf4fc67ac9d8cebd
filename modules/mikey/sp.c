/* sp.c - security policy of SRTP to crypto suite and back (RFC 3830 6.10.1;
 * AEAD by RFC 7714 section 15: encryption algorithm, key length and parameter
 * 20 determine it, the SRTP PRF stays AES-CM).
 *
 * One table says what each parameter means, what SRTP's default is and which
 * fixed value we demand where no suite makes a difference. We speak no
 * unauthenticated SRTP or SRTCP, no unencrypted one but by the NULL cipher, no
 * SRTP prefix: such a policy is refused, never approximated. The NULL cipher
 * has no session key, so the length that a far end gives it does not count; we
 * say 16, that of the master key. */
#include "modules/mikey/sp.h"

#include "daemon/base/err.h"

#include <stdbool.h>

enum param {
	ENCR = 0,
	ENCR_KEY = 1,
	AUTH = 2,
	AUTH_KEY = 3,
	SALT = 4,
	PRF = 5,
	RATE = 6,
	RTP_ENCR = 7,
	RTCP_ENCR = 8,
	FEC = 9,
	RTP_AUTH = 10,
	TAG = 11,
	PREFIX = 12,
	AEAD_TAG = 20,
	PARAMS = 21
};

#define ANY (-1)

static const struct {
	const char *name;
	uint32_t dflt;  /* RFC 3711 section 5 and 8.2 */
	int must;       /* the one value we do, or ANY: the suite decides */
	const char *why;
} params[PARAMS] = {
	[ENCR] = { "encryption algorithm", 1, ANY, NULL },
	[ENCR_KEY] = { "session encryption key length", 16, ANY, NULL },
	[AUTH] = { "authentication algorithm", 1, ANY, NULL },
	[AUTH_KEY] = { "session authentication key length", 20, ANY, NULL },
	[SALT] = { "session salt key length", 14, ANY, NULL },
	[PRF] = { "SRTP pseudo-random function", 0, 0, "an SRTP PRF" },
	[RATE] = { "key derivation rate", 0, ANY, NULL },
	[RTP_ENCR] = { "SRTP encryption", 1, 1, "SRTP without encryption" },
	[RTCP_ENCR] = { "SRTCP encryption", 1, 1, "SRTCP without encryption" },
	[FEC] = { "sender's FEC order", 0, 0, "an FEC order" },
	[RTP_AUTH] = { "SRTP authentication", 1, ANY, NULL },
	[TAG] = { "authentication tag length", 10, ANY, NULL },
	[PREFIX] = { "SRTP prefix length", 0, 0, "an SRTP prefix" },
	[AEAD_TAG] = { "AEAD authentication tag length", 16, ANY, NULL },
};

const char *mikey_sp_name(unsigned type)
{
	return type < PARAMS ? params[type].name : NULL;
}

int mikey_sp_check(struct mikey_bytes bytes)
{
	struct reader r = reader_of(bytes.p, bytes.len);
	bool seen[256] = { false };

	while (r.len) {
		uint8_t type = reader_u8(&r);

		if (seen[type])
			return E_FORMAT;
		seen[type] = true;
		reader_bytes(&r, reader_u8(&r));
	}
	return reader_end(&r);
}

struct policy_values {
	uint32_t v[PARAMS];
	bool set[PARAMS];
};

/* A value longer than four bytes or unknown is none of ours. */
static int read_values(struct mikey_bytes bytes, struct policy_values *out)
{
	struct reader r = reader_of(bytes.p, bytes.len);

	for (size_t i = 0; i < PARAMS; i++)
		out->v[i] = params[i].dflt;
	while (r.len) {
		uint8_t type = reader_u8(&r), len = reader_u8(&r);
		const uint8_t *p = reader_bytes(&r, len);

		if (r.err)
			return r.err;
		if (!mikey_sp_name(type) || len == 0 || len > 4)
			return E_UNSUPPORTED;
		out->set[type] = true;
		out->v[type] = 0;
		for (size_t i = 0; i < len; i++)
			out->v[type] = out->v[type] << 8 | p[i];
	}
	return 0;
}

/* What of the policy an AEAD suite leaves open. RFC 7714 section 15: nothing
 * but algorithm, key length and tag; HMAC's parameters mean nothing, but one
 * that asks for HMAC contradicts. */
static bool is_aead(const struct policy_values *p, const struct suite_info *s)
{
	return p->v[AEAD_TAG] == s->rtp_tag_len &&
	       (!p->set[AUTH] || p->v[AUTH] == 0) &&
	       (!p->set[SALT] || p->v[SALT] == s->salt_len);
}

static bool is_hmac(const struct policy_values *p, const struct suite_info *s)
{
	return p->v[AUTH] == s->mikey_auth && p->v[AUTH_KEY] == s->auth_len &&
	       p->v[SALT] == s->salt_len && p->v[RTP_AUTH] == 1 &&
	       p->v[TAG] == s->rtp_tag_len && !p->set[AEAD_TAG];
}

static bool is_suite(const struct policy_values *p, const struct suite_info *s)
{
	if (p->v[ENCR] != s->mikey_encr ||
	    (p->v[ENCR_KEY] != s->key_len && !s->readable))
		return false;
	return s->aead ? is_aead(p, s) : is_hmac(p, s);
}

/* RFC 3711 3.2.1: 0 or a power of 2, at most 2^24. */
static int kdr_of(uint32_t rate, uint8_t *kdr)
{
	uint8_t n = 0;

	if (rate & (rate - 1) || rate > 1u << (KDR_MAX - 1))
		return E_UNSUPPORTED;
	while (rate >> n)
		n++;
	*kdr = n;
	return 0;
}

int mikey_sp_get(struct mikey_bytes bytes, struct mikey_sp *out,
		 const char **why)
{
	struct policy_values p = { .set = { false } };
	int r = read_values(bytes, &p);
	uint8_t kdr;

	*why = "an unknown parameter";
	if (r)
		return r;
	for (size_t i = 0; i < PARAMS; i++)
		if (params[i].why && p.v[i] != (uint32_t)params[i].must) {
			*why = params[i].why;
			return E_UNSUPPORTED;
		}
	*why = "a key derivation rate that is no power of 2 up to 2^24";
	r = kdr_of(p.v[RATE], &kdr);
	if (r)
		return r;
	for (unsigned s = 1; s < SUITE_COUNT; s++)
		if (is_suite(&p, suite_info(s))) {
			*out = (struct mikey_sp){ (enum suite)s, kdr };
			return 0;
		}
	*why = "algorithms or lengths of no suite we know";
	return E_UNSUPPORTED;
}

static void put_param(struct buf *b, enum param type, uint32_t value)
{
	uint8_t len = 1;

	while (len < 4 && value >> (8 * len))
		len++;
	buf_u8(b, (uint8_t)type);
	buf_u8(b, len);
	while (len--)
		buf_u8(b, (uint8_t)(value >> (8 * len)));
}

void mikey_sp_put(struct buf *b, const struct mikey_sp *sp)
{
	const struct suite_info *s = suite_info(sp->suite);

	put_param(b, ENCR, s->mikey_encr);
	put_param(b, ENCR_KEY, s->key_len);
	put_param(b, AUTH, s->mikey_auth);
	if (!s->aead)
		put_param(b, AUTH_KEY, s->auth_len);
	put_param(b, SALT, s->salt_len);
	put_param(b, PRF, 0);
	put_param(b, RATE, sp->kdr ? 1u << (sp->kdr - 1) : 0);
	put_param(b, RTP_ENCR, 1);
	put_param(b, RTCP_ENCR, 1);
	if (!s->aead) {
		put_param(b, RTP_AUTH, 1);
		put_param(b, TAG, s->rtp_tag_len);
	} else {
		put_param(b, AEAD_TAG, s->rtp_tag_len);
	}
}
