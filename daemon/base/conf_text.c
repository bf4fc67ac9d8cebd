/* conf_text.c - the text of a configuration before it is parsed. See
 * conf_text.h.
 *
 * Includes are resolved here and not by libconfig, because a child gets the
 * text only and may read no file. Lines are looked at with just enough syntax
 * (strings and comments) to know an @include that counts. */
#include "daemon/base/conf_text.h"

#include "daemon/base/err.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8
#define PATH_BYTES 1024

int conf_text_fail(struct conf_err *err, const char *file, unsigned line,
		   const char *fmt, ...)
{
	size_t room = sizeof err->text, n;
	va_list ap;

	if (line)
		snprintf(err->text, room, "%.*s:%u: ",
			 (int)strcspn(file, "\n"), file, line);
	else
		snprintf(err->text, room, "%.*s: ",
			 (int)strcspn(file, "\n"), file);
	n = strlen(err->text);
	va_start(ap, fmt);
	vsnprintf(err->text + n, room - n, fmt, ap);
	va_end(ap);
	return E_CONF;
}

static int fits(const struct buf *out, const char *name, struct conf_err *err)
{
	if (out->err == E_SPACE)
		return conf_text_fail(err, name, 0,
				      "the configuration is too long; allowed: "
				      "%zu bytes over all files", out->max);
	if (out->err)
		conf_text_fail(err, name, 0, "%s", err_text(out->err));
	return out->err;
}

/* -- includes ------------------------------------------------------------- */

struct source {
	struct buf *out;
	const char *name, *dir;
	struct conf_err *err;
	unsigned depth, line;
	enum { CODE, STRING, COMMENT } state; /* at the line's start */
};

static void mark(struct buf *out, const char *word, unsigned line,
		 const char *name)
{
	buf_printf(out, "%s%u ", word, line);
	for (const char *c = name; *c; c++)
		buf_u8(out, *c == '\n' ? '?' : (uint8_t)*c);
	buf_u8(out, '\n');
}

static int read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "re");
	char room[4096];
	size_t n;
	int r = 0;

	if (!f)
		return E_IO;
	while ((n = fread(room, 1, sizeof room, f)))
		buf_put(out, room, n);
	if (ferror(f))
		r = E_IO;
	else if (out->err)
		r = out->err;
	else if (out->len && memchr(out->data, 0, out->len))
		r = E_FORMAT;
	fclose(f);
	return r;
}

static int file_fault(int r, const char *path, struct conf_err *err)
{
	const char *why = r == E_IO ? strerror(errno) :
			  r == E_FORMAT ? "is not text" :
			  r == E_SPACE ? "is too long" : err_text(r);

	return conf_text_fail(err, path, 0, "%s", why);
}

/* What the syntax is after this line: only the parts that span lines. */
static void follow(struct source *s, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char *c = line + i;
		bool two = i + 1 < len;

		if (s->state == STRING) {
			if (*c == '\\')
				i++;
			else if (*c == '"')
				s->state = CODE;
		} else if (s->state == COMMENT) {
			if (two && c[0] == '*' && c[1] == '/') {
				s->state = CODE;
				i++;
			}
		} else if (*c == '"') {
			s->state = STRING;
		} else if (*c == '#' || (two && !memcmp(c, "//", 2))) {
			return;
		} else if (two && !memcmp(c, "/*", 2)) {
			s->state = COMMENT;
			i++;
		}
	}
}

static int add_lines(struct source *s, const char *text);

/* Resolves to the path in quotes; NULL when it is no @include line. */
static char *included(const struct source *s, const char *line, size_t len,
		      char path[PATH_BYTES])
{
	const char *p = line + strspn(line, " \t");
	const char *end;
	int n;

	if (s->state != CODE || strncmp(p, "@include", 8))
		return NULL;
	p += 8;
	p += strspn(p, " \t");
	end = *p == '"' ? memchr(p + 1, '"', (size_t)(line + len - p - 1)) :
			  NULL;
	if (!end)
		return NULL;
	p++;
	if (*p == '/' || !s->dir)
		n = snprintf(path, PATH_BYTES, "%.*s", (int)(end - p), p);
	else
		n = snprintf(path, PATH_BYTES, "%s/%.*s", s->dir,
			     (int)(end - p), p);
	return n < PATH_BYTES ? path : NULL;
}

