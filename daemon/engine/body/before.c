/* before.c - the tunnel as a precondition of the call (ike = "before"; RFC
 * 3312, 4032, 5027): nobody is called before it is up at both ends.
 *
 * Each description from outside must have security preconditions in each line
 * but that of IKE until the call is up; ours have them, and the phones see
 * none. Where the tunnel stands is kept for each line (sdppre.h) of each
 * branch: an early dialog has offers and answers of its own (RFC 3261 13.2.2.4,
 * RFC 3312 5), so that what one of a fork says is no other's word. Who calls
 * knows of both directions once he has its use, who is called of what he
 * receives; the rest the caller has to confirm.
 *
 * To the called gateway's phone the caller's offer is one that waits: the
 * gateway answers it itself, with all that was offered, and what the phone
 * takes of it is the gateway's own offer later (doc/ARCHITECTURE section 7).
 *
 * In a running call they are no matter: a line moves only with a use of the
 * tunnel for its new address, and else the offer fails. Who still has them in
 * his offer is answered with them. */
#include "daemon/base/err.h"
#include "daemon/engine/body/ikelines.h"

#include <stdlib.h>

bool call_before(const struct call *c)
{
	return c->before;
}

/* -- reading --------------------------------------------------------------- */

/* The line of IKE (RFC 6193) is no stream: it brings the tunnel itself, and
 * nothing can be met before it. */
static int check_ike(struct job *j, const struct sdp_pre *p)
{
	if (p->desired[0] != SDP_STRENGTH_MANDATORY &&
	    p->desired[1] != SDP_STRENGTH_MANDATORY)
		return 0;
	return job_fail(j, STAGE_PRECONDITION, E_UNSUPPORTED, "the line of "
			"IKE has mandatory preconditions of its own");
}

static int check_line(struct job *j, unsigned i)
{
	const struct sdp_pre *p = &j->pre[i];

	if (p->strange)
		return job_fail(j, STAGE_PRECONDITION, E_UNSUPPORTED,
				"a mandatory precondition that is not known");
	if (sdp_ike_is(&j->sdp, i))
		return check_ike(j, p);
	if (!p->there)
		return job_fail(j, STAGE_PRECONDITION, E_UNSUPPORTED,
				"a line without security preconditions");
	if (j->q.role == BODY_ANSWER &&
	    (p->desired[0] != SDP_STRENGTH_MANDATORY ||
	     p->desired[1] != SDP_STRENGTH_MANDATORY))
		return job_fail(j, STAGE_PRECONDITION, E_UNSUPPORTED,
				"a description that wants less than was "
				"offered");
	return 0;
}

/* -- where it stands ------------------------------------------------------- */

/* Who calls from outside has one dialog, whatever phones ring here. */
static unsigned dialog_of(const struct call *c, unsigned branch)
{
	return c->from == INSIDE ? branch : 0;
}

static struct standing *find(const struct call *c, unsigned branch)
{
	struct standing *s = c->standing;

	while (s && s->branch != dialog_of(c, branch))
		s = s->next;
	return s;
}

/* Of a branch that has said nothing no line is met. */
static const struct standing *standing_of(const struct call *c, unsigned branch)
{
	static const struct standing unheard = { .lines = UINT32_MAX };
	const struct standing *s = find(c, branch);

	return s ? s : &unheard;
}

static int make(struct call *c, unsigned branch)
{
	struct standing *s;

	if (find(c, branch))
		return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return E_NOMEM;
	*s = (struct standing){ .next = c->standing, .lines = UINT32_MAX,
				.branch = dialog_of(c, branch) };
	c->standing = s;
	return 0;
}

void standing_free(struct standing *s)
{
	struct standing *next;

	for (; s; s = next) {
		next = s->next;
		free(s);
	}
}

int before_read(struct call *c, struct job *j)
{
	const char *why = NULL;
	int r = 0;

	if (!c->before || j->q.from != OUTSIDE)
		return 0;
	if (sdp_pre_read(&j->sdp, j->pre, &why))
		return job_fail(j, STAGE_PRECONDITION, E_FORMAT, why);
	for (unsigned i = 0; c->state != CALL_UP && i < j->sdp.n && !r; i++)
		if (j->sdp.media[i].port)
			r = check_line(j, i);
	if (!r && (r = make(c, j->q.branch)))
		job_fail(j, STAGE_OFFER, r, NULL);
	return r;
}

/* What we know of a line by ourselves. */
static unsigned knows(const struct call *c)
{
	return c->from == INSIDE ? SDP_PRE_BOTH : SDP_PRE_RECV;
}

static const struct endpoint *ends_of(const struct job *j)
{
	const struct deal *d = job_deal(j);
	const struct branch *b;

	if (j->q.role == BODY_OFFER)
		return d->end;
	b = j->branch ? j->branch : deal_branch(d, j->q.branch);
	return b ? b->end : d->end;
}

void before_take(struct call *c, const struct job *j)
{
	const struct endpoint *end;
	struct standing *s;

	if (!c->before || j->q.from != OUTSIDE)
		return;
	end = ends_of(j);
	s = find(c, j->q.branch);
	s->lines = 0;
	s->heard = false;
	for (unsigned i = 0; i < j->sdp.n; i++) {
		unsigned have = c->line[i].tunnel ? knows(c) : 0;

		sdp_status_take(&s->line[i], &j->pre[i],
				j->q.role == BODY_ANSWER, knows(c), have);
		sdp_status_have(&s->line[i], have);
		if (end[i].accepted)
			s->lines |= 1u << i;
		s->heard = s->heard || j->pre[i].there;
	}
}

