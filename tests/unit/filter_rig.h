/* filter_rig.h - an engine with a scripted relay and keeper around it, for the
 * tests of calls. One rig a test; time is the rig's own. */
#ifndef CALLSEAL_FILTER_RIG_H
#define CALLSEAL_FILTER_RIG_H

#include "daemon/engine/inside.h"
#include "tests/mock/child.h"

#define RIG_MIKEY "AQAFgM0XflABAAAA" /* what the far end's messages are */
#define BODY_MAX 4096

/* What came out of one call_filter(). */
struct outcome {
	unsigned n;           /* how often fn was called */
	bool passed;
	bool secret, seal;
	struct refusal no;
	char body[BODY_MAX], type[80];
	bool end_call;        /* fn ends the call */
	struct call *call;
};

struct rig {
	struct child *child;
	struct engine *e;
	struct call *call;
	unsigned hangups;
	unsigned reoffers; /* ordered by the core */
	int reoffer_err;   /* what the order gives */
	struct outcome own; /* the body of the last one */
	int hangup_status;
	const char *type; /* of bodies; NULL: application/sdp */
	size_t len;       /* of them, when they are no text; else 0 */
	bool early;       /* they come before the phone is picked up */
	bool dear;        /* the keeper answers in full only with KEY_NOW */
	/* the next answers of the scripted siblings */
	int added_err, offered_err, answered_err, finished_err, done_err;
	int plained_err;
	uint8_t confirmed;
	bool bare; /* the keeper's facts are those of SDES */
	bool opened; /* bodies were sealed, and call_open() gave them */
	bool secured; /* what comes from outside came by verified TLS */
	unsigned refuse_answer; /* the n-th line's, from 1, as unsupported */
	bool recalled;  /* our offers are by the keeper's memory */
	const char *error; /* the keeper's message with a refusal; or NULL */
	bool late_keys; /* no offer of ours fixes keys */
	unsigned keys_short; /* so many lines get none: a broken keeper */
	bool half_keys; /* tunnels alone have some: likewise */
	uint64_t idle_us; /* of every stream */
	uint64_t quieter_us; /* so much more the outside is */
	bool hold_relay, hold_keeper, hold_tunnel; /* they say nothing */
	bool hold_raise; /* nor does the tunnel process of what it raises */
	int reserved_err, raised_err, used_err;
	bool used_late; /* that comes with the use, not when it is asked */
	struct net behind; /* the far end, between networks */
	struct addr far; /* of the far end's tunnels, as the keeper says */
	uint32_t last_stream;
	uint64_t last_key;
	/* seen */
	struct msg_stream_set set[64];
	unsigned n_set;
	struct msg_key_offer offer;
	struct msg_key_answer answer;
	struct msg_key_finish finish;
	struct msg_key_plain plain;
	unsigned plains;
	struct msg_tunnel_reserve reserve;
	struct msg_tunnel_raise raise[16];
	struct msg_tunnel_use use[16];
	struct msg_ike_sdp ours; /* what it tells of our end of IKE */
	unsigned uses;
	uint32_t last_tunnel;
	unsigned reserves, raises, tunnel_drops;
	uint8_t seal; /* of the last streams asked for */
	unsigned offers, answers, finishes, drops, wins, releases, adds, dels;
};

struct rig *rig_new(const char *more_conf);
/* A reload to the same configuration, but for the first place where it says
 * what. */
void rig_reload(struct rig *r, const char *what, const char *instead);
/* Ends the call if it is there; checks that nothing is left behind. */
void rig_free(struct rig *r);
struct call *rig_call(struct rig *r, enum face from, const char *peer_user);
/* Runs one body through; pumps the siblings unless they hold. */
void rig_filter(struct rig *r, enum face from, enum body_role role,
		unsigned branch, const char *body, struct outcome *o);
/* The answer to an offer of the core's own. */
void rig_answer_own(struct rig *r, const char *body, struct outcome *o);
/* What the phone hears of later. */
void rig_hold(struct rig *r, unsigned branch, const char *body,
	      struct outcome *o);
/* ... and comes as an offer. */
void rig_hold_offer(struct rig *r, unsigned branch, const char *body,
		    struct outcome *o);
/* call_repeat(). */
void rig_repeat(struct rig *r, enum body_role role, struct outcome *o);
void rig_refresh(struct rig *r, struct outcome *o); /* call_refresh() */
void rig_refresh_to(struct rig *r, unsigned branch, struct outcome *o);
void rig_respond(struct rig *r, struct outcome *o);   /* call_respond() */
void rig_pump(struct rig *r);
void rig_pass_time(struct rig *r, unsigned ms);
int rig_keeper_says(struct rig *r, enum message type, uint64_t id, void *body,
		    size_t len, const char *tail);
int rig_relay_says(struct rig *r, enum message type, uint64_t id, void *body,
		   size_t len);
int rig_tunnel_says(struct rig *r, enum message type, uint64_t id, void *body,
		    size_t len);
extern char rig_log[16384]; /* every line since rig_new() */

#endif
