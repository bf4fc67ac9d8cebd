/* inside.h - the engine's own structs, for the files of this folder only.
 * Engine thread. */
#ifndef CALLSEAL_ENGINE_INSIDE_H
#define CALLSEAL_ENGINE_INSIDE_H

#include "daemon/base/clock.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/guard/guard.h"
#include "daemon/engine/body/job.h"
#include "daemon/engine/report/verdict.h"
#include "daemon/mime/keyed.h"

#define CALL_BUCKETS 4096   /* of both hash tables; a power of two */
#define ENDED_KEPT 64       /* ended calls that the CLI can show */
#define REFUSED_KEPT 64     /* refused ones, which must not drive those out */
#define QUEUE_MAX 16        /* bodies of one call that wait their turn */
#define REDIRECTS_MAX 5     /* that one call follows */
#define RELAY_DEADLINE_MS 2000
#define KEEPER_DEADLINE_MS 5000
#define TUNNEL_DEADLINE_MS 3000
#define IKE_DEADLINE_MS 10000 /* longer than modules/vici gives charon */
#define TICK_MS 100
#define SETUP_SOURCES 4096 /* counts of calls in set-up */
#define SETUP_PEERS 256
#define TICK_SLOW_MS 10000

#define LOG_CALL(c, cls, ...) log_line(cls, "engine", (c)->id, __VA_ARGS__)

/* The relay's side of one m= line. */
struct line {
	struct line *next;    /* in the engine's table by stream */
	struct call *call;
	uint32_t stream;      /* 0: none */
	bool maybe;           /* made as one that may become clear */
	bool up;              /* its tunnel takes media; of charon's for this
	                         call alone */
	uint32_t ssrc;        /* ours on the sealed leg */
	struct addr local[2]; /* our RTP ports, by face */
	uint32_t tunnel;      /* raised for it, or used; 0: none (call_slot) */
	uint64_t first_us[2]; /* wall clock of the first packet, by face */
	struct msg_stream_stats *stats; /* owned; or NULL */
};

/* What one leg was last sent, so that "unchanged" repeats its bytes. */
struct own_sdp {
	uint64_t id, version; /* version 0: nothing was sent */
	uint8_t digest[32]; /* of its bytes, o= included */
};

enum call_state { CALL_SETUP, CALL_UP };

/* Changing the keys of a call that is up (rekey.c). */
struct rekeying {
	bool open;        /* the signalling module has an offer of ours open */
	bool wanted;      /* new keys are due */
	bool rides;       /* the phone's next offer brings them, too */
	bool again;       /* what is under way has an address that we left */
	unsigned failed;  /* in a row */
	uint64_t at_us;   /* monotonic: when to begin; 0: nothing is due */
	uint32_t count;   /* changes of keys in this call */
	uint64_t last_us; /* wall clock of the last one; 0: none */
	struct asker *askers; /* owned */
	uint64_t patience_us; /* monotonic: how long they wait */
};

/* How the streams of a call are protected outside. Once it is not OPEN it
 * stays for the whole dialog, but for MAYBE, which the answer decides. */
enum sealing {
	SEALING_OPEN,  /* the first offer decides: need is prefer or allow */
	SEALING_NO,
	SEALING_MAYBE, /* offered with keys that may be left out (RFC 8643) */
	SEALING_YES
};

/* Our attempts at a call that prefers sealing, the best first. */
enum rung { RUNG_SEALED, RUNG_OPPORTUNISTIC, RUNG_PLAIN };

/* The phones of one account, when the call is for several. */
struct phone_list {
	struct phone *phone; /* owned */
	size_t n;
};

