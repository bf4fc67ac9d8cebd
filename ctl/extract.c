/* extract.c - the MIKEY messages in what somebody captured: SDP attributes
 * (RFC 4567 3.1), alternatives (RFC 5939 3.3.2), MIME bodies of type
 * application/mikey, bare base64 or bytes. Hex dumps are dump.c's.
 *
 * A scan goes line by line and remembers where it is (which SIP message, which
 * m= line, which headers), so that each message can be told apart. Nothing is
 * required to be well-formed but the message itself: a capture may begin and
 * end anywhere. What is wrong is told by its byte in the input. SIP messages
 * that are compressed or encrypted are not looked into. */
#include "ctl/extract.h"

#include "ctl/dump.h"
#include "daemon/base/err.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */

static const char mark[] = "key-mgmt:mikey";

struct run {
	const uint8_t *p;
	size_t len;
};

/* The headers of a SIP message or of a part of a body. */
struct head {
	bool mikey, base64;
	size_t length; /* Content-Length; 0: not said */
};

struct scan {
	struct run in;
	size_t at; /* behind the current line */
	unsigned line;
	char message[24]; /* "INVITE", "200"; "": none */
	unsigned media;
	char media_name[12];
	char boundary[BOUNDARY_MAX + 3]; /* with its two dashes; "": none */
	struct head head;
	extract_fn fn;
	void *user;
	int found, err;
};

/* -- small words ---------------------------------------------------------- */

static bool starts(struct run r, const char *word)
{
	size_t n = strlen(word);

	return r.len >= n && !strncasecmp((const char *)r.p, word, n);
}

static struct run cut(struct run r, size_t n)
{
	return n < r.len ? (struct run){ r.p + n, r.len - n }
			 : (struct run){ r.len ? r.p + r.len : r.p, 0 };
}

static struct run trim(struct run r)
{
	while (r.len && isspace(r.p[0]))
		r = cut(r, 1);
	while (r.len && isspace(r.p[r.len - 1]))
		r.len--;
	return r;
}

/* Where the word is; r.len when nowhere. */
static size_t find(struct run r, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= r.len; i++)
		if (!strncasecmp((const char *)r.p + i, word, n))
			return i;
	return r.len;
}

static void put_word(char *out, size_t size, struct run r)
{
	size_t n = 0;

	while (n < r.len && n + 1 < size && isalnum(r.p[n])) {
		out[n] = (char)r.p[n];
		n++;
	}
	out[n] = 0;
}

static bool next_line(struct scan *s, struct run *out)
{
	struct run left = cut(s->in, s->at);
	const uint8_t *end = left.len ? memchr(left.p, '\n', left.len) : NULL;
	size_t n = end ? (size_t)(end - left.p) : left.len;

	if (!left.len)
		return false;
	*out = (struct run){ left.p, n };
	if (n && out->p[n - 1] == '\r')
		out->len--;
	s->at += n + (end != NULL);
	s->line++;
	return true;
}

/* -- what was found ------------------------------------------------------- */

static void tell(struct scan *s, struct extracted *e)
{
	s->found++;
	s->fn(s->user, e);
}

static bool is_base64(uint8_t c)
{
	return isalnum(c) || c == '+' || c == '/' || c == '=';
}

/* Base64 without its white space; false at a byte that is none, e->at then is
 * that byte's place. */
static bool pack(struct run text, char *out, size_t *n, struct extracted *e)
{
	bool padded = false;

	*n = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (isspace(c))
			continue;
		if (!is_base64(c) || (padded && c != '=')) {
			snprintf(e->fault, sizeof e->fault, "this is not "
				 "base64: byte %zu is %s%c'", e->at + i,
				 isprint(c) ? "'" : "unprintable: '",
				 isprint(c) ? c : '?');
			return false;
		}
		padded = c == '=';
		out[(*n)++] = (char)c;
	}
	return true;
}

/* out has room for n / 4 * 3 bytes. */
static int unpack(const char *text, size_t n, uint8_t *out,
		  struct extracted *e)
{
	size_t pad = 0;
	int got = -1;

	while (pad < n && text[n - 1 - pad] == '=')
		pad++;
	if (n && n % 4 == 0 && pad <= 2)
		got = EVP_DecodeBlock(out, (const unsigned char *)text,
				      (int)n);
	if (got >= (int)pad)
		return got - (int)pad;
	snprintf(e->fault, sizeof e->fault, "this is not base64: %zu "
		 "characters from byte %zu on; it breaks off, or something is "
		 "missing", n, e->at);
	return E_FORMAT;
}

