/* users.c - the file of accounts. See users.h.
 *
 * Kept as one sorted array; the text passes through one buffer, which is wiped
 * whatever happens. Names hold nothing that would have to be escaped in a
 * header or a URI, so that one name has one spelling. */
#include "daemon/digest/users.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (16u << 20) /* some 50,000 users */
#define USER_TEXT 64

struct user {
	char name[USER_TEXT];
	struct digest_secret secret;
	unsigned line;
};

struct digest_users {
	struct user *user; /* sorted by name, then hash */
	size_t n, room, names;
};

void digest_users_free(struct digest_users *u)
{
	if (!u)
		return;
	if (u->user)
		wipe(u->user, u->room * sizeof *u->user);
	free(u->user);
	free(u);
}

static int compare(const void *a, const void *b)
{
	const struct user *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (int)x->secret.hash - (int)y->secret.hash;
}

const struct digest_secret *digest_users_find(const struct digest_users *u,
					      unsigned hash, const char *user)
{
	struct user key = { .secret.hash = (uint8_t)hash };
	const struct user *at;

	if (!u->n || strlen(user) >= sizeof key.name)
		return NULL;
	strcpy(key.name, user);
	at = bsearch(&key, u->user, u->n, sizeof *u->user, compare);
	return at ? &at->secret : NULL;
}

size_t digest_users_count(const struct digest_users *u)
{
	return u->names;
}

/* -- one line ------------------------------------------------------------- */

/* What needs no escape as the user part of a URI (RFC 3261 25.1). */
static bool is_name(const char *s, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.!~*'()&=+$,";

	return len && len < USER_TEXT && strspn(s, allowed) >= len;
}

/* Hex digits, in lower case as they are hashed. */
static unsigned read_hash(const char *s, char out[static DIGEST_HEX])
{
	size_t len = strlen(s);
	unsigned hash = len == digest_hash_len(DIGEST_MD5) ? DIGEST_MD5 :
			len == digest_hash_len(DIGEST_SHA_256) ?
			DIGEST_SHA_256 : DIGEST_NONE;

	if (!hash || strspn(s, "0123456789abcdefABCDEF") != len)
		return DIGEST_NONE;
	for (size_t i = 0; i <= len; i++)
		out[i] = s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] | 0x20)
						    : s[i];
	return hash;
}

static int wrong(char why[static 256], unsigned line, const char *what)
{
	snprintf(why, 256, "line %u: %s", line, what);
	return E_CONF;
}

/* A line without its end, in place. */
static int read_line(char *line, const char *realm, struct user *out,
		     char why[static 256])
{
	char *where = strchr(line, ':'), *hex = where ? strchr(where + 1, ':')
						      : NULL;
	unsigned hash;

	if (!hex)
		return wrong(why, out->line, "not USER:REALM:HASH");
	if (!is_name(line, (size_t)(where - line)))
		return wrong(why, out->line, "the user is empty, too long, or "
			     "has a letter that does not stand in a SIP URI");
	*where++ = 0;
	*hex++ = 0;
	if (strcmp(where, realm)) {
		snprintf(why, 256, "line %u: its realm is \"%.80s\", but "
			 "registrar.domain is \"%.80s\"", out->line, where,
			 realm);
		return E_CONF;
	}
	hash = read_hash(hex, out->secret.hex);
	if (!hash)
		return wrong(why, out->line, "the hash is neither 32 (MD5) nor "
			     "64 hex digits (SHA-256)");
	out->secret.hash = (uint8_t)hash;
	strcpy(out->name, line);
	return 0;
}

/* -- the whole file ------------------------------------------------------- */

/* Not realloc(): the old copy would stay behind unwiped. */
static int grow(struct digest_users *u)
{
	size_t room = u->room ? 2 * u->room : 64;
	struct user *more = calloc(room, sizeof *more);

	if (!more)
		return E_NOMEM;
	if (u->n)
		memcpy(more, u->user, u->n * sizeof *more);
	if (u->user)
		wipe(u->user, u->n * sizeof *more);
	free(u->user);
	u->user = more;
	u->room = room;
	return 0;
}

static int read_lines(struct digest_users *u, char *text, const char *realm,
		      char why[static 256])
{
	unsigned number = 0;
	char *line;
	int r;

	while ((line = strsep(&text, "\n"))) {
		line[strcspn(line, "\r")] = 0;
		number++;
		if (!*line || *line == '#')
			continue;
		if (u->n == u->room && (r = grow(u)))
			return r;
		u->user[u->n].line = number;
		r = read_line(line, realm, &u->user[u->n], why);
		if (r)
			return r;
		u->n++;
	}
	return 0;
}

/* Of the user at i: sorted, its lines follow each other. */
static int check_user(const struct digest_users *u, size_t i, unsigned hashes,
		      size_t *next, char why[static 256])
{
	const struct user *first = &u->user[i];
	unsigned has = 0;

	for (; i < u->n && !strcmp(u->user[i].name, first->name); i++) {
		if (has & DIGEST_BIT(u->user[i].secret.hash))
			return wrong(why, u->user[i].line, "this user has "
				     "such a hash already");
		has |= DIGEST_BIT(u->user[i].secret.hash);
	}
	*next = i;
	for (unsigned h = 0; h < DIGEST_COUNT; h++)
		if (hashes & ~has & DIGEST_BIT(h)) {
			snprintf(why, 256, "line %u: %s has no %s hash, which "
				 "registrar.hash asks for; cure: callsealctl "
				 "digest", first->line, first->name,
				 digest_hash_name(h));
			return E_CONF;
		}
	return 0;
}

static int check_users(struct digest_users *u, unsigned hashes,
		       char why[static 256])
{
	size_t next = 0;
	int r;

	if (u->n)
		qsort(u->user, u->n, sizeof *u->user, compare);
	for (size_t i = 0; i < u->n; i = next) {
		r = check_user(u, i, hashes, &next, why);
		if (r)
			return r;
		u->names++;
	}
	return 0;
}

static int read_text(int fd, struct buf *out, char why[static 256])
{
	char piece[4096];
	ssize_t n;

	while ((n = pread(fd, piece, sizeof piece, (off_t)out->len)) > 0) {
		buf_put(out, piece, (size_t)n);
		if (out->err)
			break;
	}
	wipe(piece, sizeof piece);
	snprintf(why, 256, "%s", n < 0 ? "cannot be read" :
		 out->err == E_SPACE ? "is too long" : "no memory");
	return n < 0 ? E_IO : out->err;
}

int digest_users_read(int fd, const char *realm, unsigned hashes,
		      struct digest_users **out, char why[static 256])
{
	struct buf text = buf_of(FILE_MAX);
	struct digest_users *u = calloc(1, sizeof *u);
	int r = read_text(fd, &text, why);

	if (!u)
		r = E_NOMEM;
	buf_u8(&text, 0);
	if (!r)
		r = text.err;
	if (!r && memchr(text.data, 0, text.len) !=
			  text.data + text.len - 1)
		r = wrong(why, 1, "the file holds a zero octet: it is no text");
	if (!r)
		r = read_lines(u, (char *)text.data, realm, why);
	if (!r)
		r = check_users(u, hashes, why);
	buf_free(&text);
	if (r) {
		digest_users_free(u);
		return r;
	}
	*out = u;
	return 0;
}
