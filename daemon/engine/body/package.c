/* package.c - see package.h. */
#define _GNU_SOURCE
#include "daemon/engine/body/package.h"

#include "daemon/base/err.h"
#include "daemon/message.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define ATTRIBUTE "a=key-mgmt:mikey "
#define LINE_END "\r\n"

static const char *find(const char *text, size_t len, const char *what)
{
	return memmem(text, len, what, strlen(what));
}

/* Where the first m= line begins; the end where there is none. */
static size_t session_length(const char *sdp, size_t len)
{
	const char *m = find(sdp, len, "\nm=");

	return m ? (size_t)(m + 1 - sdp) : len;
}

/* The keying message goes behind the last line of the session. */
static int put_attribute(struct buf *out, const struct buf *sdp,
			 const struct buf *mikey)
{
	const char *text = (const char *)sdp->data;
	size_t head = session_length(text, sdp->len);
	char *base64;

	if (find(text, sdp->len, "key-mgmt:"))
		return E_FORMAT;
	base64 = malloc((mikey->len + 2) / 3 * 4 + 1);
	if (!base64)
		return E_NOMEM;
	EVP_EncodeBlock((unsigned char *)base64, mikey->data, (int)mikey->len);
	buf_put(out, text, head);
	buf_printf(out, "%s" ATTRIBUTE "%s" LINE_END,
		   head && text[head - 1] != '\n' ? LINE_END : "", base64);
	buf_put(out, text + head, sdp->len - head);
	free(base64);
	return out->err;
}

int package_open(const char *type, const void *body, size_t len, bool *old,
		 struct buf *out)
{
	const struct mime_fields outer = { .type = mime_text(type) };
	struct buf sdp = buf_of(MIME_BODY_MAX), mikey = buf_of(KEYING_MAX);
	int r = mime_keyed_read(&outer, (struct mime_bytes){ body, len }, old,
				&sdp, &mikey);

	if (!r && (!sdp.len || !mikey.len))
		r = E_NOTFOUND;
	if (!r)
		r = put_attribute(out, &sdp, &mikey);
	buf_free(&sdp);
	buf_free(&mikey);
	return r;
}

/* The bytes of one line of base64 that we wrote. */
static int decode(const char *text, size_t len, struct buf *out)
{
	size_t pad = 0;
	uint8_t *bytes;
	int n;

	if (!len || len % 4)
		return E_FORMAT;
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	bytes = malloc(len / 4 * 3);
	if (!bytes)
		return E_NOMEM;
	n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
	if (n > 0)
		buf_put(out, bytes, (size_t)n - pad);
	free(bytes);
	return n > 0 ? out->err : E_FORMAT;
}

/* The attribute's line, from its first byte to behind its end. */
static int find_line(const char *sdp, size_t len, size_t *from, size_t *to)
{
	size_t head = session_length(sdp, len);
	const char *at = find(sdp, head, "\n" ATTRIBUTE), *end;

	end = at ? find(at + 1, head - (size_t)(at + 1 - sdp), LINE_END) : NULL;
	if (!end)
		return E_NOTFOUND;
	*from = (size_t)(at + 1 - sdp);
	*to = (size_t)(end - sdp) + strlen(LINE_END);
	return 0;
}

int package_close(enum mime_keyed_form form, const void *body, size_t len,
		  struct buf *out, char type[static MIME_KEYED_TYPE])
{
	struct buf sdp = buf_of(MIME_BODY_MAX), mikey = buf_of(KEYING_MAX);
	const size_t name = strlen(ATTRIBUTE), end = strlen(LINE_END);
	const char *text = body;
	size_t from, to;
	int r = find_line(text, len, &from, &to);

	if (!r)
		r = decode(text + from + name, to - from - name - end, &mikey);
	if (!r) {
		buf_put(&sdp, text, from);
		buf_put(&sdp, text + to, len - to);
		r = sdp.err;
	}
	if (!r)
		r = mime_keyed_write(form,
				     (struct mime_bytes){ sdp.data, sdp.len },
				     (struct mime_bytes){ mikey.data,
							  mikey.len },
				     out, type);
	buf_free(&sdp);
	buf_free(&mikey);
	return r;
}
