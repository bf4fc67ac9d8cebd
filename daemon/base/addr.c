/* addr.c - transport addresses and networks. See addr.h. */
#include "daemon/base/addr.h"

#include "daemon/base/err.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_uint(const char *s, unsigned max, unsigned *out)
{
	unsigned v = 0;

	if (!*s)
		return E_FORMAT;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return E_FORMAT;
		v = v * 10 + (unsigned)(*s - '0');
		if (v > max)
			return E_FORMAT;
	}
	*out = v;
	return 0;
}

static int parse_host(const char *host, struct addr *out)
{
	struct addr a = { 0 };

	if (inet_pton(AF_INET, host, a.ip) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, host, a.ip) == 1)
		a.family = 6;
	else
		return E_FORMAT;
	*out = a;
	return 0;
}

/* Splits text into the host and, if there is one, the port. */
static int split(char *text, char **host, const char **port)
{
	char *end = strrchr(text, ':');

	*host = text;
	*port = NULL;
	if (*text == '[') {
		*host = text + 1;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return E_FORMAT;
		*port = end[1] ? end + 2 : NULL;
		*end = 0;
	} else if (end && strchr(text, ':') == end) {
		*port = end + 1;
		*end = 0;
	}
	return 0;
}

int addr_parse(const char *text, struct addr *out)
{
	char copy[ADDR_TEXT], *host;
	const char *port;
	unsigned number = 0;
	struct addr a;
	int r;

	if (strlen(text) >= sizeof copy)
		return E_FORMAT;
	strcpy(copy, text);
	if ((r = split(copy, &host, &port)))
		return r;
	if (port && (r = parse_uint(port, 65535, &number)))
		return r;
	if ((r = parse_host(host, &a)))
		return r;
	a.port = (uint16_t)number;
	*out = a;
	return 0;
}

const char *addr_host(const struct addr *a, char out[static ADDR_TEXT])
{
	int af = a->family == 6 ? AF_INET6 : AF_INET;

	if (!a->family || !inet_ntop(af, a->ip, out, ADDR_TEXT))
		strcpy(out, "none");
	return out;
}

const char *addr_text(const struct addr *a, char out[static ADDR_TEXT])
{
	char host[ADDR_TEXT];

	addr_host(a, host);
	if (!a->port)
		strcpy(out, host);
	else if (a->family == 6)
		snprintf(out, ADDR_TEXT, "[%.46s]:%u", host, a->port);
	else
		snprintf(out, ADDR_TEXT, "%.46s:%u", host, a->port);
	return out;
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && !memcmp(a->ip, b->ip, sizeof a->ip);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_same_host(a, b) && a->port == b->port;
}

bool addr_is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return !a->family || !memcmp(a->ip, zero, sizeof zero);
}

bool addr_is_host(const struct addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if ((a->family != 4 && a->family != 6) || addr_is_any(a))
		return false;
	if (a->family == 4)
		return a->ip[0] && a->ip[0] < 224;
	return a->ip[0] != 0xff && memcmp(a->ip, mapped, sizeof mapped);
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return a->family == 4 ? a->ip[0] == 127
			      : a->family == 6 && !memcmp(a->ip, one, 16);
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *in = (struct sockaddr_in *)out;

	memset(out, 0, sizeof *out);
	if (a->family == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof *in;
	}
	if (a->family == 6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		memcpy(&in6->sin6_addr, a->ip, 16);
		return sizeof *in6;
	}
	return 0;
}

int addr_from_sockaddr(const struct sockaddr *sa, struct addr *out)
{
	const struct sockaddr_in6 *in6 = (const void *)sa;
	const struct sockaddr_in *in = (const void *)sa;
	struct addr a = { 0 };

	if (sa->sa_family == AF_INET) {
		a.family = 4;
		a.port = ntohs(in->sin_port);
		memcpy(a.ip, &in->sin_addr, 4);
	} else if (sa->sa_family != AF_INET6) {
		return E_UNSUPPORTED;
	} else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		a.family = 4;
		a.port = ntohs(in6->sin6_port);
		memcpy(a.ip, in6->sin6_addr.s6_addr + 12, 4);
	} else {
		a.family = 6;
		a.port = ntohs(in6->sin6_port);
		memcpy(a.ip, &in6->sin6_addr, 16);
	}
	*out = a;
	return 0;
}

int net_parse(const char *text, struct net *out)
{
	char copy[ADDR_TEXT], *slash;
	unsigned bits, max;
	struct net n;
	int r;

	if (strlen(text) >= sizeof copy)
		return E_FORMAT;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = 0;
	if ((r = parse_host(copy, &n.base)))
		return r;
	bits = max = n.base.family == 4 ? 32 : 128;
	if (slash && (r = parse_uint(slash, max, &bits)))
		return r;
	n.bits = (uint8_t)bits;
	*out = n;
	return 0;
}

void net_trim(struct net *n)
{
	unsigned width = n->base.family == 4 ? 32 : 128;

	for (unsigned at = n->bits; at < width; at++)
		n->base.ip[at / 8] &= (uint8_t)~(0x80 >> at % 8);
}

bool net_equal(const struct net *a, const struct net *b)
{
	return a->bits == b->bits && addr_same_host(&a->base, &b->base);
}

bool net_contains(const struct net *net, const struct addr *a)
{
	unsigned bytes = net->bits / 8, rest = net->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	if (net->base.family != a->family)
		return false;
	if (memcmp(net->base.ip, a->ip, bytes))
		return false;
	return !rest || !((net->base.ip[bytes] ^ a->ip[bytes]) & mask);
}
