/* psk.c - reading a file that holds a pre-shared key. See psk.h.
 *
 * The text passes through one buffer, which is wiped whatever happens. */
#include "daemon/psk.h"

#include "daemon/base/err.h"
#include "daemon/base/hex.h"

#include <ctype.h>
#include <unistd.h>

#define TEXT_MAX (2 * SECRET_MAX + 16) /* and some white space */

static int decode(const char *text, size_t len, struct secret *out,
		  const char **why)
{
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	*why = "holds more than 512 hex digits";
	if (len > 2 * SECRET_MAX)
		return E_SPACE;
	*why = "holds something else than an even number of hex digits";
	if (len % 2)
		return E_FORMAT;
	for (size_t i = 0; i < len; i++)
		if (hex_digit(text[i]) < 0)
			return E_FORMAT;
	*why = "holds less than 32 hex digits (128 bits can be guessed "
	       "offline otherwise); make one with: openssl rand -hex 32";
	if (len < 2 * PSK_MIN)
		return E_FORMAT;
	secret_wipe(out);
	for (size_t i = 0; i < len; i += 2)
		out->bytes[out->len++] = (uint8_t)(hex_digit(text[i]) << 4 |
						   hex_digit(text[i + 1]));
	return 0;
}

int psk_read(int fd, struct secret *out, const char **why)
{
	char text[TEXT_MAX];
	size_t len = 0;
	ssize_t n = 1;
	int r;

	while (n > 0 && len < sizeof text) {
		n = pread(fd, text + len, sizeof text - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	}
	*why = "cannot be read";
	r = n < 0 ? E_IO : decode(text, len, out, why);
	wipe(text, sizeof text);
	return r;
}
