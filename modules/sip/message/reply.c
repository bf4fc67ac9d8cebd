/* reply.c - answers of our own: refusals with their Warning (RFC 3261 20.43),
 * and what an OPTIONS to us gets. */
#include "modules/sip/message/reply.h"

#include "modules/sip/message/headers.h"
#include "daemon/base/err.h"
#include "daemon/engine/way/discover.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>

const char *reply_phrase(int status)
{
	const char *phrase = sip_status_phrase(status);

	return phrase ? phrase : "Failed";
}

struct refusal reply_no(int status, const char *text)
{
	struct refusal no = { .status = status };

	no.phrase = reply_phrase(status);
	if (text) {
		no.warn_code = 399; /* miscellaneous */
		snprintf(no.warn, sizeof no.warn, "%s", text);
	}
	return no;
}

/* The text stands in a quoted string. */
static void warning_of(const struct refusal *no, char *out, size_t room)
{
	char text[REASON_TEXT], *c;

	snprintf(text, sizeof text, "%s", no->warn);
	for (c = text; *c; c++)
		if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
			*c = '\'';
	snprintf(out, room, "%03u callseal \"%s\"", no->warn_code % 1000, text);
}

/* A description without media that has only the keying protocol's error (RFC
 * 3261 21.4.26, RFC 4567 4.1.2). */
static void keys_of(const struct refusal *no, char *out, size_t room)
{
	snprintf(out, room, "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\n"
		 "t=0 0\r\na=key-mgmt:mikey %s\r\n", no->keys);
}

static bool reply_attached(nta_incoming_t *irq, const struct refusal *no,
			   const char *warning)
{
	msg_t *msg = nta_incoming_create_response(
		irq, no->status, no->phrase ? no->phrase
					    : reply_phrase(no->status));

	if (msg && header_add(msg, "Warning", warning) &&
	    words_put(msg, no->attached)) {
		nta_incoming_mreply(irq, msg);
		return true;
	}
	msg_destroy(msg);
	return false;
}

void reply_refuse(nta_incoming_t *irq, const struct refusal *no)
{
	char warning[REASON_TEXT + 32] = "", after[16];
	char keys[REFUSAL_KEYS + 128] = "";
	int status = no->status;

	if (status < 400 || status > 699)
		status = 500;
	if (no->warn_code)
		warning_of(no, warning, sizeof warning);
	if (no->attached && *warning && reply_attached(irq, no, warning))
		return;
	if (no->keys[0])
		keys_of(no, keys, sizeof keys);
	snprintf(after, sizeof after, "%u", no->retry_after_s);
	nta_incoming_treply(
		irq, status, no->phrase ? no->phrase : reply_phrase(status),
		TAG_IF(*warning, SIPTAG_WARNING_STR(warning)),
		TAG_IF(no->retry_after_s, SIPTAG_RETRY_AFTER_STR(after)),
		TAG_IF(status == 405, SIPTAG_ALLOW_STR(SIP_ALLOW)),
		TAG_IF(status == 422, SIPTAG_MIN_SE_STR("90")), /* RFC 4028 */
		TAG_IF(status == 415, SIPTAG_ACCEPT_STR("application/sdp")),
		TAG_IF(status == 420, SIPTAG_UNSUPPORTED_STR("precondition")),
		TAG_IF(status == 421,
		       SIPTAG_REQUIRE_STR("precondition, 100rel")),
		TAG_IF(*keys, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
		TAG_IF(*keys, SIPTAG_PAYLOAD_STR(keys)),
		TAG_END());
}

/* By its Accept, without which it does (RFC 3261 20.1). */
static bool takes_sdp(const sip_t *sip)
{
	static const char *const types[] = { "application/sdp",
					     "application/*", "*/*" };
	const sip_accept_t *a = sip->sip_accept;

	for (; a; a = a->ac_next)
		for (int i = 0; a->ac_type && i < 3; i++)
			if (!strcasecmp(a->ac_type, types[i]))
				return !a->ac_q || strtod(a->ac_q, NULL) > 0;
	return !sip->sip_accept;
}

static void reply_able(nta_incoming_t *irq, const char *supported,
		       const struct buf *sdp)
{
	sip_payload_t body[1];

	sip_payload_init(body);
	if (sdp) {
		body->pl_data = (char *)sdp->data;
		body->pl_len = sdp->len;
	}
	nta_incoming_treply(irq, SIP_200_OK, SIPTAG_ALLOW_STR(SIP_ALLOW),
			    SIPTAG_ACCEPT_STR("application/sdp"),
			    SIPTAG_ACCEPT_ENCODING_STR("identity"),
			    SIPTAG_SUPPORTED_STR(supported),
			    TAG_IF(sdp, SIPTAG_CONTENT_TYPE_STR(
					   "application/sdp")),
			    TAG_IF(sdp, SIPTAG_PAYLOAD(body)), TAG_END());
}

/* Only where the answer goes to who asked: a Via with maddr sends it elsewhere
 * (RFC 3261 18.2.2). Before the tunnel process has told our end a 200 would say
 * that there is none; a 503, that we are down. */
void reply_options(struct sip_face *face, nta_incoming_t *irq,
		   const sip_t *sip)
{
	struct refusal no = reply_no(480, "not ready yet");
	struct addr source = face_source(irq);
	struct capable can;
	int r = E_NOTFOUND;

	if (face->face == OUTSIDE && takes_sdp(sip) && !sip->sip_via->v_maddr)
		r = engine_capable(face->sip->engine, &source, &can);
	if (!r) {
		reply_able(irq, can.before ? "100rel, timer, precondition"
					   : "100rel, timer", &can.sdp);
		buf_free(&can.sdp);
	} else if (r == E_STATE) {
		no.retry_after_s = 5;
		reply_refuse(irq, &no);
	} else {
		reply_able(irq, "100rel, timer", NULL);
	}
}