struct call {
	struct call *next; /* in its bucket */
	uint32_t walk;     /* call_each() has seen it */
	struct engine *engine;
	uint64_t id;
	void *leg;
	enum face from;
	enum call_state state;
	char *caller, *callee;
	char *connected;   /* the far end's identity where it is another, to
	                      whom it was diverted; owned, or NULL */
	uint32_t strayed;  /* by branch: it once was, so keys may be his */
	char *target, *next_hop, *routes;
	struct call_route route;
	struct hop_list hops; /* empty: next_hop is the only way */
	struct phone_list phones; /* empty: there is one at most */
	char peer[NAME_TEXT];
	char *profile;
	bool secured;      /* the outside's SIP goes by verified TLS, as far
	                      as is known before it went */
	enum need need;    /* of its profile, when it began */
	enum body_mode body; /* the same way: how its SDP goes outside */
	enum hide hide;    /* the same way: whom their header does not name */
	bool tunnelled;    /* the same way: its media go in ESP, in tunnels of
	                      its own ... */
	bool ike_call;     /* ... that charon raises, not the kernel */
	enum mime_keyed_form package; /* as the far end writes them */
	enum esp_scope scope; /* the same way: what the tunnel is for */
	struct net behind[ESP_SELECTORS_MAX]; /* the far end of the
	                                         tunnel that is up */
	bool carried;      /* the same way: in a tunnel of charon's ... */
	bool before;       /* ... which must be up before anybody is called */
	bool within;       /* tunnelled or carried, and SRTP there; then keyed
	                      by the tunnel's own messages, or by SDP's */
	enum ike_sdp ike_sdp; /* the same way: whether SDP has IKE in it */
	struct standing *standing; /* where it is, by branch; owned */
	bool body_brief;   /* our last one only referred to our certificate */
	bool body_full;    /* which the far end did not know */
	bool body_learned; /* the far end showed another certificate of its */
	bool sdp_vouched;  /* what was signed so far was so by a certificate
	                      that an anchor vouches for */
	enum sealing sealing;
	enum rung rung;
	char *tried[REDIRECTS_MAX]; /* whom it was for before; owned */
	unsigned n_tried;
	bool pressed; /* an emergency call that was refused: sealed by now */
	struct dual *dual; /* owned; NULL: no line is hidden */
	unsigned ike_line; /* of those, from 1: IKE (ikelines.c); 0: none */
	bool avp; /* keyed, yet RTP/AVP outside (RFC 8643) */
	bool again; /* an offer by memory was refused, and made anew */
	bool setup, late;  /* counted in setup.c; it has no offer */
	bool words;        /* it is no call, but a MESSAGE that needs a way */
	struct addr source;         /* who sent the INVITE */
	const char *transport;      /* static text; NULL: not told */
	char *head;        /* its headers; owned, or NULL */
	struct guard_ticket ticket; /* what it holds of limits */
	unsigned rank;     /* its priority; 0: none */
	bool emergency;    /* it goes out, sealed or not */
	struct addr nat;   /* that the phone is behind; family 0: none */
	unsigned source_slot, peer_slot;
	uint64_t started_us, up_us; /* wall clock */
	struct line line[SDP_LINES_MAX];
	struct own_sdp own[2]; /* by the face it is sent to */
	struct deal *deal;     /* in force */
	struct deal *pending;  /* offered, not answered yet */
	bool shared;           /* who answered and lost has the keys, too */
	bool keyed;            /* the keeper has something of it: keys,
	                          exchanges, bodies */
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
	struct rekeying rekey;
	uint64_t recheck_us;   /* when to look at its silence again; 0: no */
};

struct measure {
	struct measure *next;
	measure_fn fn;
	void *user;
	uint64_t token;
};

struct asker {
	struct asker *next;
	rekey_fn fn;
	void *user;
	uint64_t token;
};

struct counters {
	uint64_t started, refused, up, ended, failed, late, hung_up;
	uint64_t rekeyed, rekey_failed;
};

struct sibling {
	uint32_t epoch;  /* 0: not there */
	uint64_t starts; /* how often it came */
};

/* A call that is over, for the CLI. */
struct remembered {
	uint64_t order; /* grows */
	json_t *call;   /* owned; or NULL */
	json_t *origin; /* for a trace; owned, or NULL */
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
	struct bodying *bodyings; /* bodies at the keeper (bodyclient.c) */
	uint32_t last_bodying;
	struct glance *glances; /* questions to the keeper for the operator */
	unsigned n_glances;
	uint64_t last_glance;
	struct login *logins, **logins_end; /* so, too, about phones */
	unsigned n_logins;
	uint64_t last_login;
	struct question *questions; /* digests that the keeper makes */
	unsigned n_questions;
	uint64_t last_question;
	bool rekeying;  /* rekey_tick() has work */
	struct loop_timer *stopping;
	struct counters count;
	struct guard *guard; /* once the configuration is there */
	struct addr seen[2]; /* outside.public as calls have it */
	uint64_t setup_seed;
	unsigned setup_source[SETUP_SOURCES], setup_late[SETUP_PEERS];
	struct sibling sibling[PROC_COUNT];
	struct remembered remembered[ENDED_KEPT + REFUSED_KEPT];
	size_t n_ended, n_refused; /* ever */
	struct ike_end *ike_ends; /* ours, by peers (way/discover.c) */
	uint64_t last_capable; /* id of the last description of those */
};

/* call.c: the table */
struct call *call_find(const struct engine *e, uint64_t id);
/* Gives it an id of its own. */
void call_name(struct call *c);
/* Calls fn for every call; fn may end any call. */
void call_each(struct engine *e, void (*fn)(struct call *c, void *user),
	       void *user);
