/* screen.c - see screen.h. Names without "*" are found by halves, so that a
 * list may be long; patterns are tried one by one. */
#include "daemon/engine/guard/screen.h"

#include "daemon/base/err.h"
#include "daemon/message.h"
#include "daemon/uri.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (4 << 20) /* bytes */

struct list {
	char **name;
	size_t n, room;
};

struct screen {
	struct list names[2], patterns[2]; /* [1]: denied */
};

static int add(struct screen *s, const char *text, size_t len, bool deny)
{
	bool pattern = memchr(text, '*', len);
	struct list *l = pattern ? &s->patterns[deny] : &s->names[deny];
	size_t room = l->room ? 2 * l->room : 16;
	char *copy = strndup(text, len), *host;
	char **more = NULL;

	if (!copy)
		return E_NOMEM;
	if (l->n == l->room) {
		more = realloc(l->name, room * sizeof *more);
		if (!more) {
			free(copy);
			return E_NOMEM;
		}
		l->name = more;
		l->room = room;
	}
	for (host = strchr(copy, '@'); host && *host; host++)
		*host = (char)tolower((unsigned char)*host);
	l->name[l->n++] = copy;
	return 0;
}

static int add_keys(struct screen *s, const struct conf_node *n,
		    const char *key, bool deny)
{
	const char *text;
	int r = 0;

	for (size_t i = 0; !r && n && i < conf_texts(n, key); i++) {
		text = conf_text_at(n, key, i);
		r = add(s, text, strlen(text), deny);
	}
	return r;
}

/* -- the file ------------------------------------------------------------- */

static int read_all(int fd, char **out)
{
	char *text = NULL, *more;
	size_t len = 0, room = 0;
	ssize_t n = 0;

	do {
		if (len + 4096 > room) {
			room = room ? 2 * room : 65536;
			more = room <= 2 * FILE_MAX ? realloc(text, room + 1)
						    : NULL;
			if (!more) {
				free(text);
				return E_NOMEM;
			}
			text = more;
		}
		n = pread(fd, text + len, room - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && len <= FILE_MAX);
	if (n) {
		free(text);
		return n < 0 ? E_IO : E_SPACE;
	}
	text[len] = 0;
	if (strlen(text) != len) {
		free(text);
		return E_FORMAT;
	}
	*out = text;
	return 0;
}

/* One line, without its end; blank ones and comments are nothing. */
static int read_line(struct screen *s, char *line)
{
	static const char blank[] = " \t\r";
	char *word, *name, *rest;

	line[strcspn(line, "#")] = 0;
	word = strtok_r(line, blank, &rest);
	name = word ? strtok_r(NULL, blank, &rest) : NULL;
	if (!word)
		return 0;
	if (!name || strtok_r(NULL, blank, &rest) ||
	    strlen(name) >= NAME_TEXT || strchr(name, ':') ||
	    (strcmp(word, "deny") && strcmp(word, "allow")))
		return E_FORMAT;
	return add(s, name, strlen(name), *word == 'd');
}

static int read_lines(struct screen *s, char *text, unsigned *at)
{
	char *end;
	int r = 0;

	for (*at = 1; text && !r; text = end) {
		end = strchr(text, '\n');
		if (end)
			*end++ = 0;
		r = read_line(s, text);
		*at += !r;
	}
	return r;
}

static int add_file(struct screen *s, int fd, char *why, size_t room)
{
	unsigned line = 0;
	char *text;
	int r = read_all(fd, &text);

	if (r) {
		snprintf(why, room, "%s; a text of up to %d bytes is needed",
			 err_text(r), FILE_MAX);
		return r;
	}
	r = read_lines(s, text, &line);
	free(text);
	if (r == E_FORMAT) {
		snprintf(why, room, "line %u: write \"deny PATTERN\" or "
			 "\"allow PATTERN\", a pattern of USER@HOST", line);
		return E_CONF;
	}
	return r;
}

/* -- life ----------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
}

void screen_free(struct screen *s)
{
	if (!s)
		return;
	for (int i = 0; i < 2; i++) {
		list_free(&s->names[i]);
		list_free(&s->patterns[i]);
	}
	free(s);
}

int screen_new(const struct screening *c, int fd, struct screen **out,
	       char *why, size_t room)
{
	struct screen *s = calloc(1, sizeof *s);
	int r = E_NOMEM;

	snprintf(why, room, "%s", err_text(E_NOMEM));
	if (s && !(r = add_keys(s, c->lists, "allow", false)) &&
	    !(r = add_keys(s, c->lists, "deny", true)) && fd >= 0)
		r = add_file(s, fd, why, room);
	if (r) {
		screen_free(s);
		return r;
	}
	for (int i = 0; i < 2; i++)
		if (s->names[i].n)
			qsort(s->names[i].name, s->names[i].n, sizeof(char *),
			      by_name);
	*out = s;
	return 0;
}

/* -- asking --------------------------------------------------------------- */

static bool listed(const struct screen *s, bool deny, const char *name)
{
	const struct list *l = &s->names[deny], *p = &s->patterns[deny];

	if (l->n && bsearch(&name, l->name, l->n, sizeof(char *), by_name))
		return true;
	for (size_t i = 0; i < p->n; i++)
		if (uri_matches(p->name[i], name))
			return true;
	return false;
}

bool screen_denies(const struct screen *s, const char *uri)
{
	char name[URI_NAME_TEXT];

	return uri_name(uri, name) && listed(s, true, name) &&
	       !listed(s, false, name);
}

size_t screen_count(const struct screen *s)
{
	return s->names[0].n + s->names[1].n + s->patterns[0].n +
	       s->patterns[1].n;
}
