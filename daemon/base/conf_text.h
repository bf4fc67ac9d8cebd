/* conf_text.h - the text of a configuration before it is parsed: several
 * files as one, with marks that keep their names and lines. For conf.c only.
 *
 * A mark is a comment line. "#:part N FILE" begins a text that is parsed by
 * itself (another file of conf.d); "#:line N FILE" says that the next line is
 * line N of FILE (around an @include). */
#ifndef CALLSEAL_CONF_TEXT_H
#define CALLSEAL_CONF_TEXT_H

#include "daemon/base/buf.h"
#include "daemon/base/conf.h"

#define CONF_PART_MARK "#:part "
#define CONF_LINE_MARK "#:line "

/* Appends one file's text as a part, its @include lines replaced by what they
 * name (relative to dir; an error when dir is NULL). */
int conf_text_add(struct buf *out, const char *text, const char *name,
		  const char *dir, struct conf_err *err);
/* The same for a file. */
int conf_text_file(struct buf *out, const char *path, struct conf_err *err);
/* The file, then conf.d/NAME.conf beside it in order of names. */
int conf_text_files(struct buf *out, const char *path, struct conf_err *err);
/* Where line n (from 1) of a part comes from. file is not terminated: it
 * ends at a line end or NUL. */
struct conf_place {
	const char *file;
	unsigned line;
};
struct conf_place conf_text_place(const char *part, unsigned n);
/* Writes "FILE:LINE: " and the formatted text; returns E_CONF. */
int conf_text_fail(struct conf_err *err, const char *file, unsigned line,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
