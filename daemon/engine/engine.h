/* engine.h - the engine process: its services for modules/sip and
 * modules/control. core_process() of the engine's core is a struct engine.
 * Engine thread only. */
#ifndef CALLSEAL_ENGINE_H
#define CALLSEAL_ENGINE_H

#include "daemon/child.h"
#include "daemon/engine/call.h"
#include "daemon/engine/guard/guard.h"
#include "daemon/engine/loop.h"

#include <jansson.h>

struct engine;

struct loop *engine_loop(struct engine *e);
struct child *engine_child(struct engine *e);
const struct settings *engine_settings(const struct engine *e);

/* The first look at a message that came in. */
enum guard_fate engine_message(struct engine *e,
			       const struct guard_message *m);
/* Whether what it says of itself counts (struct guard). */
bool engine_trusts(const struct engine *e, enum face from,
		   const struct addr *source);

/* For control: a JSON object of the whole engine (calls, counters, the other
 * processes), or of one call; the caller owns the reference. NULL for an
 * unknown call or no memory. */
json_t *engine_status(const struct engine *e);
json_t *engine_calls(const struct engine *e); /* an array */
json_t *engine_call(const struct engine *e, uint64_t id);
/* Asks the relay for the packet counters of a call's streams; engine_call()
 * shows them afterwards. fn is called once, later, with 0, or E_TIMEOUT or
 * E_CLOSED if the counters are not the newest, or E_NOTFOUND if the call ended
 * meanwhile; token tells requests apart. E_NOTFOUND, E_CLOSED, E_NOMEM: fn is
 * not called. user must live until then or engine_forget(). */
typedef void (*measure_fn)(void *user, uint64_t token, int err);
int engine_measure(struct engine *e, uint64_t id, measure_fn fn, void *user,
		   uint64_t token);
/* New keys for a call that is up and sealed, as soon as can be. fn is called
 * once, later: 0, or why not, in words, too (E_CLOSED: the call ended).
 * E_NOTFOUND, E_STATE (not up), E_UNSUPPORTED (not sealed), E_NOMEM: fn is not
 * called. user as for engine_measure(). */
typedef void (*rekey_fn)(void *user, uint64_t token, int err, const char *why);
int engine_rekey(struct engine *e, uint64_t id, rekey_fn fn, void *user,
		 uint64_t token);
/* What the keeper has for the operator's eyes. fn is called once, later: 0 and
 * an object (borrowed), or E_TIMEOUT, E_CLOSED, E_SPACE, E_NOMEM and NULL.
 * E_FULL, E_CLOSED, E_NOMEM: fn is not called. user as for engine_measure(). */
typedef void (*glance_fn)(void *user, uint64_t token, int err, json_t *what);
int engine_glance(struct engine *e, enum show what, glance_fn fn, void *user,
		  uint64_t token);
/* The tunnels, and what else of ESP is in the kernel. As engine_glance();
 * E_CLOSED: there is no tunnel process. */
int engine_tunnels(struct engine *e, glance_fn fn, void *user, uint64_t token);
/* The digest of one of our accounts, which the keeper makes from its password.
 * fn is called once, later: 0 and the answer (borrowed), or why not (E_POLICY:
 * the account is not for that realm; E_UNSUPPORTED) and NULL. E_FULL,
 * E_CLOSED, E_NOMEM: fn is not called. After engine_answer_forget() no fn with
 * this user is called. */
typedef void (*answer_fn)(void *user, int err,
			  const struct msg_account_answered *a);
int engine_answer(struct engine *e, const struct msg_account_answer *m,
		  answer_fn fn, void *user);
void engine_answer_forget(struct engine *e, const void *user);
/* No fn with this user is called any more. */
void engine_forget(struct engine *e, void *user);
/* The last ended and refused calls, newest first. */
json_t *engine_ended(const struct engine *e);
/* What is known of where a call came from, which may have ended; the operator
 * asked, which goes into the log. NULL: unknown, or no memory. */
json_t *engine_trace(const struct engine *e, uint64_t id);
/* Asks the signalling module to end the call. E_NOTFOUND. */
int engine_hangup(struct engine *e, uint64_t id);

/* A call from inside to this Request-URI is an emergency call, which nobody is
 * asked for a password before. */
bool engine_is_emergency(const struct engine *e, const char *callee);

/* Asks the keeper whether a phone answered a challenge of ours rightly. fn is
 * called once, later: 0 and the proof for Authentication-Info (borrowed), or
 * the err of struct msg_digest_checked, E_TIMEOUT or E_CLOSED and NULL. E_FULL,
 * E_CLOSED, E_NOMEM: fn is not called. user must live until then, or
 * engine_login_forget(). */
typedef void (*login_fn)(void *user, int err, const char *rspauth);
int engine_login(struct engine *e, const char *method,
		 const struct digest_credentials *c, login_fn fn, void *user);
/* No fn with this user is called any more. */
void engine_login_forget(struct engine *e, void *user);

/* Where a REGISTER of this account ("user@host") that came from source goes:
 * *hop is a SIP URI, or "" (its Request-URI); borrowed until the loop goes on.
 * E_UNSUPPORTED: registration is off; E_POLICY: source is not inside;
 * E_CLOSED: every next hop is known to be down. */
int engine_registrar(struct engine *e, const char *account,
		     const struct addr *source, const char **hop);
/* The peers and what is known of their next hops, an array. */
json_t *engine_peers(const struct engine *e);
/* Our accounts at peers and their registrations, an array. */
json_t *engine_accounts(const struct engine *e);
/* The registered phones, an array. */
json_t *engine_registrations(const struct engine *e);

#endif