/* One that is in no table yet, without a way. */
int call_new(struct engine *e, const struct call_start *s, void *leg,
	     struct call **out);
void call_free(struct call *c); /* NULL is allowed */
/* Asks the signalling module to end it; the call may be gone afterwards. */
void call_hang_up(struct call *c, int status, const char *cause);
struct line *call_line_of(const struct engine *e, uint32_t stream);
void call_line_add(struct call *c, struct line *l);
void call_line_drop(struct call *c, struct line *l);
/* The profile of its peer; NULL: a reload took the peer away. */
const struct profile *call_profile(const struct call *c);
/* The facts that hold now; NULL when nothing is agreed. */
const struct msg_key_facts *call_facts(const struct call *c);
/* New keys in a call that is up. */
void call_rejudge(struct call *c);
/* Its far end is another by now. */
void call_judge_again(struct call *c);

/* connected.c */
/* A message of that branch was taken, of the far end that the call names (""),
 * or of this one. E_NOMEM; E_POLICY: a caller whom screening keeps out. */
int connected_note(struct call *c, unsigned branch, const char *who);
/* It is for another from here on, and with none yet. */
void connected_forget(struct call *c);
/* Whether the end that it is with was another's at any time. */
bool call_strayed(const struct call *c);

/* admit.c */
/* Whether there is room for one more call, or no says why not. */
int admit_room(struct engine *e, const struct call_start *s,
	       struct refusal *no);
/* The guard's two questions, before and after the way is known. */
int admit_enter(struct call *c, const struct call_start *s,
		struct refusal *no);
int admit_ring(struct call *c, const struct call_start *s, struct refusal *no);
int admit_talk(struct call *c, const struct call_start *s, struct refusal *no);
/* An emergency call begins: counted, and in the log. */
void admit_emergency(const struct call *c);
/* It came to nothing, or ended with this status before it was up. */
void admit_failed(struct call *c, int status);

/* setup.c */
/* A call from outside enters set-up, or no says why not (E_POLICY). */
int setup_admit(struct call *c, const struct call_start *s, struct refusal *no);
/* It is up, or over. */
void setup_over(struct call *c);

/* dual.c: lines of the outside that the inside does not see */
struct dual;
bool dual_hides(const struct call *c, unsigned line);
/* Looks for them in an offer of the outside whose usable lines are known. */
int dual_find(struct call *c, const struct job *j);
/* One that the phone is never to see, in an offer before it has any line: of
 * their SDP, or for ours, with its text. E_NOMEM. */
int dual_hide(struct call *c, const struct job *j, unsigned line);
int dual_add(struct call *c, unsigned line, const char *text);
/* Puts them into a body of the inside, before it is read. */
int dual_restore(const struct call *c, struct job *j);
void dual_free(struct dual *d);

/* route.c */
/* Peer and way of a new call; fills peer, profile, target and next hop. */
int route_call(struct call *c, const struct call_start *s,
	       struct refusal *no);
/* The address is in inside.nets. */
bool route_is_inside(const struct settings *s, const struct addr *a);
/* "sip:user@host" of a URI: no port, no parameters, host in lower case. */
void route_identity(const char *uri, char out[static IDENTITY_TEXT]);
/* What "phones" has for the user of a URI, whatever its host; NULL: nothing. */
const struct conf_node *route_phone(const struct conf *conf, const char *uri);

/* phone.c: registered phones */
/* Fills target, next hop and phones, callee with the account. E_NOTFOUND: none
 * is registered. sips: the call is to a sips: URI. */
int phone_find(struct call *c, bool sips);
void phone_free(struct phone_list *l);
struct location_way;
/* Puts those in front that a call to a sips: URI may reach; how many. If there
 * are none, all stay: who is asked next refuses it and says why. */
size_t phone_by_tls(struct location_way *way, size_t n);

/* hop.c: which of several next hops */
/* Fills hops and next_hop. E_CLOSED: all of them are down; E_UNSUPPORTED: none
 * of those that are not can do IPsec, and the profile requires that they can;
 * E_NOMEM. */
int hop_choose(struct call *c, const char *const *hops, size_t n);
/* The first that is not down, valid until the loop goes on; E_CLOSED. */
int hop_first(const struct engine *e, const char *const *hops, size_t n,
	      const char **out);
void hop_free(struct hop_list *l);

