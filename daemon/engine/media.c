/* media.c - the engine as the relay's client: ports for a call's lines, their
 * addresses and key ids, counters and events.
 *
 * Requests are asynchronous; answers find their call by the request's id and
 * the job by its number (filter.c). The engine names keys by id only; the
 * keeper ships them to the relay itself, which checks their binding. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

#define RECHECK_US 20000000

static int relay_fail(struct job *j, enum stage stage, int r)
{
	return job_fail(j, stage, r,
			r == E_CLOSED ? "the relay is not there" : NULL);
}

/* The family of the other leg: the offer's own where we have both. */
static uint8_t family_for(const struct call *c, enum face f, uint8_t like)
{
	const struct addr *media = engine_settings(c->engine)->face[f].media;

	if (media[like == 6].family)
		return like;
	return like == 6 ? 4 : 6;
}

static bool has_media(const struct call *c, enum face f)
{
	const struct addr *media = engine_settings(c->engine)->face[f].media;

	return media[0].family || media[1].family;
}

/* Whether its media pass in a tunnel only, keyed by MIKEY or by charon. */
static bool in_tunnel(const struct call *c)
{
	return c->tunnelled || c->carried;
}

static enum stream_seal seal_of(const struct call *c)
{
	if (in_tunnel(c))
		return c->within ? STREAM_BOTH : STREAM_TUNNEL;
	if (c->sealing == SEALING_MAYBE)
		return STREAM_MAYBE;
	return call_sealed(c) ? STREAM_SEALED : STREAM_CLEAR;
}

static void fill_line(struct call *c, const struct job *j, unsigned i,
		      struct msg_stream_line *out)
{
	const struct sdp_media *m = &j->sdp.media[i];
	enum face from = j->q.from, to = from == INSIDE ? OUTSIDE : INSIDE;

	out->family[from] = m->addr.family;
	out->family[to] = family_for(c, to, m->addr.family);
	out->sealed = (uint8_t)seal_of(c);
	c->line[i].maybe = out->sealed == STREAM_MAYBE;
	out->clock_hz = m->clock_hz;
}

/* A phone does not know what its NAT makes of its address and port. The relay
 * learns the port from the first packets; it must come from this host. */
void media_nat(struct call *c, struct job *j)
{
	const struct settings *s = engine_settings(c->engine);
	struct sdp_media *m = j->sdp.media;

	if (j->q.from != INSIDE || call_direct(c))
		return;
	if (!j->own)
		c->nat = j->q.nat;
	for (unsigned i = 0; c->nat.family && i < j->sdp.n; i++, m++) {
		if (m->addr.family != c->nat.family || addr_is_any(&m->addr) ||
		    route_is_inside(s, &m->addr))
			continue;
		memcpy(m->addr.ip, c->nat.ip, sizeof m->addr.ip);
		if (m->rtcp.family)
			memcpy(m->rtcp.ip, c->nat.ip, sizeof m->rtcp.ip);
	}
}

int media_ports(struct call *c, struct job *j)
{
	enum face to = j->q.from == INSIDE ? OUTSIDE : INSIDE;
	struct msg_stream_add add = { .call = c->id,
				      .emergency = c->emergency };
	uint64_t id;
	int r;

	if (j->q.role != BODY_OFFER)
		return 0;
	for (unsigned i = 0; i < j->sdp.n; i++)
		if ((j->deal->usable >> i & 1) && !c->line[i].stream) {
			fill_line(c, j, i, &add.line[add.n++]);
			j->lines |= 1u << i;
		}
	if (!add.n)
		return 0;
	if (!has_media(c, to))
		return job_fail(j, STAGE_OFFER, E_POLICY,
				"no media address on the other face");
	id = job_request(c, j, 0);
	r = child_send(c->engine->child, PROC_RELAY, MSG_STREAM_ADD, id, &add,
		       sizeof add, NULL, 0);
	return r ? relay_fail(j, STAGE_PORTS, r) : E_AGAIN;
}

static void take_ports(struct call *c, const struct job *j,
		       const struct msg_stream_added *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SDP_LINES_MAX && n < m->n; i++) {
		if (!(j->lines >> i & 1))
			continue;
		c->line[i].stream = m->port[n].stream;
		c->line[i].ssrc = m->port[n].ssrc;
		c->line[i].local[INSIDE] = m->port[n].local[INSIDE];
		c->line[i].local[OUTSIDE] = m->port[n].local[OUTSIDE];
		call_line_add(c, &c->line[i]);
		n++;
	}
}

