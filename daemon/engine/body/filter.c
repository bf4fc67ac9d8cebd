/* filter.c - a body with SDP on its way from one leg to the other: an
 * explicit machine of steps, one body of a call at a time.
 *
 *   step    offer                          answer
 *   READ    parse, check by profile        parse, match with the offer
 *   PORTS   relay opens ports              -
 *   RESERVE SPIs, for media in ESP         -
 *   KEYS    keeper: offer, or check theirs keeper: finish (if we offered)
 *   RAISE   SAs, between networks          SAs, for media in ESP
 *   BIND    relay takes address and keys   relay takes both addresses, keys,
 *           (may receive)                  may send
 *   WRITE   the description for the other leg
 *
 * A step that asked relay or keeper waits until all its answers are there or
 * its deadline passes; an answer that comes for no waiting request is late:
 * counted, nothing more. A failing step refuses the body (failure.c says
 * how); nothing passes then. What an unchanged body needs is nothing but
 * WRITE. The order is the same for plain calls, whose KEYS step is empty. */
#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "daemon/engine/body/package.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

static int step_read(struct call *c, struct job *j)
{
	if (j->early)
		return early_read(c, j);
	return j->q.role == BODY_OFFER ? offer_read(c, j) : answer_read(c, j);
}

static int step_ports(struct call *c, struct job *j)
{
	return call_direct(c) ? direct_place(c, j) : media_ports(c, j);
}

static int step_keys(struct call *c, struct job *j)
{
	if (j->plain)
		return keyclient_ask_plain(c, j);
	return j->rekey ? keyclient_ask(c, j) : 0;
}

static int step_bind(struct call *c, struct job *j)
{
	return call_direct(c) ? direct_bind(c, j) : media_bind(c, j);
}

static const struct {
	int (*enter)(struct call *c, struct job *j);
	unsigned deadline_ms;
	bool always; /* also for a repeated body */
} steps[] = {
	[STEP_READ] = { step_read, 0, true },
	[STEP_PORTS] = { step_ports, RELAY_DEADLINE_MS, false },
	[STEP_RESERVE] = { tunnelclient_reserve, TUNNEL_DEADLINE_MS, false },
	[STEP_KEYS] = { step_keys, KEEPER_DEADLINE_MS, false },
	[STEP_RAISE] = { tunnelclient_raise, TUNNEL_DEADLINE_MS, false },
	[STEP_BIND] = { step_bind, RELAY_DEADLINE_MS, false },
};

/* charon may have to raise the tunnel first. */
static unsigned deadline_ms(const struct call *c, const struct job *j)
{
	return j->step == STEP_RAISE && (c->carried || c->ike_call)
		       ? IKE_DEADLINE_MS : steps[j->step].deadline_ms;
}

struct deal *job_deal(const struct job *j)
{
	const struct call *c = j->call;

	if (j->again || j->deal)
		return j->again ? j->again : j->deal;
	return c->pending ? c->pending : c->deal;
}

const struct endpoint *job_outside(const struct job *j, unsigned line)
{
	const struct deal *d = job_deal(j);

	return d->offerer == OUTSIDE ? &d->end[line] : &j->branch->end[line];
}

/* Media goes to the first branch that answered until one has won. */
bool job_may_apply(const struct call *c, const struct job *j)
{
	const struct deal *d = job_deal(j);

	if (c->won >= 0)
		return (unsigned)c->won == j->q.branch;
	return !d->active || d->active->number == j->q.branch;
}

int job_fail(struct job *j, enum stage stage, int err, const char *reason)
{
	const struct failure *f = failure_of(stage, err);
	struct call *c = j->call;

	if (j->no.status)
		return err; /* the first failure counts */
	j->no = (struct refusal){
		.status = f->status,
		.phrase = f->phrase,
		.warn_code = f->warn_code,
		.retry_after_s = f->retry_after_s,
	};
	snprintf(j->no.warn, sizeof j->no.warn, "%s", f->warn);
	memcpy(j->no.keys, j->error, sizeof j->no.keys);
	snprintf(c->reason, sizeof c->reason, "%s",
		 reason && *reason ? reason : err_text(err));
	LOG_CALL(c, f->fault, "peer %s: %s from %s refused with %d: %s; %s",
		 c->peer, j->q.role == BODY_OFFER ? "offer" : "answer",
		 j->q.from == INSIDE ? "inside" : "outside", f->status,
		 c->reason, f->cure);
	return err;
}

