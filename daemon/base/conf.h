/* conf.h - the configuration: libconfig text read through key tables into an
 * immutable tree. What a table does not name is an error with file and line.
 *
 * The text is kept, so that a parent can hand it to its children. All
 * returned strings are borrowed from the conf and live as long as it. */
#ifndef CALLSEAL_CONF_H
#define CALLSEAL_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum conf_type {
	CONF_INT,   /* 64 bits, min..max, unit */
	CONF_BOOL,
	CONF_WORD,  /* one of choices; true and false may be among them */
	CONF_TEXT,  /* a string; "" when absent and dflt is NULL */
	CONF_WORDS, /* a list of choices, no repeats; dflt: comma-separated */
	CONF_TEXTS  /* a list of strings, or one without the list's brackets;
		       dflt: comma-separated */
};

enum conf_reload { RELOAD_LIVE, RELOAD_RESTART };

/* One key. The man page, the annotated default and the checks all come from
 * this table. */
struct conf_key {
	const char *name;
	enum conf_type type;
	const char *dflt; /* as text; NULL: absent allowed, "" or empty list */
	long long min, max;         /* CONF_INT */
	const char *unit;           /* CONF_INT: "s", "ms", "bytes"; or NULL */
	const char *const *choices; /* CONF_WORD(S), NULL-terminated */
	/* Further check of one text value; returns 0 or negative, *why says
	 * what is allowed (static text). May be NULL. */
	int (*valid)(const char *value, const char **why);
	bool required;
	enum conf_reload reload;
	const char *help; /* whole sentences, no newline */
};

enum conf_shape {
	CONF_ONE,   /* name = { key = value; } */
	CONF_NAMED, /* name = { anything = { key = value; }; } */
	CONF_LIST   /* name = ( { key = value; }, ... ) */
};

/* A group; the top level itself is the group named "" (shape CONF_ONE). */
struct conf_group {
	const char *name;
	enum conf_shape shape;
	const struct conf_key *keys; /* ends with .name = NULL */
	const char *help;
};

/* All files together, with includes: what fits one message to a child. */
#define CONF_TEXT_MAX (127 * 1024)

/* What is wrong, for one printable line "file:line: text". */
struct conf_err {
	char text[512];
};

struct conf;
struct conf_node; /* one { } of a group, with defaults filled in */

/* Reads text (name is the file's, for messages; @include is allowed relative
 * to its folder when dir is not NULL). groups is a NULL-terminated array of
 * pointers and must outlive the conf. On failure returns E_CONF or E_NOMEM
 * and fills err. The caller owns *out: conf_free(). */
int conf_parse(const char *text, const char *name, const char *dir,
	       const struct conf_group *const *groups, struct conf **out,
	       struct conf_err *err);
/* The same from a file, then conf.d/NAME.conf beside it in order of names:
 * members of lists and named groups add up, of a single key that two files set
 * the later one counts. */
int conf_load(const char *path, const struct conf_group *const *groups,
	      struct conf **out, struct conf_err *err);
void conf_free(struct conf *c);
/* The whole text with includes resolved and marks for files and lines, for
 * conf_parse() in a child (whose messages name the same places). */
const char *conf_text_of(const struct conf *c);

/* The first key, as "group.key", that differs and takes a restart to apply;
 * NULL when there is none. Both were made with the same tables. */
const char *conf_needs_restart(const struct conf *old, const struct conf *now,
			       char out[static 128]);

/* The node of a CONF_ONE group; never NULL for a group in the tables. */
const struct conf_node *conf_one(const struct conf *c, const char *group);
/* A member of a CONF_NAMED group by name; NULL when absent. */
const struct conf_node *conf_named(const struct conf *c, const char *group,
				   const char *name);
/* Members of a CONF_NAMED or CONF_LIST group in file order. */
size_t conf_count(const struct conf *c, const char *group);
const struct conf_node *conf_at(const struct conf *c, const char *group,
				size_t i);
/* The member's own name (CONF_NAMED), else "". */
const char *conf_node_name(const struct conf_node *n);
/* "file:line" where the node begins, for messages; "default" when absent. */
const char *conf_node_where(const struct conf_node *n);

/* For checks beyond the tables: writes "file:line: " and the text, which says
 * the key, what is wrong and what is allowed. Returns E_CONF. */
int conf_fail(struct conf_err *err, const struct conf_node *n, const char *fmt,
	      ...) __attribute__((format(printf, 3, 4)));

/* Values. A key that is not in the table of the node's group is a bug and
 * aborts. */
long long conf_int(const struct conf_node *n, const char *key);
bool conf_bool(const struct conf_node *n, const char *key);
const char *conf_text(const struct conf_node *n, const char *key);
size_t conf_texts(const struct conf_node *n, const char *key); /* count */
const char *conf_text_at(const struct conf_node *n, const char *key, size_t i);

/* Whether a value has the shape "file:PATH"; PATH is not looked at. */
bool conf_is_file(const char *value);

/* Writes the annotated default: every group and key with help, type, range
 * and default, commented out where there is no default. */
void conf_print_default(FILE *f, const struct conf_group *const *groups);

#endif
