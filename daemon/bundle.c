/* bundle.c - see bundle.h: 0, how many, then each with its length in 16 bits.
 * What is in the messages is nobody's business here. */
#include "daemon/bundle.h"

#include "daemon/base/err.h"

#include <stdbool.h>

#define MARK 0

int bundle_pack(const struct bundle *b, struct buf *out)
{
	bool packed;

	if (!b->n || b->n > BUNDLE_MAX)
		return E_ARG;
	for (size_t i = 0; i < b->n; i++)
		if (!b->item[i].len || b->item[i].len > KEYING_MAX)
			return E_ARG;
	packed = b->n > 1 || b->item[0].data[0] == MARK;
	if (packed) {
		buf_u8(out, MARK);
		buf_u8(out, (uint8_t)b->n);
	}
	for (size_t i = 0; i < b->n; i++) {
		if (packed)
			buf_u16(out, (uint16_t)b->item[i].len);
		buf_put(out, b->item[i].data, b->item[i].len);
	}
	return out->err;
}

int bundle_unpack(const uint8_t *data, size_t len, struct bundle *out)
{
	struct reader r = reader_of(data, len);
	struct bundle b = { 0 };
	size_t n;

	if (!len)
		return E_FORMAT;
	if (data[0] != MARK) {
		*out = (struct bundle){ 1, { { data, len } } };
		return 0;
	}
	reader_u8(&r);
	n = reader_u8(&r);
	if (n > BUNDLE_MAX)
		return E_UNSUPPORTED;
	for (; b.n < n && !r.err; b.n++) {
		struct bundle_item *i = &b.item[b.n];

		i->len = reader_u16(&r);
		i->data = reader_bytes(&r, i->len);
		if (!i->len || i->len > KEYING_MAX)
			reader_fail(&r, E_FORMAT);
	}
	if (reader_end(&r) || !n)
		return E_FORMAT;
	*out = b;
	return 0;
}
