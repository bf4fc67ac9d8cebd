/* sdp.c - reading a session description.
 *
 * RFC 8866 gives the form, RFC 3264 the meaning of port 0 and directions,
 * RFC 3605 a=rtcp, RFC 5761 a=rtcp-mux, T.38 annex D the lines of faxes, RFC
 * 4567 a=key-mgmt, RFC 4568 a=crypto (whose values are the keeper's to read),
 * RFC 5939 alternatives of a=key-mgmt (sdpcap.c). Only what a gateway needs is
 * read; everything else stays as the bytes it came in, and sdpwrite.c passes it
 * on. Lines may end in CRLF or in a bare LF.
 *
 * It does not judge codecs and does not resolve host names: a line whose
 * address is a name is marked so, and the caller refuses it. */
#include "daemon/engine/sdp/sdp.h"

#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdppre.h"
#include "daemon/engine/sdp/sdptext.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is carried along while reading. */
struct reading {
	struct sdp *s;
	struct sdp_media *m;  /* the section, or NULL before the first m= */
	const char *why;
	struct addr addr;     /* the session's c= */
	bool addressed;       /* the session has a c= with an address */
	enum sdp_direction direction;
	struct sdp_text payload; /* the section's first payload type */
	unsigned rtcp_port;
	unsigned n_origin;
};

static int wrong(struct reading *rd, const char *why)
{
	rd->why = why;
	return E_FORMAT;
}

bool sdp_is(struct sdp_text t, const char *word)
{
	return t.len == strlen(word) && !strncasecmp(t.p, word, t.len);
}

const char *sdp_direction_name(enum sdp_direction d)
{
	static const char *const name[] = { "sendrecv", "sendonly", "recvonly",
					    "inactive" };

	return d <= SDP_INACTIVE ? name[d] : "?";
}

bool sdp_next_line(struct sdp_text *rest, struct sdp_text *line,
		   struct sdp_text *eol)
{
	const char *nl;
	size_t n;

	if (!rest->len)
		return false;
	nl = memchr(rest->p, '\n', rest->len);
	n = nl ? (size_t)(nl - rest->p) : rest->len;
	*line = (struct sdp_text){ rest->p, n };
	if (nl && n && rest->p[n - 1] == '\r')
		line->len--;
	*eol = (struct sdp_text){ rest->p + line->len,
				  n + (nl ? 1 : 0) - line->len };
	rest->p += line->len + eol->len;
	rest->len -= line->len + eol->len;
	return true;
}

struct sdp_text sdp_word(struct sdp_text *t)
{
	struct sdp_text w;

	while (t->len && *t->p == ' ')
		t->p++, t->len--;
	w = (struct sdp_text){ t->p, 0 };
	while (w.len < t->len && t->p[w.len] != ' ')
		w.len++;
	t->p += w.len;
	t->len -= w.len;
	return w;
}

struct sdp_text sdp_attribute(struct sdp_text line, struct sdp_text *value)
{
	struct sdp_text name = { line.p + 2, line.len - 2 };
	const char *colon = memchr(name.p, ':', name.len);

	*value = (struct sdp_text){ line.p + line.len, 0 };
	if (colon) {
		value->p = colon + 1;
		value->len = (size_t)(line.p + line.len - value->p);
		name.len = (size_t)(colon - name.p);
	}
	return name;
}

static int number(struct sdp_text t, unsigned max, unsigned *out)
{
	unsigned v = 0;

	if (!t.len || t.len > 9)
		return E_FORMAT;
	for (size_t i = 0; i < t.len; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return E_FORMAT;
		v = v * 10 + (unsigned)(t.p[i] - '0');
	}
	if (v > max)
		return E_FORMAT;
	*out = v;
	return 0;
}

