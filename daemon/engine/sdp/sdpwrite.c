/* sdpwrite.c - a session description for the other leg.
 *
 * Changed are: o= (the phone's would tell its address), c= and the port of m=
 * (media goes through our relay), RTP/AVP <-> RTP/SAVP, a=rtcp; taken out are
 * ICE candidates and other addresses to choose from (RFC 8839, 6947: they would
 * lead past the relay) and, in a sealed call, all that carries or negotiates
 * keys of a leg (a=crypto, k=, a=key-mgmt, DTLS, RFC 5939 capabilities) and
 * a=ssrc, since the relay owns the SSRC; put in is our a=key-mgmt (RFC 4567),
 * with alternatives as capabilities of our own (RFC 5939), or a=crypto (RFC
 * 4568), or preconditions in place of the sender's (RFC 3312). All other bytes
 * stay. */
#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdppre.h"
#include "daemon/engine/sdp/sdptext.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct writing {
	const struct sdp *s;
	const struct sdp_edit *e;
	struct buf *out;
	int line;           /* index of the section, -1 for the session */
	bool connected;     /* the section has its c= line */
	bool hidden;        /* the section is left out */
	bool session_c;     /* the session has one */
	bool rtcp;          /* the section has its a=rtcp */
};

/* Attributes that do not pass. */
static const struct {
	const char *name;
	bool sealed_only;
} dropped[] = {
	{ "candidate", false },
	{ "remote-candidates", false },
	{ "end-of-candidates", false },
	{ "ice-ufrag", false },
	{ "ice-pwd", false },
	{ "ice-options", false },
	{ "ice-lite", false },
	{ "ice-mismatch", false },
	{ "ice-pacing", false },
	{ "altc", false },
	{ "alt", false },
	{ "key-mgmt", true },
	{ "crypto", true },
	{ "ssrc", true },
	{ "ssrc-group", true },
	{ "fingerprint", true },
	{ "setup", true },
	{ "tls-id", true },
	{ "connection", true },
	{ "csup", true },
	{ "creq", true },
	{ "acap", true },
	{ "tcap", true },
	{ "pcfg", true },
	{ "acfg", true },
};

static void put(struct writing *w, struct sdp_text t)
{
	buf_put(w->out, t.p, t.len);
}

/* A line end of the description's own kind. */
static void put_end(struct writing *w, struct sdp_text eol)
{
	if (eol.len)
		put(w, eol);
	else
		buf_text(w->out, w->s->eol);
}

static const char *type_of(const struct addr *a)
{
	return a->family == 6 ? "IP6" : "IP4";
}

static void put_address(struct writing *w, const struct addr *a)
{
	char host[ADDR_TEXT];

	buf_printf(w->out, "IN %s %s", type_of(a), addr_host(a, host));
}

static const struct sdp_edit_line *edit_line(const struct writing *w)
{
	return &w->e->line[w->line];
}

/* The address a section's media comes to: ours, the session's when rejected. */
static const struct addr *section_addr(const struct writing *w)
{
	if (w->line < 0 || edit_line(w)->reject)
		return &w->e->addr;
	return &edit_line(w)->addr;
}

/* c=IN IP4 0.0.0.0 is the old form of hold (RFC 3264 8.4): it must stay. */
static void put_connection(struct writing *w, struct sdp_text line,
			   struct sdp_text eol)
{
	struct sdp_text v = { line.p + 2, line.len - 2 };
	struct addr was;

	w->connected = w->line >= 0;
	w->session_c = w->session_c || w->line < 0;
	if (!sdp_address(v, &was) && addr_is_any(&was)) {
		put(w, line);
	} else {
		buf_text(w->out, "c=");
		put_address(w, section_addr(w));
	}
	put_end(w, eol);
}

static void put_origin(struct writing *w, struct sdp_text eol)
{
	buf_printf(w->out, "o=- %" PRIu64 " %" PRIu64 " ", w->e->id,
		   w->e->version);
	put_address(w, &w->e->addr);
	put_end(w, eol);
}

