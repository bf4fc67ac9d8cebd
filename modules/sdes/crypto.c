/* crypto.c - a=crypto values read and written, by the grammar of RFC 4568
 * section 9 and the rules of section 6.
 *
 *   tag suite inline:KEY[|LIFETIME][|MKI:LEN][;inline:...] [parameter]...
 *
 * Stricter than the grammar where the text is: no leading zeroes, an MKI that
 * fits its length, MKIs of one length and on every key when there are several.
 * base64 is taken with and without its padding, as both are sent. A parameter
 * that begins with "-" may be ignored and is. */
#include "modules/sdes/crypto.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A run of the value's own letters. */
struct run {
	const char *p;
	size_t len;
};

struct reading {
	struct crypto *c;
	unsigned seen; /* a bit for each row of parameters */
	const char *why;
};

static int wrong(struct reading *rd, const char *why)
{
	rd->why = why;
	return E_FORMAT;
}

/* What stands before the first of these letters; it is cut off with it. */
static struct run cut(struct run *r, char at, bool *more)
{
	const char *end = memchr(r->p, at, r->len);
	struct run head = { r->p, end ? (size_t)(end - r->p) : r->len };

	*more = end != NULL;
	r->p += head.len + *more;
	r->len -= head.len + *more;
	return head;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct run word(struct run *r)
{
	struct run w;

	while (r->len && is_space(*r->p))
		r->p++, r->len--;
	w = (struct run){ r->p, 0 };
	while (w.len < r->len && !is_space(w.p[w.len]))
		w.len++;
	r->p += w.len;
	r->len -= w.len;
	return w;
}

static bool starts(struct run *r, const char *with)
{
	size_t n = strlen(with);

	if (r->len < n || memcmp(r->p, with, n))
		return false;
	r->p += n;
	r->len -= n;
	return true;
}

/* A decimal number without leading zeroes, at most max. */
static int number(struct run r, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!r.len || r.len > 18 || (r.p[0] == '0' && r.len > 1))
		return E_FORMAT;
	for (size_t i = 0; i < r.len; i++) {
		if (r.p[i] < '0' || r.p[i] > '9')
			return E_FORMAT;
		v = v * 10 + (uint64_t)(r.p[i] - '0');
	}
	if (v > max)
		return E_FORMAT;
	*out = v;
	return 0;
}

/* -- keys ----------------------------------------------------------------- */

static int digit64(char c)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(set, c) : NULL;

	return at ? (int)(at - set) : -1;
}

/* RFC 4648 section 4; the padding is there whole or not at all, and the bits
 * behind the last byte are zero. */
static int base64(struct run r, uint8_t *out, size_t room, size_t *len)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t pad = 0, n = 0;

	while (pad < 2 && pad < r.len && r.p[r.len - 1 - pad] == '=')
		pad++;
	if (pad && r.len % 4)
		return E_FORMAT;
	r.len -= pad;
	if (!r.len || r.len % 4 == 1 || (pad && r.len % 4 + pad != 4))
		return E_FORMAT;
	for (size_t i = 0; i < r.len; i++) {
		int v = digit64(r.p[i]);

		if (v < 0)
			return E_FORMAT;
		bits = bits << 6 | (uint32_t)v;
		held += 6;
		if (held < 8)
			continue;
		if (n == room)
			return E_UNSUPPORTED;
		held -= 8;
		out[n++] = (uint8_t)(bits >> held);
		bits &= (1u << held) - 1;
	}
	*len = n;
	return bits ? E_FORMAT : 0;
}

/* "2^20" or a decimal number; never 0. */
static int read_lifetime(struct run r, uint64_t *out)
{
	uint64_t v = 0;
	int e;

	if (!starts(&r, "2^"))
		return number(r, UINT64_MAX, out) || !*out ? E_FORMAT : 0;
	e = number(r, 63, &v);
	if (!e)
		*out = UINT64_C(1) << v;
	return e;
}

/* A decimal number of any length into len big-endian bytes. */
static int big_number(struct run r, uint8_t *out, size_t len)
{
	bool any = false;

	if (!r.len || r.p[0] == '0')
		return E_FORMAT; /* zero is no positive number */
	memset(out, 0, len);
	for (size_t i = 0; i < r.len; i++) {
		unsigned carry = (unsigned)(r.p[i] - '0');

		if (r.p[i] < '0' || r.p[i] > '9')
			return E_FORMAT;
		for (size_t k = len; k--;) {
			carry += out[k] * 10u;
			out[k] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry)
			return E_FORMAT; /* it does not fit */
		any = true;
	}
	return any ? 0 : E_FORMAT;
}

static int read_mki(struct run r, struct crypto_key *k)
{
	uint64_t len = 0;
	bool more;
	struct run value = cut(&r, ':', &more);

	if (!more || number(r, CRYPTO_MKI_MAX, &len) || !len)
		return E_FORMAT;
	k->mki_len = (unsigned)len;
	return big_number(value, k->mki, len);
}

