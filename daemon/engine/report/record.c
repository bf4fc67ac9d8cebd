/* record.c - what is left of a call when it is over: one JSON line appended to
 * the call record (the file "record", if the parent gave one), and its place
 * among the last ended ones, which the CLI shows with their reasons. Refused
 * attempts are kept in the ring, not in the record's file. */
#include "daemon/engine/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two rings in one array: ended calls first, then refused ones. */
static void keep(struct engine *e, json_t *o, json_t *origin, bool refused)
{
	size_t at = refused ? ENDED_KEPT + e->n_refused++ % REFUSED_KEPT
			    : e->n_ended++ % ENDED_KEPT;

	json_decref(e->remembered[at].call);
	json_decref(e->remembered[at].origin);
	e->remembered[at].call = o;
	e->remembered[at].origin = origin;
	e->remembered[at].order = e->n_ended + e->n_refused;
}

/* The whole line in one write, so that lines of a restart cannot mix. */
static void append(struct engine *e, json_t *o)
{
	int fd = child_file(e->child, "record");
	char *text;
	size_t len;

	if (fd < 0)
		return;
	text = json_dumps(o, JSON_COMPACT);
	if (!text)
		return;
	len = strlen(text);
	text[len] = '\n';
	if (write(fd, text, len + 1) != (ssize_t)len + 1)
		log_error("engine", "call record not written: %s; is the "
			  "disk full?", strerror(errno));
	free(text);
}

/* Why a call did not come about, when it was not our own doing. */
static void put_trouble(json_t *o, int status, const char *cause)
{
	if (!json_object_get(o, "trouble"))
		json_object_set_new(o, "trouble",
			json_sprintf("ended with %d%s%s", status,
				     *cause ? ": " : "", cause));
}

static void put_end(json_t *o, uint64_t now, int status, const char *cause)
{
	json_object_set_new(o, "ended", json_real((double)(now / 1000) / 1e3));
	json_object_set_new(o, "status", json_integer(status));
	json_object_set_new(o, "cause", json_string(cause));
}

void record_call(struct call *c, int status, const char *cause)
{
	struct engine *e = c->engine;
	json_t *o = status_call(c, false);

	if (!o)
		return;
	json_object_set_new(o, "state", json_string("ended"));
	if (c->state != CALL_UP && status >= 300)
		put_trouble(o, status, cause);
	put_end(o, clock_wall_us(e->clock), status, cause);
	append(e, o);
	keep(e, o, trace_origin(c), false);
}

void record_refused(struct engine *e, const struct call_start *s,
		    const struct refusal *no, struct call *c)
{
	uint64_t now = clock_wall_us(e->clock);
	json_t *o;

	if (c)
		call_name(c);
	o = json_pack("{s:o*,s:s,s:s,s:s,s:s,s:f}", "id",
		      c ? status_id(c->id) : NULL, "state", "refused",
		      "direction", s->from == INSIDE ? "out" : "in", "caller",
		      s->caller, "callee", s->callee, "since",
		      (double)(now / 1000) / 1e3);
	if (!o)
		return;
	if (c && *c->reason)
		json_object_set_new(o, "trouble", json_string(c->reason));
	put_end(o, now, no->status, no->phrase);
	keep(e, o, c ? trace_origin(c) : NULL, true);
}

static int newest_first(const void *a, const void *b)
{
	const struct remembered *x = a, *y = b;

	return (y->order > x->order) - (y->order < x->order);
}

json_t *engine_ended(const struct engine *e)
{
	struct remembered sorted[ENDED_KEPT + REFUSED_KEPT];
	json_t *list = json_array();

	memcpy(sorted, e->remembered, sizeof sorted);
	qsort(sorted, sizeof sorted / sizeof *sorted, sizeof *sorted,
	      newest_first);
	for (size_t i = 0; list && i < sizeof sorted / sizeof *sorted; i++)
		if (sorted[i].call)
			json_array_append(list, sorted[i].call);
	return list;
}

const struct remembered *record_find(const struct engine *e, uint64_t id)
{
	const struct remembered *r = e->remembered;
	const char *text;

	for (size_t i = 0; i < ENDED_KEPT + REFUSED_KEPT; i++) {
		text = json_string_value(json_object_get(r[i].call, "id"));
		if (text && strtoull(text, NULL, 16) == id)
			return &r[i];
	}
	return NULL;
}

void record_free(struct engine *e)
{
	for (size_t i = 0; i < ENDED_KEPT + REFUSED_KEPT; i++) {
		json_decref(e->remembered[i].call);
		json_decref(e->remembered[i].origin);
		e->remembered[i].call = e->remembered[i].origin = NULL;
	}
}