static void tell_base64(struct scan *s, struct run text, struct extracted *e)
{
	char *packed = malloc(text.len + 1);
	uint8_t *bytes = malloc(text.len + 4);
	size_t n;
	int r;

	if (packed && bytes) {
		r = pack(text, packed, &n, e) ? unpack(packed, n, bytes, e)
					      : E_FORMAT;
		e->data = r < 0 ? NULL : bytes;
		e->len = r < 0 ? 0 : (size_t)r;
		tell(s, e);
	} else {
		s->err = E_NOMEM;
	}
	free(packed);
	free(bytes);
}

/* -- attributes ----------------------------------------------------------- */

static void place(const struct scan *s, const char *what, size_t at,
		  struct extracted *e)
{
	char level[48] = "session";

	if (s->media)
		snprintf(level, sizeof level, "m=%s, media line %u",
			 s->media_name, s->media);
	*e = (struct extracted){ .at = at };
	snprintf(e->where, sizeof e->where, "%s%sline %u (%s): %s",
		 s->message, *s->message ? ", " : "", s->line, level, what);
}

/* "a=acap:3", or "a=key-mgmt" for what is no alternative (RFC 5939). */
static void name_attribute(struct run line, char out[static 24])
{
	size_t at = find(line, "acap:");

	if (at == line.len) {
		strcpy(out, "a=key-mgmt");
		return;
	}
	strcpy(out, "a=acap:");
	put_word(out + 7, 24 - 7, cut(line, at + 5));
}

static bool all_base64(struct run r)
{
	for (size_t i = 0; i < r.len; i++)
		if (!is_base64(r.p[i]))
			return false;
	return r.len > 0;
}

/* Documents break long lines; what is set in goes on with the one before. */
static struct run with_folds(struct scan *s, struct run text)
{
	struct run line;
	size_t at = s->at;
	unsigned number = s->line;

	while (next_line(s, &line) && line.len && isspace(line.p[0]) &&
	       all_base64(trim(line))) {
		text.len = (size_t)(line.p + line.len - text.p);
		at = s->at;
		number = s->line;
	}
	s->at = at;
	s->line = number;
	return text;
}

static void attribute(struct scan *s, struct run line, size_t at)
{
	struct extracted e;
	struct run text = trim(cut(line, at + sizeof mark - 1));
	char name[24];

	name_attribute((struct run){ line.p, at }, name);
	place(s, name, (size_t)(text.p - s->in.p), &e);
	tell_base64(s, with_folds(s, text), &e);
}

/* -- SIP and MIME --------------------------------------------------------- */

/* The value of a header by its name or short form; false: another one. */
static bool header(struct run line, const char *name, const char *brief,
		   struct run *value)
{
	if (!starts(line, name) && !(*brief && starts(line, brief)))
		return false;
	*value = trim(cut(line, starts(line, name) ? strlen(name)
						   : strlen(brief)));
	return true;
}

static void content_type(struct scan *s, struct run type)
{
	size_t at = find(type, "boundary=");
	struct run b = trim(cut(type, at + strlen("boundary=")));
	const char *end = ";";
	size_t n = 0;

	s->head.mikey = starts(type, "application/mikey");
	if (!starts(type, "multipart/") || !b.len)
		return;
	if (b.p[0] == '"') {
		b = cut(b, 1);
		end = "\"";
	}
	while (n < b.len && n < BOUNDARY_MAX && b.p[n] != (uint8_t)*end)
		n++;
	snprintf(s->boundary, sizeof s->boundary, "--%.*s", (int)n,
		 (const char *)b.p);
}

static size_t number_of(struct run r)
{
	size_t n = 0;

	for (size_t i = 0; i < r.len && isdigit(r.p[i]) && n < 1000000; i++)
		n = 10 * n + (size_t)(r.p[i] - '0');
	return n;
}

static void header_line(struct scan *s, struct run line)
{
	struct run v;

	if (header(line, "content-type:", "c:", &v))
		content_type(s, v);
	else if (header(line, "content-transfer-encoding:", "", &v))
		s->head.base64 = starts(v, "base64");
	else if (header(line, "content-length:", "l:", &v))
		s->head.length = number_of(v);
}

/* The body up to its boundary, the length its header says, or the end. */
static struct run body_of(const struct scan *s)
{
	struct run body = cut(s->in, s->at);

