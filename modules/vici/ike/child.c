/* child.c - a tunnel from being wanted to being gone. See ike.h.
 *
 *   IDLE -> LOADING -> RAISING -> UP -> (unused: lingers) -> ENDING -> freed
 *
 * A child is up when charon says so, in whatever state: the far end may have
 * been first. Failing or lost, it goes to IDLE if it is standing, else it is
 * freed with its last use. Wanted again while it ends, it is raised anew once
 * that is over, so that what ends never takes the new one along. Of calls'
 * tunnels to one far end a few begin at a time, and others follow. */
#include "modules/vici/ike/inside.h"

#include "daemon/base/err.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void wait_ms(struct child *c, unsigned ms)
{
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	event_add(c->timer, &t);
}

static void nothing(void *user, int err, const struct vici_result *result)
{
	(void)user;
	(void)err;
	(void)result;
}

void child_end_sa(struct ike *m, uint32_t id)
{
	struct vici_which which = { .child_id = id };
	struct vici_then then = ike_then(m, nothing, NULL);

	vici_terminate(m->client, &which, false, &then);
}

/* -- life ------------------------------------------------------------------ */

static void on_timer(evutil_socket_t fd, short what, void *arg);

static void release(struct child *c)
{
	event_free(c->timer);
	free(c->proposal);
	free(c);
}

int child_new(struct peer *p, const struct ike_want *want, const char *name,
	      struct child **out)
{
	struct child *c = calloc(1, sizeof *c);

	if (!c)
		return E_NOMEM;
	c->timer = evtimer_new(p->m->base, on_timer, c);
	if (want->proposal)
		c->proposal = strdup(want->proposal);
	if (!c->timer || (want->proposal && !c->proposal)) {
		if (c->timer)
			event_free(c->timer);
		free(c->proposal);
		free(c);
		return E_NOMEM;
	}
	c->peer = p;
	strcpy(c->name, name);
	memcpy(c->local, want->local, want->n_local * sizeof *c->local);
	memcpy(c->remote, want->remote, want->n_remote * sizeof *c->remote);
	c->retry_ms = p->m->settings->retry_min_ms;
	c->conf = (struct vici_child){
		.name = c->sa_name, .local = c->local, .remote = c->remote,
		.n_local = want->n_local, .n_remote = want->n_remote,
		.transport = want->transport, .proposal = c->proposal,
		.rekey_s = want->rekey_s
	};
	c->next = p->children;
	p->children = c;
	*out = c;
	return 0;
}

static void queue(struct child *c, bool queued)
{
	struct ike *m = c->peer->m;

	m->queued += queued;
	m->queued -= c->queued;
	c->queued = queued;
}

void child_free(struct child *c)
{
	struct child **at = &c->peer->children;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	queue(c, false);
	event_active(c->peer->m->tell, EV_TIMEOUT, 0); /* others' turn */
	event_del(c->timer);
	c->dead = true;
	if (!c->pending)
		release(c);
}

/* -- coming up ------------------------------------------------------------- */

static void begin(struct child *c)
{
	struct peer *p = c->peer;

	if (*p->m->trouble) {
		c->state = CHILD_IDLE; /* until charon is there */
		return;
	}
	c->state = CHILD_LOADING;
	c->begun = c->refused = false;
	wait_ms(c, p->m->settings->raise_ms);
	if (p->state == PEER_IN && c->loaded) {
		child_ready(c);
		return;
	}
	if (!c->loaded)
		p->dirty = true;
	peer_load(p);
}

static void on_initiated(void *user, int err, const struct vici_result *result)
{
	struct child *c = user;
	char why[IKE_WHY_TEXT];

	c->pending--;
	if (c->dead) {
		if (!c->pending)
			release(c);
	} else if (err && c->state == CHILD_RAISING) {
		ike_why(why, err, result);
		child_failed(c, err, why);
	}
}

/* -- calls' tunnels, of which a far end answers so many at a time ---------- */

static bool is_busy(const struct peer *p, const struct peer *like)
{
	const struct child *c = p->children; /* a call's peer has one */

	return p->conf.once && c && c->state == CHILD_RAISING && c->begun &&
	       addr_same_host(&p->conf.remote, &like->conf.remote);
}

static bool has_room(const struct peer *p)
{
	unsigned n = 0;

	for (const struct peer *o = p->m->peers; o; o = o->next)
		n += is_busy(o, p);
	return n < p->m->settings->at_once;
}

/* The oldest, which is the last in the list. */
static struct child *first_queued(const struct ike *m)
{
	struct child *found = NULL;

	for (const struct peer *p = m->peers; p; p = p->next)
		if (p->children && p->children->queued && has_room(p))
			found = p->children;
	return found;
}

static void initiate_now(struct child *c);

void child_begin_queued(struct ike *m)
{
	struct child *c;

	while (m->queued && (c = first_queued(m)))
		initiate_now(c); /* or it has failed */
}

