/* choice.c - which parts of a body count. See choice.h.
 *
 * It recurses no deeper than MIME_DEPTH. A choice is taken back when what it
 * stands in turns out not to be understood: nothing is used in part. */
#include "daemon/mime/choice.h"

#include "daemon/base/err.h"

#include <string.h>

#define ID_TEXT 256

struct choice {
	const struct mime *m;
	mime_knows_fn knows;
	void *user;
	const struct mime_part **out;
	size_t room, n;
};

static int choose(struct choice *c, const struct mime_part *p);

static int choose_self(struct choice *c, const struct mime_part *p)
{
	if (!c->knows(p, c->user))
		return E_UNSUPPORTED;
	if (c->n == c->room)
		return E_SPACE;
	c->out[c->n++] = p;
	return 0;
}

/* One part among others: what is optional may be unknown. */
static int choose_among(struct choice *c, const struct mime_part *p)
{
	size_t before = c->n;
	int r = choose(c, p);

	if (r == E_UNSUPPORTED && !p->disposition.required) {
		c->n = before;
		r = 0;
	}
	return r;
}

static int choose_all(struct choice *c, const struct mime_part *p)
{
	int r = 0;

	for (size_t i = 0; i < p->n && !r; i++)
		r = choose_among(c, &c->m->part[p->first + i]);
	return r;
}

static int choose_last(struct choice *c, const struct mime_part *p)
{
	size_t before = c->n;
	int r = E_UNSUPPORTED;

	for (size_t i = p->n; i-- > 0 && r == E_UNSUPPORTED; ) {
		c->n = before;
		r = choose(c, &c->m->part[p->first + i]);
	}
	return r;
}

static bool has_id(const struct mime_part *p, const char *id)
{
	struct mime_bytes v = p->fields.id;

	return v.len > 2 && v.p[0] == '<' && v.p[v.len - 1] == '>' &&
	       v.len - 2 == strlen(id) && !memcmp(v.p + 1, id, v.len - 2);
}

/* RFC 2387 3.2. */
static int choose_root(struct choice *c, const struct mime_part *p)
{
	char start[ID_TEXT];
	size_t len;
	int r = mime_param(p->type.params, "start", start, sizeof start);

	if (r == E_NOTFOUND)
		return choose(c, &c->m->part[p->first]);
	len = r ? 0 : strlen(start);
	if (len < 3 || start[0] != '<' || start[len - 1] != '>')
		return E_FORMAT;
	start[len - 1] = 0;
	for (size_t i = 0; i < p->n; i++)
		if (has_id(&c->m->part[p->first + i], start + 1))
			return choose(c, &c->m->part[p->first + i]);
	return E_FORMAT;
}

static int choose(struct choice *c, const struct mime_part *p)
{
	static int (*const how[])(struct choice *, const struct mime_part *) = {
		[MIME_SINGLE] = choose_self,
		[MIME_MIXED] = choose_all,
		[MIME_ALTERNATIVE] = choose_last,
		[MIME_DIGEST] = choose_all,
		[MIME_PARALLEL] = choose_all,
		[MIME_RELATED] = choose_root,
		[MIME_SIGNED] = choose_self,
		[MIME_ENCRYPTED] = choose_self,
	};

	return how[p->multi](c, p);
}

int mime_choose(const struct mime *m, mime_knows_fn knows, void *user,
		const struct mime_part **out, size_t room, size_t *n)
{
	struct choice c = { .m = m, .knows = knows, .user = user, .out = out,
			    .room = room };
	int r = m->n ? choose_among(&c, &m->part[0]) : E_ARG;

	if (!r)
		*n = c.n;
	return r;
}

const struct mime_part *mime_by_id(const struct mime *m, const char *id)
{
	for (size_t i = 0; i < m->n; i++)
		if (has_id(&m->part[i], id))
			return &m->part[i];
	return NULL;
}
