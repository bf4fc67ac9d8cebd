/* rtp.c - the header of an RTP packet. See rtp.h.
 *
 * RFC 3550 5.1 (fixed header, CSRC list, padding) and 5.3.1 (extension). The
 * payload and what an extension holds are nobody's business here. */
#include "daemon/relay/rtp.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

static void read_extension(struct reader *r, const uint8_t *pkt,
			   struct rtp *out)
{
	out->ext_profile = reader_u16(r);
	out->ext_len = (size_t)reader_u16(r) * 4;
	out->ext_off = r->err ? 0 : (size_t)(r->p - pkt);
	reader_bytes(r, out->ext_len);
}

static int read_header(const uint8_t *pkt, size_t len, struct rtp *out)
{
	struct reader r = reader_of(pkt, len);
	uint8_t first = reader_u8(&r), second = reader_u8(&r);

	*out = (struct rtp){
		.padded = first >> 5 & 1,
		.csrc_count = first & 15,
		.marker = second >> 7,
		.payload_type = second & 0x7f,
	};
	out->seq = reader_u16(&r);
	out->timestamp = reader_u32(&r);
	out->ssrc = reader_u32(&r);
	reader_bytes(&r, (size_t)out->csrc_count * 4);
	if (first >> 4 & 1)
		read_extension(&r, pkt, out);
	if (r.err || first >> 6 != 2)
		return E_FORMAT;
	out->hdr_len = (size_t)(r.p - pkt);
	out->payload_len = r.len;
	return 0;
}

int rtp_parse_sealed(const uint8_t *pkt, size_t len, struct rtp *out)
{
	struct rtp h;
	int r = read_header(pkt, len, &h);

	if (!r)
		*out = h;
	return r;
}

int rtp_parse(const uint8_t *pkt, size_t len, struct rtp *out)
{
	struct rtp h;
	int r = read_header(pkt, len, &h);

	if (r)
		return r;
	if (h.padded) {
		if (!h.payload_len)
			return E_FORMAT;
		h.pad_len = pkt[len - 1];
		if (!h.pad_len || h.pad_len > h.payload_len)
			return E_FORMAT;
		h.payload_len -= h.pad_len;
	}
	*out = h;
	return 0;
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

void rtp_put_seq(uint8_t *pkt, uint16_t seq)
{
	pkt[2] = (uint8_t)(seq >> 8);
	pkt[3] = (uint8_t)seq;
}

void rtp_put_timestamp(uint8_t *pkt, uint32_t timestamp)
{
	put_u32(pkt + 4, timestamp);
}

void rtp_put_ssrc(uint8_t *pkt, uint32_t ssrc)
{
	put_u32(pkt + 8, ssrc);
}