static void job_free(struct job *j)
{
	if (!j)
		return;
	engine_wait_end(j->engine, j);
	tunnelclient_drop(j->engine, j->deal);
	ikeclient_drop(j->engine, j->branch);
	deal_free(j->deal);
	branch_free(j->branch);
	free(j->early);
	if (j->data)
		wipe(j->data, j->q.body.len); /* it may hold keys (SDES) */
	free(j->data);
	free(j);
}

/* -- what a finished job changes in the call ------------------------------ */

/* What the inside said goes to what it made, for call_repeat(); what the
 * outside offers where we answer first, for call_accept(). */
static void keep_text(struct job *j, char **text, size_t *len)
{
	const struct call *c = j->call;
	bool accepts = c->before && j->q.role == BODY_OFFER;

	if (j->q.from == INSIDE ? !call_sealed(c) && !c->before : !accepts)
		return;
	*text = j->data;
	*len = j->q.body.len;
	j->data = NULL;
}

static void take_offer(struct call *c, struct job *j)
{
	if (c->pending) {
		keyclient_drop(c, c->pending);
		deal_free(c->pending);
	}
	keep_text(j, &j->deal->text, &j->deal->len);
	c->pending = j->deal;
	j->deal = NULL;
}

static bool any_end(const struct branch *b)
{
	bool any = false;

	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		any = any || b->end[i].accepted;
	return any;
}

static void take_answer(struct call *c, struct job *j)
{
	bool applied = job_may_apply(c, j), fresh = false;
	struct deal *d = job_deal(j);

	if (d == c->pending) {
		fresh = call_sealed(c) && !d->kept;
		tunnelclient_drop(c->engine, d); /* of lines declined */
		deal_free(c->deal);
		c->deal = d;
		c->pending = NULL;
	}
	if (applied && any_end(j->branch))
		sealing_agreed(c, j->branch);
	keep_text(j, &j->branch->text, &j->branch->len);
	ikeclient_drop(c->engine, deal_branch(d, j->branch->number));
	deal_take(d, j->branch, applied);
	j->branch = NULL;
	if (c->won >= 0) {
		ikeclient_won(c, d, (unsigned)c->won);
		deal_settle(d, (unsigned)c->won);
	}
	if (c->state == CALL_UP && fresh) {
		call_rejudge(c);
		rekey_done(c);
	}
}

/* An offer that repeats the one in force takes back what was asked since. */
static void take_repeat(struct call *c, const struct job *j)
{
	if (!j->again || j->again == c->pending || !c->pending)
		return;
	keyclient_drop(c, c->pending);
	deal_free(c->pending);
	c->pending = NULL;
}

/* The offer stays pending: its SDP answer is still to come. */
static void take_early(struct job *j)
{
	deal_take(job_deal(j), j->branch, false);
	j->branch = NULL;
}

static void commit(struct call *c, struct job *j)
{
	before_take(c, j);
	if (j->early && !j->repeat)
		take_early(j);
	else if (j->repeat)
		take_repeat(c, j);
	else if (j->q.role == BODY_OFFER)
		take_offer(c, j);
	else
		take_answer(c, j);
}

/* -- running -------------------------------------------------------------- */

/* Tells the signalling module. The call may be gone afterwards. */
static void finish(struct call *c, struct job *j, const struct body *out)
{
	c->job = NULL;
	engine_wait_end(c->engine, j);
	j->fn(j->user, out ? NULL : &j->no, out);
}

static void refuse(struct call *c, struct job *j)
{
	if (!j->no.status)
		job_fail(j, STAGE_QUEUE, E_INTERNAL, NULL);
	finish(c, j, NULL);
}

/* Keys as they are, for verified TLS alone. */
static bool is_secret(const struct job *j, const struct deal *d)
{
	return j->q.from == INSIDE && d && d->protocol == PROTOCOL_SDES &&
	       d->hop;
}

/* The body that leaves, and its type. */
static int write_body(struct call *c, struct job *j, struct buf *out,
		      char type[static MIME_KEYED_TYPE])
{
	struct buf sdp = buf_of(IPC_BODY_MAX);
	bool package = c->tunnelled && j->q.from == INSIDE;
	int r;

	strcpy(type, j->early ? "" : "application/sdp");
	if (j->early)
		return 0;
	if (!package)
		return rewrite_body(c, j, out);
	r = rewrite_body(c, j, &sdp);
	if (!r)
		r = package_close(c->package, sdp.data, sdp.len, out, type);
	buf_free(&sdp);
	return r;
}

