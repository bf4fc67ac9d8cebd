/* packet.c - VICI packets. See packet.h. */
#include "modules/vici/packet.h"

#include "daemon/base/err.h"

#include <string.h>

static const struct {
	bool name, message;
} has[VICI_OPS] = {
	[VICI_REQUEST] = { true, true },
	[VICI_RESPONSE] = { false, true },
	[VICI_REGISTER] = { true, false },
	[VICI_UNREGISTER] = { true, false },
	[VICI_EVENT] = { true, true },
};

int vici_packet_read(const void *data, size_t len, struct vici_packet *out)
{
	struct vici_packet p = { .name = { "", 0 } };
	struct reader in = reader_of(data, len);

	if (len > VICI_PACKET_MAX)
		return E_FORMAT;
	p.op = reader_u8(&in);
	if (in.err || p.op >= VICI_OPS)
		return E_FORMAT;
	if (has[p.op].name) {
		p.name.len = reader_u8(&in);
		p.name.p = (const char *)reader_bytes(&in, p.name.len);
		if (in.err || !vici_name_read(p.name))
			return E_FORMAT;
	}
	p.message = in.p;
	p.len = in.len;
	if (has[p.op].message ? vici_check(p.message, p.len) : p.len != 0)
		return E_FORMAT;
	*out = p;
	return 0;
}

int vici_packet_write(struct buf *out, enum vici_op op, const char *name,
		      const void *message, size_t len)
{
	size_t name_len = name ? strlen(name) : 0;
	size_t all = 1 + (name ? 1 + name_len : 0) + len;

	if (op >= VICI_OPS || has[op].name != !!name ||
	    (name && !vici_name_ok(name, name_len)) ||
	    (len && !has[op].message))
		return E_ARG;
	if (all > VICI_PACKET_MAX)
		return E_SPACE;
	buf_u32(out, (uint32_t)all);
	buf_u8(out, (uint8_t)op);
	if (name) {
		buf_u8(out, (uint8_t)name_len);
		buf_put(out, name, name_len);
	}
	buf_put(out, message, len);
	return out->err;
}