	if (*s->boundary) {
		body.len = find(body, s->boundary);
		if (body.len && body.p[body.len - 1] == '\n')
			body.len--;
		if (body.len && body.p[body.len - 1] == '\r')
			body.len--;
	} else if (s->head.length && s->head.length < body.len) {
		body.len = s->head.length;
	}
	return body;
}

/* An old program does not say of its base64 that it is. MIKEY's first byte is
 * its version, 1, which no text has. */
static bool looks_base64(struct run body)
{
	for (size_t i = 0; i < body.len; i++)
		if (!is_base64(body.p[i]) && !isspace(body.p[i]))
			return false;
	return trim(body).len > 0;
}

static void mikey_body(struct scan *s)
{
	struct run body = body_of(s);
	struct extracted e = { .data = body.p, .len = body.len, .at = s->at };

	snprintf(e.where, sizeof e.where, "%s%sline %u: application/mikey",
		 s->message, *s->message ? ", " : "", s->line + 1);
	if (s->head.base64 || looks_base64(body))
		tell_base64(s, body, &e);
	else
		tell(s, &e);
	for (size_t i = 0; i < body.len; i++)
		s->line += body.p[i] == '\n';
	s->at += body.len;
}

/* "INVITE sip:b@b.example SIP/2.0", "SIP/2.0 200 OK" */
static bool start_line(struct scan *s, struct run line)
{
	bool request = line.len > 8 &&
		       starts(cut(line, line.len - 8), " sip/2.0");

	if (!request && !starts(line, "sip/2.0 "))
		return false;
	put_word(s->message, sizeof s->message, request ? line
							: cut(line, 8));
	s->media = 0;
	s->boundary[0] = 0;
	s->head = (struct head){ 0 };
	return true;
}

static void scan_line(struct scan *s, struct run line)
{
	size_t at = find(line, mark);

	if (at < line.len) {
		attribute(s, line, at);
	} else if (!line.len) {
		if (s->head.mikey)
			mikey_body(s);
		s->head = (struct head){ 0 };
	} else if (starts(line, "v=0")) {
		s->media = 0;
	} else if (starts(line, "m=")) {
		s->media++;
		put_word(s->media_name, sizeof s->media_name, cut(line, 2));
	} else if (!start_line(s, line)) {
		header_line(s, line);
	}
}

/* -- all of it ------------------------------------------------------------ */

/* Neither SIP nor SDP: base64 alone, maybe in several lines. */
static void bare(struct scan *s)
{
	struct run text = trim(s->in);
	struct extracted e = { .at = (size_t)(text.p - s->in.p) };

	tell_base64(s, text, &e);
}

/* Many lines, or one word that may have a wrong letter. */
static bool may_be_base64(struct run in)
{
	struct run text = trim(in);
	bool other = false, parted = false;

	for (size_t i = 0; i < text.len; i++) {
		parted = parted || isspace(text.p[i]) || text.p[i] == ':';
		other = other || (!is_base64(text.p[i]) &&
				  !isspace(text.p[i]));
	}
	return text.len && !(other && parted);
}

static int scan(struct run in, extract_fn fn, void *user, char *why)
{
	struct scan s = { .in = in, .fn = fn, .user = user };
	struct run line;

	if (in.len && in.p[0] == 1) { /* RFC 3830 6.1: the version */
		tell(&s, &(struct extracted){ .data = in.p, .len = in.len });
		return s.found;
	}
	while (!s.err && next_line(&s, &line))
		scan_line(&s, line);
	if (!s.err && !s.found && may_be_base64(in))
		bare(&s);
	if (s.err)
		return s.err;
	if (!s.found)
		snprintf(why, EXTRACT_TEXT, in.len
			 ? "no a=key-mgmt:mikey and no application/mikey is in "
			   "it, and it is neither base64 nor a hex dump"
			 : "the input is empty");
	return s.found;
}

int extract(const uint8_t *in, size_t len, extract_fn fn, void *user,
	    char *why)
{
	struct buf bytes = buf_of(len);
	struct dump_fault no;
	int r = dump_read(in, len, &bytes, &no);

	if (!r) {
		r = scan((struct run){ bytes.data, bytes.len }, fn, user, why);
	} else if (r == E_NOTFOUND) {
		r = scan((struct run){ in, len }, fn, user, why);
	} else if (r == E_FORMAT) {
		snprintf(why, EXTRACT_TEXT, "a broken hex dump: byte %zu %s",
			 no.at, no.what);
		r = 0;
	}
	buf_free(&bytes);
	return r;
}
