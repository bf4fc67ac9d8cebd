/* esp.c - see esp.h. An end is sound when nothing in it stands for more than
 * its scope: no "any" address, no network where a host is meant, no port where
 * all ports are. What the far end may name at all is the policy's to say. */
#include "daemon/base/esp.h"

#include "daemon/base/err.h"

#include <string.h>
#include <strings.h>

#define UDP 17

/* Lengths: RFC 3602, 4106, 4868, 2404, 2451. */
static const struct esp_suite_info suites[ESP_SUITES] = {
	[ESP_AES_128_GCM] = { "AES_128_GCM", 20, 0, 16, 4, 0, 16, 0 },
	[ESP_AES_256_GCM] = { "AES_256_GCM", 20, 0, 32, 4, 0, 16, 0 },
	[ESP_AES_128_CBC_SHA256] = { "AES_128_CBC_HMAC_SHA256_128",
		12, 12, 16, 0, 32, 16, 0 },
	[ESP_AES_256_CBC_SHA256] = { "AES_256_CBC_HMAC_SHA256_128",
		12, 12, 32, 0, 32, 16, 0 },
	[ESP_AES_128_CBC_SHA1] = { "AES_128_CBC_HMAC_SHA1_96",
		12, 2, 16, 0, 20, 12, 1 },
	[ESP_AES_256_CBC_SHA1] = { "AES_256_CBC_HMAC_SHA1_96",
		12, 2, 32, 0, 20, 12, 1 },
	[ESP_3DES_CBC_SHA1] = { "3DES_CBC_HMAC_SHA1_96",
		3, 2, 24, 0, 20, 12, 1 },
};

const struct esp_suite_info *esp_suite_info(unsigned suite)
{
	if (suite == ESP_NONE || suite >= ESP_SUITES)
		return NULL;
	return &suites[suite];
}

enum esp_suite esp_suite_by_name(const char *name)
{
	for (unsigned i = 1; i < ESP_SUITES; i++)
		if (!strcasecmp(name, suites[i].name))
			return (enum esp_suite)i;
	return ESP_NONE;
}

static unsigned width(const struct addr *a)
{
	return a->family == 4 ? 32 : 128;
}

int esp_media_end(const struct addr *local, uint32_t spi, struct esp_end *out)
{
	struct addr host = *local;
	struct esp_end e = { .spi = spi, .n = 1 };
	const char *why;

	if (!local->port || local->port & 1)
		return E_ARG;
	host.port = 0;
	e.at = host;
	e.sel[0] = (struct esp_selector){
		.net = { .base = host, .bits = (uint8_t)width(&host) },
		.port = local->port, .mask = 0xfffe, .protocol = UDP,
	};
	if (esp_end_check(&e, ESP_MEDIA, ESP_TRANSPORT, &why))
		return E_ARG;
	*out = e;
	return 0;
}

/* Everything to and from that address. */
static int host_end(const struct addr *local, uint32_t spi,
		    struct esp_end *out)
{
	struct esp_end e = { .spi = spi, .at = *local, .n = 1 };
	const char *why;

	e.sel[0].net = (struct net){ *local, (uint8_t)width(local) };
	if (local->port || esp_end_check(&e, ESP_HOST, ESP_TRANSPORT, &why))
		return E_ARG;
	*out = e;
	return 0;
}

int esp_own_end(enum esp_scope scope, const struct addr *local,
		const struct addr *seen, unsigned udp, uint32_t spi,
		struct esp_end *out)
{
	struct addr at = seen->family ? *seen : *local;
	struct esp_end e;
	int r = E_ARG;

	at.port = local->port;
	if (scope == ESP_MEDIA)
		r = esp_media_end(&at, spi, &e);
	else if (scope == ESP_HOST)
		r = host_end(&at, spi, &e);
	if (r || (seen->family && (!udp || seen->family != local->family)))
		return E_ARG;
	e.natted = seen->family;
	e.at.port = (uint16_t)udp;
	*out = e;
	return 0;
}

