/* tunnelclient.c - the engine as the tunnel process's client, where media go in
 * ESP: an SPI for each line, or one for all of them, before any message names
 * it, both SAs when the keeper has agreed on their keys, and their end. Ends,
 * suites and keys never come here: the keeper ships them to the tunnel process
 * itself.
 *
 * A tunnel that is reserved is its deal's, one that is raised its line's. With
 * ike = "call" charon raises them; then who offered has it up when it is told
 * so, and who answered only when the far end has begun it: an event. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"
#include "daemon/engine/way/discover.h"

#include <string.h>

static int tunnel_fail(struct job *j, enum stage stage, int r)
{
	return job_fail(j, stage, r,
			r == E_CLOSED ? "the tunnel process is not there"
				      : NULL);
}

static int tell(struct engine *e, enum message type, uint64_t id,
		const void *body, size_t len)
{
	return child_send(e->child, PROC_TUNNEL, type, id, body, len, NULL, 0);
}

static void drop(struct engine *e, uint32_t *tunnel)
{
	const struct msg_tunnel_drop m = { *tunnel };

	if (*tunnel)
		tell(e, MSG_TUNNEL_DROP, 0, &m, sizeof m);
	*tunnel = 0;
}

/* -- SPIs ----------------------------------------------------------------- */

int tunnelclient_reserve(struct call *c, struct job *j)
{
	struct msg_tunnel_reserve m = { .call = c->id, .scope = c->scope,
					.ike = c->ike_call };
	int r;

	if (c->carried)
		return ikeclient_ask(c, j);
	if (!c->tunnelled || !j->rekey || j->q.role != BODY_OFFER)
		return 0;
	for (unsigned i = 0; i < j->sdp.n; i++)
		if (j->deal->usable >> i & 1)
			m.local[m.n++] = c->line[i].local[OUTSIDE];
	if (c->scope != ESP_MEDIA) {
		m.n = 1;
		m.local[0].port = 0;
	}
	if (call_direct(c))
		m.local[0] = c->line[0].local[OUTSIDE];
	r = tell(c->engine, MSG_TUNNEL_RESERVE, job_request(c, j, 0), &m,
		 sizeof m);
	return r ? tunnel_fail(j, STAGE_TUNNEL, r) : E_AGAIN;
}

static bool reserved_sound(const struct call *c, const struct deal *d,
			   const struct msg_tunnel_reserved *m)
{
	if (m->n != (c->scope != ESP_MEDIA
			     ? 1 : (unsigned)__builtin_popcount(d->usable)))
		return false;
	for (unsigned i = 0; i < m->n; i++)
		if (!m->tunnel[i] || m->spi[i] < ESP_SPI_MIN)
			return false;
	return true;
}

static void take_reserved(const struct call *c, struct deal *d,
			  const struct msg_tunnel_reserved *m)
{
	unsigned n = 0;

	if (d->alone) {
		d->tunnel[0] = m->tunnel[n];
		d->spi[0] = m->spi[n++];
	}
	for (unsigned i = 0; i < SDP_LINES_MAX && n < m->n; i++)
		if (d->usable >> i & 1) {
			d->tunnel[call_slot(c, i)] = m->tunnel[n];
			d->spi[call_slot(c, i)] = m->spi[n++];
		}
}

/* What came too late for its call would stay reserved. */
static void give_back(struct engine *e, const struct msg_tunnel_reserved *m)
{
	uint32_t tunnel;

	for (unsigned i = 0; !m->err && i < m->n; i++) {
		tunnel = m->tunnel[i];
		drop(e, &tunnel);
	}
}

static int handle_reserved(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_tunnel_reserved *m = msg->body;
	struct call *c;

	if (filter_reply(e, msg->id, STEP_RESERVE, &c) < 0) {
		give_back(e, m);
		return 0;
	}
	if (!m->err && !reserved_sound(c, c->job->deal, m)) {
		filter_go_on(c, STAGE_TUNNEL, E_INTERNAL,
			     "the tunnel process's message is malformed");
		return E_FORMAT;
	}
	if (!m->err)
		take_reserved(c, c->job->deal, m);
	filter_go_on(c, STAGE_TUNNEL, m->err, m->reason);
	return 0;
}

