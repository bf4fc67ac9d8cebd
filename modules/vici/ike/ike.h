/* ike.h - tunnels that charon raises over IKE, by peers and by what uses them.
 *
 * Whoever needs a tunnel to a peer takes a *use* of it; uses of the same
 * selectors share one tunnel (a child of that peer's connection), also one
 * that charon has already, if the same key and configuration raised it, since
 * children are named by their selectors and by those (stamp.c). The last one
 * that drops its use lets the tunnel go. A standing use has its tunnel raised
 * again, after a growing pause, whenever it is not there.
 *
 * A tunnel is "up" only while charon says so: with the loss of its VICI
 * socket all are gone at once, since nobody vouches for them; what is still
 * there when charon is back is taken over. A tunnel that the far end or charon
 * refused fails at once, with the reason as far as charon's log has one
 * (reason.h); of what never comes nothing tells, so each has a timer here.
 *
 * Pre-shared keys are not kept: `need_key` asks for one whenever charon has to
 * be given it. Private keys of certificates are charon's own affair.
 *
 * A call's tunnel (`once`) has a peer of its own. What an earlier process left
 * of such ones is ended when charon is there, for this one has none yet.
 *
 * The loop belongs to the caller; nothing but ike_finish() blocks; one thread.
 * Callbacks come from the loop only, never from inside another function here.
 * Every function but ike_free() and ike_finish() may be called inside every
 * callback. */
#ifndef CALLSEAL_VICI_IKE_H
#define CALLSEAL_VICI_IKE_H

#include "modules/vici/ask.h"

#define IKE_NAME_MAX 127 /* bytes of a peer's name */
#define IKE_WHY_TEXT 160 /* room for a reason */
#define IKE_CERTS_MAX 4  /* for one side, and as many CAs */
#define IKE_ONCE "once:" /* begins the names of a call's peers, and no others */

struct event_base;

/* All is borrowed and outlives the manager. */
struct ike_settings {
	struct vici_client_settings client; /* events are the manager's own */
	const char *prefix;    /* of our connections' names: an instance's */
	unsigned ask_ms;       /* one request of charon */
	unsigned raise_ms;     /* from wanted to up */
	unsigned await_ms;     /* the same where a call's far end is to begin */
	unsigned hear_ms;      /* from an attempt's end to its reason */
	unsigned end_ms;       /* from ended to gone */
	unsigned at_once;      /* so many of calls' tunnels to one far end begin
	                          at a time: its charon answers five at most,
	                          by default (charon.block_threshold) */
	unsigned linger_ms;    /* a tunnel stays that nobody uses any more */
	unsigned retry_min_ms; /* pause before a standing one is raised again,
	                          doubled each time it fails */
	unsigned retry_max_ms;
	unsigned yield_ms;     /* of both ends of a standing tunnel the one with
	                          the greater identity waits for the other */
	unsigned sweep_ms;     /* once up so long, what is ours by prefix and
	                          known to nobody is ended */
};

#define IKE_DEFAULTS { .client = VICI_CLIENT_DEFAULTS, .prefix = "callseal-", \
	.ask_ms = 5000, .raise_ms = 8000, .await_ms = 10000, \
	.hear_ms = 100, .end_ms = 3000, .at_once = 4, \
	.linger_ms = 2000, .retry_min_ms = 1000, .retry_max_ms = 60000, \
	.yield_ms = 1500, .sweep_ms = 10000 }

/* A far end; copied. With VICI_AUTH_PSK the two identities belong to no other
 * peer of that kind: charon finds a key by them. */
struct ike_peer {
	const char *name;          /* printable; unique */
	struct addr local, remote; /* as in struct vici_conn */
	const char *proposal;      /* of IKE; NULL: charon's own */
	struct vici_side ours, theirs;
	unsigned rekey_s, dpd_s;
	bool encap;
	/* A call's: its name and its key are new and for one tunnel, which is
	 * raised once. charon forgets the key as soon as that is up. */
	bool once;
	const char *beside; /* another one whose selectors these may meet, as
	                       this one is to take its place; NULL: none */
};

