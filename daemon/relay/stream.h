/* stream.h - one relayed m= line: sockets, addresses, keys and numbering.
 *
 * Made by the main thread, then given to one worker for good: only that
 * thread touches it, so its packets meet no lock. */
#ifndef CALLSEAL_STREAM_H
#define CALLSEAL_STREAM_H

#include "daemon/base/addr.h"
#include "daemon/message.h"
#include "daemon/relay/index.h"
#include "daemon/relay/learn.h"
#include "daemon/relay/transform.h"
#include "daemon/relay/transmit.h"
#include "daemon/relay/tunnel/hold.h"

#include <stdbool.h>
#include <stdint.h>

#define STREAM_SWITCH_PART 3 /* of the grace that an answerer waits before it
                                sends with a new key that nobody proved */
#define STREAM_SOFT_PART 8   /* of a key's packets that are left when a new
                                one is asked for */
#define STREAM_RECV_MAX 4 /* keys that open at one time */

enum component { RTP, RTCP }; /* index of two-element arrays */

/* What all streams share; fixed before the first one. */
struct relay_env {
	struct hold_room *held; /* of packets that wait for a tunnel; NULL:
	                           without end */
	const struct transform *transform;
	struct net nets[32]; /* where phones live */
	size_t n_nets;
	uint64_t timeout_us; /* 0: a silent stream is never told */
	uint64_t silence_us; /* the same of one that is silent on one face */
	uint64_t grace_us;   /* a replaced key still opens */
};

struct stream;

/* One socket of a stream. */
struct media_port {
	struct stream *stream;
	int fd;          /* -1: none */
	uint8_t face;    /* enum face */
	uint8_t component;
	unsigned slot;   /* for the media loop */
};

/* What a key was used for, and how often it may be: by enum component (RFC
 * 3711 9.2; or less, as its maker said). */
struct stream_life {
	uint64_t used[2], limit[2];
};

/* A key that opens: armed or active while until_us is 0, then retired. */
struct stream_recv {
	uint64_t id;
	struct transform_key *t;
	uint64_t until_us;
	uint32_t ssrc;      /* 0: any */
	bool mutual;        /* it is what we seal with, too (k=) */
	struct stream_life life;
	struct index_rx rx;
};

/* A key that seals. */
struct stream_send {
	uint64_t id; /* 0: none */
	struct transform_key *t;
	struct stream_life life;
};

enum { STREAM_TELL_FIRST_INSIDE = 1, STREAM_TELL_FIRST_OUTSIDE = 2,
       STREAM_TELL_IDLE = 4, STREAM_TELL_SPENT = 8, STREAM_TELL_SOFT = 16,
       STREAM_TELL_QUIET = 32 };

struct stream {
	struct stream *next, **prev; /* of the worker's list */
	const struct relay_env *env;
	uint64_t call;
	uint32_t id;
	bool sealed;
	bool maybe; /* sealed, but may become clear: nothing is protected yet */
	bool tunnel; /* on ports that pass in ESP only ... */
	bool open;   /* ... and outwards, too, since it may send */
	struct hold hold; /* what the phone sent before that */
	bool mux[2];                    /* by face */
	struct media_port port[2][2];   /* by face, component */
	struct learn remote[2][2];
	struct transmit tx;
	struct stream_send send;        /* active; id 0: nothing may leave */
	struct stream_send armed;       /* active once it may send */
	uint64_t switch_us; /* not 0: armed becomes active when recv[0] proves
	                       itself, or then */
	struct stream_recv *recv[STREAM_RECV_MAX]; /* newest first */
	uint32_t far_ssrc;              /* last one that authenticated */
	uint8_t tell, told; /* events to tell, and those that were */
	uint64_t heard_us[2]; /* last accepted packet, by face */
	struct msg_face_stats stats[2];
};

/* What a stream begins with. */
struct stream_seed {
	const struct relay_env *env; /* borrowed */
	uint64_t call;
	uint32_t id, ssrc, clock_hz;
	uint16_t first; /* sequence number */
	enum stream_seal sealed;
	uint64_t now_us;
};

int stream_new(const struct stream_seed *seed, struct stream **out);
/* Closes sockets, wipes keys. */
void stream_free(struct stream *s);

/* A STREAM_SET with the keys that it names and that are not there yet, by
 * enum key_direction. Holds secrets: wipe() it. */
struct stream_change {
	struct msg_stream_set set;
	bool has_key[2];
	struct msg_key key[2];
};

/* All or nothing. E_STATE: it may send, but has no key; E_UNSUPPORTED,
 * E_NOMEM from the transform. */
int stream_set(struct stream *s, const struct stream_change *c,
	       uint64_t now_us);
/* A packet was opened by the newest key: the far end has what we armed. */
void stream_proven(struct stream *s, uint64_t now_us);
/* Whether a key may protect or open no more; and that it did so once. */
bool stream_spent(const struct stream_life *l, enum component c);
void stream_used(struct stream *s, struct stream_life *l, enum component c);
/* Wipes one key at once; an unknown id is ignored. */
void stream_drop_key(struct stream *s, uint64_t key_id);
/* About once a second: retired keys go, silence is noticed. */
void stream_tick(struct stream *s, uint64_t now_us);
/* The keys shown are the one that seals, and the newest that opened something
 * (else the newest). */
void stream_stats(const struct stream *s, uint64_t now_us,
		  struct msg_stream_stats *out);
/* Whether a phone may be there. */
bool env_allows(const struct relay_env *env, const struct addr *a);

#endif
