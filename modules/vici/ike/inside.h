/* inside.h - what the files of this folder share: the manager's state. The map
 * is at the top of ike.c. */
#ifndef CALLSEAL_VICI_IKE_INSIDE_H
#define CALLSEAL_VICI_IKE_INSIDE_H

#include "modules/vici/ike/ike.h"
#include "modules/vici/reason.h"

struct event;

#define IKE_STAMP 13 /* bytes of a child's name: '#' and 12 hex digits */
#define IKE_SAS_MAX 4 /* of one child: a rekeyed pair, both ends at once */

/* One pair of SAs, by charon's ids, and what it takes. */
struct ike_sa {
	uint32_t id, ike_id;
	struct vici_selectors local, remote;
};

enum child_state {
	CHILD_IDLE,    /* a standing one's pause, or without charon */
	CHILD_LOADING, /* charon has to learn of it first */
	CHILD_RAISING,
	CHILD_UP,
	CHILD_ENDING
};

struct use {
	struct use *next, *owed_next;
	struct child *child; /* NULL: ended, what it is told is owed */
	uint64_t id;
	bool standing, passive;
	bool owed; /* in the queue of ike.owed */
	bool back; /* owed GONE, and UP behind it */
	bool dropped;
	struct ike_event news; /* why is not used: */
	char why[IKE_WHY_TEXT];
};

struct child {
	struct child *next;
	struct peer *peer;
	enum child_state state;
	struct event *timer; /* of the state */
	unsigned uses, active, standing; /* all, not passive, standing */
	unsigned pending;    /* requests under way that name it */
	bool dead;           /* to be freed with the last of them */
	bool loaded;         /* charon has it, or is being given it */
	bool begun;          /* RAISING: charon was told to begin */
	bool queued;         /* RAISING: others are to begin first */
	bool refused;        /* RAISING: it will not come */
	bool yielded;        /* the far end had its time to begin */
	unsigned retry_ms;   /* the next pause */
	struct ike_sa sa[IKE_SAS_MAX];
	size_t n_sas;
	struct vici_selector local[VICI_SELECTORS], remote[VICI_SELECTORS];
	struct vici_child conf; /* points here */
	char *proposal;
	char name[VICI_NAME_MAX + 1 - IKE_STAMP];
	char sa_name[VICI_NAME_MAX + 1]; /* charon's: with the stamp; empty
	                                    until it is loaded first */
};

enum peer_state {
	PEER_OUT,     /* charon lacks something, or nobody knows */
	PEER_KEY,     /* its key was asked for */
	PEER_LOADING, /* charon was asked */
	PEER_IN
};

/* Certificates of one side. */
struct shown {
	struct vici_bytes certs[IKE_CERTS_MAX], cas[IKE_CERTS_MAX];
};

struct peer {
	struct peer *next;
	struct ike *m;
	enum peer_state state;
	unsigned pending;
	bool dead;
	bool asking; /* need_key is owed */
	bool keyed;  /* charon has the key */
	bool forgot; /* and was told to forget it */
	uint16_t key_stamp; /* and tells it from others */
	bool stale;  /* it is another one now */
	bool listed; /* what charon had was taken over */
	bool dirty;  /* children came since the load that is under way */
	uint32_t attempt; /* the IKE_SA in which this end began the last one */
	uint32_t given_up; /* the one that came to nothing in time; or 0 */
	struct vici_reason said; /* of the attempt, if any weight */
	struct {
		uint32_t ike_id; /* the last one that the other end began */
		struct vici_reason said;
		bool down; /* it never came about */
	} other;
	struct child *children;
	struct ike_peer conf; /* points here */
	char *beside;
	struct ending *end; /* a call's: no memory may hinder its end */
	struct shown shown[2]; /* ours, theirs: copies */
	char *ours, *theirs, *proposal;
	char name[VICI_NAME_MAX + 1]; /* of the connection: with the prefix */
	const char *bare;             /* the peer's: without it */
};

/* A call's peer that is over, until charon has nothing of it. */
struct ending {
	struct ending *next;
	struct ike *m;
	struct event *timer;
	unsigned step;
	bool busy; /* charon was asked */
	bool keyed;
	bool lingers; /* before its SAs end */
	char name[VICI_NAME_MAX + 1];
};

struct ike {
	const struct ike_settings *settings;
	const struct ike_ops *ops;
	void *user;
	struct event_base *base;
	struct vici_client_settings client_settings;
	struct vici_client *client;
	struct event *tell; /* something is owed */
	struct event *sweep;
	struct ending *ends, **ends_end; /* the first is in work */
	struct ending *lingering;
	struct event *end_again;
	bool finishing; /* nothing lingers any more */
	struct peer *peers;
	struct use *uses, *owed, **owed_end;
	uint64_t last_use;
	unsigned queued; /* children */
	char trouble[IKE_WHY_TEXT]; /* empty: charon is there */
};

