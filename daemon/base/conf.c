/* conf.c - the configuration: libconfig text, read through key tables into an
 * immutable tree. See conf.h.
 *
 * Steps: the text with its includes is put together (conf_text.c); each part
 * of it (a file of conf.d) is parsed by libconfig and walked through the
 * tables into nodes; then defaults fill what was not said. Of a key that two
 * parts set the later one counts; members of lists and named groups add up.
 * Everything hangs on one arena and dies with it. */
#include "daemon/base/conf_text.h"
#include "daemon/base/conf_tree.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct conf_block {
	struct conf_block *next;
	uint64_t data[];
};

void *conf_keep(struct conf *c, size_t n, size_t size)
{
	struct conf_block *b = calloc(1, sizeof *b + n * size);

	if (!b)
		return NULL;
	b->next = c->blocks;
	c->blocks = b;
	return b->data;
}

const char *conf_keep_text(struct conf *c, const char *s, size_t len)
{
	char *copy = conf_keep(c, len + 1, 1);

	if (copy)
		memcpy(copy, s, len);
	return copy;
}

void conf_free(struct conf *c)
{
	struct conf_block *next;

	if (!c)
		return;
	for (struct conf_block *b = c->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	buf_free(&c->text);
	free(c);
}

int conf_no_memory(struct conf_err *err)
{
	snprintf(err->text, sizeof err->text, "out of memory");
	return E_NOMEM;
}

static size_t keys_of(const struct conf_group *g)
{
	size_t n = 0;

	while (g->keys[n].name)
		n++;
	return n;
}

struct conf_node *conf_add_node(struct conf *c, size_t group,
				  const char *name, const char *where)
{
	const struct conf_group *g = c->groups[group];
	struct conf_node *n = conf_keep(c, 1, sizeof *n);
	struct conf_nodes *list = &c->nodes[group];

	if (!n)
		return NULL;
	n->group = g;
	n->name = name;
	n->where = where;
	n->values = conf_keep(c, keys_of(g) + 1, sizeof *n->values);
	if (!n->values)
		return NULL;
	*list->end = n;
	list->end = &n->next;
	list->n++;
	return n;
}

int conf_put(struct conf *c, struct conf_value *v, const char *text,
		    size_t len)
{
	const char *copy = conf_keep_text(c, text, len);

	if (!copy)
		return E_NOMEM;
	v->texts[v->n++] = copy;
	return 0;
}

int conf_room(struct conf *c, struct conf_value *v, size_t n)
{
	v->n = 0;
	v->texts = conf_keep(c, n ? n : 1, sizeof *v->texts);
	return v->texts ? 0 : E_NOMEM;
}

static int read_parts(struct conf *c, struct conf_err *err)
{
	const char *text = buf_string(&c->text), *next;
	char *part;
	int r = 0;

	while (!r && *text) {
		next = strstr(text + 1, "\n" CONF_PART_MARK);
		next = next ? next + 1 : text + strlen(text);
		part = strndup(text, (size_t)(next - text));
		if (!part)
			return conf_no_memory(err);
		r = conf_read_part(c, part, err);
		free(part);
		text = next;
	}
	return r;
}

static int default_texts(struct conf *c, const struct conf_key *k,
			 struct conf_value *v)
{
	const char *p = k->dflt ? k->dflt : "";
	size_t n = 1, len;
	int r;

	for (const char *q = p; *q; q++)
		n += *q == ',';
	if ((r = conf_room(c, v, n)))
		return r;
	while (*p) {
		len = strcspn(p, ",");
		if ((r = conf_put(c, v, p, len)))
			return r;
		p += len + (p[len] == ',');
		p += strspn(p, " ");
	}
	return 0;
}

static int default_value(struct conf *c, const struct conf_key *k,
			 struct conf_value *v)
{
	const char *text = k->dflt ? k->dflt : "";
	int r;

	switch (k->type) {
	case CONF_INT:
		v->number = k->dflt ? strtoll(text, NULL, 10) : k->min;
		return 0;
	case CONF_BOOL:
		v->number = !strcmp(text, "true");
		return 0;
	case CONF_WORD:
	case CONF_TEXT:
		r = conf_room(c, v, 1);
		return r ? r : conf_put(c, v, text, strlen(text));
	default:
		return default_texts(c, k, v);
	}
}

static int fill_node(struct conf *c, const struct conf_node *n,
		     struct conf_err *err)
{
	const struct conf_key *k = n->group->keys;

	for (size_t i = 0; k[i].name; i++) {
		if (n->values[i].set)
			continue;
		if (k[i].required) {
			snprintf(err->text, sizeof err->text,
				 "%.200s: %s%s%s: must be set: %.150s",
				 n->where, n->group->name,
				 *n->group->name ? "." : "", k[i].name,
				 k[i].help);
			return E_CONF;
		}
		if (default_value(c, &k[i], &n->values[i]))
			return conf_no_memory(err);
	}
	return 0;
}

/* Defaults, and the index by number. */
static int fill(struct conf *c, struct conf_err *err)
{
	struct conf_nodes *list;
	size_t at;
	int r;

	for (size_t i = 0; c->groups[i]; i++) {
		list = &c->nodes[i];
		list->at = conf_keep(c, list->n + 1, sizeof(void *));
		if (!list->at)
			return conf_no_memory(err);
		at = 0;
		for (struct conf_node *n = list->first; n; n = n->next) {
			list->at[at++] = n;
			if ((r = fill_node(c, n, err)))
				return r;
		}
	}
	return 0;
}

static int prepare(struct conf *c)
{
	size_t n = 0;

	while (c->groups[n])
		n++;
	c->nodes = conf_keep(c, n + 1, sizeof *c->nodes);
	if (!c->nodes)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		c->nodes[i].end = &c->nodes[i].first;
		if (c->groups[i]->shape == CONF_ONE &&
		    !conf_add_node(c, i, "", "default"))
			return E_NOMEM;
	}
	return 0;
}