/* Every stream that was asked for, with a port on both faces. */
static bool ports_sound(const struct job *j, const struct msg_stream_added *m)
{
	if (m->n != (unsigned)__builtin_popcount(j->lines))
		return false;
	for (unsigned i = 0; i < m->n; i++)
		if (!m->port[i].stream || !m->port[i].local[0].port ||
		    !m->port[i].local[1].port)
			return false;
	return true;
}

/* Ports that came too late for their call would stay open. */
static void give_back(struct engine *e, const struct msg_stream_added *m)
{
	struct msg_stream_del del;

	for (unsigned i = 0; !m->err && i < m->n; i++) {
		del.stream = m->port[i].stream;
		child_send(e->child, PROC_RELAY, MSG_STREAM_DEL, 0, &del,
			   sizeof del, NULL, 0);
	}
}

static int handle_added(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_stream_added *m = msg->body;
	struct call *c;

	if (filter_reply(e, msg->id, STEP_PORTS, &c) < 0) {
		give_back(e, m);
		return 0;
	}
	if (!m->err && !ports_sound(c->job, m)) {
		filter_go_on(c, STAGE_PORTS, E_INTERNAL,
			     "the relay's message is malformed");
		return E_FORMAT;
	}
	if (!m->err)
		take_ports(c, c->job, m);
	filter_go_on(c, STAGE_PORTS, m->err, NULL);
	return 0;
}

/* -- addresses and keys --------------------------------------------------- */

static void set_remote(struct msg_stream_set *set, enum face f,
		       const struct endpoint *end, bool mux)
{
	set->set_remote[f] = 1;
	set->remote[f] = end->rtp;
	set->remote_rtcp[f] = end->rtcp;
	if (end->fax) /* no address: nothing comes, nothing goes */
		set->remote_rtcp[f] = (struct addr){
			.family = end->rtp.family };
	set->rtcp_mux[f] = mux;
}

static int send_set(struct call *c, uint64_t id,
		    const struct msg_stream_set *set)
{
	return child_send(c->engine->child, PROC_RELAY, MSG_STREAM_SET, id,
			  set, sizeof *set, NULL, 0);
}

/* An offer: where its sender receives, and keys to receive with. A new offer
 * in a running call changes no address before its answer. */
static bool offer_set(const struct call *c, const struct job *j, unsigned i,
		      struct msg_stream_set *set)
{
	const struct deal *d = j->deal;

	if (!deal_takes(d, i))
		return false;
	if (!c->deal)
		set_remote(set, d->offerer, &d->end[i], false);
	if (j->rekey && d->key[i].recv) { /* no stream's: the kernel's */
		set->set_keys = 1;
		set->key = d->key[i];
	}
	return set->set_keys || set->set_remote[d->offerer];
}

static void branch_ends(const struct deal *d, const struct branch *b,
			unsigned i, struct msg_stream_set *set)
{
	enum face other = d->offerer == INSIDE ? OUTSIDE : INSIDE;

	set_remote(set, d->offerer, &d->end[i], b->end[i].mux);
	set_remote(set, other, &b->end[i], b->end[i].mux);
}

static void branch_keys(const struct call *c, const struct branch *b,
			unsigned i, enum stream_send_when when,
			struct msg_stream_set *set)
{
	set->may_send = (uint8_t)when;
	/* one that the answer declined, and a later one takes, is undecided */
	set->clear = b->clear || (c->line[i].maybe && !call_sealed(c));
	if (b->key[i].send) { /* else they are the kernel's alone */
		set->set_keys = 1;
		set->key = b->key[i];
	}
}

/* An early answer's keys may receive. Only one branch's can: the first's, until
 * an SDP answer decides. */
static bool early_set(const struct job *j, unsigned i,
		      struct msg_stream_set *set)
{
	const struct deal *d = job_deal(j);

	if (!(d->usable >> i & 1) || d->branches)
		return false;
	set->set_keys = 1;
	set->key = j->branch->key[i];
	return true;
}

/* A line's tunnel of charon's that the far end begins is there from the answer
 * on, but takes nothing before the far end has raised it. */
static bool is_up(const struct call *c, unsigned i)
{
	return !c->ike_call || c->line[i].up;
}

/* Who answers in a running call waits until the far end has the new keys; where
 * they are those of tunnels, in set-up, too: media_open(). */
