/* message.c - the MIKEY message: common header (RFC 3830 6.1), crypto session
 * map (6.1.1; RFC 4563 for the empty one, RFC 6043 6.1.1 for GENERIC-ID) and
 * the chain of payloads, which payload.c reads one by one.
 *
 * A message is decoded completely or refused: trailing bytes, a payload more
 * often than any exchange has it, two policies of one number, a SIGN that is
 * not last. Nothing is allocated. */
#include "modules/mikey/message.h"

#include "daemon/base/err.h"
#include "modules/mikey/payload.h"

#include <string.h>

#define VERSION 1

static void get_srtp_id(struct reader *r, struct mikey_cs *cs)
{
	cs->policy = reader_u8(r);
	cs->ssrc = reader_u32(r);
	cs->roc = reader_u32(r);
}

static void put_srtp_id(struct buf *b, const struct mikey_cs *cs)
{
	buf_u8(b, cs->policy);
	buf_u32(b, cs->ssrc);
	buf_u32(b, cs->roc);
}

static void get_generic_id(struct reader *r, struct mikey_cs *cs)
{
	uint8_t v;

	cs->id = reader_u8(r);
	cs->protocol = reader_u8(r);
	v = reader_u8(r);
	cs->s = v >> 7;
	cs->policies = mikey_read_bytes(r, v & 0x7f);
	cs->data = mikey_read_bytes(r, reader_u16(r));
	cs->spi = mikey_read_bytes(r, reader_u8(r));
}

static void put_generic_id(struct buf *b, const struct mikey_cs *cs)
{
	if ((cs->policies.len > 0x7f || cs->data.len > 0xffff ||
	     cs->spi.len > 0xff) && !b->err)
		b->err = E_ARG;
	buf_u8(b, cs->id);
	buf_u8(b, cs->protocol);
	buf_u8(b, (uint8_t)(cs->s << 7 | cs->policies.len));
	buf_put(b, cs->policies.p, cs->policies.len);
	buf_u16(b, (uint16_t)cs->data.len);
	buf_put(b, cs->data.p, cs->data.len);
	buf_u8(b, (uint8_t)cs->spi.len);
	buf_put(b, cs->spi.p, cs->spi.len);
}

/* esp/dialect.h says what is in it. */
static void get_2005(struct reader *r, struct mikey_cs *cs)
{
	cs->policy = reader_u8(r);
	cs->spi = mikey_read_bytes(r, 4);
	cs->data = mikey_read_bytes(r, 8);
}

static void put_2005(struct buf *b, const struct mikey_cs *cs)
{
	if ((cs->spi.len != 4 || cs->data.len != 8) && !b->err)
		b->err = E_ARG;
	buf_u8(b, cs->policy);
	buf_put(b, cs->spi.p, cs->spi.len);
	buf_put(b, cs->data.p, cs->data.len);
}

/* A session in each type of map; RFC 4563 5.2: an empty map has no map info at
 * all. */
static const struct {
	void (*get)(struct reader *r, struct mikey_cs *cs);
	void (*put)(struct buf *b, const struct mikey_cs *cs);
} maps[] = {
	[MIKEY_MAP_SRTP] = { get_srtp_id, put_srtp_id },
	[MIKEY_MAP_GENERIC] = { get_generic_id, put_generic_id },
	[MIKEY_MAP_2005] = { get_2005, put_2005 },
};

#define N_MAPS (sizeof maps / sizeof *maps)

static void get_map(struct reader *r, struct mikey_message *m)
{
	if (m->map == MIKEY_MAP_EMPTY)
		return;
	if (m->map >= N_MAPS || !maps[m->map].get || m->n_cs > MIKEY_CS_MAX)
		reader_fail(r, E_UNSUPPORTED);
	for (size_t i = 0; i < m->n_cs && !r->err; i++) {
		m->cs[i].id = (uint8_t)(i + 1);
		maps[m->map].get(r, &m->cs[i]);
	}
}

/* Returns the type of the first payload. */
static uint8_t get_header(struct reader *r, struct mikey_message *m)
{
	uint8_t version = reader_u8(r), next, v;

	if (!r->err && version != VERSION)
		reader_fail(r, E_UNSUPPORTED);
	m->data_type = reader_u8(r);
	next = reader_u8(r);
	v = reader_u8(r);
	m->v = v >> 7;
	m->prf = v & 0x7f;
	m->csb_id = reader_u32(r);
	m->n_cs = reader_u8(r);
	m->map = reader_u8(r);
	get_map(r, m);
	return next;
}

