/* inside.h - the engine's own structs, for the files of this folder only.
 * Engine thread. */
#ifndef CALLSEAL_ENGINE_INSIDE_H
#define CALLSEAL_ENGINE_INSIDE_H

#include "daemon/base/clock.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/failure.h"
#include "daemon/engine/sdp.h"
#include "daemon/engine/verdict.h"

#define CALL_BUCKETS 4096   /* of both hash tables; a power of two */
#define ENDED_KEPT 64       /* ended calls that the CLI can show */
#define REFUSED_KEPT 16     /* refused ones, which must not drive those out */
#define QUEUE_MAX 16        /* bodies of one call that wait their turn */
#define RELAY_DEADLINE_MS 2000
#define KEEPER_DEADLINE_MS 5000
#define TICK_MS 100
#define TICK_SLOW_MS 10000

#define LOG_CALL(c, cls, ...) log_line(cls, "engine", (c)->id, __VA_ARGS__)

/* The relay's side of one m= line. */
struct line {
	struct line *next;    /* in the engine's table by stream */
	struct call *call;
	uint32_t stream;      /* 0: none */
	uint32_t ssrc;        /* ours on the sealed leg */
	struct addr local[2]; /* our RTP ports, by face */
	uint64_t first_us[2]; /* wall clock of the first packet, by face */
	struct msg_stream_stats *stats; /* owned; or NULL */
};

/* Where one side receives a line. */
struct endpoint {
	bool accepted; /* the port is not 0 */
	bool mux;
	bool held;     /* not sendrecv, or no address */
	struct addr rtp, rtcp; /* rtcp.family 0: RTP's port + 1 */
};

/* One keying message, for the session or for one line. */
struct exchange {
	uint64_t id;   /* the keeper's; 0 when we answered */
	char *offer;   /* base64; owned */
	char *answer;  /* base64 of our response, when we answered; owned */
};

/* One early dialog's answer. */
struct branch {
	struct branch *next;
	unsigned number;
	uint8_t digest[32];      /* of the whole answer without o= */
	uint8_t keys_digest[32]; /* of its keying messages */
	struct endpoint end[SDP_LINES_MAX];
	struct msg_key_ids key[SDP_LINES_MAX];
	struct msg_key_facts facts;
};

/* An offer and its answers. */
struct deal {
	enum face offerer;
	bool kept;            /* keys and exchanges are the deal's before */
	bool media_level;     /* one keying message a line */
	unsigned n;           /* m= lines */
	uint32_t usable;      /* a bit for each line that passes */
	uint8_t digest[32];   /* of the offer without o= */
	struct endpoint end[SDP_LINES_MAX];    /* the offerer's */
	struct msg_key_ids key[SDP_LINES_MAX]; /* fixed by the offer alone */
	unsigned n_exchanges;
	struct exchange exchange[STREAM_MAX];
	struct msg_key_facts facts; /* when we answered */
	struct branch *branches;    /* owned */
	struct branch *active;      /* whose media passes; or NULL */
};

/* What one leg was last sent, so that "unchanged" repeats its bytes. */
struct own_sdp {
	uint64_t id, version; /* version 0: nothing was sent */
	uint8_t digest[32]; /* of its bytes, o= included */
};

enum step { STEP_READ, STEP_PORTS, STEP_KEYS, STEP_BIND, STEP_WRITE };

/* One body on its way through call_filter(). */
struct job {
	struct job *next; /* in the call's queue */
	struct call *call;
	struct engine *engine; /* outlives the call */
	struct filter_request q;
	char *data;       /* the body, owned; q.body points into it */
	filter_fn fn;
	void *user;
	enum step step;
	bool repeat;      /* nothing new: write only */
	struct deal *again; /* the deal that a repeated offer repeats */
	bool rekey;       /* keys of this job are to be bound */
	struct sdp sdp;
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
};

enum call_state { CALL_SETUP, CALL_UP };

struct call {
	struct call *next; /* in its bucket */
	uint32_t walk;     /* call_each() has seen it */
	struct engine *engine;
	uint64_t id;
	void *leg;
	enum face from;
	enum call_state state;
	char *caller, *callee;
	char *target, *next_hop;
	struct call_route route;
	char peer[NAME_TEXT];
	char *profile;
	bool sealed;       /* need = "require" */
	uint64_t started_us, up_us; /* wall clock */
	struct line line[SDP_LINES_MAX];
	struct own_sdp own[2]; /* by the face it is sent to */
	struct deal *deal;     /* in force */
	struct deal *pending;  /* offered, not answered yet */
	bool keyed;            /* the keeper has keys or exchanges of it */
	int won;               /* branch, or -1 */
	struct job *job;       /* in work */
	struct job *queue;
	unsigned queued;
	bool running;          /* inside run_queue(): fn may call back */
	uint32_t requests;     /* number of the last request */
	struct verdict verdict;
	char reason[REASON_TEXT]; /* the last refusal in the operator's words */
	/* engine_measure() */
	uint32_t measure_first;
	unsigned measure_waiting;
	uint64_t measure_until_us;
	struct measure *measures;
	uint64_t recheck_us;   /* when to look at its silence again; 0: no */
};

struct measure {
	struct measure *next;
	measure_fn fn;
	void *user;
	uint64_t token;
};

struct counters {
	uint64_t started, refused, up, ended, failed, late, hung_up;
};

struct sibling {
	uint32_t epoch;  /* 0: not there */
	uint64_t starts; /* how often it came */
};

