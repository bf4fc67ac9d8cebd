/* hex.c - see hex.h. */
#include "daemon/base/hex.h"

#include "daemon/base/err.h"

int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int lower(uint8_t c)
{
	return c >= 'A' && c <= 'F' ? -1 : hex_digit(c);
}

int hex_read(const void *text, size_t n, uint8_t *out)
{
	const uint8_t *at = text;

	for (size_t i = 0; i < n; i++) {
		int high = lower(at[2 * i]), low = lower(at[2 * i + 1]);

		if (high < 0 || low < 0)
			return E_FORMAT;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static char digit(unsigned nibble)
{
	return "0123456789abcdef"[nibble & 15];
}

void hex_write(const uint8_t *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		*out++ = digit(bytes[i] >> 4);
		*out++ = digit(bytes[i]);
	}
	*out = 0;
}

void hex_put(struct buf *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_u8(out, (uint8_t)digit(bytes[i] >> 4));
		buf_u8(out, (uint8_t)digit(bytes[i]));
	}
}