static void put_header(struct buf *b, const struct mikey_message *m)
{
	buf_u8(b, VERSION);
	buf_u8(b, m->data_type);
	buf_u8(b, m->n ? m->payload[0].type : MIKEY_LAST);
	buf_u8(b, (uint8_t)(m->v << 7 | (m->prf & 0x7f)));
	buf_u32(b, m->csb_id);
	buf_u8(b, m->n_cs);
	buf_u8(b, m->map);
	if (m->map == MIKEY_MAP_EMPTY)
		return;
	if ((m->map >= N_MAPS || !maps[m->map].put) && !b->err)
		b->err = E_ARG;
	for (size_t i = 0; i < m->n_cs && !b->err; i++)
		maps[m->map].put(b, &m->cs[i]);
}

const struct mikey_payload *mikey_find(const struct mikey_message *m,
				       enum mikey_payload_type type, size_t i)
{
	for (size_t k = 0; k < m->n; k++)
		if (m->payload[k].type == type && i-- == 0)
			return &m->payload[k];
	return NULL;
}

struct mikey_payload *mikey_add(struct mikey_message *m,
				enum mikey_payload_type type, uint8_t kind)
{
	struct mikey_payload *p = &m->payload[m->n++];

	*p = (struct mikey_payload){ .type = (uint8_t)type, .kind = kind };
	return p;
}

static size_t count(const struct mikey_message *m, unsigned type)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->payload[i].type == type;
	return n;
}

/* RFC 3830 6.10: each policy payload has a distinct number. */
static bool policy_twice(const struct mikey_message *m, unsigned no)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->payload[i].type == MIKEY_SP &&
		     m->payload[i].extra == no;
	return n > 1;
}

/* Reads one payload; returns the type of the next. */
static uint8_t get_payload(struct reader *r, struct mikey_message *m,
			   unsigned type, const uint8_t *start)
{
	const struct mikey_payload_form *form = mikey_payload_form(type);
	struct mikey_payload *p;
	uint8_t next = MIKEY_LAST;

	if (!form || m->n == MIKEY_PAYLOADS_MAX) {
		reader_fail(r, E_UNSUPPORTED);
		return MIKEY_LAST;
	}
	if (count(m, type) == form->most) {
		reader_fail(r, E_FORMAT);
		return MIKEY_LAST;
	}
	p = mikey_add(m, (enum mikey_payload_type)type, 0);
	p->at = (size_t)(r->p - start);
	if (type != MIKEY_SIGN) /* 6.5: it has no such field, it is last */
		next = reader_u8(r);
	form->get(r, p);
	p->len = (size_t)(r->p - start) - p->at;
	if (type == MIKEY_SP && policy_twice(m, p->extra))
		reader_fail(r, E_FORMAT);
	return next;
}

/* RFC 4650 4.2 numbers HMAC-SHA-1 as 0, which is no MAC everywhere else. In
 * messages that DHHMAC has, twenty bytes behind the closing KEMAC tell that
 * this was meant; without them 0 is no MAC. */
static void get_dhhmac_mac(struct reader *r, struct mikey_message *m)
{
	struct mikey_payload *p = m->n ? &m->payload[m->n - 1] : NULL;

	if (r->err || !p || p->type != MIKEY_KEMAC || p->mac_alg ||
	    r->len != 20)
		return;
	if (m->data_type != MIKEY_DHHMAC_INIT &&
	    m->data_type != MIKEY_DHHMAC_RESPONSE &&
	    m->data_type != MIKEY_ERROR)
		return;
	p->mac = mikey_read_bytes(r, 20);
	p->len += 20;
}

int mikey_decode(const uint8_t *bytes, size_t len, struct mikey_message *m)
{
	struct reader r = reader_of(bytes, len);
	unsigned next;

	memset(m, 0, sizeof *m);
	if (len > MIKEY_MESSAGE_MAX)
		return E_FORMAT;
	next = get_header(&r, m);
	while (!r.err && next != MIKEY_LAST)
		next = get_payload(&r, m, next, bytes);
	get_dhhmac_mac(&r, m);
	m->failed_at = (size_t)(r.p - bytes);
	return reader_end(&r);
}

int mikey_data_type(const uint8_t *bytes, size_t len)
{
	return len > 1 && bytes[0] == VERSION ? bytes[1] : -1;
}

int mikey_encode(const struct mikey_message *m, struct buf *out)
{
	if (m->n > MIKEY_PAYLOADS_MAX ||
	    (m->n_cs > MIKEY_CS_MAX && m->map != MIKEY_MAP_EMPTY))
		return E_ARG;
	put_header(out, m);
	for (size_t i = 0; i < m->n; i++) {
		const struct mikey_payload *p = &m->payload[i];
		const struct mikey_payload_form *form =
			mikey_payload_form(p->type);

		if (!form || (p->type == MIKEY_SIGN && i + 1 < m->n))
			return E_ARG;
		if (p->type != MIKEY_SIGN)
			buf_u8(out, i + 1 < m->n ? p[1].type : MIKEY_LAST);
		form->put(out, p);
	}
	return out->err;
}
