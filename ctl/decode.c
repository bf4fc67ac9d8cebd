/* decode.c - "mikey decode": a MIKEY message in words, from base64, from an
 * SDP line, or from a whole SIP message or description that has
 * a=key-mgmt:mikey in it. Nothing secret is shown: the daemon is not asked
 * and no key is needed. */
#include "ctl/ctl.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "modules/mikey/explain.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define INPUT_MAX (256 * 1024)
#define EXPLAIN_MAX (256 * 1024)

static const char base64_set[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

static int read_all(FILE *f, struct buf *out)
{
	char chunk[4096];
	size_t n;

	while ((n = fread(chunk, 1, sizeof chunk, f)))
		buf_put(out, chunk, n);
	if (ferror(f))
		return E_IO;
	return out->err;
}

/* A file's contents, or the text itself when no such file is there. */
static int take_input(const char *what, struct buf *out)
{
	FILE *f;
	int r;

	if (!strcmp(what, "-"))
		return read_all(stdin, out);
	f = fopen(what, "rb");
	if (!f) {
		buf_text(out, what);
		return out->err;
	}
	r = read_all(f, out);
	fclose(f);
	return r;
}

static int explain(const char *base64, size_t len)
{
	uint8_t *bytes = malloc(len / 4 * 3 + 3);
	struct buf out = buf_of(EXPLAIN_MAX);
	size_t pad = 0;
	int n, r = E_NOMEM;

	if (!bytes)
		goto out;
	while (pad < 2 && pad < len && base64[len - 1 - pad] == '=')
		pad++;
	n = len && len % 4 == 0
		? EVP_DecodeBlock(bytes, (const unsigned char *)base64,
				  (int)len) : -1;
	r = E_FORMAT;
	if (n < (int)pad) {
		fputs("callsealctl: this is not base64\n", stderr);
		goto out;
	}
	r = mikey_explain(bytes, (size_t)n - pad, &out);
	fwrite(out.data, 1, out.len, stdout);
	if (r)
		fprintf(stderr, "callsealctl: the message breaks off: %s\n",
			err_text(r));
out:
	free(bytes);
	buf_free(&out);
	return r;
}

/* Where base64 begins after the next "key-mgmt:mikey"; NULL: no more. */
static const char *next_message(const char *p)
{
	static const char mark[] = "key-mgmt:mikey";

	while (*p && strncasecmp(p, mark, sizeof mark - 1))
		p++;
	if (!*p)
		return NULL;
	p += sizeof mark - 1;
	return p + strspn(p, " ");
}

/* The text is base64 alone, maybe in several lines. */
static int explain_bare(const char *text)
{
	char *packed = malloc(strlen(text) + 1);
	size_t n = 0;
	int r;

	if (!packed)
		return E_NOMEM;
	for (const char *p = text; *p; p++)
		if (!strchr(" \t\r\n", *p))
			packed[n++] = *p;
	packed[n] = 0;
	r = explain(packed, n);
	free(packed);
	return r;
}

static int explain_text(const char *text)
{
	const char *p = next_message(text);
	int r = 0, first;
	unsigned n = 0;

	if (!p)
		return explain_bare(text);
	for (; p; p = next_message(p)) {
		if (n++)
			puts("");
		first = explain(p, strspn(p, base64_set));
		r = r ? r : first;
	}
	return r;
}

int decode_mikey(const char *what)
{
	struct buf in = buf_of(INPUT_MAX);
	int r = take_input(what, &in);

	if (r)
		fprintf(stderr, "callsealctl: %s: %s\n", what,
			r == E_IO ? strerror(errno) : err_text(r));
	else
		r = explain_text(buf_string(&in));
	buf_free(&in);
	return r ? CTL_REFUSED : CTL_OK;
}