int sdp_address(struct sdp_text t, struct addr *out)
{
	struct sdp_text in = sdp_word(&t), type = sdp_word(&t);
	struct sdp_text host = sdp_word(&t);
	char copy[ADDR_TEXT];
	struct addr a;

	if (!sdp_is(in, "IN") || !host.len || sdp_word(&t).len)
		return E_FORMAT;
	if (!sdp_is(type, "IP4") && !sdp_is(type, "IP6"))
		return E_FORMAT;
	if (host.len >= sizeof copy)
		return E_UNSUPPORTED;
	memcpy(copy, host.p, host.len);
	copy[host.len] = 0;
	if (addr_parse(copy, &a) || a.port || copy[0] == '[')
		return E_UNSUPPORTED;
	if (a.family != (sdp_is(type, "IP4") ? 4 : 6))
		return E_FORMAT;
	*out = a;
	return 0;
}

/* RFC 8866 5.7: c=IN IP4 192.0.2.1 */
static int read_connection(struct reading *rd, struct sdp_text v)
{
	struct addr a = { 0 };
	int r = sdp_address(v, &a);

	if (r == E_FORMAT)
		return wrong(rd, "the c= line is malformed");
	if (rd->m) {
		a.port = (uint16_t)rd->m->port;
		rd->m->named = r != 0;
		rd->m->addr = a;
	} else {
		rd->addressed = !r;
		rd->addr = a;
	}
	return 0;
}

/* RFC 8866 5.2: user, id, version, IN, type, address. */
static int read_origin(struct reading *rd, struct sdp_text v)
{
	for (int i = 0; i < 6; i++)
		if (!sdp_word(&v).len)
			return wrong(rd, "the o= line is malformed");
	if (sdp_word(&v).len || rd->m || rd->n_origin++)
		return wrong(rd, "the o= line is malformed");
	return 0;
}

/* Port, and how many when it says "5004/2". */
static int read_port(struct sdp_text t, struct sdp_media *m)
{
	const char *slash = memchr(t.p, '/', t.len);
	struct sdp_text n;

	m->n_ports = 1;
	if (slash) {
		n.p = slash + 1;
		n.len = (size_t)(t.p + t.len - n.p);
		t.len = (size_t)(slash - t.p);
		if (number(n, 65535, &m->n_ports))
			return E_FORMAT;
	}
	return number(t, 65535, &m->port);
}

/* What comes after the last line of a section (or the session). */
static void end_section(struct reading *rd)
{
	struct sdp_media *m = rd->m;

	if (!m)
		return;
	if (m->rtcp.family || !rd->rtcp_port)
		return;
	m->rtcp = m->addr;
	m->rtcp.port = (uint16_t)rd->rtcp_port;
}

static void start_section(struct reading *rd)
{
	struct sdp_media *m = rd->m;

	m->addr = rd->addr;
	m->addr.port = (uint16_t)m->port;
	m->named = !rd->addressed;
	m->direction = rd->direction;
	rd->rtcp_port = 0;
}

/* RFC 8866 5.14: m=audio 49170 RTP/AVP 0 8 97 */
static int read_media(struct reading *rd, struct sdp_text v)
{
	struct sdp_media m = { 0 };
	struct sdp_text port;

	end_section(rd);
	m.media = sdp_word(&v);
	port = sdp_word(&v);
	m.proto = sdp_word(&v);
	rd->payload = sdp_word(&v);
	if (!m.media.len || !m.proto.len || !rd->payload.len ||
	    read_port(port, &m))
		return wrong(rd, "an m= line is malformed");
	if (rd->s->n == SDP_LINES_MAX) {
		rd->why = "more m= lines than are read";
		return E_UNSUPPORTED;
	}
	m.secure = sdp_is(m.proto, "RTP/SAVP") || sdp_is(m.proto, "RTP/SAVPF");
	m.rtp = m.secure || sdp_is(m.proto, "RTP/AVP") ||
		sdp_is(m.proto, "RTP/AVPF");
	m.fax = sdp_is(m.media, "image") && sdp_is(m.proto, "udptl");
	rd->m = &rd->s->media[rd->s->n++];
	*rd->m = m;
	start_section(rd);
	return 0;
}

