/* engine.c - the engine process: SIP legs (modules/sip), calls (call.c), and
 * the operator's socket (modules/control), on one loop.
 *
 * It holds no key. Keeper and relay are its siblings; what they say comes in
 * through handle(). Stopping is orderly: no new calls, every call is hung up,
 * and the loop ends when the last one is gone or after STOP_MS. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"
#include "daemon/engine/way/discover.h"

#include <stdlib.h>
#include <string.h>

#define STOP_MS 3000

struct loop *engine_loop(struct engine *e)
{
	return e->loop;
}

struct child *engine_child(struct engine *e)
{
	return e->child;
}

const struct settings *engine_settings(const struct engine *e)
{
	return child_settings(e->child);
}

/* -- deadlines ------------------------------------------------------------ */

static void tick_in(struct engine *e, unsigned ms)
{
	if (e->ticking_ms && e->ticking_ms <= ms)
		return;
	e->ticking_ms = ms;
	loop_timer_set(e->tick, ms);
}

void engine_tick_soon(struct engine *e)
{
	e->measuring = true;
	tick_in(e, TICK_MS);
}

void engine_glance_soon(struct engine *e)
{
	tick_in(e, TICK_MS);
}

void engine_rekey_in(struct engine *e, unsigned ms)
{
	e->rekeying = ms > 0;
	if (ms)
		tick_in(e, ms);
}

void engine_tick(struct engine *e)
{
	unsigned ms;
	bool asked;

	e->ticking_ms = 0;
	filter_tick(e);
	ms = e->measuring ? media_tick(e) : 0;
	e->measuring = ms > 0;
	if (e->rekeying)
		engine_rekey_in(e, rekey_tick(e));
	asked = glance_tick(e, 0);
	asked |= login_tick(e, false);
	asked |= account_tick(e, false);
	asked |= bodyclient_tick(e, false);
	if (asked || e->waiting)
		tick_in(e, TICK_MS);
	else if (ms)
		tick_in(e, ms);
}

static void on_tick(void *user)
{
	engine_tick(user);
}

void engine_wait(struct engine *e, struct job *j, unsigned ms)
{
	engine_wait_end(e, j);
	j->deadline_us = clock_mono_us(e->clock) + ms * 1000ull;
	j->tick_next = e->waiting;
	if (e->waiting)
		e->waiting->tick_prev = j;
	e->waiting = j;
	tick_in(e, TICK_MS);
}

void engine_wait_end(struct engine *e, struct job *j)
{
	if (j->tick_prev)
		j->tick_prev->tick_next = j->tick_next;
	else if (e->waiting == j)
		e->waiting = j->tick_next;
	if (j->tick_next)
		j->tick_next->tick_prev = j->tick_prev;
	j->tick_next = j->tick_prev = NULL;
}

/* -- life ----------------------------------------------------------------- */

static void fini(void *state)
{
	struct engine *e = state;

	if (!e)
		return;
	glance_tick(e, ~0u);
	login_tick(e, true);
	account_tick(e, true);
	bodyclient_free(e);
	discover_free(e);
	record_free(e);
	guard_free(e->guard);
	loop_timer_free(e->tick);
	loop_timer_free(e->stopping);
	loop_free(e->loop);
	free(e);
}

static void on_stop_late(void *user)
{
	struct engine *e = user;

	log_error("engine", "%zu calls did not end in time", e->n_calls);
	loop_stop(e->loop);
}

static int draw_seed(uint64_t *seed)
{
	struct secret random;
	int r = secret_random(&random, sizeof *seed);

	if (r)
		return r;
	memcpy(seed, random.bytes, sizeof *seed);
	wipe(&random, sizeof random);
	return 0;
}

static int init(struct child *c, void **state)
{
	struct engine *e = calloc(1, sizeof *e);
	int r = E_NOMEM;

	if (!e)
		return r;
	e->child = c;
	e->clock = &clock_system;
	if ((r = draw_seed(&e->setup_seed))) {
		free(e);
		return r;
	}
	e->started_us = clock_wall_us(e->clock);
	if ((r = loop_new(&e->loop)) ||
	    (r = loop_timer_new(e->loop, on_tick, e, &e->tick)) ||
	    (r = loop_timer_new(e->loop, on_stop_late, e, &e->stopping))) {
		fini(e);
		return r;
	}
	*state = e;
	return 0;
}

static void warn_plain(const struct engine *e)
{
	const struct policy *p = child_policy(e->child);
	const struct peer *peer;

	if (!policy_count(p))
		log_error("engine", "no peers are configured: every call is "
			  "refused; add one to peers");
	for (size_t i = 0; i < policy_count(p); i++) {
		peer = policy_at(p, i);
		if (peer->profile->need != NEED_REQUIRE)
			log_info("engine", "calls with %s (%s) may go in "
				 "clear: profile %s says need = \"%s\"",
				 peer->name, peer->match, peer->profile->name,
				 profile_need(peer->profile->need));
	}
}

