/* sdpike.c - IKE in session descriptions, read and written: RFC 6193 section 4
 * (formats, a=ike-setup), section 5.1 and 8.2 (fingerprints and their levels).
 * See sdpike.h. ICE (5.1) is not read: IKE goes where the line says. */
#include "daemon/engine/sdp/sdpike.h"

#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdptext.h"

#include <string.h>

static const char *const setups[] = {
	[SDP_SETUP_ACTIVE] = "active", [SDP_SETUP_PASSIVE] = "passive",
	[SDP_SETUP_ACTPASS] = "actpass"
};

static const char *const formats[] = { "ike-esp", "ike-esp-udpencap" };

/* What one level, the session or a section, says. */
struct level {
	enum sdp_setup setup;
	struct prints certs, psks;
	bool twice; /* a=ike-setup */
};

static bool is_attribute(struct sdp_text line)
{
	return line.len > 2 && line.p[0] == 'a' && line.p[1] == '=';
}

static bool is_media(struct sdp_text line)
{
	return line.len > 1 && line.p[0] == 'm' && line.p[1] == '=';
}

static int read_setup(struct level *l, struct sdp_text value)
{
	l->twice |= l->setup != SDP_SETUP_UNSAID;
	for (int s = SDP_SETUP_ACTIVE; s <= SDP_SETUP_ACTPASS; s++)
		if (sdp_is(value, setups[s])) {
			l->setup = (enum sdp_setup)s;
			return 0;
		}
	return E_FORMAT;
}

static int read_print(struct prints *p, struct sdp_text value)
{
	struct print one;

	if (sdp_print_read(value, &one))
		return E_FORMAT;
	if (!one.hash)
		p->unknown++;
	else if (p->n < PRINTS_MAX)
		p->list[p->n++] = one;
	return 0;
}

static int read_attribute(struct level *l, struct sdp_text line)
{
	struct sdp_text value, name = sdp_attribute(line, &value);

	if (sdp_is(name, "ike-setup"))
		return read_setup(l, value);
	if (sdp_is(name, "fingerprint"))
		return read_print(&l->certs, value);
	if (sdp_is(name, "psk-fingerprint"))
		return read_print(&l->psks, value);
	return 0;
}

/* Of one level: wanted is 0 for the session, n for the n-th m= line. */
static int read_level(const struct sdp *s, unsigned wanted, struct level *out,
		      const char **why)
{
	struct sdp_text rest = s->text, line, eol;
	struct level l = { .twice = false };
	unsigned at = 0;

	while (at <= wanted && sdp_next_line(&rest, &line, &eol)) {
		at += is_media(line);
		if (at == wanted && is_attribute(line) &&
		    read_attribute(&l, line)) {
			*why = "an a=ike-setup, a=fingerprint or "
			       "a=psk-fingerprint line is malformed";
			return E_FORMAT;
		}
	}
	if (l.twice) {
		*why = "a=ike-setup is there twice";
		return E_FORMAT;
	}
	*out = l;
	return 0;
}

/* The formats of the n-th m= line. */
static struct sdp_text formats_of(const struct sdp *s, unsigned n)
{
	struct sdp_text rest = s->text, line, eol;
	unsigned at = 0;

	while (at < n && sdp_next_line(&rest, &line, &eol))
		at += is_media(line);
	for (int i = 0; i < 3; i++)
		sdp_word(&line); /* "m=application", port, "udp" */
	return line;
}

/* The first one of ours that it names. */
static bool is_ike(const struct sdp *s, unsigned n, bool *udpencap)
{
	const struct sdp_media *m = &s->media[n];
	struct sdp_text list, word;

	if (!sdp_is(m->media, "application") || !sdp_is(m->proto, "udp"))
		return false;
	list = formats_of(s, n + 1);
	while ((word = sdp_word(&list)).len)
		for (int i = 0; i < 2; i++)
			if (sdp_is(word, formats[i])) {
				*udpencap = i;
				return true;
			}
	return false;
}

bool sdp_ike_is(const struct sdp *s, unsigned n)
{
	bool udpencap;

	return is_ike(s, n, &udpencap);
}

static int read_line(const struct sdp *s, unsigned n, struct sdp_ike *out,
		     const char **why)
{
	const struct sdp_media *m = &s->media[n];
	struct level session, own;
	int r = read_level(s, 0, &session, why);

	if (!r)
		r = read_level(s, n + 1, &own, why);
	if (r)
		return r;
	if (m->port && m->named) {
		*why = "the address of IKE is a name, or is not there";
		return E_UNSUPPORTED;
	}
	if (m->n_ports != 1) {
		*why = "IKE has more than one port";
		return E_FORMAT;
	}
	out->at = m->addr;
	out->at.port = (uint16_t)m->port;
	out->setup = own.setup ? own.setup : session.setup;
	out->certs = own.certs.n + own.certs.unknown ? own.certs
						     : session.certs;
	out->psks = own.psks.n + own.psks.unknown ? own.psks : session.psks;
	return 0;
}

int sdp_ike_read(const struct sdp *s, unsigned *line, struct sdp_ike *out,
		 const char **why)
{
	struct sdp_ike i = { .setup = SDP_SETUP_UNSAID };
	int r;

	for (unsigned n = *line; n < s->n; n++) {
		if (!is_ike(s, n, &i.udpencap))
			continue;
		r = read_line(s, n, &i, why);
		if (!r) {
			*line = n;
			*out = i;
		}
		return r;
	}
	return E_NOTFOUND;
}

/* -- writing --------------------------------------------------------------- */

static int write_prints(const struct prints *p, const char *name,
			const char *eol, struct buf *out)
{
	int r = p->n <= PRINTS_MAX ? 0 : E_ARG;

	for (unsigned i = 0; i < p->n && !r; i++) {
		buf_printf(out, "a=%s:", name);
		r = sdp_print_write(&p->list[i], out);
		buf_text(out, eol);
	}
	return r;
}

int sdp_ike_write(const struct sdp_ike *i, const char *eol, struct buf *out)
{
	char host[ADDR_TEXT];
	int r;

	buf_printf(out, "m=application %u udp %s%s", i->at.port,
		   formats[i->udpencap], eol);
	if (!i->at.port)
		return out->err;
	if (!i->at.family || (unsigned)i->setup > SDP_SETUP_ACTPASS)
		return E_ARG;
	buf_printf(out, "c=IN IP%u %s%s", i->at.family,
		   addr_host(&i->at, host), eol);
	if (i->setup)
		buf_printf(out, "a=ike-setup:%s%s", setups[i->setup], eol);
	r = write_prints(&i->certs, "fingerprint", eol, out);
	if (!r)
		r = write_prints(&i->psks, "psk-fingerprint", eol, out);
	return r ? r : out->err;
}