/* -- SAs ------------------------------------------------------------------ */

static int raise_line(struct call *c, struct job *j, unsigned i)
{
	const struct msg_key_ids *key = j->branch ? j->branch->key
						  : j->deal->key;
	unsigned slot = call_slot(c, i);
	/* what others may send by meanwhile */
	bool old = c->line[slot].tunnel || c->scope != ESP_MEDIA;
	const struct msg_tunnel_raise m = {
		.tunnel = job_deal(j)->tunnel[slot],
		.instead = c->line[slot].tunnel,
		.key_id = key[i].tunnel,
		.proven = old && job_deal(j)->offerer != INSIDE,
	};

	if (!m.tunnel) /* the keys in force stay, and with them the tunnel */
		return m.instead ? 0 : E_STATE;
	return tell(c->engine, MSG_TUNNEL_RAISE, job_request(c, j, i), &m,
		    sizeof m);
}

/* Between networks: who answers has the keys with the offer, who offered with
 * the early answer, and then nothing more is to be raised. */
static int raise_direct(struct call *c, struct job *j)
{
	const struct deal *d = job_deal(j);
	uint32_t lines = d->alone ? 1 : d->usable;
	int r;

	for (unsigned i = 0; i < d->n && j->branch && !j->early; i++)
		if (!j->branch->end[i].accepted)
			lines &= ~(1u << i);
	if (!lines || !job_may_apply(c, j) ||
	    (j->q.role == BODY_OFFER && (c->deal || !j->rekey ||
					 d->offerer == INSIDE ||
					 deal_waits(d))))
		return 0;
	r = raise_line(c, j, (unsigned)__builtin_ctz(lines));
	if (r)
		return tunnel_fail(j, STAGE_TUNNEL, r);
	return j->waiting ? E_AGAIN : 0;
}

/* Also where the keys stay and nothing is raised: what SDP says of addresses
 * nobody vouches for, and elsewhere media would be in clear. */
static int check_far(const struct call *c, struct job *j)
{
	for (unsigned i = 0; i < job_deal(j)->n; i++)
		if (j->branch->end[i].accepted &&
		    !keyclient_leads(c, j->branch, i, job_outside(j, i)))
			return job_fail(j, STAGE_TUNNEL, E_POLICY,
					"SDP names another address for media "
					"or RTCP than where the tunnel leads");
	return 0;
}

int tunnelclient_raise(struct call *c, struct job *j)
{
	bool one = false;
	int r;

	if (c->carried)
		return ikeclient_use(c, j);
	if (call_direct(c))
		return raise_direct(c, j);
	if (!c->tunnelled || j->q.role != BODY_ANSWER || j->early)
		return 0;
	r = check_far(c, j);
	if (r || !job_may_apply(c, j))
		return r;
	for (unsigned i = 0; i < job_deal(j)->n && !r && !one; i++)
		if (j->branch->end[i].accepted) {
			r = raise_line(c, j, i);
			one = c->scope != ESP_MEDIA;
		}
	if (r)
		return tunnel_fail(j, STAGE_TUNNEL, r);
	return j->waiting ? E_AGAIN : 0;
}

static int handle_raised(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_tunnel_raised *m = msg->body;
	struct call *c;
	struct deal *d;
	unsigned slot;
	int i = filter_reply(e, msg->id, STEP_RAISE, &c);

	if (i < 0)
		return 0; /* its call has let go of it */
	d = job_deal(c->job);
	slot = call_slot(c, (unsigned)i);
	if (!m->err && d->tunnel[slot] == m->tunnel) {
		/* one that the far end begins is not up, but may replace one
		 * that is */
		c->line[slot].up = d->offerer == INSIDE ||
				   (c->line[slot].tunnel && c->line[slot].up);
		c->line[slot].tunnel = m->tunnel; /* the old is replaced */
		d->tunnel[slot] = 0;
		memmove(c->behind, direct_behind(c, c->job), sizeof c->behind);
	}
	filter_go_on(c, STAGE_TUNNEL, m->err, m->reason);
	return 0;
}

