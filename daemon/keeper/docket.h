/* docket.h - what the keeper holds for each call: pending exchanges, the
 * answer in force, live keys. Bounded; secrets are wiped when they go. */
#ifndef CALLSEAL_KEEPER_DOCKET_H
#define CALLSEAL_KEEPER_DOCKET_H

#include "daemon/keeper/alternatives.h"
#include "daemon/keeper/connected.h"
#include "daemon/keeper/keying.h"
#include "daemon/keeper/memory/memory.h"
#include "daemon/keeper/sessions.h"
#include "daemon/message.h"
#include "daemon/keeper/veil/veil.h"
#include "daemon/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key that the relay has or shall have, or of a tunnel: then msg has no more
 * of it than its id, the call and the line's stream. Its bytes are not kept,
 * since nobody may have them a second time. */
struct live_key {
	struct live_key *next;
	enum process holder;
	struct msg_key msg;
};

/* The keys that one forked answer fixed, where the offer did not. */
struct answer_keys {
	struct answer_keys *next;
	uint32_t branch;    /* BRANCH_ANY: the choice alone fixes them */
	uint8_t answer[32]; /* SHA-256 of it, or of the choice */
	struct msg_key_ids key[STREAM_MAX];
};

#define BRANCH_ANY UINT32_MAX

/* SRTP in ESP is both. */
struct keyed_lines {
	size_t streams, tunnels;
};

/* An offer of ours, until it is dropped, expires or its call is released. */
struct exchange {
	uint64_t id, call;
	struct exchange *same_call, *same_slot;
	struct exchange *sooner, *later; /* by expiry, in one of two queues */
	size_t n_alt; /* the first is the actual one */
	struct alternative alt[BUNDLE_MAX];
	uint32_t n;
	struct msg_key_line line[STREAM_MAX];
	bool early;    /* key holds what the actual message fixed */
	uint16_t suite;  /* ... for this suite */
	bool early_used; /* an accepted answer goes by those keys */
	bool finished; /* an answer was accepted: the keys stay */
	bool ranked;   /* it has lists */
	bool recalled; /* ... and the one message that we recalled */
	char peer[NAME_TEXT];
	bool updates;  /* it changes the keys of a bundle */
	struct keyed_lines keyed; /* what it keys */
	uint8_t choice; /* enum key_choice, when no lists come back */
	bool by_rank;   /* ours go by the sum of ranks */
	bool outward;  /* a phone of ours made the call */
	bool veiled;   /* its keys stand in sealed SDP; answers, too */
	struct veil_for veil; /* ... and are for */
	char best[MEMORY_NAME_TEXT]; /* who, for the memory */
	struct msg_key_ids key[STREAM_MAX]; /* when early */
	struct answer_keys *answers; /* else; owned, the newest first */
	uint64_t expires_us; /* monotonic; set by exchange_wait() */
};

/* An offer that we accepted and that is in force on its streams, to answer
 * repeats of it. */
struct accepted {
	struct accepted *next;
	bool checked; /* authentic and no replay, but not answered yet: no key,
	                 no response */
	uint8_t hash[32]; /* what the offer is known by to the replay cache */
	uint8_t tail[32]; /* SHA-256 of all its messages */
	uint32_t chosen;  /* which of them was answered */
	uint8_t dialog[32];
	uint32_t n;
	struct msg_key_line line[STREAM_MAX];
	struct msg_key_ids key[STREAM_MAX];
	struct addr far[STREAM_MAX]; /* of tunnels: where the far end's media
	                                arrive */
	struct net behind[ESP_SELECTORS_MAX];
	struct msg_key_facts facts;
	uint8_t *response; /* owned */
	uint32_t len;
};

/* The bundle that streams of a call have, known by the first of them. */
struct csb {
	struct csb *next;
	uint32_t stream;
	const struct keying *method;
	uint16_t suite; /* that was agreed ... */
	uint8_t esp;    /* ... or, or as well, the enum esp_suite of tunnels */
	struct keying_bundle at;
	uint16_t keyings; /* how often the streams were keyed */
	uint8_t failed;   /* updates of ours that came to nothing, in a row */
};

struct docket {
	uint64_t call;
	struct docket *same_slot;
	struct exchange *exchanges;
	struct accepted *accepted; /* the newest first */
	struct csb *csbs; /* owned */
	bool won; /* answered: its offers fork no more */
	bool ahead; /* dear answers were made before that ... */
	uint8_t ahead_slot; /* ... and are counted there */
	struct live_key *keys;
	struct sessions *sessions; /* owned, wiped; NULL: none */
	struct connected *connected; /* owned; NULL: whom the call is for */
	struct {
		bool is;
		uint8_t mark[32], dialog[32];
	} body; /* the first signed one that was taken, as accepted offers are
	           known */
};