/* RFC 3605: a=rtcp:53020 or a=rtcp:53020 IN IP4 192.0.2.1 */
static int read_rtcp(struct reading *rd, struct sdp_text v)
{
	struct sdp_text port = sdp_word(&v);
	unsigned n;
	int r;

	if (!rd->m)
		return 0;
	if (number(port, 65535, &n))
		return wrong(rd, "an a=rtcp line is malformed");
	rd->rtcp_port = n;
	if (!v.len)
		return 0;
	r = sdp_address(v, &rd->m->rtcp);
	if (r == E_FORMAT)
		return wrong(rd, "an a=rtcp line is malformed");
	rd->m->rtcp_named = rd->m->rtcp_named || r;
	if (rd->m->rtcp.family)
		rd->m->rtcp.port = (uint16_t)n;
	return 0;
}

static int read_rtcp_mux(struct reading *rd, struct sdp_text v)
{
	(void)v;
	if (rd->m)
		rd->m->rtcp_mux = true;
	return 0;
}

/* RFC 8866 6.6: a=rtpmap:97 iLBC/8000[/channels] */
static int read_rtpmap(struct reading *rd, struct sdp_text v)
{
	struct sdp_text pt = sdp_word(&v), codec = sdp_word(&v), rate;
	const char *slash = memchr(codec.p, '/', codec.len);
	const char *end = codec.p + codec.len;

	if (!rd->m || !slash || pt.len != rd->payload.len ||
	    memcmp(pt.p, rd->payload.p, pt.len))
		return 0;
	rate.p = slash + 1;
	slash = memchr(rate.p, '/', (size_t)(end - rate.p));
	rate.len = (size_t)((slash ? slash : end) - rate.p);
	if (number(rate, 100000000, &rd->m->clock_hz))
		return wrong(rd, "an a=rtpmap line is malformed");
	return 0;
}

static struct sdp_keys *keys_of(struct reading *rd)
{
	return rd->m ? &rd->m->keys : &rd->s->keys;
}

/* RFC 4567 3.1: a=key-mgmt:mikey BASE64 */
static int read_key_mgmt(struct reading *rd, struct sdp_text v)
{
	struct sdp_text protocol = sdp_word(&v), data = sdp_word(&v);
	struct sdp_keys *k = keys_of(rd);

	if (!protocol.len || !data.len || sdp_word(&v).len)
		return wrong(rd, "an a=key-mgmt line is malformed");
	if (!sdp_is(protocol, "mikey"))
		k->n_other++;
	else if (!k->n_mikey++)
		k->mikey = data;
	return 0;
}

/* RFC 4568 section 4. The first are the best: the rest may go. */
static int read_crypto(struct reading *rd, struct sdp_text v)
{
	struct sdp_keys *k = keys_of(rd);

	if (!v.len)
		return wrong(rd, "an a=crypto line is empty");
	if (k->n_crypto < SDP_CRYPTO_MAX)
		k->crypto[k->n_crypto++] = v;
	return 0;
}

/* RFC 5939: what is not of our making is nothing to us. More than we write are
 * left out, and the keeper then finds the offer incomplete. */
static int read_capability(struct reading *rd, struct sdp_text v)
{
	struct sdp_keys *k = keys_of(rd);

	if (k->n_capabilities < SDP_ALSO_MAX &&
	    sdp_get_capability(v, &k->capability[k->n_capabilities]))
		k->n_capabilities++;
	return 0;
}

static int read_config(struct reading *rd, struct sdp_text v)
{
	struct sdp_media *m = rd->m;

	if (m && m->n_configs < SDP_ALSO_MAX &&
	    sdp_get_config(v, &m->config[m->n_configs]))
		m->n_configs++;
	return 0;
}

static int read_chosen(struct reading *rd, struct sdp_text v)
{
	if (rd->m && !rd->m->chosen.number)
		sdp_get_chosen(v, &rd->m->chosen);
	return 0;
}

static int read_direction(struct reading *rd, enum sdp_direction d)
{
	if (rd->m)
		rd->m->direction = d;
	else
		rd->direction = d;
	return 0;
}