/* -- the end -------------------------------------------------------------- */

void tunnelclient_drop(struct engine *e, struct deal *d)
{
	struct branch *b = d ? d->branches : NULL;

	for (unsigned i = 0; d && i < SDP_LINES_MAX; i++)
		drop(e, &d->tunnel[i]);
	for (; b; b = b->next)
		ikeclient_drop(e, b);
}

void tunnelclient_release(struct call *c)
{
	tunnelclient_drop(c->engine, c->deal);
	tunnelclient_drop(c->engine, c->pending);
	for (unsigned i = 0; i < SDP_LINES_MAX; i++) {
		drop(c->engine, &c->line[i].tunnel);
		c->line[i].up = false;
	}
}

/* What has no tunnel any more must not go out for the time that a BYE takes:
 * also where policies of the kernel's see to it, for others may go before. */
static void stop_media(struct call *c)
{
	tunnelclient_release(c);
	media_release(c);
}

static void lose(struct call *c, void *user)
{
	(void)user;
	if (!c->tunnelled && !c->carried)
		return;
	stop_media(c);
	call_hang_up(c, 503, "tunnel process lost");
}

void tunnelclient_lost(struct engine *e)
{
	filter_lost(e, PROC_TUNNEL);
	call_each(e, lose, NULL);
}

/* -- events --------------------------------------------------------------- */

struct wanted {
	uint32_t tunnel, event;
};

/* The far end has raised it: it has our answer, and proved the key. */
static void up(struct call *c, uint32_t tunnel)
{
	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		if (c->line[i].tunnel == tunnel)
			c->line[i].up = true;
	media_open(c);
}

static bool has_tunnel(const struct call *c, uint32_t tunnel)
{
	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		if (c->line[i].tunnel == tunnel)
			return true;
	return false;
}

void tunnelclient_gone(struct call *c)
{
	stop_media(c);
	LOG_CALL(c, LOG_CLASS_ERROR, "audit: peer %s: the tunnel is gone: "
		 "ended, nothing passes", c->peer);
	call_hang_up(c, 480, "tunnel gone");
}

static void take_event(struct call *c, void *user)
{
	const struct wanted *w = user;

	if (!has_tunnel(c, w->tunnel)) {
		if (w->event == TUNNEL_EVENT_GONE) {
			ikeclient_lost(c->deal, w->tunnel);
			ikeclient_lost(c->pending, w->tunnel);
		}
		return;
	}
	if (w->event == TUNNEL_EVENT_UP) {
		up(c, w->tunnel);
		return;
	}
	if (w->event == TUNNEL_EVENT_SOFT) {
		rekey_soon(c, "a tunnel's keys are nearly used up");
		return;
	}
	tunnelclient_gone(c);
}

static int handle_event(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_tunnel_event *m = msg->body;
	struct wanted w = { m->tunnel, m->event };

	if (!m->tunnel || m->event < TUNNEL_EVENT_SOFT ||
	    m->event > TUNNEL_EVENT_UP)
		return E_FORMAT;
	call_each(e, take_event, &w);
	return 0;
}

int tunnelclient_handle(struct engine *e, const struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_TUNNEL_RESERVED:
		return handle_reserved(e, msg);
	case MSG_TUNNEL_RAISED:
		return handle_raised(e, msg);
	case MSG_TUNNEL_EVENT:
		return handle_event(e, msg);
	case MSG_TUNNEL_LISTED:
		return glance_listed(e, msg);
	case MSG_TUNNEL_USED:
		return ikeclient_used(e, msg);
	case MSG_IKE_OURS:
		return discover_ours(e, msg);
	default:
		return E_FORMAT;
	}
}