/* sealing.c: whether a call is sealed, and what it falls back to */
/* Its m= lines say RTP/SAVP outside. */
bool call_savp(const struct call *c);
/* UDPTL may pass: SRTP cannot protect it, a tunnel does. */
bool call_takes_fax(const struct call *c);
/* The first offer of a call whose profile leaves it open: decides. */
void sealing_offer(struct call *c, struct job *j);
/* The first offer, which came to nothing, is going to be made again. */
void sealing_anew(struct call *c);
/* Whether an answer without keys makes it plain, and the mark of that. */
bool sealing_answer(const struct call *c, struct job *j);
/* An offer of an emergency call came to nothing here, for want of keys: true
 * when it is to be made again from its first step, in clear. */
bool sealing_gives_way(struct call *c, struct job *j);
/* This branch's answer counts. */
void sealing_agreed(struct call *c, const struct branch *b);

/* Whether nothing but a tunnel of charon's protects its media. */
static inline bool call_bare(const struct call *c)
{
	return c->carried && !c->within;
}

/* Whether the far end's first message must prove who it is, by keys. */
static inline bool call_proves(const struct call *c)
{
	return c->need == NEED_REQUIRE && !call_bare(c);
}

/* Whether its media go from phone to phone, not through the relay. */
static inline bool call_direct(const struct call *c)
{
	return c->tunnelled && c->scope == ESP_NET;
}

/* Whether it is known where an m= line's media go. What a call's relay does not
 * see goes to RTCP's address, too. */
static inline bool call_sees(const struct call *c, const struct sdp_media *m)
{
	return !m->named && !(m->rtcp_named && call_direct(c));
}

/* In which line, or place of a deal, the tunnel of a line stands: one that is
 * for more than a line is the first's, whatever lines there are. */
static inline unsigned call_slot(const struct call *c, unsigned line)
{
	return c->tunnelled && c->scope != ESP_MEDIA ? 0 : line;
}

/* media.c: the relay's client. Each returns 0 when nothing is to be waited
 * for, E_AGAIN when requests are on their way, else how it failed. */
int media_ports(struct call *c, struct job *j);
/* Addresses of a body of the inside that is just read, as they are seen from
 * this side of a NAT. */
void media_nat(struct call *c, struct job *j);
int media_bind(struct call *c, struct job *j);
/* The far end can open what goes in the tunnels of an answer of ours: what the
 * phone has said meanwhile goes out. */
void media_open(struct call *c);
/* Turns media to this branch, without waiting. */
void media_turn(struct call *c, const struct branch *b);
void media_release(struct call *c);
int media_handle(struct engine *e, struct ipc_msg *msg);
/* Ends measurements that are late, looks at silent calls again; in how many
 * milliseconds it wants to run again, 0: not until something is asked. */
unsigned media_tick(struct engine *e);
/* The relay is gone: calls with streams end. */
void media_lost(struct engine *e);

/* direct.c: calls whose media pass the relay by. As media.c, but that nothing
 * is to be waited for. */
/* Our end of the tunnel, for an offer. */
int direct_place(struct call *c, struct job *j);
/* Whether all that a body's media would reach is in the tunnel. */
int direct_bind(struct call *c, struct job *j);
/* What lies behind the far end, ESP_SELECTORS_MAX of them: by the job's own
 * keying message, or without one by the tunnel that is up. */
const struct net *direct_behind(const struct call *c, const struct job *j);
/* Marks an offer without a line of media as one of the tunnel alone, or refuses
 * it. */
int direct_alone(const struct call *c, struct job *j);

/* keyclient.c: the keeper's client */
int keyclient_ask(struct call *c, struct job *j);
/* What it asks for the job. */
enum stage keyclient_stage(const struct job *j);
/* Whether the call may be plain: the keeper knows who was sealed before. */
int keyclient_ask_plain(struct call *c, struct job *j);
/* Whether a line's media, and its RTCP, arrive where the tunnel leads by the
 * keying message that is in force. */
bool keyclient_leads(const struct call *c, const struct branch *b,
		     unsigned line, const struct endpoint *end);
void keyclient_drop(struct call *c, struct deal *d);
void keyclient_won(struct call *c);
void keyclient_release(struct call *c);
int keyclient_handle(struct engine *e, struct ipc_msg *msg);
/* A keying message as it stands in SDP; the caller frees. NULL: no memory, or
 * it is none of that protocol. */
char *keyclient_text(enum protocol p, const uint8_t *data, size_t len);
/* The reverse; returns the length or E_FORMAT. */
int keyclient_bytes(enum protocol p, struct sdp_text text, uint8_t *out,
		    size_t room);

/* tunnelclient.c: the tunnel process's client. The first two return as those
 * of media.c do. */
