/* sdpcan.c - see sdpcan.h. Lines of media have port 0, so that nobody takes the
 * description for an offer or answer; their addresses are arbitrary there (RFC
 * 3264 section 9) and say here where IKE is, at its own ports. Codecs are the
 * phones', of which nothing is said. ESP has no line of media that says it: an
 * attribute of ours does, for one family of addresses. */
#include "daemon/engine/sdp/sdpcan.h"

#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdpike.h"
#include "daemon/engine/sdp/sdptext.h"

#include <string.h>

#define ESP_NAME "x-callseal-esp"
#define ESP_NUMBER "241" /* of the profile: doc/MIKEY-IPSEC.md */

/* -- reading --------------------------------------------------------------- */

/* Of several that name an address the first counts. */
static int read_ike(const struct sdp *s, struct sdp_can *out, const char **why)
{
	struct sdp_ike ike;
	unsigned line = 0;
	int r;

	for (; !(r = sdp_ike_read(s, &line, &ike, why)); line++) {
		if (out->ike && (out->ike_at.family || !ike.at.family))
			continue;
		out->ike = true;
		out->ike_at = ike.at;
		out->ike_at.port = 0;
		out->certs = ike.certs;
	}
	return r == E_NOTFOUND ? 0 : r;
}

/* Other numbers are of profiles to come. */
static int read_esp(struct sdp_text value, struct sdp_can *out)
{
	struct addr at;

	if (!sdp_is(sdp_word(&value), ESP_NUMBER))
		return 0;
	if (sdp_address(value, &at) || !addr_is_host(&at))
		return E_FORMAT;
	if (!out->esp)
		out->esp_at = at;
	out->esp = true;
	return 0;
}

/* It stands before the first line of media. */
static int read_session(const struct sdp *s, struct sdp_can *out,
			const char **why)
{
	struct sdp_text rest = s->text, line, eol, value;

	while (sdp_next_line(&rest, &line, &eol) &&
	       !(line.len > 1 && line.p[0] == 'm'))
		if (line.len > 2 && line.p[0] == 'a' &&
		    sdp_is(sdp_attribute(line, &value), ESP_NAME) &&
		    read_esp(value, out)) {
			*why = "an a=" ESP_NAME " line is malformed";
			return E_FORMAT;
		}
	return 0;
}

int sdp_can_read(const void *data, size_t len, struct sdp_can *out,
		 const char **why)
{
	struct sdp_can can;
	struct sdp s;
	int r = sdp_read(data, len, &s, why);

	memset(&can, 0, sizeof can);
	if (!r)
		r = read_session(&s, &can, why);
	if (!r)
		r = read_ike(&s, &can, why);
	if (!r)
		*out = can;
	return r;
}

/* -- writing --------------------------------------------------------------- */

static void write_address(struct buf *out, const struct addr *at)
{
	char host[ADDR_TEXT];

	buf_printf(out, "IN IP%u %s\r\n", at->family, addr_host(at, host));
}

static int write_ike(const struct sdp_can *can, struct buf *out)
{
	char one[ADDR_TEXT];
	int r = 0;

	buf_printf(out, "m=application 0 udp ike-esp-udpencap ike-esp\r\n"
		   "c=IN IP%u %s\r\na=ike-setup:actpass\r\n",
		   can->ike_at.family, addr_host(&can->ike_at, one));
	for (unsigned i = 0; i < can->certs.n && !r; i++) {
		buf_text(out, "a=fingerprint:");
		r = sdp_print_write(&can->certs.list[i], out);
		buf_text(out, "\r\n");
	}
	return r;
}

int sdp_can_write(const struct sdp_can *can, uint64_t id,
		  const struct addr *at, struct buf *out)
{
	int r = 0;

	if (!at->family || (can->ike && !can->ike_at.family) ||
	    (can->esp && !can->esp_at.family) || can->certs.n > PRINTS_MAX)
		return E_ARG;
	buf_printf(out, "v=0\r\no=- %llu 1 ", (unsigned long long)id);
	write_address(out, at);
	buf_text(out, "s=-\r\nc=");
	write_address(out, at);
	buf_text(out, "t=0 0\r\n");
	if (can->esp) {
		buf_text(out, "a=" ESP_NAME ":" ESP_NUMBER " ");
		write_address(out, &can->esp_at);
	}
	if (can->ike)
		r = write_ike(can, out);
	return r ? r : out->err;
}
