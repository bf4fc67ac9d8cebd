/* reason.c - why charon raised no tunnel. See reason.h. The lines are those of
 * strongSwan 5.9 and 6.0, by their beginnings; tests/live/vici-trouble has
 * charon write them. A line that is not known costs the reason, not the end of
 * an attempt. */
#include "modules/vici/reason.h"

#include "daemon/base/err.h"

#include <string.h>

int vici_line_read(const void *message, size_t len, struct vici_line *out)
{
	struct vici_reader r = vici_reader_of(message, len);
	struct vici_line line = { .ike_id = 0 };
	struct vici_element e;
	uint64_t id = 0;
	int err;

	while (!(err = vici_next(&r, &e)) && e.type != VICI_END) {
		if (e.type != VICI_KEY || r.depth)
			continue;
		if (vici_text_is(e.name, "ikesa-name"))
			line.conn = e.value;
		if (vici_text_is(e.name, "msg"))
			line.text = e.value;
		if (vici_text_is(e.name, "ikesa-uniqueid") &&
		    vici_text_u64(e.value, 10, UINT32_MAX, &id))
			return E_FORMAT;
	}
	line.ike_id = (uint32_t)id;
	if (err)
		return err;
	if (!line.ike_id || !line.conn.len || !line.text.len)
		return E_NOTFOUND;
	*out = line;
	return 0;
}

/* What is only silence weighs less than a word of the far end, and that less
 * than what was found here. */
enum { SILENCE = 1, THEIRS, OURS };

#define UNTRUSTED "the far end's certificate is not the pinned one and leads " \
	"to none that is trusted: see ike_cert, ike_ca"

static const struct row {
	const char *begins;
	struct vici_reason is;
} rows[] = {
	{ "initiating IKE_SA ", { .begins = true } },
	{ "establishing CHILD_SA ", { .begins = true } },
	{ "retransmit ", { .weight = SILENCE, .why =
		"the far end does not answer IKE" } },
	{ "giving up after ", { .over = true, .weight = SILENCE, .why =
		"the far end does not answer IKE" } },
	{ "received AUTHENTICATION_FAILED notify", { .weight = THEIRS, .why =
		"the far end does not believe us (AUTHENTICATION_FAILED): "
		"compare keys, certificates and identities" } },
	{ "received NO_PROPOSAL_CHOSEN notify error", { .weight = THEIRS,
		.why = "the far end does not know us, or has other suites of "
		"IKE (NO_PROPOSAL_CHOSEN)" } },
	{ "received NO_PROPOSAL_CHOSEN notify, no CHILD_SA", { .over = true,
		.weight = THEIRS, .why = "the far end takes none of our "
		"suites of ESP (NO_PROPOSAL_CHOSEN): see esp" } },
	{ "received TS_UNACCEPTABLE notify", { .over = true,
		.weight = THEIRS, .why = "the far end lets no such addresses "
		"in (TS_UNACCEPTABLE): compare ike_nets and media" } },
	{ "failed to establish CHILD_SA", { .over = true } },
	{ "constraint check failed: peer not authenticated with peer cert",
		{ .check = true, .weight = OURS, .why = "the far end's "
		"certificate is not the pinned one: see ike_cert" } },
	{ "constraint check failed: ", { .check = true, .weight = OURS,
		.why = "the far end's certificate or identity is not the one "
		"that is wanted: see ike_cert, ike_ca and ike_id" } },
	{ "no trusted ", { .check = true, .weight = OURS, .why = UNTRUSTED } },
	{ "self-signed certificate ", { .check = true, .weight = OURS,
		.why = UNTRUSTED } },
	{ "no issuer certificate found for ", { .check = true, .weight = OURS,
		.why = UNTRUSTED } },
	{ "tried ", { .check = true, .weight = OURS, .why =
		"the far end has another pre-shared key" } },
	{ "IDir '", { .check = true, .weight = OURS, .why =
		"the far end has another identity of IKE: see ike_id" } },
	{ "no shared key found for ", { .over = true, .check = true,
		.weight = OURS, .why =
		"charon has no pre-shared key for these identities" } },
	{ "no private key found for ", { .over = true, .check = true,
		.weight = OURS, .why = "charon has no private key of our "
		"certificate: put it into swanctl/private" } },
	{ "no acceptable proposal found", { .check = true, .weight = OURS,
		.why = "the far end has other suites of ESP: see esp" } },
};

static bool begins(struct vici_text line, const char *with)
{
	size_t n = strlen(with);

	return line.len >= n && !memcmp(line.p, with, n);
}

struct vici_reason vici_reason_of(struct vici_text line)
{
	for (; line.len && *line.p == ' '; line.len--)
		line.p++; /* charon indents what explains a line */
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (begins(line, rows[i].begins))
			return rows[i].is;
	return (struct vici_reason){ .weight = 0 };
}
