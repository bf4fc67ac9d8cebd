/* ikeclient.c - the engine as the tunnel process's client, where media go in a
 * tunnel that charon keeps to the peer (media = "ike"). Such a call is a plain
 * one in SDP. An offer asks whether the tunnel is up, before anybody is called;
 * with the answer each line gets its use of it, which the tunnel process gives
 * only if the tunnel takes that line's packets. No use, no media: media.c.
 * Where it is a precondition (before.c), the outside's offer gets its use, too.
 */
#include "daemon/base/err.h"
#include "daemon/engine/body/ikelines.h"

#include <string.h>

enum stage ikeclient_stage(const struct call *c)
{
	return c->before && c->state != CALL_UP ? STAGE_PRECONDITION
						: STAGE_TUNNEL;
}

/* What SDP says is refused alike, whenever the tunnel is to be there. */
static enum stage stage_of(const struct call *c, int err)
{
	return err == E_AUTH ? STAGE_TUNNEL : ikeclient_stage(c);
}

static int ask(struct call *c, struct job *j, unsigned i,
	       struct msg_tunnel_use *m)
{
	int r;

	m->call = c->id;
	ikelines_ask(j, m);
	memcpy(m->peer, c->peer, sizeof m->peer);
	r = child_send(c->engine->child, PROC_TUNNEL, MSG_TUNNEL_USE,
		       job_request(c, j, i), m, sizeof *m, NULL, 0);
	return !r ? E_AGAIN
		  : job_fail(j, ikeclient_stage(c), r,
			     r == E_CLOSED ? "the tunnel process is not there"
					   : NULL);
}

int ikeclient_ask(struct call *c, struct job *j)
{
	struct msg_tunnel_use m = { .ask = 1 };

	return j->q.role == BODY_OFFER ? ask(c, j, 0, &m) : 0;
}

/* An offer's lines, where the tunnel must be up before anybody is called, and
 * once the far end says that it is there if it begins; in a call that is up the
 * answer decides. */
static bool is_used(const struct call *c, const struct job *j, unsigned i)
{
	if (j->q.role == BODY_ANSWER)
		return j->branch->end[i].accepted;
	return c->before && c->state != CALL_UP && j->q.from == OUTSIDE &&
	       job_deal(j)->end[i].accepted &&
	       (j->pre[i].current || !ikelines_far_begins(j));
}

int ikeclient_use(struct call *c, struct job *j)
{
	const struct deal *d = job_deal(j);
	int r = 0;

	for (unsigned i = 0; i < d->n && (!r || r == E_AGAIN); i++) {
		struct msg_tunnel_use m = {
			.local = c->line[i].local[OUTSIDE]
		};

		if (!is_used(c, j, i))
			continue;
		m.remote[0] = job_outside(j, i)->rtp;
		m.remote[1] = job_outside(j, i)->rtcp;
		r = ask(c, j, i, &m);
	}
	return r;
}

static void drop(struct engine *e, uint32_t tunnel)
{
	const struct msg_tunnel_drop m = { tunnel };

	if (tunnel)
		child_send(e->child, PROC_TUNNEL, MSG_TUNNEL_DROP, 0, &m,
			   sizeof m, NULL, 0);
}

/* A branch that may win later keeps its own, which alone tells when the tunnel
 * takes its media no more. */
static void take(struct call *c, unsigned i, uint32_t tunnel)
{
	bool applies = job_may_apply(c, c->job) || !c->line[i].tunnel;
	uint32_t *now = applies ? &c->line[i].tunnel : &c->job->branch->use[i];

	drop(c->engine, *now);
	*now = tunnel;
}

void ikeclient_drop(struct engine *e, struct branch *b)
{
	for (unsigned i = 0; b && i < SDP_LINES_MAX; i++) {
		drop(e, b->use[i]);
		b->use[i] = 0;
	}
}

/* A branch that has not won; it must not any more. */
void ikeclient_lost(const struct deal *d, uint32_t tunnel)
{
	struct branch *b = d ? d->branches : NULL;

	for (; b; b = b->next)
		for (unsigned i = 0; i < SDP_LINES_MAX; i++)
			b->lost = b->lost || b->use[i] == tunnel;
}

void ikeclient_won(struct call *c, const struct deal *d, unsigned branch)
{
	struct branch *b = deal_branch(d, branch);

	for (unsigned i = 0; b && i < SDP_LINES_MAX; i++)
		if (b->use[i]) {
			drop(c->engine, c->line[i].tunnel);
			c->line[i].tunnel = b->use[i];
			b->use[i] = 0;
		}
	for (b = d->branches; b; b = b->next)
		ikeclient_drop(c->engine, b);
}

int ikeclient_used(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_tunnel_used *m = msg->body;
	struct call *c;
	int i = filter_reply(e, msg->id, m->ask ? STEP_RESERVE : STEP_RAISE,
			     &c);
	int r = 0;

	if (i < 0) { /* its call has let go of it */
		drop(e, m->err ? 0 : m->tunnel);
		return 0;
	}
	if (!m->err && m->ask && (r = ikelines_told(c, c->job, &m->ours))) {
		filter_go_on(c, STAGE_TUNNEL, r, NULL);
		return 0;
	}
	if (!m->err && !m->ask)
		take(c, (unsigned)i, m->tunnel);
	if (!m->err && !m->ask != !!(m->tunnel & TUNNEL_USE_BIT)) {
		filter_go_on(c, ikeclient_stage(c), E_INTERNAL,
			     "the tunnel process's message is malformed");
		return E_FORMAT;
	}
	filter_go_on(c, stage_of(c, m->err), m->err, m->reason);
	return 0;
}
