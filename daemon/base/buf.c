/* buf.c - bounded reading and writing of wire bytes. See buf.h. */
#include "daemon/base/buf.h"

#include "daemon/base/err.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader reader_of(const void *data, size_t len)
{
	return (struct reader){ .p = data, .len = len };
}

void reader_fail(struct reader *r, int err)
{
	if (!r->err)
		r->err = err;
	r->len = 0;
}

const uint8_t *reader_bytes(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->err || n > r->len) {
		reader_fail(r, E_FORMAT);
		return NULL;
	}
	r->p += n;
	r->len -= n;
	return p;
}

static uint64_t read_uint(struct reader *r, size_t n)
{
	const uint8_t *p = reader_bytes(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)read_uint(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)read_uint(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)read_uint(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
	return read_uint(r, 8);
}

int reader_end(const struct reader *r)
{
	if (r->err)
		return r->err;
	return r->len ? E_FORMAT : 0;
}

struct buf buf_of(size_t max)
{
	return (struct buf){ .max = max };
}

void buf_free(struct buf *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->cap);
	free(b->data);
	*b = buf_of(b->max);
}

void buf_clear(struct buf *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->cap);
	b->len = 0;
	b->err = 0;
}

/* Not realloc(): the old copy would stay behind unwiped. One byte more than
 * asked for keeps a NUL behind the contents. */
static int grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 64;
	uint8_t *data;

	while (cap < need + 1)
		cap *= 2;
	data = malloc(cap);
	if (!data)
		return E_NOMEM;
	if (b->len)
		memcpy(data, b->data, b->len);
	if (b->data)
		OPENSSL_cleanse(b->data, b->cap);
	free(b->data);
	b->data = data;
	b->cap = cap;
	return 0;
}

uint8_t *buf_room(struct buf *b, size_t n)
{
	uint8_t *p;

	if (b->err)
		return NULL;
	if (n > b->max || b->len > b->max - n) {
		b->err = E_SPACE;
		return NULL;
	}
	if (b->len + n + 1 > b->cap && (b->err = grow(b, b->len + n)))
		return NULL;
	p = b->data + b->len;
	b->len += n;
	return p;
}

void buf_put(struct buf *b, const void *data, size_t len)
{
	uint8_t *p = buf_room(b, len);

	if (p && len)
		memcpy(p, data, len);
}

static void write_uint(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *p = buf_room(b, n);

	for (size_t i = n; p && i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

void buf_u8(struct buf *b, uint8_t v)
{
	write_uint(b, v, 1);
}

void buf_u16(struct buf *b, uint16_t v)
{
	write_uint(b, v, 2);
}

void buf_u32(struct buf *b, uint32_t v)
{
	write_uint(b, v, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
	write_uint(b, v, 8);
}

void buf_text(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->err = b->err ? b->err : E_INTERNAL;
		return;
	}
	p = (char *)buf_room(b, (size_t)n);
	if (!p)
		return;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap); /* grow() left room for the NUL */
	va_end(ap);
}

const char *buf_string(struct buf *b)
{
	if (b->err || !b->data)
		return "";
	b->data[b->len] = 0;
	return (const char *)b->data;
}
