/* engine.h - the engine process: its services for modules/sip and
 * modules/control. core_process() of the engine's core is a struct engine.
 * Engine thread only. */
#ifndef CALLSEAL_ENGINE_H
#define CALLSEAL_ENGINE_H

#include "daemon/child.h"
#include "daemon/engine/call.h"
#include "daemon/engine/loop.h"

#include <jansson.h>

struct engine;

struct loop *engine_loop(struct engine *e);
struct child *engine_child(struct engine *e);
const struct settings *engine_settings(const struct engine *e);

/* For control: a JSON object of the whole engine (calls, counters, the other
 * processes), or of one call; the caller owns the reference. NULL for an
 * unknown call or no memory. */
json_t *engine_status(const struct engine *e);
json_t *engine_calls(const struct engine *e); /* an array */
json_t *engine_call(const struct engine *e, uint64_t id);
/* Asks the signalling module to end the call. E_NOTFOUND. */
int engine_hangup(struct engine *e, uint64_t id);

#endif
