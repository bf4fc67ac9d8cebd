/* dump.c - reading a hex dump back into bytes. See dump.h.
 *
 * Two kinds. Digits alone: everything between them is decoration. Or lines
 * that begin with an offset, the first one 0: there the column of characters
 * may look like digits, so the next line's offset tells how many bytes a line
 * has; the last line ends at a wide gap or a bar. A gap of two spaces is one
 * only before the ninth byte, where hexdump makes it. An offset alone, with
 * which hexdump ends, is a line of no bytes. */
#include "ctl/dump.h"

#include "daemon/base/err.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define LINE_BYTES 256 /* more are no line of a dump */

static int digit(uint8_t c)
{
	if (isdigit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int fail(struct dump_fault *no, size_t at, const char *what)
{
	*no = (struct dump_fault){ at, what };
	return E_FORMAT;
}

/* -- digits alone --------------------------------------------------------- */

static bool decoration(uint8_t c)
{
	return isspace(c) || c == ',' || c == ':' || c == ';' || c == '{' ||
	       c == '}';
}

/* The next digit's place, over decoration and "0x". */
static size_t skip(const uint8_t *in, size_t len, size_t at)
{
	while (at < len) {
		if (at + 1 < len && in[at] == '0' && (in[at + 1] | 32) == 'x')
			at += 2;
		else if (decoration(in[at]))
			at++;
		else
			break;
	}
	return at;
}

/* Whether it is digits and decoration alone: "AQ", the first of a message in
 * base64, is not. */
static bool is_digits(const uint8_t *in, size_t len)
{
	size_t n = 0;

	for (size_t at = 0; (at = skip(in, len, at)) < len; at++, n++)
		if (digit(in[at]) < 0)
			return false;
	return n > 0;
}

static int read_digits(const uint8_t *in, size_t len, struct buf *out,
		       struct dump_fault *no)
{
	for (size_t at = 0; (at = skip(in, len, at)) < len; at += 2) {
		if (digit(in[at]) < 0)
			return fail(no, at, "is no hexadecimal digit");
		if (at + 1 == len || digit(in[at + 1]) < 0)
			return fail(no, at, "is half a pair of digits");
		buf_u8(out, (uint8_t)(digit(in[at]) << 4 |
				      digit(in[at + 1])));
	}
	return out->err;
}

/* -- lines with offsets --------------------------------------------------- */

struct line {
	size_t at, end; /* its bytes in the input, the line's end excluded */
	size_t offset;
	size_t hex;     /* behind the offset */
};

/* The next line that begins with an offset; false when there is none. */
static bool next_line(const uint8_t *in, size_t len, size_t from,
		      struct line *l)
{
	const uint8_t *end;
	size_t at = from;

	while (at < len && isspace(in[at]))
		at++;
	if (at == len)
		return false;
	end = memchr(in + at, '\n', len - at);
	*l = (struct line){ .at = at, .end = end ? (size_t)(end - in) : len };
	while (at < l->end && digit(in[at]) >= 0 && at < l->at + 8)
		l->offset = l->offset << 4 | (size_t)digit(in[at++]);
	l->hex = l->at; /* no offset */
	if (at >= l->at + 4 && at == l->end)
		l->hex = at;
	else if (at >= l->at + 4 && (in[at] == ':' || in[at] == ' '))
		l->hex = at + 1;
	return true;
}

/* Behind the spaces from at on; the line's end where the digits are over. */
static size_t next_pair(const uint8_t *in, const struct line *l, size_t at,
			size_t n)
{
	size_t from = at;

	while (at < l->end && in[at] == ' ')
		at++;
	if (n && (at - from > 2 || (at - from == 2 && n != 8)))
		return l->end;
	if (at + 1 >= l->end || digit(in[at]) < 0 || digit(in[at + 1]) < 0)
		return l->end;
	return at;
}

/* want: how many bytes it must have; 0: as many as there are. */
static int read_line(const uint8_t *in, const struct line *l, size_t want,
		     struct buf *out, struct dump_fault *no)
{
	size_t n = 0, most = want ? want : LINE_BYTES;

	for (size_t at = l->hex; n < most; n++, at += 2) {
		at = next_pair(in, l, at, n);
		if (at == l->end)
			break;
		buf_u8(out, (uint8_t)(digit(in[at]) << 4 |
				      digit(in[at + 1])));
	}
	if (want && n < want)
		return fail(no, l->end, "ends a line that is too short for "
			    "the next one's offset");
	return out->err;
}

static int read_lines(const uint8_t *in, size_t len, struct buf *out,
		      struct dump_fault *no)
{
	struct line l, next;
	bool more = next_line(in, len, 0, &l);
	int r = 0;

	for (; more && !r; l = next) {
		if (l.hex == l.at || l.offset != out->len)
			return fail(no, l.at, "begins a line with a wrong "
				    "offset");
		more = next_line(in, len, l.end, &next);
		if (more && (next.offset <= l.offset ||
			     next.offset - l.offset > LINE_BYTES))
			return fail(no, next.at, "begins a line with a wrong "
				    "offset");
		r = read_line(in, &l, more ? next.offset - l.offset : 0, out,
			      no);
	}
	return r;
}

int dump_read(const uint8_t *in, size_t len, struct buf *out,
	      struct dump_fault *no)
{
	struct line l;

	if (is_digits(in, len) &&
	    !(next_line(in, len, 0, &l) && l.hex > l.at && !l.offset))
		return read_digits(in, len, out, no);
	if (next_line(in, len, 0, &l) && l.hex > l.at && !l.offset)
		return read_lines(in, len, out, no);
	return E_NOTFOUND;
}
