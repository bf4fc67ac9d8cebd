/* clerk_inside.h - the clerk's own structs, for its files only. */
#ifndef CALLSEAL_KEEPER_CLERK_INSIDE_H
#define CALLSEAL_KEEPER_CLERK_INSIDE_H

#include "daemon/base/buf.h"
#include "daemon/keeper/alternatives.h"
#include "daemon/keeper/clerk/clerk.h"
#include "daemon/keeper/docket.h"
#include "daemon/keeper/clerk/permit.h"
#include "daemon/keeper/rate.h"
#include "daemon/keeper/shipping.h"
#include "daemon/keeper/veil/veil.h"

#define SECOND_US 1000000ull

struct clerk {
	struct clerk_services s;
	struct clerk_limits limits;
	uint32_t engine, relay; /* epochs of the siblings, 0: not there */
	struct dockets *dockets;
	struct shipping keys;
	struct replay *replay;
	struct correspondents *correspondents;
	struct veil veil;
	struct rate offers, answers; /* ours; theirs, or in their name */
};

/* What a request asks for in place of suites and SSRCs, or with them. */
struct request_esp {
	bool wanted; /* by the peer's profile; terms.esp is set */
	enum esp_suite suites[ESP_SUITES];
	struct esp_end near[STREAM_MAX];
	struct esp_terms terms;
};

/* A request on its way; the fault is what the engine will read. */
struct request {
	const struct msg_key_party *party;
	struct permit permit;
	const struct bundle *offer;    /* of the far end; NULL: ours */
	struct alternatives_pick pick; /* what of it counts */
	bool update;                   /* ours goes on with a bundle */
	bool veiled;                   /* the offer came in a body that was
	                                  encrypted and signed */
	struct veil_for veil;          /* for what is veiled */
	struct keying_terms terms;
	enum suite suites[SUITE_COUNT];
	size_t n_suites;
	uint32_t ssrc[STREAM_MAX];
	struct request_esp esp;        /* where tunnels are keyed */
	struct keying_fault fault;
	bool fork; /* the message was taken, on another branch */
	struct keying_counter last; /* of the far end */
};

/* clerk.c */
/* A refusal in the keeper's own log. */
void clerk_refused(const struct msg_key_party *p, int err, const char *why);
/* A message to the engine; tail may be NULL. */
int clerk_tell(struct clerk *c, enum message type, uint64_t id,
	       const void *body, size_t len, const struct buf *tail);
/* An exchange is over. Without an accepted answer its keys are for nobody. */
void clerk_end(struct clerk *c, struct exchange *x);

/* clerk_request.c */
/* Finds peer, method and key by our own policy, and fills the terms: 0, or the
 * fault says why not. */
int request_admit(struct clerk *c, struct request *q);
/* clerk_tunnel.c */
/* Whether the lines are what the peer's profile wants, streams or tunnels; then
 * fills q->esp. E_POLICY. */
int request_lines(const struct clerk *c, struct request *q,
		  const struct peer *peer);
/* Puts a suite of ESP before all others; false if the profile has it not. */
bool request_esp_first(struct request *q, unsigned suite);
/* How many of which kind it wants keyed. */
struct keyed_lines request_keyed(const struct request *q);
/* Whether as many were keyed as asked for, of either kind; then fills in the
 * facts that tunnels have. E_INTERNAL. */
int tunnel_result(struct keyed_lines want, struct keying_result *res);
/* Where the far end's media arrive, of each tunnel. */
void tunnel_far(const struct keying_result *res, struct addr far[STREAM_MAX],
		struct net behind[ESP_SELECTORS_MAX]);

/* clerk_veil.c */
/* Takes the veil off an offer of the far end's, into plain: 0, also where it
 * has none. E_AUTH; the fault says why. */
int request_show(struct clerk *c, struct request *q, struct bundle *offer,
		 struct buf *plain);
/* Whether keys that stand in SDP may have come so. E_POLICY. */
int request_veil_fits(struct request *q);
/* Puts it over what an offer or answer of ours says, where the profile has it.
 * On failure msg is empty. */
int request_hide(struct clerk *c, struct request *q, struct buf *msg);
/* What a veiled message of the far end's proves of it. */
void veil_facts(const struct veil_for *f, struct msg_key_facts *facts);
/* An answer to an exchange whose offer was veiled: E_AUTH. */
int exchange_show(struct clerk *c, struct exchange *x,
		  const struct ipc_msg *msg, struct buf *plain);
/* Of a description that is to be sealed, or was opened; pin: of who signed
 * it. */
int body_show(struct clerk *c, const struct msg_key_party *p,
	      struct mime_bytes sdp, struct buf *out);
int body_hide(struct clerk *c, const struct msg_key_party *p,
	      enum pin_state pin, struct buf *sdp);

/* clerk_connected.c */
/* With whom a message of a call is. What is above the line is set by who has
 * it; zero below. */
struct far {
	struct clerk *c;
	const struct msg_key_party *party;
	const struct peer *peer; /* the call's */
	struct bodies_terms *terms;
	struct bodies_fault *why;
	/* -- */
	bool counts;  /* the profile takes another than was called, and the
	                 message is of a dialog */
	bool changed;
	struct bodies_names names;
	struct connected at; /* as it is, then as it shall be */
	char whose[IDENTITY_TEXT]; /* that it must be of; in the terms */
	struct bodies_session keys[BODIES_KEYS];
};

/* Whose a message that comes must be, or may be: into the terms. Then those
 * keys of the call that may open it, and one that he gave us. */
int far_expect(struct far *f, const struct bodies *how,
	       const struct bodies_given *in);
void far_keys(struct far *f, const struct sessions *s);
/* Whether that is, or may be, another than was called, or who called. */
bool far_expects_other(const struct far *f);
/* Whether who signed it may be in the call; the terms are with him then. */
int far_check(struct far *f, const struct bodies_opened *o);
/* All of the message is taken. */
int far_keep(struct far *f, const struct bodies_opened *o);
/* Whom one of ours is for: into the terms. */
int far_seal(struct far *f, const struct bodies *how,
	     const struct bodies_text *in, const struct msg_body_seal *m);
/* Whether it is with another than was called, or who called. */
bool far_is_other(const struct far *f);
/* Wipes what it holds. */
void far_forget(struct far *f);

/* Fills the fault from a code; returns err. */
int request_fault(struct request *q, int err, const char *why);
/* Why the method is what it is, for the operator (enum key_choice): dflt
 * without lists. */
uint8_t request_choice(uint8_t dflt, bool ranked, bool by_rank);
uint8_t request_choice_without(const struct request *q, uint8_t otherwise);

/* clerk_offer.c, clerk_answer.c, clerk_finish.c: one message of the engine
 * each, as ipc_ops.handle. */
int clerk_offer(struct clerk *c, struct ipc_msg *msg);
int clerk_answer(struct clerk *c, struct ipc_msg *msg);
int clerk_finish(struct clerk *c, struct ipc_msg *msg);
/* clerk_body.c, the same way */
int clerk_seal(struct clerk *c, struct ipc_msg *msg);
int clerk_open(struct clerk *c, struct ipc_msg *msg);
int clerk_learn(struct clerk *c, struct ipc_msg *msg);

#endif