/* What a use wants; copied. The order of selectors counts. */
struct ike_want {
	const char *peer;
	const struct vici_selector *local, *remote;
	size_t n_local, n_remote; /* up to VICI_SELECTORS of each */
	bool transport;
	const char *proposal;     /* of ESP; NULL: charon's own */
	unsigned rekey_s;
	bool standing;
	bool passive;             /* the far end begins, this one waits for it
	                             (unless another use of it does not): with
	                             standing for ever. Such a one keeps no
	                             tunnel up that this end began. */
};

enum ike_news {
	IKE_READY,  /* of a call's passive use: charon has all, and what the far
	               end begins finds it. IKE_UP may come without. */
	IKE_UP,     /* also again: of a standing use, and when new SAs may
	               take less than the old ones: ike_covers() */
	IKE_FAILED, /* it did not come up */
	IKE_GONE    /* it was up */
};

/* IKE_FAILED and IKE_GONE end a use that is not standing: its number is
 * unknown when the callback is called. */
struct ike_event {
	uint64_t use;
	enum ike_news news;
	bool standing;
	int err;         /* FAILED, GONE: E_CLOSED: charon is not there,
	                    E_REFUSED: it said no, E_TIMEOUT, E_AUTH: no key,
	                    E_NOMEM */
	const char *why; /* FAILED, GONE: for the operator; borrowed */
	unsigned retry_ms; /* FAILED of a standing use; 0: with charon */
};

struct ike_ops {
	/* Answer, now or later, by ike_key(). */
	void (*need_key)(void *user, const char *peer);
	void (*event)(void *user, const struct ike_event *event);
	/* charon is there (why is its version) or not (why says why, each time
	 * an attempt failed). */
	void (*charon)(void *user, bool up, const char *why);
	/* The far end of a peer, or somebody in its name, began what charon
	 * refused here: it is not proved who. May be NULL. */
	void (*tried)(void *user, const char *peer, const char *why);
};

struct ike;

/* E_ARG, E_NOMEM; as vici_client_new(). */
int ike_new(struct event_base *base, const struct ike_settings *settings,
	    const struct ike_ops *ops, void *user, struct ike **out);
/* Before the last ike_free() of a process, when no call has a peer any more:
 * has charon forget and end what calls had. Turns the loop until charon has
 * answered, for a second at most. */
void ike_finish(struct ike *m);
/* Tunnels stay in charon, for the next one of that prefix. NULL is allowed. */
void ike_free(struct ike *m);
/* NULL while charon is there, else why it is not. */
const char *ike_trouble(const struct ike *m);

/* E_ARG, E_EXISTS: the name, or the identities of a PSK; E_NOMEM. */
int ike_peer_add(struct ike *m, const struct ike_peer *peer);
/* Other certificates from now on, copied; whatever others raised is ended.
 * E_NOTFOUND, E_NOMEM and E_ARG: nothing is changed. */
int ike_peer_certs(struct ike *m, const char *name,
		   const struct vici_side *ours,
		   const struct vici_side *theirs);
/* Ends its IKE_SAs and unloads all. E_NOTFOUND; E_STATE while it is used. */
int ike_peer_del(struct ike *m, const char *name);
/* The key that need_key asked for, copied until charon has it; NULL: there is
 * none, and all that needs it fails. Of a peer that has one it is the one from
 * now on: what another one raised is ended, and need_key asks once more. */
void ike_key(struct ike *m, const char *peer, const struct secret *key);

/* An event follows. E_NOTFOUND: no such peer; E_CLOSED: charon is not there
 * (a standing use waits for it); E_EXISTS: another peer's selectors meet these;
 * E_FULL, E_ARG, E_NOMEM. */
int ike_use(struct ike *m, const struct ike_want *want, uint64_t *use);
/* No event follows. A use that has ended is passed over. */
void ike_drop(struct ike *m, uint64_t use);

/* Whether the tunnel of a use is up. */
bool ike_is_up(const struct ike *m, uint64_t use);
/* Whether the tunnel of a use is up and takes every packet that is both from
 * (or to) `local` and to (or from) `remote`, of UDP. The far end may have
 * narrowed the selectors: ask before anything is sent. */
bool ike_covers(const struct ike *m, uint64_t use, const struct addr *local,
		const struct addr *remote);

/* All that charon has but what is in work, foreign connections, too. As
 * vici_list_sas(); E_STATE without charon. */
int ike_list(struct ike *m, vici_ike_fn each, vici_result_fn done, void *user);

#endif
