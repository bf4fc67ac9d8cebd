/* conf_read.c - one part of the configuration: parsed by libconfig, walked
 * through the key tables into nodes, every fault told with its file and line.
 */
#include "daemon/base/conf_text.h"
#include "daemon/base/conf_tree.h"
#include "daemon/base/err.h"

#include <libconfig.h>
#include <stdarg.h>
#include <string.h>

#define PATH_ROOM 160

/* While one part is read. */
struct reading {
	struct conf *c;
	struct conf_err *err;
	const char *part;
};

/* -- faults --------------------------------------------------------------- */

/* "peers[2].match": members of lists count from 1. */
static void path_of(const config_setting_t *s, struct buf *out)
{
	const config_setting_t *up = config_setting_parent(s);

	if (!up)
		return;
	path_of(up, out);
	if (config_setting_name(s))
		buf_printf(out, "%s%s", out->len ? "." : "",
			   config_setting_name(s));
	else
		buf_printf(out, "[%d]", config_setting_index(s) + 1);
}

/* Says what is wrong with setting s, or with a key that it lacks. */
__attribute__((format(printf, 4, 5)))
static int fail(struct reading *rd, const config_setting_t *s,
		const char *lacks, const char *fmt, ...)
{
	struct conf_place at = conf_text_place(rd->part,
		config_setting_source_line(s));
	struct buf path = buf_of(PATH_ROOM);
	char why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	path_of(s, &path);
	conf_text_fail(rd->err, at.file, at.line, "%s%s%s: %s",
		       buf_string(&path), lacks && path.len ? "." : "",
		       lacks ? lacks : "", why);
	buf_free(&path);
	return E_CONF;
}

/* What a key may be, in words. */
static void allowed(const struct conf_key *k, struct buf *out)
{
	const char *const *word = k->choices;

	switch (k->type) {
	case CONF_INT:
		buf_printf(out, "a number from %lld to %lld%s%s", k->min,
			   k->max, k->unit ? " " : "", k->unit ? k->unit : "");
		return;
	case CONF_BOOL:
		buf_text(out, "true, false");
		return;
	case CONF_TEXT:
		buf_text(out, "a text, \"...\"");
		return;
	case CONF_TEXTS:
		buf_text(out, "a list of texts, ( \"...\", \"...\" )");
		return;
	case CONF_WORDS:
		buf_text(out, "a list of ");
		/* fall through */
	case CONF_WORD:
		for (; *word; word++)
			buf_printf(out, "%s\"%s\"",
				   word == k->choices ? "" : ", ", *word);
	}
}

static int not_allowed(struct reading *rd, const config_setting_t *s,
		       const struct conf_key *k, const char *what)
{
	struct buf list = buf_of(300);

	allowed(k, &list);
	fail(rd, s, NULL, "%s; allowed: %s", what, buf_string(&list));
	buf_free(&list);
	return E_CONF;
}

/* -- unknown names -------------------------------------------------------- */

#define NEAR_MAX 32 /* characters of a name that are compared */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	return a < b ? (a < c ? a : c) : (b < c ? b : c);
}

/* How many letters to change, insert, drop or swap with the next. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[NEAR_MAX + 1][NEAR_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > NEAR_MAX || m > NEAR_MAX)
		return NEAR_MAX;
	for (unsigned i = 0; i <= n; i++) {
		for (unsigned j = 0; j <= m; j++) {
			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1,
				d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i][j],
						d[i - 2][j - 2] + 1);
		}
	}
	return d[n][m];
}

/* Gathers the names that are allowed, and which one is near. */
struct names {
	const char *given, *near;
	struct buf list;
};

static void name_allowed(struct names *n, const char *name)
{
	if (!*name)
		return;
	buf_printf(&n->list, "%s%s", n->list.len ? ", " : "", name);
	if (!n->near && distance(n->given, name) <= 2 &&
	    distance(n->given, name) < strlen(name))
		n->near = name;
}

static int unknown(struct reading *rd, const config_setting_t *s,
		   const struct conf_group *g)
{
	struct names n = {
		.given = config_setting_name(s), .list = buf_of(300)
	};
	const struct conf_group *const *top = rd->c->groups;

	if (!*g->name)
		for (; *top; top++)
			name_allowed(&n, (*top)->name);
	for (const struct conf_key *k = g->keys; k->name; k++)
		name_allowed(&n, k->name);
	if (n.near)
		fail(rd, s, NULL,
		     "unknown key; did you mean \"%s\"? allowed: %s",
		     n.near, buf_string(&n.list));
	else
		fail(rd, s, NULL, "unknown key; allowed: %s",
		     buf_string(&n.list));
	buf_free(&n.list);
	return E_CONF;
}

/* -- values --------------------------------------------------------------- */

