/* rtcp.c - walking and rewriting a plain compound RTCP packet. See rtcp.h.
 *
 * RFC 3550 6 and A.2 (SR, RR, SDES, BYE, APP, padding on the last packet
 * only), RFC 4585 6 (feedback, generic NACK), RFC 5104 4.2 and 4.3 (entries
 * with an SSRC each), RFC 3611 3 and 4 (XR), RFC 5761 4 (RTCP beside RTP).
 *
 * One function for each type finds the places where an SSRC stands. The same
 * function checks (no map is set, nothing is written) and then rewrites, so
 * the two cannot disagree. Not rewritten: XR blocks later than RFC 3611, the
 * contents of APP and of application-layer feedback, receipt times of XR. */
#include "daemon/relay/rtcp.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#define REPORT_LEN 24

bool rtcp_is(const uint8_t *pkt, size_t len)
{
	return len >= 2 && pkt[0] >> 6 == 2 && pkt[1] >= 192 && pkt[1] <= 223;
}

struct pass {
	rtcp_map_fn map; /* NULL: only check */
	void *arg;
};

static uint32_t get(const uint8_t *p, size_t n)
{
	struct reader r = reader_of(p, n);

	return n == 2 ? reader_u16(&r) : reader_u32(&r);
}

static void put(uint8_t *p, size_t n, uint32_t v)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

/* Replaces the SSRC at p. False when it stays; *to is then all zero. */
static bool site(const struct pass *pass, enum rtcp_whose whose, uint8_t *p,
		 struct rtcp_new *to)
{
	*to = (struct rtcp_new){ 0 };
	if (!pass->map || !pass->map(pass->arg, whose, get(p, 4), to))
		return false;
	put(p, 4, to->ssrc);
	return true;
}

static void add(uint8_t *p, size_t n, uint32_t sum)
{
	put(p, n, get(p, n) + sum);
}

static int reports(const struct pass *pass, uint8_t *p, size_t len,
		   unsigned count)
{
	struct rtcp_new to;

	if (len < (size_t)count * REPORT_LEN)
		return E_FORMAT;
	for (; count; count--, p += REPORT_LEN)
		if (site(pass, RTCP_SUBJECT, p, &to))
			add(p + 8, 4, to.add_seq);
	return 0;
}

static int sr(const struct pass *pass, uint8_t *p, size_t len, unsigned count)
{
	struct rtcp_new to;
	int r;

	if (len < 24)
		return E_FORMAT;
	r = reports(pass, p + 24, len - 24, count);
	if (!r && site(pass, RTCP_SENDER, p, &to))
		add(p + 12, 4, to.add_timestamp);
	return r;
}

static int rr(const struct pass *pass, uint8_t *p, size_t len, unsigned count)
{
	struct rtcp_new to;
	int r;

	if (len < 4)
		return E_FORMAT;
	r = reports(pass, p + 4, len - 4, count);
	if (!r)
		site(pass, RTCP_SENDER, p, &to);
	return r;
}

/* Items end with a zero byte, then zeroes up to the next word. */
static size_t chunk_len(const uint8_t *p, size_t len)
{
	size_t at = 4;

	while (at < len && p[at]) {
		if (at + 2 > len || at + 2 + p[at + 1] > len)
			return 0;
		at += 2 + (size_t)p[at + 1];
	}
	at = (at + 4) & ~(size_t)3;
	return at <= len ? at : 0;
}

static int sdes(const struct pass *pass, uint8_t *p, size_t len, unsigned count)
{
	struct rtcp_new to;

	for (; count; count--) {
		size_t n = len < 8 ? 0 : chunk_len(p, len);

		if (!n)
			return E_FORMAT;
		site(pass, RTCP_SENDER, p, &to);
		p += n;
		len -= n;
	}
	return len ? E_FORMAT : 0;
}