static void initiate(struct child *c)
{
	bool wait = c->peer->conf.once && !has_room(c->peer);

	if (wait) {
		queue(c, true);
		wait_ms(c, c->peer->m->settings->raise_ms);
	} else {
		initiate_now(c);
	}
}

static void initiate_now(struct child *c)
{
	struct ike *m = c->peer->m;
	struct vici_then then = ike_then(m, on_initiated, c);
	int r = vici_initiate(m->client, c->peer->name, c->sa_name,
			      &then);

	if (!c->queued) /* else its time has begun */
		wait_ms(c, m->settings->raise_ms);
	queue(c, false);
	c->begun = !r;
	c->refused = false;
	c->peer->said.weight = 0;
	if (!r)
		c->pending++;
	else
		child_failed(c, r, err_text(r));
}

/* Both ends of a standing tunnel would begin at once, and have two. */
static bool yields(const struct child *c)
{
	const struct ike_peer *p = &c->peer->conf;

	return c->uses == c->standing && !c->yielded &&
	       strcmp(p->ours.id, p->theirs.id) > 0;
}

/* The far end comes when it likes, but a call does not wait for ever. */
static void await(struct child *c)
{
	const struct ike_settings *s = c->peer->m->settings;

	if (c->uses == c->standing)
		event_del(c->timer);
	else
		wait_ms(c, c->peer->conf.once ? s->await_ms : s->raise_ms);
}

void child_ready(struct child *c)
{
	if (c->state != CHILD_LOADING)
		return;
	if (yields(c)) {
		c->state = CHILD_IDLE;
		c->yielded = true;
		wait_ms(c, c->peer->m->settings->yield_ms);
		return;
	}
	c->state = CHILD_RAISING;
	c->begun = false;
	if (c->active) {
		initiate(c);
		return;
	}
	await(c);
	if (c->peer->conf.once)
		use_tell(c, &(struct ike_event){ .news = IKE_READY });
}

/* Whose tunnel it is: what this end began it also ends, however long standing
 * uses would wait for the far end; but not while calls have it. */
static bool is_kept(const struct child *c)
{
	return c->active || c->uses > c->standing || (c->uses && !c->begun);
}

void child_wanted(struct child *c)
{
	if (c->state == CHILD_IDLE)
		begin(c);
	else if (c->state == CHILD_UP && is_kept(c))
		event_del(c->timer); /* it lingered */
	else if (c->state == CHILD_RAISING && !c->begun && !c->refused)
		(c->active ? initiate : await)(c);
}

/* -- failing --------------------------------------------------------------- */

/* Idle again, for the standing uses; gone without. */
static void rest(struct child *c, const struct ike_event *news)
{
	c->state = CHILD_IDLE;
	c->begun = false;
	queue(c, false);
	event_del(c->timer);
	use_tell(c, news);
	if (!c->uses)
		child_free(c);
	else if (!*c->peer->m->trouble)
		wait_ms(c, news->retry_ms);
}

static unsigned next_pause(struct child *c)
{
	unsigned now = c->retry_ms, max = c->peer->m->settings->retry_max_ms;

	if (*c->peer->m->trouble)
		return 0;
	c->retry_ms = now < max / 2 ? 2 * now : max;
	return now;
}

static bool others_up(const struct child *c)
{
	for (const struct child *o = c->peer->children; o; o = o->next)
		if (o != c && o->n_sas)
			return true;
	return false;
}

/* An IKE_SA that does not come about goes on trying for minutes, and the next
 * attempt would join it. */
static void give_up(struct child *c)
{
	struct vici_which which = { .conn = c->peer->name };
	struct ike *m = c->peer->m;
	struct vici_then then = ike_then(m, nothing, NULL);

	if (others_up(c))
		return;
	c->peer->given_up = c->peer->attempt;
	vici_terminate(m->client, &which, true, &then);
}

void child_failed(struct child *c, int err, const char *why)
{
	struct ike_event news = { .news = IKE_FAILED, .err = err, .why = why };

	news.retry_ms = next_pause(c);
	rest(c, &news);
}

/* What charon told of its beginning, which of the far end's is a hint, and only
 * a call's is known to be for this one; NULL: nothing. */
static const struct vici_reason *said_of(const struct child *c)
{
	const struct peer *p = c->peer;

	if (c->begun || c->refused)
		return &p->said;
	return p->conf.once ? &p->other.said : NULL;
}

static void timed_out(struct child *c)
{
	static const char *const whys[] = {
		[CHILD_LOADING] = "charon was not given all in time",
		[CHILD_RAISING] = "the far end raised no tunnel with us in "
			"time; charon's log may say why"
	};

	const struct vici_reason *said = said_of(c);
	const char *why = whys[c->state];

	if (c->state == CHILD_RAISING && c->begun)
		give_up(c);
	if (c->state == CHILD_RAISING && c->refused)
		why = "charon gave it up; its log may say why";
	if (c->state == CHILD_RAISING && said && said->weight)
		why = said->why;
	child_failed(c, c->refused ? E_REFUSED : E_TIMEOUT, why);
}

