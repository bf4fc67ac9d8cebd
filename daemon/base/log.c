/* log.c - one line per event to stderr. See log.h. */
#include "daemon/base/log.h"

#include "daemon/base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define BURST 20
#define PER_SECOND 10

static const struct {
	const char *word;
	int priority; /* of syslog(3) */
	bool limited;
} classes[] = {
	[LOG_CLASS_BUG] = { "bug", 2, false },
	[LOG_CLASS_ERROR] = { "error", 3, false },
	[LOG_CLASS_REMOTE] = { "remote", 5, true },
	[LOG_CLASS_REFUSED] = { "refused", 4, true },
	[LOG_CLASS_INFO] = { "info", 6, false },
	[LOG_CLASS_DEBUG] = { "debug", 7, false },
};

/* Process-wide by nature: stderr is. */
static char process[16] = "callseal";
static _Atomic enum log_class level = LOG_CLASS_INFO;
static log_sink_fn sink;
static bool journal; /* stderr is journald's, which reads the priority */
static atomic_long credit = BURST;
static atomic_long refilled_s;
static atomic_ulong left_out;

void log_open(const char *name, enum log_class most)
{
	snprintf(process, sizeof process, "%s", name);
	level = most;
	journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_level(enum log_class most)
{
	level = most;
}

void log_to(log_sink_fn to)
{
	sink = to;
}

/* A token bucket refilled once a second; exact fairness is not needed. */
static bool allowed(void)
{
	long now = (long)(clock_mono_us(&clock_system) / 1000000);
	long then = atomic_exchange(&refilled_s, now);
	long more = (now - then) * PER_SECOND;

	if (more > 0) {
		long sum = atomic_load(&credit) + more;
		atomic_store(&credit, sum > BURST ? BURST : sum);
	}
	if (atomic_fetch_sub(&credit, 1) > 0)
		return true;
	atomic_fetch_add(&credit, 1);
	atomic_fetch_add(&left_out, 1);
	return false;
}

/* Remote text may hold anything; a line stays one printable line. */
static void clean(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static void write_line(enum log_class c, const char *line)
{
	char out[LINE_MAX_BYTES + 16];
	int n;

	if (sink) {
		sink(c, line);
		return;
	}
	if (journal)
		n = snprintf(out, sizeof out, "<%d>%s\n", classes[c].priority,
			     line);
	else
		n = snprintf(out, sizeof out, "%s\n", line);
	if (write(STDERR_FILENO, out, (size_t)n) < 0)
		return; /* nobody is left to tell */
}

void log_line(enum log_class c, const char *module, uint64_t call,
	      const char *fmt, ...)
{
	char line[LINE_MAX_BYTES], id[32] = "", more[48] = "";
	unsigned long missed;
	va_list ap;
	int n;

	if (c > level || (classes[c].limited && !allowed()))
		return;
	if (classes[c].limited && (missed = atomic_exchange(&left_out, 0)))
		snprintf(more, sizeof more, "(%lu lines left out) ", missed);
	if (call)
		snprintf(id, sizeof id, "call %llx: ",
			 (unsigned long long)call);
	n = snprintf(line, sizeof line, "%s/%s: %s: %s%s", process, module,
		     classes[c].word, more, id);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
	va_end(ap);
	clean(line);
	write_line(c, line);
}