/* Takes the text over, also when it fails. */
static int parse(struct buf *text, const struct conf_group *const *groups,
		 struct conf **out, struct conf_err *err)
{
	struct conf *c = calloc(1, sizeof *c);
	int r;

	if (!c) {
		buf_free(text);
		return conf_no_memory(err);
	}
	c->text = *text;
	c->groups = groups;
	r = prepare(c) ? conf_no_memory(err) : read_parts(c, err);
	if (!r)
		r = fill(c, err);
	if (r)
		conf_free(c);
	else
		*out = c;
	return r;
}

int conf_parse(const char *text, const char *name, const char *dir,
	       const struct conf_group *const *groups, struct conf **out,
	       struct conf_err *err)
{
	struct buf whole = buf_of(CONF_TEXT_MAX);
	int r = 0;

	if (!strncmp(text, CONF_PART_MARK, sizeof CONF_PART_MARK - 1))
		buf_text(&whole, text);
	else
		r = conf_text_add(&whole, text, name, dir, err);
	if (!r && whole.err)
		r = conf_no_memory(err);
	if (r)
		buf_free(&whole);
	return r ? r : parse(&whole, groups, out, err);
}

int conf_load(const char *path, const struct conf_group *const *groups,
	      struct conf **out, struct conf_err *err)
{
	struct buf whole = buf_of(CONF_TEXT_MAX);
	int r = conf_text_files(&whole, path, err);

	if (r)
		buf_free(&whole);
	return r ? r : parse(&whole, groups, out, err);
}

const char *conf_text_of(const struct conf *c)
{
	return (const char *)c->text.data;
}

/* -- asking --------------------------------------------------------------- */