/* The descriptor stays the child's when the configuration drops the file. */
static int apply_guard(struct engine *e)
{
	const struct settings *s = engine_settings(e);
	int fd = *s->screening.file ? child_file(e->child, SCREENING_FILE) : -1;

	return guard_apply(e->guard, s, child_policy(e->child), fd);
}

/* Where a NAT is before us, calls that are up tell what it makes of us now. */
static bool take_seen(struct engine *e)
{
	const struct addr *now = engine_settings(e)->face[OUTSIDE].public;
	bool other = false;

	for (int i = 0; i < 2; i++) {
		other = other || !addr_equal(&e->seen[i], &now[i]);
		e->seen[i] = now[i];
	}
	return other;
}

static int prepare(void *state)
{
	struct engine *e = state;
	int r = guard_new(e->clock, &e->guard);

	if (r || (r = apply_guard(e)))
		return r;
	e->core = child_core(e->child);
	take_seen(e);
	warn_plain(e);
	return 0;
}

/* -- descriptors ---------------------------------------------------------- */

static void on_ipc(void *user, bool readable, bool writable)
{
	if (writable)
		ipc_write(user);
	if (readable)
		ipc_read(user);
}

static int watch(void *state, struct ipc *ipc, void **out)
{
	struct engine *e = state;
	struct loop_watch *w;
	int r = loop_watch(e->loop, ipc_fd(ipc), on_ipc, ipc, &w);

	if (!r)
		*out = w;
	return r;
}

static void watch_write(void *state, void *w, bool write)
{
	(void)state;
	loop_watch_write(w, write);
}

static void unwatch(void *state, void *w)
{
	(void)state;
	loop_unwatch(w);
}

/* -- siblings ------------------------------------------------------------- */

static int from_keeper(struct engine *e, struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_SHOWN:
		return glance_handle(e, msg);
	case MSG_DIGEST_CHECKED:
		return login_handle(e, msg);
	case MSG_ACCOUNT_ANSWERED:
		return account_handle(e, msg);
	case MSG_BODY_SEALED:
	case MSG_BODY_OPENED:
	case MSG_BODY_LEARNED:
		return bodyclient_handle(e, msg);
	default:
		return keyclient_handle(e, msg);
	}
}

static int handle(void *state, enum process from, struct ipc_msg *msg)
{
	switch (from) {
	case PROC_RELAY:
		return media_handle(state, msg);
	case PROC_KEEPER:
		return from_keeper(state, msg);
	case PROC_TUNNEL:
		return tunnelclient_handle(state, msg);
	default:
		return E_FORMAT;
	}
}

/* The old relay took its streams along, so a new one is a loss too. Without
 * a keeper an established call goes on; set-ups in its hands fail. */
static void sibling(void *state, enum process p, uint32_t epoch)
{
	struct engine *e = state;
	struct sibling *s;

	if (p >= PROC_COUNT || e->sibling[p].epoch == epoch)
		return;
	s = &e->sibling[p];
	if (s->epoch)
		log_error("engine", "the %s is gone", process_name(p));
	if (s->epoch && p == PROC_RELAY)
		media_lost(e);
	if (s->epoch && p == PROC_TUNNEL) {
		tunnelclient_lost(e);
		glance_tick(e, 1u << p);
	}
	if (s->epoch && p == PROC_KEEPER) {
		filter_lost(e, p);
		glance_tick(e, 1u << p);
		login_tick(e, true);
		bodyclient_tick(e, true);
		account_tick(e, true);
	}
	s->epoch = epoch;
	s->starts += epoch != 0;
	if (epoch && p == PROC_TUNNEL)
		discover_again(e);
}

static int reload(void *state)
{
	struct engine *e = state;

	warn_plain(e);
	if (take_seen(e)) {
		log_info("engine", "outside.public is another one: calls that "
			 "are up tell their far ends");
		rekey_moved(e);
	}
	return apply_guard(e);
}

/* -- stopping ------------------------------------------------------------- */

static void hang_up(struct call *c, void *user)
{
	(void)user;
	call_hang_up(c, 503, "gateway stops");
}

void engine_ended_one(struct engine *e)
{
	if (e->draining && !e->n_calls)
		loop_stop(e->loop);
}

static void stop(void *state)
{
	struct engine *e = state;

	e->draining = true;
	core_drain(e->core);
	loop_timer_set(e->stopping, STOP_MS);
	call_each(e, hang_up, NULL);
	engine_ended_one(e);
}

static void run(void *state)
{
	struct engine *e = state;

	loop_run(e->loop);
}

const struct child_ops engine_ops = {
	.self = PROC_ENGINE,
	.init = init,
	.prepare = prepare,
	.watch = watch,
	.watch_write = watch_write,
	.unwatch = unwatch,
	.handle = handle,
	.sibling = sibling,
	.reload = reload,
	.stop = stop,
	.run = run,
	.fini = fini,
};
