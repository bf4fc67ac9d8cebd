/* fuzz_keyed.c - any bytes as a body with a keying message beside SDP, behind
 * its own Content-Type: what is read, in whatever form, must be written and
 * read again as the same two. */
#include "daemon/base/err.h"
#include "daemon/mime/keyed.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

static struct mime_bytes bytes(const struct buf *b)
{
	return (struct mime_bytes){ b->data, b->len };
}

static void same(const struct buf *a, const struct buf *b)
{
	must(a->len == b->len && !memcmp(a->data, b->data, a->len));
}

static void write_again(enum mime_keyed_form form, const struct buf *sdp,
			const struct buf *mikey)
{
	struct buf body = buf_of(4 * MIME_BODY_MAX);
	struct buf s = buf_of(MIME_BODY_MAX), m = buf_of(MIME_BODY_MAX);
	char type[MIME_KEYED_TYPE];
	struct mime_fields outer = { .type = { NULL, 0 } };
	int r = mime_keyed_write(form, bytes(sdp), bytes(mikey), &body, type);

	must(!r || r == E_SPACE || (form == MIME_KEYED_2005 && r == E_ARG));
	outer.type = mime_text(type);
	/* 2005 tells text from bytes by MIKEY's first, and cuts SDP's end */
	if (!r && body.len <= MIME_BODY_MAX && form != MIME_KEYED_2005) {
		must(!mime_keyed_read(&outer, bytes(&body), NULL, &s, &m));
		same(&s, sdp);
		same(&m, mikey);
	}
	buf_free(&body);
	buf_free(&s);
	buf_free(&m);
}

static void read_as(const struct mime_fields *outer, struct mime_bytes body,
		    bool legacy)
{
	struct buf sdp = buf_of(MIME_BODY_MAX), mikey = buf_of(MIME_BODY_MAX);
	bool old = false;
	int r = mime_keyed_read(outer, body, legacy ? &old : NULL, &sdp,
				&mikey);

	must(!r || (!old && !sdp.len && !mikey.len));
	if (!r && sdp.len && mikey.len)
		for (unsigned i = 0; i <= MIME_KEYED_2005; i++)
			write_again((enum mime_keyed_form)i, &sdp, &mikey);
	buf_free(&sdp);
	buf_free(&mikey);
}

/* A line with the Content-Type, then the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	struct mime_fields outer = { .type = { NULL, 0 } };
	struct mime_bytes body;

	if (!end)
		return 0;
	outer.type = (struct mime_bytes){ data, (size_t)(end - data) };
	body = (struct mime_bytes){ end + 1,
				    size - (size_t)(end + 1 - data) };
	read_as(&outer, body, false);
	read_as(&outer, body, true);
	return 0;
}