static void pass(struct call *c, struct job *j)
{
	const struct deal *d = job_deal(j);
	struct buf out = buf_of(IPC_BODY_MAX);
	char type[MIME_KEYED_TYPE];
	struct body body = { .type = type };
	int r = write_body(c, j, &out, type);

	if (r) {
		job_fail(j, STAGE_OFFER, r, NULL);
		refuse(c, j);
	} else {
		commit(c, j);
		body.secret = is_secret(j, d);
		body.seal = c->body && j->q.from == INSIDE;
		body.data = out.data;
		body.len = out.len;
		finish(c, j, &body);
	}
	buf_free(&out);
}

/* What the other leg does not see. */
static void keep_here(struct call *c, struct job *j)
{
	const struct body none = { .type = "" };

	commit(c, j);
	finish(c, j, &none);
}

/* Only what comes of ports and keys. */
static bool gives_way(struct call *c, struct job *j)
{
	return (j->step == STEP_PORTS || j->step == STEP_KEYS ||
		j->step == STEP_BIND) && sealing_gives_way(c, j);
}

/* Runs the job until it waits or is over; true when it is over. */
static bool run(struct call *c, struct job *j)
{
	int r = 0;

	while (j->step < STEP_WRITE) {
		if (j->repeat && !steps[j->step].always) {
			j->step++;
			continue;
		}
		j->n = j->waiting = 0;
		j->done = 0;
		r = steps[j->step].enter(c, j);
		if (r == E_AGAIN) {
			engine_wait(c->engine, j, deadline_ms(c, j));
			return false;
		}
		if (r && !gives_way(c, j))
			break;
		j->step += !r; /* else it is the first again */
	}
	if (r)
		refuse(c, j);
	else if (j->keys_only || j->q.ours || j->q.held)
		keep_here(c, j);
	else
		pass(c, j);
	return true;
}

/* Runs the jobs of a call in order. fn may end the call: it is looked up
 * again after each. */
static void run_queue(struct engine *e, uint64_t id)
{
	struct call *c = call_find(e, id);
	struct job *j;

	while (c && !c->running && (j = c->job ? c->job : c->queue)) {
		if (j != c->job) {
			c->queue = j->next;
			c->queued--;
			c->job = j;
		}
		c->running = true;
		if (!run(c, j)) {
			c->running = false;
			return;
		}
		c = call_find(e, id);
		job_free(j);
		if (c)
			c->running = false;
	}
}

static bool is_type(const struct filter_request *q, const char *type)
{
	return sdp_is((struct sdp_text){ q->body.type, strlen(q->body.type) },
		      type);
}

/* A keying answer without SDP. */
static bool is_early(const struct filter_request *q)
{
	return q->role == BODY_ANSWER && !q->final &&
	       q->body.len <= KEYING_MAX && is_type(q, "application/mikey");
}

static struct job *job_new(struct call *c, const struct filter_request *q,
			   filter_fn fn, void *user)
{
	struct job *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->call = c;
	j->engine = c->engine;
	j->q = *q;
	j->fn = fn;
	j->user = user;
	j->data = malloc(q->body.len);
	if (!j->data) {
		free(j);
		return NULL;
	}
	memcpy(j->data, q->body.data, q->body.len);
	if (is_early(q))
		j->early = keyclient_text(PROTOCOL_MIKEY, q->body.data,
					  q->body.len);
	if (is_early(q) && !j->early) {
		job_free(j);
		return NULL;
	}
	j->q.body.data = (const uint8_t *)j->data;
	j->q.body.type = "";
	if (c->state == CALL_UP && c->won >= 0)
		j->q.branch = (unsigned)c->won;
	return j;
}

static void refuse_now(struct call *c, int status, const char *phrase,
		       filter_fn fn, void *user)
{
	const struct refusal no = { .status = status, .phrase = phrase };

	LOG_CALL(c, LOG_CLASS_REMOTE, "peer %s: body refused with %d %s",
		 c->peer, status, phrase);
	snprintf(c->reason, sizeof c->reason, "%s", phrase);
	fn(user, &no, NULL);
}

static void enqueue(struct call *c, struct job *j)
{
	struct job **slot = &c->queue;

	while (*slot)
		slot = &(*slot)->next;
	*slot = j;
	c->queued++;
}

