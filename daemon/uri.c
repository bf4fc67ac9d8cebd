/* uri.c - the little of SIP URIs (RFC 3261 section 19.1) that configuration
 * and policy need. See uri.h. */
#include "daemon/uri.h"

#include "daemon/base/err.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What ends up in headers and log lines: visible ASCII without <> and ". */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s <= 0x20 || *s > 0x7e || strchr("<>\"\\", *s))
			return false;
	return true;
}

bool uri_is_sip(const char *text)
{
	const char *host, *at;
	size_t n;

	if (strncasecmp(text, "sip:", 4) || !is_plain(text))
		return false;
	host = text + 4;
	at = strchr(host, '@');
	if (at == host)
		return false;
	host = at ? at + 1 : host;
	n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":;?");
	return n > 0 && (*host != '[' || host[n] == ']') && !strchr(host, '@');
}

int uri_valid(const char *value, const char **why)
{
	*why = "a SIP URI, \"sip:HOST[:PORT][;transport=tcp|tls]\"";
	return uri_is_sip(value) ? 0 : E_FORMAT;
}

bool uri_is_sips(const char *text)
{
	return !strncasecmp(text, "sips:", 5);
}

bool uri_wants_tls(const char *text)
{
	static const char tls[] = ";transport=tls";
	size_t len = strcspn(text, "?");

	if (uri_is_sips(text))
		return true;
	for (; len >= sizeof tls - 1; text++, len--)
		if (!strncasecmp(text, tls, sizeof tls - 1) &&
		    strchr(";?", text[sizeof tls - 1])) /* or the end */
			return true;
	return false;
}

static const char *skip_scheme(const char *uri)
{
	static const char *const schemes[] = { "sip:", "sips:", "tel:" };

	for (size_t i = 0; i < 3; i++)
		if (!strncasecmp(uri, schemes[i], strlen(schemes[i])))
			return uri + strlen(schemes[i]);
	return uri;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of the user part, an escape resolved; 0 when it may not be
 * there. An escaped "@" would make a second one and is refused; ":" and ";"
 * would end the name when it is read again as an identity. */
static char user_char(const char **p)
{
	const char *s = *p;
	int c = (unsigned char)*s;

	*p = s + 1;
	if (c == '%') {
		if (hex(s[1]) < 0 || hex(s[2]) < 0)
			return 0;
		c = hex(s[1]) << 4 | hex(s[2]);
		*p = s + 3;
		if (strchr("@%:;", c)) /* or NUL */
			return 0;
	}
	return c > 0x20 && c < 0x7f ? (char)c : 0;
}

/* Where the host ends: before port, parameters, headers. */
static size_t host_length(const char *host)
{
	size_t n;

	if (*host == '[') {
		n = strcspn(host, "]");
		return host[n] ? n + 1 : n;
	}
	n = strcspn(host, ":;?");
	return n && host[n - 1] == '.' ? n - 1 : n; /* "h." is "h" */
}

bool uri_name(const char *uri, char out[static URI_NAME_TEXT])
{
	const char *p = skip_scheme(uri), *at = strchr(p, '@');
	const char *end = at ? p + strcspn(p, ":;@") : p;
	bool tel = !strncasecmp(uri, "tel:", 4);
	size_t n = 0, host;
	char c;

	while (p < end && n < URI_NAME_TEXT - 2) {
		if (!(c = user_char(&p)))
			return false;
		out[n++] = c;
	}
	if (p < end)
		return false;
	if (at) {
		out[n++] = '@';
		p = at + 1;
	}
	host = host_length(p);
	if (!host || host >= URI_NAME_TEXT - n)
		return false;
	for (size_t i = 0; i < host; i++) {
		if (p[i] <= 0x20 || p[i] >= 0x7f || p[i] == '@')
			return false;
		if (tel && strchr("-.()", p[i]))
			continue; /* RFC 3966 5.1.1: for the eye only */
		out[n++] = (char)tolower((unsigned char)p[i]);
	}
	out[n] = 0;
	return n > 0;
}

bool uri_identity(const char *uri, char out[static IDENTITY_TEXT])
{
	char name[URI_NAME_TEXT];

	if (!uri_name(uri, name) || strlen(name) + 5 > IDENTITY_TEXT)
		return false;
	snprintf(out, IDENTITY_TEXT, "sip:%.*s", IDENTITY_TEXT - 5, name);
	return true;
}

static bool same(char pattern, char c, bool host)
{
	return pattern == c || (host && tolower((unsigned char)pattern) == c);
}

/* Each "*" takes as little as it can; on a mismatch the last one takes more. */
bool uri_matches(const char *pattern, const char *name)
{
	const char *host = strchr(name, '@'), *star = NULL, *from = NULL;

	host = host ? host : name;
	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			from = name;
		} else if (*pattern && same(*pattern, *name, name >= host)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

uint16_t uri_port(const char *uri)
{
	const char *host = strchr(uri, '@');
	unsigned port = 0;

	host = host ? host + 1 : skip_scheme(uri);
	host += *host == '[' ? strcspn(host, "]") : 0;
	host += strcspn(host, ":;?");
	for (host += *host == ':'; *host >= '0' && *host <= '9'; host++) {
		port = 10 * port + (unsigned)(*host - '0');
		if (port > UINT16_MAX)
			return 0;
	}
	return (uint16_t)port;
}

bool uri_address(const char *uri, struct addr *out)
{
	const char *host = strchr(uri, '@');
	char text[ADDR_TEXT];
	size_t len;

	host = host ? host + 1 : skip_scheme(uri);
	len = *host == '[' ? strcspn(host, "]") : 0;
	len += strcspn(host + len, ";?>");
	if (*host == '[' && len > 1 && host[len - 1] == ']') { /* no port */
		host++;
		len -= 2;
	}
	if (len >= sizeof text)
		return false;
	memcpy(text, host, len);
	text[len] = 0;
	return !addr_parse(text, out);
}
