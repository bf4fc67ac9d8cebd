/* core.h - a mock of the engine's core for the signalling module: one fixed
 * route for each face, and a filter that does what the test says. Implements
 * daemon/engine/call.h and what the module uses of engine.h and module.h. */
#ifndef CALLSEAL_MOCK_CORE_H
#define CALLSEAL_MOCK_CORE_H

#include "daemon/engine/call.h"
#include "daemon/engine/accounts.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/fetcher.h"
#include "daemon/engine/way/discover.h"
#include "daemon/engine/way/hops.h"
#include "daemon/engine/way/location.h"
#include "daemon/module.h"

/* What the filter does with the bodies of one role. */
enum mock_filter {
	MOCK_MARK,   /* passes with a line "a=branch:N" added */
	MOCK_SAME,   /* passes as it came */
	MOCK_REFUSE, /* 488 with a warning */
	MOCK_LATE,   /* as MOCK_MARK, after late_ms */
	MOCK_NEVER   /* never calls back */
};

struct engine {
	struct loop *loop;
	struct settings settings;
	const struct signalling *signalling;
	const struct location *location;
	const struct hops *hops;
	const struct fetcher *fetcher;
	bool probes; /* questions for certificates are answered */
	const struct accounts_role *accounts;
	unsigned answers; /* digests that were asked for */
	bool no_keeper;   /* and which nobody makes */
	bool no_link;     /* nor can be asked for */
	struct conf *conf;     /* or NULL: no peers */
	struct policy *policy; /* of conf; the first peer that matches a call
	                          outwards leads it */
	int bindings; /* descriptor of their file, or -1 */
	const char *target[2];   /* Request-URI for calls to that face; "":
	                            the URI that was called */
	const char *next_hop[2]; /* or "" */
	enum mock_filter offer, answer, ack; /* ack: an answer in ACK */
	enum mock_filter keys; /* an early answer of keys */
	bool early;   /* every call wants its keys early */
	bool no_keys; /* but has none */
	bool keys_once; /* of one branch only: the others' are refused */
	bool rings_late; /* phones ring when those are acknowledged */
	unsigned late_ms;
	const char *lead; /* where call_may_lead() lets go; NULL: anywhere */
	const char *refer; /* targets of a transfer that is ours to do, with a
	                      blank between them; NULL: none is */
	unsigned referred; /* transfers that came to an end so */
	int refuse_call; /* status for call_start(); 0: accept */
	unsigned retries; /* so often a 488 is not the end */
	struct call *calls;
	struct guard *guard;
	unsigned started, ended, up, won, filtered, taken, hints;
	bool sealed;    /* every call */
	bool trusted;   /* the outside's word for who is there */
	unsigned redirects; /* followed; 3 at most */
	unsigned refreshed; /* call_refresh()es */
	unsigned replied;   /* call_respond()s */
	bool packages;  /* those of the outside have keys beside them */
	bool bodies;    /* descriptions go and come sealed outside */
	bool whole;     /* messages of calls go whole in what is sealed */
	unsigned hide;  /* enum hide of all calls */
	bool words_whole; /* what was asked last outside of calls */
	bool signs;     /* and what has none, too */
	bool no_late;   /* a first INVITE must offer */
	unsigned forgot; /* so many 493 to requests in calls are mended */
	bool no_seal;   /* the keeper is away: nothing is sealed */
	bool secret;    /* what goes outside has keys as they are */
	unsigned seal_ms; /* how long it takes to seal; one at a time */
	unsigned seals, opens;
	bool known;     /* by the outside: words only refer to certificates */
	bool brief;     /* the ones under way do */
	unsigned learned; /* certificates that came with a 493 */
	char *words;    /* sealed, outside a call; owned, or NULL */
	seal_fn words_fn;
	void *words_user;
	struct loop_timer *worder;
	bool keys_only; /* offers of the outside stay here */
	bool before;    /* the tunnel of every call is a precondition */
	bool not_due;   /* and the far end knows that it is up here */
	bool unmet;     /* nor is it up there */
	unsigned held;  /* what the phone was to hear later */
	unsigned offered; /* of those, offers */
	bool own_no;    /* no offer of our own can be made */
	unsigned again; /* offers that go out once more */
	unsigned reoffered[4]; /* by enum reoffered */
	unsigned again_ms;
	bool tells;      /* OPTIONS from next hops hear of IKE and ESP ... */
	bool tells_late; /* ... or that it is not known yet */
	unsigned discovered; /* answers of next hops that the core was told */
	int last_status; /* of call_end() */
	/* engine_login() and engine_login_forget(); NULL: no keeper is there */
	int (*login)(struct engine *e, const char *method,
		     const struct digest_credentials *c, login_fn fn,
		     void *user);
	void (*forget)(struct engine *e, void *user);
	void *logins; /* login.h's */
};

/* On loopback at that port (inside) and the next (outside), UDP and TCP, IPv4
 * and IPv6. */
int mock_core_open(struct engine *e, unsigned port);
void mock_core_close(struct engine *e);
/* Reads a configuration, of which only the peers count; maybe again. */
int mock_core_conf(struct engine *e, const char *path);
/* Makes an offer in every call; what the order gave for the last one. */
int mock_core_reoffer(struct engine *e);
/* Ends every call as an operator would. */
void mock_core_hangup(struct engine *e, int status, const char *cause);

#endif