static void put_proto(struct writing *w, struct sdp_text proto)
{
	enum sdp_proto to = edit_line(w)->proto;
	bool secure = w->s->media[w->line].secure;
	bool feedback = proto.len && (proto.p[proto.len - 1] | 32) == 'f';

	if (!w->s->media[w->line].rtp || to == SDP_PROTO_KEEP ||
	    secure == (to == SDP_PROTO_SECURE))
		put(w, proto);
	else
		buf_printf(w->out, "RTP/%sAVP%s", secure ? "" : "S",
			   feedback ? "F" : "");
}

static void put_media(struct writing *w, struct sdp_text line,
		      struct sdp_text eol)
{
	const struct sdp_media *m;
	struct sdp_text rest;
	unsigned port;

	w->line++;
	w->connected = w->rtcp = false;
	m = &w->s->media[w->line];
	port = edit_line(w)->reject ? 0 : edit_line(w)->addr.port;
	rest.p = m->proto.p + m->proto.len;
	rest.len = (size_t)(line.p + line.len - rest.p);
	buf_text(w->out, "m=");
	put(w, m->media);
	buf_printf(w->out, " %u ", port);
	put_proto(w, m->proto);
	put(w, rest);
	put_end(w, eol);
}

/* What was read of it, and nothing else: that was looked at. */
static void put_direct_rtcp(struct writing *w, struct sdp_text eol)
{
	const struct addr *a = &w->s->media[w->line].rtcp;

	if (w->rtcp || !a->family)
		return;
	w->rtcp = true;
	buf_printf(w->out, "a=rtcp:%u ", a->port);
	put_address(w, a);
	put_end(w, eol);
}

/* RFC 3605, in the form it came in. A port equal to RTP's stays so. It is of
 * one line: for the session there is none. */
static void put_rtcp(struct writing *w, struct sdp_text v, struct sdp_text eol)
{
	const struct addr *a = section_addr(w);
	const struct sdp_media *m;

	sdp_word(&v);
	if (w->line < 0 || edit_line(w)->reject)
		return;
	if (edit_line(w)->direct) {
		put_direct_rtcp(w, eol);
		return;
	}
	m = &w->s->media[w->line];
	buf_printf(w->out, "a=rtcp:%u",
		   a->port + (m->rtcp.port == m->port ? 0u : 1u));
	if (v.len) {
		buf_text(w->out, " ");
		put_address(w, a);
	}
	put_end(w, eol);
}

/* RFC 6193 5.1: it would be the line's where that says nothing. */
static bool is_of_ike(const struct writing *w, struct sdp_text name)
{
	return w->e->ike && w->line < 0 &&
	       (sdp_is(name, "fingerprint") || sdp_is(name, "ike-setup") ||
		sdp_is(name, "psk-fingerprint"));
}

static bool is_dropped(const struct writing *w, struct sdp_text name)
{
	if (is_of_ike(w, name))
		return true;
	for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
		if (sdp_is(name, dropped[i].name))
			return w->e->sealed || !dropped[i].sealed_only;
	return false;
}

/* Lines of one bundle would have to share a port; each has its own here. */
static bool is_bundle(struct sdp_text name, struct sdp_text value)
{
	return sdp_is(name, "bundle-only") ||
	       (sdp_is(name, "group") && sdp_is(sdp_word(&value), "BUNDLE"));
}

static bool is_direction(struct sdp_text name)
{
	for (int d = SDP_SENDRECV; d <= SDP_INACTIVE; d++)
		if (sdp_is(name, sdp_direction_name((enum sdp_direction)d)))
			return true;
	return false;
}

static void put_attribute(struct writing *w, struct sdp_text line,
			  struct sdp_text eol)
{
	struct sdp_text value, name = sdp_attribute(line, &value);

	if (w->line >= 0 && (edit_line(w)->bare ||
			     (edit_line(w)->directed && is_direction(name))))
		return;
	if (is_dropped(w, name) || is_bundle(name, value) ||
	    (w->e->no_pre && sdp_pre_is(name)))
		return;
	if (sdp_is(name, "rtcp")) {
		put_rtcp(w, value, eol);
		return;
	}
	put(w, line);
	put_end(w, eol);
}

