/* clerk_rig.h - a keeper's clerk without a process around it: a fake engine,
 * relay, tunnel and clock, for the tests of the clerk. */
#ifndef CALLSEAL_CLERK_RIG_H
#define CALLSEAL_CLERK_RIG_H

#include "daemon/keeper/clerk/clerk.h"

#include <stddef.h>
#include <stdint.h>

#define SECOND 1000000ull
#define SENT_MAX 256
#define EPOCH 7

struct sent {
	enum process to;
	enum message type;
	uint64_t id;
	size_t len, tail_len;
	union {
		struct msg_key_offered offered;
		struct msg_key_answered answered;
		struct msg_key_finished finished;
		struct msg_key_plained plained;
		struct msg_key key;
		struct msg_key_gone gone;
		struct msg_tunnel_key tunnel_key;
		struct msg_body_sealed sealed;
		struct msg_body_opened opened;
		struct msg_body_learned learned;
	} u;
	uint8_t tail[8192];
};

/* A keeper with all around it. */
struct house {
	struct clerk *clerk;
	struct clock clock;
	uint64_t mono_us, wall_us;
	struct profile profile;
	struct peer peer;
	struct peer other; /* looked for first, if it has a match */
	struct secret psk;
	bool no_psk, no_method;
	const struct keying *method; /* in place of MIKEY's */
	const struct keying *dhhmac; /* NULL: not there */
	struct memory *memory; /* NULL: none; lent */
	const struct credential *credential; /* NULL: none; lent */
	const struct bodies *bodies; /* NULL: nothing seals bodies */
	int relay_err; /* what sending to the relay gives */
	int tunnel_err;
	int engine_err;
	struct sent sent[SENT_MAX];
	size_t n;
};

/* How an offer arrives at the answerer. */
struct where {
	uint64_t call;
	uint8_t dialog, branch;
	uint32_t cseq;
	uint32_t stream;
};

void house_open_on(struct house *h, const char *match, size_t calls,
		   struct replay *replay);
void house_open(struct house *h, const char *match);
/* The clerk anew, with what h has now. */
void house_reopen(struct house *h);
void house_close(struct house *h);
struct msg_key_party party(uint64_t call, const char *local,
		   const char *remote);
int tell(struct house *h, enum message type, uint64_t id, void *body,
		   size_t len, const struct sent *tail);
const struct sent *last(const struct house *h, enum message type);
size_t count(const struct house *h, enum message type);
const struct msg_key *key_of(const struct house *h, uint64_t id);
const struct sent *offer_as(struct house *h,
		   const struct msg_key_party *p);
const struct sent *offer(struct house *h, uint64_t call);
const struct sent *answer(struct house *h, const struct sent *message,
		   struct where w);
/* Of w the origin counts only. */
const struct sent *answer_as(struct house *h, const struct msg_key_party *p,
		   const struct sent *message, struct where w);
const struct sent *finish(struct house *h, uint64_t exchange,
		   uint32_t branch, const struct sent *message);
void drop(struct house *h, uint64_t exchange);
void won(struct house *h, uint64_t call);
void release(struct house *h, uint64_t call);

#endif
