/* trace.c - where a call came from: who sent its INVITE, over what, and the
 * headers as they were, for the operator who follows up on a malicious call.
 * Kept with the call, and with the last ended ones. That somebody looked is in
 * the log, in a line that says the essential and outlives the engine. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <inttypes.h>
#include <string.h>

/* What is no UTF-8 cannot stand in JSON. */
static json_t *headers_of(const struct call *c)
{
	json_t *list = json_array(), *line;
	const char *text = c->head ? c->head : "";
	size_t len;

	for (; list && *text; text += len) {
		len = strcspn(text, "\n");
		line = json_stringn(text, len);
		json_array_append_new(list, line ? line :
				      json_string("(a line that is no text)"));
		len += text[len] == '\n';
	}
	return list;
}

json_t *trace_origin(const struct call *c)
{
	char where[ADDR_TEXT];

	return json_pack("{s:s,s:s*,s:b,s:o*}", "source",
			 addr_text(&c->source, where), "transport",
			 c->transport, "verified_tls",
			 c->from == OUTSIDE && c->secured, "headers",
			 headers_of(c));
}

json_t *engine_trace(const struct engine *e, uint64_t id)
{
	const struct call *c = call_find(e, id);
	const struct remembered *r = c ? NULL : record_find(e, id);
	json_t *o = c ? status_call(c, true) : r ? json_copy(r->call) : NULL;
	json_t *origin = c ? trace_origin(c) : r ? json_incref(r->origin)
						 : NULL;
	const char *by = json_string_value(json_object_get(origin,
							   "transport"));

	if (o && origin) {
		json_object_set(o, "origin", origin);
		log_line(LOG_CLASS_INFO, "engine", id, "audit: traced by the "
			 "operator: %s -> %s, from %s by %s",
			 json_string_value(json_object_get(o, "caller")),
			 json_string_value(json_object_get(o, "callee")),
			 json_string_value(json_object_get(origin, "source")),
			 by ? by : "?");
	}
	json_decref(origin);
	return o;
}
