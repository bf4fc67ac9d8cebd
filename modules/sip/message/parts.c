/* parts.c - see parts.h. Nothing is used in part: a body of which any part is
 * wrong shows no description. */
#include "modules/sip/message/parts.h"

#include "daemon/base/err.h"
#include "daemon/mime/choice.h"
#include "modules/sip/sealed.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/sip_header.h>

static bool knows(const struct mime_part *p, void *user)
{
	(void)user;
	return mime_type_is(&p->type, "application/sdp");
}

static int status_of(int err)
{
	static const struct {
		int err, status;
	} rows[] = {
		{ E_UNSUPPORTED, 415 }, { E_NOTFOUND, 415 }, { E_FORMAT, 400 },
		{ E_SPACE, 400 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].err == err)
			return rows[i].status;
	return err ? 500 : 0;
}

static int copy(const struct mime_part *part, char **sdp, size_t *len)
{
	struct buf text = buf_of(MIME_BODY_MAX);
	int r = mime_decode(part, &text);

	if (!r && (!text.len || memchr(text.data, 0, text.len)))
		r = E_FORMAT;
	if (!r && !(*sdp = strndup((const char *)text.data, text.len)))
		r = E_NOMEM;
	if (!r)
		*len = text.len;
	buf_free(&text);
	return r;
}

/* fields: the Content- headers. */
static int find(const sip_t *sip, const char *fields, char **sdp, size_t *len)
{
	const struct mime_bytes body = {
		(const uint8_t *)sip->sip_payload->pl_data,
		sip->sip_payload->pl_len
	};
	const struct mime_part *part[2];
	struct mime_fields outer;
	struct mime m;
	size_t n = 0;
	int r = mime_fields_read(mime_text(fields), &outer);

	if (!r)
		r = mime_read(&outer, body, &m);
	if (!r)
		r = mime_choose(&m, knows, NULL, part, 2, &n);
	if (!r && n != 1)
		r = n ? E_FORMAT : E_NOTFOUND;
	return r ? r : copy(part[0], sdp, len);
}

int parts_description(const sip_t *sip, char **sdp, size_t *len)
{
	char *fields = sealed_fields(sip);
	int r = fields ? find(sip, fields, sdp, len) : E_NOMEM;

	free(fields);
	return status_of(r);
}
