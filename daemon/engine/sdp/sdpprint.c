/* sdpprint.c - fingerprints in SDP (RFC 4572 section 5, RFC 6193 8.2). See
 * sdpike.h. */
#include "daemon/engine/sdp/sdpike.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "daemon/engine/sdp/sdptext.h"

#include <openssl/evp.h>
#include <string.h>

static const struct {
	const char *name;
	size_t len;
	const EVP_MD *(*md)(void);
} hashes[SDP_HASHES] = {
	[SDP_HASH_SHA1] = { "SHA-1", 20, EVP_sha1 },
	[SDP_HASH_SHA224] = { "SHA-224", 28, EVP_sha224 },
	[SDP_HASH_SHA256] = { "SHA-256", 32, EVP_sha256 },
	[SDP_HASH_SHA384] = { "SHA-384", 48, EVP_sha384 },
	[SDP_HASH_SHA512] = { "SHA-512", 64, EVP_sha512 },
};

static enum sdp_hash hash_named(struct sdp_text name)
{
	for (int h = SDP_HASH_SHA1; h < SDP_HASHES; h++)
		if (sdp_is(name, hashes[h].name))
			return (enum sdp_hash)h;
	return SDP_HASH_NONE;
}

static int digit(char c)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	const char *at = c ? strchr(digits, c) : NULL;
	int v = at ? (int)(at - digits) : -1;

	return v > 15 ? v - 6 : v;
}

/* 2UHEX *(":" 2UHEX); bytes past the room are only checked. */
static int read_bytes(struct sdp_text t, uint8_t out[static SDP_PRINT_MAX],
		      size_t *len)
{
	size_t n = (t.len + 1) / 3;

	if (!t.len || t.len % 3 != 2)
		return E_FORMAT;
	for (size_t i = 0; i < n; i++) {
		int high = digit(t.p[3 * i]), low = digit(t.p[3 * i + 1]);

		if (high < 0 || low < 0 ||
		    (i + 1 < n && t.p[3 * i + 2] != ':'))
			return E_FORMAT;
		if (i < SDP_PRINT_MAX)
			out[i] = (uint8_t)(high << 4 | low);
	}
	*len = n;
	return 0;
}

int sdp_print_read(struct sdp_text value, struct sdp_print *out)
{
	struct sdp_text name = sdp_word(&value), hex = sdp_word(&value);
	struct sdp_print p = { .hash = hash_named(name) };

	if (!name.len || sdp_word(&value).len ||
	    read_bytes(hex, p.bytes, &p.len))
		return E_FORMAT;
	if (p.hash && p.len != hashes[p.hash].len)
		return E_FORMAT;
	if (!p.hash)
		p = (struct sdp_print){ .hash = SDP_HASH_NONE };
	*out = p;
	return 0;
}

int sdp_print_write(const struct sdp_print *p, struct buf *out)
{
	if (p->hash <= SDP_HASH_NONE || p->hash >= SDP_HASHES ||
	    p->len != hashes[p->hash].len)
		return E_ARG;
	buf_text(out, hashes[p->hash].name);
	for (size_t i = 0; i < p->len; i++)
		buf_printf(out, "%c%02X", i ? ':' : ' ', p->bytes[i]);
	return out->err;
}

int sdp_print_of(enum sdp_hash hash, const void *data, size_t len,
		 struct sdp_print *out)
{
	struct sdp_print p = { .hash = hash };
	unsigned n = 0;

	if (hash <= SDP_HASH_NONE || hash >= SDP_HASHES)
		return E_ARG;
	if (!EVP_Digest(data, len, p.bytes, &n, hashes[hash].md(), NULL))
		return E_NOMEM;
	p.len = n;
	*out = p;
	return 0;
}

bool sdp_print_equal(const struct sdp_print *a, const struct sdp_print *b)
{
	return a->hash == b->hash && a->len == b->len && a->len &&
	       equal_ct(a->bytes, b->bytes, a->len);
}

bool sdp_prints_match(const struct sdp_prints *p, const void *data, size_t len,
		      bool sha1)
{
	enum sdp_hash best = SDP_HASH_NONE;
	struct sdp_print ours;

	for (unsigned i = 0; i < p->n; i++)
		if (p->list[i].hash > best)
			best = p->list[i].hash;
	if (best == SDP_HASH_NONE || (best == SDP_HASH_SHA1 && !sha1) ||
	    sdp_print_of(best, data, len, &ours))
		return false;
	for (unsigned i = 0; i < p->n; i++)
		if (sdp_print_equal(&p->list[i], &ours))
			return true;
	return false;
}
