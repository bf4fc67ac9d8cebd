/* ident.c - is this identity that one? (RFC 3261 19.1.4 as far as it is about
 * who somebody is; parameters say how to reach him.)
 *
 * Two names that differ in any other way are different: a doubt refuses. */
#include "modules/mikey/ident.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* user@host:port, cut out of a SIP URI or an NAI; runs of the input. */
struct name {
	struct mikey_bytes user, host;
	unsigned port; /* 0: the scheme's default */
};

static const uint8_t *find(struct mikey_bytes s, int c)
{
	return s.len ? memchr(s.p, c, s.len) : NULL;
}

static struct mikey_bytes until(struct mikey_bytes s, const uint8_t *end)
{
	return (struct mikey_bytes){ s.p, end ? (size_t)(end - s.p) : s.len };
}

static struct mikey_bytes after(struct mikey_bytes s, size_t n)
{
	return (struct mikey_bytes){ s.p + n, s.len - n };
}

static bool starts(struct mikey_bytes s, const char *word)
{
	size_t n = strlen(word);

	return s.len >= n && !strncasecmp((const char *)s.p, word, n);
}

/* Cuts ":port" off the host; false for what is no port. */
static bool cut_port(struct name *n, unsigned dflt)
{
	struct mikey_bytes h = n->host, port;
	const uint8_t *end = find(h, h.len && h.p[0] == '[' ? ']' : ':');

	if (end && *end == ']')
		end++;
	n->host = until(h, end);
	port = after(h, n->host.len);
	if (!port.len)
		return true;
	if (port.p[0] != ':' || port.len < 2 || port.len > 6)
		return false;
	for (size_t i = 1; i < port.len; i++) {
		if (!isdigit(port.p[i]))
			return false;
		n->port = n->port * 10 + (port.p[i] - '0');
	}
	n->port = n->port == dflt ? 0 : n->port;
	return true;
}

static bool parse(struct mikey_bytes s, struct name *n)
{
	unsigned dflt = 5060;
	const uint8_t *at;

	if (starts(s, "sips:")) {
		s = after(s, 5);
		dflt = 5061;
	} else if (starts(s, "sip:")) {
		s = after(s, 4);
	}
	*n = (struct name){ .port = 0 };
	at = find(s, '@');
	if (!s.len || at == s.p)
		return false;
	n->user = at ? until(s, at) : (struct mikey_bytes){ s.p, 0 };
	n->host = at ? after(s, n->user.len + 1) : s;
	if (find(n->host, '@'))
		return false;
	n->host = until(n->host, find(n->host, '?'));
	n->host = until(n->host, find(n->host, ';'));
	return cut_port(n, dflt) && n->host.len > 0;
}

/* The next character with "%41" resolved; moves *i behind it. */
static int next_char(struct mikey_bytes s, size_t *i)
{
	char hex[3] = "";

	if (s.p[*i] != '%' || s.len - *i < 3 || !isxdigit(s.p[*i + 1]) ||
	    !isxdigit(s.p[*i + 2]))
		return s.p[(*i)++];
	memcpy(hex, s.p + *i + 1, 2);
	*i += 3;
	return 256 + (int)strtoul(hex, NULL, 16);
}

/* An escaped letter equals the letter itself; an escaped reserved character
 * does not (RFC 3261 19.1.4). */
static bool same_char(int a, int b)
{
	if ((a < 256) != (b < 256)) {
		int c = a & 255;

		if (!isalnum(c) && !strchr("-_.!~*'()", c))
			return false;
	}
	return (a & 255) == (b & 255);
}

static bool same_user(struct mikey_bytes a, struct mikey_bytes b)
{
	size_t i = 0, k = 0;

	while (i < a.len && k < b.len)
		if (!same_char(next_char(a, &i), next_char(b, &k)))
			return false;
	return i == a.len && k == b.len;
}

static bool same_bytes(struct mikey_bytes a, struct mikey_bytes b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

static bool same_host(struct mikey_bytes a, struct mikey_bytes b)
{
	return a.len == b.len && !strncasecmp((const char *)a.p,
					      (const char *)b.p, a.len);
}

bool mikey_same_identity(struct mikey_bytes a, struct mikey_bytes b)
{
	struct name x, y;

	/* a NUL would end a comparison early */
	if (find(a, 0) || find(b, 0))
		return false;
	if (!parse(a, &x) || !parse(b, &y))
		return a.len && same_bytes(a, b);
	return same_user(x.user, y.user) && same_host(x.host, y.host) &&
	       x.port == y.port;
}

static bool visible(struct mikey_bytes s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isgraph(s.p[i]))
			return false;
	return s.len > 0;
}

bool mikey_same_domain(struct mikey_bytes a, struct mikey_bytes b)
{
	struct name x, y;

	return visible(a) && visible(b) && parse(a, &x) && parse(b, &y) &&
	       x.user.len && y.user.len && same_host(x.host, y.host) &&
	       x.port == y.port;
}

const char *mikey_identity_text(struct mikey_bytes id, char *out, size_t size)
{
	size_t n = id.len < size ? id.len : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = isprint(id.p[i]) ? (char)id.p[i] : '?';
	out[n] = 0;
	return out;
}