struct dockets;

/* calls: about how many calls there are at a time; the bounds follow. */
int dockets_new(size_t calls, struct dockets **out);
void dockets_free(struct dockets *d);

/* The call's docket, or NULL. */
struct docket *docket_find(struct dockets *d, uint64_t call);

/* A new exchange of a call, with n alternatives, up to BUNDLE_MAX. What they
 * have pending is taken, on failure too (dropped). E_FULL, E_NOMEM. */
int docket_exchange(struct dockets *d, uint64_t call, uint64_t id,
		    const struct alternative *alt, size_t n,
		    struct exchange **out);
struct exchange *exchange_find(struct dockets *d, uint64_t id);
/* How many answers have keys of their own. */
size_t exchange_answers(const struct exchange *x);
/* How long it may wait, from now: until answered, or once it was. Within each
 * the waits are of one length, so that the queues stay in order. */
void exchange_wait(struct dockets *d, struct exchange *x, uint64_t until_us);
/* It lives as long as the call, or until a later one of its streams has an
 * answer: then this forgets those before x. */
void exchange_keep(struct dockets *d, struct exchange *x);
/* Forgets it; its keys stay. */
void exchange_drop(struct dockets *d, struct exchange *x);
/* One whose time is over; NULL when none. */
struct exchange *exchange_expired(struct dockets *d, uint64_t now_us);

/* Copies a key in that holder shall have. E_FULL, E_NOMEM. */
int docket_key(struct dockets *d, enum process holder,
	       const struct msg_key *key);
/* Forgets one key of a call; false if it is not there. */
bool docket_key_gone(struct dockets *d, uint64_t call, uint64_t key_id,
		     enum process *holder);

/* Makes a the answer in force on its streams; what was before is freed. a's
 * response is copied. E_FULL, E_NOMEM. */
int docket_accept(struct dockets *d, uint64_t call, const struct accepted *a);

/* A keying of streams succeeded: notes its bundle. An offer of ours (accepted:
 * false) takes the answer to an earlier one of theirs out of force. E_FULL,
 * E_NOMEM. */
struct keyed {
	uint64_t call;
	uint32_t stream; /* the first of them */
	const struct keying *method;
	uint16_t suite;
	uint8_t esp;
	bool accepted;   /* theirs */
};
int docket_keyed(struct dockets *d, const struct keyed *how,
		 const struct keying_bundle *at);
/* The bundle that those streams have, or NULL. */
struct csb *docket_csb(struct dockets *d, uint64_t call,
			     uint32_t stream);
/* Forgets answered exchanges of these streams once no fork can come back. */
void docket_tidy(struct dockets *d, uint64_t call, uint32_t stream);

/* A signed body was taken in a call: its first is known by its mark from now
 * on, as an offer by its hash. E_FULL, E_NOMEM. */
int docket_body(struct dockets *d, uint64_t call, const uint8_t mark[32],
		const uint8_t dialog[32]);
/* Whether some call has accepted this offer, or taken this body, in this dialog
 * and lives, and none that did is answered: only then may it come on a further
 * branch. */
bool dockets_may_fork(const struct dockets *d, const uint8_t hash[32],
		      const uint8_t dialog[32]);
/* Whether the peer has less than max calls that are not answered but have cost
 * a dear answer (names that fall together share a count). */
bool dockets_ahead(const struct dockets *d, const char *peer, unsigned max);
/* Counts the call as one, until it is answered or released. */
void docket_ahead(struct dockets *d, uint64_t call, const char *peer);
/* The call is answered. */
void docket_won(struct dockets *d, uint64_t call);
bool docket_is_won(struct dockets *d, uint64_t call);

/* The session keys of its messages, made where there are none. E_FULL,
 * E_NOMEM. */
int docket_sessions(struct dockets *d, uint64_t call, struct sessions **out);

/* Notes with whom a branch of it is. As connected_put(). */
int docket_connected(struct dockets *d, uint64_t call,
		     const struct connected *c);

/* Whether one of them is another's than the call was for: then what its keys
 * show is nothing of that one. */
bool docket_strays(struct dockets *d, uint64_t call);

/* Forgets all of a call; gone is told each key first. */
typedef void (*key_gone_fn)(void *user, enum process holder, uint64_t key_id);
void docket_release(struct dockets *d, uint64_t call, key_gone_fn gone,
		    void *user);
/* As docket_release() for every call. */
void dockets_release_all(struct dockets *d, key_gone_fn gone, void *user);
/* Calls fn for every key of the relay's; stops at the first failure and returns
 * it. */
int dockets_each_key(const struct dockets *d,
		     int (*fn)(void *user, const struct msg_key *key),
		     void *user);
size_t dockets_keys(const struct dockets *d);
size_t dockets_exchanges(const struct dockets *d);

#endif