static enum stream_send_when send_when(const struct call *c,
				       const struct job *j, unsigned i)
{
	if (!is_up(c, i))
		return STREAM_SEND_NO;
	if (job_deal(j)->offerer == INSIDE)
		return STREAM_SEND_NOW;
	if (c->tunnelled && c->state != CALL_UP)
		return STREAM_SEND_NO;
	return c->state == CALL_UP && (c->within || !c->tunnelled)
		       ? STREAM_SEND_PROVEN : STREAM_SEND_NOW;
}

static bool job_set(const struct call *c, const struct job *j, unsigned i,
		    struct msg_stream_set *set)
{
	const struct deal *d = job_deal(j);

	if (j->early)
		return early_set(j, i, set);
	if (j->q.role == BODY_OFFER)
		return offer_set(c, j, i, set);
	if (!j->branch->end[i].accepted)
		return false;
	/* where only keys change, media stays where it has learnt to go */
	if (!j->own && !j->q.ours)
		branch_ends(d, j->branch, i, set);
	else if (d->moved)
		set_remote(set, OUTSIDE, &d->end[i], j->branch->end[i].mux);
	branch_keys(c, j->branch, i, send_when(c, j, i), set);
	return true;
}

/* Fail closed: no sealed stream may send without its keys. */
static bool may_set(const struct call *c, unsigned i,
		    const struct msg_stream_set *set)
{
	if (!set->may_send)
		return true;
	if (in_tunnel(c) && !c->line[call_slot(c, i)].tunnel)
		return false;
	if (!is_up(c, i))
		return false;
	return (c->tunnelled && !c->within) || !call_sealed(c) ||
	       set->set_keys || set->clear;
}

int media_bind(struct call *c, struct job *j)
{
	int r;

	if (j->q.role == BODY_ANSWER && !job_may_apply(c, j))
		return 0;
	for (unsigned i = 0; i < job_deal(j)->n; i++) {
		struct msg_stream_set set = { .stream = c->line[i].stream };

		if (!job_set(c, j, i, &set))
			continue;
		if (!may_set(c, i, &set))
			return job_fail(j, STAGE_BIND, E_STATE,
					"a sealed line without keys");
		r = send_set(c, job_request(c, j, i), &set);
		if (r)
			return relay_fail(j, STAGE_BIND, r);
	}
	return j->waiting ? E_AGAIN : 0;
}

void media_turn(struct call *c, const struct branch *b)
{
	for (unsigned i = 0; i < SDP_LINES_MAX; i++) {
		struct msg_stream_set set = { .stream = c->line[i].stream };

		if (!b->end[i].accepted || !set.stream)
			continue;
		branch_ends(c->deal, b, i, &set);
		branch_keys(c, b, i, is_up(c, i) ? STREAM_SEND_NOW
						 : STREAM_SEND_NO, &set);
		if (may_set(c, i, &set))
			send_set(c, call_request(c), &set);
	}
}

/* Who answers IKE is up before who began it has the answer, and would send what
 * nobody there can open yet: the ACK or a packet says that it is. Forged, they
 * open no tunnel, and lose what they had sent too soon. */
static bool is_up_there(const struct call *c, unsigned i)
{
	return !c->ike_call || c->state == CALL_UP ||
	       c->line[i].first_us[OUTSIDE];
}

void media_open(struct call *c)
{
	const struct branch *b = c->deal ? c->deal->active : NULL;

	for (unsigned i = 0; c->tunnelled && b && i < SDP_LINES_MAX; i++) {
		struct msg_stream_set set = { .stream = c->line[i].stream,
					      .may_send = STREAM_SEND_NOW };

		if (b->end[i].accepted && set.stream &&
		    c->line[call_slot(c, i)].tunnel && is_up(c, i) &&
		    is_up_there(c, i))
			send_set(c, call_request(c), &set);
	}
}

static int handle_done(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_stream_done *m = msg->body;
	const char *reason = NULL;
	struct call *c;

	if (filter_reply(e, msg->id, STEP_BIND, &c) < 0)
		return 0;
	if (m->err == E_TIMEOUT)
		reason = "the relay did not get the key in time";
	else if (m->err == E_AUTH)
		reason = "the relay found a key bound to something else";
	filter_go_on(c, STAGE_BIND, m->err, reason);
	return 0;
}