/* A request's time and end; done NULL: nobody needs its end. */
struct vici_then ike_then(struct ike *m, vici_result_fn done, void *user);
/* Why a request failed: charon's words, or the code's. */
void ike_why(char out[static IKE_WHY_TEXT], int err,
	     const struct vici_result *result);

/* -- use.c: who is told what ---------------------------------------------- */

/* All uses of a child; those that are not standing end by anything but
 * IKE_UP. The caller looks then whether any are left. */
void use_tell(struct child *c, const struct ike_event *news);
/* Calls back whom something is owed. */
void use_pay(struct ike *m);
void use_free_all(struct ike *m);

/* -- child.c: from wanted to gone ----------------------------------------- */

int child_new(struct peer *p, const struct ike_want *want, const char *name,
	      struct child **out);
/* Later, where requests are under way. */
void child_free(struct child *c);
/* Somebody more wants it. It may be gone when this returns. */
void child_wanted(struct child *c);
/* Somebody dropped it. As before. */
void child_unwanted(struct child *c);
/* charon has it, and its peer. As before. */
void child_ready(struct child *c);
/* As before, with nobody told. */
void child_failed(struct child *c, int err, const char *why);
/* A pair of SAs is there, in place of the one of id `old` (0: of none). */
void child_gained(struct child *c, uint32_t old, uint32_t ike_id,
		  const struct vici_child_sa *sa);
/* The pair of this id, or all that are in this IKE_SA (the other is 0), is no
 * more. */
void child_lost(struct child *c, uint32_t id, uint32_t ike_id);
void child_charon_gone(struct child *c, const char *why);
/* It will not come: fails once its reason had the time to come, too. */
void child_refused(struct child *c);
/* In another IKE_SA now. */
void child_moved(struct child *c, uint32_t ike_id, uint32_t new_ike_id);
/* Those that others no longer keep from it begin. */
void child_begin_queued(struct ike *m);
/* Ends one pair of SAs in charon, whatever becomes of that. */
void child_end_sa(struct ike *m, uint32_t id);

/* -- peer.c: what charon must have ---------------------------------------- */

void peer_free(struct peer *p);
struct peer *peer_find(const struct ike *m, struct vici_text conn);
struct peer *peer_named(const struct ike *m, const char *name);
/* By charon's name. */
struct child *peer_child(const struct peer *p, struct vici_text name);
/* Gives charon what it lacks: each child is then child_ready(), or
 * child_failed(). */
void peer_load(struct peer *p);
/* Whatever charon had of it, it has to be given anew; its tunnels are gone. */
void peer_forget(struct peer *p, const char *why);
/* Begins anew with all its children, and waits for no answer of charon's. */
void peer_end_all(struct peer *p);
/* Its tunnel is up: a key that was for that alone goes. */
void peer_forget_key(struct peer *p);

/* -- hear.c: why one did not come ----------------------------------------- */

/* A line of charon's log. Nothing may be there any more when it returns. */
void hear_line(struct ike *m, const void *message, size_t len);
/* An IKE_SA is no more. As before. */
void hear_ike_down(struct peer *p, const struct vici_ike *ike);
/* charon is gone: another one counts its IKE_SAs anew. */
void hear_forget(struct peer *p);

/* -- adopt.c: what charon has already ------------------------------------- */

/* Takes over the children of a peer that are up. */
int adopt_peer(struct peer *p, vici_result_fn done);
/* Ends what is ours and nobody knows. */
void adopt_sweep(struct ike *m);

/* Ends what an earlier process left of calls. */
void adopt_sweep_once(struct ike *m);

/* -- end.c: peers of calls that are over ---------------------------------- */

/* E_NOMEM. */
int end_new(struct ike *m, struct ending **out);
void end_free(struct ending *e); /* NULL is allowed */
/* Has charon forget a connection of that name, a key with keyed, and end what
 * it raised, with lingers some time later. Takes e. */
void end_conn(struct ike *m, struct ending *e, const char *name, bool keyed,
	      bool lingers);
/* Whether one of that name is to be ended next. */
bool end_has(const struct ike *m, struct vici_text name);
/* charon is gone, or the manager goes. */
void end_forget(struct ike *m);
/* Some time after charon's client was full. */
void end_go_on(struct ike *m);

/* -- stamp.c: by what a tunnel was raised --------------------------------- */

/* E_NOMEM, E_INTERNAL. */
int stamp_key(const struct peer *p, const struct secret *key, uint16_t *out);
/* Fills sa_name. As before. */
int stamp_child(struct child *c);

/* -- name.c: children by their selectors ---------------------------------- */

/* E_ARG: no selectors, bad ones, or a name would be too long. */
int child_name(const struct ike_want *want,
	       char out[static VICI_NAME_MAX + 1 - IKE_STAMP]);
bool child_meets(const struct child *c, const struct ike_want *want);
/* Whether an SA takes nothing that the child does not. */
bool child_fits(const struct child *c, const struct vici_child_sa *sa);

#endif