bool call_met(const struct call *c, unsigned branch)
{
	const struct standing *s = standing_of(c, branch);

	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		if ((s->lines >> i & 1) && !sdp_status_met(&s->line[i]))
			return false;
	return true;
}

bool call_due(const struct call *c, unsigned branch)
{
	const struct standing *s = standing_of(c, branch);

	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		if ((s->lines >> i & 1) && sdp_status_due(&s->line[i]))
			return true;
	return false;
}

bool before_lacks(const struct call *c)
{
	const struct deal *d = c->before && c->state != CALL_UP ? c->pending
								: NULL;

	for (unsigned i = 0; d && d->offerer == OUTSIDE && i < d->n; i++)
		if (d->end[i].accepted && !c->line[i].tunnel)
			return true;
	return false;
}

/* -- writing --------------------------------------------------------------- */

/* What is left of our direction where theirs is this (RFC 3264 6.1). */
static enum sdp_direction between(enum sdp_direction ours,
				  enum sdp_direction theirs)
{
	static const enum sdp_direction both[2][2] = {
		{ SDP_INACTIVE, SDP_RECVONLY }, { SDP_SENDONLY, SDP_SENDRECV }
	};
	bool send = ours != SDP_RECVONLY && ours != SDP_INACTIVE &&
		    theirs != SDP_SENDONLY && theirs != SDP_INACTIVE;
	bool receive = ours != SDP_SENDONLY && ours != SDP_INACTIVE &&
		       theirs != SDP_RECVONLY && theirs != SDP_INACTIVE;

	return both[send][receive];
}

/* The phone's offer, once more, answers what the far end describes. */
static void edit_direction(const struct call *c, const struct job *j,
			   unsigned i, struct sdp_edit_line *l)
{
	const struct branch *b = c->deal && c->deal->offerer == INSIDE
				 ? deal_branch(c->deal, j->q.branch) : NULL;

	if (!j->own || !b || !b->end[i].accepted)
		return;
	l->direction = between(j->sdp.media[i].direction,
			       b->end[i].direction);
	l->directed = l->direction != j->sdp.media[i].direction;
}

void before_edit(const struct call *c, const struct job *j, unsigned i,
		 struct sdp_edit_line *l)
{
	const struct standing *s = standing_of(c, j->q.branch);
	bool asked = j->q.role == BODY_ANSWER && s->heard;

	if (!c->before || j->q.from != INSIDE ||
	    (c->state == CALL_UP && !asked))
		return;
	if (c->state != CALL_UP)
		edit_direction(c, j, i, l);
	l->pre.on = true;
	l->pre.current = s->line[i].current;
	if (c->from == OUTSIDE && s->line[i].current != SDP_PRE_BOTH)
		l->pre.confirm = SDP_PRE_BOTH;
}

bool before_rejects(const struct call *c, const struct job *j, unsigned i)
{
	return c->before && j->own && c->state != CALL_UP &&
	       !(standing_of(c, j->q.branch)->lines >> i & 1);
}

int call_accept(struct call *c, struct buf *out)
{
	struct deal *d = c->pending;
	const char *why;
	struct job *j;
	int r;

	if (!c->before || !d || d->offerer != OUTSIDE || !d->text)
		return E_STATE;
	j = calloc(1, sizeof *j);
	if (!j)
		return E_NOMEM;
	j->call = c;
	j->q = (struct filter_request){ .from = INSIDE, .role = BODY_ANSWER };
	j->again = d;
	r = sdp_read(d->text, d->len, &j->sdp, &why);
	if (!r)
		r = rewrite_accept(c, j, out);
	free(j);
	return r;
}

int call_unmet(const void *data, size_t len, struct buf *out)
{
	struct sdp *s = malloc(sizeof *s);
	const char *why;
	int r;

	if (!s)
		return E_NOMEM;
	r = sdp_read(data, len, s, &why);
	if (!r)
		r = sdp_pre_refuse(s, out);
	free(s);
	return r;
}

/* -- the answer to what the phone takes ------------------------------------ */

static bool same_end(const struct sdp_media *m, const struct endpoint *end)
{
	return m->port && m->n_ports == 1 && !m->named &&
	       addr_equal(&m->addr, &end->rtp) &&
	       addr_equal(&m->rtcp, &end->rtcp);
}

int call_agrees(struct call *c, const void *data, size_t len)
{
	const struct deal *d = c->deal;
	const char *why = NULL;
	struct sdp *s;
	int r;

	if (!d || d->offerer != OUTSIDE || !d->active)
		return E_STATE;
	s = malloc(sizeof *s);
	if (!s)
		return E_NOMEM;
	r = sdp_read(data, len, s, &why);
	if (!r && s->n != d->n)
		r = E_FORMAT;
	for (unsigned i = 0; !r && i < s->n; i++)
		if (d->active->end[i].accepted &&
		    !same_end(&s->media[i], &d->end[i]))
			r = E_POLICY;
	if (!r)
		r = ikelines_agrees(c, s, &why);
	free(s);
	if (r)
		LOG_CALL(c, LOG_CLASS_REMOTE, "peer %s: its answer to what "
			 "the phone takes does not fit its offer: %s", c->peer,
			 why ? why : err_text(r));
	return r;
}