int tunnelclient_reserve(struct call *c, struct job *j);
int tunnelclient_raise(struct call *c, struct job *j);
/* What a deal has reserved and did not raise. NULL is allowed. */
void tunnelclient_drop(struct engine *e, struct deal *d);
/* All of a call that ends. */
void tunnelclient_release(struct call *c);
int tunnelclient_handle(struct engine *e, const struct ipc_msg *msg);
/* The tunnel process is gone: calls with tunnels end. */
void tunnelclient_lost(struct engine *e);
/* A call's tunnel is gone: nothing passes, and it ends. */
void tunnelclient_gone(struct call *c);

/* ikeclient.c: the same for calls whose media charon's tunnel carries */
int ikeclient_ask(struct call *c, struct job *j);
/* How a failure there counts. */
enum stage ikeclient_stage(const struct call *c);
int ikeclient_use(struct call *c, struct job *j);
int ikeclient_used(struct engine *e, const struct ipc_msg *msg);
/* That branch has the call: its lines use the tunnel, no other's do. */
void ikeclient_won(struct call *c, const struct deal *d, unsigned branch);
/* What some branch of a deal, or NULL, uses is no more. */
void ikeclient_lost(const struct deal *d, uint32_t tunnel);
/* Gives up what a branch, or NULL, uses. */
void ikeclient_drop(struct engine *e, struct branch *b);

/* rekey.c: new keys for calls that are up */
/* The call is up. */
void rekey_up(struct call *c);
/* New keys are due; why is for the log. */
void rekey_soon(struct call *c, const char *why);
/* An offer and its answer brought new keys. */
void rekey_done(struct call *c);
/* Whether this offer must bring new keys, whatever else it says. */
bool rekey_rides(const struct call *c, const struct job *j);
/* Our address outside is another one: every sealed call tells its far end so,
 * in an offer that has new keys, too. */
void rekey_moved(struct engine *e);
/* In how many milliseconds it wants to run again; 0: nothing is due. */
unsigned rekey_tick(struct engine *e);
void rekey_forget(struct engine *e, void *user); /* engine_forget() */
/* The call ends: who asked for new keys is told. */
void rekey_end(struct call *c);

/* bodyclient.c: bodies that are sealed from edge to edge */
/* Between whom those of a request are that has such a way, and a number for
 * it. */
void bodyclient_way(struct call *c, struct body_way *w);
int bodyclient_handle(struct engine *e, const struct ipc_msg *msg);
/* The first offer was refused with this status: whether it goes out again,
 * with our certificates. */
bool bodyclient_retry(struct call *c, int status);
/* The call ends: nobody is told any more. */
void bodyclient_end(struct call *c);
void bodyclient_free(struct engine *e); /* tells nobody */
/* As glance_tick(). */
bool bodyclient_tick(struct engine *e, bool lost);

/* account.c: as glance.c */
bool account_tick(struct engine *e, bool lost);
int account_handle(struct engine *e, const struct ipc_msg *msg);

/* glance.c */
void glance_forget(struct engine *e, void *user);
/* Answers those that are late, and those to processes that are gone (a mask).
 * Whether some are left. */
bool glance_tick(struct engine *e, unsigned gone);
int glance_handle(struct engine *e, const struct ipc_msg *msg);
int glance_listed(struct engine *e, const struct ipc_msg *msg); /* tunnels */

/* login.c: as glance.c has it. */
bool login_tick(struct engine *e, bool lost);
int login_handle(struct engine *e, const struct ipc_msg *msg);

/* trace.c: where a call came from; NULL: no memory */
json_t *trace_origin(const struct call *c);

/* status.c */
json_t *status_call(const struct call *c, bool streams);
json_t *status_id(uint64_t id);
const char *status_state(const struct call *c);

/* record.c: one JSON line for each ended call, and the ring of them */
void record_call(struct call *c, int status, const char *cause);
/* c is not in the table, and gets its id here; NULL: no memory for it. */
void record_refused(struct engine *e, const struct call_start *s,
		    const struct refusal *no, struct call *c);
/* The ended or refused call with this id, if it is still remembered. */
const struct remembered *record_find(const struct engine *e, uint64_t id);
void record_free(struct engine *e);

/* engine.c */
/* A call is gone: goes on stopping when it was the last. */
void engine_ended_one(struct engine *e);
/* One tick, as the timer makes it. */
void engine_tick(struct engine *e);
/* The tick runs while something waits for it. */
void engine_tick_soon(struct engine *e);
void engine_glance_soon(struct engine *e);
/* rekey_tick() within ms. */
void engine_rekey_in(struct engine *e, unsigned ms);
/* Adds the job to those with a deadline. */
void engine_wait(struct engine *e, struct job *j, unsigned ms);
void engine_wait_end(struct engine *e, struct job *j);

#endif