static int read_key(struct run r, struct crypto_key *k, const char **why)
{
	bool more;
	struct run part = cut(&r, '|', &more);
	int e = base64(part, k->bytes, sizeof k->bytes, &k->len);

	*why = "a key is no base64, or too long";
	if (e)
		return e;
	if (more) {
		part = cut(&r, '|', &more);
		*why = "a key's lifetime or MKI is malformed";
		if (memchr(part.p, ':', part.len))
			return more ? E_FORMAT : read_mki(part, k);
		if ((e = read_lifetime(part, &k->lifetime)))
			return e;
	}
	if (more) {
		part = cut(&r, '|', &more);
		if (more || (e = read_mki(part, k)))
			return E_FORMAT;
	}
	return 0;
}

/* Several keys are told apart by MKIs of one length. */
static bool told_apart(const struct crypto_key *key, size_t n)
{
	for (size_t i = 0; n > 1 && i < n; i++) {
		if (!key[i].mki_len || key[i].mki_len != key[0].mki_len)
			return false;
		for (size_t k = 0; k < i; k++)
			if (!memcmp(key[i].mki, key[k].mki, key[0].mki_len))
				return false;
	}
	return true;
}

static int read_keys(struct reading *rd, struct run r, struct crypto_key *key,
		     size_t *n)
{
	bool more = true;

	*n = 0;
	while (more) {
		struct run one = cut(&r, ';', &more);
		int e;

		if (*n == CRYPTO_KEYS_MAX) {
			rd->why = "more keys than are read";
			return E_UNSUPPORTED;
		}
		if (!starts(&one, "inline:")) {
			rd->why = "a key that is not inline";
			return memchr(one.p, ':', one.len) ? E_UNSUPPORTED
							   : E_FORMAT;
		}
		if ((e = read_key(one, &key[*n], &rd->why)))
			return e;
		++*n;
	}
	if (!told_apart(key, *n))
		return wrong(rd, "several keys that no MKI tells apart");
	return 0;
}

/* -- session parameters --------------------------------------------------- */

static int read_kdr(struct reading *rd, struct run r)
{
	uint64_t v = 0;

	if (number(r, 24, &v) || !v)
		return wrong(rd, "KDR is not 1 to 24");
	rd->c->kdr = (unsigned)v;
	return 0;
}

static int read_fec_order(struct reading *rd, struct run r)
{
	if (starts(&r, "FEC_SRTP") && !r.len)
		rd->c->fec_order = CRYPTO_FEC_SRTP;
	else if (starts(&r, "SRTP_FEC") && !r.len)
		rd->c->fec_order = CRYPTO_SRTP_FEC;
	else
		return wrong(rd, "FEC_ORDER is neither FEC_SRTP nor SRTP_FEC");
	return 0;
}

static int read_fec_key(struct reading *rd, struct run r)
{
	return read_keys(rd, r, rd->c->fec_key, &rd->c->n_fec_keys);
}

static int read_window(struct reading *rd, struct run r)
{
	uint64_t v = 0;

	if (number(r, UINT32_MAX, &v) || v < 64)
		return wrong(rd, "WSH is less than 64 or no number");
	rd->c->window = (uint32_t)v;
	return 0;
}

static const struct {
	const char *name; /* with "=" when a value follows */
	unsigned flag;
	int (*read)(struct reading *rd, struct run value);
} parameters[] = {
	{ "UNENCRYPTED_SRTP", CRYPTO_UNENCRYPTED_SRTP, NULL },
	{ "UNENCRYPTED_SRTCP", CRYPTO_UNENCRYPTED_SRTCP, NULL },
	{ "UNAUTHENTICATED_SRTP", CRYPTO_UNAUTHENTICATED_SRTP, NULL },
	{ "KDR=", 0, read_kdr },
	{ "FEC_ORDER=", 0, read_fec_order },
	{ "FEC_KEY=", 0, read_fec_key },
	{ "WSH=", 0, read_window },
};

#define N_PARAMETERS (sizeof parameters / sizeof *parameters)

static int read_parameter(struct reading *rd, struct run r)
{
	struct run v;

	for (size_t i = 0; i < N_PARAMETERS; i++) {
		v = r;
		if (!starts(&v, parameters[i].name) ||
		    (parameters[i].flag && v.len))
			continue;
		if (rd->seen >> i & 1)
			return wrong(rd, "a parameter is there twice");
		rd->seen |= 1u << i;
		rd->c->flags |= parameters[i].flag;
		return parameters[i].flag ? 0 : parameters[i].read(rd, v);
	}
	if (r.p[0] == '-' && r.len == 1)
		return wrong(rd, "a parameter without a name");
	if (r.p[0] != '-')
		rd->c->foreign = true;
	return 0;
}

/* -- the whole ------------------------------------------------------------ */