static int bye(const struct pass *pass, uint8_t *p, size_t len, unsigned count)
{
	struct rtcp_new to;
	size_t list = (size_t)count * 4;

	if (len < list || (len > list && len - list < 1u + p[list]))
		return E_FORMAT;
	for (; count; count--, p += 4)
		site(pass, RTCP_SENDER, p, &to);
	return 0;
}

static int app(const struct pass *pass, uint8_t *p, size_t len, unsigned count)
{
	struct rtcp_new to;

	(void)count;
	if (len < 8)
		return E_FORMAT;
	site(pass, RTCP_SENDER, p, &to);
	return 0;
}

/* Entries of 8 bytes that start with an SSRC: RFC 5104 4.2.1, 4.3.1. */
static int entries(const struct pass *pass, uint8_t *p, size_t len)
{
	struct rtcp_new to;

	if (len % 8)
		return E_FORMAT;
	for (; len; len -= 8, p += 8)
		site(pass, RTCP_SUBJECT, p, &to);
	return 0;
}

/* RFC 4585 6.2.1: a first lost packet, then a bit for each of 16 more. */
static void nacks(uint8_t *p, size_t len, uint32_t add_seq)
{
	for (; len >= 4; len -= 4, p += 4)
		add(p, 2, add_seq);
}

enum { RTPFB_NACK = 1, RTPFB_TMMBR = 3, RTPFB_TMMBN = 4 };
enum { PSFB_FIR = 4, PSFB_TSTR = 5, PSFB_TSTN = 6 };

static int rtpfb(const struct pass *pass, uint8_t *p, size_t len,
		 unsigned format)
{
	struct rtcp_new to;
	int r = 0;

	if (len < 8)
		return E_FORMAT;
	if (format == RTPFB_TMMBR || format == RTPFB_TMMBN)
		r = entries(pass, p + 8, len - 8);
	if (r)
		return r;
	site(pass, RTCP_SENDER, p, &to);
	if (site(pass, RTCP_SUBJECT, p + 4, &to) && format == RTPFB_NACK)
		nacks(p + 8, len - 8, to.add_seq);
	return 0;
}

static int psfb(const struct pass *pass, uint8_t *p, size_t len,
		unsigned format)
{
	struct rtcp_new to;
	int r = 0;

	if (len < 8)
		return E_FORMAT;
	if (format >= PSFB_FIR && format <= PSFB_TSTN)
		r = entries(pass, p + 8, len - 8);
	if (r)
		return r;
	site(pass, RTCP_SENDER, p, &to);
	site(pass, RTCP_SUBJECT, p + 4, &to);
	return 0;
}

/* RFC 3611 section 4. Behind the block header: an SSRC, or several. */
static const struct {
	uint8_t least;  /* bytes */
	uint8_t every;  /* distance of one SSRC to the next; 0: only one */
	uint8_t range;  /* begin_seq and end_seq follow the SSRC */
} blocks[] = {
	[1] = { 8, 0, 1 },  /* loss run lengths */
	[2] = { 8, 0, 1 },  /* duplicate run lengths */
	[3] = { 8, 0, 1 },  /* receipt times */
	[5] = { 0, 12, 0 }, /* DLRR */
	[6] = { 36, 0, 1 }, /* statistics summary */
	[7] = { 32, 0, 0 }, /* VoIP metrics */
};

static int block(const struct pass *pass, unsigned type, uint8_t *p, size_t len)
{
	struct rtcp_new to;
	size_t every;

	if (type >= sizeof blocks / sizeof *blocks ||
	    (!blocks[type].least && !blocks[type].every))
		return 0;
	every = blocks[type].every ? blocks[type].every : len;
	if (len < blocks[type].least || (len && len % every))
		return E_FORMAT;
	for (; len; len -= every, p += every) {
		if (site(pass, RTCP_SUBJECT, p, &to) && blocks[type].range) {
			add(p + 4, 2, to.add_seq);
			add(p + 6, 2, to.add_seq);
		}
	}
	return 0;
}