/* A section that relied on the session's c= needs its own if its address is
 * another. It stands after m= and i=, before all else (RFC 8866 5). */
static void complete_connection(struct writing *w, char next)
{
	if (w->line < 0 || w->connected || next == 'i' || next == 'c')
		return;
	w->connected = true;
	if (edit_line(w)->reject ||
	    addr_is_any(&w->s->media[w->line].addr) ||
	    (w->session_c && addr_same_host(section_addr(w), &w->e->addr)))
		return;
	buf_text(w->out, "c=");
	put_address(w, section_addr(w));
	buf_text(w->out, w->s->eol);
}

/* One attribute for each line of values. */
static void put_crypto(struct writing *w, const char *values)
{
	size_t n;

	for (; *values; values += n + (values[n] != 0)) {
		n = strcspn(values, "\n");
		buf_text(w->out, "a=crypto:");
		buf_put(w->out, values, n);
		buf_text(w->out, w->s->eol);
	}
}

/* What a line of media takes in place of the actual configuration. */
static void put_alternatives(struct writing *w)
{
	const struct sdp_edit_line *l = edit_line(w);

	sdp_put_capabilities(w->out, &l->also, w->s->eol);
	sdp_put_configs(w->out, &l->configs, w->s->eol);
	sdp_put_chosen(w->out, &l->chosen, w->s->eol);
}

/* Closes the section before an m= line or the end. */
static void end_section(struct writing *w)
{
	const char *mikey = w->e->mikey, *crypto = NULL;

	if (w->hidden)
		return;
	complete_connection(w, 0);
	if (w->line >= 0) {
		mikey = edit_line(w)->reject ? NULL : edit_line(w)->mikey;
		crypto = edit_line(w)->reject ? NULL : edit_line(w)->crypto;
	}
	if (mikey)
		buf_printf(w->out, "a=key-mgmt:mikey %s%s", mikey, w->s->eol);
	if (crypto)
		put_crypto(w, crypto);
	if (w->line < 0)
		sdp_put_capabilities(w->out, &w->e->also, w->s->eol);
	else if (!edit_line(w)->reject)
		put_alternatives(w);
	if (w->line >= 0 && edit_line(w)->directed)
		buf_printf(w->out, "a=%s%s",
			   sdp_direction_name(edit_line(w)->direction),
			   w->s->eol);
	if (w->line >= 0 && edit_line(w)->pre.on && !edit_line(w)->reject)
		sdp_pre_write(edit_line(w)->pre.current,
			      edit_line(w)->pre.confirm, w->s->eol, w->out);
}

/* Of the next m= line: is it to be seen, and by its own bytes? */
static void begin_section(struct writing *w)
{
	const struct sdp_edit_line *l = &w->e->line[w->line + 1];

	if (l->section && !l->hide)
		buf_text(w->out, l->section);
	w->hidden = l->hide || l->section;
	w->line += w->hidden;
}

static void put_line(struct writing *w, struct sdp_text line,
		     struct sdp_text eol)
{
	char type = line.len ? line.p[0] : 0;

	if (type == 'm') {
		end_section(w);
		begin_section(w);
	}
	if (w->hidden)
		return;
	if (type != 'm')
		complete_connection(w, type);
	if (type == 'o')
		put_origin(w, eol);
	else if (type == 'c')
		put_connection(w, line, eol);
	else if (type == 'm')
		put_media(w, line, eol);
	else if (type == 'a')
		put_attribute(w, line, eol);
	else if (type && !(type == 'k' && w->e->sealed))
		put(w, line), put_end(w, eol);
}

int sdp_write(const struct sdp *s, const struct sdp_edit *e, struct buf *out)
{
	struct writing w = { .s = s, .e = e, .out = out, .line = -1 };
	struct sdp_text rest = s->text, line, eol;

	while (sdp_next_line(&rest, &line, &eol) && line.len)
		put_line(&w, line, eol);
	end_section(&w);
	return out->err;
}