static bool is_suite(struct run r)
{
	for (size_t i = 0; i < r.len; i++)
		if (!(r.p[i] >= 'A' && r.p[i] <= 'Z') &&
		    !(r.p[i] >= 'a' && r.p[i] <= 'z') &&
		    !(r.p[i] >= '0' && r.p[i] <= '9') && r.p[i] != '_')
			return false;
	return r.len;
}

static int read_head(struct reading *rd, struct run *r)
{
	struct run tag = word(r), suite = word(r);
	uint64_t v = 0;

	if (number(tag, 999999999, &v))
		return wrong(rd, "the tag is no number of 1 to 9 digits");
	rd->c->tag = (uint32_t)v;
	if (!is_suite(suite))
		return wrong(rd, "the suite's name is malformed");
	if (suite.len > CRYPTO_SUITE_MAX) {
		rd->why = "the suite's name is too long";
		return E_UNSUPPORTED;
	}
	memcpy(rd->c->suite, suite.p, suite.len);
	return 0;
}

static bool is_printable(struct run r)
{
	for (size_t i = 0; i < r.len; i++)
		if ((r.p[i] < 0x21 || r.p[i] > 0x7e) && !is_space(r.p[i]))
			return false;
	return r.len && !is_space(r.p[0]) && !is_space(r.p[r.len - 1]);
}

static int read_all(struct reading *rd, struct run r)
{
	int e;

	if (!is_printable(r))
		return wrong(rd, "it is empty, or has letters that none has");
	if ((e = read_head(rd, &r)))
		return e;
	if ((e = read_keys(rd, word(&r), rd->c->key, &rd->c->n_keys)))
		return e;
	while (!e && r.len)
		e = read_parameter(rd, word(&r));
	return e;
}

int crypto_read(const char *text, size_t len, struct crypto *out,
		const char **why)
{
	struct crypto c = { 0 };
	struct reading rd = { .c = &c };
	int r = read_all(&rd, (struct run){ text, len });

	if (r)
		*why = rd.why;
	else
		*out = c;
	wipe(&c, sizeof c);
	return r;
}

/* -- writing -------------------------------------------------------------- */

static void put_base64(struct buf *out, const uint8_t *p, size_t len)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16;

		if (n > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (n > 2)
			v |= p[i + 2];
		for (size_t k = 0; k < 4; k++)
			buf_u8(out, k > n ? '='
				: (uint8_t)set[v >> (18 - 6 * k) & 63]);
	}
}

/* Big-endian bytes as a decimal number. */
static void put_big(struct buf *out, const uint8_t *p, size_t len)
{
	char digits[CRYPTO_MKI_MAX * 5 / 2 + 1];
	uint8_t left[CRYPTO_MKI_MAX];
	size_t n = 0;
	bool more = true;

	memcpy(left, p, len);
	while (more) {
		unsigned rest = 0;

		more = false;
		for (size_t i = 0; i < len; i++) {
			rest = rest << 8 | left[i];
			left[i] = (uint8_t)(rest / 10);
			rest %= 10;
			more |= left[i] != 0;
		}
		digits[n++] = (char)('0' + rest);
	}
	while (n)
		buf_u8(out, (uint8_t)digits[--n]);
}

static void put_lifetime(struct buf *out, uint64_t v)
{
	if (v & (v - 1))
		buf_printf(out, "|%" PRIu64, v);
	else
		buf_printf(out, "|2^%d", __builtin_ctzll(v));
}

static void put_keys(struct buf *out, const struct crypto_key *key, size_t n)
{
	for (size_t i = 0; i < n; i++, key++) {
		buf_text(out, i ? ";inline:" : "inline:");
		put_base64(out, key->bytes, key->len);
		if (key->lifetime)
			put_lifetime(out, key->lifetime);
		if (!key->mki_len)
			continue;
		buf_text(out, "|");
		put_big(out, key->mki, key->mki_len);
		buf_printf(out, ":%u", key->mki_len);
	}
}

int crypto_write(const struct crypto *c, struct buf *out)
{
	buf_printf(out, "%" PRIu32 " %s ", c->tag, c->suite);
	put_keys(out, c->key, c->n_keys);
	if (c->kdr)
		buf_printf(out, " KDR=%u", c->kdr);
	for (size_t i = 0; i < N_PARAMETERS; i++)
		if (c->flags & parameters[i].flag)
			buf_printf(out, " %s", parameters[i].name);
	if (c->fec_order)
		buf_printf(out, " FEC_ORDER=%s", c->fec_order == CRYPTO_FEC_SRTP
			   ? "FEC_SRTP" : "SRTP_FEC");
	if (c->n_fec_keys) {
		buf_text(out, " FEC_KEY=");
		put_keys(out, c->fec_key, c->n_fec_keys);
	}
	if (c->window)
		buf_printf(out, " WSH=%" PRIu32, c->window);
	return out->err;
}
