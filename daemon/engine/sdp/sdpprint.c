/* sdpprint.c - fingerprints in SDP (RFC 4572 section 5, RFC 6193 8.2). See
 * sdpike.h. */
#include "daemon/engine/sdp/sdpike.h"

#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdptext.h"

#include <string.h>

static enum print_hash hash_named(struct sdp_text name)
{
	for (int h = PRINT_SHA1; h < PRINT_HASHES; h++)
		if (sdp_is(name, print_hash_name((enum print_hash)h)))
			return (enum print_hash)h;
	return PRINT_NONE;
}

static int digit(char c)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	const char *at = c ? strchr(digits, c) : NULL;
	int v = at ? (int)(at - digits) : -1;

	return v > 15 ? v - 6 : v;
}

/* 2UHEX *(":" 2UHEX); bytes past the room are only checked. */
static int read_bytes(struct sdp_text t, uint8_t out[static PRINT_MAX],
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
		if (i < PRINT_MAX)
			out[i] = (uint8_t)(high << 4 | low);
	}
	*len = n;
	return 0;
}

int sdp_print_read(struct sdp_text value, struct print *out)
{
	struct sdp_text name = sdp_word(&value), hex = sdp_word(&value);
	struct print p = { .hash = hash_named(name) };

	if (!name.len || sdp_word(&value).len ||
	    read_bytes(hex, p.bytes, &p.len))
		return E_FORMAT;
	if (p.hash && p.len != print_hash_len(p.hash))
		return E_FORMAT;
	if (!p.hash)
		p = (struct print){ .hash = PRINT_NONE };
	*out = p;
	return 0;
}

int sdp_print_write(const struct print *p, struct buf *out)
{
	if (!p->len || p->len != print_hash_len(p->hash))
		return E_ARG;
	buf_text(out, print_hash_name(p->hash));
	for (size_t i = 0; i < p->len; i++)
		buf_printf(out, "%c%02X", i ? ':' : ' ', p->bytes[i]);
	return out->err;
}
