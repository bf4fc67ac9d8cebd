/* writer.c - writing entities and multiparts. See writer.h.
 *
 * Every byte of a SIP message counts on a datagram: no preamble, no epilogue,
 * no line end behind the last boundary (RFC 2046 needs none). */
#include "config.h" /* memmem() */

#include "daemon/mime/writer.h"

#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "daemon/mime/base64.h"

#include <openssl/rand.h>
#include <string.h>
#include <strings.h>

static void put_field(struct buf *out, const char *name, const char *value)
{
	if (value)
		buf_printf(out, "%s: %s\r\n", name, value);
}

void mime_put_fields(struct buf *out, const struct mime_head *head)
{
	put_field(out, "Content-Type", head->type);
	put_field(out, "Content-Disposition", head->disposition);
	put_field(out, "Content-Transfer-Encoding", head->transfer);
	put_field(out, "Content-ID", head->id);
	buf_text(out, "\r\n");
}

void mime_put_entity(struct buf *out, const struct mime_head *head,
		     struct mime_bytes body)
{
	mime_put_fields(out, head);
	if (head->transfer && !strcasecmp(head->transfer, "base64"))
		mime_base64_write(out, body);
	else
		buf_put(out, body.p, body.len);
}

static bool is_in(const char *text, const struct mime_bytes *part, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (part[i].len && memmem(part[i].p, part[i].len, text,
					  strlen(text)))
			return true;
	return false;
}

int mime_boundary(char out[static MIME_BOUNDARY_TEXT],
		  const struct mime_bytes *part, size_t n)
{
	uint8_t bytes[MIME_BOUNDARY_TEXT / 2];

	do {
		if (RAND_bytes(bytes, sizeof bytes) != 1)
			return E_INTERNAL;
		hex_write(bytes, sizeof bytes, out);
	} while (is_in(out, part, n));
	return 0;
}

void mime_put_multipart(struct buf *out, const char *boundary,
			const struct mime_bytes *part, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "%s--%s\r\n", i ? "\r\n" : "", boundary);
		buf_put(out, part[i].p, part[i].len);
	}
	buf_printf(out, "\r\n--%s--", boundary);
}
