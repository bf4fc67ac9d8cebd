/* field.c - the header values of digest authentication, read and written by
 * one table for each of them (RFC 7616 3.3 to 3.5, RFC 7235 2.1).
 *
 * Taken though the grammar does not have it, because it is sent: quotes where a
 * token belongs and none where a string does, empty list elements. Refused
 * though one could guess: a parameter that is there twice, controls. */
#include "daemon/digest/digest.h"

#include "daemon/base/err.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct run {
	const char *p;
	size_t len;
};

/* What a parameter's value is, how it is read into a field and written. */
enum kind { TEXT, TOKEN_QOP, QOPS, ALGORITHM, FLAG, COUNT };

struct param {
	const char *name;
	enum kind kind;
	bool needed;
	size_t at;   /* offset of its field */
	size_t room; /* of a TEXT's field */
	size_t with; /* offset of the field that says it is there; 0: a text
	                that is not empty is, and a number that is not 0 */
};

#define FIELD(s, f) .at = offsetof(struct s, f)
#define TEXT_FIELD(s, f) FIELD(s, f), .room = sizeof ((struct s *)0)->f

static const struct param challenge_params[] = {
	{ "realm", TEXT, true, TEXT_FIELD(digest_challenge, realm) },
	{ "nonce", TEXT, true, TEXT_FIELD(digest_challenge, nonce) },
	{ "opaque", TEXT, false, TEXT_FIELD(digest_challenge, opaque),
	  offsetof(struct digest_challenge, with_opaque) },
	{ "algorithm", ALGORITHM, false, FIELD(digest_challenge, algorithm) },
	{ "qop", QOPS, false, FIELD(digest_challenge, qop) },
	{ "stale", FLAG, false, FIELD(digest_challenge, stale) },
	{ 0 }
};

static const struct param credentials_params[] = {
	{ "username", TEXT, true, TEXT_FIELD(digest_credentials, user) },
	{ "realm", TEXT, true, TEXT_FIELD(digest_credentials, realm) },
	{ "nonce", TEXT, true, TEXT_FIELD(digest_credentials, nonce) },
	{ "uri", TEXT, true, TEXT_FIELD(digest_credentials, uri) },
	{ "response", TEXT, true, TEXT_FIELD(digest_credentials, response) },
	{ "algorithm", ALGORITHM, false, FIELD(digest_credentials, algorithm) },
	{ "cnonce", TEXT, false, TEXT_FIELD(digest_credentials, cnonce) },
	{ "opaque", TEXT, false, TEXT_FIELD(digest_credentials, opaque),
	  offsetof(struct digest_credentials, with_opaque) },
	{ "qop", TOKEN_QOP, false, FIELD(digest_credentials, qop) },
	{ "nc", COUNT, false, FIELD(digest_credentials, nc) },
	{ "userhash", FLAG, false, FIELD(digest_credentials, userhash) },
	{ 0 }
};

static const struct param info_params[] = {
	{ "qop", TOKEN_QOP, false, FIELD(digest_info, qop) },
	{ "rspauth", TEXT, false, TEXT_FIELD(digest_info, rspauth) },
	{ "cnonce", TEXT, false, TEXT_FIELD(digest_info, cnonce) },
	{ "nc", COUNT, false, FIELD(digest_info, nc) },
	{ "nextnonce", TEXT, false, TEXT_FIELD(digest_info, nextnonce) },
	{ 0 }
};

/* -- letters and words ---------------------------------------------------- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static void skip_space(struct run *r)
{
	while (r->len && is_space(*r->p))
		r->p++, r->len--;
}

static bool is(struct run r, const char *word)
{
	return r.len == strlen(word) && !strncasecmp(r.p, word, r.len);
}

/* What ends at space or one of "=,\"". */
static struct run take_token(struct run *r)
{
	struct run t = { r->p, 0 };

	while (r->len && !is_space(*r->p) && !is_control(*r->p) &&
	       *r->p != '=' && *r->p != ',' && *r->p != '"')
		r->p++, r->len--, t.len++;
	return t;
}

static bool take_letter(struct run *r, char c)
{
	skip_space(r);
	if (!r->len || *r->p != c)
		return false;
	r->p++, r->len--;
	return true;
}

/* A quoted string behind its first quote, without unescaping it. */
static int take_quoted(struct run *r, struct run *out)
{
	*out = (struct run){ r->p, 0 };
	for (; out->len < r->len; out->len++) {
		char c = r->p[out->len];

		if (c == '"') {
			r->p += out->len + 1;
			r->len -= out->len + 1;
			return 0;
		}
		if (c == '\\')
			out->len++;
		if (out->len >= r->len || is_control(r->p[out->len]))
			return E_FORMAT;
	}
	return E_FORMAT;
}