static const struct conf_nodes *nodes_of(const struct conf *c,
					 const char *group)
{
	for (size_t i = 0; c->groups[i]; i++)
		if (!strcmp(c->groups[i]->name, group))
			return &c->nodes[i];
	log_bug("conf", "no group \"%s\" in the tables", group);
	abort();
}

static const struct conf_value *value_of(const struct conf_node *n,
					 const char *key, unsigned types)
{
	const struct conf_key *k = n->group->keys;

	for (size_t i = 0; k[i].name; i++)
		if (!strcmp(k[i].name, key) && types & 1u << k[i].type)
			return &n->values[i];
	log_bug("conf", "no such key \"%s.%s\" in the tables",
		n->group->name, key);
	abort();
}

const struct conf_node *conf_one(const struct conf *c, const char *group)
{
	return nodes_of(c, group)->first;
}

const struct conf_node *conf_named(const struct conf *c, const char *group,
				   const char *name)
{
	const struct conf_node *n = nodes_of(c, group)->first;

	while (n && strcmp(n->name, name))
		n = n->next;
	return n;
}

size_t conf_count(const struct conf *c, const char *group)
{
	return nodes_of(c, group)->n;
}

const struct conf_node *conf_at(const struct conf *c, const char *group,
				size_t i)
{
	const struct conf_nodes *list = nodes_of(c, group);

	return i < list->n ? list->at[i] : NULL;
}

const char *conf_node_name(const struct conf_node *n)
{
	return n->name;
}

const char *conf_node_where(const struct conf_node *n)
{
	return n->where;
}

bool conf_is_file(const char *value)
{
	return !strncmp(value, "file:", 5) && value[5];
}

int conf_fail(struct conf_err *err, const struct conf_node *n, const char *fmt,
	      ...)
{
	va_list ap;
	size_t at;

	snprintf(err->text, sizeof err->text, "%.400s: ", n->where);
	at = strlen(err->text);
	va_start(ap, fmt);
	vsnprintf(err->text + at, sizeof err->text - at, fmt, ap);
	va_end(ap);
	return E_CONF;
}

long long conf_int(const struct conf_node *n, const char *key)
{
	return value_of(n, key, 1u << CONF_INT)->number;
}

bool conf_bool(const struct conf_node *n, const char *key)
{
	return value_of(n, key, 1u << CONF_BOOL)->number;
}

const char *conf_text(const struct conf_node *n, const char *key)
{
	return value_of(n, key, 1u << CONF_TEXT | 1u << CONF_WORD)->texts[0];
}

#define LISTS (1u << CONF_TEXTS | 1u << CONF_WORDS)

size_t conf_texts(const struct conf_node *n, const char *key)
{
	return value_of(n, key, LISTS)->n;
}

const char *conf_text_at(const struct conf_node *n, const char *key, size_t i)
{
	const struct conf_value *v = value_of(n, key, LISTS);

	return i < v->n ? v->texts[i] : NULL;
}

/* -- comparing ------------------------------------------------------------ */

static bool same_value(const struct conf_value *a, const struct conf_value *b)
{
	if (a->number != b->number || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->texts[i], b->texts[i]))
			return false;
	return true;
}

/* Groups with members are read anew by their users and need no restart. */
const char *conf_needs_restart(const struct conf *old, const struct conf *now,
			       char out[static 128])
{
	const struct conf_node *a, *b;
	const struct conf_key *k;

	for (size_t i = 0; now->groups[i]; i++) {
		if (now->groups[i]->shape != CONF_ONE)
			continue;
		a = old->nodes[i].first;
		b = now->nodes[i].first;
		k = now->groups[i]->keys;
		for (size_t j = 0; k[j].name; j++) {
			if (k[j].reload != RELOAD_RESTART ||
			    same_value(&a->values[j], &b->values[j]))
				continue;
			snprintf(out, 128, "%s%s%s", now->groups[i]->name,
				 *now->groups[i]->name ? "." : "", k[j].name);
			return out;
		}
	}
	return NULL;
}
