/* password.c - reading a file that holds a password. See password.h.
 *
 * The text passes through one buffer, which is wiped whatever happens. */
#include "daemon/password.h"

#include "daemon/base/err.h"

#include <string.h>
#include <unistd.h>

static int take(const char *text, size_t len, struct secret *out,
		const char **why)
{
	if (len && text[len - 1] == '\n')
		len--;
	if (len && text[len - 1] == '\r')
		len--;
	*why = "is empty";
	if (!len)
		return E_FORMAT;
	*why = "holds more than one line";
	for (size_t i = 0; i < len; i++)
		if (!text[i] || text[i] == '\n' || text[i] == '\r')
			return E_FORMAT;
	*why = "holds more than 255 bytes";
	return len < SECRET_MAX ? secret_set(out, text, len) : E_SPACE;
}

int password_read(int fd, struct secret *out, const char **why)
{
	char text[SECRET_MAX + 4];
	size_t len = 0;
	ssize_t n = 1;
	int r;

	while (n > 0 && len < sizeof text) {
		n = pread(fd, text + len, sizeof text - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	}
	*why = "cannot be read";
	r = n < 0 ? E_IO : take(text, len, out, why);
	wipe(text, sizeof text);
	return r;
}
