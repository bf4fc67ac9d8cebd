/* clear.c - SDP's k= line. See clear.h. */
#include "modules/smime/clear.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <string.h>

#define DIGITS (2 * (CLEAR_KEY + CLEAR_SALT))

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* line: without its end. */
static int read_key(struct mime_bytes line, struct clear_key *k)
{
	static const char head[] = "k=clear:";
	const size_t n = sizeof head - 1;
	uint8_t bytes[CLEAR_KEY + CLEAR_SALT];
	int r = 0;

	if (line.len != n + DIGITS || memcmp(line.p, head, n))
		return E_FORMAT;
	for (size_t i = 0; i < sizeof bytes; i++) {
		int a = digit(line.p[n + 2 * i]);
		int b = digit(line.p[n + 2 * i + 1]);

		if (a < 0 || b < 0)
			r = E_FORMAT;
		bytes[i] = (uint8_t)((unsigned)a << 4 | (unsigned)b);
	}
	if (!r) {
		memcpy(k->key, bytes, CLEAR_KEY);
		memcpy(k->salt, bytes + CLEAR_KEY, CLEAR_SALT);
	}
	wipe(bytes, sizeof bytes);
	return r;
}

/* The next line with its end; CRLF, or LF alone as old programs write. */
static struct mime_bytes take_line(struct mime_bytes *rest, size_t *end)
{
	const uint8_t *lf = memchr(rest->p, '\n', rest->len);
	struct mime_bytes line = { rest->p, lf ? (size_t)(lf - rest->p) + 1
					       : rest->len };

	*end = lf ? 1 + (line.len > 1 && lf[-1] == '\r') : 0;
	rest->p += line.len;
	rest->len -= line.len;
	return line;
}

static int add_key(struct mime_bytes line, int m, struct clear_key *keys,
		   size_t *n)
{
	if (*n && keys[*n - 1].line == m)
		return E_FORMAT;
	if (*n == CLEAR_KEYS)
		return E_SPACE;
	keys[*n].line = m;
	return read_key(line, &keys[(*n)++]);
}

int clear_read(struct mime_bytes sdp, struct clear_key keys[static CLEAR_KEYS],
	       size_t *n, struct buf *out)
{
	struct clear_key found[CLEAR_KEYS];
	size_t count = 0, end;
	int m = -1, r = 0;

	while (sdp.len && !r) {
		struct mime_bytes line = take_line(&sdp, &end);

		if (line.p[0] == 'm')
			m++;
		if (line.p[0] == 'k') {
			line.len -= end;
			r = add_key(line, m, found, &count);
		} else {
			buf_put(out, line.p, line.len);
		}
	}
	r = r ? r : out->err;
	if (!r) {
		memcpy(keys, found, count * sizeof *keys);
		*n = count;
	}
	wipe(found, sizeof found);
	return r;
}