static int include(struct source *s, const char *path)
{
	struct buf text = buf_of(s->out->max);
	struct source inner = *s;
	int r;

	if (!s->dir || s->depth >= DEPTH_MAX)
		return conf_text_fail(s->err, s->name, s->line,
				      "@include is not possible here%s",
				      s->dir ? ": too deep" : "");
	r = read_file(path, &text);
	if (r) {
		r = conf_text_fail(s->err, s->name, s->line,
				   "@include \"%s\": %s", path,
				   r == E_IO ? strerror(errno) : err_text(r));
		goto out;
	}
	inner.name = path;
	inner.depth++;
	mark(s->out, CONF_LINE_MARK, 1, path);
	r = add_lines(&inner, buf_string(&text));
	s->state = inner.state;
	mark(s->out, CONF_LINE_MARK, s->line + 1, s->name);
out:
	buf_free(&text);
	return r;
}

static int add_lines(struct source *s, const char *text)
{
	char path[PATH_BYTES];
	size_t len;
	int r;

	for (s->line = 1; *text; s->line++) {
		len = strcspn(text, "\n");
		if (included(s, text, len, path)) {
			if ((r = include(s, path)))
				return r;
		} else {
			follow(s, text, len);
			buf_put(s->out, text, len);
			buf_u8(s->out, '\n');
		}
		text += len + (text[len] == '\n');
	}
	return fits(s->out, s->name, s->err);
}

int conf_text_add(struct buf *out, const char *text, const char *name,
		  const char *dir, struct conf_err *err)
{
	struct source s = { .out = out, .name = name, .dir = dir, .err = err };

	mark(out, CONF_PART_MARK, 1, name);
	return add_lines(&s, text);
}

int conf_text_file(struct buf *out, const char *path, struct conf_err *err)
{
	struct buf text = buf_of(out->max);
	char dir[PATH_BYTES];
	const char *slash = strrchr(path, '/');
	int r;

	snprintf(dir, sizeof dir, "%.*s",
		 slash ? (int)(slash - path) + (slash == path) : 1,
		 slash ? path : ".");
	r = read_file(path, &text);
	if (r)
		r = file_fault(r, path, err);
	else
		r = conf_text_add(out, buf_string(&text), path, dir, err);
	buf_free(&text);
	return r;
}

/* -- conf.d --------------------------------------------------------------- */

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 &&
	       !strcmp(d->d_name + n - 5, ".conf");
}

int conf_text_files(struct buf *out, const char *path, struct conf_err *err)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_BYTES], file[PATH_BYTES + 256];
	struct dirent **list = NULL;
	int n, r;

	if ((r = conf_text_file(out, path, err)))
		return r;
	snprintf(dir, sizeof dir, "%.*sconf.d",
		 slash ? (int)(slash - path) + 1 : 0, path);
	n = scandir(dir, &list, is_conf, alphasort);
	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		return conf_text_fail(err, dir, 0, "%s", strerror(errno));
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof file, "%s/%s", dir, list[i]->d_name);
		if (!r)
			r = conf_text_file(out, file, err);
		free(list[i]);
	}
	free(list);
	return r;
}

/* -- places --------------------------------------------------------------- */

struct conf_place conf_text_place(const char *part, unsigned n)
{
	struct conf_place at = { "configuration", n };
	unsigned line = 1;
	char *end;

	for (const char *p = part; *p && line < n; line++) {
		if (!strncmp(p, CONF_PART_MARK, sizeof CONF_PART_MARK - 1) ||
		    !strncmp(p, CONF_LINE_MARK, sizeof CONF_LINE_MARK - 1)) {
			at.line = (unsigned)strtoul(p + 7, &end, 10) +
				  n - line - 1;
			at.file = end + (*end == ' ');
		}
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return at;
}
