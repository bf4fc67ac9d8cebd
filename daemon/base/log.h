/* log.h - one line per event, sorted by whose fault it is.
 *
 * A line reads "<priority>process/module: call ID: text"; the call is left out
 * when it is 0, the "<N>" unless journald reads it (JOURNAL_STREAM). Never
 * give a secret to a log function: name its key id. Any thread. */
#ifndef CALLSEAL_LOG_H
#define CALLSEAL_LOG_H

#include <stdint.h>

enum log_class {
	LOG_CLASS_BUG,     /* our own fault: please report */
	LOG_CLASS_ERROR,   /* something local failed; say the cure */
	LOG_CLASS_REMOTE,  /* a peer broke a protocol; rate-limited */
	LOG_CLASS_REFUSED, /* policy or authentication said no; rate-limited */
	LOG_CLASS_INFO,
	LOG_CLASS_DEBUG
};

/* Names the process in every line; level is the most talkative class that is
 * written (LOG_CLASS_INFO by default). */
void log_open(const char *process, enum log_class level);
void log_level(enum log_class level);
/* Tests: every line goes to sink (without priority) instead of stderr;
 * NULL restores stderr. */
typedef void (*log_sink_fn)(enum log_class c, const char *line);
void log_to(log_sink_fn sink);

/* call is the call's id or 0. REMOTE and REFUSED lines are limited to a burst
 * of 20, then 10 a second per process; the number left out is told. */
void log_line(enum log_class c, const char *module, uint64_t call,
	      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define log_bug(module, ...) log_line(LOG_CLASS_BUG, module, 0, __VA_ARGS__)
#define log_error(module, ...) log_line(LOG_CLASS_ERROR, module, 0, __VA_ARGS__)
#define log_info(module, ...) log_line(LOG_CLASS_INFO, module, 0, __VA_ARGS__)
#define log_debug(module, ...) log_line(LOG_CLASS_DEBUG, module, 0, __VA_ARGS__)

#endif