/* base64 without quotes ends in "=", so a token as a value may hold it. */
static int take_value(struct run *r, struct run *out)
{
	if (take_letter(r, '"'))
		return take_quoted(r, out);
	*out = take_token(r);
	while (out->len && r->len && *r->p == '=')
		r->p++, r->len--, out->len++;
	return out->len && !memchr(out->p, '\\', out->len) ? 0 : E_FORMAT;
}

/* -- one value into its field --------------------------------------------- */

static int get_text(struct run v, const struct param *p, void *to)
{
	if (v.len >= p->room)
		return E_SPACE;
	memcpy(to, v.p, v.len);
	((char *)to)[v.len] = 0;
	return 0;
}

static int get_qop(struct run v, uint8_t *to)
{
	*to = is(v, "auth") ? DIGEST_AUTH :
	      is(v, "auth-int") ? DIGEST_AUTH_INT : DIGEST_OTHER;
	return v.len ? 0 : E_FORMAT;
}

/* "auth,auth-int": never 0, so that what is offered and unknown is not taken
 * for nothing offered. */
static int get_qops(struct run v, uint8_t *to)
{
	uint8_t all = 0, one;

	do {
		skip_space(&v);
		if (!get_qop(take_token(&v), &one))
			all |= one;
	} while (take_letter(&v, ','));
	skip_space(&v);
	*to = all;
	return v.len || !all ? E_FORMAT : 0;
}

static int get_algorithm(struct run v, struct digest_algorithm *to)
{
	static const char sess[] = "-sess";
	size_t tail = sizeof sess - 1;

	to->sess = v.len > tail && !strncasecmp(v.p + v.len - tail, sess, tail);
	if (to->sess)
		v.len -= tail;
	for (unsigned h = DIGEST_NONE + 1; h < DIGEST_COUNT; h++)
		if (is(v, digest_hash_name(h))) {
			to->hash = (uint8_t)h;
			return 0;
		}
	return E_UNSUPPORTED;
}

static int get_count(struct run v, uint32_t *to)
{
	uint32_t n = 0;

	if (v.len != 8)
		return E_FORMAT;
	for (size_t i = 0; i < v.len; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *at = v.p[i] ? strchr(digits, v.p[i] | 0x20) : NULL;

		if (!at)
			return E_FORMAT;
		n = n << 4 | (uint32_t)(at - digits);
	}
	*to = n;
	return n ? 0 : E_FORMAT;
}

static int get(struct run v, const struct param *p, void *to)
{
	uint8_t *field = (uint8_t *)to + p->at;

	if (p->with)
		((uint8_t *)to)[p->with] = 1;
	switch (p->kind) {
	case TEXT:
		return get_text(v, p, field);
	case TOKEN_QOP:
		return get_qop(v, field);
	case QOPS:
		return get_qops(v, field);
	case ALGORITHM:
		return get_algorithm(v, (void *)field);
	case FLAG:
		*field = is(v, "true");
		return 0;
	case COUNT:
		return get_count(v, (void *)field);
	}
	return E_INTERNAL;
}

/* -- a whole value -------------------------------------------------------- */

/* What is wrong with the form comes before what we do not know. */
static int read_params(struct run r, const struct param *params, void *to)
{
	uint32_t seen = 0;
	int unknown = 0;

	for (skip_space(&r); r.len; skip_space(&r)) {
		struct run name = take_token(&r), value;
		unsigned i = 0;
		int e;

		if (!name.len) {
			if (!take_letter(&r, ','))
				return E_FORMAT;
			continue;
		}
		if (!take_letter(&r, '=') || take_value(&r, &value))
			return E_FORMAT;
		skip_space(&r);
		if (r.len && *r.p != ',')
			return E_FORMAT;
		while (params[i].name && !is(name, params[i].name))
			i++;
		if (!params[i].name)
			continue;
		if (seen & 1u << i)
			return E_FORMAT;
		seen |= 1u << i;
		e = get(value, &params[i], to);
		if (e && e != E_UNSUPPORTED)
			return e;
		unknown = e ? e : unknown;
	}
	for (unsigned i = 0; params[i].name; i++)
		if (params[i].needed && !(seen & 1u << i))
			return unknown ? unknown : E_FORMAT;
	return unknown;
}

