/* base64.c - base64 as a transfer encoding. See base64.h. */
#include "daemon/mime/base64.h"

#include "daemon/base/err.h"

#include <string.h>

#define LINE 76 /* characters; RFC 2045 6.8 */

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void write_four(uint8_t *to, const uint8_t *from, size_t n)
{
	uint32_t v = (uint32_t)from[0] << 16 |
		     (n > 1 ? (uint32_t)from[1] << 8 : 0) |
		     (n > 2 ? from[2] : 0);

	to[0] = (uint8_t)alphabet[v >> 18];
	to[1] = (uint8_t)alphabet[v >> 12 & 63];
	to[2] = n > 1 ? (uint8_t)alphabet[v >> 6 & 63] : '=';
	to[3] = n > 2 ? (uint8_t)alphabet[v & 63] : '=';
}

void mime_base64_write(struct buf *out, struct mime_bytes data)
{
	const size_t line = LINE / 4 * 3;
	uint8_t *to;

	for (size_t at = 0; at < data.len; at += line) {
		size_t n = data.len - at < line ? data.len - at : line;

		to = buf_room(out, (n + 2) / 3 * 4);
		for (size_t i = 0; to && i < n; i += 3, to += 4)
			write_four(to, data.p + at + i, n - i);
		buf_text(out, "\r\n");
	}
}

/* 0 to 63; 64 for the pad, 65 for white space, 66 for all else. */
static unsigned value_of(uint8_t c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	if (at)
		return (unsigned)(at - alphabet);
	if (c == '=')
		return 64;
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' ? 65 : 66;
}

/* Four characters with that many pads. */
static int put_four(struct buf *out, uint32_t v, unsigned pads)
{
	if (pads > 2 || (pads == 2 && v & 0xffff) || (pads == 1 && v & 0xff))
		return E_FORMAT;
	buf_u8(out, (uint8_t)(v >> 16));
	if (pads < 2)
		buf_u8(out, (uint8_t)(v >> 8));
	if (!pads)
		buf_u8(out, (uint8_t)v);
	return out->err;
}

int mime_base64_read(struct mime_bytes text, struct buf *out)
{
	unsigned n = 0, pads = 0, c;
	uint32_t v = 0;
	int r = 0;

	for (size_t i = 0; i < text.len && !r; i++) {
		c = value_of(text.p[i]);
		if (c == 65)
			continue;
		if (c > 65 || (pads && c != 64) || (!n && pads))
			return E_FORMAT;
		pads += c == 64;
		v = v << 6 | (c & 63);
		if (++n < 4)
			continue;
		r = put_four(out, v, pads);
		n = 0;
		v = 0;
	}
	return !r && n ? E_FORMAT : r;
}
