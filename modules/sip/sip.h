/* sip.h - the module's own objects: a pair is one call, its legs are the SIP
 * dialogs on both faces, a txn is one request on its way from one leg to the
 * other. Private to modules/sip; engine thread only.
 *
 *   pair --- caller: one leg, where the first INVITE came in
 *        \-- called: one leg for each early dialog (branch) of the far side
 *        \-- txns:   requests that passed or are passing
 *        \-- queue:  messages that wait for the core's filter, in order
 *
 * Everything of a pair is freed by pair_sweep(), from the loop, never from
 * inside a callback of Sofia's or the core's. */
#ifndef CALLSEAL_SIP_H
#define CALLSEAL_SIP_H

#include "daemon/engine/call.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/fetcher.h"
#include "daemon/engine/loop.h"
#include "daemon/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accounts; /* trunk/account.h */
struct before; /* before/called.c */
struct fork; /* fork.c */
struct auth;     /* trunk/auth.h */
struct errand; /* errand.c */
struct fetch;    /* fetch.c */
struct reveal;   /* reveal.c */
struct admissions; /* registrar/admission.h */
struct leg;
struct hop_table; /* trunk/hops.h */
struct loop_timer;
struct merges; /* merge.h */
struct registry; /* register.h */
struct requests; /* request.h */
struct reliable;
struct transfer; /* transfer/transfer.h */
struct txn;

#define NTA_AGENT_MAGIC_T struct sip_face
#define NTA_LEG_MAGIC_T struct leg
#define NTA_OUTGOING_MAGIC_T struct txn
#define NTA_INCOMING_MAGIC_T struct txn
#define NTA_RELIABLE_MAGIC_T struct reliable

#include <sofia-sip/nta.h>
#include <sofia-sip/sip.h>

#define SIP_TAG "sip" /* in the log */

/* What one call may hold, whatever its ends send. */
#define BRANCHES_MAX 16 /* early dialogs of the called side */
#define TXNS_MAX 32     /* requests on their way */
#define QUEUE_MAX 32    /* messages that wait for the filter */

/* One of the two faces: an agent of its own with the listeners of that face,
 * so that nothing can leave on the wrong side. */
struct sip_face {
	struct sip *sip;
	enum face face;
	nta_agent_t *agent;
	struct leg *door; /* requests outside any dialog */
	const struct face_settings *settings;
	struct addr bound[LISTEN_MAX]; /* what each was called at first */
	sip_contact_t *contact[LISTEN_MAX]; /* what each listener is called */
	sip_contact_t *secure[LISTEN_MAX];  /* the same as a sips: URI */
};

struct sip {
	struct engine *engine;
	struct loop *loop;
	su_home_t home[1];
	struct sip_face face[2];
	struct registry *registry;
	struct admissions *admissions;
	struct requests *requests;
	struct hop_table *hops;
	struct accounts *accounts;
	struct errand *errands; /* our own requests to the outside */
	struct nonce_counts *counts;
	struct merges *merges;
	struct fetcher fetcher;
	struct fetch *fetches; /* questions for certificates (fetch.h) */
	struct reveal *reveals; /* whose senders are asked for (reveal.h) */
	struct pair *pairs;   /* all of them */
	size_t n_pairs;
	struct pair *to_sweep;
	struct loop_timer *sweeper;
	struct loop_timer *patient; /* pair_give_up() */
	uint64_t patience_us; /* with what the other end owes an ended call */
	struct loop_timer *sessions; /* session_tick() */
	bool sessions_run;
	uint64_t bye_us;      /* when we last said one by ourselves */
	uint8_t secret[32];   /* of the loop mark */
	bool draining;
};

/* The session timer of one leg (RFC 4028; session/session.h). */
struct session {
	uint32_t interval_s; /* 0: none is agreed */
	uint32_t min_s;      /* the greatest Min-SE that we heard; 0: none */
	bool ours;           /* we refresh, not the other end */
	bool refreshing;     /* a refresh of ours is open */
	uint64_t refresh_us; /* monotonic: when we refresh; 0: not */
	uint64_t end_us;     /* when it is over without a refresh */
};

/* What a request asks of its receiver for the session's sake. */
struct session_ask {
	uint32_t interval_s, min_s; /* 0: nothing */
	bool timer;                 /* its sender knows RFC 4028 */
	bool uac, uas;              /* whom it wants to refresh */
};

/* SDP as a leg was sent it. */
struct said {
	uint8_t *data; /* owned; NULL: none */
	size_t len;
};

/* Who is who in a dialog by now (RFC 4916; session/naming.h). */
struct naming {
	bool changes; /* the other end takes another URI in From */
	bool unnamed; /* it wants privacy: phones are not told who it is */
	char *own;    /* what we are to be there, a SIP URI; owned, or NULL:
	                 what the dialog began with */
	char *theirs; /* the same of the other end */
	char *told;   /* what it knows of own, or of P-Asserted-Identity */
};