static int read_attribute(struct reading *rd, struct sdp_text line)
{
	static const struct {
		const char *name;
		int (*read)(struct reading *rd, struct sdp_text v);
	} row[] = {
		{ "rtcp", read_rtcp },
		{ "rtcp-mux", read_rtcp_mux },
		{ "rtpmap", read_rtpmap },
		{ "key-mgmt", read_key_mgmt },
		{ "crypto", read_crypto },
		{ "acap", read_capability },
		{ "pcfg", read_config },
		{ "acfg", read_chosen },
	};
	struct sdp_text value, name = sdp_attribute(line, &value);

	if (!name.len)
		return wrong(rd, "an a= line is malformed");
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (sdp_is(name, row[i].name))
			return row[i].read(rd, value);
	for (int d = SDP_SENDRECV; d <= SDP_INACTIVE; d++)
		if (sdp_is(name, sdp_direction_name((enum sdp_direction)d)))
			return read_direction(rd, (enum sdp_direction)d);
	return 0;
}

static int read_line(struct reading *rd, struct sdp_text line)
{
	struct sdp_text v = { line.p + 2, line.len - 2 };

	switch (line.p[0]) {
	case 'o':
		return read_origin(rd, v);
	case 'c':
		return read_connection(rd, v);
	case 'm':
		return read_media(rd, v);
	case 'a':
		return read_attribute(rd, line);
	case 'k':
		keys_of(rd)->clear = true;
		return 0;
	default:
		return 0;
	}
}

static bool line_sound(struct sdp_text line)
{
	if (line.len < 2 || line.p[1] != '=')
		return false;
	if (line.p[0] < 'a' || line.p[0] > 'z')
		return false;
	return !memchr(line.p, 0, line.len) && !memchr(line.p, '\r', line.len);
}

static bool only_line_ends(struct sdp_text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.p[i] != '\r' && t.p[i] != '\n')
			return false;
	return true;
}

static int read_all(struct reading *rd)
{
	struct sdp_text rest = rd->s->text, line, eol;
	int r;

	while (sdp_next_line(&rest, &line, &eol)) {
		if (!line.len && only_line_ends(rest))
			break;
		if (!line_sound(line))
			return wrong(rd, "a line is not of the form x=...");
		if ((r = read_line(rd, line)))
			return r;
	}
	end_section(rd);
	if (rd->n_origin != 1)
		return wrong(rd, "the o= line is missing");
	return 0;
}

int sdp_read(const void *data, size_t len, struct sdp *out, const char **why)
{
	struct reading rd = { .s = out };
	struct sdp_text rest = { data, len }, line, eol;
	int r;

	memset(out, 0, sizeof *out);
	out->text = rest;
	if (!sdp_next_line(&rest, &line, &eol) || !sdp_is(line, "v=0")) {
		*why = "it does not begin with v=0";
		return E_FORMAT;
	}
	out->eol = eol.len == 1 ? "\n" : "\r\n";
	r = read_all(&rd);
	if (r)
		*why = rd.why;
	return r;
}

/* What carries keys, or alternatives of them; none of it passes to the other
 * leg of a sealed call. */
static const char *const of_keys[] = { "key-mgmt", "crypto", "acap", "pcfg",
				       "acfg" };

/* Lines that do not count for "unchanged". */
static bool is_left_out(struct sdp_text line, bool keys)
{
	struct sdp_text name, value;

	if (line.len && (line.p[0] == 'o' || (line.p[0] == 'c' && !keys)))
		return true;
	if (!line.len || line.p[0] != 'a')
		return false;
	name = sdp_attribute(line, &value);
	if (sdp_pre_is(name))
		return true;
	for (size_t i = 0; !keys && i < sizeof of_keys / sizeof *of_keys; i++)
		if (sdp_is(name, of_keys[i]))
			return true;
	return false;
}

static int digest(const struct sdp *s, bool keys, uint8_t out[static 32])
{
	struct sdp_text rest = s->text, line, eol;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int r = E_NOMEM;

	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		goto out;
	while (sdp_next_line(&rest, &line, &eol)) {
		if (is_left_out(line, keys))
			continue;
		if (!EVP_DigestUpdate(md, line.p, line.len + eol.len))
			goto out;
	}
	if (EVP_DigestFinal_ex(md, out, NULL))
		r = 0;
out:
	EVP_MD_CTX_free(md);
	return r;
}

int sdp_digest(const struct sdp *s, uint8_t out[static 32])
{
	return digest(s, true, out);
}

int sdp_digest_rest(const struct sdp *s, uint8_t out[static 32])
{
	return digest(s, false, out);
}
