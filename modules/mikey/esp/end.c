/* end.c - see end.h. Every length follows from a field that comes before it;
 * nothing may be behind the last selector, so that there is one form of each
 * end. Flags that have no meaning are refused: they may mean something some
 * day. */
#include "modules/mikey/esp/end.h"

#include "daemon/base/err.h"

#include <openssl/rand.h>
#include <string.h>

#define VERSION 1
#define NATTED 1 /* the one flag */

/* The bytes of a family, 0 when it is none. */
static size_t width(struct reader *r, unsigned family)
{
	if (family == 4 || family == 6)
		return family == 4 ? 4 : 16;
	reader_fail(r, E_UNSUPPORTED);
	return 0;
}

static void get_ip(struct reader *r, uint8_t family, struct addr *a)
{
	size_t n = width(r, family);
	const uint8_t *p = reader_bytes(r, n);

	*a = (struct addr){ .family = family };
	if (p)
		memcpy(a->ip, p, n);
}

static void get_selector(struct reader *r, struct esp_selector *s)
{
	uint8_t family = reader_u8(r);

	s->net.bits = reader_u8(r);
	s->protocol = reader_u8(r);
	s->port = reader_u16(r);
	s->mask = reader_u16(r);
	get_ip(r, family, &s->net.base);
}

int mikey_esp_end_get(struct mikey_bytes data, struct mikey_bytes spi,
		      struct mikey_esp_side *out)
{
	struct reader r = reader_of(data.p, data.len);
	struct reader s = reader_of(spi.p, spi.len);
	struct mikey_esp_side got = { .end = { .spi = reader_u32(&s) } };
	uint8_t version = reader_u8(&r), flags = reader_u8(&r);
	uint8_t family = reader_u8(&r);
	uint16_t port = reader_u16(&r);
	const uint8_t *nonce;

	if (!r.err && (version != VERSION || flags & ~NATTED))
		return E_UNSUPPORTED;
	got.end.natted = flags & NATTED;
	get_ip(&r, family, &got.end.at);
	got.end.at.port = port;
	nonce = reader_bytes(&r, MIKEY_ESP_NONCE);
	if (nonce)
		memcpy(got.nonce, nonce, MIKEY_ESP_NONCE);
	got.end.n = reader_u8(&r);
	if (got.end.n > ESP_SELECTORS_MAX)
		reader_fail(&r, E_UNSUPPORTED);
	for (size_t i = 0; i < got.end.n && !r.err; i++)
		get_selector(&r, &got.end.sel[i]);
	if (reader_end(&s))
		return E_FORMAT;
	if (reader_end(&r))
		return reader_end(&r);
	*out = got;
	return 0;
}

static void put_ip(struct buf *b, const struct addr *a)
{
	buf_put(b, a->ip, a->family == 4 ? 4 : 16);
}

static void put_data(struct buf *b, const struct mikey_esp_side *side)
{
	const struct esp_end *e = &side->end;

	buf_u8(b, VERSION);
	buf_u8(b, e->natted ? NATTED : 0);
	buf_u8(b, e->at.family);
	buf_u16(b, e->at.port);
	put_ip(b, &e->at);
	buf_put(b, side->nonce, MIKEY_ESP_NONCE);
	buf_u8(b, (uint8_t)e->n);
	for (size_t i = 0; i < e->n; i++) {
		const struct esp_selector *s = &e->sel[i];

		buf_u8(b, s->net.base.family);
		buf_u8(b, s->net.bits);
		buf_u8(b, s->protocol);
		buf_u16(b, s->port);
		buf_u16(b, s->mask);
		put_ip(b, &s->net.base);
	}
}

int mikey_esp_end_put(const struct mikey_esp_side *side,
		      uint8_t spi[static MIKEY_ESP_SPI],
		      uint8_t data[static MIKEY_ESP_DATA_MAX])
{
	struct buf b = buf_of(MIKEY_ESP_DATA_MAX);
	int r;

	put_data(&b, side);
	r = b.err ? b.err : (int)b.len;
	if (r > 0)
		memcpy(data, b.data, b.len);
	buf_free(&b);
	for (size_t i = 0; i < MIKEY_ESP_SPI; i++)
		spi[i] = (uint8_t)(side->end.spi >> (24 - 8 * i));
	return r;
}

int mikey_esp_end_draw(const struct esp_end *end, struct mikey_esp_side *out)
{
	out->end = *end;
	return RAND_bytes(out->nonce, MIKEY_ESP_NONCE) == 1 ? 0 : E_INTERNAL;
}