static void begin(struct call *c, const struct filter_request *q, filter_fn fn,
		  void *user)
{
	struct engine *e = c->engine;
	uint64_t id = c->id;
	struct job *j = c->queued < QUEUE_MAX ? job_new(c, q, fn, user) : NULL;

	if (!j) {
		refuse_now(c, 500, "Server Internal Error", fn, user);
		return;
	}
	enqueue(c, j);
	if (!c->job) /* else it waits, and goes on by an answer */
		run_queue(e, id);
}

bool engine_legacy(const struct engine *e)
{
	return conf_bool(conf_one(child_conf(e->child), "mikey"), "legacy");
}

/* What comes for tunnels has its keying message beside SDP, or is refused for
 * want of one as any other body. */
static void begin_package(struct call *c, const struct filter_request *q,
			  filter_fn fn, void *user)
{
	struct filter_request own = *q;
	struct buf sdp = buf_of(IPC_BODY_MAX);
	bool old = false;
	int r = package_open(q->body.type, q->body.data, q->body.len,
			     engine_legacy(c->engine) ? &old : NULL, &sdp);

	if (!r)
		c->package = old ? MIME_KEYED_2005 : MIME_KEYED_BASE64;
	own.body = (struct body){ .type = "application/sdp", .data = sdp.data,
				  .len = sdp.len };
	if (r == E_UNSUPPORTED)
		refuse_now(c, 415, "Unsupported Media Type", fn, user);
	else if (r == E_NOTFOUND)
		refuse_now(c, 488, "Not Acceptable Here", fn, user);
	else if (r)
		refuse_now(c, 400, "Bad Request", fn, user);
	else
		begin(c, &own, fn, user);
	buf_free(&sdp);
}

bool call_packages(const struct call *c)
{
	return c->tunnelled;
}

void call_filter(struct call *c, const struct filter_request *q, filter_fn fn,
		 void *user)
{
	if (!q->body.len) {
		fn(user, NULL, &q->body);
	} else if (c->tunnelled && q->from == OUTSIDE &&
		   !is_type(q, "application/sdp") && !is_early(q)) {
		begin_package(c, q, fn, user);
	} else if (!is_type(q, "application/sdp") && !is_early(q)) {
		refuse_now(c, 415, "Unsupported Media Type", fn, user);
	} else if (c->body && q->from == OUTSIDE && !q->opened) {
		refuse_now(c, 488, "Not Acceptable Here", fn, user);
	} else {
		begin(c, q, fn, user);
	}
}

static struct job *repeat_new(struct call *c, enum body_role role,
			      unsigned branch, filter_fn fn, void *user)
{
	const struct deal *d = c->deal;
	struct filter_request q = { .from = INSIDE, .role = role,
				    .branch = branch, .final = true };
	struct job *j;

	if (!d || !d->active || c->queued >= QUEUE_MAX)
		return NULL;
	if (d->offerer == INSIDE)
		q.body = (struct body){ .type = "", .len = d->len,
					.data = (uint8_t *)d->text };
	else
		q.body = (struct body){ .type = "", .len = d->active->len,
					.data = (uint8_t *)d->active->text };
	j = q.body.len ? job_new(c, &q, fn, user) : NULL;
	if (j)
		j->own = true;
	return j;
}

enum repetition { WITH_NEW_KEYS, AS_REFRESH, AS_REPLY };

struct again {
	enum body_role role;
	enum repetition as;
	unsigned branch; /* for which; in a call that is up no matter */
};

static void repeat(struct call *c, struct again a, filter_fn fn, void *user)
{
	struct engine *e = c->engine;
	uint64_t id = c->id;
	struct job *j = repeat_new(c, a.role, a.branch, fn, user);

	if (!j) {
		refuse_now(c, 500, "Server Internal Error", fn, user);
		return;
	}
	j->refresh = a.as != WITH_NEW_KEYS;
	j->reply = a.as == AS_REPLY;
	enqueue(c, j);
	if (!c->job)
		run_queue(e, id);
}

void call_repeat(struct call *c, enum body_role role, filter_fn fn, void *user)
{
	repeat(c, (struct again){ role, WITH_NEW_KEYS, 0 }, fn, user);
}

void call_refresh(struct call *c, unsigned branch, filter_fn fn, void *user)
{
	repeat(c, (struct again){ BODY_OFFER, AS_REFRESH, branch }, fn, user);
}

