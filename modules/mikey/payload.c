/* payload.c - the table of payloads (RFC 3830 6.2 to 6.12, 6.14, 6.15; hash
 * and MAC algorithms added by RFC 6043).
 *
 * Each payload is read completely; lengths that an algorithm implies come
 * from small tables, and an algorithm that is not in them makes the message
 * E_UNSUPPORTED, since nothing behind it can be found. Values are not judged
 * here. Payloads of RFC 6043, 6267 and 6509 are not known yet. */
#include "modules/mikey/payload.h"

#include "daemon/base/err.h"
#include "modules/mikey/dh.h"
#include "modules/mikey/sp.h"

struct mikey_bytes mikey_read_bytes(struct reader *r, size_t n)
{
	const uint8_t *p = reader_bytes(r, n);

	return (struct mikey_bytes){ .p = p, .len = p ? n : 0 };
}

/* The length that a selector implies; makes the reader fail if unknown. */
static size_t implied(struct reader *r, const uint8_t *lens, size_t n,
		      unsigned kind)
{
	if (kind < n)
		return lens[kind];
	reader_fail(r, E_UNSUPPORTED);
	return 0;
}

static const uint8_t mac_lens[] = { 0, 20, 32 };
static const uint8_t hash_lens[] = { 20, 16, 32 };
static const uint8_t stamp_lens[] = { 8, 8, 4, 4 };

int mikey_mac_len(unsigned mac_alg)
{
	return mac_alg < sizeof mac_lens ? mac_lens[mac_alg] : -1;
}

static void put_bytes(struct buf *b, struct mikey_bytes bytes)
{
	buf_put(b, bytes.p, bytes.len);
}

/* A length that does not fit its field would make another message. */
static void put_length(struct buf *b, size_t len, size_t most)
{
	if (len > most && !b->err)
		b->err = E_ARG;
	if (most > 0xff)
		buf_u16(b, (uint16_t)len);
	else
		buf_u8(b, (uint8_t)len);
}

static void put_long(struct buf *b, struct mikey_bytes bytes)
{
	put_length(b, bytes.len, 0xffff);
	put_bytes(b, bytes);
}

static void put_short(struct buf *b, struct mikey_bytes bytes)
{
	put_length(b, bytes.len, 0xff);
	put_bytes(b, bytes);
}

static void put_implied(struct buf *b, struct mikey_bytes bytes,
			const uint8_t *lens, size_t n, unsigned kind)
{
	if ((kind >= n || lens[kind] != bytes.len) && !b->err)
		b->err = E_ARG;
	put_bytes(b, bytes);
}

void mikey_kv_get(struct reader *r, struct mikey_kv *kv)
{
	switch (kv->type) {
	case 0:
		break;
	case 1:
		kv->spi = mikey_read_bytes(r, reader_u8(r));
		break;
	case 2:
		kv->from = mikey_read_bytes(r, reader_u8(r));
		kv->to = mikey_read_bytes(r, reader_u8(r));
		break;
	default:
		reader_fail(r, E_UNSUPPORTED);
	}
}

void mikey_kv_put(struct buf *b, const struct mikey_kv *kv)
{
	if (kv->type == 1)
		put_short(b, kv->spi);
	if (kv->type == 2) {
		put_short(b, kv->from);
		put_short(b, kv->to);
	}
}

static void get_kemac(struct reader *r, struct mikey_payload *p)
{
	p->kind = reader_u8(r);
	p->data = mikey_read_bytes(r, reader_u16(r));
	p->mac_alg = reader_u8(r);
	p->mac = mikey_read_bytes(r, implied(r, mac_lens, sizeof mac_lens,
					     p->mac_alg));
}

static void put_kemac(struct buf *b, const struct mikey_payload *p)
{
	buf_u8(b, p->kind);
	put_long(b, p->data);
	buf_u8(b, p->mac_alg);
	if (!p->mac_alg && p->mac.len == 20) /* RFC 4650 4.2's HMAC-SHA-1 */
		put_bytes(b, p->mac);
	else
		put_implied(b, p->mac, mac_lens, sizeof mac_lens, p->mac_alg);
}

static void get_pke(struct reader *r, struct mikey_payload *p)
{
	uint16_t v = reader_u16(r);

	p->kind = (uint8_t)(v >> 14);
	p->data = mikey_read_bytes(r, v & 0x3fff);
}

static void put_pke(struct buf *b, const struct mikey_payload *p)
{
	if ((p->data.len > 0x3fff || p->kind > 3) && !b->err)
		b->err = E_ARG;
	buf_u16(b, (uint16_t)(p->kind << 14 | (p->data.len & 0x3fff)));
	put_bytes(b, p->data);
}

static void get_dh(struct reader *r, struct mikey_payload *p)
{
	size_t len;
	uint8_t v;

	p->kind = reader_u8(r);
	len = mikey_dh_len(p->kind);
	if (!len)
		reader_fail(r, E_UNSUPPORTED);
	p->data = mikey_read_bytes(r, len);
	v = reader_u8(r);
	p->extra = v >> 4;
	p->kv.type = v & 15;
	mikey_kv_get(r, &p->kv);
}

