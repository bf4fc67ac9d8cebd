/* clear.c - SDP's k= line. See clear.h. */
#include "daemon/keeper/veil/clear.h"

#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "daemon/base/secret.h"

#include <string.h>

#define HEAD "clear:"
#define HEAD_LEN (sizeof HEAD - 1)
#define DIGITS (2 * (CLEAR_KEY + CLEAR_SALT))

bool clear_is(struct mime_bytes value)
{
	return value.len > HEAD_LEN && !memcmp(value.p, HEAD, HEAD_LEN);
}

int clear_value(struct mime_bytes value, struct clear_key *k)
{
	uint8_t bytes[CLEAR_KEY + CLEAR_SALT];
	int r = 0;

	if (value.len != HEAD_LEN + DIGITS || !clear_is(value))
		return E_FORMAT;
	for (size_t i = 0; i < sizeof bytes; i++) {
		int a = hex_digit(value.p[HEAD_LEN + 2 * i]);
		int b = hex_digit(value.p[HEAD_LEN + 2 * i + 1]);

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

void clear_write(const struct clear_key *k, struct buf *out)
{
	buf_text(out, HEAD);
	hex_put(out, k->key, CLEAR_KEY);
	hex_put(out, k->salt, CLEAR_SALT);
}

/* line: without its end. */
static int read_key(struct mime_bytes line, struct clear_key *k)
{
	if (line.len < 2 || line.p[1] != '=')
		return E_FORMAT;
	return clear_value((struct mime_bytes){ line.p + 2, line.len - 2 }, k);
}

struct mime_bytes clear_line(struct mime_bytes *rest, size_t *end)
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

static bool is_media(struct mime_bytes line)
{
	return line.len > 1 && line.p[0] == 'm' && line.p[1] == '=';
}

int clear_read(struct mime_bytes sdp, struct clear_key keys[static CLEAR_KEYS],
	       size_t *n, struct buf *out)
{
	struct clear_key found[CLEAR_KEYS];
	size_t count = 0, end;
	int m = -1, r = 0;

	while (sdp.len && !r) {
		struct mime_bytes line = clear_line(&sdp, &end);

		if (is_media(line))
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