static bool is_choice(const struct conf_key *k, const char *s)
{
	for (const char *const *word = k->choices; *word; word++)
		if (!strcmp(*word, s))
			return true;
	return false;
}

/* One text of a key, alone or in a list. */
static int check_text(struct reading *rd, const config_setting_t *s,
		      const struct conf_key *k, const char *text)
{
	const char *why = "see the manual";
	char what[80];

	if (k->choices && !is_choice(k, text)) {
		snprintf(what, sizeof what, "unknown word \"%.40s\"", text);
		return not_allowed(rd, s, k, what);
	}
	if (k->valid && k->valid(text, &why) < 0)
		return fail(rd, s, NULL, "wrong value \"%.100s\"; allowed: %s",
			    text, why);
	return 0;
}

static int read_int(struct reading *rd, const config_setting_t *s,
		    const struct conf_key *k, struct conf_value *v)
{
	int type = config_setting_type(s);
	char what[64];

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return not_allowed(rd, s, k, "not a number");
	v->number = type == CONFIG_TYPE_INT ? config_setting_get_int(s) :
					      config_setting_get_int64(s);
	if (v->number < k->min || v->number > k->max) {
		snprintf(what, sizeof what, "%lld is out of range", v->number);
		return not_allowed(rd, s, k, what);
	}
	return 0;
}

static int read_bool(struct reading *rd, const config_setting_t *s,
		     const struct conf_key *k, struct conf_value *v)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return not_allowed(rd, s, k, "neither true nor false");
	v->number = config_setting_get_bool(s);
	return 0;
}

/* A word may be a boolean as well, where both are choices. */
static const char *text_of(const config_setting_t *s, const struct conf_key *k)
{
	const char *word;

	if (k->type != CONF_WORD || config_setting_type(s) != CONFIG_TYPE_BOOL)
		return config_setting_get_string(s);
	word = config_setting_get_bool(s) ? "true" : "false";
	return is_choice(k, word) ? word : NULL;
}

static int read_text(struct reading *rd, const config_setting_t *s,
		     const struct conf_key *k, struct conf_value *v)
{
	const char *text = text_of(s, k);
	int r;

	if (!text)
		return not_allowed(rd, s, k, "not a text");
	if (!*text && k->required)
		return fail(rd, s, NULL, "must not be empty");
	if (*text && (r = check_text(rd, s, k, text)))
		return r;
	if (conf_room(rd->c, v, 1) || conf_put(rd->c, v, text, strlen(text)))
		return conf_no_memory(rd->err);
	return 0;
}

static int read_member(struct reading *rd, const config_setting_t *s,
		       const struct conf_key *k, struct conf_value *v)
{
	const char *text = config_setting_get_string(s);
	int r;

	if (!text)
		return not_allowed(rd, s, k, "not a text");
	if ((r = check_text(rd, s, k, text)))
		return r;
	for (size_t i = 0; k->type == CONF_WORDS && i < v->n; i++)
		if (!strcmp(v->texts[i], text))
			return fail(rd, s, NULL, "\"%s\" is there twice", text);
	r = conf_put(rd->c, v, text, strlen(text));
	return r ? conf_no_memory(rd->err) : 0;
}

static int read_list(struct reading *rd, const config_setting_t *s,
		     const struct conf_key *k, struct conf_value *v)
{
	int n = config_setting_length(s), r;

	if (k->type == CONF_TEXTS && config_setting_get_string(s))
		return conf_room(rd->c, v, 1) ? conf_no_memory(rd->err)
					      : read_member(rd, s, k, v);
	if (!config_setting_is_list(s) && !config_setting_is_array(s))
		return not_allowed(rd, s, k, "not a list");
	if (!n && k->required)
		return fail(rd, s, NULL, "must not be empty");
	if (conf_room(rd->c, v, (size_t)n))
		return conf_no_memory(rd->err);
	for (int i = 0; i < n; i++)
		if ((r = read_member(rd, config_setting_get_elem(s,
				     (unsigned)i), k, v)))
			return r;
	return 0;
}

static int read_value(struct reading *rd, const config_setting_t *s,
		      const struct conf_key *k, struct conf_value *v)
{
	static int (*const readers[])(struct reading *,
		const config_setting_t *, const struct conf_key *,
		struct conf_value *) = {
		[CONF_INT] = read_int, [CONF_BOOL] = read_bool,
		[CONF_WORD] = read_text, [CONF_TEXT] = read_text,
		[CONF_WORDS] = read_list, [CONF_TEXTS] = read_list,
	};

	v->set = true;
	return readers[k->type](rd, s, k, v);
}

/* -- nodes ---------------------------------------------------------------- */

static const char *where_of(struct reading *rd, const config_setting_t *s)
{
	struct conf_place at = conf_text_place(rd->part,
		config_setting_source_line(s));
	char text[400];

	snprintf(text, sizeof text, "%.*s:%u", (int)strcspn(at.file, "\n"),
		 at.file, at.line);
	return conf_keep_text(rd->c, text, strlen(text));
}