void media_release(struct call *c)
{
	struct msg_stream_del del;

	for (unsigned i = 0; i < SDP_LINES_MAX; i++) {
		del.stream = c->line[i].stream;
		if (!del.stream)
			continue;
		child_send(c->engine->child, PROC_RELAY, MSG_STREAM_DEL,
			   call_request(c), &del, sizeof del, NULL, 0);
		call_line_drop(c, &c->line[i]);
	}
}

/* -- events --------------------------------------------------------------- */

static bool line_in_use(const struct call *c, unsigned i)
{
	return c->line[i].stream && c->deal && c->deal->active &&
	       c->deal->active->end[i].accepted;
}

/* A bit for each face on which this line has been silent for so long. */
static unsigned silent_on(const struct line *l, unsigned span_s)
{
	unsigned faces = 0;

	for (int f = INSIDE; f <= OUTSIDE; f++)
		if (l->stats &&
		    l->stats->quiet_us[f] >= span_s * 1000000ull)
			faces |= 1u << f;
	return faces;
}

/* The same for the call: silence counts only where every line in use is silent
 * and none is on hold: somebody who put a call on hold wants it back. */
static unsigned call_silent_on(const struct call *c, unsigned span_s)
{
	unsigned faces = 1u << INSIDE | 1u << OUTSIDE;
	bool used = false;

	for (unsigned i = 0; i < SDP_LINES_MAX; i++) {
		if (!line_in_use(c, i))
			continue;
		used = true;
		if (c->deal->end[i].held || c->deal->active->end[i].held)
			return 0;
		faces &= silent_on(&c->line[i], span_s);
	}
	return used ? faces : 0;
}

/* In a fax one side is silent while the other sends its pages. */
static bool has_fax(const struct call *c)
{
	bool any = false;

	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		any = any || (line_in_use(c, i) && c->deal->end[i].fax);
	return any;
}

/* Why the call ends; NULL: it does not. */
static const char *why_silent(const struct call *c)
{
	const struct settings *s = engine_settings(c->engine);
	unsigned both = 1u << INSIDE | 1u << OUTSIDE, one;

	if (s->media_timeout_s &&
	    call_silent_on(c, s->media_timeout_s) == both)
		return "no media";
	one = s->media_silence_s && !has_fax(c) ?
		      call_silent_on(c, s->media_silence_s) : 0;
	if (!one)
		return NULL;
	return one & 1u << INSIDE ? "no media from the inside"
				  : "no media from the outside";
}

/* With fresh counters of all lines. A call that is spared is looked at again:
 * the relay tells of a silence only once. */
static void on_idle_measured(void *user, uint64_t token, int err)
{
	struct call *c = call_find(user, token);
	const char *why = c && !err ? why_silent(c) : NULL;

	if (!c || err == E_NOTFOUND)
		return;
	if (!why) {
		c->recheck_us = clock_mono_us(c->engine->clock) + RECHECK_US;
		engine_tick_soon(c->engine);
		return;
	}
	LOG_CALL(c, LOG_CLASS_INFO, "%s any more: ended", why);
	call_hang_up(c, 480, why);
}

static void idle(struct call *c)
{
	c->recheck_us = 0;
	if (engine_measure(c->engine, c->id, on_idle_measured, c->engine,
			   c->id))
		on_idle_measured(c->engine, c->id, E_CLOSED);
}

static void recheck(struct call *c, void *user)
{
	if (c->recheck_us && *(const uint64_t *)user >= c->recheck_us)
		idle(c);
}

static int handle_event(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_stream_event *m = msg->body;
	struct line *l = call_line_of(e, m->stream);

	if (!l) {
		e->count.late++;
		return 0;
	}
	switch (m->event) {
	case STREAM_EVENT_FIRST:
		if (m->detail <= OUTSIDE)
			l->first_us[m->detail] = clock_wall_us(e->clock);
		if (m->detail == OUTSIDE) /* it has the tunnel, too */
			media_open(l->call);
		return 0;
	case STREAM_EVENT_IDLE:
	case STREAM_EVENT_QUIET:
		idle(l->call);
		return 0;
	case STREAM_EVENT_SOFT:
		rekey_soon(l->call, "a key is nearly used up");
		return 0;
	case STREAM_EVENT_SPENT:
		LOG_CALL(l->call, LOG_CLASS_ERROR,
			 "a key reached its limit: ended");
		call_hang_up(l->call, 480, "key used up");
		return 0;
	default:
		return E_FORMAT;
	}
}

/* -- counters ------------------------------------------------------------- */