int esp_net_end(const struct net *nets, size_t n, struct esp_end *e)
{
	struct esp_end out = *e;
	const char *why;

	out.n = 0;
	memset(out.sel, 0, sizeof out.sel);
	for (size_t i = 0; i < n; i++) {
		if (nets[i].base.family != e->at.family)
			continue;
		if (out.n == ESP_SELECTORS_MAX)
			return E_ARG;
		out.sel[out.n++].net = nets[i];
	}
	if (esp_end_check(&out, ESP_NET, ESP_TUNNEL, &why))
		return E_ARG;
	*e = out;
	return 0;
}

bool esp_end_has(const struct esp_end *e, const struct addr *a)
{
	for (size_t i = 0; i < e->n; i++)
		if (net_contains(&e->sel[i].net, a))
			return true;
	return false;
}

void esp_end_behind(enum esp_scope scope, const struct addr *local,
		    struct esp_end *e)
{
	memcpy(e->at.ip, local->ip, sizeof e->at.ip);
	for (size_t i = 0; i < e->n && scope != ESP_NET; i++)
		memcpy(e->sel[i].net.base.ip, local->ip, sizeof local->ip);
}

/* Whether no bit is set behind the prefix. */
static bool is_net(const struct net *n)
{
	size_t bytes = width(&n->base) / 8;

	if ((n->base.family != 4 && n->base.family != 6) ||
	    n->bits > width(&n->base))
		return false;
	for (size_t i = n->bits / 8; i < bytes; i++) {
		unsigned kept = i == n->bits / 8u ? n->bits % 8u : 0;

		if (n->base.ip[i] & (0xffu >> kept))
			return false;
	}
	return true;
}

static bool is_ports(const struct esp_selector *s, enum esp_scope scope)
{
	if (scope != ESP_MEDIA)
		return !s->port && !s->mask && !s->protocol;
	return s->protocol == UDP && s->port &&
	       (s->mask == 0xffff || (s->mask == 0xfffe && !(s->port & 1)));
}

static bool is_behind(const struct esp_selector *s, const struct esp_end *e,
		      enum esp_scope scope)
{
	struct addr host = s->net.base;

	if (scope == ESP_NET)
		return s->net.bits && addr_is_host(&host);
	return s->net.bits == width(&e->at) && addr_same_host(&host, &e->at);
}

static bool meet_before(const struct esp_end *e, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (esp_selectors_meet(&e->sel[k], &e->sel[i]))
			return true;
	return false;
}

int esp_end_check(const struct esp_end *e, enum esp_scope scope,
		  enum esp_mode mode, const char **why)
{
	const char *fault = NULL;

	if (e->spi < ESP_SPI_MIN)
		fault = "a reserved SPI";
	else if (!addr_is_host(&e->at))
		fault = "no address of a host";
	else if (e->natted && !e->at.port)
		fault = "a NAT before it, but no port for encapsulation";
	else if (scope == ESP_NET && mode != ESP_TUNNEL)
		fault = "networks behind it, but transport mode";
	else if (!e->n || e->n > ESP_SELECTORS_MAX ||
		 (e->n > 1 && scope != ESP_NET))
		fault = "too many selectors, or none";
	for (size_t i = 0; i < e->n && !fault; i++) {
		if (!is_net(&e->sel[i].net) || e->sel[i].net.base.port)
			fault = "a selector whose network is none";
		else if (!is_behind(&e->sel[i], e, scope))
			fault = "a selector for more than its scope";
		else if (!is_ports(&e->sel[i], scope))
			fault = "a selector with ports against its scope";
		else if (meet_before(e, i))
			fault = "two selectors for the same traffic";
	}
	if (!fault)
		return 0;
	*why = fault;
	return E_ARG;
}

bool esp_selectors_meet(const struct esp_selector *a,
			const struct esp_selector *b)
{
	uint16_t both = a->mask & b->mask;

	if (a->protocol && b->protocol && a->protocol != b->protocol)
		return false;
	if ((a->port & both) != (b->port & both))
		return false;
	return net_contains(&a->net, &b->net.base) ||
	       net_contains(&b->net, &a->net.base);
}