void child_refused(struct child *c)
{
	c->refused = true;
	wait_ms(c, c->peer->m->settings->hear_ms);
}

/* -- up, and down again ---------------------------------------------------- */

static struct ike_sa *find_sa(struct child *c, uint32_t id)
{
	for (size_t i = 0; i < c->n_sas; i++)
		if (c->sa[i].id == id)
			return &c->sa[i];
	return NULL;
}

static void keep_sa(struct child *c, uint32_t old, uint32_t ike_id,
		    const struct vici_child_sa *sa)
{
	struct ike_sa *at = find_sa(c, sa->id);

	if (!at && old)
		at = find_sa(c, old);
	if (!at)
		at = &c->sa[c->n_sas < IKE_SAS_MAX ? c->n_sas++ : 0];
	*at = (struct ike_sa){ sa->id, ike_id, sa->local, sa->remote };
}

/* Whether what all its pairs take may be less with this one. */
static bool takes_other(const struct child *c, const struct vici_child_sa *sa)
{
	return !c->n_sas ||
	       !vici_selectors_equal(&c->sa[0].local, &sa->local) ||
	       !vici_selectors_equal(&c->sa[0].remote, &sa->remote);
}

void child_gained(struct child *c, uint32_t old, uint32_t ike_id,
		  const struct vici_child_sa *sa)
{
	struct ike *m = c->peer->m;
	bool news;

	if (!child_fits(c, sa) || c->state == CHILD_ENDING) {
		child_end_sa(m, sa->id);
		if (old) /* charon has let go of it: nobody tells */
			child_lost(c, old, 0);
		return; /* nothing is up by it: the timer tells */
	}
	news = c->state != CHILD_UP || takes_other(c, sa);
	keep_sa(c, old, ike_id, sa);
	if (news)
		use_tell(c, &(struct ike_event){ .news = IKE_UP });
	if (c->state == CHILD_UP)
		return;
	event_del(c->timer);
	queue(c, false);
	c->state = CHILD_UP;
	peer_forget_key(c->peer);
	c->retry_ms = m->settings->retry_min_ms;
	if (!is_kept(c))
		wait_ms(c, m->settings->linger_ms);
}

/* What ended is over; it may be wanted again by now. */
static void ended(struct child *c)
{
	event_del(c->timer);
	c->n_sas = 0;
	if (c->uses)
		begin(c);
	else
		child_free(c);
}

static void lost_all(struct child *c, int err, const char *why)
{
	struct ike_event news = { .news = IKE_GONE, .err = err, .why = why };

	c->yielded = false;
	if (c->state == CHILD_ENDING) {
		ended(c);
	} else if (c->state == CHILD_UP) {
		news.retry_ms = next_pause(c);
		rest(c, &news);
	}
}

void child_lost(struct child *c, uint32_t id, uint32_t ike_id)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_sas; i++)
		if (c->sa[i].id != id && c->sa[i].ike_id != ike_id)
			c->sa[n++] = c->sa[i];
	if (n == c->n_sas)
		return;
	c->n_sas = n;
	if (!n)
		lost_all(c, E_CLOSED, "charon or the far end ended the tunnel");
}

void child_moved(struct child *c, uint32_t ike_id, uint32_t new_ike_id)
{
	for (size_t i = 0; i < c->n_sas; i++)
		if (c->sa[i].ike_id == ike_id)
			c->sa[i].ike_id = new_ike_id;
}

void child_charon_gone(struct child *c, const char *why)
{
	c->loaded = false;
	c->n_sas = 0; /* a pause goes on: charon may be there */
	if (c->state == CHILD_UP)
		lost_all(c, E_CLOSED, why);
	else if (c->state != CHILD_IDLE)
		child_failed(c, E_CLOSED, why);
}

/* -- ending ---------------------------------------------------------------- */

static void end(struct child *c)
{
	c->state = CHILD_ENDING;
	for (size_t i = 0; i < c->n_sas; i++)
		child_end_sa(c->peer->m, c->sa[i].id);
	wait_ms(c, c->peer->m->settings->end_ms);
}

void child_unwanted(struct child *c)
{
	if (c->state == CHILD_IDLE && !c->uses)
		child_free(c);
	else if (c->state == CHILD_UP && !is_kept(c))
		wait_ms(c, c->peer->m->settings->linger_ms);
	/* LOADING, RAISING: what comes of it is ended then */
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	static void (*const dues[])(struct child *c) = {
		[CHILD_IDLE] = begin, [CHILD_LOADING] = timed_out,
		[CHILD_RAISING] = timed_out, [CHILD_UP] = end,
		[CHILD_ENDING] = ended
	};
	struct child *c = arg;

	(void)fd;
	(void)what;
	dues[c->state](c);
}