static void measured(struct call *c, int err)
{
	struct measure *list = c->measures, *m;

	c->measures = NULL;
	c->measure_waiting = 0;
	while ((m = list)) {
		list = m->next;
		m->fn(m->user, m->token, err);
		free(m);
	}
}

static int ask_stats(struct call *c)
{
	struct msg_stream_get get;
	int r = 0;

	c->measure_first = c->requests + 1;
	c->measure_until_us =
		clock_mono_us(c->engine->clock) + RELAY_DEADLINE_MS * 1000;
	for (unsigned i = 0; !r && i < SDP_LINES_MAX; i++) {
		get.stream = c->line[i].stream;
		if (!get.stream)
			continue;
		r = child_send(c->engine->child, PROC_RELAY, MSG_STREAM_GET,
			       call_request(c), &get, sizeof get, NULL, 0);
		c->measure_waiting += !r;
	}
	return r;
}

int engine_measure(struct engine *e, uint64_t id, measure_fn fn, void *user,
		   uint64_t token)
{
	struct call *c = call_find(e, id);
	struct measure *m;
	int r = 0;

	if (!c)
		return E_NOTFOUND;
	m = calloc(1, sizeof *m);
	if (!m)
		return E_NOMEM;
	*m = (struct measure){ NULL, fn, user, token };
	if (!c->measures && (r = ask_stats(c))) {
		c->measure_waiting = 0;
		free(m);
		return r;
	}
	m->next = c->measures;
	c->measures = m;
	if (c->measure_waiting)
		engine_tick_soon(e);
	else
		measured(c, 0);
	return 0;
}

static void forget(struct call *c, void *user)
{
	struct measure **slot = &c->measures, *m;

	while ((m = *slot)) {
		if (m->user != user) {
			slot = &m->next;
			continue;
		}
		*slot = m->next;
		free(m);
	}
}

void engine_forget(struct engine *e, void *user)
{
	call_each(e, forget, user);
	rekey_forget(e, user);
	glance_forget(e, user);
}

static int handle_stats(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_stream_stats *m = msg->body;
	struct line *l = call_line_of(e, m->stream);
	struct call *c = call_of_request(e, msg->id);

	if (!l || l->call != c || !c->measure_waiting ||
	    (uint32_t)msg->id < c->measure_first) {
		e->count.late++;
		return 0;
	}
	if (!l->stats)
		l->stats = malloc(sizeof *l->stats);
	if (l->stats && !m->err)
		*l->stats = *m;
	if (!--c->measure_waiting)
		measured(c, 0);
	return 0;
}

static void measure_late(struct call *c, void *user)
{
	const uint64_t *now = user;

	if (c->measures && (!now || *now >= c->measure_until_us))
		measured(c, now ? E_TIMEOUT : E_CLOSED);
}

static void see_waiting(struct call *c, void *user)
{
	unsigned *ms = user;

	if (c->measures)
		*ms = TICK_MS;
	else if (c->recheck_us && !*ms)
		*ms = TICK_SLOW_MS;
}

unsigned media_tick(struct engine *e)
{
	uint64_t now = clock_mono_us(e->clock);
	unsigned ms = 0;

	call_each(e, measure_late, &now);
	call_each(e, recheck, &now);
	call_each(e, see_waiting, &ms);
	return ms;
}

static void lose_streams(struct call *c, void *user)
{
	bool had = false;

	(void)user;
	for (unsigned i = 0; i < SDP_LINES_MAX; i++) {
		had = had || c->line[i].stream;
		call_line_drop(c, &c->line[i]);
	}
	if (had) {
		LOG_CALL(c, LOG_CLASS_ERROR, "the relay is gone: ended");
		call_hang_up(c, 503, "media relay restarted");
	}
}

/* Streams die with the relay. Established calls could be carried over, since
 * the keeper re-ships keys; until the engine can, they end. */
void media_lost(struct engine *e)
{
	call_each(e, measure_late, NULL);
	filter_lost(e, PROC_RELAY);
	call_each(e, lose_streams, NULL);
}

int media_handle(struct engine *e, struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_STREAM_ADDED:
		return handle_added(e, msg);
	case MSG_STREAM_DONE:
		return handle_done(e, msg);
	case MSG_STREAM_STATS:
		return handle_stats(e, msg);
	case MSG_STREAM_EVENT:
		return handle_event(e, msg);
	default:
		return E_FORMAT;
	}
}