/* A call that is over, for the CLI. */
struct remembered {
	uint64_t order; /* grows */
	json_t *call;   /* owned; or NULL */
};

struct engine {
	struct child *child;
	struct loop *loop;
	struct core *core; /* lent by the child */
	const struct clock *clock;
	uint64_t started_us;
	struct call *calls[CALL_BUCKETS];
	struct line *streams[CALL_BUCKETS];
	size_t n_calls;
	uint32_t last_call, walk;
	bool draining; /* stopping: no new calls */
	struct job *waiting; /* jobs with a deadline */
	struct loop_timer *tick;
	unsigned ticking_ms; /* 0: the timer is not set */
	bool measuring; /* media_tick() has work */
	struct loop_timer *stopping;
	struct counters count;
	struct sibling sibling[PROC_COUNT];
	struct remembered remembered[ENDED_KEPT + REFUSED_KEPT];
	size_t n_ended, n_refused; /* ever */
};

/* call.c: the table */
struct call *call_find(const struct engine *e, uint64_t id);
/* Calls fn for every call; fn may end any call. */
void call_each(struct engine *e, void (*fn)(struct call *c, void *user),
	       void *user);
/* Asks the signalling module to end it; the call may be gone afterwards. */
void call_hang_up(struct call *c, int status, const char *cause);
struct line *call_line_of(const struct engine *e, uint32_t stream);
void call_line_add(struct call *c, struct line *l);
void call_line_drop(struct call *c, struct line *l);
/* The facts that hold now; NULL when nothing is agreed. */
const struct msg_key_facts *call_facts(const struct call *c);
/* New keys in a call that is up. */
void call_rejudge(struct call *c);

/* deal.c */
struct deal *deal_new(enum face offerer);
void deal_free(struct deal *d);
struct branch *deal_branch(const struct deal *d, unsigned number);
/* Replaces the branch of the same number; takes b. active: its media passes
 * from now on. */
void deal_take(struct deal *d, struct branch *b, bool active);
/* Keeps only this branch. */
void deal_settle(struct deal *d, unsigned number);
void deal_clear_exchanges(struct deal *d);
/* A copy of the old deal's keying for an offer that changes no key. */
int deal_keep(struct deal *d, const struct deal *old);

/* route.c */
/* Peer and way of a new call; fills peer, profile, target and next hop. */
int route_call(struct call *c, const struct call_start *s,
	       struct refusal *no);
/* "sip:user@host" of a URI: no port, no parameters, host in lower case. */
void route_identity(const char *uri, char out[static IDENTITY_TEXT]);

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

/* offer.c, answer.c: the step STEP_READ of each role */
int offer_read(struct call *c, struct job *j);
int answer_read(struct call *c, struct job *j);
/* The answer's keying message for a line. */
struct sdp_text answer_mikey(const struct job *j, unsigned line);
/* Fills no from the table of failures, logs, returns err. */
int job_fail(struct job *j, enum stage stage, int err, const char *reason);
/* The deal a job works on. */
struct deal *job_deal(const struct job *j);
/* Whether the answer's media passes now. */
bool job_may_apply(const struct call *c, const struct job *j);

/* rewrite.c: the step STEP_WRITE */
int rewrite_body(struct call *c, struct job *j, struct buf *out);

/* media.c: the relay's client. Each returns 0 when nothing is to be waited
 * for, E_AGAIN when requests are on their way, else how it failed. */
int media_ports(struct call *c, struct job *j);
int media_bind(struct call *c, struct job *j);
/* Turns media to this branch, without waiting. */
void media_turn(struct call *c, const struct branch *b);
void media_release(struct call *c);
int media_handle(struct engine *e, struct ipc_msg *msg);
/* Ends measurements that are late, looks at silent calls again; in how many
 * milliseconds it wants to run again, 0: not until something is asked. */
unsigned media_tick(struct engine *e);
/* The relay is gone: calls with streams end. */
void media_lost(struct engine *e);
/* The next request number of the job's step. */
uint64_t job_request(struct call *c, struct job *j, unsigned index);
uint64_t call_request(struct call *c);
struct call *call_of_request(const struct engine *e, uint64_t id);

/* keyclient.c: the keeper's client */
int keyclient_ask(struct call *c, struct job *j);
void keyclient_drop(struct call *c, struct deal *d);
void keyclient_release(struct call *c);
int keyclient_handle(struct engine *e, struct ipc_msg *msg);
/* Base64 of a keying message; the caller frees. */
char *keyclient_text(const uint8_t *data, size_t len);
/* The reverse; returns the length or E_FORMAT. */
int keyclient_bytes(struct sdp_text text, uint8_t *out, size_t room);

/* status.c */
json_t *status_call(const struct call *c, bool streams);
const char *status_state(const struct call *c);

/* record.c: one JSON line for each ended call, and the ring of them */
void record_call(struct call *c, int status, const char *cause);
void record_refused(struct engine *e, const struct call_start *s,
		    const struct refusal *no, const char *reason);
void record_free(struct engine *e);

/* engine.c */
bool engine_has(const struct engine *e, enum process p);
/* A call is gone: goes on stopping when it was the last. */
void engine_ended_one(struct engine *e);
/* One tick, as the timer makes it. */
void engine_tick(struct engine *e);
/* The tick runs while something waits for it. */
void engine_tick_soon(struct engine *e);
/* Adds the job to those with a deadline. */
void engine_wait(struct engine *e, struct job *j, unsigned ms);
void engine_wait_end(struct engine *e, struct job *j);

#endif