static int read_key(struct reading *rd, const config_setting_t *s,
		    struct conf_node *n)
{
	for (size_t i = 0; n->group->keys[i].name; i++)
		if (!strcmp(n->group->keys[i].name, config_setting_name(s)))
			return read_value(rd, s, &n->group->keys[i],
					  &n->values[i]);
	return unknown(rd, s, n->group);
}

static int read_keys(struct reading *rd, const config_setting_t *s,
		     struct conf_node *n)
{
	int r, count = config_setting_length(s);

	if (!config_setting_is_group(s))
		return fail(rd, s, NULL, "not a group; allowed: { key = "
			    "value; ... }");
	for (int i = 0; i < count; i++)
		if ((r = read_key(rd, config_setting_get_elem(s, (unsigned)i),
				  n)))
			return r;
	return 0;
}

/* A list and a named group have whole members: none may lack a key. */
static int check_required(struct reading *rd, const config_setting_t *s,
			  const struct conf_node *n)
{
	for (size_t i = 0; n->group->keys[i].name; i++)
		if (n->group->keys[i].required && !n->values[i].set)
			return fail(rd, s, n->group->keys[i].name,
				    "must be set: %s", n->group->keys[i].help);
	return 0;
}

static int check_twice(struct reading *rd, const config_setting_t *s,
		       size_t group, const char *name)
{
	const struct conf_node *n = rd->c->nodes[group].first;

	for (; n; n = n->next)
		if (*name && !strcmp(n->name, name))
			return fail(rd, s, NULL, "is there already, at %s",
				    n->where);
	return 0;
}

static int read_whole(struct reading *rd, const config_setting_t *s,
		      size_t group)
{
	const char *name = config_setting_name(s), *where = where_of(rd, s);
	struct conf_node *n;
	int r;

	if ((r = check_twice(rd, s, group, name ? name : "")))
		return r;
	name = name ? conf_keep_text(rd->c, name, strlen(name)) : "";
	n = name && where ? conf_add_node(rd->c, group, name, where) : NULL;
	if (!n)
		return conf_no_memory(rd->err);
	r = read_keys(rd, s, n);
	return r ? r : check_required(rd, s, n);
}

static int read_members(struct reading *rd, const config_setting_t *s,
			size_t group)
{
	bool named = rd->c->groups[group]->shape == CONF_NAMED;
	int r, count = config_setting_length(s);

	if (named && !config_setting_is_group(s))
		return fail(rd, s, NULL, "not a group; allowed: { name = { "
			    "key = value; ... }; ... }");
	if (!named && !config_setting_is_list(s))
		return fail(rd, s, NULL, "not a list; allowed: ( { key = "
			    "value; ... }, ... )");
	for (int i = 0; i < count; i++)
		if ((r = read_whole(rd, config_setting_get_elem(s,
				    (unsigned)i), group)))
			return r;
	return 0;
}

static int read_group(struct reading *rd, const config_setting_t *s,
		      size_t group)
{
	struct conf_node *n = rd->c->nodes[group].first;

	if (rd->c->groups[group]->shape != CONF_ONE)
		return read_members(rd, s, group);
	n->where = where_of(rd, s);
	return n->where ? read_keys(rd, s, n) : conf_no_memory(rd->err);
}

/* A setting of the top level: a group, or a key of the group "". */
static int read_top(struct reading *rd, const config_setting_t *s)
{
	static const struct conf_key no_keys[] = { { .name = NULL } };
	static const struct conf_group nothing = { "", CONF_ONE, no_keys, "" };
	const struct conf_group *const *g = rd->c->groups;
	const char *name = config_setting_name(s);
	struct conf_node *top = NULL;

	for (size_t i = 0; g[i]; i++) {
		if (!strcmp(g[i]->name, name))
			return read_group(rd, s, i);
		if (!*g[i]->name)
			top = rd->c->nodes[i].first;
	}
	return top ? read_key(rd, s, top) : unknown(rd, s, &nothing);
}

int conf_read_part(struct conf *c, const char *part, struct conf_err *err)
{
	struct reading rd = { .c = c, .err = err, .part = part };
	struct conf_place at;
	config_setting_t *root;
	config_t lib;
	int r = 0;

	config_init(&lib);
	if (config_read_string(&lib, part) != CONFIG_TRUE) {
		at = conf_text_place(part, (unsigned)config_error_line(&lib));
		r = conf_text_fail(err, at.file, at.line, "%s",
				   config_error_text(&lib));
		goto out;
	}
	root = config_root_setting(&lib);
	for (int i = 0; !r && i < config_setting_length(root); i++)
		r = read_top(&rd, config_setting_get_elem(root, (unsigned)i));
out:
	config_destroy(&lib);
	return r;
}