void call_respond(struct call *c, unsigned branch, filter_fn fn, void *user)
{
	repeat(c, (struct again){ BODY_OFFER, AS_REPLY, branch }, fn, user);
}

/* Called from call_end(), which a job's own fn may have called: that job is
 * then already taken out and freed by run_queue(). */
void filter_drop_jobs(struct call *c)
{
	struct job *j;

	job_free(c->job);
	c->job = NULL;
	while ((j = c->queue)) {
		c->queue = j->next;
		job_free(j);
	}
}

/* -- answers -------------------------------------------------------------- */

uint64_t call_request(struct call *c)
{
	return c->id << 32 | ++c->requests;
}

uint64_t job_request(struct call *c, struct job *j, unsigned index)
{
	uint64_t id = call_request(c);

	if (!j->n)
		j->first = c->requests;
	j->index[j->n++] = (uint8_t)index;
	j->waiting++;
	return id;
}

struct call *call_of_request(const struct engine *e, uint64_t id)
{
	return call_find(e, (uint64_t)child_epoch(e->child) << 32 | id >> 32);
}

int filter_reply(struct engine *e, uint64_t id, enum step step,
		 struct call **out)
{
	struct call *c = call_of_request(e, id);
	struct job *j = c ? c->job : NULL;
	uint32_t i = j ? (uint32_t)id - j->first : 0;

	if (!j || j->step != step || i >= j->n || (j->done >> i & 1)) {
		e->count.late++;
		return E_NOTFOUND;
	}
	j->done |= 1u << i;
	j->waiting--;
	*out = c;
	return j->index[i];
}

void filter_go_on(struct call *c, enum stage stage, int err,
		  const char *reason)
{
	struct engine *e = c->engine;
	struct job *j = c->job;
	uint64_t id = c->id;

	if (!err && j->waiting)
		return;
	engine_wait_end(e, j);
	if (err) {
		job_fail(j, stage, err, reason);
		if (gives_way(c, j)) {
			run_queue(e, id);
			return;
		}
		c->running = true;
		refuse(c, j);
		c = call_find(e, id);
		job_free(j);
		if (!c)
			return;
		c->running = false;
	} else {
		j->step++;
	}
	run_queue(e, id);
}

static enum stage stage_of(const struct job *j)
{
	switch (j->step) {
	case STEP_PORTS:
		return STAGE_PORTS;
	case STEP_KEYS:
		if (j->plain)
			return STAGE_PLAIN;
		return keyclient_stage(j);
	case STEP_RESERVE:
	case STEP_RAISE:
		return ikeclient_stage(j->call);
	default:
		return STAGE_BIND;
	}
}

static void fail_waiting(struct call *c, int err, const char *reason)
{
	filter_go_on(c, stage_of(c->job), err, reason);
}

/* Whom a waiting job waits for. */
static enum process asked(const struct job *j)
{
	switch (stage_of(j)) {
	case STAGE_PORTS:
	case STAGE_BIND:
		return PROC_RELAY;
	case STAGE_TUNNEL:
	case STAGE_PRECONDITION:
		return PROC_TUNNEL;
	default:
		return PROC_KEEPER;
	}
}

static void lose(struct call *c, void *user)
{
	enum process p = *(const enum process *)user;
	char reason[REASON_TEXT];

	if (!c->job || !c->job->waiting || c->running || asked(c->job) != p)
		return;
	snprintf(reason, sizeof reason, "the %s is gone", process_name(p));
	fail_waiting(c, E_CLOSED, reason);
}

void filter_lost(struct engine *e, enum process p)
{
	call_each(e, lose, &p);
}

static void expire(struct call *c, void *user)
{
	uint64_t now = *(const uint64_t *)user;
	struct job *j = c->job;
	char reason[REASON_TEXT];

	if (!j || !j->waiting || now < j->deadline_us)
		return;
	snprintf(reason, sizeof reason, "the %s did not answer in time",
		 process_name(asked(j)));
	fail_waiting(c, E_TIMEOUT, reason);
}

/* Walks all calls only when the oldest waiting job may be late. */
void filter_tick(struct engine *e)
{
	uint64_t now = clock_mono_us(e->clock);

	for (const struct job *j = e->waiting; j; j = j->tick_next)
		if (now >= j->deadline_us) {
			call_each(e, expire, &now);
			return;
		}
}
