/* conf_tree.h - the inside of a conf: what conf.c keeps and conf_read.c fills.
 * For these two only. */
#ifndef CALLSEAL_CONF_TREE_H
#define CALLSEAL_CONF_TREE_H

#include "daemon/base/buf.h"
#include "daemon/base/conf.h"

struct conf_value {
	bool set;
	long long number;
	size_t n;
	const char **texts;
};

struct conf_node {
	struct conf_node *next;
	const struct conf_group *group;
	const char *name, *where;
	struct conf_value *values; /* one a key, in the table's order */
};

/* The nodes of one group in order. */
struct conf_nodes {
	struct conf_node *first, **end;
	size_t n;
	const struct conf_node **at;
};

struct conf {
	struct conf_block *blocks;
	struct buf text;
	const struct conf_group *const *groups;
	struct conf_nodes *nodes; /* one a group, in the order of groups */
};

/* Zeroed room that lives as long as c; NULL: no memory. */
void *conf_keep(struct conf *c, size_t n, size_t size);
const char *conf_keep_text(struct conf *c, const char *s, size_t len);
/* A new last node of the group; name and where are borrowed. */
struct conf_node *conf_add_node(struct conf *c, size_t group, const char *name,
				const char *where);
/* Empties v and makes room for n texts. */
int conf_room(struct conf *c, struct conf_value *v, size_t n);
/* Copies one more text into it. */
int conf_put(struct conf *c, struct conf_value *v, const char *text,
	     size_t len);
/* Parses one part (terminated) and reads it through the tables. */
int conf_read_part(struct conf *c, const char *part, struct conf_err *err);
int conf_no_memory(struct conf_err *err);

#endif
