/* job.h - one body on its way through call_filter(), and its steps (filter.c
 * has the machine). For the files of this folder only. Engine thread. */
#ifndef CALLSEAL_ENGINE_JOB_H
#define CALLSEAL_ENGINE_JOB_H

#include "daemon/base/buf.h"
#include "daemon/engine/body/deal.h"
#include "daemon/engine/report/failure.h"
#include "daemon/engine/sdp/sdppre.h"

enum step {
	STEP_READ, STEP_PORTS, STEP_RESERVE, STEP_KEYS, STEP_RAISE, STEP_BIND,
	STEP_WRITE
};

/* Where the tunnel stands as a precondition: each early dialog with the outside
 * has offers and answers of its own (before.c). */
struct standing {
	struct standing *next;
	unsigned branch;   /* who calls has one dialog: 0 */
	struct sdp_status line[SDP_LINES_MAX];
	uint32_t lines;    /* those that count; a bit each */
	bool heard;        /* the outside's last description spoke of it */
};

/* One body on its way through call_filter(). */
struct job {
	struct job *next; /* in the call's queue */
	struct call *call;
	struct engine *engine; /* outlives the call */
	struct filter_request q;
	char *data;       /* the body, owned; q.body points into it */
	char *early;      /* a keying answer without SDP, base64; owned. NULL:
	                     the body is SDP */
	filter_fn fn;
	void *user;
	enum step step;
	bool repeat;      /* nothing new: write only */
	struct deal *again; /* the deal that a repeated offer repeats */
	bool rekey;       /* keys of this job are to be bound */
	bool own;         /* call_repeat(): nobody sent it */
	bool refresh;     /* own, and no new keys: call_refresh() */
	bool reply;       /* that as an answer: call_respond() */
	bool keys_only;   /* an offer of the outside that changes nothing
	                     else: the inside does not see it */
	bool plain;       /* it makes the call plain: may it? */
	struct sdp sdp;
	struct sdp_pre pre[SDP_LINES_MAX]; /* what it says of preconditions */
	struct deal *deal;     /* offer: new, owned until it is the call's */
	struct branch *branch; /* answer: new, owned until it is the deal's */
	uint32_t lines;        /* those that new ports were asked for */
	/* What the step waits for: requests number first .. first + n - 1. */
	uint32_t first;
	unsigned n, waiting;
	uint32_t done;         /* a bit for each */
	uint8_t index[SDP_LINES_MAX]; /* request -> line or exchange */
	uint64_t deadline_us;
	struct job *tick_next, *tick_prev; /* the engine's waiting jobs */
	struct refusal no;
	char error[REFUSAL_KEYS]; /* what the keeper says to the far end */
};

/* filter.c */
void filter_drop_jobs(struct call *c);
/* An answer to one of the job's requests: its index, or -1 (counted). */
int filter_reply(struct engine *e, uint64_t id, enum step step,
		 struct call **out);
/* Goes on after a reply; err says how it failed, 0 or negative. The call may
 * be gone afterwards. */
void filter_go_on(struct call *c, enum stage stage, int err,
		  const char *reason);
/* Fails every job that waits for this process. */
void filter_lost(struct engine *e, enum process p);
void filter_tick(struct engine *e);

/* offer.c, answer.c, early.c: the step STEP_READ of each role */
int offer_read(struct call *c, struct job *j);
int answer_read(struct call *c, struct job *j);
int early_read(struct call *c, struct job *j);
/* Makes j->branch, an empty one. */
int answer_branch(struct job *j, const uint8_t digest[static 32]);
/* SHA-256 of the answer's keying messages, each with its length. */
int answer_digest(const struct job *j, uint8_t out[static 32]);
/* The answer's keying message for a line. */
struct sdp_text answer_keys(const struct job *j, unsigned line);
/* Fills no from the table of failures, logs, returns err. */
int job_fail(struct job *j, enum stage stage, int err, const char *reason);
/* The deal a job works on. */
struct deal *job_deal(const struct job *j);
/* Where the outside receives a line, of an answer's job. */
const struct endpoint *job_outside(const struct job *j, unsigned line);
/* Whether the answer's media passes now. */
bool job_may_apply(const struct call *c, const struct job *j);

/* rewrite.c: the step STEP_WRITE */
int rewrite_body(struct call *c, struct job *j, struct buf *out);
/* An answer that takes all of the outside's offer, which is in j->sdp. */
int rewrite_accept(struct call *c, struct job *j, struct buf *out);

/* before.c: the tunnel as a precondition. For other calls each does nothing. */
/* What a description from outside says of it, and whether that will do. */
int before_read(struct call *c, struct job *j);
void standing_free(struct standing *s); /* NULL is allowed */
/* It counts from now on; the tunnel has been asked for. */
void before_take(struct call *c, const struct job *j);
/* What a line for the outside says of it. */
void before_edit(const struct call *c, const struct job *j, unsigned i,
		 struct sdp_edit_line *l);
/* Whether a line of its offer has no use of the tunnel yet: the far end begins,
 * and the offer that says that it has is not a repetition. */
bool before_lacks(const struct call *c);
/* Whether the far end does not take a line that is offered again. */
bool before_rejects(const struct call *c, const struct job *j, unsigned i);

/* The next request number of the job's step. */
uint64_t job_request(struct call *c, struct job *j, unsigned index);
uint64_t call_request(struct call *c);
struct call *call_of_request(const struct engine *e, uint64_t id);

#endif