static int take_scheme(struct run *r)
{
	struct run scheme;

	skip_space(r);
	scheme = take_token(r);
	if (!scheme.len)
		return E_FORMAT;
	if (!is(scheme, "Digest"))
		return E_UNSUPPORTED;
	return r->len && is_space(*r->p) ? 0 : E_FORMAT;
}

int digest_read_challenge(const char *value, size_t len,
			  struct digest_challenge *out)
{
	struct digest_challenge c = { .algorithm.hash = DIGEST_MD5 };
	struct run r = { value, len };
	int e = take_scheme(&r);

	if (!e)
		e = read_params(r, challenge_params, &c);
	if (!e)
		*out = c;
	return e;
}

int digest_read_credentials(const char *value, size_t len,
			    struct digest_credentials *out)
{
	struct digest_credentials c = { .algorithm.hash = DIGEST_MD5 };
	struct run r = { value, len };
	int e = take_scheme(&r);

	if (!e)
		e = read_params(r, credentials_params, &c);
	if (e)
		return e;
	if (c.qop ? !c.nc || !*c.cnonce : c.algorithm.sess)
		return E_FORMAT;
	if (!c.qop) {
		c.nc = 0;
		memset(c.cnonce, 0, sizeof c.cnonce);
	}
	*out = c;
	return 0;
}

int digest_read_info(const char *value, size_t len, struct digest_info *out)
{
	struct digest_info i = { 0 };
	int e = read_params((struct run){ value, len }, info_params, &i);

	if (!e)
		*out = i;
	return e;
}

/* -- writing -------------------------------------------------------------- */

/* Whether it reads back as it is: no controls, no quote but an escaped one. */
static bool quotable(const char *text)
{
	for (; *text; text++) {
		if (*text == '"')
			return false;
		if (*text == '\\')
			text++;
		if (is_control(*text)) /* the NUL, too */
			return false;
	}
	return true;
}

static void put_qops(uint8_t qop, struct buf *out)
{
	buf_printf(out, "qop=\"%s%s%s\"", qop & DIGEST_AUTH ? "auth" : "",
		   qop == (DIGEST_AUTH | DIGEST_AUTH_INT) ? "," : "",
		   qop & DIGEST_AUTH_INT ? "auth-int" : "");
}

static int put(const struct param *p, const uint8_t *field, struct buf *out)
{
	const struct digest_algorithm *a = (const void *)field;
	const char *text = (const char *)field;
	uint32_t n;

	switch (p->kind) {
	case TEXT:
		if (!quotable(text))
			return E_ARG;
		buf_printf(out, "%s=\"%s\"", p->name, text);
		return 0;
	case TOKEN_QOP:
		if (*field != DIGEST_AUTH && *field != DIGEST_AUTH_INT)
			return E_ARG;
		buf_printf(out, "qop=%s", *field == DIGEST_AUTH ? "auth" :
			   "auth-int");
		return 0;
	case QOPS:
		if (*field & ~(DIGEST_AUTH | DIGEST_AUTH_INT))
			return E_ARG;
		put_qops(*field, out);
		return 0;
	case ALGORITHM:
		if (!digest_hash_name(a->hash))
			return E_ARG;
		buf_printf(out, "algorithm=%s%s", digest_hash_name(a->hash),
			   a->sess ? "-sess" : "");
		return 0;
	case FLAG:
		buf_printf(out, "%s=true", p->name);
		return 0;
	case COUNT:
		memcpy(&n, field, sizeof n);
		buf_printf(out, "%s=%08x", p->name, n);
		return 0;
	}
	return E_INTERNAL;
}

static bool is_there(const struct param *p, const uint8_t *from)
{
	uint32_t n;

	if (p->with)
		return from[p->with];
	if (p->kind != COUNT)
		return p->needed || p->kind == ALGORITHM || from[p->at];
	memcpy(&n, from + p->at, sizeof n);
	return n;
}

static int write_params(const char *before, const struct param *params,
			const void *from, struct buf *out)
{
	int e;

	for (const struct param *p = params; p->name; p++) {
		if (!is_there(p, from))
			continue;
		buf_text(out, before);
		if ((e = put(p, (const uint8_t *)from + p->at, out)))
			return e;
		before = ", ";
	}
	return out->err;
}

int digest_write_challenge(const struct digest_challenge *c, struct buf *out)
{
	return write_params("Digest ", challenge_params, c, out);
}

int digest_write_credentials(const struct digest_credentials *c,
			     struct buf *out)
{
	return write_params("Digest ", credentials_params, c, out);
}

int digest_write_info(const struct digest_info *i, struct buf *out)
{
	return write_params("", info_params, i, out);
}