static void put_dh(struct buf *b, const struct mikey_payload *p)
{
	buf_u8(b, p->kind);
	if ((!p->data.len || p->data.len != mikey_dh_len(p->kind)) && !b->err)
		b->err = E_ARG;
	put_bytes(b, p->data);
	buf_u8(b, (uint8_t)(p->extra << 4 | (p->kv.type & 15)));
	mikey_kv_put(b, &p->kv);
}

static void get_sign(struct reader *r, struct mikey_payload *p)
{
	uint16_t v = reader_u16(r);

	p->kind = (uint8_t)(v >> 12);
	p->data = mikey_read_bytes(r, v & 0xfff);
}

static void put_sign(struct buf *b, const struct mikey_payload *p)
{
	if ((p->data.len > 0xfff || p->kind > 15) && !b->err)
		b->err = E_ARG;
	buf_u16(b, (uint16_t)(p->kind << 12 | (p->data.len & 0xfff)));
	put_bytes(b, p->data);
}

static void get_stamp(struct reader *r, struct mikey_payload *p)
{
	p->kind = reader_u8(r);
	p->data = mikey_read_bytes(r, implied(r, stamp_lens, sizeof stamp_lens,
					      p->kind));
}

static void put_stamp(struct buf *b, const struct mikey_payload *p)
{
	buf_u8(b, p->kind);
	put_implied(b, p->data, stamp_lens, sizeof stamp_lens, p->kind);
}

/* ID, CERT and the general extension have one form. */
static void get_typed(struct reader *r, struct mikey_payload *p)
{
	p->kind = reader_u8(r);
	p->data = mikey_read_bytes(r, reader_u16(r));
}

static void put_typed(struct buf *b, const struct mikey_payload *p)
{
	buf_u8(b, p->kind);
	put_long(b, p->data);
}

static void get_hash(struct reader *r, struct mikey_payload *p)
{
	p->kind = reader_u8(r);
	p->data = mikey_read_bytes(r, implied(r, hash_lens, sizeof hash_lens,
					      p->kind));
}

static void put_hash(struct buf *b, const struct mikey_payload *p)
{
	buf_u8(b, p->kind);
	put_implied(b, p->data, hash_lens, sizeof hash_lens, p->kind);
}

static void get_verify(struct reader *r, struct mikey_payload *p)
{
	p->kind = reader_u8(r);
	p->data = mikey_read_bytes(r, implied(r, mac_lens, sizeof mac_lens,
					      p->kind));
}

static void put_verify(struct buf *b, const struct mikey_payload *p)
{
	buf_u8(b, p->kind);
	put_implied(b, p->data, mac_lens, sizeof mac_lens, p->kind);
}

static void get_policy(struct reader *r, struct mikey_payload *p)
{
	int err;

	p->extra = reader_u8(r);
	p->kind = reader_u8(r);
	p->data = mikey_read_bytes(r, reader_u16(r));
	if (!r->err && (err = mikey_sp_check(p->data)))
		reader_fail(r, err);
}

static void put_policy(struct buf *b, const struct mikey_payload *p)
{
	put_length(b, p->extra, 0xff);
	buf_u8(b, p->kind);
	put_long(b, p->data);
}

static void get_rand(struct reader *r, struct mikey_payload *p)
{
	p->data = mikey_read_bytes(r, reader_u8(r));
}

static void put_rand(struct buf *b, const struct mikey_payload *p)
{
	put_short(b, p->data);
}

static void get_error(struct reader *r, struct mikey_payload *p)
{
	p->kind = reader_u8(r);
	p->extra = reader_u16(r);
}

static void put_error(struct buf *b, const struct mikey_payload *p)
{
	buf_u8(b, p->kind);
	buf_u16(b, p->extra);
}

/* How many of each: what the modes' exchanges can use at most (two or three
 * identities, a chain of certificates, both DH values in a response). */
static const struct mikey_payload_form forms[] = {
	{ MIKEY_KEMAC, 1, "KEMAC", "6.2", get_kemac, put_kemac },
	{ MIKEY_PKE, 1, "PKE", "6.3", get_pke, put_pke },
	{ MIKEY_DH, 2, "DH", "6.4", get_dh, put_dh },
	{ MIKEY_SIGN, 1, "SIGN", "6.5", get_sign, put_sign },
	{ MIKEY_T, 1, "T", "6.6", get_stamp, put_stamp },
	{ MIKEY_ID, 3, "ID", "6.7", get_typed, put_typed },
	{ MIKEY_CERT, 8, "CERT", "6.7", get_typed, put_typed },
	{ MIKEY_CHASH, 1, "CHASH", "6.8", get_hash, put_hash },
	{ MIKEY_V, 1, "V", "6.9", get_verify, put_verify },
	{ MIKEY_SP, 8, "SP", "6.10", get_policy, put_policy },
	{ MIKEY_RAND, 1, "RAND", "6.11", get_rand, put_rand },
	{ MIKEY_ERR, 4, "ERR", "6.12", get_error, put_error },
	{ MIKEY_EXTENSION, 8, "General Ext.", "6.15", get_typed, put_typed },
};

const struct mikey_payload_form *mikey_payload_form(unsigned type)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (forms[i].type == type)
			return &forms[i];
	return NULL;
}