/* A dialog with one end. */
struct leg {
	struct pair *pair;    /* NULL: a face's door */
	struct leg *next;     /* a further branch of the called side */
	struct sip_face *face;
	nta_leg_t *dialog;    /* NULL: a branch that lost */
	const sip_contact_t *contact; /* of ours: which listener we are */
	unsigned branch;      /* called side: 0, 1, ... */
	unsigned prong;       /* which of several INVITEs made it (fork.c) */
	bool caller;
	bool lost;            /* another phone has the call, or none */
	bool referred;        /* a transfer rings there (transfer/) */
	bool tagged;          /* the other end gave its tag */
	bool sips;            /* the call on this leg is to a sips: URI */
	bool known;           /* whom no limit of strangers holds for */
	char *hop;            /* behind a NAT: where requests in the dialog go,
	                         a SIP URI; NULL: by the dialog; owned */
	bool updates;         /* the other end allows UPDATE */
	bool keyed;           /* its early keys were taken (early.c) */
	/* Where the tunnel is a precondition, the called side outside: */
	struct said terms;    /* what it described last */
	bool begun;           /* ... and was acknowledged */
	bool told;            /* it knows that the tunnel is up here */
	bool met;             /* ... and has said so itself */
	unsigned privacy;     /* what it asked for (border.h) */
	char call_id[33];     /* of a dialog that we began; or "" */
	struct session session;
	struct naming named;
};

/* A reliable provisional response that we passed on; a PRACK names it. */
struct reliable {
	struct txn *txn;
	struct leg *leg;         /* NULL: of our own making (early.c) */
	struct reliable *next; /* of the txn */
	nta_reliable_t *rel;   /* NULL once acknowledged */
	nta_prack_f *on_prack; /* what it calls then */
	uint32_t rseq;         /* as the far side counts */
	uint32_t told;         /* as we do */
	bool offer;            /* its body was an offer */
};

/* A request from one leg to the other, until its last response (and ACK) has
 * passed. */
struct txn {
	struct pair *pair;
	struct txn *next;
	struct leg *from, *to;
	nta_incoming_t *irq; /* NULL once answered and done with */
	nta_outgoing_t *orq; /* NULL before it was sent */
	msg_t *out;          /* ours, until its body is sealed (reoffer.c) */
	struct reliable *reliables;
	struct auth *auth; /* our answer to a challenge; or NULL */
	char *proof;       /* admission_proof(); owned, or NULL */
	void (*again)(struct txn *t, bool good); /* once it is there */
	void (*ended)(struct txn *t, int status, const sip_t *sip); /* own.c */
	struct before *before; /* it waits for the tunnel; owned, or NULL */
	struct loop_timer *patience; /* with the next hop; or NULL (retry.c) */
	sip_method_t method;
	uint32_t cseq;       /* on the leg it went to */
	unsigned phone;      /* of several: call_phone() */
	unsigned prong;      /* and which INVITE it is (fork.c); 0: the only */
	uint32_t rack_rseq, rack_cseq; /* PRACK: what it acknowledges there */
	int answer;          /* final status that came from the other leg */
	int final;           /* final status that we gave; 0: none yet */
	bool initial;        /* the INVITE that made the pair */
	bool offer;          /* it carried an offer */
	bool secured;        /* it came by verified TLS */
	bool rel100;         /* its sender understands 100rel */
	bool needs_rel100;   /* and requires it */
	bool learned;        /* what came with a 493 was looked at */
	bool early;          /* we asked for keys before the 2xx (early.c) */
	bool keyed;          /* we answered so */
	bool pracked;        /* and that was acknowledged */
	bool prack_answer;   /* PRACK: its body answers a reliable offer */
	bool acked;          /* INVITE: the ACK went to the other leg */
	bool own;            /* an offer of ours (reoffer.c): irq is NULL */
	bool local;          /* answered by us: the other leg never saw it */
	bool tells;          /* an UPDATE of ours that tells who is there */
	bool joins;          /* the offer of whom a transfer reached */
	struct session_ask ask; /* INVITE, UPDATE */
	struct said said;    /* its SDP as it went to the other leg */
	unsigned small;      /* 422s so far; own.c: 491s */
	bool done;           /* sweep it */
};

enum pair_state {
	PAIR_CALLING,  /* no 2xx yet */
	PAIR_ANSWERED, /* a 2xx came; the ACK has not passed */
	PAIR_UP,
	PAIR_ENDED     /* only cleaning is left */
};

struct pair {
	struct sip *sip;
	struct pair *next, **prev;
	struct pair *sweep_next;
	bool to_sweep;
	uint64_t ended_us;      /* monotonic */
	struct call *call;      /* the core's; NULL after call_end() */
	char peer[NAME_TEXT];   /* its peer's name */
	enum pair_state state;
	struct leg *caller;
	struct leg *called;     /* the branches; the first is the winner */
	struct leg *lost;       /* branches that are none, while we wait */
	unsigned branches;
	struct txn *txns;
	struct fork *fork;      /* the call is for several phones; or NULL */
	struct transfer *transfer; /* to another phone; the last one, or NULL */
	struct passage *queue;  /* see filter.h */
	bool running;           /* the queue is being worked on */
	int depth;              /* calls to and from the core we are inside */
	int end_status;
	char end_cause[REASON_TEXT];
	bool confirmed;         /* the caller's first ACK came */
	msg_t *revealed;        /* what was within the first one, if the
	                           header around named nobody; or NULL */
	uint64_t invite;        /* the first one's merge_invite() */
	bool forked;            /* another of our phones has it, too */
	bool late_bye;          /* BYE the caller once its ACK came */
	struct body_way *way;   /* between whom, when the call is over and its
	                           messages are signed; owned, or NULL */
	bool no_bye[2];         /* [1]: to the caller, [0]: to the called */
	struct said said[2];    /* the same: what counts there now */
};

#endif