static int xr(const struct pass *pass, uint8_t *p, size_t len, unsigned count)
{
	struct rtcp_new to;
	uint8_t *ssrc = p;

	(void)count;
	if (len < 4)
		return E_FORMAT;
	for (p += 4, len -= 4; len;) {
		size_t n = len < 4 ? 0 : (size_t)get(p + 2, 2) * 4;
		int r = E_FORMAT;

		if (len >= 4 + n)
			r = block(pass, p[0], p + 4, n);
		if (r)
			return r;
		p += 4 + n;
		len -= 4 + n;
	}
	site(pass, RTCP_SENDER, ssrc, &to);
	return 0;
}

static const struct {
	int (*visit)(const struct pass *pass, uint8_t *body, size_t len,
		     unsigned count);
	bool has_ssrc; /* the body starts with the sender's */
} types[] = {
	[RTCP_SR - RTCP_SR] = { sr, true },
	[RTCP_RR - RTCP_SR] = { rr, true },
	[RTCP_SDES - RTCP_SR] = { sdes, false },
	[RTCP_BYE - RTCP_SR] = { bye, false },
	[RTCP_APP - RTCP_SR] = { app, true },
	[RTCP_RTPFB - RTCP_SR] = { rtpfb, true },
	[RTCP_PSFB - RTCP_SR] = { psfb, true },
	[RTCP_XR - RTCP_SR] = { xr, true },
};

static bool known(unsigned type)
{
	return type >= RTCP_SR && type <= RTCP_XR;
}

/* The first part of *pkt, which moves behind it. */
static int next_part(const uint8_t **pkt, size_t *len, struct rtcp_part *out)
{
	struct reader r = reader_of(*pkt, *len);
	uint8_t first = reader_u8(&r);
	bool padded = first >> 5 & 1;
	size_t pad;

	*out = (struct rtcp_part){ .count = first & 31,
				   .type = reader_u8(&r) };
	out->body_len = (size_t)reader_u16(&r) * 4;
	out->body = reader_bytes(&r, out->body_len);
	if (r.err || !rtcp_is(*pkt, *len) || (padded && r.len))
		return E_FORMAT;
	*pkt = r.p;
	*len = r.len;
	if (padded) {
		pad = out->body_len ? r.p[-1] : 0;
		if (!pad || pad % 4 || pad > out->body_len)
			return E_FORMAT;
		out->body_len -= pad;
	}
	if (known(out->type) && types[out->type - RTCP_SR].has_ssrc &&
	    out->body_len >= 4)
		out->ssrc = get(out->body, 4);
	return 0;
}

/* With pass->map unset nothing is written: bytes may then be const. */
static int visit_all(const struct pass *pass, const uint8_t *pkt, size_t len)
{
	struct rtcp_part part;
	int r;

	if (!len)
		return E_FORMAT;
	while (len) {
		r = next_part(&pkt, &len, &part);
		if (!r && known(part.type))
			r = types[part.type - RTCP_SR].visit(
				pass, (uint8_t *)part.body, part.body_len,
				part.count);
		if (r)
			return r;
	}
	return 0;
}

int rtcp_walk(const uint8_t *pkt, size_t len, rtcp_part_fn fn, void *arg)
{
	const struct pass check = { NULL, NULL };
	struct rtcp_part part;
	int r = visit_all(&check, pkt, len);

	while (!r && fn && len) {
		r = next_part(&pkt, &len, &part);
		if (!r)
			fn(arg, &part);
	}
	return r;
}

int rtcp_rewrite(uint8_t *pkt, size_t len, rtcp_map_fn map, void *arg)
{
	const struct pass check = { NULL, NULL };
	const struct pass write = { map, arg };
	int r = visit_all(&check, pkt, len);

	return r ? r : visit_all(&write, pkt, len);
}
